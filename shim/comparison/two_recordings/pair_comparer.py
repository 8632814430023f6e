"""The comparer of pairs: requests by the wire rung, and of the answers the fields by which they are judged together.

Not the pairs (`pair_lines`), nor the fields (`recorded_observation`) or how they are judged (`shadow_report`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shim.comparison.runs.tally import facts_of
from shim.comparison.shadow_rung.observation import ShadowPair
from shim.comparison.two_recordings.keys import TIER_WORDS
from shim.comparison.two_recordings.recorded_observation import observation_of
from shim.comparison.two_recordings.without_partner import added, missing
from shim.comparison.verdict import Outcome, Rung, Verdict
from shim.comparison.wire_rung.compare_wire import compare_wire
from shim.comparison.wire_rung.repeated_answers import Repeats
from shim.recording.exchange import UnreadableExchangeError

if TYPE_CHECKING:
    from shim.comparison.rules import IgnoreRule
    from shim.comparison.runs.judge import Readings
    from shim.comparison.shadow_rung.observation import CallObservation
    from shim.comparison.two_recordings.pair_lines import RecordedPair
    from shim.recording.exchange import Exchange


class PairComparer:
    """Compares pair after pair. It holds nothing; `ignore` are differences of requests that are known."""

    rungs: tuple[Rung, ...] = ("wire",)
    at_once = 1

    def __init__(self, ignore: Iterable[IgnoreRule] = ()) -> None:
        self._ignore = tuple(ignore)

    def compare(self, pair: RecordedPair) -> list[Verdict]:
        """Give the verdict on what was asked, and note in the pair what was seen of the answers."""
        beside = pair.beside
        if pair.candidate is None:
            tell = added if beside.is_added else missing
            found = tell(
                pair.exchange, place=pair.place, askings=beside.askings, other=beside.other, ignore=self._ignore
            )
            return [found]
        repeats = Repeats(words=beside.repeats_own, answer=beside.follows_partner)
        found = compare_wire(pair.exchange, pair.candidate, ignore=self._ignore, repeats=repeats)
        _observe(pair, candidate=pair.candidate)
        return [_with_partner(found, where=beside.partner, tier=beside.tier)]

    def compare_all(self, pairs: Sequence[RecordedPair]) -> list[list[Verdict]]:
        """Give the same of several."""
        return [self.compare(pair) for pair in pairs]

    def readings(self, _pair: RecordedPair) -> Readings:
        """Nothing: live answers are not compared by their text."""
        return None, None

    def close(self) -> None:
        """Release nothing."""


def _observe(pair: RecordedPair, *, candidate: Exchange) -> None:
    """Note what is compared of both answers, and of the baseline's where there is one."""
    control = pair.exchange
    try:
        seen = observation_of(control), observation_of(candidate)
    except UnreadableExchangeError as error:
        pair.unobserved = (str(error),)
        return
    pair.observed = ShadowPair(
        pair_id=control.pair_id,
        at=control.started_at,
        model=facts_of(control).model,
        control=seen[0],
        candidate=seen[1],
        baseline=_baseline_of(pair),
    )


def _baseline_of(pair: RecordedPair) -> CallObservation | None:
    if pair.baseline is None:
        return None
    try:
        return observation_of(pair.baseline)
    except UnreadableExchangeError as error:
        pair.unobserved = (f"the baseline: {error}",)
        return None


def _with_partner(verdict: Verdict, *, where: str, tier: str) -> Verdict:
    """The verdict, and in its words where the partner stands and what made it one."""
    if verdict.outcome == Outcome.MATCH:
        return verdict
    return replace(verdict, message=f"{verdict.message}\n  partner    {where}, by {TIER_WORDS[tier]}")
