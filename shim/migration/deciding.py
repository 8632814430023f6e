"""Deciding: which arm a unit gets under the policy in force; a function of both, but for pins.

Not the policy (`governor`), not what is done with the decision (`rollout`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from shim.migration.bucketing import BUCKETS, bucket_v1
from shim.migration.decision import Arm, Decision, Reason
from shim.migration.governor import InForce
from shim.migration.local_state import LocalState
from shim.migration.pins import Pins
from shim.migration.policy import Stage

__all__ = ["MAX_UNIT_CHARACTERS", "decide", "undecided"]

# The id of a conversation has some forty. One as long as a prompt is a mistake, and hashing it would take the caller's time.
MAX_UNIT_CHARACTERS = 1000


def decide(
    unit: object, in_force: InForce, *, flag: str, attributes: Mapping[str, object] | None, local: LocalState
) -> Decision:
    """Give the arm of a unit, and count it in `local`."""
    if not isinstance(unit, str) or not 0 < len(unit) <= MAX_UNIT_CHARACTERS:
        decision = _control(None, in_force, reason="no_unit" if unit is None or unit == "" else "bad_unit", local=local)
    elif in_force.policy.only and not _is_eligible(in_force.policy.only, attributes):
        decision = _control(unit, in_force, reason="not_eligible", local=local)
    else:
        return _assigned(unit, in_force, flag=flag, local=local)
    with local.lock:
        local.decided[decision.arm, decision.reason] += 1
    return decision


def undecided(unit: object) -> Decision:
    """Where a request goes that could not be decided on."""
    return Decision(unit if isinstance(unit, str) else None, "control", Stage.OFF, 0.0, 0.0, None, "fault")


def _is_eligible(only: Mapping[str, tuple[str, ...]], attributes: Mapping[str, object] | None) -> bool:
    return attributes is not None and all(attributes.get(name) in values for name, values in only.items())


def _assigned(unit: str, in_force: InForce, *, flag: str, local: LocalState) -> Decision:
    with local.lock:
        if in_force.threshold and local.pins is None:
            bucket = bucket_v1(unit, flag=flag, salt=in_force.policy.salt)
            decision = _by_bucket(unit, in_force, bucket=bucket, local=local)
        elif in_force.threshold and local.pins is not None:
            decision = _by_pin(unit, in_force, pins=local.pins, flag=flag, local=local)
        else:
            # A conversation that begins in a stage of control's stays there when the ramp begins. One that a kill switch or the
            # guard has sent back is pinned where it was, and control serves it all the same.
            if local.pins is not None and in_force.reason == "stage":
                key = local.pins.key_of(unit)
                if local.pins.find(key, unit=unit) is None:
                    local.pins.put(key, unit=unit, arm="control", share=0.0)
            decision = _control(unit, in_force, reason=in_force.reason, local=local)
        local.decided[decision.arm, decision.reason] += 1
    return decision


def _control(unit: str | None, in_force: InForce, *, reason: Reason, local: LocalState) -> Decision:
    policy = in_force.policy
    return Decision(
        unit, "control", policy.stage, policy.percent, 0.0, None, reason, in_force.step, local.slowness.slow_after
    )


def _by_bucket(unit: str, in_force: InForce, *, bucket: int, local: LocalState) -> Decision:
    policy = in_force.policy
    arm: Arm = "candidate" if bucket < in_force.threshold else "control"
    reason: Reason = "complete" if in_force.threshold == BUCKETS and policy.stage is Stage.COMPLETE else "bucket"
    slow_after = local.slowness.slow_after
    return Decision(unit, arm, policy.stage, policy.percent, in_force.share, bucket, reason, in_force.step, slow_after)


def _by_pin(unit: str, in_force: InForce, *, pins: Pins, flag: str, local: LocalState) -> Decision:
    bucket = bucket_v1(unit, flag=flag, salt=in_force.policy.salt)
    key = pins.key_of(unit)
    pin = pins.find(key, unit=unit)
    if pin is None:
        threshold, share = in_force.threshold, in_force.share
        settling = in_force.settling
        if settling is not None and time.monotonic() < settling.until:
            threshold, share = settling.threshold, settling.share
        arm: Arm = "candidate" if bucket < threshold else "control"
        pins.put(key, unit=unit, arm=arm, share=share)
        if threshold == in_force.threshold:
            return _by_bucket(unit, in_force, bucket=bucket, local=local)
    else:
        arm, share = pin.arm, pin.share
    policy, slow_after = in_force.policy, local.slowness.slow_after
    return Decision(unit, arm, policy.stage, policy.percent, share, bucket, "pinned", in_force.step, slow_after)
