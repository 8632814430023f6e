"""Tests of two recordings compared as a process: Ctrl-C, a killed worker, a pair that kills, and resuming after each.

Not what it says and writes (`test_compare_recordings`), nor the same of one recording (`test_compare_processes`).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.cli.running import Running, environment, run, shim_command
from tests.cli.test_compare_processes import children_of, cmdline_of, needs_proc, wait_until
from tests.comparison.two_recordings.asked import ask, recording

pytestmark = pytest.mark.slow

COUNT = 3000


@pytest.fixture
def two(tmp_path: Path) -> list[str]:
    """The arguments for two recordings that take some seconds; one request in a hundred lost a parameter."""
    old = [ask(f"q{number}") for number in range(COUNT)]
    new = [ask(f"q{number}", temperature=0.7 if number % 100 else None) for number in range(COUNT)]
    return [recording(tmp_path / "old.jsonl", *old), "--candidate", recording(tmp_path / "new.jsonl", *new)]


@needs_proc
def test_an_interrupted_run_goes_on(two: list[str], tmp_path: Path) -> None:
    """Ctrl-C ends workers too and is status 130; with its journal the next run tells all, and compares only what was left."""
    journal = tmp_path / "journal"
    command = shim_command("compare", "--workers", "2", "--resume", str(journal), *two)
    with Running(command, environment(), terminal=True) as running:
        for _ in range(4):  # the first tells of none
            running.expect(" compared")
        children = children_of(running.pid)
        running.send("\x03")
        assert running.status() == 130
        wait_until(lambda: not [pid for pid in children if Path(f"/proc/{pid}").exists()])
        assert f"again with --resume {journal}" in running.output.replace("\r\n", "")
        assert "Traceback" not in running.output
    kept = journal.read_bytes()
    assert kept.endswith(b"\n")
    assert kept.count(b"\n") < COUNT
    ran = run(shim_command("compare", "--json", "--resume", str(journal), *two), environment())
    told = json.loads(ran.stdout)
    assert (ran.returncode, told["complete"]) == (1, True), ran.stderr
    assert (told["match"], told["mismatch"], told["answers"]["report"]["pairs"]) == (COUNT - 30, 30, COUNT)
    assert journal.read_bytes().startswith(kept)
    assert journal.read_bytes().count(b"\n") == COUNT + 1


@needs_proc
def test_a_run_that_is_killed_goes_on(two: list[str], tmp_path: Path) -> None:
    """After kill -9 of the run itself its journal is whole to some line, and the next run tells all."""
    journal = tmp_path / "journal"
    with Running(shim_command("compare", "--resume", str(journal), *two), environment()) as running:
        wait_until(lambda: journal.exists() and journal.read_bytes().count(b"\n") > 100)
        os.kill(running.pid, signal.SIGKILL)
        running.status()
    ran = run(shim_command("compare", "--json", "--resume", str(journal), *two), environment())
    told = json.loads(ran.stdout)
    assert (ran.returncode, told["match"], told["mismatch"]) == (1, COUNT - 30, 30), ran.stderr


@needs_proc
def test_a_killed_worker_is_named(two: list[str], tmp_path: Path) -> None:
    """A worker that is killed is named on standard error, and the run ends as if it had not been."""
    journal = tmp_path / "journal"
    command = shim_command("compare", "--workers", "2", "--json", "--resume", str(journal), *two)
    with Running(command, environment()) as running:
        wait_until(lambda: journal.exists() and journal.read_bytes().count(b"\n") > 2)
        victim = next(pid for pid in children_of(running.pid) if b"spawn_main" in cmdline_of(pid))
        os.kill(victim, signal.SIGKILL)
        assert running.status() == 1
        errors = running.errors()
        assert "1 worker ended early and had to be replaced" in errors
        assert f"(process {victim}) was ended by SIGKILL" in errors
        told = json.loads(running.output)
        assert (told["complete"], told["match"], told["mismatch"], told["failed"]) == (True, COUNT - 30, 30, 0)


_DEADLY = """
import os, signal, sys
from shim.cli import main
from shim.comparison.two_recordings import compare_recordings, pair_comparer

class Deadly(pair_comparer.PairComparer):
    def compare(self, pair):
        if b"q20" in pair.exchange.request.body:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().compare(pair)

compare_recordings.PairComparer = Deadly  # what each worker makes
if __name__ == "__main__":
    sys.exit(main())
"""


def test_a_pair_that_kills_its_reader_ends_nothing(tmp_path: Path) -> None:
    """Status 2, the pair a failed comparator with the signal in its reason, all others judged; resumed, too."""
    files = [recording(tmp_path / name, *(ask(f"q{number}") for number in range(15, 40))) for name in ("old", "new")]
    program = tmp_path / "deadly.py"
    program.write_text(_DEADLY)
    command = [sys.executable, str(program), "compare", "--json", "--workers", "2", "--resume"]
    for _ in range(2):
        ran = run([*command, str(tmp_path / "journal"), files[0], "--candidate", files[1]], environment())
        told = json.loads(ran.stdout)
        assert (ran.returncode, told["complete"], told["match"], told["failed"]) == (2, True, 24, 1), ran.stderr
        (failed,) = [each for each in told["verdicts"] if "SIGKILL" in each["reason"]]
        assert (failed["number"], failed["partner"]) == (5, f"{files[1]}:6")
    assert "Traceback" not in ran.stderr
