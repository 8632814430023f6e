"""Tests that both providers tell the same of the same bytes: response, events, error, status and headers."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest

from shim.testing.fake_openai import FakeOpenAI
from tests.equivalence.both import Both, plan_for_both
from tests.equivalence.cases import ASKED, BROKEN, EVERY, REPLAYED, STALLED, Case
from tests.equivalence.table import ROWS, check

CASES = [*ASKED, *REPLAYED, *BROKEN]
IMPATIENT_SECONDS = 0.1


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_the_same_bytes_are_told_the_same(listener: FakeOpenAI, both: Both, case: Case) -> None:
    """Every answer, however broken, is the same response, events and error from either, save for the table's rows."""
    plan_for_both(listener, case.behaviour)
    pair = both.ask(case.request, stream=case.stream)
    check(case.name, pair.differences)


@pytest.mark.parametrize("case", STALLED, ids=[case.name for case in STALLED])
def test_the_same_silence_is_told_the_same(listener: FakeOpenAI, case: Case) -> None:
    """A server that falls silent is the same timeout with the same partial response from either."""
    plan_for_both(listener, case.behaviour)
    limits = {"connect_timeout": IMPATIENT_SECONDS, "read_timeout": IMPATIENT_SECONDS}
    with Both(listener.base_url, **limits) as both:
        pair = both.ask(case.request, stream=case.stream)
    check(case.name, pair.differences)


def test_every_row_of_the_table_has_its_cases() -> None:
    """Each row gives a reason, and each of its patterns names a case there is."""
    names = [case.name for case in EVERY]
    assert len(names) == len(set(names))
    for row in ROWS:
        assert row.reason
        unused = [pattern for pattern in row.cases if not any(fnmatchcase(name, pattern) for name in names)]
        assert not unused, f"no case is called {unused}: {row.reason}"


def test_a_row_that_is_not_needed_fails() -> None:
    """A difference the table does not have fails its case, and so does a row that a case does not need."""
    with pytest.raises(AssertionError, match="differ in"):
        check("whole/asked/simple text", {"response": (1, 2)})
    with pytest.raises(AssertionError, match="no longer differ"):
        check("whole/fault/SSH", {})
