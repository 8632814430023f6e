"""Moments: when a layer wants to look at a call again; the first one due is always at hand.

Not what is looked for (`deadlines`, `retries`). A heap, and no thread. A call has one appointment at a time. One that was given
up stays in the heap until it falls due, or most of the heap is of its kind; it holds no call.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

_MOST_STALE = 64

T = TypeVar("T", bound=Hashable)


class Moments(Generic[T]):
    """Calls by the moment they want to be looked at.

    Args:
        clock: in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int]] = []
        self._calls: dict[int, T] = {}
        self._numbers: dict[T, int] = {}
        self._made = 0

    def __len__(self) -> int:
        return len(self._heap)

    def make(self, moment: float, call: T) -> None:
        """Look at a call at a moment of the clock, and at no other; infinity is never."""
        self.forget(call)
        if moment < math.inf:
            self._made += 1
            self._calls[self._made] = call
            self._numbers[call] = self._made
            heapq.heappush(self._heap, (moment, self._made))

    def forget(self, call: T) -> None:
        """Look at a call no more; once most of the heap is stale, the stale leave it."""
        number = self._numbers.pop(call, None)
        if number is None:
            return
        del self._calls[number]
        if len(self._heap) > 2 * len(self._calls) + _MOST_STALE:
            self._heap = [entry for entry in self._heap if entry[1] in self._calls]
            heapq.heapify(self._heap)

    def due(self, now: float) -> Iterator[T]:
        """Take those that have fallen due by now."""
        while self._heap and self._heap[0][0] <= now:
            call = self._calls.pop(heapq.heappop(self._heap)[1], None)
            if call is not None:
                del self._numbers[call]
                yield call

    def soonest(self, timeout: int) -> int:
        """The milliseconds until the first is due, or `timeout`, whichever is less; -1 for never, in and out."""
        while self._heap and self._heap[0][1] not in self._calls:
            heapq.heappop(self._heap)
        if not self._heap:
            return timeout
        # To the nanosecond: as floats, seconds would make 11 ms of a wait of 10.
        left = max(0, math.ceil(round((self._heap[0][0] - self._clock()) * 1000, 6)))
        return left if timeout < 0 else min(left, timeout)
