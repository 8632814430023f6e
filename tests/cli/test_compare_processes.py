"""Tests of `shim compare` as a process: pipes, terminals, Ctrl-C, a killed worker, a full disk.

Not what it says and writes (`test_compare`).
"""

from __future__ import annotations

import gzip
import json
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.recordings import DIFFERENT, GOOD, ODD, recorded
from tests.cli.running import DEADLINE, Running, environment, run, shim_command
from tests.helpers.exchanges import exchange, streamed

pytestmark = pytest.mark.slow


def test_standard_input_is_read(tmp_path: Path) -> None:
    """A dash reads standard input, compressed or not."""
    recorded(tmp_path / "a", *GOOD)
    for data in (Path(tmp_path / "a").read_bytes(), gzip.compress(Path(tmp_path / "a").read_bytes())):
        ran = run(shim_command("compare", "-"), environment(), stdin=data)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert "2 exchanges in" in ran.stdout


def test_compressed_files_and_workers(tmp_path: Path) -> None:
    """Files from `shim record` and compressed ones are compared by several processes, in order, with the right status."""
    file = tmp_path / "a.jsonl.gz"
    recorded(tmp_path / "a", *GOOD * 40, DIFFERENT)
    file.write_bytes(gzip.compress((tmp_path / "a").read_bytes()))
    ran = run(shim_command("compare", "--json", "--workers", "2", str(file)), environment())
    told = json.loads(ran.stdout)
    assert (ran.returncode, told["match"], told["mismatch"]) == (1, 161, 1)
    assert [each["number"] for each in told["verdicts"][::2]] == list(range(81))


@pytest.fixture
def long_file(tmp_path: Path) -> str:
    """A file that takes long to compare at every split."""
    return recorded(tmp_path / "long.jsonl", *[streamed(pair_id=str(number)) for number in range(2000)])


def children_of(pid: int) -> list[int]:
    """The processes that a process has started and that still run."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="looks for processes in /proc")


@needs_proc
def test_ctrl_c_ends_everything_quickly(long_file: str, tmp_path: Path) -> None:
    """Ctrl-C on a terminal ends workers too, keeps the journal, shows what was found, and is status 130."""
    journal = tmp_path / "journal"
    command = shim_command("compare", "--resplit", "--workers", "2", "--resume", str(journal), long_file)
    with Running(command, environment(), terminal=True) as running:
        for _ in range(4):  # the first tells of none
            running.expect(" compared")
        children = children_of(running.pid)
        began = time.monotonic()
        running.send("\x03")
        assert running.status() == 130
        assert time.monotonic() - began < 5
        assert len(children) >= 2
        wait_until(lambda: not [pid for pid in children if Path(f"/proc/{pid}").exists()])
        assert "The run broke off: interrupted" in running.output
        assert f"--resume {journal}" in running.output.replace("\r\n", "")
        assert "Traceback" not in running.output
    assert journal.read_bytes().count(b"\n") > 2


@needs_proc
def test_a_killed_worker_is_named(tmp_path: Path) -> None:
    """A worker that is killed is named on standard error, and the run ends as if it had not been."""
    file = recorded(tmp_path / "some.jsonl", *[streamed(pair_id=str(number)) for number in range(500)])
    journal = tmp_path / "journal"
    command = shim_command("compare", "--workers", "2", "--json", "--resume", str(journal), file)
    with Running(command, environment()) as running:
        wait_until(lambda: journal.exists() and journal.read_bytes().count(b"\n") > 2)
        victim = next(pid for pid in children_of(running.pid) if b"spawn_main" in cmdline_of(pid))
        os.kill(victim, signal.SIGKILL)
        assert running.status() == 0
        errors = running.errors()
        assert "1 worker ended early and had to be replaced" in errors
        assert f"(process {victim}) was ended by SIGKILL" in errors
        assert f" it compared {file}:" in errors  # while it did, or before, where the signal came between two
        told = json.loads(running.output)
        assert (told["complete"], told["match"]) == (True, 1000)


_DEADLY = """
import os, signal, sys
from shim.cli import main
from shim.comparison import comparer

class Deadly(comparer.Comparer):
    def compare(self, exchange):
        if exchange.pair_id == "deadly":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().compare(exchange)

comparer.Comparer = Deadly  # what each worker makes, since it imports this program, too
if __name__ == "__main__":
    sys.exit(main())
"""


def test_a_line_that_kills_its_reader_ends_nothing(tmp_path: Path) -> None:
    """Status 2, the line a failed comparator with the signal in its reason, all other lines judged; resumed, too."""
    file = recorded(tmp_path / "a.jsonl", *GOOD, exchange(pair_id="deadly"), *GOOD)
    program = tmp_path / "deadly.py"
    program.write_text(_DEADLY)
    command = [sys.executable, str(program), "compare", "--json", "--workers", "2", "--resume"]
    for _ in range(2):
        ran = run([*command, str(tmp_path / "journal"), file], environment())
        told = json.loads(ran.stdout)
        assert (ran.returncode, told["complete"], told["match"], told["failed"]) == (2, True, 8, 2), ran.stderr
        assert {each["number"] for each in told["verdicts"] if "SIGKILL" in each["reason"]} == {2}
    assert "Traceback" not in ran.stderr


def cmdline_of(pid: int) -> bytes:
    """The command line of a process; multiprocessing has a helper of its own beside the workers."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def test_a_terminal_shows_a_bar(tmp_path: Path) -> None:
    """On a terminal the share done is drawn, in colour or plain, and not at all where it is not wanted."""
    file = recorded(tmp_path / "a", *GOOD * 100)
    shown = {}
    for name, options, more in (("rich", [], {}), ("plain", [], {"NO_COLOR": "1"}), ("none", ["--no-progress"], {})):
        with Running(shim_command("compare", *options, file), environment(**more), terminal=True) as running:
            assert running.status() == 0
            shown[name] = running.output
    assert "━" in shown["rich"]
    assert "%" in shown["plain"]
    assert "━" not in shown["plain"]
    assert "%" not in shown["none"]


def test_control_characters_do_nothing_on_a_terminal(tmp_path: Path) -> None:
    """What a recording holds cannot move the cursor."""
    file = recorded(tmp_path / "a", exchange(pair_id="\x1b[2Jx", request=ODD))
    with Running(shim_command("compare", file), environment(), terminal=True) as running:
        assert running.status() == 1
        assert "\x1b[2J" not in running.output


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
@pytest.mark.parametrize("option", ["--json >/dev/full", "--junit /dev/full", "--html /dev/full"])
def test_a_full_disk_is_no_mismatch(tmp_path: Path, option: str) -> None:
    """A report that cannot be written is status 2 and named, never status 1."""
    file = recorded(tmp_path / "a", *GOOD * 40)
    ran = run(["/bin/sh", "-c", f"{shlex.join(shim_command('compare', file))} {option}"], environment())
    assert ran.returncode == 2
    assert "cannot be written: No space left on device" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_closed_pipe_is_no_error(long_file: str) -> None:
    """When nobody reads the JSON any more, the run ends quietly, and its workers with it."""
    with Running(shim_command("compare", "--json", "--workers", "2", long_file), environment()) as running:
        running.expect('"verdicts"')
        running.close_output()
        assert running.status() == 141
        assert "Traceback" not in running.errors()
