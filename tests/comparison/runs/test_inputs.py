"""Tests of what names stand for: files, patterns, and what is known of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shim.comparison.runs.inputs import expand, identify
from shim.comparison.runs.lines import UnusableFileError


def test_patterns_stand_for_what_they_find(tmp_path: Path) -> None:
    """A pattern is the files it finds, sorted and each once; a file whose name looks like one is itself."""
    for name in ("b.jsonl", "a.jsonl", "c[1].jsonl", "sub/d.jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    a, b, c, d = (str(tmp_path / name) for name in ("a.jsonl", "b.jsonl", "c[1].jsonl", "sub/d.jsonl"))
    assert expand([c]) == [c]
    assert expand([f"{tmp_path}/[ab].jsonl", f"{tmp_path}/*.jsonl"]) == [a, b, c]
    assert expand([f"{tmp_path}/**/*.jsonl"]) == [a, b, c, d]
    assert expand(["-", b, b]) == ["-", b, b]


def test_a_pattern_that_finds_nothing_is_told(tmp_path: Path) -> None:
    """A pattern without a file is an error that shows it."""
    with pytest.raises(UnusableFileError, match=r"\*\.jsonl: no file has such a name; give a pattern"):
        expand([f"{tmp_path}/*.jsonl"])


def test_a_file_is_known_by_size_and_time(tmp_path: Path) -> None:
    """What is written to is another file; what is only read is the same."""
    file = tmp_path / "a"
    file.write_bytes(b"1")
    os.utime(file, ns=(5, 5))
    known = identify(str(file))
    assert (known.path, known.size, known.version) == (str(file), 1, "mtime 5")
    assert identify(str(file)) == known
    os.utime(file, ns=(6, 6))
    assert identify(str(file)) != known


@pytest.mark.parametrize(
    ("name", "said"),
    [("-", "standard input cannot be shared out"), (".", "no ordinary file"), ("none", "No such file")],
)
def test_what_cannot_be_shared_out_is_refused(name: str, said: str) -> None:
    """Standard input, folders and missing files are refused by name."""
    with pytest.raises(UnusableFileError, match=said):
        identify(name)
