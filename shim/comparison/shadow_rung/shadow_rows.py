"""Rows of a shadow's report: one field of the calls, estimated for each arm, and whether it differs beyond the noise.

Not which fields there are (`shadow_report`) nor the formulas (`estimates`). A difference counts where the bounds of candidate
less control exclude zero and, where there is a baseline, those of candidate less baseline do so in the same direction: what the
control differs from itself is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, TypeVar

from msgspec import Struct

from shim.comparison.shadow_rung.estimates import (
    NOTHING,
    Estimate,
    quantile_difference,
    quantile_of,
    share_difference,
    share_of,
)
from shim.comparison.shadow_rung.observation import CallObservation, ShadowPair

RowKind: TypeAlias = Literal["share", "agreement", "seconds", "amount"]
RowOutcome: TypeAlias = Literal["match", "mismatch", "undecided"]
_T = TypeVar("_T")


class ShadowRow(Struct, frozen=True, kw_only=True):
    """One field of the calls, compared.

    Attributes:
        name, text: what is compared, in a word and in a sentence.
        kind: share: of calls of which something holds. agreement: share of calls that are as the control's was. seconds,
            amount: a quantile of them.
        control, candidate, baseline: the estimate of each arm; of an agreement the control has none.
        difference: candidate less control; of an agreement, candidate less baseline.
        noise: baseline less control; None where there is no baseline.
        outcome: match: no difference beyond the noise was found. undecided: too little is known.
        better: whether a mismatch is to the candidate's advantage; None where neither is better.
        reason: why, in words.
    """

    name: str
    text: str
    kind: RowKind
    control: Estimate
    candidate: Estimate
    baseline: Estimate | None = None
    difference: Estimate
    noise: Estimate | None = None
    outcome: RowOutcome
    better: bool | None = None
    reason: str

    @property
    def is_against(self) -> bool:
        """Whether it is a mismatch that is not to the candidate's advantage."""
        return self.outcome == "mismatch" and self.better is not True


class RowJudge(Struct, frozen=True):
    """Says what a difference is worth."""

    alpha: float
    minimum: int

    def outcome(self, difference: Estimate, against_baseline: Estimate | None, *, count: int) -> tuple[RowOutcome, str]:
        """Whether a difference is one, and why."""
        if count < self.minimum:
            return "undecided", f"{count:,} of {self.minimum:,} pairs that are needed"
        if difference.low is None or difference.high is None:
            return "undecided", "too few pairs for bounds"
        if not difference.excludes_zero:
            return "match", "no difference beyond chance"
        if against_baseline is not None and not _same_direction(difference, against_baseline):
            return "match", "within what the control differs from itself"
        return "mismatch", "beyond chance" if against_baseline is None else "beyond chance and beyond the baseline"


class ShareField(Struct, frozen=True):
    """Of how many calls something holds; None for a call of which it cannot be said."""

    name: str
    text: str
    holds: Callable[[CallObservation], bool | None]
    good: int = 0  # 1: more is better; -1: less is better
    judged: bool = True

    def row(self, pairs: Sequence[ShadowPair], judge: RowJudge) -> ShadowRow | None:
        """The row; None where there is no pair to say anything of."""
        said = [
            (self.holds(pair.control), self.holds(pair.candidate), _of_baseline(pair, self.holds)) for pair in pairs
        ]
        both = [(b, a) for a, b, _ in said if a is not None and b is not None]
        if not both:
            return None
        with_baseline = [(b, c) for _, b, c in said if b is not None and c is not None]
        again = [(c, a) for a, _, c in said if a is not None and c is not None]
        difference = share_difference(both, alpha=judge.alpha)
        against = share_difference(with_baseline, alpha=judge.alpha) if with_baseline else None
        outcome, reason = judge.outcome(difference, against, count=len(both))
        if not self.judged:
            outcome, reason = "match", "told, not judged"
        return ShadowRow(
            name=self.name,
            text=self.text,
            kind="share",
            control=_share([a for _, a in both], judge),
            candidate=_share([b for b, _ in both], judge),
            baseline=_share([c for c, _ in again], judge) if again else None,
            difference=difference,
            noise=share_difference(again, alpha=judge.alpha) if again else None,
            outcome=outcome,
            better=_better(difference, self.good) if outcome == "mismatch" else None,
            reason=reason,
        )


class AgreementField(Struct, frozen=True):
    """How many calls are as the control's was, in a field."""

    name: str
    text: str
    field: Callable[[CallObservation], object]
    exact: bool  # the control would always agree with itself

    def row(self, pairs: Sequence[ShadowPair], judge: RowJudge) -> ShadowRow | None:
        """The row; None where no pair has the field on both sides."""
        found = [(pair, wanted) for pair in pairs if (wanted := self.field(pair.control)) is not None]
        said = [(self._agrees(pair.candidate, wanted), pair.baseline, wanted) for pair, wanted in found]
        both = [(agrees, base, wanted) for agrees, base, wanted in said if agrees is not None]
        if not both:
            return None
        candidate = _share([agrees for agrees, _, _ in both], judge)
        three = [
            (agrees, again)
            for agrees, base, wanted in both
            if base is not None and (again := self._agrees(base, wanted)) is not None
        ]
        difference = share_difference(three, alpha=judge.alpha) if three else NOTHING
        baseline = _share([again for _, again in three], judge) if three else None
        outcome, reason = self._judged(candidate, baseline, difference=difference, judge=judge)
        return ShadowRow(
            name=self.name,
            text=self.text,
            kind="agreement",
            control=NOTHING,
            candidate=candidate,
            baseline=baseline,
            difference=difference,
            outcome=outcome,
            reason=reason,
        )

    def _agrees(self, seen: CallObservation, wanted: object) -> bool | None:
        value = self.field(seen)
        return None if value is None else value == wanted

    def _judged(
        self, candidate: Estimate, baseline: Estimate | None, *, difference: Estimate, judge: RowJudge
    ) -> tuple[RowOutcome, str]:
        if candidate.count < judge.minimum:
            return judge.outcome(candidate, None, count=candidate.count)
        if candidate.value == 1.0:
            return "match", "all agree"
        if self.exact and (baseline is None or baseline.value == 1.0):
            return "mismatch", "they should always agree"
        if baseline is None:
            return "undecided", "only a baseline can say how often the control agrees with itself"
        outcome, reason = judge.outcome(difference, None, count=difference.count)
        if outcome == "undecided" or (outcome == "mismatch" and (difference.value or 0) < 0):
            return outcome, reason
        return "match", "as often as the control with itself"


class QuantileField(Struct, frozen=True):
    """A quantile of a number that calls have."""

    name: str
    text: str
    kind: RowKind
    share: float
    number: Callable[[CallObservation], float | None]
    good: int = 0

    def row(self, pairs: Sequence[ShadowPair], judge: RowJudge) -> ShadowRow | None:
        """The row; None where no pair has the number on both sides."""
        chosen = [pair for pair in pairs if self.kind != "seconds" or is_timed(pair)]
        said = [
            (self.number(pair.control), self.number(pair.candidate), _of_baseline(pair, self.number)) for pair in chosen
        ]
        both = [(a, b, c) for a, b, c in said if a is not None and b is not None]
        if not both:
            return None
        control, candidate = sorted(a for a, _, _ in both), sorted(b for _, b, _ in both)
        three = sorted(c for _, _, c in both if c is not None)
        difference = quantile_difference(candidate, control, share=self.share, alpha=judge.alpha)
        against = quantile_difference(candidate, three, share=self.share, alpha=judge.alpha) if three else None
        outcome, reason = judge.outcome(difference, against, count=len(both))
        return ShadowRow(
            name=self.name,
            text=self.text,
            kind=self.kind,
            control=quantile_of(control, self.share, alpha=judge.alpha),
            candidate=quantile_of(candidate, self.share, alpha=judge.alpha),
            baseline=quantile_of(three, self.share, alpha=judge.alpha) if three else None,
            difference=difference,
            noise=quantile_difference(three, control, share=self.share, alpha=judge.alpha) if three else None,
            outcome=outcome,
            better=_better(difference, self.good) if outcome == "mismatch" else None,
            reason=reason,
        )


def is_timed(pair: ShadowPair) -> bool:
    """Whether the times of a pair can be compared: no first connection, no rest, and the prompt cached for both or for none."""
    control, candidate = pair.control, pair.candidate
    even = bool(control.cached_tokens) == bool(candidate.cached_tokens)
    return even and not any(seen.cold or seen.rested for seen in (candidate, pair.baseline) if seen is not None)


def _of_baseline(pair: ShadowPair, of: Callable[[CallObservation], _T | None]) -> _T | None:
    return None if pair.baseline is None else of(pair.baseline)


def _share(hits: Sequence[bool], judge: RowJudge) -> Estimate:
    return share_of(sum(hits), len(hits), alpha=judge.alpha)


def _better(difference: Estimate, good: int) -> bool | None:
    return None if not good or difference.value is None else difference.value * good > 0


def _same_direction(one: Estimate, other: Estimate) -> bool:
    return other.excludes_zero and (one.value or 0) * (other.value or 0) > 0
