"""Governor: the policy in force, which is the source's but for the kill switch and the guard's latch.

Not where each of them comes from (`sources`, `kill_switch`, `store_sync`), not what a unit gets under it (`deciding`). While
nothing changes it takes no lock: what is read are single references that others replace.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from msgspec import Struct

from shim.migration.decision import Reason
from shim.migration.kill_switch import CLEAR, SwitchState, worst
from shim.migration.policy import Policy, Stage
from shim.migration.sources.source import PolicySource

__all__ = ["Governor", "InForce", "Latch"]


LOGGER = logging.getLogger("shim.migration")


class Latch(Struct, frozen=True, kw_only=True):
    """That the guard took the rollout back.

    Attributes:
        step: in which it tripped, as `Policy.step` names it.
        stage: the furthest that is served until a reset: the one before.
        why, by, at: in words, which process, seconds since the epoch.
    """

    step: str
    stage: Stage
    why: str
    by: str
    at: float


class InForce(Struct, frozen=True):
    """A policy in force, with what each decision needs of it.

    Attributes:
        policy: as it is served.
        threshold, share, step: of the policy.
        reason: what a decision says where the candidate serves nobody.
        since: seconds since the epoch when this process first served by it.
        settling: where pins are shared: until when, in monotonic seconds, units that this process does not know yet still go by
            the threshold and share of before, since they may be pinned by a process that has not told so yet.
    """

    policy: Policy
    threshold: int
    share: float
    step: str
    reason: Reason
    since: float
    settling: Settling | None = None


class Settling(Struct, frozen=True):
    """See `InForce.settling`."""

    until: float
    threshold: int
    share: float


class _Held(Struct, frozen=True):
    """What was read, and what follows from it."""

    policy: Policy
    switch: SwitchState
    latch: Latch | None
    in_force: InForce


def stage_before(step: str) -> Stage:
    """The stage to go back to from a step, as `Policy.step` or a guard's epoch names it; off where it names none."""
    name = step.partition("@")[0]
    return Stage(name).before if name in set(Stage) else Stage.OFF


class Governor:
    """Says which policy holds.

    Args:
        source: of the policy.
        switches: each looks at a kill switch.
        on_change: told when another policy comes into force: the one before, None at first, and the new one.
        settle_seconds: how long it takes until this process knows the pins of all others; 0 where none are shared.

    Attributes:
        latch: the guard's, None where it has not tripped; whoever knows sets it.
    """

    def __init__(
        self,
        source: PolicySource,
        *,
        switches: tuple[Callable[[], SwitchState], ...],
        on_change: Callable[[InForce | None, InForce], None],
        settle_seconds: float,
    ) -> None:
        self._source = source
        self._switches = switches
        self._on_change = on_change
        self._settle_seconds = settle_seconds
        self.latch: Latch | None = None
        self._reached = Policy()  # the furthest that a switch which cannot be read leaves in force
        self._held: _Held | None = None
        self._locks: dict[int, threading.RLock] = {}  # by process

    def now(self) -> InForce:
        """The policy in force: never blocks, never raises."""
        held = self._held
        if (
            held is not None
            and self._source.policy() is held.policy
            and self.switch() is held.switch
            and self.latch is held.latch
        ):
            return held.in_force
        with self._locks.setdefault(
            os.getpid(), threading.RLock()
        ):  # what a thread of the parent held is not waited for
            return self._settle(self._source.policy(), switch=self.switch(), latch=self.latch)

    def switch(self) -> SwitchState:
        """The state of the kill switch: the worst of all of them."""
        return worst(self._switches)

    def _settle(self, policy: Policy, *, switch: SwitchState, latch: Latch | None) -> InForce:
        allowed, reason = self._allowed(policy, switch=switch, latch=latch)
        held = self._held
        before = None if held is None else held.in_force
        if switch.position != (CLEAR if held is None else held.switch).position:
            LOGGER.warning("kill switch %s %s", switch.position, switch.why)
        if before is not None and allowed == before.policy and reason == before.reason:
            self._held = _Held(policy, switch, latch, before)
            return before
        settling = self._settling(before, reason)
        after = InForce(allowed, allowed.threshold, allowed.share, allowed.step, reason, time.time(), settling)
        self._held = _Held(policy, switch, latch, after)
        self._on_change(before, after)
        return after

    def _settling(self, before: InForce | None, reason: Reason) -> Settling | None:
        # What a kill switch or a rollback does holds at once, and so does its end.
        if not self._settle_seconds or before is None or (before.reason, reason) != ("stage", "stage"):
            return None
        return Settling(time.monotonic() + self._settle_seconds, before.threshold, before.share)

    def _allowed(self, policy: Policy, *, switch: SwitchState, latch: Latch | None) -> tuple[Policy, Reason]:
        if switch.position == "thrown":
            return Policy(salt=policy.salt), "kill_switch"
        if switch.position == "unknown" and policy.is_beyond(self._reached):
            policy = self._reached
        self._reached = policy
        if latch is not None and policy.stage > latch.stage:
            return policy.capped(latch.stage), "rolled_back"
        return policy, "stage"
