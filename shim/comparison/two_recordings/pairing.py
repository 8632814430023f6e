"""Pairing: which exchange of one recording answers to which of another, by their keys alone.

Not the keys (`keys`) nor the files (`indexed_recording`). Pure, and the same for the same input: key by key, the strictest first,
the n-th exchange with a key goes to the n-th of the other side that has it and no partner yet.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from msgspec import Struct

Column: TypeAlias = "array[int]"
"""One key of each exchange of a recording, in the recording's order; 0 for none."""

ALONE: Final = -1


class PairedPlaces(Struct, frozen=True):
    """Who goes with whom.

    Attributes:
        partners: of each exchange of the control the place of its partner, `ALONE` where it has none.
        tiers: of each exchange of the control the place of the key that found it.
        alone: the places of those of the candidate that have no partner, in order.
    """

    partners: array[int]
    tiers: bytearray
    alone: array[int]

    @property
    def count(self) -> int:
        """How many pairs there are."""
        return sum(1 for partner in self.partners if partner != ALONE)

    def by_tier(self, count: int) -> list[int]:
        """How many pairs each of so many keys found."""
        found = [0] * count
        for partner, tier in zip(self.partners, self.tiers, strict=True):
            found[tier] += partner != ALONE
        return found


def paired(control: Sequence[Column], candidate: Sequence[Column]) -> PairedPlaces:
    """Pair two recordings.

    Args:
        control: a column for each key, the strictest first.
        candidate: likewise, the same keys.
    """
    partners = array("q", [ALONE]) * len(control[0])
    tiers = bytearray(len(partners))
    taken = bytearray(len(candidate[0]))
    for tier, (ours, theirs) in enumerate(zip(control, candidate, strict=True)):
        left = [place for place, key in enumerate(ours) if key and partners[place] == ALONE]
        right = [place for place, key in enumerate(theirs) if key and not taken[place]]
        for one, other in _matched(_sorted(left, ours), _sorted(right, theirs)):
            partners[one], tiers[one], taken[other] = other, tier, 1
    alone = array("q", (place for place, is_taken in enumerate(taken) if not is_taken))
    return PairedPlaces(partners, tiers, alone)


def _sorted(places: list[int], column: Column) -> Iterator[tuple[int, int]]:
    """Key and place, by key, and within a key by place: a sort that keeps order needs no more room than the places."""
    places.sort(key=column.__getitem__)
    return ((column[place], place) for place in places)


def _matched(left: Iterator[tuple[int, int]], right: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The n-th place of a key on the left with the n-th of the same on the right."""
    one, other = next(left, None), next(right, None)
    while one is not None and other is not None:
        if one[0] == other[0]:
            yield one[1], other[1]
            one, other = next(left, None), next(right, None)
        elif one[0] < other[0]:
            one = next(left, None)
        else:
            other = next(right, None)
