"""Tests of what a plan is told of a rollout."""

from __future__ import annotations

from pathlib import Path

from shim.migration import FilePolicy, Policy, Rollout, RolloutPlan, Stage
from shim.migration.kill_switch import KillSwitch
from shim.migration.standing import standing_of
from tests.migration.helpers.completions import answered
from tests.migration.helpers.rollouts import HALF, SetPolicy, break_arm, quick_guard

PLAN = RolloutPlan.parse(
    {
        "step": [
            {"stage": "wire", "minimum_conversations": 3},
            {"stage": "ramp", "percent": 50, "minimum_conversations": 20},
            {"stage": "complete", "approval": True},
        ]
    }
)


def use(rollout: Rollout, conversations: int) -> None:
    """Have so many conversations of two requests each."""
    for number in range(conversations):
        for _ in range(2):
            rollout.note(rollout.decide(f"conversation-{number}"), answered())


def test_before_the_ramp_requests_are_counted() -> None:
    """In a stage of control's every request counts, with or without a conversation."""
    rollout = Rollout(Policy(stage=Stage.WIRE))
    use(rollout, 2)
    rollout.note(rollout.decide(None), answered())
    standing = standing_of(rollout.status(), approved=())
    assert (standing.conversations, standing.answer, standing.halted) == (5, None, "")
    assert PLAN.needs(standing, now=0.0).ready


def test_in_the_ramp_the_candidates_conversations_are_counted() -> None:
    """In ramp each conversation of the candidate counts once, and the guard and the approval are asked."""
    rollout = Rollout(HALF, guard=quick_guard())
    use(rollout, 30)
    standing = standing_of(rollout.status(), approved=())
    assert standing.conversations == rollout.status().arms["candidate"].requests // 2
    assert 0 < standing.conversations < 20
    assert len(PLAN.needs(standing, now=0.0).missing) == 2
    use(rollout, 80)
    assert PLAN.needs(standing_of(rollout.status(), approved=["complete"]), now=0.0).ready


def test_evidence_of_another_step_counts_for_none() -> None:
    """Right after the share has changed nothing was seen of the new step."""
    source = SetPolicy(HALF)
    rollout = Rollout(source, guard=quick_guard())
    use(rollout, 60)
    source.value = Policy(stage=Stage.RAMP, percent=60)
    assert standing_of(rollout.status(), approved=()).conversations == 0


def test_what_speaks_against_it_is_told(tmp_path: Path) -> None:
    """A rollback, a kill switch and a source that cannot be read halt the plan, each in words."""
    rollout = Rollout(HALF, guard=quick_guard())
    break_arm(rollout, "candidate")
    standing = standing_of(rollout.status(), approved=())
    assert "error in" in standing.latched
    assert standing.latched == standing.why, "the guard's reason is that of the rollback"
    path, kill = tmp_path / "policy.toml", tmp_path / "kill"
    path.write_text('stage = "wire"')
    rollout = Rollout(FilePolicy(path, check_every=0), kill_switch=KillSwitch(file=kill, environ={}, check_every=0))
    path.write_text("broken")
    rollout.decide("unit")
    assert "cannot be read" in standing_of(rollout.status(), approved=()).halted
    kill.touch()
    assert "kill switch thrown" in standing_of(rollout.status(), approved=()).halted
