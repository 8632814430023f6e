"""Tests of the control's running percentile."""

from __future__ import annotations

import random

from shim.migration.slowness import Slowness


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
