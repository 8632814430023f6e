"""Tests of the budget: at no time is more spent than it allows, and a limit that is none is refused at set-up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shim.comparison.shadow_rung.budget import ShadowBudget, Spending

WIDE: dict[str, int] = {
    "calls_per_minute": 10**9,
    "calls_per_day": 10**9,
    "tokens_per_minute": 10**9,
    "tokens_per_day": 10**9,
}


def spending(**limits: int) -> Spending:
    """An account with these limits alone."""
    return Spending(ShadowBudget(**(WIDE | limits)))


@pytest.mark.parametrize("value", [0, -1, 1.5, True, None, "10", float("nan")])
@pytest.mark.parametrize("name", ShadowBudget.__struct_fields__)
def test_a_limit_is_a_whole_number(name: str, value: Any) -> None:
    """What is no whole number above zero is refused by name."""
    with pytest.raises(ValueError, match=name):
        ShadowBudget(**{name: value})


def test_calls_of_a_minute_and_of_a_day() -> None:
    """Calls are refused by the limit they would pass, and allowed again when the window has moved on."""
    account = spending(calls_per_minute=2, calls_per_day=3)
    assert [account.reserve(1, 0, now=now) for now in (0.0, 1.0, 2.0)] == [None, None, "calls_per_minute"]
    assert account.reserve(1, 0, now=62.0) is None
    assert account.reserve(1, 0, now=200.0) == "calls_per_day"
    assert account.reserve(1, 0, now=86_600.0) is None


def test_calls_of_a_pair_are_taken_together() -> None:
    """A call and its baseline fit together or not at all."""
    account = spending(calls_per_minute=3)
    assert account.reserve(2, 0, now=0.0) is None
    assert account.reserve(2, 0, now=1.0) == "calls_per_minute"
    assert account.reserve(1, 0, now=2.0) is None


def test_tokens_under_way_count_by_their_estimate() -> None:
    """An estimate holds room until the call has ended, then what was used does."""
    account = spending(tokens_per_minute=100)
    assert account.reserve(1, 80, now=0.0) is None
    assert account.reserve(1, 30, now=1.0) == "tokens_per_minute"
    account.settle(80, 20, now=2.0)
    assert account.reserve(1, 80, now=3.0) is None
    assert account.tokens(3.0) == 100
    account.settle(80, 500, now=4.0)
    assert account.reserve(1, 1, now=5.0) == "tokens_per_minute"
    assert account.reserve(1, 1, now=66.0) is None


def test_an_estimate_that_outlives_its_minute_is_not_forgotten() -> None:
    """A call that takes longer than the window still holds its room."""
    account = spending(tokens_per_minute=100)
    assert account.reserve(1, 80, now=0.0) is None
    assert account.reserve(1, 30, now=300.0) == "tokens_per_minute"
    account.settle(80, 0, now=301.0)
    assert account.reserve(1, 100, now=302.0) is None


@settings(max_examples=50)
@given(st.lists(st.tuples(st.floats(0, 20), st.integers(1, 3)), max_size=60))
def test_no_minute_has_more_than_its_calls(steps: list[tuple[float, int]]) -> None:
    """Whatever comes when, the calls taken within any sixty seconds are no more than allowed."""
    account, now, taken = spending(calls_per_minute=5), 0.0, []
    for wait, calls in steps:
        now += wait
        if account.reserve(calls, 0, now=now) is None:
            taken.append((now, calls))
    for start, _ in taken:
        assert sum(calls for at, calls in taken if start <= at < start + 60) <= 5
