"""A fuzzer's input taken apart: some bytes that steer, and the rest, whole or in pieces.

Not the targets (`targets`). What steers stands in front, so that a seed keeps its meaning whatever the fuzzer appends.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")
STEERING = 2
"""Bytes in front of an input that steer: what is chosen, and where it is split."""
_MOST_CUTS = 12


class FuzzInput:
    """An input: `data` behind two bytes that steer."""

    def __init__(self, raw: bytes) -> None:
        steering = raw[:STEERING].ljust(STEERING, b"\0")
        self.data = raw[STEERING:]
        self._choice, self._cuts = steering

    def chosen(self, among: Sequence[Item]) -> Item:
        """One of several."""
        return among[self._choice % len(among)]

    def flag(self) -> bool:
        """A yes or no that does not depend on what is chosen among less than sixteen."""
        return self._choice >= 128

    def pieces(self, data: bytes | None = None) -> list[bytes]:
        """Its data, or what was made of that, in pieces, cut where the input says; none is empty."""
        data = self.data if data is None else data
        if self._cuts == 1:
            return [data[at : at + 1] for at in range(len(data))]
        dice = random.Random(self._cuts)  # noqa: S311 - an input has to give the same each time, and nothing more
        places = sorted(dice.randrange(len(data) + 1) for _ in range(dice.randrange(_MOST_CUTS)))
        bounds = [0, *places, len(data)]
        return [data[start:end] for start, end in itertools.pairwise(bounds) if end > start]
