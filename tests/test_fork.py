"""Tests of shim.fork: that no process forks while one of our threads imports, and what waits for it then."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.house.sources import ROOT

pytestmark = pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="this platform has no fork")

START = """
import os, sys, threading, time
from shim import fork
began, go = threading.Event(), threading.Event()

def ended(child):
    until = time.monotonic() + 10
    while time.monotonic() < until:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return "hung"
"""
IMPORTING = """
import pathlib, tempfile
with tempfile.TemporaryDirectory() as folder:
    pathlib.Path(folder, "slow_to_import.py").write_text("import __main__; __main__.began.set(); __main__.time.sleep(0.1)")
    sys.path.insert(0, folder)

    def load():
        with fork.forks_held_up():
            import slow_to_import

    thread = threading.Thread(target=load)
    thread.start()
    began.wait(5)
    child = os.fork()
    if not child:
        import slow_to_import
        with fork.forks_held_up():
            os._exit(0)
    print(ended(child))
    thread.join()
"""
HUNG = """
fork._LONGEST_HOLD = 0.2

def hang():
    with fork.forks_held_up():
        began.set()
        go.wait(5)

thread = threading.Thread(target=hang)
thread.start()
began.wait(5)
with fork.forks_held_up():  # one's own fork is held up by nobody but the others
    child = os.fork()
    if not child:
        with fork.forks_held_up():
            os._exit(0)
print(ended(child))
go.set()
thread.join()
"""


@pytest.mark.parametrize("program", [IMPORTING, HUNG], ids=["importing", "hung"])
def test_a_fork_waits_for_imports_but_not_for_ever(program: str) -> None:
    """A child forked beside a thread that imports can import the same, and one beside a thread that hangs comes after a while."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", START + program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=15,
    )
    assert (done.stdout.split(), done.stderr) == (["0"], "")
