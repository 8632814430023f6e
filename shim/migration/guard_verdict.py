"""Guard verdict: what the evidence of a step says, as one of three answers with its reason.

Not the evidence (`guard_evidence`), not the memory that a verdict was given, nor who is told (`guard`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from shim.model.exhaustive import assert_never

if TYPE_CHECKING:
    from shim.migration.guard_evidence import Evidence, EvidenceSettings
    from shim.migration.guard_port import Answer

# A rollback needs so many conversations of the candidate that failed. At a share of 5 % two are evidence enough for the
# arithmetic, and too few for people; a third costs next to nothing.
FEWEST_FAILED = 3

# Sticky units stay in their arm, so some in both mean that something else decides. A stray few may come from a request
# that went over to control.
_MOST_CROSSED = 0.01
_FEWEST_CROSSED = 3

# Why an answer is what it is:
#   fine          enough conversations in both arms, and no evidence against the candidate
#   not_enough    too few conversations to say anything
#   guardrail     roll_back: bad events that roll back are more frequent in the candidate than tolerated
#   few_units     hold: as guardrail, but from too few conversations
#   signal        hold: bad events that only hold are more frequent in the candidate than tolerated
#   sample_ratio  hold: the arms do not have the told shares, so nothing else is believed
#   crossed       hold: conversations were seen in both arms, so nothing else is believed
#   blind         hold: the store cannot be reached, and what this process has seen is no evidence by itself
Reason: TypeAlias = Literal[
    "fine", "not_enough", "guardrail", "few_units", "signal", "sample_ratio", "crossed", "blind"
]


class GuardVerdict(Struct, frozen=True):
    """An answer, its reason, and the kind of bad event that tells most, where there is one."""

    answer: Answer
    reason: Reason
    kind: str | None = None


_FINE = GuardVerdict("fine", "fine")
_NOT_ENOUGH = GuardVerdict("hold", "not_enough")
_BLIND = GuardVerdict("hold", "blind")
_SAMPLE_RATIO = GuardVerdict("hold", "sample_ratio")
_CROSSED = GuardVerdict("hold", "crossed")


def judge(
    evidence: Evidence,
    *,
    settings: EvidenceSettings,
    minimum_units: int,
    before: Reason | None = None,
    blind: bool = False,
) -> GuardVerdict:
    """Judge the evidence of a step, as it is now; `before` is the reason of the last verdict.

    Guardrails are one question and signals another, each of level alpha: so the chance of a rollback without cause is at most
    alpha, and no signal makes a rollback slower.
    """
    if evidence.sample_failed:
        return _SAMPLE_RATIO
    if evidence.crossed and evidence.crossed >= max(_FEWEST_CROSSED, _MOST_CROSSED * sum(evidence.answered.values())):
        return _CROSSED
    limit = -math.log(settings.alpha)
    if evidence.guardrails >= limit:
        kind = evidence.strongest(settings.guardrails)
        failed = max(evidence.tests[each].candidate for each in settings.guardrails)
        if sum(evidence.answered.values()) >= minimum_units and failed >= FEWEST_FAILED:
            return GuardVerdict("roll_back", "guardrail", kind)
        return GuardVerdict("hold", "few_units", kind)
    # A signal that was given is taken back when nothing of the evidence is left, not each time it is a little less.
    if settings.signals and evidence.signals >= (limit if before != "signal" else 0.0):
        return GuardVerdict("hold", "signal", evidence.strongest(settings.signals))
    if blind:
        return _BLIND
    return _FINE if min(evidence.answered.values()) >= minimum_units else _NOT_ENOUGH


def explain(verdict: GuardVerdict, evidence: Evidence, *, settings: EvidenceSettings, minimum_units: int) -> str:
    """The reason as a sentence, with its figures."""
    control, candidate = evidence.answered["control"], evidence.answered["candidate"]
    arms = f"{candidate:,} conversations in the candidate and {control:,} in the control"
    match verdict.reason:
        case "fine":
            return f"nothing speaks against the candidate: {arms}"
        case "not_enough":
            return f"not enough yet: {arms}; {minimum_units:,} are needed in each"
        case "guardrail" | "signal" | "few_units":
            few = f", but from too few conversations ({minimum_units:,} needed, {FEWEST_FAILED} of them failed)"
            return (
                _told(verdict, evidence, settings=settings)
                + (few if verdict.reason == "few_units" else "")
                + f": {arms}"
            )
        case "sample_ratio":
            sample = evidence.sample
            told, real = sample.told_share or 0.0, sample.real_share or 0.0
            return f"the candidate got {real:.2%} of the conversations, told were {told:.2%}; find out why, then reset"
        case "crossed":
            return f"{evidence.crossed:,} conversations were seen in both arms; find out why, then reset"
        case "blind":
            return "the store cannot be reached, so what other processes see is not known"
        case _:
            assert_never(verdict.reason)


def _told(verdict: GuardVerdict, evidence: Evidence, *, settings: EvidenceSettings) -> str:
    kinds = settings.signals if verdict.reason == "signal" else settings.guardrails
    test = evidence.tests[verdict.kind or kinds[0]]
    e_value = math.exp(min(evidence.signals if verdict.reason == "signal" else evidence.guardrails, 700.0))
    return (
        f"{verdict.kind} in {test.candidate:,} conversations of the candidate and {test.control:,} of the control is more "
        f"than {settings.tolerated_ratio:g} times as frequent there (evidence {e_value:.3g}, limit {1 / settings.alpha:.3g})"
    )
