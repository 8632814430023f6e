"""Standing: what a plan needs to know of a rollout, from its status.

Not the plan's rules (`plan`), not the status (`rollout`). A pure function of both and of the approvals.
"""

from __future__ import annotations

from collections.abc import Collection

from shim.migration.plan import Standing
from shim.migration.policy import Stage
from shim.migration.status import RolloutStatus

__all__ = ["standing_of"]


def standing_of(status: RolloutStatus, *, approved: Collection[str]) -> Standing:
    """What is known of a rollout when the next step is asked for.

    Args:
        status: of the rollout.
        approved: names of the steps that somebody approved.
    """
    return Standing(
        policy=status.policy,
        since=status.since,
        conversations=_conversations(status),
        answer=status.answer,
        why=str(status.evidence.get("why", "")),
        latched="" if status.latch is None else status.latch.why,
        halted=_halted(status),
        approved=frozenset(approved),
    )


def _conversations(status: RolloutStatus) -> int:
    """In ramp the conversations that the candidate served, as the guard counts them; else all requests."""
    if status.stage is Stage.RAMP and status.answer is not None:
        units = status.evidence.get("units", {})
        # The guard's evidence may still be that of the step before: then nothing was seen of this one yet.
        return int(units.get("candidate", 0)) if status.evidence.get("step") == status.step else 0
    arms = [status.arms["candidate"]] if status.stage is Stage.RAMP else list(status.arms.values())
    return sum(counts.requests for counts in arms)


def _halted(status: RolloutStatus) -> str:
    if status.kill_switch.position != "clear":
        return f"kill switch {status.kill_switch.position}: {status.kill_switch.why}"
    if status.store.state == "unreachable":
        return f"the store cannot be reached: {status.store.fault}"
    if status.source.fault is not None:
        return f"{status.source.source} cannot be read: {status.source.fault}"
    return ""
