"""Running the clients: one loopback server, one process per client, every client in turn in every round.

Not what the figures mean (`bench.report`).
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from bench.peers import ROOT, Peer

API_KEY = "sk-bench"
_SERVE = "from shim.testing.fake_openai import serve; serve(on_ready=lambda url: print(url, flush=True))"
_TIME_LIMIT = 120  # seconds for one client's process


@dataclass(frozen=True)
class Scenario:
    """What is streamed: `streams` at once of the server's `model`, `rounds` times."""

    name: str
    model: str
    streams: int
    rounds: int


@dataclass(frozen=True)
class Cost:
    """What one run of one client cost."""

    events: int
    cpu_seconds: float
    wall_seconds: float
    first_event_seconds: float
    peak_rss_kib: int

    @property
    def cpu_us_per_event(self) -> float:
        """User and system time of the client's process, in microseconds per streamed text event."""
        return self.cpu_seconds / self.events * 1e6


SCENARIOS: tuple[Scenario, ...] = (
    Scenario("burst: 8 streams of 1,000 events", "fake-burst-1000", 8, 5),
    Scenario("paced: 200 streams of 20 events a second", "fake-paced-20x100", 200, 1),
)


@contextlib.contextmanager
def server() -> Iterator[str]:
    """A fake OpenAI in a process of its own; yields its base URL."""
    with subprocess.Popen([sys.executable, "-c", _SERVE], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield process.stdout.readline().strip() if process.stdout else ""
        finally:
            process.terminate()


def measure(peer: Peer, scenario: Scenario, *, base_url: str) -> Cost:
    """Run one client in its own process.

    Raises:
        RuntimeError: it failed; the message holds the end of what it said.
    """
    command = [str(peer.python), "-m", f"bench.clients.{peer.script}", "--base-url", base_url, "--api-key", API_KEY]
    command += ["--model", scenario.model, "--streams", str(scenario.streams), "--rounds", str(scenario.rounds)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=_TIME_LIMIT, env=environment, cwd=ROOT, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{peer.name} failed: {done.stderr[-2000:]}")
    return Cost(**json.loads(done.stdout))


def import_cpu_seconds(peer: Peer, module: str) -> float:
    """CPU of a fresh interpreter that imports `module`, less that of one that imports nothing."""
    return _interpreter_cpu(peer, f"import {module}") - _interpreter_cpu(peer, "pass")


def _interpreter_cpu(peer: Peer, statement: str) -> float:
    code = f"{statement}\nimport resource; u = resource.getrusage(resource.RUSAGE_SELF); print(u.ru_utime + u.ru_stime)"
    runs = [
        subprocess.run([str(peer.python), "-c", code], check=True, capture_output=True, text=True) for _ in range(7)
    ]
    return min(float(run.stdout) for run in runs)


def modules_loaded(peer: Peer, module: str) -> int:
    """How many modules an import brings in."""
    code = f"import sys; before = len(sys.modules); import {module}; print(len(sys.modules) - before)"
    return int(subprocess.run([str(peer.python), "-c", code], check=True, capture_output=True, text=True).stdout)
