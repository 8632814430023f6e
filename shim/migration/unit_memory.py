"""Unit memory: what has been counted of which conversation in this step, in bounded room.

Not the store's memory, which all processes share (`store`).
"""

from __future__ import annotations

# So many units in each of two generations. A unit is known again while it is among the last 50,000 that did something, which
# is hours of most services; one that comes back later counts as a new one. An entry takes some 100 bytes: 10 MB at most.
MOST_UNITS = 50_000


class UnitMemory:
    """Marks of units, as bits; the units longest idle are forgotten when there are too many.

    A unit is kept as its 8-byte hash, which is another one in each process: no conversation's id stays in memory.
    """

    def __init__(self, *, most: int = MOST_UNITS) -> None:
        self._most = most
        self._young: dict[int, int] = {}
        self._old: dict[int, int] = {}

    def mark(self, unit: str, bits: int) -> int | None:
        """Give a unit some marks; those it had before, None where it had all of these already."""
        key = hash(unit)
        marks = self._young.get(key)
        if marks is None:
            marks = self._old.get(key, 0)
            if len(self._young) >= self._most:
                self._old, self._young = self._young, {}
        elif marks & bits == bits:
            return None
        self._young[key] = marks | bits
        return None if marks & bits == bits else marks

    def forget(self) -> None:
        """Forget all units."""
        self._young, self._old = {}, {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
