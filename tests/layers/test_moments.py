"""Tests of the moments at which a layer looks at its calls again."""

from __future__ import annotations

import weakref

from shim.layers.moments import Moments
from tests.layers.hand_clock import HandClock


class Thing:
    """What can be looked at, and seen to die."""


def test_the_first_is_at_hand_and_each_falls_due_once() -> None:
    """They fall due in the order of their moments, once, and the time until the first is told in whole milliseconds."""
    clock = HandClock()
    moments: Moments[str] = Moments(clock)
    for seconds, name in ((3, "c"), (1, "a"), (2, "b")):
        moments.make(clock.now + seconds, name)
    assert moments.soonest(-1) == moments.soonest(5000) == 1000
    assert moments.soonest(10) == 10
    assert list(moments.due(clock.now)) == []
    assert list(moments.due(clock.now + 2)) == ["a", "b"]
    assert list(moments.due(clock.now + 9)) == ["c"]
    assert moments.soonest(-1) == -1


def test_a_new_moment_takes_the_place_of_the_old() -> None:
    """A call that is moved, earlier or later, falls due at the new moment alone; at infinity never."""
    clock = HandClock()
    moments: Moments[str] = Moments(clock)
    for name in "ab":
        moments.make(clock.now + 5, name)
    moments.make(clock.now + 1, "a")
    moments.make(clock.now + 9, "b")
    assert list(moments.due(clock.now + 5)) == ["a"]
    moments.make(float("inf"), "b")
    assert moments.soonest(-1) == -1


def test_what_is_forgotten_is_not_kept_alive_and_takes_no_room() -> None:
    """A forgotten call dies at once, also behind one that is due earlier, and thousands leave a short heap."""
    clock = HandClock()
    moments: Moments[Thing] = Moments(clock)
    first = Thing()
    moments.make(clock.now + 1, first)
    for number in range(5000):
        thing = Thing()
        moments.make(clock.now + 60 + number, thing)
        moments.forget(thing)
    left = weakref.ref(thing)
    del thing
    assert left() is None
    assert len(moments) < 100
