"""Slowness: the control's running 95th percentile, which says when a request counts as slow.

Not the event (`bad_events`), not what follows from it (`guard`). The threshold is taken when a request is decided on, so that it
does not depend on the request itself: then the arm of a slow request is as good evidence as that of a failed one.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque

from shim.migration.decision import SlowAfter

__all__ = ["Slowness"]

# The last so many of the control's answers: recent enough to move with the day, enough for a steady percentile.
_LAST = 1000

# With fewer the 95th percentile is the luck of some five answers.
_FEWEST = 100

# How many answers a threshold holds for, at most: computing it costs little, a new struct for each request is not free.
_RENEWED_EACH = 20

_PERCENTILE = 0.95


class Slowness:
    """The control's last answers, streamed and whole ones apart. Not locked: its owner is."""

    def __init__(self) -> None:
        self._whole = _Window()
        self._streamed = _Window()
        self._added = 0
        self.slow_after = SlowAfter()

    def add(self, seconds: float, *, streamed: bool) -> None:
        """Take an answer of the control's."""
        (self._streamed if streamed else self._whole).add(seconds)
        self._added += 1
        if self._added % _RENEWED_EACH == 0:
            self.slow_after = SlowAfter(whole=self._whole.percentile(), streamed=self._streamed.percentile())


class _Window:
    def __init__(self) -> None:
        self._order: deque[float] = deque()
        self._sorted: list[float] = []

    def add(self, seconds: float) -> None:
        if len(self._order) == _LAST:
            del self._sorted[bisect_left(self._sorted, self._order.popleft())]
        self._order.append(seconds)
        insort(self._sorted, seconds)

    def percentile(self) -> float | None:
        count = len(self._sorted)
        return self._sorted[int(count * _PERCENTILE)] if count >= _FEWEST else None
