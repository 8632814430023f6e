"""What every measured client shares: its arguments, the CPU clock, and the line it prints.

Not the comparison (`bench.report`). Standard library only: it runs in every peer's environment.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

QUESTION = "Tell me a long story."


@dataclass
class Job:
    """What to stream, and what was seen of it."""

    base_url: str
    api_key: str
    model: str
    streams: int
    rounds: int
    events: int = 0
    first_event_seconds: list[float] = field(default_factory=list)


def cpu_seconds() -> float:
    """User and system time of this process, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def expect_none(failures: list[str]) -> None:
    """Stop the run where a request failed: its figures would mean nothing."""
    if failures:
        raise SystemExit(f"{len(failures)} requests failed, the first with: {failures[0]}")


def run(stream_all: Callable[[Job], None]) -> None:
    """Run `stream_all` once to warm up and `rounds` times for the record; print the cost as JSON."""
    job = _job()
    warm_up = Job(job.base_url, job.api_key, "fake-burst-10", min(job.streams, 4), 1)
    stream_all(warm_up)
    cpu, wall = cpu_seconds(), time.monotonic()
    for _ in range(job.rounds):
        stream_all(job)
    cpu, wall = cpu_seconds() - cpu, time.monotonic() - wall
    print(
        json.dumps(
            {
                "events": job.events,
                "cpu_seconds": cpu,
                "wall_seconds": wall,
                "first_event_seconds": statistics.median(job.first_event_seconds),
                "peak_rss_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            }
        )
    )


def _job() -> Job:
    parser = argparse.ArgumentParser()
    parser.add_argument("--base-url", required=True)
    parser.add_argument("--api-key", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--rounds", type=int, required=True)
    return Job(**vars(parser.parse_args()))
