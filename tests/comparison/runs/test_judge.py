"""Tests of the judge of one line: what is kept of an exchange, and what becomes of a line or comparer that is broken."""

from __future__ import annotations

import pytest

from shim.comparison.recording.records import encode_exchange
from shim.comparison.runs.judge import Judge, Judged
from shim.comparison.runs.lines import Line
from shim.comparison.runs.tally import Facts
from shim.comparison.verdict import Outcome
from tests.comparison.made import exchange
from tests.comparison.stand_ins import Obedient, encoded


def judge(data: bytes, *, details: int = 0) -> Judged:
    """Judge one line, the eighth of its file."""
    return Judge(Obedient(), details=details).judge(Line("a.jsonl", 8, 7, data))


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
    found = [judges.judge(Line("a", number + 1, number, data)) for number, data in enumerate(lines)]
    assert [each.readings is not None for each in found] == [False, True, False]


def test_the_comparer_is_closed() -> None:
    """Closing a judge closes its comparer."""
    comparer = Obedient()
    Judge(comparer).close()
    assert comparer.closed
