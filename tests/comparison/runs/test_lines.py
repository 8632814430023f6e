"""Tests of the lines of recorded files: their places, what is unusable, and how far the reading is."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest

from shim.comparison.runs.lines import Line, LineFault, Source, UnusableFileError
from tests.comparison.stand_ins import encoded, recorded


def read(source: Source) -> tuple[list[Line], list[LineFault]]:
    """All lines and faults of a source."""
    faults: list[LineFault] = []
    return list(source.lines(on_fault=faults.append)), faults


def test_lines_have_their_places(tmp_path: Path) -> None:
    """Lines are numbered within their file from 1, blank ones included, and among all from 0, blank ones left out."""
    first, second = encoded("a", "b")
    (tmp_path / "1.jsonl").write_bytes(first + b"\n  \r\n" + second)
    other = recorded(tmp_path / "2.jsonl.gz", "c")
    file = str(tmp_path / "1.jsonl")
    lines, faults = read(Source([file, other]))
    assert [line[:3] for line in lines] == [(file, 1, 0), (file, 4, 1), (other, 1, 2)]
    assert lines[1].data == second
    assert lines[1].place == f"{file}:4"
    assert not faults


def test_a_limit_ends_the_reading(tmp_path: Path) -> None:
    """No more lines are given than asked for, over all files."""
    files = [recorded(tmp_path / "1", "a", "b"), recorded(tmp_path / "2", "c", "d")]
    assert [line.number for line in read(Source(files, limit=3))[0]] == [0, 1, 2]


def test_damaged_gzip_is_told_and_the_next_file_read(tmp_path: Path) -> None:
    """Compressed data that ends early gives the lines before, names the file and line, and does not stop the run."""
    first, second = encoded("a"), encoded("b")
    cut = gzip.compress(b"".join(first)) + gzip.compress(b"".join(second))[:-9]
    (tmp_path / "1.gz").write_bytes(cut)
    lines, (fault,) = read(Source([str(tmp_path / "1.gz"), recorded(tmp_path / "2", "c")]))
    assert [line.number for line in lines] == [0, 1, 2] if len(lines) == 3 else [0, 1]
    assert fault.file.endswith("1.gz")
    assert str(fault).startswith(f"{fault.file}:{fault.line}: the file ends in the middle of an exchange")


def test_unusable_files_are_refused_at_once(tmp_path: Path) -> None:
    """A file that is missing or a directory is refused before anything is read, with what to give instead."""
    with pytest.raises(UnusableFileError, match=r"none: No such file.*give a file of recorded exchanges"):
        Source([str(tmp_path / "none")])
    with pytest.raises(UnusableFileError, match=r"is a directory; give the files in it"):
        Source([f"{tmp_path}/"])


def test_a_file_that_vanishes_is_told(tmp_path: Path) -> None:
    """A file that is gone when its turn comes is a fault, and the next is read."""
    files = [recorded(tmp_path / "1", "a"), recorded(tmp_path / "2", "b")]
    source = Source(files)
    Path(files[0]).unlink()
    lines, (fault,) = read(source)
    assert [line.file for line in lines] == files[1:]
    assert "No such file" in fault.message


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_the_size_is_known_before(tmp_path: Path, name: str) -> None:
    """The bytes to read are known, or guessed from the beginning of a compressed file, and reached at the end."""
    source = Source([recorded(tmp_path / name, *map(str, range(1500)))])
    assert source.size is not None
    read(source)
    assert source.position == pytest.approx(source.size, rel=0.05)


def test_a_pipe_has_no_size(tmp_path: Path) -> None:
    """Of a pipe nobody knows the size, and it is not opened to ask."""
    os.mkfifo(tmp_path / "pipe")
    assert Source([str(tmp_path / "pipe")]).size is None
