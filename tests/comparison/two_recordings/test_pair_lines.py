"""Tests of the pairs as lines: what stands beside each, and what becomes of one that cannot be read any more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from shim.comparison.runs.lines import Line, LineFault
from shim.comparison.two_recordings.pair_lines import PairLines, ReadsPairs
from shim.comparison.two_recordings.recorded_sides import RecordedSides
from shim.recording.files import RecordError
from tests.comparison.two_recordings.asked import ask, recording

OLD = (ask("a"), ask("b"), ask("b"))
NEW = (ask("c"), ask("b"), ask("a", seed=1))


@pytest.fixture
def sides(tmp_path: Path) -> RecordedSides:
    """Two recordings and a baseline: one pair by its request, one by its messages, one alone on either side."""
    files = {name: recording(tmp_path / f"{name}.jsonl", *held) for name, held in (("old", OLD), ("new", NEW))}
    again = recording(tmp_path / "again.jsonl", ask("b"))
    return RecordedSides(files["old"], files["new"], baseline=again, limit=None, on_fault=_refuse)


def _refuse(fault: LineFault) -> None:
    raise AssertionError(str(fault))


def lines_of(sides: RecordedSides, *, on_fault: Callable[[LineFault], None] = _refuse) -> list[Line]:
    """The lines of the pairs."""
    lines = PairLines(sides)
    found = list(lines.lines(on_fault=on_fault))
    assert lines.position == lines.size == 4
    return found


def test_each_line_has_its_partner_beside_it(sides: RecordedSides) -> None:
    """The control's lines come in their order, then the candidate's that are alone, each with all it is compared with."""
    lines = lines_of(sides)
    pairs = [ReadsPairs().read(line) for line in lines]
    assert [line.number for line in lines] == [0, 1, 2, 3]
    assert [pair.exchange for pair in pairs] == [*OLD, NEW[0]]
    assert [pair.candidate for pair in pairs] == [NEW[2], NEW[1], None, None]
    assert [pair.baseline for pair in pairs] == [None, ask("b"), None, None]
    assert [pair.beside.tier for pair in pairs] == ["conversation", "request", "", ""]
    assert [Path(pair.beside.partner).name for pair in pairs] == ["new.jsonl:3", "new.jsonl:2", "", ""]
    assert [pair.beside.askings for pair in pairs[2:]] == [(2, 1), (0, 1)]
    assert [Path(pair.beside.other).name for pair in pairs[2:]] == ["new.jsonl", "old.jsonl"]
    assert [pair.beside.is_added for pair in pairs] == [False, False, False, True]
    sides.close()


def test_files_that_are_gone_are_faults(sides: RecordedSides, tmp_path: Path) -> None:
    """A pair whose files can no longer be opened is a fault of its place, and the others are given."""
    (tmp_path / "new.jsonl").unlink()
    faults: list[LineFault] = []
    lines = lines_of(sides, on_fault=faults.append)
    assert [line.number for line in lines] == [2]
    assert [fault.line for fault in faults] == [1, 2, 1]
    assert "it cannot be read again (No such file" in faults[0].message
    sides.close()


def test_a_line_that_changed_names_its_partner(sides: RecordedSides, tmp_path: Path) -> None:
    """A pair that can no longer be read is unusable with the partner's place, as either may have changed."""
    path = tmp_path / "new.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    line = lines_of(sides)[0]
    with pytest.raises(RecordError) as raised:
        ReadsPairs().read(line)
    said = ReadsPairs().unusable(line, error=raised.value)
    assert said.startswith(f"it cannot be read again (with its partner {path}:3: ")
    assert said.endswith("compare files that nobody writes to")
    sides.close()


def test_files_named_in_a_message_are_few(tmp_path: Path) -> None:
    """Of a side of many files the first are named in what has no partner, and the others counted."""
    old = [recording(tmp_path / f"old-{number}.jsonl", ask(f"q{number}")) for number in range(5)]
    new = recording(tmp_path / "new.jsonl", ask("q0"), ask("else"))
    sides = RecordedSides(old, new, baseline=(), limit=None, on_fault=_refuse)
    added = list(PairLines(sides).lines(on_fault=_refuse))[-1]
    assert ReadsPairs().read(added).beside.other == f"{old[0]}, {old[1]}, {old[2]} and 2 more"
    sides.close()
