"""Tests of the soak: ten seconds of it lose nothing, and what it would have to find is found."""

from __future__ import annotations

import os

import pytest
from msgspec.structs import replace

from bench.soak import MOST_GROWTH, SoakRow, growth_of, main, measure, table
from bench.soak_load import Ledger, Sample
from shim.model import ErrorCategory, ModelResponse, ProviderError
from shim.provider import Completion, RequestHandle, Timing

SECONDS = 6.0
MIB = 1 << 20
GOOD = SoakRow("native", 5, 5, 0, 0, 1, 1, 20, 0, 0, 40 * MIB, 0)
DONE = Completion(RequestHandle("soak", 1), ModelResponse(), None, timing=Timing(started=0.0, finished=0.1))


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_nothing_is_lost_and_nothing_piles_up() -> None:
    """Both providers and a prefork server give each request one completion under load and faults, and leave nothing behind."""
    rows = measure(SECONDS, pause=0.005)
    assert [row.name for row in rows] == ["legacy", "native", *(["prefork"] if hasattr(os, "fork") else [])]
    assert [row.faults for row in rows] == [[]] * len(rows), rows
    told = {name for row in rows for name in row.outcomes}
    assert {"ok", "cancelled", "aborted", "network", "rate_limit", "raised out of the loop"} <= told
    assert table(rows).row_count == len(rows)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"completions": 4, "lost": 1}, "1 requests had no completion"),
        ({"unknown": 2}, "2 completions of no open request"),
        ({"requests": 0, "completions": 0}, "no request was made"),
        ({"most_threads": 500}, "500 threads"),
        ({"most_descriptors": 5000}, "5000 descriptors"),
        ({"threads_left": 1}, "1 threads left"),
        ({"descriptors_left": 3}, "3 descriptors left"),
        ({"growth": MOST_GROWTH + MIB}, "memory grew by"),
        ({"fault": "a child ended with status 9"}, "a child ended with status 9"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, int | str], words: str) -> None:
    """Each thing that must not be is a fault of its row, in words; a good row has none."""
    assert GOOD.faults == []
    assert any(words in each for each in replace(GOOD, **changes).faults)


def test_a_completion_counts_once() -> None:
    """What is told twice, or of nobody, is counted apart, and what was never told is lost."""
    ledger = Ledger()
    for number in (1, 2, 3):
        ledger.start(number)
    failed = replace(DONE, response=None, error=ProviderError(ErrorCategory.TIMEOUT, "late"))
    for number, completion in ((1, DONE), (1, DONE), (2, failed), (9, DONE)):
        ledger.complete(number, completion)
    assert (ledger.started, ledger.completed, ledger.unknown, ledger.lost) == (3, 2, 2, 1)
    assert ledger.outcomes == {"ok": 1, "timeout": 1}


def test_growth_is_from_the_middle_to_the_end() -> None:
    """What a process takes at its start is no growth; what goes on growing is."""

    def growing(*memory: int) -> list[Sample]:
        return [Sample(float(at), 1, 10, each * MIB) for at, each in enumerate(memory)]

    assert growth_of(growing(10, 50, 90, 100, 101, 100, 100, 101, 100)) == 0
    assert growth_of(growing(10, 20, 30, 40, 50, 60, 70, 80, 90)) == 30 * MIB
    assert growth_of(growing(10, 20)) == 0


def test_the_status_is_one_where_something_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command prints the table, says what is wrong, and ends with 1; without faults with 0."""
    for rows, status in (([GOOD], 0), ([GOOD, replace(GOOD, name="legacy", lost=1)], 1)):
        monkeypatch.setattr("bench.soak.measure", lambda _seconds, rows=rows, **_named: rows)
        assert main(["--seconds", "1"]) == status
    assert "legacy: 1 requests had no completion" in capsys.readouterr().out
