"""Tests of rotation: files by size and by age, named by their time, whole whatever happens, each of one process alone."""

from __future__ import annotations

import gzip
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from shim.recording.files import RecordError, TruncatedRecordError, encode_exchange, read_exchanges
from shim.recording.rotation import RotatingFile, RotatingWriter, check_writable, writer_to
from shim.recording.sinks import LINGER_SECONDS, FileSink
from tests.cli.running import ROOT
from tests.helpers.exchanges import exchange

LINE = len(encode_exchange(exchange(pair_id="00")))


def ids_in(folder: Path) -> list[str]:
    """The pair ids of all files of a folder, in the order of the files' names."""
    return [each.pair_id for path in sorted(folder.iterdir()) for each in read_exchanges(path)]


def rotating(folder: Path, name: str = "a-{time}.jsonl", **limits: Any) -> RotatingWriter:
    """A writer of several files."""
    return RotatingWriter(RotatingFile(folder / name, **limits))


def write(writer: RotatingWriter, *numbers: int) -> None:
    """Write exchanges of one length."""
    for number in numbers:
        writer.write(exchange(pair_id=f"{number:02}"))


@pytest.mark.parametrize("name", ["a-{time}.jsonl", "a-{time}.jsonl.gz"])
def test_no_file_is_larger_than_it_may_be(tmp_path: Path, name: str) -> None:
    """Files end before they would be larger than `rotate_bytes`, and together hold everything in order."""
    with rotating(tmp_path, name, rotate_bytes=3 * LINE) as writer:
        write(writer, *range(10))
        writer.write_lines([encode_exchange(exchange(pair_id=str(number))) for number in range(10, 30)])
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert max(sizes) <= 3 * LINE
    assert writer.begun == len(sizes) > 1
    assert ids_in(tmp_path) == [f"{number:02}" for number in range(30)]


def test_files_are_used_to_their_limit(tmp_path: Path) -> None:
    """A file takes as many lines as fit exactly, and not one less."""
    with rotating(tmp_path, rotate_bytes=3 * LINE) as writer:
        write(writer, *range(7))
    assert [len(list(read_exchanges(path))) for path in sorted(tmp_path.iterdir())] == [3, 3, 1]


def test_what_is_larger_by_itself_has_a_file_of_its_own(tmp_path: Path) -> None:
    """An exchange larger than a file may be is written whole, alone in its file."""
    with rotating(tmp_path, rotate_bytes=2 * LINE) as writer:
        write(writer, 1)
        writer.write(exchange(b'{"x":"' + b"y" * 5 * LINE + b'"}', pair_id="large"))
        write(writer, 2)
    assert [[each.pair_id for each in read_exchanges(path)] for path in sorted(tmp_path.iterdir())] == [
        ["01"],
        ["large"],
        ["02"],
    ]


def test_a_file_ends_when_it_is_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first exchange after `rotate_seconds` begins a new file, measured on a clock that nobody sets."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    with rotating(tmp_path, rotate_seconds=60) as writer:
        write(writer, 1)
        now[0] += 59.9
        write(writer, 2)
        now[0] += 0.1
        write(writer, 3)
    assert [len(list(read_exchanges(path))) for path in sorted(tmp_path.iterdir())] == [2, 1]


def test_names_are_times_and_sort(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`{time}` is UTC in ISO 8601's basic form, later with each file even where the clock is set back."""
    monkeypatch.setattr(time, "time_ns", lambda: 1_767_225_600_250_000_999)
    with rotating(tmp_path, rotate_bytes=1) as writer:
        write(writer, 1)
        monkeypatch.setattr(time, "time_ns", lambda: 1_500_000_000_000_000_000)
        write(writer, 2)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["a-20260101T000000.250000Z.jsonl", "a-20260101T000000.250001Z.jsonl"]
    assert ids_in(tmp_path) == ["01", "02"]


def test_a_name_that_is_taken_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two writers that begin in the same microsecond get two files."""
    monkeypatch.setattr(time, "time_ns", lambda: 1_767_225_600_250_000_000)
    with rotating(tmp_path) as one, rotating(tmp_path) as other:
        write(one, 1)
        write(other, 2)
        write(one, 3)
    assert [[each.pair_id for each in read_exchanges(path)] for path in sorted(tmp_path.iterdir())] == [
        ["01", "03"],
        ["02"],
    ]


def test_only_the_last_files_are_kept(tmp_path: Path) -> None:
    """With `rotate_keep` a writer deletes its own oldest files, and nobody else's."""
    (tmp_path / "a-20000101T000000.000000Z.jsonl").touch()
    with rotating(tmp_path, rotate_bytes=1, rotate_keep=2) as writer:
        write(writer, *range(5))
        assert len(list(tmp_path.iterdir())) == 3
    assert ids_in(tmp_path) == ["03", "04"]


def test_files_are_their_owners_alone(tmp_path: Path) -> None:
    """Each file of a rotation has mode 0600, whatever the umask."""
    before = os.umask(0)
    try:
        with rotating(tmp_path, rotate_bytes=1) as writer:
            write(writer, 1, 2)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


def test_a_writer_that_was_closed_goes_on_in_its_file(tmp_path: Path) -> None:
    """After `close` a writer goes on in the same file while it has room, so that pauses make no small files."""
    writer = rotating(tmp_path, rotate_bytes=2 * LINE)
    for number in range(3):
        write(writer, number)
        writer.close()
    assert [len(list(read_exchanges(path))) for path in sorted(tmp_path.iterdir())] == [2, 1]


@pytest.mark.parametrize("is_open", [True, False])
def test_a_file_that_was_taken_away_is_followed_by_another(tmp_path: Path, is_open: bool) -> None:  # noqa: FBT001 - a parameter
    """A file that was moved away while it was written gets no second one of its name, which might take its place there."""
    writer = rotating(tmp_path)
    write(writer, 1)
    if not is_open:
        writer.close()
    (taken,) = tmp_path.iterdir()
    taken.rename(tmp_path / "elsewhere")
    write(writer, 2, 3)
    writer.close()
    assert not taken.exists()
    assert writer.begun == 2
    assert ids_in(tmp_path) == ["02", "03", "01"]


@pytest.mark.parametrize("name", ["a.jsonl", "a-{time}.jsonl"])
def test_a_program_may_go_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A recording under a relative path stays where it was begun, also where its file is opened after the program has moved."""
    monkeypatch.chdir(tmp_path)
    failures: list[Exception] = []
    sink = FileSink(name, on_error=failures.append)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    sink.put(exchange, weight=1)
    sink.close()
    assert not failures
    assert not list(elsewhere.iterdir())
    assert sum(path.is_file() for path in tmp_path.iterdir()) == 1


def test_half_a_line_is_not_joined_to(tmp_path: Path) -> None:
    """What was half written when the disk was full stays a line of its own, and what follows can be read."""
    writer = rotating(tmp_path)
    write(writer, 1)
    writer.close()
    with writer.path.open("ab") as file:
        file.write(b'{"schema"')
    write(writer, 2)
    writer.close()
    read = list(read_exchanges(writer.path, on_error=lambda _error: None))
    assert [each.pair_id for each in read] == ["01", "02"]


@pytest.mark.parametrize(
    ("path", "limits", "said"),
    [
        ("day.jsonl.gz", {"rotate_bytes": 1}, "put {time} into it: day-{time}.jsonl.gz"),
        ("{time}/day", {}, "put {time} into it: day-{time}.jsonl"),
        ("{time}", {"rotate_bytes": 0}, "rotate_bytes is 0; give a number over 0"),
        ("{time}", {"rotate_seconds": float("nan")}, "rotate_seconds is nan"),
        ("{time}", {"rotate_keep": -1}, "rotate_keep is -1"),
    ],
)
def test_limits_that_make_no_sense_are_refused(path: str, limits: dict[str, Any], said: str) -> None:
    """A name without `{time}` and a limit that is not positive are refused, with what to give instead."""
    with pytest.raises(ValueError, match=re.escape(said)):
        RotatingFile(path, **limits)


def test_a_plain_path_may_hold_the_time(tmp_path: Path) -> None:
    """`{time}` in the name of a plain path is filled in, too; without it a path is one file as ever."""
    with writer_to(tmp_path / "a-{time}.jsonl") as writer:
        writer.write(exchange())
    with writer_to(str(tmp_path / "plain.jsonl")) as writer:
        writer.write(exchange())
    names = sorted(path.name for path in tmp_path.iterdir())
    assert re.fullmatch(r"a-\d{8}T\d{6}\.\d{6}Z\.jsonl", names[0])
    assert names[1] == "plain.jsonl"


def test_a_folder_that_is_missing_is_known_at_once(tmp_path: Path) -> None:
    """Where no file could be made the sink is refused when it is made, and looking leaves no file behind."""
    with pytest.raises(FileNotFoundError):
        FileSink(RotatingFile(tmp_path / "none" / "{time}"), on_error=print)
    check_writable(RotatingFile(tmp_path / "{time}"))
    assert list(tmp_path.iterdir()) == []


def test_a_sink_with_pauses_makes_no_small_files(tmp_path: Path) -> None:
    """A background sink whose thread has ended in a pause goes on in the same file."""
    sink = FileSink(RotatingFile(tmp_path / "{time}.jsonl", rotate_bytes=1 << 20), on_error=print)
    sink.put(exchange, weight=1)
    sink.flush()
    deadline = time.monotonic() + 20 * LINGER_SECONDS
    while any(thread.name == "shim-recording" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    sink.put(exchange, weight=1)
    sink.close()
    (only,) = tmp_path.iterdir()
    assert len(list(read_exchanges(only))) == 2


MANY = """
import os, sys
from pathlib import Path
from shim.recording.rotation import RotatingFile
from shim.recording.sinks import FileSink
from tests.helpers.exchanges import exchange

sink = FileSink(RotatingFile(sys.argv[1], rotate_bytes=20_000), on_error=print)
sink.put(lambda: exchange(pair_id="parent-before"), weight=1)
sink.flush()
children = []
for child in range(3):
    process = os.fork()
    if not process:
        for number in range(40):
            sink.put(lambda number=number: exchange(pair_id=f"{child}-{number}"), weight=1)
        sink.close()
        os._exit(0)
    children.append(process)
for process in children:
    assert os.waitpid(process, 0)[1] == 0
sink.put(lambda: exchange(pair_id="parent-after"), weight=1)
sink.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["{time}.jsonl", "{time}.jsonl.gz"])
def test_processes_do_not_mix(tmp_path: Path, name: str) -> None:
    """Forked processes that record by one pattern write files of their own, and nothing is lost or cut."""
    command = [sys.executable, "-c", MANY, str(tmp_path / name)]
    ran = subprocess.run(command, capture_output=True, check=False, cwd=ROOT, timeout=20)  # noqa: S603 - our own program
    assert (ran.returncode, ran.stdout) == (0, b""), ran.stderr.decode()
    expected = Counter(["parent-before", "parent-after", *(f"{c}-{n}" for c in range(3) for n in range(40))])
    assert Counter(ids_in(tmp_path)) == expected
    for path in tmp_path.iterdir():
        assert len({each.pair_id.partition("-")[0] for each in read_exchanges(path)}) == 1


ENDED = """
import signal, sys, time
from shim.recording.rotation import RotatingFile
from shim.recording.sinks import FileSink
from tests.helpers.exchanges import exchange

if sys.argv[2] == "handled":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
sink = FileSink(RotatingFile(sys.argv[1], rotate_bytes=20_000), on_error=print)
number = 0
while True:
    sink.put(lambda number=number: exchange(pair_id=f"{number:06}"), weight=1)
    number += 1
    if number == 200:
        print("under way", flush=True)
    time.sleep(0.0005)
"""


@pytest.mark.slow
@pytest.mark.parametrize("way", ["handled", "not handled"])
@pytest.mark.parametrize("name", ["{time}.jsonl", "{time}.jsonl.gz"])
def test_a_terminated_program_leaves_whole_files(tmp_path: Path, name: str, way: str) -> None:
    """After SIGTERM every file is whole, without a gap; where it is not handled, all but the line that was being written."""
    command = [sys.executable, "-c", ENDED, str(tmp_path / name), way]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as running:  # noqa: S603 - our own program
        assert running.stdout is not None
        assert running.stdout.readline() == b"under way\n"
        running.send_signal(signal.SIGTERM)
        assert running.wait(15) == (0 if way == "handled" else -signal.SIGTERM)
    cut: list[RecordError] = []
    files = sorted(tmp_path.iterdir())
    ids = [each.pair_id for path in files for each in read_exchanges(path, on_error=cut.append)]
    assert len(cut) <= (way == "not handled")  # the system may end a write of several pages between two of them
    assert all(isinstance(each, TruncatedRecordError) and each.path == str(files[-1]) for each in cut)
    assert ids == [f"{number:06}" for number in range(len(ids))]
    assert len(ids) >= 200 or way == "not handled"


def test_members_are_no_larger_than_a_file(tmp_path: Path) -> None:
    """Lines that are compressed together are few enough for the file's limit, also where they hardly compress."""
    lines = [encode_exchange(exchange(os.urandom(3000), pair_id=str(number))) for number in range(20)]
    with rotating(tmp_path, "{time}.gz", rotate_bytes=20_000) as writer:
        writer.write_lines(lines)
    held = [gzip.decompress(path.read_bytes()) for path in sorted(tmp_path.iterdir())]
    assert b"".join(held) == b"".join(lines)
    assert max(path.stat().st_size for path in tmp_path.iterdir()) <= 20_000
