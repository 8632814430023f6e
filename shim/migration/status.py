"""RolloutStatus: how a rollout stands, as plain data for the command line and the report.

Not the making of it (`rollout`), not what the next step needs (`plan`). `msgspec.to_builtins(status)` is JSON.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from shim.migration.arms import ArmCounts
from shim.migration.decision import Arm
from shim.migration.governor import Latch
from shim.migration.guard_port import Answer
from shim.migration.kill_switch import SwitchState
from shim.migration.policy import Policy, Stage
from shim.migration.sources.source import SourceHealth

__all__ = ["RolloutStatus", "StoreHealth"]


class StoreHealth(Struct, frozen=True, kw_only=True):
    """How the store is.

    Attributes:
        state: "none" where the rollout has none, "unread" before the first look, "ok", or "unreachable".
        fault: why the last look failed.
        since: seconds since the epoch since when it is in this state.
        waiting: batches of evidence that could not be written yet.
        dropped: what was not kept for lack of room while the store could not be reached: batches, pins.
    """

    state: Literal["none", "unread", "ok", "unreachable"] = "none"
    fault: str | None = None
    since: float | None = None
    waiting: int = 0
    dropped: int = 0


class RolloutStatus(Struct, frozen=True, kw_only=True):
    """How a rollout stands, seen from one process.

    Attributes:
        flag: its name.
        stage, percent, share: in force; `share` is the candidate's, 0 to 1.
        step: names the assignment in force.
        policy: in force; `wanted`: what the source asks for, which is further while a switch or the guard holds it back.
        why: why `policy` is not `wanted`; empty where it is.
        since, by: since when the policy is in force, seconds since the epoch, and who set it, as far as is known.
        source: how the policy's source is.
        kill_switch: where it stands: the worst of all.
        latch: that the guard has taken the rollout back; None where it has not.
        answer: the guard's, None without one; `mode`: whether it is acted on; `evidence`: figures and `why`, plain data.
        store: how the store is.
        arms: arm -> what became of its requests in this step: of all processes where there is a store, else of this one.
        decided: "ARM.REASON" -> how many decisions of this process, since it began.
        pinned: conversations pinned in this process.
        faults: what went wrong inside, by kind -> how often; `last_fault`: the last of them in words.
    """

    flag: str
    stage: Stage
    percent: float
    share: float
    step: str
    policy: Policy
    wanted: Policy
    why: str
    since: float | None
    by: str
    source: SourceHealth
    kill_switch: SwitchState
    latch: Latch | None
    answer: Answer | None
    mode: str | None
    evidence: dict[str, Any]
    store: StoreHealth
    arms: dict[Arm, ArmCounts]
    decided: dict[str, int]
    pinned: int
    faults: dict[str, int]
    last_fault: str | None
