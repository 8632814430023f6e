"""Tests of shim.comparison.live.throttle: a share of the time, and so many a minute."""

from __future__ import annotations

import pytest

from shim.comparison.live.throttle import Ration, Throttle


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("piece", [0.001, 0.07, 3.0])
def test_work_takes_its_share_of_the_time(share: float, piece: float) -> None:
    """However long a piece of work is, over time the work takes its share and at most the burst and one piece more."""
    pace, now, worked = Throttle(share, burst=0.5), 100.0, 0.0
    for _ in range(500):
        now += pace.rest(now)
        now += piece
        worked += piece
        pace.worked(piece, now=now)
        assert worked <= share * (now - 100) + 0.5 + piece + 1e-6
    assert worked >= share * (now - 100) - 1e-6  # it does not rest longer than it must


def test_work_that_is_rare_never_rests() -> None:
    """Work below its share comes at once, and a long quiet time saves up the burst alone."""
    pace, now = Throttle(0.1, burst=0.5), 0.0
    for _ in range(100):
        now += 10
        assert pace.rest(now) == 0
        pace.worked(0.4, now=now)
    assert pace.rest(now + 1000) == 0
    pace.worked(1.0, now=now + 1001)
    assert pace.rest(now + 1001) == pytest.approx(4.0)


def test_the_whole_share_never_rests() -> None:
    """A share of 1 sets no limit."""
    pace = Throttle(1, burst=0.5)
    pace.worked(1000, now=1)
    assert pace.rest(1) == 0


def test_a_clock_that_stands_still_earns_nothing() -> None:
    """A clock that goes back, or not on, changes no credit."""
    pace = Throttle(0.5, burst=0)
    pace.worked(1, now=10)
    assert pace.rest(9) == pace.rest(9) == pytest.approx(2)


def test_a_ration_passes_so_many_a_minute() -> None:
    """Those over the ration are held back until the minute is over, and their number comes with the next that passes."""
    ration = Ration(2)
    assert [ration.pass_one(now) for now in (0, 1, 2, 59.9, 60, 61, 62, 121)] == [0, 0, None, None, 2, 0, None, 1]


def test_a_ration_of_none_passes_none() -> None:
    """A ration of nothing holds everything back."""
    assert Ration(0).pass_one(5) is None
