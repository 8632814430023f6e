"""Tests of the sides: what cannot be held against each other is refused in words, before anything is compared."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from shim.comparison.runs.lines import LineFault, UnusableFileError
from shim.comparison.two_recordings.recorded_sides import (
    PairingCounts,
    Recorded,
    RecordedSides,
    UnpairedRecordingsError,
)
from shim.recording.files import encode_exchange
from tests.comparison.two_recordings.asked import ask, recording

FOUR = tuple(ask(f"q{number}") for number in range(4))


def counted(control: Recorded, candidate: Recorded, *, baseline: Recorded = ()) -> PairingCounts:
    """How recordings were paired."""
    faults: list[LineFault] = []
    sides = RecordedSides(control, candidate, baseline=baseline, limit=None, on_fault=faults.append)
    sides.close()
    return sides.counts


def test_the_pairing_is_counted(tmp_path: Path) -> None:
    """Pairs are counted by the key that found them, and those without a partner on either side."""
    control = recording(tmp_path / "a.jsonl", *FOUR, ask("same", pair_id="p"), ask("changed", seed=1))
    candidate = recording(tmp_path / "b.jsonl", *FOUR[:3], ask("other", pair_id="p"), ask("changed"), ask("new"))
    assert counted(control, candidate) == PairingCounts(
        pairs=5, by={"pair_id": 1, "request": 3, "conversation": 1, "question": 0}, missing=1, added=1
    )


def test_the_baseline_is_paired_with_the_control(tmp_path: Path) -> None:
    """How many of the control's have a partner in the baseline is counted, and what of the baseline has none."""
    a, b = (recording(tmp_path / f"{name}.jsonl", *FOUR) for name in "ab")
    again = recording(tmp_path / "c.jsonl", *FOUR[:2], ask("elsewhere"))
    found = counted(a, b, baseline=again)
    assert (found.pairs, found.baseline, found.baseline_alone) == (4, 2, 1)


def test_several_files_are_one_recording(tmp_path: Path) -> None:
    """A recording that was begun anew in a second file is paired as one."""
    first, second = recording(tmp_path / "a1.jsonl", *FOUR[:2]), recording(tmp_path / "a2.jsonl", *FOUR[2:])
    assert counted((first, second), tmp_path / recording(tmp_path / "b.jsonl", *FOUR)).pairs == 4


def test_one_file_of_both_roles_is_both_sides(tmp_path: Path) -> None:
    """Records of the other role in a file are left out, and counted."""
    control = recording(tmp_path / "a.jsonl", FOUR[0], replace(FOUR[1], role="candidate"))
    assert counted(control, recording(tmp_path / "b.jsonl", FOUR[0])).left_out == 1


@pytest.mark.parametrize("again", ["a.jsonl", "./a.jsonl", "link.jsonl"])
def test_a_file_given_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: str) -> None:
    """The same file on two sides is refused by its names, however it is spelt."""
    monkeypatch.chdir(tmp_path)
    recording(tmp_path / "a.jsonl", *FOUR)
    recording(tmp_path / "b.jsonl", *FOUR)
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "a.jsonl")
    for candidate, baseline in ((again, ()), ("b.jsonl", again)):
        with pytest.raises(
            UnpairedRecordingsError, match=f"{again} is given twice.*proves nothing; give one recording"
        ):
            counted("a.jsonl", candidate, baseline=baseline)
    with pytest.raises(UnpairedRecordingsError, match="given twice"):
        counted("-", "-")


@pytest.mark.parametrize("side", ["control", "candidate", "baseline"])
@pytest.mark.parametrize(
    ("data", "why"), [(b"", ""), (b"\n", ""), (encode_exchange(FOUR[0])[:30], r" \(.*:1: the last line is cut short")]
)
def test_a_side_that_holds_nothing_is_refused(tmp_path: Path, side: str, data: bytes, why: str) -> None:
    """A side without any exchange is named with its file, and with what is wrong in it."""
    files = {name: recording(tmp_path / f"{name}.jsonl", *FOUR) for name in ("control", "candidate", "baseline")}
    Path(files[side]).write_bytes(data)
    with pytest.raises(
        UnpairedRecordingsError, match=f"the {side}, .*{side}.jsonl, holds no exchange.*{why}.*record it"
    ):
        counted(files["control"], files["candidate"], baseline=files["baseline"])


def test_recordings_of_other_calls_are_refused(tmp_path: Path) -> None:
    """Where no two exchanges belong together that is said, with what either side begins with."""
    a, b = recording(tmp_path / "a.jsonl", *FOUR), recording(tmp_path / "b.jsonl", ask("x", model="gpt-5"))
    said = "no exchange of the control has a partner in the candidate.*gpt-4o.* and 2 more; the candidate with .*gpt-5"
    with pytest.raises(UnpairedRecordingsError, match=said):
        counted(a, b)
    with pytest.raises(UnpairedRecordingsError, match="has a partner in the baseline"):
        counted(a, recording(tmp_path / "c.jsonl", *FOUR), baseline=b)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A file that is not there is refused by name."""
    with pytest.raises(UnusableFileError, match=r"none\.jsonl"):
        counted(recording(tmp_path / "a.jsonl", *FOUR), tmp_path / "none.jsonl")
