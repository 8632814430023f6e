"""Pairing: which exchange of one recording answers to which of another, by their keys alone.

Not the keys (`keys`) nor the files (`indexed_recording`). Pure, and the same for the same input: key by key, the strictest first,
the n-th exchange with a key goes to the n-th of the other side that has it and no partner yet. Keys are hashes, so exchanges are
shared out by their first bits, and sorted by the share: no more than a few of them are objects of Python at a time.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

from msgspec import Struct

Column: TypeAlias = "array[int]"
"""One key of each exchange of a recording, in the recording's order; 0 for none."""

ALONE: Final = -1

MOST_PLACES: Final = 2**31 - 1
"""Exchanges of a side that can be paired: a place takes four bytes."""

_KEY_BITS = 64
_SHARE = 1 << 16  # exchanges that are sorted together, where keys are spread evenly


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
    partners = array("i", [ALONE]) * len(control[0])
    tiers = bytearray(len(partners))
    here, there = bytearray(len(partners)), bytearray(len(candidate[0]))  # who has a partner
    bits = (max(len(here), len(there)) // _SHARE).bit_length()
    for tier, (ours, theirs) in enumerate(zip(control, candidate, strict=True)):
        shares = zip(_shared_out(ours, here, bits=bits), _shared_out(theirs, there, bits=bits), strict=True)
        for left, right in shares:
            for one, other in _matched(_sorted(left, ours), _sorted(right, theirs)):
                partners[one], tiers[one], here[one], there[other] = other, tier, 1, 1
    alone = array("i", (place for place, is_taken in enumerate(there) if not is_taken))
    return PairedPlaces(partners, tiers, alone)


def sorted_keys(column: Column) -> Column:
    """The keys of a column in their order, in as much room."""
    bits = (len(column) // _SHARE).bit_length()
    keys = array("Q")
    for places in _shared_out(column, bytearray(len(column)), bits=bits):
        keys.extend(sorted(column[place] for place in places))
    return keys


def _shared_out(column: Column, taken: bytearray, *, bits: int) -> list[array[int]]:
    """The places that have a key and are not taken, in order, by the first bits of their keys."""
    shares = [array("i") for _ in range(1 << bits)]
    shift = _KEY_BITS - bits
    for place, key in enumerate(column):
        if key and not taken[place]:
            shares[key >> shift].append(place)
    return shares


def _sorted(places: array[int], column: Column) -> Iterator[tuple[int, int]]:
    """Key and place, by key, and within a key by place."""
    return ((column[place], place) for place in sorted(places, key=column.__getitem__))


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
