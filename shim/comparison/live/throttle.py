"""The pace of work beside production: at most a share of the time, measured as it passes.

Not the work (`worker`). The share is of wall time: the interpreter's lock is shared with production, so work that waits for
it is work that is in the way, and readers may keep threads of their own whose processor time a thread cannot see.
"""

from __future__ import annotations

import math
import threading


def bounded(seconds: float) -> float:
    """A time that a thread or a lock can be waited for, which for ever is not; half of the longest, as something may be added."""
    return min(seconds, threading.TIMEOUT_MAX / 2)


class Throttle:
    """Says how long to rest, so that over any time the work takes at most its share of it.

    Args:
        share: of the time, over 0 and up to 1; 1 never rests.
        burst: seconds of work that may come together after a quiet time.
    """

    def __init__(self, share: float, *, burst: float) -> None:
        self._share = share
        self._burst = burst
        self._credit = burst
        self._at: float | None = None

    def worked(self, seconds: float, *, now: float) -> None:
        """Take off what a piece of work took that ended now, in seconds; `rest` was asked before it."""
        self._earn(now, spent=seconds)

    def rest(self, now: float) -> float:
        """Seconds to rest before the next piece of work; 0 for none."""
        self._earn(now)
        missing = -self._credit
        return missing / self._share if missing > 0 and self._share < 1 else 0.0

    def _earn(self, now: float, *, spent: float = 0.0) -> None:
        passed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now
        self._credit = min(self._burst, self._credit + passed * self._share - spent)


class Ration:
    """At most so many a minute; what is over is counted, and told with the next that passes."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._minute = -math.inf
        self._passed = 0
        self._held_back = 0

    def pass_one(self, now: float) -> int | None:
        """None where this one is held back, else how many were since the last that passed; `now` in seconds."""
        if now - self._minute >= 60:
            self._minute, self._passed = now, 0
        if self._passed >= self._per_minute:
            self._held_back += 1
            return None
        self._passed += 1
        held_back, self._held_back = self._held_back, 0
        return held_back
