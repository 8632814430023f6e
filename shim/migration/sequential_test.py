"""Sequential tests on the arm in which each event fell: evidence that may be looked at after every event.

Not what counts as an event, nor what follows from it (`guard`). A mixture of likelihood ratios: Wald 1945; Robbins' mixtures;
Lindon & Malek, arXiv 2011.03567 (the arm of each event, rates that move). That an e-value may be watched without a plan:
Ville's inequality; Howard et al. 2021 (Ann. Stat. 49(2)).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["MixtureTest", "SequentialTest"]

# Logarithms are summed as whole multiples of this many nats, rounded down. Whole numbers add up to the same in any order, in
# any process and in any database; rounded down they never add evidence. They stay exact where a database keeps them as floats
# (2**53) for 200,000 events in one arm, and fit 64 bits for 200 million.
LOG_UNIT = 1e-10

# e to this power is about the largest float there is.
_LARGEST_LOG = 709.0


class MixtureTest:
    """The mean, over some ratios, of how much likelier the events' arms are under that ratio than under the tolerated one.

    The ratio meant is that of the candidate's rate of events to the control's. Its state is sums and counts alone.

    Args:
        alpha: the chance of ever tripping without cause, over all looks: above 0, below 1.
        null: the ratio that is no finding.
        ratios: the ratios against it.
    """

    def __init__(self, *, alpha: float, null: float, ratios: Sequence[float]) -> None:
        if not isinstance(alpha, int | float) or not 0 < alpha < 1:
            raise ValueError(f"alpha is {alpha!r}; give a chance above 0 and below 1, such as 0.05")
        self.alpha = alpha
        self._null = null
        self._ratios = tuple(ratios)
        self._names = tuple(f"log.{ratio!r}" for ratio in self._ratios)
        self._logs = [0] * len(self._ratios)
        self._limit = math.floor(-math.log(alpha) / LOG_UNIT)
        self._control = 0
        self._candidate = 0
        self._log_e_value: float | None = 0.0  # None: not computed since the last event

    def increments(self, *, in_candidate: bool, share: float) -> dict[str, int]:
        """What one event adds to the state; see `add`. Empty where the arm was certain: then it tells nothing.

        Raises:
            ValueError: the share is no number from 0 to 1.
        """
        logs = self._event(in_candidate=in_candidate, share=share)
        return (
            {"candidate" if in_candidate else "control": 1, **dict(zip(self._names, logs, strict=True))} if logs else {}
        )

    def add(self, *, in_candidate: bool, share: float) -> None:
        """Count one event.

        Args:
            in_candidate: whether it fell in the candidate.
            share: the probability, from 0 to 1, with which its unit was given to the candidate. At 0 and 1 nothing is counted.

        Raises:
            ValueError: the share is no number from 0 to 1.
        """
        logs = self._event(in_candidate=in_candidate, share=share)
        if logs:
            self._candidate += in_candidate
            self._control += not in_candidate
            self._logs = [total + log for total, log in zip(self._logs, logs, strict=True)]
            self._log_e_value = None

    def _event(self, *, in_candidate: bool, share: float) -> tuple[int, ...]:
        if not 0 <= share <= 1:
            raise ValueError(f"share is {share!r}; give the probability of the candidate, from 0 to 1")
        if share in (0, 1):
            return ()
        return _log_factors(share, in_candidate=in_candidate, null=self._null, ratios=self._ratios)

    def add_state(self, state: Mapping[str, int]) -> None:
        """Add sums of the form of `state`; what is not there counts as 0, and other names are left alone."""
        self._control += state.get("control", 0)
        self._candidate += state.get("candidate", 0)
        self._logs = [total + state.get(name, 0) for total, name in zip(self._logs, self._names, strict=True)]
        self._log_e_value = None

    def state(self) -> dict[str, int]:
        """The sums: plain data that adds up, name by name, with that of other processes."""
        logs = dict(zip(self._names, self._logs, strict=True))
        return {"control": self._control, "candidate": self._candidate, **logs}

    def merge(self, other: Self) -> Self:
        """Add what another test has counted; the test itself.

        Raises:
            ValueError: the other one tests other ratios.
        """
        if self.tested != other.tested:
            raise ValueError("the two tests have other ratios, so their sums do not add up; merge tests of one setting")
        self.add_state(other.state())
        return self

    @property
    def tested(self) -> tuple[float, ...]:
        """The ratio that is no finding, and those against it: the same in tests whose sums add up."""
        return (self._null, *self._ratios)

    @property
    def control(self) -> int:
        """Events counted in the control."""
        return self._control

    @property
    def candidate(self) -> int:
        """Events counted in the candidate."""
        return self._candidate

    @property
    def log_e_value(self) -> float:
        """The natural logarithm of the evidence; 0 before the first event."""
        if self._log_e_value is None:
            largest = max(self._logs)
            mean = sum(math.exp((each - largest) * LOG_UNIT) for each in self._logs) / len(self._logs)
            self._log_e_value = largest * LOG_UNIT + math.log(mean)
        return self._log_e_value

    @property
    def e_value(self) -> float:
        """The evidence, at most 8e307: how many times a bet against the null has multiplied; 1 before the first event."""
        return math.exp(min(self.log_e_value, _LARGEST_LOG))

    @property
    def tripped(self) -> bool:
        """Whether the evidence is at least 1/alpha now. Who acts on it remembers that it was."""
        # A mean is at most its largest part, so most of the time there is nothing to compute.
        return max(self._logs) >= self._limit and self.log_e_value >= -math.log(self.alpha)

    def __repr__(self) -> str:
        return (
            f"<{type(self).__name__} e_value={self.e_value:.3g} of {1 / self.alpha:.3g}, "
            f"control={self._control}, candidate={self._candidate}>"
        )


class SequentialTest(MixtureTest):
    """Whether events are more frequent in the candidate than tolerated, and only that: fewer events there never trip it.

    For an event whose unit had the probability s of the candidate, q(r) = s r / (s r + 1 - s) is the chance that it falls there
    if the candidate's rate is r times the control's. Its factor is q(r)/q(r0) there, (1 - q(r))/(1 - q(r0)) in the control;
    the evidence is the mean over r of the products. While the true ratio is at most r0 no factor has a mean above 1, however
    the base rate and the share move, so the chance of ever reaching 1/alpha is at most alpha.

    Events must not come in bunches: of requests that fail together (a conversation's) count one.

    Args:
        alpha: the chance of ever tripping without cause, over all looks: above 0, below 1.
        tolerated_ratio: r0, at least 1: how many times the control's rate is still accepted.
        ratios: the ratios that are looked for, as multiples of r0, each above 1.

    Raises:
        ValueError: a setting is out of its range.
    """

    def __init__(
        self, *, alpha: float, tolerated_ratio: float, ratios: Sequence[float] = (1.5, 2, 3, 5, 10, 30)
    ) -> None:
        if not isinstance(tolerated_ratio, int | float) or not 1 <= tolerated_ratio < math.inf:
            raise ValueError(f"tolerated_ratio is {tolerated_ratio!r}; give a number from 1 on, such as 1.25")
        if not ratios or not all(1 < ratio < math.inf for ratio in ratios) or len(set(ratios)) < len(ratios):
            raise ValueError(f"ratios is {tuple(ratios)!r}; give at least one number above 1, none of them twice")
        super().__init__(alpha=alpha, null=tolerated_ratio, ratios=[tolerated_ratio * ratio for ratio in ratios])
        self.tolerated_ratio = tolerated_ratio

    @classmethod
    def from_state(
        cls,
        state: Mapping[str, int],
        *,
        alpha: float,
        tolerated_ratio: float,
        ratios: Sequence[float] = (1.5, 2, 3, 5, 10, 30),
    ) -> SequentialTest:
        """A test that has counted what a state of the same settings tells.

        Raises:
            ValueError: a setting is out of its range.
        """
        test = cls(alpha=alpha, tolerated_ratio=tolerated_ratio, ratios=ratios)
        test.add_state(state)
        return test


# The shares of a rollout are few: one for each step, and those of pinned conversations.
@lru_cache(maxsize=512)
def _log_factors(share: float, *, in_candidate: bool, null: float, ratios: tuple[float, ...]) -> tuple[int, ...]:
    """Logarithms of q(r)/q(null) or of its counterpart; written so that nothing cancels at a share near 0 or 1."""
    base = math.log1p(share * (null - 1))
    return tuple(
        math.floor(
            (base - math.log1p(share * (ratio - 1)) + (math.log(ratio / null) if in_candidate else 0.0)) / LOG_UNIT
        )
        for ratio in ratios
    )
