"""Tests of the sample of pairs: bounded, in order, the same each time, and taken from all of them."""

from __future__ import annotations

from shim.comparison.two_recordings.pair_sample import PairSample
from tests.comparison.shadow_rung.parts import pair


def sampled(count: int, *, most: int) -> list[float]:
    """The times of the pairs that are kept of so many."""
    sample = PairSample(most)
    for number in range(count):
        sample.add(pair(at=float(number)))
    assert sample.offered == count
    return [each.at for each in sample.pairs]


def test_few_are_all_kept() -> None:
    """As many as there is room for are all kept, in their order."""
    assert sampled(50, most=50) == [float(number) for number in range(50)]


def test_of_many_a_part_is_kept_from_everywhere() -> None:
    """Of more the bound is kept, in order, the same each time, and about as many from either half."""
    kept = sampled(4000, most=400)
    assert len(kept) == 400
    assert kept == sorted(kept) == sampled(4000, most=400)
    assert 140 < sum(at < 2000 for at in kept) < 260
