"""Governor: the policy in force, which is the source's but for the kill switch and the guard's latch.

Not where each of them comes from (`sources`, `kill_switch`, `store_sync`), not what a unit gets under it (`deciding`). Neither
locks nor threads: what is read here are single references that others replace.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from msgspec import Struct

from shim.migration.decision import Reason
from shim.migration.kill_switch import SwitchState, worst
from shim.migration.policy import Policy, Stage
from shim.migration.sources.source import PolicySource

__all__ = ["Governor", "InForce", "Latch"]


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


class _Inputs(Struct, frozen=True):
    policy: Policy
    switch: SwitchState
    latch: Latch | None


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
        self._inputs: _Inputs | None = None
        self._in_force: InForce | None = None

    def now(self) -> InForce:
        """The policy in force: never blocks, never raises."""
        policy, switch, latch = self._source.policy(), self.switch(), self.latch
        held, in_force = self._inputs, self._in_force
        if (
            in_force is not None
            and held is not None
            and policy is held.policy
            and switch is held.switch
            and latch is held.latch
        ):
            return in_force
        return self._settle(_Inputs(policy, switch, latch))

    def switch(self) -> SwitchState:
        """The state of the kill switch: the worst of all of them."""
        return worst(self._switches)

    def _settle(self, inputs: _Inputs) -> InForce:
        policy, reason = self._allowed(inputs)
        before = self._in_force
        if before is not None and policy == before.policy and reason == before.reason:
            self._inputs = inputs
            return before
        after = InForce(
            policy, policy.threshold, policy.share, policy.step, reason, time.time(), self._settling(before, reason)
        )
        self._in_force, self._inputs = after, inputs
        self._on_change(before, after)
        return after

    def _settling(self, before: InForce | None, reason: Reason) -> Settling | None:
        # What a kill switch or a rollback does holds at once, and so does its end.
        if not self._settle_seconds or before is None or (before.reason, reason) != ("stage", "stage"):
            return None
        return Settling(time.monotonic() + self._settle_seconds, before.threshold, before.share)

    def _allowed(self, inputs: _Inputs) -> tuple[Policy, Reason]:
        policy, latch = inputs.policy, inputs.latch
        if inputs.switch.position == "thrown":
            return Policy(salt=policy.salt), "kill_switch"
        if inputs.switch.position == "unknown" and policy.is_beyond(self._reached):
            policy = self._reached
        self._reached = policy
        if latch is not None and policy.stage > latch.stage:
            return policy.capped(latch.stage), "rolled_back"
        return policy, "stage"
