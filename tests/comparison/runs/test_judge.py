"""Tests of the judge of one line: what is kept of an exchange, and what becomes of a line or comparer that is broken."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from shim.comparison.runs.judge import BATCH_BYTES, Judge, Judged, batches
from shim.comparison.runs.lines import Line
from shim.comparison.runs.tally import Facts
from shim.comparison.verdict import Outcome, Verdict
from shim.recording.exchange import Exchange
from shim.recording.files import encode_exchange
from tests.comparison.stand_ins import Obedient, Together, encoded, judged_alone
from tests.helpers.exchanges import exchange


def judge(data: bytes, *, details: int = 0) -> Judged:
    """Judge one line, the eighth of its file."""
    return judged_alone(Line("a.jsonl", 8, 7, data), details=details)[1]


def test_verdicts_are_numbered() -> None:
    """Each verdict bears the place of its line among all."""
    found = judge(encoded("match-1")[0])
    assert [(verdict.rung, verdict.number) for verdict in found.verdicts] == [("wire", 7), ("tee", 7)]
    assert (found.pair_id, found.number, found.fault, found.wants_attention) == ("match-1", 7, "", False)
    assert isinstance(found.facts, Facts)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[]\n", "take this line out"),
        (b'{"schema": "shim.exchange/2.0"}\n', "update the reader"),
        (b'{"schema": "shim.exchange/2.0"}', "its schema is 'shim.exchange/2.0'"),
        (encoded("a")[0][:-5] + b"\n", "it is no JSON object"),
        (encoded("a")[0][:-5], "the last line is cut short"),
    ],
)
def test_an_unusable_line_says_why(data: bytes, said: str) -> None:
    """What cannot be used says why and what to do; a line without its end was cut short."""
    found = judge(data)
    assert said in found.fault
    assert (found.facts, found.verdicts) == (None, ())


def test_a_whole_line_needs_no_line_feed() -> None:
    """A last line that is whole is compared, whether or not its line feed came."""
    assert judge(encoded("match")[0].rstrip()).verdicts


def test_a_comparer_that_raises_has_failed() -> None:
    """An exception of a comparer is a failed comparator on each rung, with the exception named."""
    found = judge(encoded("raise-1")[0])
    assert {verdict.outcome for verdict in found.verdicts} == {Outcome.FAILED}
    assert [verdict.rung for verdict in found.verdicts] == ["wire", "tee"]
    assert found.verdicts[0].reason == "RuntimeError: out of order"
    assert "raise-1" in found.verdicts[0].message


def test_the_candidate_s_own_records_are_left_alone() -> None:
    """An exchange that the candidate made is ignored with that reason: it would be compared with itself."""
    found = judge(encode_exchange(exchange(pair_id="mismatch", role="candidate")))
    assert {verdict.outcome for verdict in found.verdicts} == {Outcome.IGNORED}
    assert {verdict.reason for verdict in found.verdicts} == {
        "it is the candidate's own record; the control's are compared"
    }


def test_readings_are_had_for_the_first_that_want_attention() -> None:
    """What both sides made of it is read for as many exchanges as asked for, and only where something is amiss."""
    judges = Judge(Obedient(), details=1)
    lines = encoded("match-0", "mismatch-1", "mismatch-2")
    found = [each for _, each in judges.judge(Line("a", place + 1, place, data) for place, data in enumerate(lines))]
    assert [each.readings is not None for each in found] == [False, True, False]


def test_the_comparer_is_closed() -> None:
    """Closing a judge closes its comparer."""
    comparer = Obedient()
    Judge(comparer).close()
    assert comparer.closed


def lines_of(*data: bytes) -> list[Line]:
    """These lines, one file."""
    return [Line("a.jsonl", number + 1, number, each) for number, each in enumerate(data)]


MIXED = (
    *encoded("match-0", "mismatch-1"),
    b"[]\n",
    encode_exchange(exchange(pair_id="mismatch-3", role="candidate")),
    *encoded("ignored-4", "failed-5"),
)


def test_many_lines_are_judged_as_each_by_itself() -> None:
    """Unusable lines and the candidate's own between them, each line gets what it gets alone."""
    together = Together()
    lines = lines_of(*MIXED)
    assert list(Judge(together).judge(lines)) == [judged_alone(line) for line in lines]
    assert together.given == [2, 2]


def test_a_comparer_that_raises_among_many_is_told_of_its_own() -> None:
    """One exchange that a comparer cannot stand leaves the verdicts on the others as they are."""
    lines = lines_of(*MIXED, *encoded("raise-6", "match-7"))
    assert list(Judge(Together()).judge(lines)) == [judged_alone(line) for line in lines]


def batches_of(comparer: Obedient, *, count: int) -> list[int]:
    """How many of so many lines are compared together, batch after batch."""
    told: list[int] = []
    judge_of_all = Judge(comparer, on_batch=lambda batch: told.append(len(batch)))
    assert len(list(judge_of_all.judge(lines_of(*encoded(*["match"] * count))))) == count
    return told


def test_as_many_lines_are_judged_together_as_the_comparer_wants() -> None:
    """How many lines are best judged together is the comparer's to say, and they are told before they are compared."""
    assert batches_of(Together(), count=7) == [3, 3, 1]
    assert batches_of(Obedient(), count=3) == [1, 1, 1]


def test_a_batch_is_full_by_number_or_by_bytes() -> None:
    """Lines come in order, as many together as wished at that moment, fewer where they are long."""
    lines = lines_of(*[b"x" * (BATCH_BYTES // 2)] * 5)
    assert [len(batch) for batch in batches(lines, lambda: 3)] == [2, 2, 1]
    sizes = iter([1, 2, 2, 9, 9, 9])
    found = list(batches(lines_of(*[b"x"] * 5), lambda: next(sizes)))
    assert [line.number for batch in found for line in batch] == [0, 1, 2, 3, 4]
    assert [len(batch) for batch in found] == [1, 2, 2]


class Strict(Together):
    """A comparer that judges otherwise than the one it inherits from, one at a time."""

    def compare(self, asked: Exchange) -> list[Verdict]:
        """Find fault with everything."""
        return [replace(each, outcome=Outcome.MISMATCH) for each in super().compare(asked)]


class Stricter(Strict):
    """One that has its own way with many as well."""

    def compare_all(self, exchanges: Sequence[Exchange]) -> list[list[Verdict]]:
        """Compare each."""
        return [self.compare(each) for each in exchanges]


@pytest.mark.parametrize(("make", "together"), [(Strict, [1, 1]), (Stricter, [2])])
def test_who_compares_one_in_a_way_of_its_own_is_given_one(make: type[Together], together: list[int]) -> None:
    """A comparer that defines `compare` anew is asked by it, not by the inherited way for many."""
    found = list(Judge(make()).judge(lines_of(*encoded("match-0", "match-1"))))
    assert {verdict.outcome for _, each in found for verdict in each.verdicts} == {Outcome.MISMATCH}
    assert batches_of(make(), count=2) == together
