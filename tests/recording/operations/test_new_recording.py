"""Tests of a recording made in one go: there whole, or not at all, and its owner's alone."""

from __future__ import annotations

import contextlib
import gzip
import os
import stat
from pathlib import Path

import pytest

from shim.recording.operations.new_recording import NewRecording


def test_it_is_there_once_it_is_committed(tmp_path: Path) -> None:
    """Nothing stands in the place before `commit`, all of it after, and nothing else is left."""
    path = tmp_path / "a.jsonl"
    with NewRecording(path) as made:
        made.write(b"1\n")
        made.flush()
        assert not path.exists()
        made.commit()
    assert path.read_bytes() == b"1\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_nothing_stays_of_one_that_was_given_up(tmp_path: Path, name: str) -> None:
    """After an exception no file is left, and one that was to be replaced is as it was."""
    path = tmp_path / name
    path.write_bytes(b"before")
    with contextlib.suppress(KeyboardInterrupt), NewRecording(path, replaces=True) as made:
        made.write(b"1\n")
        made.flush()
        raise KeyboardInterrupt
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_stays_of_one_that_nobody_took_up(tmp_path: Path) -> None:
    """One that was never given to a `with`, as when a signal comes between, leaves nothing; a child takes nothing away."""
    made = NewRecording(tmp_path / "a.jsonl")
    child = os.fork()
    if not child:
        made._taken_away()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert list(tmp_path.iterdir())
    made.finish()
    del made
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_not_replaced(tmp_path: Path) -> None:
    """A file that is there, or has come there meanwhile, is kept, and named."""
    path = tmp_path / "a.jsonl"
    with NewRecording(path) as made:
        path.write_bytes(b"mine")
        with pytest.raises(FileExistsError) as raised:
            made.commit()
    assert raised.value.filename == str(path)
    with pytest.raises(FileExistsError):
        NewRecording(path)
    assert path.read_bytes() == b"mine"


def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    """The file has mode 0600 whatever the umask, also where it replaces one that others could read."""
    path = tmp_path / "a.jsonl"
    path.touch(0o666)
    before = os.umask(0)
    try:
        with NewRecording(path, replaces=True) as made:
            made.commit()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(("name", "compresses"), [("a.gz", None), ("a", True)])
def test_it_is_compressed(tmp_path: Path, *, name: str, compresses: bool | None) -> None:
    """By its name, or as it is told, it is gzip, whose lines are those that were written."""
    lines = [b"%d %s\n" % (number, os.urandom(600).hex().encode()) for number in range(1000)]
    with NewRecording(tmp_path / name, compresses=compresses) as made:
        for line in lines:
            made.write(line)
        made.commit()
        assert made.size == (tmp_path / name).stat().st_size
    assert gzip.decompress((tmp_path / name).read_bytes()) == b"".join(lines)


def test_what_waits_is_bounded(tmp_path: Path) -> None:
    """Lines that wait to be compressed together are never much more than a megabyte."""
    with NewRecording(tmp_path / "a.gz") as made:
        for _ in range(300):
            made.write(b"x" * 9999 + b"\n")
            assert made._waiting_bytes < 1_100_000


@pytest.mark.parametrize("name", ["a", "a.gz"])
def test_room_is_counted_on_the_disk(tmp_path: Path, name: str) -> None:
    """`has_room` fills a file to its limit and never over it; an empty one takes any line."""
    with NewRecording(tmp_path / name) as made:
        assert made.has_room(b"x" * 900, most=10)
        count = 0
        while made.has_room(line := os.urandom(50).hex().encode() + b"\n", most=5000):
            made.write(line)
            count += 1
        made.commit()
    assert 5000 - 101 * 2 < (tmp_path / name).stat().st_size <= 5000
    assert count >= 49


def test_a_finished_one_takes_no_more(tmp_path: Path) -> None:
    """What is written after `finish` is refused rather than lost."""
    with NewRecording(tmp_path / "a") as made:
        made.finish()
        made.write(b"1\n")
        with pytest.raises(ValueError, match="is finished; make a new one"):
            made.flush()
