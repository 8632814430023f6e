"""Tests of what counts as a bad event."""

from __future__ import annotations

import pytest

from shim.migration import SlowAfter
from shim.migration.bad_events import ERROR, ERRORS, SLOW, bad_kinds
from shim.model import ErrorCategory
from tests.migration.helpers.completions import answered, failed

CALLERS_OWN = {ErrorCategory.CANCELLED, ErrorCategory.ABORTED}


def test_every_category_has_a_rule_and_a_reason() -> None:
    """No kind of error is left to chance."""
    assert set(ERRORS) == set(ErrorCategory)
    assert all(rule.why for rule in ERRORS.values())


@pytest.mark.parametrize("category", list(ErrorCategory))
def test_errors_count_unless_they_are_the_callers(category: ErrorCategory) -> None:
    """An error is a bad event unless the caller ended the request, or its callback raised."""
    expected = () if category in CALLERS_OWN else (ERROR,)
    assert bad_kinds(failed(category), SlowAfter(whole=0.0, streamed=0.0)) == expected


@pytest.mark.parametrize(
    ("seconds", "streamed", "slow_after", "expected"),
    [
        (0.5, False, SlowAfter(), ()),
        (0.5, False, SlowAfter(whole=0.6), ()),
        (0.5, False, SlowAfter(whole=0.4), (SLOW,)),
        (0.5, False, SlowAfter(streamed=0.4), ()),
        (0.5, True, SlowAfter(streamed=0.4), (SLOW,)),
        (0.5, True, SlowAfter(whole=0.1), ()),
    ],
)
def test_slow_is_over_the_threshold_of_its_kind(
    *, seconds: float, streamed: bool, slow_after: SlowAfter, expected: tuple[str, ...]
) -> None:
    """A stream is slow by its first event, a whole answer by its end, and neither where no threshold is known."""
    assert bad_kinds(answered(seconds, streamed=streamed), slow_after) == expected
