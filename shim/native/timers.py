"""Appointments: which transfers to look at, and when; the first one due is always at hand.

Not what is looked for (`http_multi`). A heap; an appointment is kept until it falls due, or most are of transfers that ended.
"""

from __future__ import annotations

import heapq
import math

from shim.native.transfer import Transfer

_MOST_STALE = 64  # beside as many as are running


class Appointments:
    """Moments in monotonic seconds, each with a transfer; an ended transfer's are skipped.

    Attributes:
        soonest: the first moment, infinity for none.
    """

    def __init__(self) -> None:
        self.soonest = math.inf
        self._heap: list[tuple[float, int, Transfer]] = []
        self._made = 0
        self._most = (
            _MOST_STALE  # in the heap, before those of the ended are forgotten: they would wait there for their moment
        )

    def __len__(self) -> int:
        return len(self._heap)

    def make(self, moment: float, transfer: Transfer) -> None:
        """Look at a transfer at a moment; infinity is never."""
        if moment < math.inf:
            self._made = made = self._made + 1  # tells apart two at the same moment, so that no transfers are compared
            heapq.heappush(self._heap, (moment, made, transfer))
            if moment < self.soonest:
                self.soonest = moment
            if len(self._heap) > self._most:
                self._tidy()

    def forget_ended(self) -> None:
        """Take it that transfers have ended, whose moments may be the soonest."""
        heap = self._heap
        while heap and heap[0][2].easy is None:
            heapq.heappop(heap)
        self.soonest = heap[0][0] if heap else math.inf

    def due(self, now: float) -> list[Transfer]:
        """Take those that have fallen due by now, each once: what becomes of it at one moment may end it."""
        heap = self._heap
        due: dict[Transfer, None] = {}
        while heap and heap[0][0] <= now:
            transfer = heapq.heappop(heap)[2]
            if transfer.easy is not None:
                due[transfer] = None
        self.soonest = heap[0][0] if heap else math.inf
        return list(due)

    def _tidy(self) -> None:
        """Forget the ended; when next depends on how many are left, so that each appointment pays for a few."""
        self._heap = [entry for entry in self._heap if entry[2].easy is not None]
        heapq.heapify(self._heap)
        self._most = 2 * len(self._heap) + _MOST_STALE
        self.forget_ended()

    def clear(self) -> None:
        """Forget all."""
        self._heap.clear()
        self.soonest = math.inf
