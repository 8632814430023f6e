"""Estimates with bounds: shares, quantiles, and their differences between two arms.

Not what is estimated (`shadow_report`). All are two-sided at the `alpha` given. Sources: Wilson (1927) for a share; Newcombe
(1998), Statistics in Medicine 17:2635, method 10, for the difference of two shares of the same pairs; order statistics and the
exact binomial for a quantile (Conover, Practical Nonparametric Statistics, 3.2); Zou and Donner (2008), Statistics in Medicine
27:1693 (MOVER), for the difference of two of those.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from statistics import NormalDist

from msgspec import Struct


class Estimate(Struct, frozen=True):
    """A value between its bounds, of so many observations; what cannot be said of so few is None."""

    value: float | None
    low: float | None
    high: float | None
    count: int

    @property
    def excludes_zero(self) -> bool:
        """Whether zero is outside the bounds; never where a bound is not known."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


NOTHING = Estimate(None, None, None, 0)


def share_of(hits: int, count: int, *, alpha: float) -> Estimate:
    """The share of hits among `count`, by Wilson's score interval."""
    if not count:
        return NOTHING
    z = _z(alpha)
    value = hits / count
    middle = (hits + z * z / 2) / (count + z * z)
    half = z / (count + z * z) * math.sqrt(hits * (count - hits) / count + z * z / 4)
    # At the ends the formula gives the end itself, but for rounding.
    return Estimate(value, middle - half if hits else 0.0, middle + half if hits < count else 1.0, count)


def share_difference(pairs: Iterable[tuple[bool, bool]], *, alpha: float) -> Estimate:
    """How much larger the share of hits is on the first side of the same pairs than on the second."""
    table = [0, 0, 0, 0]  # both, first alone, second alone, neither
    for first, second in pairs:
        table[2 * (not first) + (not second)] += 1
    both, first_alone, second_alone, neither = table
    count = sum(table)
    one = share_of(both + first_alone, count, alpha=alpha)
    other = share_of(both + second_alone, count, alpha=alpha)
    product = (both + first_alone) * (second_alone + neither) * (both + second_alone) * (first_alone + neither)
    phi = (both * neither - first_alone * second_alone) / math.sqrt(product) if product else 0.0
    return _difference(one, other, correlation=phi, count=count)


def quantile_of(values: Sequence[float], share: float, *, alpha: float) -> Estimate:
    """The value that `share` of the values do not exceed, between order statistics; `values` ascend."""
    count = len(values)
    if not count:
        return NOTHING
    value = values[max(0, math.ceil(share * count) - 1)]
    low, high = _ranks(count, share, alpha=alpha)
    return Estimate(value, values[low - 1] if low >= 1 else None, values[high - 1] if high <= count else None, count)


def quantile_difference(first: Sequence[float], second: Sequence[float], *, share: float, alpha: float) -> Estimate:
    """How much larger the quantile of the first values is; both ascend, and are taken as independent, which is cautious."""
    one, other = quantile_of(first, share, alpha=alpha), quantile_of(second, share, alpha=alpha)
    return _difference(one, other, correlation=0.0, count=min(one.count, other.count))


def _difference(one: Estimate, other: Estimate, *, correlation: float, count: int) -> Estimate:
    """The difference of two estimates from their own bounds (MOVER; Newcombe's method 10 where they are shares)."""
    if one.value is None or other.value is None:
        return NOTHING
    value = one.value - other.value
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return Estimate(value, None, None, count)
    below = _joined(one.value - one.low, other.high - other.value, correlation=correlation)
    above = _joined(one.high - one.value, other.value - other.low, correlation=correlation)
    return Estimate(value, value - below, value + above, count)


def _joined(one: float, other: float, *, correlation: float) -> float:
    return math.sqrt(max(0.0, one * one - 2 * correlation * one * other + other * other))


@functools.lru_cache(maxsize=64)  # a report asks for the same few again and again
def _ranks(count: int, share: float, *, alpha: float) -> tuple[int, int]:
    """The ranks, from 1, of the values that bound a quantile; 0 and `count` + 1 where there are too few for a bound."""
    low, high, below = 0, count + 1, 0.0
    for number in range(count + 1):
        below += _probability(number, count, share=share)  # that at most so many values are below the quantile
        if below <= alpha / 2:
            low = number + 1
        if below >= 1 - alpha / 2:
            high = number + 1
            break
    return low, high


def _probability(number: int, count: int, *, share: float) -> float:
    """The binomial probability of so many among `count`."""
    ways = math.lgamma(count + 1) - math.lgamma(number + 1) - math.lgamma(count - number + 1)
    return math.exp(ways + number * math.log(share) + (count - number) * math.log1p(-share))


def _z(alpha: float) -> float:
    return NormalDist().inv_cdf(1 - alpha / 2)
