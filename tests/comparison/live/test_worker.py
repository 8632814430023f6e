"""Tests of shim.comparison.live.worker: what becomes of the thread where a process forks, ends, or hangs in a comparison."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

FORKED = """
import os, sys, threading, time
from shim.comparison.live.live_comparison import LiveComparison
from tests.comparison.live_parts import Compares, Held
from tests.helpers.exchanges import exchange

held = Held()
live = LiveComparison(Compares(act=held), max_share=1)
for _ in range(3):
    live(exchange())
held.began.wait(10)
live._worker()._lock.acquire()  # as another thread might at this moment
child = os.fork()
if child == 0:
    held.let_go.set()
    live(exchange())
    flushed = live.flush()
    closed = live.close()
    counts = live.counts
    os._exit(0 if flushed and closed and (counts.submitted, counts.compared) == (1, 1) else 9)
live._worker()._lock.release()
_, status = os.waitpid(child, 0)
held.let_go.set()
live.close()
print(os.waitstatus_to_exitcode(status), live.counts.submitted, live.counts.compared)
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process of its own."""
    return subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=15,
    )


def test_it_survives_a_fork() -> None:
    """After a fork the child compares on a thread and with counts of its own, though a lock was held, and the parent goes on."""
    done = run(FORKED)
    assert (done.stdout.split(), done.stderr) == (["0", "3", "3"], "")


UNCLOSED = """
import sys
from shim.comparison.live.live_comparison import LiveComparison
from tests.comparison.live_parts import Compares, Held
from tests.helpers.exchanges import exchange
import time

live = LiveComparison(Compares(act=lambda _: time.sleep(0.01)), max_share=0.001)
for _ in range(200):
    live(exchange())
"""


def test_a_program_that_forgets_to_close_ends() -> None:
    """A program that never calls `close()` ends soon all the same, and a warning says how many were not compared."""
    began = time.monotonic()
    done = run(UNCLOSED)
    assert done.returncode == 0
    assert "exchanges were not compared: the program ended without close()" in done.stderr
    assert time.monotonic() - began < 10


STUCK = """
import sys, threading
from shim.comparison.live import worker
from shim.comparison.live.live_comparison import LiveComparison
from tests.comparison.live_parts import Compares, Held
from tests.helpers.exchanges import exchange

worker._LAST_SECONDS = 0.1
held = Held()
live = LiveComparison(Compares(act=held), max_share=1)
for _ in range(3):
    live(exchange())
held.began.wait(10)
if sys.argv[1:] == ["close"]:
    print(live.close(timeout=0.01))
"""


@pytest.mark.parametrize("closes", [[], ["close"]])
def test_a_comparison_that_never_returns_keeps_no_program_from_ending(closes: list[str]) -> None:
    """A program ends soon though a comparison never returns, closed or not, and a warning says so and what was dropped."""
    done = run(STUCK, *closes)
    assert done.returncode == 0
    assert "the program ends, though a comparison has not returned" in done.stderr
    assert "2 exchanges were not compared" in done.stderr
    assert done.stdout.split() == ["False"] * len(closes)
