"""Tests of shim/compat/legacy_multi/reminder.py."""

from __future__ import annotations

import math
import threading
import time

from shim.compat.legacy_multi.reminder import Reminder


def alive() -> int:
    """Reminders' threads alive now."""
    return sum(thread.name == "shim-legacy-reminder" for thread in threading.enumerate())


def test_it_rings_at_the_moment_that_was_set_last() -> None:
    """An earlier moment replaces a later one, a passed one rings at once, and each rings once."""
    rung = threading.Semaphore(0)
    reminder = Reminder(rung.release)
    reminder.set(time.monotonic() + 3600)
    reminder.set(time.monotonic() + 0.02)
    assert rung.acquire(timeout=10)
    reminder.set(time.monotonic() - 1)
    assert rung.acquire(timeout=10)
    reminder.set(time.monotonic() + 0.02)  # later than what it slept until before
    assert rung.acquire(timeout=10)
    assert not rung.acquire(timeout=0.05)
    reminder.close()
    assert alive() == 0


def test_a_moment_that_was_taken_back_does_not_ring() -> None:
    """Infinity is never, a later moment takes the place of an earlier one, and closing ends the thread at once."""
    rung = threading.Semaphore(0)
    reminder = Reminder(rung.release)
    reminder.set(time.monotonic() + 0.05)
    reminder.set(time.monotonic() + 3600)
    assert not rung.acquire(timeout=0.15)
    reminder.set(math.inf)
    begun = time.monotonic()
    reminder.close()
    reminder.close()
    assert time.monotonic() - begun < 5
    assert alive() == 0


def test_without_a_moment_there_is_no_thread() -> None:
    """A reminder that was never asked for a moment has no thread, and one that is closed makes none."""
    reminder = Reminder(lambda: None)
    reminder.set(math.inf)
    assert alive() == 0
    reminder.close()
    reminder.set(time.monotonic() + 1)
    assert alive() == 0
