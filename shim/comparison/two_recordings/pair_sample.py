"""A sample of pairs: all up to so many, and of more each with the same chance, whatever it holds.

Not what is concluded from them (`shim.comparison.shadow_rung.shadow_report`). Which are kept depends on nothing but their places,
so that the same recordings give the same report. Bottom-k by a hash of the place: Cohen and Kaplan (2007), PODC, 225.
"""

from __future__ import annotations

import hashlib
import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shim.comparison.shadow_rung.observation import ShadowPair


class PairSample:
    """Keeps at most so many pairs; `offered` counts all."""

    def __init__(self, most: int) -> None:
        self.offered = 0
        self._most = most
        self._heap: list[tuple[int, int, ShadowPair]] = []  # the largest hash first, as that one goes first

    def add(self, pair: ShadowPair) -> None:
        """Take a pair, or let it or another one go."""
        entry = (-_hash(self.offered), self.offered, pair)
        self.offered += 1
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    @property
    def pairs(self) -> list[ShadowPair]:
        """Those kept, in the order in which they came."""
        return [pair for _, _, pair in sorted(self._heap, key=lambda entry: entry[1])]


def _hash(place: int) -> int:
    return int.from_bytes(hashlib.blake2b(place.to_bytes(8, "big"), digest_size=8).digest(), "big")
