"""Tests of `shim recordings` in processes of their own: the bar, a reader that goes, a signal, memory that stays small."""

from __future__ import annotations

import resource
import signal
import subprocess
from pathlib import Path

import pytest

from shim.recording.files import encode_exchange
from tests.cli.recordings import recorded
from tests.cli.running import ROOT, Running, environment, shim_command
from tests.helpers.exchanges import exchange

pytestmark = pytest.mark.slow


def long_file(path: Path, *, megabytes: int) -> str:
    """A recording of so many megabytes, with its times backwards."""
    line = len(encode_exchange(exchange(b"x" * 100_000)))
    with path.open("wb") as file:
        for number in range(megabytes * 1_000_000 // line):
            file.write(encode_exchange(exchange(b"x" * 100_000, pair_id=str(number), started_at=1e9 - number)))
    return str(path)


@pytest.mark.parametrize(("options", "shown"), [([], True), (["--no-progress"], False)])
def test_a_bar_is_drawn_on_a_terminal(tmp_path: Path, *, options: list[str], shown: bool) -> None:
    """On a terminal a bar is drawn while files are read, and taken away; none where it is not wanted."""
    file = recorded(tmp_path / "a.jsonl", *[exchange()] * 50)
    command = shim_command("recordings", "stats", *options, file)
    with Running(command, environment(NO_COLOR="1"), terminal=True) as running:
        assert running.status() == 0
        assert ("\r" + "  0 %  0 read" in running.output) is shown
        assert "50 exchanges" in running.output


def test_a_reader_that_goes_is_no_error(tmp_path: Path) -> None:
    """Where nobody reads any more, as after `head`, nothing is said."""
    file = long_file(tmp_path / "a.jsonl", megabytes=5)
    with Running(shim_command("recordings", "cat", file), environment()) as running:
        running.close_output()
        assert running._process.wait(15) == 141
        assert running.errors() == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing_half_made(tmp_path: Path, number: signal.Signals) -> None:
    """A merge that is ended by a signal takes away what it had begun."""
    command = shim_command("recordings", "merge", "-", "-o", str(tmp_path / "out.jsonl"))
    with Running(command, environment()) as running:
        assert running._process.stdin is not None
        running._process.stdin.write(encode_exchange(exchange()))
        running._process.stdin.flush()
        while not list(tmp_path.iterdir()):
            assert running._process.poll() is None
        running._process.send_signal(number)
        assert running.status() == 128 + number
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A recording larger than the memory it is gone through with."""
    return long_file(tmp_path_factory.mktemp("large") / "a.jsonl", megabytes=160)


@pytest.mark.timeout(120)  # 160 MB are read and written, on a busy machine
@pytest.mark.parametrize(
    "action", [["merge", "-o", "out"], ["split", "--shards", "8", "-o", "p{part}.gz"], ["redact", "-o", "out"], ["ls"]]
)
def test_memory_stays_small(tmp_path: Path, action: list[str], large: str) -> None:
    """A file larger than the memory that is allowed is gone through, in the worst order too."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (140 << 20, 140 << 20))

    words = [word.replace("out", str(tmp_path / "out")).replace("p{", f"{tmp_path}/p{{") for word in action]
    command = shim_command("recordings", *words, large)
    ran = subprocess.run(command, env=environment(), cwd=ROOT, preexec_fn=limit, capture_output=True, check=False)  # noqa: S603 - our own program, and no thread forks
    assert ran.returncode == 0, ran.stderr.decode()
