"""Tests of the journal: what it recalls, what it refuses, and what a crash may leave of it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from shim.comparison.runs.journal import Journal, JournalError
from shim.comparison.runs.judge import Judged
from shim.comparison.runs.lines import Line
from tests.comparison.stand_ins import judged

OPTIONS: dict[str, Any] = {"version": "1", "rungs": ("wire",), "api": "auto"}
WORDS = ("match-0", "mismatch-1", "failed-2")
FOUND = [judged(word, number=number) for number, word in enumerate(WORDS)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of three lines."""
    path = tmp_path / "journal"
    keep(path, FOUND)
    return path


def keep(path: Path, found: list[tuple[Line, Judged]]) -> None:
    """Write a journal, or more of it."""
    with Journal(path, options=OPTIONS) as journal:
        for line, what in found:
            if journal.recall(line) is None:
                journal.keep(line, what)


def recalled(path: Path, *lines: Line) -> list[Judged | None]:
    """What a journal recalls of lines."""
    with Journal(path, options=OPTIONS) as journal:
        return [journal.recall(line) for line in lines]


def test_what_was_kept_is_recalled(path: Path) -> None:
    """Each line's verdicts and facts come back as they were, and nothing beyond the last."""
    beyond, _ = judged("match-3", number=3)
    assert recalled(path, *(line for line, _ in FOUND), beyond) == [*(what for _, what in FOUND), None]


def test_an_unusable_line_is_recalled(tmp_path: Path) -> None:
    """What was wrong with a line is recalled too."""
    line = Line("a.jsonl", 1, 0, b"{\n")
    keep(tmp_path / "journal", [(line, Judged(number=0, fault="no JSON"))])
    assert recalled(tmp_path / "journal", line) == [Judged(number=0, fault="no JSON")]


def test_a_journal_is_continued(path: Path) -> None:
    """What is kept after an interruption follows what stood there."""
    more = [judged("match-3", number=3), judged("slow-4", number=4)]
    keep(path, FOUND + more)
    assert recalled(path, *(line for line, _ in FOUND + more)) == [what for _, what in FOUND + more]


@pytest.mark.parametrize("lost", [1, 10, 150])
def test_a_torn_end_is_cut_off(path: Path, lost: int) -> None:
    """An entry of which a crash left only a part is forgotten, and the journal goes on from there."""
    path.write_bytes(path.read_bytes()[:-lost])
    lines = [line for line, _ in FOUND]
    assert recalled(path, *lines) == [FOUND[0][1], FOUND[1][1], None]
    keep(path, FOUND)
    assert recalled(path, *lines) == [what for _, what in FOUND]


@pytest.mark.slow
def test_every_cut_can_be_continued(path: Path) -> None:
    """Wherever a crash cut a journal, it can be opened, and continued to the whole."""
    whole = path.read_bytes()
    for end in range(0, len(whole), 7):
        path.write_bytes(whole[:end])
        keep(path, FOUND)
        assert path.read_bytes() == whole


@pytest.mark.parametrize(("name", "other"), [("version", "2"), ("rungs", ("wire", "tee")), ("api", "responses")])
def test_other_options_are_refused(path: Path, name: str, other: object) -> None:
    """A journal made with other options is refused, and the option named."""
    with pytest.raises(JournalError, match=rf"journal was made with other options \({name}\)"):
        Journal(path, options={**OPTIONS, name: other})


def test_another_file_is_refused(path: Path) -> None:
    """A line that is not the one the journal tells of is refused, and named."""
    other = Line("b.jsonl", 1, 0, b"{}\n")
    with pytest.raises(JournalError, match=r"journal was made from other files: exchange 0 is not b\.jsonl:1"):
        recalled(path, other)


@pytest.mark.parametrize("text", ["my notes", '{"schema":"shim.exchange/1.0"}\n', '{"a": 1}'])
def test_somebody_s_file_is_left_alone(tmp_path: Path, text: str) -> None:
    """A file that is no journal is refused, and not changed."""
    path = tmp_path / "journal"
    path.write_text(text)
    with pytest.raises(JournalError, match="is no journal"):
        Journal(path, options=OPTIONS)
    assert path.read_text() == text


@pytest.mark.skipif(sys.platform == "win32", reason="has no such lock")
def test_two_runs_do_not_share_a_journal(path: Path) -> None:
    """A journal that a run has open is refused to another, and free again after it."""
    with Journal(path, options=OPTIONS), pytest.raises(JournalError, match="is in use by another run"):
        Journal(path, options=OPTIONS)
    Journal(path, options=OPTIONS).close()


def test_a_newer_journal_is_refused(path: Path) -> None:
    """A journal of another form is refused, and the form named."""
    path.write_bytes(path.read_bytes().replace(b"shim.journal/1", b"shim.journal/2", 1))
    with pytest.raises(JournalError, match=r"is of shim\.journal/2, and this version writes shim\.journal/1"):
        Journal(path, options=OPTIONS)


def test_a_damaged_entry_is_named(path: Path) -> None:
    """An entry that cannot be read is said to be so."""
    heading, *_ = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(heading + b"{}\n")
    with pytest.raises(JournalError, match="holds an entry that cannot be read"):
        recalled(path, FOUND[0][0])


def test_line_ends_make_no_other_line(path: Path) -> None:
    """The last line is known again when its line feed has come since."""
    line, what = FOUND[0]
    assert recalled(path, line._replace(data=line.data.rstrip(b"\n")))[0] == what
