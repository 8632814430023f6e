"""Arms: how many requests each arm served in a step, and how they ended; plain counts that add up over processes.

Not evidence: it counts requests, where the guard counts conversations once (`guard`). For the status and the report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from msgspec import Struct

from shim.migration.decision import Arm, Decision
from shim.provider import Completion

__all__ = ["ArmCounts", "Arms", "arms_epoch"]

_ARMS: tuple[Arm, ...] = get_args(Arm)

# Late answers of earlier steps are counted under theirs; of more steps than these nobody waits for an answer any more.
_MAX_STEPS = 16


class ArmCounts(Struct, frozen=True, kw_only=True):
    """What became of one arm's requests in a step.

    Attributes:
        requests: that have ended.
        ok: that have a response.
        errors: category -> how many failed so, the caller's own cancellations among them.
        bad: kind of bad event -> how many requests had it.
        seconds: of all that have a response together: to a stream's first event, to the end of a whole answer.
    """

    requests: int = 0
    ok: int = 0
    errors: dict[str, int] = {}
    bad: dict[str, int] = {}
    seconds: float = 0.0


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
            told |= {f"{arm}.ok": 1.0, f"{arm}.seconds": seconds}
        else:
            told[f"{arm}.error.{error.category}"] = 1.0
        self._count(decision.step, told)

    def bad(self, decision: Decision, kind: str) -> None:
        """Count a bad event that is known only after the request has ended, or without one."""
        self._count(decision.step, {f"{decision.arm}.bad.{kind}": 1.0})

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
        )
        for arm in _ARMS
    }


def _named(sums: Mapping[str, float], prefix: str) -> dict[str, int]:
    return {name.removeprefix(prefix): round(number) for name, number in sums.items() if name.startswith(prefix)}
