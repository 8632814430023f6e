"""The sample-ratio test: whether units really go to the candidate as often as is told.

Not the test on bad events (`sequential_test`), which is worth nothing where this one fails: a told share of 5 % that is
10 % makes every error look like the candidate's. Lindon & Malek, arXiv 2011.03567, for two arms.
"""

from __future__ import annotations

from collections.abc import Mapping

from shim.migration.sequential_test import MixtureTest

__all__ = ["SampleRatioTest"]

# Odds of the candidate, as multiples of the told ones. The nearer to 1, the longer until it is seen: told 5 % and really 6 %
# takes some seven thousand units, told 5 % and really 10 % some three hundred, and nobody in the candidate at all 150.
ODDS = (0.1, 0.5, 0.8, 0.9, 1.1, 1.25, 1.5, 2.0, 4.0)

# Fewer units are not judged: a few in a row that went to one arm are soon evidence for the arithmetic, and for nobody else.
FEWEST_UNITS = 100

# The told shares of the units are summed in billionths: whole numbers add up to the same in any order.
_BILLION = 10**9


class SampleRatioTest(MixtureTest):
    """Whether the arms of the units agree with the shares that were told for them; either direction fails.

    Each unit counts once, at the first request of it. Under the told shares the evidence is a martingale, so it may be looked
    at after every unit, and the chance of ever failing without cause is at most alpha. It fails with the hundredth unit at the
    earliest.

    Args:
        alpha: the chance of ever failing without cause, over all looks: above 0, below 1.

    Raises:
        ValueError: alpha is out of its range.
    """

    def __init__(self, *, alpha: float = 0.01) -> None:
        super().__init__(alpha=alpha, null=1.0, ratios=ODDS)
        self._told = 0

    @classmethod
    def from_state(cls, state: Mapping[str, int], *, alpha: float = 0.01) -> SampleRatioTest:
        """A test that has counted what a state tells.

        Raises:
            ValueError: alpha is out of its range.
        """
        test = cls(alpha=alpha)
        test.add_state(state)
        return test

    def increments(self, *, in_candidate: bool, share: float) -> dict[str, int]:
        """What one unit adds to the state; empty where its arm was certain.

        Raises:
            ValueError: the share is no number from 0 to 1.
        """
        found = super().increments(in_candidate=in_candidate, share=share)
        return {**found, "told": round(share * _BILLION)} if found else found

    def add(self, *, in_candidate: bool, share: float) -> None:
        """Count one unit.

        Args:
            in_candidate: whether it was given to the candidate.
            share: the told probability of that, from 0 to 1. At 0 and 1 nothing is counted.

        Raises:
            ValueError: the share is no number from 0 to 1.
        """
        super().add(in_candidate=in_candidate, share=share)
        if 0 < share < 1:
            self._told += round(share * _BILLION)

    def add_state(self, state: Mapping[str, int]) -> None:
        """Add sums of the form of `state`; what is not there counts as 0."""
        super().add_state(state)
        self._told += state.get("told", 0)

    def state(self) -> dict[str, int]:
        """The sums: plain data that adds up, name by name, with that of other processes."""
        return {**super().state(), "told": self._told}

    @property
    def failed(self) -> bool:
        """Whether the arms do not agree with the told shares, by the evidence so far."""
        return self._units >= FEWEST_UNITS and self.tripped

    @property
    def told_share(self) -> float | None:
        """The mean of the told shares, 0 to 1; None without a unit."""
        return self._told / _BILLION / self._units if self._units else None

    @property
    def real_share(self) -> float | None:
        """The part of the units that the candidate got, 0 to 1; None without a unit."""
        return self.candidate / self._units if self._units else None

    @property
    def _units(self) -> int:
        return self.control + self.candidate
