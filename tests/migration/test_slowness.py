"""Tests of the control's running percentile."""

from __future__ import annotations

import random

from shim.migration import Rollout
from shim.migration.slowness import Slowness
from tests.migration.helpers.completions import answered
from tests.migration.helpers.rollouts import HALF, unit_in

CONTROL = unit_in(50, 100)


def test_few_answers_tell_nothing() -> None:
    """There is no threshold before a hundred answers, and one with the hundredth."""
    slowness = Slowness()
    for _ in range(99):
        slowness.add(0.1, streamed=False)
    assert slowness.slow_after.whole is None
    slowness.add(0.1, streamed=False)
    assert slowness.slow_after.whole == 0.1


def test_it_is_the_95th_percentile_of_the_last_thousand() -> None:
    """The threshold is that of a sorted list of the last thousand, whatever came before."""
    drawn = random.Random(7)  # noqa: S311 - a made-up load
    slowness, all_of_them = Slowness(), []
    for number in range(5000):
        seconds = drawn.expovariate(1.0) * (10 if number < 3000 else 1)
        all_of_them.append(seconds)
        slowness.add(seconds, streamed=True)
    assert slowness.slow_after.streamed == sorted(all_of_them[-1000:])[950]
    assert slowness.slow_after.whole is None


def test_equal_answers_are_kept_apart() -> None:
    """Many answers of one length leave the window one by one."""
    slowness = Slowness()
    for _ in range(1500):
        slowness.add(0.1, streamed=False)
    for _ in range(1000):
        slowness.add(0.2, streamed=False)
    assert slowness.slow_after.whole == 0.2


def test_what_counts_as_slow_is_measured_on_conversations() -> None:
    """Requests without a unit, which are no evidence either, leave the control's percentile alone."""
    rollout = Rollout(HALF)
    for unit, seconds in ((None, 7.0), (CONTROL, 1.0)):
        for _ in range(100):
            rollout.note(rollout.decide(unit), answered(seconds))
    assert rollout.decide(CONTROL).slow_after.whole == 1.0
