"""Tests of the estimates: known values of the formulas, and bounds that hold as often as they say."""

from __future__ import annotations

import random

import pytest

from shim.comparison.shadow_rung.estimates import (
    NOTHING,
    Estimate,
    quantile_difference,
    quantile_of,
    share_difference,
    share_of,
)

SEED = 20261128


def covers(estimate: Estimate, truth: float) -> bool:
    """Whether the truth is within the bounds."""
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= truth <= estimate.high


def test_a_share_has_wilsons_bounds() -> None:
    """81 of 263 gives the bounds that Newcombe's paper prints for Wilson's method."""
    found = share_of(81, 263, alpha=0.05)
    assert [found.value, found.low, found.high] == pytest.approx([0.3080, 0.2553, 0.3662], abs=1e-4)
    assert found.count == 263


def test_a_share_of_none_and_of_all_has_a_bound() -> None:
    """No hit among many is no proof that there is none: the bound away from the end stays open."""
    none, every = share_of(0, 100, alpha=0.05), share_of(100, 100, alpha=0.05)
    assert (none.low, every.high) == (0.0, 1.0)
    assert none.high == pytest.approx(0.037, abs=1e-3)
    assert every.low == pytest.approx(0.963, abs=1e-3)
    assert share_of(0, 0, alpha=0.05) == NOTHING


def test_a_difference_of_shares_has_newcombes_bounds() -> None:
    """36, 12, 2 and 0 pairs give the bounds that Newcombe's paper prints for method 10."""
    pairs = [(True, True)] * 36 + [(True, False)] * 12 + [(False, True)] * 2
    found = share_difference(pairs, alpha=0.05)
    assert found.value == pytest.approx(0.2)
    assert [found.low, found.high] == pytest.approx([0.0569, 0.3404], abs=2e-3)
    assert found.excludes_zero


def test_of_nothing_nothing_is_told() -> None:
    """Without a single value there is no estimate and there are no bounds, rather than a share of 0."""
    assert share_of(0, 0, alpha=0.05) == NOTHING
    assert share_difference([], alpha=0.05) == NOTHING
    assert quantile_of([], 0.5, alpha=0.05) == NOTHING
    assert quantile_difference([1.0] * 50, [], share=0.5, alpha=0.05) == NOTHING


def test_equal_sides_differ_by_nothing() -> None:
    """Pairs that agree always give a difference of zero, and bounds around it."""
    found = share_difference([(True, True)] * 40 + [(False, False)] * 10, alpha=0.05)
    assert found.value == 0
    assert not found.excludes_zero


def test_bounds_of_shares_hold_as_often_as_they_say() -> None:
    """Of 600 made-up comparisons at 95 % at most 8 % miss the true difference, correlated pairs included."""
    rng = random.Random(SEED)  # noqa: S311 - made-up traffic
    missed = 0
    for _ in range(600):
        pairs = []
        for _ in range(200):
            shared = rng.random() < 0.5
            common = rng.random()
            first = (common if shared else rng.random()) < 0.10
            second = (common if shared else rng.random()) < 0.06
            pairs.append((first, second))
        missed += not covers(share_difference(pairs, alpha=0.05), 0.04)
    assert missed <= 48


def test_a_quantile_stands_between_order_statistics() -> None:
    """The median of 1 to 100 has the bounds of the exact binomial, and too few values have none."""
    found = quantile_of([float(each) for each in range(1, 101)], 0.5, alpha=0.05)
    assert found == Estimate(50.0, 40.0, 61.0, 100)
    assert quantile_of([1.0, 2.0, 3.0], 0.95, alpha=0.05) == Estimate(3.0, 2.0, None, 3)
    assert quantile_of([1.0, 2.0, 3.0], 0.5, alpha=0.05) == Estimate(2.0, None, None, 3)
    assert quantile_of([], 0.5, alpha=0.05) == NOTHING


def test_bounds_of_quantiles_hold_as_often_as_they_say() -> None:
    """Of 300 made-up comparisons of a 95th percentile at 95 % at most 8 % miss the true difference."""
    rng = random.Random(SEED)  # noqa: S311 - made-up traffic
    truth = 2.995732 - 2 * 2.995732  # exponential: the 95th percentile is 2.9957 times the mean
    missed = 0
    for _ in range(300):
        first = sorted(rng.expovariate(1) for _ in range(300))
        second = sorted(rng.expovariate(0.5) for _ in range(300))
        missed += not covers(quantile_difference(first, second, share=0.95, alpha=0.05), truth)
    assert missed <= 24


def test_a_quantile_without_bounds_excludes_nothing() -> None:
    """Where there are too few values for bounds, no difference is claimed however far the values are apart."""
    found = quantile_difference([100.0, 101.0], [1.0, 2.0], share=0.5, alpha=0.05)
    assert found.value == 99.0
    assert not found.excludes_zero
