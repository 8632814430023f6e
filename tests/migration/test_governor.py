"""Tests of the policy in force: what a switch and a latch make of what a source says."""

from __future__ import annotations

import pytest

from shim.migration import Latch, Policy, Stage, SwitchState
from shim.migration.governor import Governor, InForce, stage_before
from tests.migration.helpers.rollouts import HALF, RAMP, SetPolicy

CLEAR, UNKNOWN, THROWN = SwitchState("clear"), SwitchState("unknown", "gone"), SwitchState("thrown", "file")


class Told:
    """A governor whose inputs a test sets, and the changes that it told."""

    def __init__(self, policy: Policy, *, settle_seconds: float = 0.0) -> None:
        self.source = SetPolicy(policy)
        self.switch = CLEAR
        self.changes: list[tuple[str | None, str]] = []
        self.governor = Governor(
            self.source, switches=(lambda: self.switch,), on_change=self.changed, settle_seconds=settle_seconds
        )

    def changed(self, before: InForce | None, after: InForce) -> None:
        """Remember a change."""
        self.changes.append((None if before is None else before.step, after.step))


@pytest.mark.parametrize(
    ("step", "stage"),
    [
        ("ramp@5", Stage.SHADOW),
        ("ramp@0.01+salt", Stage.SHADOW),
        ("complete@100", Stage.RAMP),
        ("shadow@0", Stage.TEE),
        ("ramp@5#3 x1.25", Stage.SHADOW),
        ("off@0", Stage.OFF),
        ("", Stage.OFF),
        ("of a newer version", Stage.OFF),
    ],
)
def test_the_stage_before_a_step(step: str, stage: Stage) -> None:
    """Every step's name, and every epoch's, leads back and never forward; what nobody knows leads to off."""
    assert stage_before(step) is stage


def test_nothing_new_is_the_same_object() -> None:
    """While nothing changes nothing is computed, and nothing is told."""
    told = Told(RAMP)
    first = told.governor.now()
    assert all(told.governor.now() is first for _ in range(3))
    told.source.value = Policy(stage=Stage.RAMP, percent=5)
    assert told.governor.now() is first, "an equal policy is no change"
    assert told.changes == [(None, "ramp@5")]


def test_every_change_is_told_once() -> None:
    """A new policy, a thrown switch, its end, and a latch are each told once, with the step before."""
    told = Told(RAMP)
    told.governor.now()
    told.source.value = HALF
    told.governor.now()
    told.switch = THROWN
    told.governor.now()
    told.switch = CLEAR
    told.governor.now()
    told.governor.latch = Latch(step="ramp@50", stage=Stage.SHADOW, why="errors", by="guard", at=1.0)
    assert told.governor.now().reason == "rolled_back"
    told.governor.now()
    assert [after for _, after in told.changes] == ["ramp@5", "ramp@50", "off@0", "ramp@50", "shadow@0"]


def test_a_switch_beats_a_latch() -> None:
    """A thrown switch says off, where the latch alone would leave the stage before."""
    told = Told(HALF)
    told.governor.latch = Latch(step="ramp@50", stage=Stage.SHADOW, why="errors", by="guard", at=1.0)
    assert told.governor.now().policy.stage is Stage.SHADOW
    told.switch = THROWN
    assert (told.governor.now().policy.stage, told.governor.now().reason) == (Stage.OFF, "kill_switch")


def test_an_unknown_switch_holds_what_was_reached() -> None:
    """What was served when the switch could be read last is the most there is, and what is lower becomes that."""
    told = Told(HALF)
    told.switch = UNKNOWN
    assert told.governor.now().policy.stage is Stage.OFF, "nothing was reached yet"
    told.switch = CLEAR
    assert told.governor.now().share == 0.5
    told.switch = UNKNOWN
    for policy, share in (
        (Policy(stage=Stage.COMPLETE), 0.5),
        (RAMP, 0.05),
        (HALF, 0.05),
        (Policy(), 0.0),
        (RAMP, 0.0),
    ):
        told.source.value = policy
        assert told.governor.now().share == share


def test_shared_pins_settle_after_a_change_of_the_share() -> None:
    """For a moment the threshold of before is told beside the new one; not so after a switch or a latch."""
    told = Told(RAMP, settle_seconds=60.0)
    assert told.governor.now().settling is None
    told.source.value = HALF
    settling = told.governor.now().settling
    assert settling is not None
    assert (settling.threshold, settling.share) == (500, 0.05)
    told.switch = THROWN
    assert told.governor.now().settling is None
    told.switch = CLEAR
    assert told.governor.now().settling is None
