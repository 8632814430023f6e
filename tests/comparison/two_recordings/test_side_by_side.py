"""Tests of two recordings in several processes, and of a run that goes on where it ended: real processes, real signals."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from shim.comparison import IgnoreRule, compare_recordings
from shim.comparison.runs.journal import Journal, JournalError
from shim.comparison.runs.json_report import encode_plain
from shim.comparison.runs.judge import Judged
from shim.comparison.runs.lines import Line
from shim.comparison.two_recordings import compare_recordings as module
from shim.comparison.two_recordings.compare_recordings import TwoRecordings
from shim.comparison.two_recordings.index_lines import ReadsKeys
from shim.comparison.two_recordings.pair_comparer import PairComparer
from shim.comparison.two_recordings.pair_lines import RecordedPair
from shim.comparison.verdict import Outcome, Verdict
from shim.recording.exchange import Exchange
from tests.comparison.two_recordings.asked import answered, ask, recording

COUNT = 120
IGNORE = (IgnoreRule(path="body.seed", reason="never sent", owner="ann"),)


def traffic(side: str) -> list[Exchange]:
    """What a client asked and got: the new one loses a parameter, forgets a request, adds one, and is cut short once."""
    made = [ask(f"q{number}", answer=answered(f"{side} {number}")) for number in range(COUNT)]
    made[11] = ask("q11", seed=1 if side == "new" else None, answer=answered(side, reason="length"))
    made[33] = ask("q33", answer=replace(answered(side), ended="overflow"))
    if side == "new":
        made[7] = ask("q7", temperature=None, answer=answered(side))
        made[50] = ask("something else", answer=answered(side, status=500))
    return made


@pytest.fixture
def sides(tmp_path: Path) -> dict[str, Any]:
    """The recordings: several files on either side, one with a bad line, and a baseline."""
    old, new = traffic("old"), traffic("new")
    return {
        "control": [
            recording(tmp_path / "old-1.jsonl", *old[:60], more=b"no json\n"),
            recording(tmp_path / "old-2.jsonl", *old[60:]),
        ],
        "candidate": [
            recording(tmp_path / "new-1.jsonl", *new[90:]),
            recording(tmp_path / "new-2.jsonl", *new[:90]),
        ],
        "baseline": recording(tmp_path / "again.jsonl", *traffic("again")[:100]),
    }


class Found(Struct):
    """All that a run came to, but for the times it took."""

    lines: list[tuple[Line, Judged]]
    rest: list[Any]

    @property
    def plain(self) -> list[bytes]:
        """What was found in each line, as JSON: of a resumed run values are what JSON keeps of them."""
        return [encode_plain(judged) for _, judged in self.lines]


def found_by(run: TwoRecordings, *, stop_after: int = -1) -> Found:
    """Go through a run, to its end or to the middle."""
    lines: list[tuple[Line, Judged]] = []
    for line, judged in run.go_through():
        verdicts = tuple(replace(each, seconds=0.0) for each in judged.verdicts)
        lines.append((line, replace(judged, verdicts=verdicts, readings=None)))
        if len(lines) == stop_after:
            break
    tally = replace(run.tally, compare_seconds=0.0)
    details = [replace(each, verdict=replace(each.verdict, seconds=0.0)) for each in run.details]
    return Found(lines, [tally, run.faults, details, run.pairing, run.answers(minimum_pairs=5), run.idle_rules])


def compared(sides: dict[str, Any], **settings: Any) -> Found:
    """All that comes of the recordings."""
    with TwoRecordings(**sides, ignore=IGNORE, details=20, **settings) as run:
        return found_by(run)


@pytest.mark.slow
def test_several_processes_find_what_one_finds(sides: dict[str, Any]) -> None:
    """Lines, verdicts, tally, faults, details, pairing and answers are those of one process, in the same order."""
    one, several = compared(sides), compared(sides, workers=2)
    assert several == one
    assert [line.number for line, _ in one.lines] == list(range(COUNT + 1))
    assert [judged.number for _, judged in one.lines if judged.wants_attention] == [7, 50, 120]
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_the_function_takes_workers(sides: dict[str, Any]) -> None:
    """`compare_recordings` compares in several processes, too."""
    seen: dict[int, list[Verdict]] = {1: [], 2: []}
    for workers, kept in seen.items():
        report = compare_recordings(**sides, workers=workers, on_verdict=kept.append)
        assert (report.tally.exchanges, report.tally.unusable) == (COUNT + 1, 1)
    assert [replace(each, seconds=0.0) for each in seen[1]] == [replace(each, seconds=0.0) for each in seen[2]]


class DeadlyComparer(PairComparer):
    """Kills the process that compares a certain pair."""

    def compare(self, pair: RecordedPair) -> list[Verdict]:
        """Die, or compare."""
        if b"q20" in (pair.exchange.request.body or b""):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().compare(pair)


@pytest.mark.slow
def test_a_pair_that_kills_its_worker_ends_nothing(
    sides: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pair is a failed comparator with the signal and its partner named, all others are as ever; resumed, too."""
    expected = compared(sides)
    monkeypatch.setattr(module, "PairComparer", DeadlyComparer)
    for replaced in (2, 0):
        with TwoRecordings(**sides, ignore=IGNORE, details=20, workers=2, open_journal=journal_at(tmp_path)) as run:
            found = found_by(run)
            assert (run.replaced, len(run.obituaries)) == (replaced, replaced)
        (place,) = [
            place for place, each in enumerate(zip(found.plain, expected.plain, strict=True)) if each[0] != each[1]
        ]
        assert place == 20
        _, judged = found.lines[place]
        assert [each.outcome for each in judged.verdicts] == [Outcome.FAILED]
        assert "was ended by SIGKILL" in judged.verdicts[0].reason
        assert judged.partner == f"{sides['candidate'][1]}:21"
        assert run.tally.exchanges == COUNT + 1
    assert not multiprocessing.active_children()


class DeadlyKeys(ReadsKeys):
    """Kills the process that makes the keys of a certain line."""

    def told(self, line: Line, held: Exchange, *, verdicts: tuple[Verdict, ...]) -> Judged:
        """Die, or tell the keys."""
        if b"q20" in (held.request.body or b""):
            os.kill(os.getpid(), signal.SIGKILL)
        return super().told(line, held, verdicts=verdicts)


@pytest.mark.slow
def test_a_line_that_kills_its_index_is_a_fault(sides: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that kills whoever makes its keys is unusable, named with its place and the signal; the others are compared."""
    monkeypatch.setattr(module, "ReadsKeys", DeadlyKeys)
    with TwoRecordings(**sides, workers=2) as run:
        assert run.pairing.pairs == COUNT - 2
        assert [fault.line for fault in run.faults] == [21, 61, 21, 21]
        assert "was ended by SIGKILL" in run.faults[0].message
        assert run.replaced == len(run.obituaries) == 6
        assert len(found_by(run).lines) == COUNT


class DeadlyOnce(PairComparer):
    """Kills the first process that compares a certain pair."""

    def compare(self, pair: RecordedPair) -> list[Verdict]:
        """Die, or compare."""
        killed = Path(os.environ["KILLED"])
        if b"q20" in (pair.exchange.request.body or b"") and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().compare(pair)


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_no_pair(
    sides: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill -9 of a worker at its work changes nothing of what is found."""
    expected = compared(sides)
    monkeypatch.setenv("KILLED", str(tmp_path / "killed"))
    monkeypatch.setattr(module, "PairComparer", DeadlyOnce)
    with TwoRecordings(**sides, ignore=IGNORE, details=20, workers=2) as run:
        assert found_by(run) == expected
        assert (tmp_path / "killed").exists()
        assert run.replaced == 1


def journal_at(folder: Path, **options: Any) -> Callable[[dict[str, Any]], Journal]:
    """Opens a journal in a folder."""
    return lambda told: Journal(folder / "journal", options={**options, **told})


class Counting(PairComparer):
    """Counts what it compares, in this process."""

    compared = 0

    def compare(self, pair: RecordedPair) -> list[Verdict]:
        """Count."""
        Counting.compared += 1
        return super().compare(pair)


@pytest.mark.slow
def test_a_run_goes_on_where_it_ended(sides: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an interruption only what was not compared is, and all that is found is what one run finds, answers too."""
    expected = compared(sides)
    with TwoRecordings(**sides, ignore=IGNORE, open_journal=journal_at(tmp_path)) as broken:
        found_by(broken, stop_after=40)
    monkeypatch.setattr(module, "PairComparer", Counting)
    for left in (COUNT + 1 - 40, 0):
        Counting.compared = 0
        resumed = compared(sides, open_journal=journal_at(tmp_path))
        assert Counting.compared == left
        assert resumed.rest[:1] == expected.rest[:1]
        assert resumed.plain == expected.plain
        assert resumed.rest[4:] == expected.rest[4:]


@pytest.mark.slow
@pytest.mark.parametrize("side", ["control", "candidate", "baseline"])
def test_a_journal_of_other_recordings_is_refused(sides: dict[str, Any], tmp_path: Path, side: str) -> None:
    """A journal is refused by the name of the recording that is another: one more exchange, another order, or none at all."""
    compared(sides, open_journal=journal_at(tmp_path))
    more = recording(tmp_path / "more.jsonl", ask("more"))
    files = [sides[side]] if isinstance(sides[side], str) else sides[side]
    for other in ([*files, more], list(reversed(files)), []):
        if other and other != files:
            with pytest.raises(JournalError, match=rf"other options \(the {side}'s recording\); give the same, or"):
                compared({**sides, side: other}, open_journal=journal_at(tmp_path))
    with pytest.raises(JournalError, match="baseline's recording"):
        compared({**sides, "baseline": ()}, open_journal=journal_at(tmp_path))


def test_a_journal_of_other_rules_or_versions_is_refused(sides: dict[str, Any], tmp_path: Path) -> None:
    """A journal made with other ignore rules, or by another version, is refused by that name."""
    compared(sides, open_journal=journal_at(tmp_path, version="1"))
    with (
        pytest.raises(JournalError, match=r"\(ignore\)"),
        TwoRecordings(**sides, open_journal=journal_at(tmp_path, version="1")),
    ):
        pass
    with pytest.raises(JournalError, match=r"\(version\)"):
        compared(sides, open_journal=journal_at(tmp_path, version="2"))


def test_an_answer_that_changed_since_is_refused(sides: dict[str, Any], tmp_path: Path) -> None:
    """A candidate's file that asks the same and was answered otherwise is no file of the journal's."""
    compared(sides, open_journal=journal_at(tmp_path))
    path = Path(sides["candidate"][1])
    path.write_bytes(path.read_bytes().replace(b"new 0", b"old 0"))
    with pytest.raises(JournalError, match="was made from other files: exchange 0 is not"):
        compared(sides, open_journal=journal_at(tmp_path))
