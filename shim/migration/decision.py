"""Decision: which arm serves one request, and why; kept for the request's whole life.

Not how it is made (`rollout`), not what is counted of it (`guard`).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

from shim.migration.policy import Stage

__all__ = ["Arm", "Decision", "Reason", "SlowAfter"]

Arm: TypeAlias = Literal["control", "candidate"]

# Why a request went where it went:
#   stage       off, wire, tee or shadow: control serves all
#   bucket      ramp: the unit's bucket against the share
#   complete    complete: the candidate serves all units
#   pinned      a running conversation stays where it began
#   no_unit     the caller named no unit (None or an empty string): control, not counted
#   bad_unit    the unit is no string, or far too long: control, not counted
#   not_eligible  the request has not the attributes which the policy asks for: control, not counted
#   kill_switch   thrown: control serves all
#   rolled_back   the guard has taken the rollout back, until somebody resets it: control serves all
#   fault       deciding itself failed; control, not counted; the fault is told in the status
Reason: TypeAlias = Literal[
    "stage",
    "bucket",
    "complete",
    "pinned",
    "no_unit",
    "bad_unit",
    "not_eligible",
    "kill_switch",
    "rolled_back",
    "fault",
]


class SlowAfter(Struct, frozen=True, gc=False):
    """When a request counts as slow, in seconds, fixed before it starts; None where the control has not told enough yet.

    Attributes:
        whole: until a whole answer is complete.
        streamed: until the first event of a stream.
    """

    whole: float | None = None
    streamed: float | None = None


_UNKNOWN = SlowAfter()


class Decision(Struct, frozen=True, gc=False):  # no cycles, and many a second
    """Where one request goes.

    Attributes:
        unit: what the caller named; None where there was none, or none that can be used.
        arm: "control" or "candidate".
        stage, percent: of the policy that held.
        share: the probability with which this unit was given to the candidate: 0 to 1. That of its pin, where it is pinned.
        bucket: 0 to 9999; None where none was needed.
        reason: why; see `Reason`.
        step: names the assignment which the evidence belongs to; the guard starts a fresh test with each.
        slow_after: when this request counts as slow.
    """

    unit: str | None
    arm: Arm
    stage: Stage
    percent: float
    share: float
    bucket: int | None
    reason: Reason
    step: str = ""
    slow_after: SlowAfter = _UNKNOWN

    @property
    def counted(self) -> bool:
        """Whether the request is evidence: its unit could have gone to either arm."""
        return self.unit is not None and 0.0 < self.share < 1.0
