"""Running the clients: one loopback server, one process per client, every client in turn in every pass.

Not what the figures mean (`bench.report`, `bench.aims`).
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.peers import ROOT, Peer
from bench.scenarios import Load
from bench.serving import Served, serving

API_KEY = "sk-bench"
_TIME_LIMIT = 120  # seconds for one client's process
_SPARE_DESCRIPTORS = 100
# What a peer would otherwise ask of the network, or of a proxy, while it is measured.
_ENVIRON = {"NO_PROXY": "127.0.0.1", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}


class RunError(Exception):
    """A client could not be run, or did not do what it was told; the message is for the table."""


@dataclass(frozen=True)
class Cost:
    """What one run of one client cost, everything between the end of its warm-up and its last event.

    Attributes:
        events: pieces of text streamed, or whole answers.
        steady_us: CPU microseconds per event, from the moment all streams were open; None where they never were.
        rss_kib_per_stream: growth of the process until that moment.
    """

    events: int
    cpu_seconds: float
    wall_seconds: float
    first_event_ms: float | None
    steady_us: float | None
    rss_kib_per_stream: float | None

    @property
    def cpu_us(self) -> float:
        """User and system time of the client's process, in microseconds per event or answer."""
        return self.cpu_seconds / self.events * 1e6


@contextlib.contextmanager
def server() -> Iterator[str]:
    """A fake OpenAI in a process of its own, over plain HTTP; yields its base URL."""
    with serving() as served:
        yield served.base_url


def allow_descriptors(streams: int) -> str | None:
    """Raise this process's limit so that client and server can have so many connections; what to do where that is not allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = streams + _SPARE_DESCRIPTORS
    if soft >= needed or soft == resource.RLIM_INFINITY:
        return None
    if hard != resource.RLIM_INFINITY and hard < needed:
        return f"{streams:,} streams need {needed:,} descriptors, and {hard:,} are allowed: raise `ulimit -Hn`"
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    return None


def measure(peer: Peer, load: Load, *, task: str, served: Served) -> Cost:
    """Run one client in its own process.

    Raises:
        RunError: it failed, took too long, or saw another number of events than the server sent.
    """
    command = [str(peer.python), "-m", f"bench.clients.{peer.script}", "--base-url", served.base_url]
    command += ["--api-key", API_KEY, "--question-bytes", str(load.question_bytes)]
    command += [] if served.ca_file is None else ["--ca-file", served.ca_file]
    command += ["--task", task, "--model", load.model, "--streams", str(load.streams), "--rounds", str(load.rounds)]
    cost = read_cost(_output(command), streams=load.streams)
    if cost.events != load.expected:
        raise RunError(f"saw {cost.events:,} events of {load.expected:,}")
    return cost


def read_cost(line: str, *, streams: int) -> Cost:
    """Read the line a client prints."""
    told: dict[str, Any] = json.loads(line)
    begin, opened, end = told["begin"], told["all_open"], told["end"]
    steady = rss = None
    if opened is not None:
        rss = (opened["rss_kib"] - begin["rss_kib"]) / streams
        after = end["events"] - opened["events"]
        steady = (end["cpu_seconds"] - opened["cpu_seconds"]) / after * 1e6 if after else None
    first = told["first_event_seconds"]
    return Cost(
        events=end["events"] - begin["events"],
        cpu_seconds=end["cpu_seconds"] - begin["cpu_seconds"],
        wall_seconds=told["wall_seconds"],
        first_event_ms=None if first is None else first * 1000,
        steady_us=steady,
        rss_kib_per_stream=rss,
    )


@dataclass(frozen=True)
class ImportCost:
    """What an import costs a fresh interpreter, beyond what it costs to start it."""

    cpu_ms: float
    modules: int


def import_cost(peer: Peer, module: str, *, passes: int) -> ImportCost:
    """Import a module so many times, each in a fresh interpreter, and take the cheapest.

    Raises:
        RunError: it cannot be imported.
    """
    bare = min(_interpreter_cpu(peer, "pass") for _ in range(passes))
    cpu = min(_interpreter_cpu(peer, f"import {module}") for _ in range(passes))
    count = f"import sys; before = len(sys.modules); import {module}; print(len(sys.modules) - before)"
    return ImportCost((cpu - bare) * 1000, int(_output([str(peer.python), "-c", count])))


def _interpreter_cpu(peer: Peer, statement: str) -> float:
    code = f"{statement}\nimport resource; u = resource.getrusage(resource.RUSAGE_SELF); print(u.ru_utime + u.ru_stime)"
    return float(_output([str(peer.python), "-c", code]))


def _output(command: list[str]) -> str:
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=_TIME_LIMIT,
            env={**os.environ, **_ENVIRON},
            cwd=ROOT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise RunError(f"took more than {_TIME_LIMIT} s") from None
    if done.returncode:
        raise RunError((done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1])
    return done.stdout
