"""What every measured client shares: its arguments, the CPU clock, and the line it prints.

Not the comparison (`bench.report`). Standard library only: it runs in every peer's environment.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

QUESTION = "Hello!"
TASKS = ("stream", "ask")
_WARM_UP = ("fake-burst-10", 4)  # model, and the most streams of it
_STATM = Path("/proc/self/statm")


@dataclass
class Mark:
    """A moment of the run."""

    cpu_seconds: float
    events: int
    rss_kib: int


@dataclass
class Job:
    """What to do, and what was seen of it.

    Attributes:
        ca_file: what the server's certificate is trusted by; None where it speaks no TLS.
        question_bytes: how long the question is; 0: a word.
        task: "stream" streams `streams` answers at once, `rounds` times; "ask" asks for `streams` * `rounds` whole answers,
            `streams` at a time.
        events: pieces of text streamed, or answers.
        all_open: when each of the first round's streams had had its first event.
    """

    base_url: str
    api_key: str
    task: str
    model: str
    streams: int
    rounds: int
    ca_file: str | None = None
    question_bytes: int = 0
    events: int = 0
    first_event_seconds: list[float] = field(default_factory=list)
    all_open: Mark | None = None

    @property
    def question(self) -> str:
        """What is asked."""
        return ("word " * (self.question_bytes // 5 + 1))[: self.question_bytes] or QUESTION

    def first(self, started: float) -> None:
        """Note the first event of a stream that was started at a moment."""
        self.first_event_seconds.append(time.monotonic() - started)
        if len(self.first_event_seconds) == self.streams:
            self.all_open = mark(self)


class Client(Protocol):
    """What a script measures. Made once for a run, so that its connections are used again."""

    def stream(self, job: Job) -> None:
        """Stream `job.streams` answers at once."""
        ...

    def ask(self, job: Job) -> None:
        """Ask for `job.streams` * `job.rounds` whole answers, `job.streams` at a time."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


def library(name: str) -> Any:
    """Import the library that is measured; of no known type here: it lives in an environment of its own."""
    return importlib.import_module(name)


def mark(job: Job) -> Mark:
    """What has been used so far: CPU of all threads, and resident memory now (its peak where there is no procfs)."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    resident = usage.ru_maxrss
    if _STATM.exists():
        resident = int(_STATM.read_text().split()[1]) * resource.getpagesize() // 1024
    return Mark(usage.ru_utime + usage.ru_stime, job.events, resident)


def expect_none(failures: list[str]) -> None:
    """Stop the run where a request failed: its figures would mean nothing."""
    if failures:
        raise SystemExit(f"{len(failures)} requests failed, the first with: {failures[0]}")


def question(job: Job, **settings: Any) -> dict[str, Any]:
    """The request of a task, in Chat Completions terms."""
    body: dict[str, Any] = {"model": job.model, "messages": [{"role": "user", "content": job.question}], **settings}
    return body | {"stream": True, "stream_options": {"include_usage": True}} if job.task == "stream" else body


def run(make: Callable[[Job], Client]) -> None:
    """Make the client, do a little to warm up and the whole for the record; print the cost as one line of JSON."""
    job = _job()
    client = make(job)
    model, most = _WARM_UP
    client.stream(Job(job.base_url, job.api_key, "stream", model, min(job.streams, most), 1, ca_file=job.ca_file))
    begin, wall = mark(job), time.monotonic()
    if job.task == "ask":
        client.ask(job)
    else:
        for _ in range(job.rounds):
            client.stream(job)
    wall, end = time.monotonic() - wall, mark(job)
    client.close()
    print(json.dumps(_cost(job, begin, end=end) | {"wall_seconds": wall}))


def _cost(job: Job, begin: Mark, *, end: Mark) -> dict[str, Any]:
    firsts = job.first_event_seconds
    return {
        "begin": asdict(begin),
        "all_open": asdict(job.all_open) if job.all_open else None,
        "end": asdict(end),
        "first_event_seconds": statistics.median(firsts) if firsts else None,
    }


def _job() -> Job:
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--api-key", required=True)
    parser.add_argument("--task", required=True, choices=TASKS)
    parser.add_argument("--model", required=True)
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--ca-file")
    parser.add_argument("--question-bytes", type=int, default=0)
    return Job(**vars(parser.parse_args()))
