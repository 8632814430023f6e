"""Moments: when a layer wants to look at a call again; the first one due is always at hand.

Not what is looked for (`deadlines`, `retries`). A heap, and no thread. A call has one appointment at a time, the one it was given
last; older ones stay in the heap until they fall due, or most of it is theirs.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

_MOST_STALE = 64


class Appointed(Protocol):
    """What can be looked at again."""

    moment: float
    """The clock's seconds; infinity for never."""


T = TypeVar("T", bound=Appointed)


class Moments(Generic[T]):
    """Calls by the moment they want to be looked at.

    Args:
        clock: in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, T]] = []
        self._made = 0

    def __len__(self) -> int:
        return len(self._heap)

    def make(self, moment: float, call: T) -> None:
        """Look at a call at a moment, and at no other."""
        call.moment = moment
        if moment < math.inf:
            self._made += 1  # tells apart two at the same moment, so that no calls are compared
            heapq.heappush(self._heap, (moment, self._made, call))

    def due(self, now: float) -> Iterator[T]:
        """Take those that have fallen due by now."""
        while self._heap and self._heap[0][0] <= now:
            moment, _, call = heapq.heappop(self._heap)
            if call.moment == moment:
                call.moment = math.inf
                yield call

    def soonest(self, timeout: int) -> int:
        """The milliseconds until the first is due, or `timeout`, whichever is less; -1 for never, in and out."""
        while self._heap and self._heap[0][2].moment != self._heap[0][0]:
            heapq.heappop(self._heap)
        if not self._heap:
            return timeout
        # To the nanosecond: as floats, seconds would make 11 ms of a wait of 10.
        left = max(0, math.ceil(round((self._heap[0][0] - self._clock()) * 1000, 6)))
        return left if timeout < 0 else min(left, timeout)

    def forget(self, call: T, *, open_calls: int) -> None:
        """Look at a call no more; once most of the heap is stale, the stale leave it."""
        call.moment = math.inf
        if len(self._heap) > 2 * open_calls + _MOST_STALE:
            self._heap = [entry for entry in self._heap if entry[2].moment == entry[0]]
            heapq.heapify(self._heap)
