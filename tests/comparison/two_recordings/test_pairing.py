"""Tests of the pairing: strict keys before loose ones, the n-th with the n-th, and nobody twice."""

from __future__ import annotations

import random
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.comparison.two_recordings import pairing
from shim.comparison.two_recordings.pairing import ALONE, PairedPlaces, paired, sorted_keys


def pair(control: list[tuple[int, int]], candidate: list[tuple[int, int]]) -> PairedPlaces:
    """Pair by two keys each, given exchange by exchange."""
    columns = [[array("Q", column) for column in zip(*side, strict=True)] for side in (control, candidate)]
    return paired(*columns)


def test_the_strict_key_goes_first() -> None:
    """An exchange takes the partner of the strictest key they share, and what is left goes by the next."""
    found = pair([(0, 9), (5, 9)], [(5, 9), (0, 9)])
    assert list(found.partners) == [1, 0]
    assert list(found.tiers) == [1, 0]
    assert found.by_tier(2) == [1, 1]
    assert found.count == 2


def test_the_same_key_pairs_in_order() -> None:
    """The n-th with a key goes to the n-th of the other side, and the last of the longer side stays alone."""
    found = pair([(5, 1), (6, 2), (5, 1), (5, 1)], [(5, 1), (5, 1), (7, 3)])
    assert list(found.partners) == [0, ALONE, 1, ALONE]
    assert list(found.alone) == [2]


def test_no_key_is_no_partner() -> None:
    """Two exchanges without a key do not belong together for that."""
    found = pair([(0, 0)], [(0, 0)])
    assert list(found.partners) == [ALONE]
    assert list(found.alone) == [0]


SIDES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12)


@given(SIDES, SIDES)
def test_nobody_is_paired_twice_or_lost(control: list[tuple[int, int]], candidate: list[tuple[int, int]]) -> None:
    """Each exchange is in one pair or alone, partners share the key that found them, and no two left alone share one."""
    found = pair(control, candidate)
    partners = [each for each in found.partners if each != ALONE]
    assert sorted([*partners, *found.alone]) == list(range(len(candidate)))
    for place, partner in enumerate(found.partners):
        if partner != ALONE:
            key = found.tiers[place]
            assert control[place][key] == candidate[partner][key] != 0
        else:
            left = [candidate[other] for other in found.alone]
            assert not any(key == other[tier] != 0 for tier, key in enumerate(control[place]) for other in left)


@given(SIDES)
def test_a_recording_pairs_with_itself_in_place(side: list[tuple[int, int]]) -> None:
    """Each exchange that has a key is paired with itself."""
    found = pair(side, side)
    assert all(partner in (place, ALONE) for place, partner in enumerate(found.partners))
    assert all((partner == ALONE) == (side[place] == (0, 0)) for place, partner in enumerate(found.partners))


@pytest.mark.parametrize("share", [1, 4, 1 << 16])
def test_shares_make_no_difference(monkeypatch: pytest.MonkeyPatch, share: int) -> None:
    """However few exchanges are sorted together, the same find each other, and keys come in the same order."""
    rng = random.Random(3)  # noqa: S311 - made-up keys
    known = [rng.getrandbits(64) for _ in range(40)]
    sides = [[(rng.choice([0, *known]), rng.choice(known)) for _ in range(count)] for count in (300, 280)]
    expected = pair(*sides)
    monkeypatch.setattr(pairing, "_SHARE", share)
    found = pair(*sides)
    assert (found.partners, found.tiers, found.alone) == (expected.partners, expected.tiers, expected.alone)
    assert list(sorted_keys(array("Q", known * 2))) == sorted(known * 2)
