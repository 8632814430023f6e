"""Arms: how many requests each arm served in a step, and how they ended; plain counts that add up over processes.

Not evidence: it counts requests, where the guard counts conversations once (`guard`). For the status and the report.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import get_args

from msgspec import Struct

from shim.migration.decision import Arm, Decision
from shim.provider import Completion

__all__ = ["ArmCounts", "Arms", "arms_epoch"]

_ARMS: tuple[Arm, ...] = get_args(Arm)

# Late answers of earlier steps are counted under theirs; of more steps than these nobody waits for an answer any more.
_MAX_STEPS = 16

# Durations are counted by class, four for each doubling: so a quantile is at most a fifth too high, and the counts of several
# processes add up. From a millisecond to more than an hour, or there would be no bound to how many classes there are.
_CLASSES = 4
_FIRST_CLASS, _LAST_CLASS = -40, 48


class ArmCounts(Struct, frozen=True, kw_only=True):
    """What became of one arm's requests in a step.

    Attributes:
        requests: that have ended.
        ok: that have a response.
        errors: category -> how many failed so, the caller's own cancellations among them.
        bad: kind of bad event -> how many requests had it.
        seconds: of all that have a response together: to a stream's first event, to the end of a whole answer.
        verdicts: "RUNG.OUTCOME" -> how many live comparisons of its requests ended so.
        within: class of duration -> how many of these it has; the class N ends at 2 ** (N / 4) seconds.
    """

    requests: int = 0
    ok: int = 0
    errors: dict[str, int] = {}
    bad: dict[str, int] = {}
    seconds: float = 0.0
    verdicts: dict[str, int] = {}
    within: dict[str, int] = {}

    def quantile(self, share: float) -> float | None:
        """Seconds within which this share (0 to 1) of the answers came, at most a fifth too high; None without any."""
        classes = sorted((int(name), count) for name, count in self.within.items())
        left = share * sum(count for _, count in classes)
        for number, count in classes:
            left -= count
            if left <= 0:
                return upper_edge(number)
        return None


def upper_edge(number: int) -> float:
    """The seconds at which a class of durations ends."""
    return float(2 ** (number / _CLASSES))


def arms_epoch(step: str) -> str:
    """The name in a store under which the counts of a step are kept, apart from the guard's evidence."""
    return f"arms {step}"


class Arms:
    """The counts of one process. Not locked: its owner is."""

    def __init__(self) -> None:
        self._steps: dict[str, dict[str, float]] = {}
        self._unsent: dict[str, dict[str, float]] = {}

    def ended(self, decision: Decision, completion: Completion, *, bad: Sequence[str], seconds: float) -> None:
        """Count a request that has ended."""
        arm, error = decision.arm, completion.error
        told = {f"{arm}.requests": 1.0, **{f"{arm}.bad.{kind}": 1.0 for kind in bad}}
        if error is None:
            told |= {f"{arm}.ok": 1.0, f"{arm}.seconds": seconds, f"{arm}.within.{_class(seconds)}": 1.0}
        else:
            told[f"{arm}.error.{error.category}"] = 1.0
        self._count(decision.step, told)

    def bad(self, decision: Decision, kind: str) -> None:
        """Count a bad event that is known only after the request has ended, or without one."""
        self._count(decision.step, {f"{decision.arm}.bad.{kind}": 1.0})

    def compared(self, decision: Decision, *, rung: str, outcome: str) -> None:
        """Count what a live comparison of a request came to."""
        self._count(decision.step, {f"{decision.arm}.verdict.{rung}.{outcome}": 1.0})

    def counts(self, step: str) -> dict[Arm, ArmCounts]:
        """Of a step, in this process."""
        return arm_counts(self._steps.get(step, {}))

    def take_unsent(self) -> dict[str, dict[str, float]]:
        """Step -> sums since this was last asked, for the store."""
        unsent, self._unsent = self._unsent, {}
        return unsent

    def _count(self, step: str, told: Mapping[str, float]) -> None:
        for steps in (self._steps, self._unsent):
            sums = steps.get(step)
            if sums is None:
                while len(steps) >= _MAX_STEPS:
                    del steps[next(iter(steps))]
                sums = steps[step] = {}
            for name, number in told.items():
                sums[name] = sums.get(name, 0.0) + number


def arm_counts(sums: Mapping[str, float]) -> dict[Arm, ArmCounts]:
    """Read sums, of one process or of the store, as counts."""
    return {
        arm: ArmCounts(
            requests=round(sums.get(f"{arm}.requests", 0)),
            ok=round(sums.get(f"{arm}.ok", 0)),
            errors=_named(sums, f"{arm}.error."),
            bad=_named(sums, f"{arm}.bad."),
            seconds=sums.get(f"{arm}.seconds", 0.0),
            verdicts=_named(sums, f"{arm}.verdict."),
            within=_named(sums, f"{arm}.within."),
        )
        for arm in _ARMS
    }


def _named(sums: Mapping[str, float], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): round(number) for name, number in sums.items() if name.startswith(prefix)}


def _class(seconds: float) -> int:
    """The class of a duration."""
    if seconds <= 0:  # a clock that was set back
        return _FIRST_CLASS
    return min(max(math.ceil(math.log2(seconds) * _CLASSES), _FIRST_CLASS), _LAST_CLASS)
