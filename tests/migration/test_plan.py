"""Tests of plans: what a file may hold, and what the next step still needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shim.migration import Policy, PolicyError, RolloutPlan, Stage, Standing

PLAN = """
[policy]
compare_percent = 10
salt = "s"

[[step]]
stage = "wire"
minimum_conversations = 100

[[step]]
stage = "tee"
minimum_time = "1h"

[[step]]
stage = "ramp"
percent = 5
minimum_time = 7200
minimum_conversations = 500
approval = true

[[step]]
stage = "ramp"
percent = 50

[[step]]
stage = "complete"
approval = true
"""

NOW = 1_000_000.0
RAMP = {"stage": "ramp", "percent": 5, "salt": "s", "compare_percent": 10}


@pytest.fixture
def plan(tmp_path: Path) -> RolloutPlan:
    """The plan above, from a file."""
    path = tmp_path / "plan.toml"
    path.write_text(PLAN)
    return RolloutPlan.load(path)


def standing(policy: dict[str, Any], **known: Any) -> Standing:
    """What is known, all of it well but for what is told."""
    well = {
        "since": NOW - 86400,
        "conversations": 10_000,
        "answer": "fine",
        "approved": frozenset({"ramp 5", "complete"}),
    }
    return Standing(policy=Policy.parse(policy), **{**well, **known})


def test_a_plan_is_read_from_a_file(plan: RolloutPlan) -> None:
    """Steps have what all have, their own, and their gates in seconds."""
    assert [step.name for step in plan.steps] == ["wire", "tee", "ramp 5", "ramp 50", "complete"]
    ramp = plan.steps[2]
    assert ramp.policy == Policy.parse(RAMP)
    assert (ramp.minimum_time, ramp.minimum_conversations, ramp.approval) == (7200.0, 500, True)
    assert plan.steps[1].minimum_time == 3600.0


def test_the_first_step_needs_nothing_but_health(plan: RolloutPlan) -> None:
    """From off the first step may begin at once."""
    needs = plan.needs(standing({"stage": "off"}, since=None, conversations=0, answer=None), now=NOW)
    assert needs.current is None
    assert needs.next == plan.steps[0]
    assert needs.ready


def test_a_step_that_has_all_it_needs_is_over(plan: RolloutPlan) -> None:
    """Enough time, enough conversations, a guard that is fine and an approval: the next step may begin."""
    needs = plan.needs(standing({"stage": "tee", "salt": "s"}), now=NOW)
    assert needs.current == plan.steps[1]
    assert needs.next == plan.steps[2]
    assert (needs.ready, needs.missing) == (True, ())


@pytest.mark.parametrize(
    ("policy", "known", "missing"),
    [
        ({"stage": "tee"}, {"since": NOW - 600}, "tee has lasted 10 m of 1 h"),
        ({"stage": "tee"}, {"since": None}, "tee has lasted 0 s of 1 h, as far as is known"),
        ({"stage": "tee"}, {"since": NOW + 600}, "tee has lasted 0 s of 1 h"),
        ({"stage": "tee"}, {"approved": frozenset({"complete"})}, "ramp 5 waits for an approval"),
        ({"stage": "wire"}, {"conversations": 99}, "wire has seen 99 of 100 requests"),
        (RAMP, {"conversations": 7}, "ramp 5 has seen 7 of 500 conversations"),
        (RAMP, {"answer": "hold", "why": "12 of 30"}, "the guard says hold: 12 of 30"),
        (RAMP, {"latched": "errors"}, "the guard has rolled back and is not reset: errors"),
        (RAMP, {"halted": "the store cannot be reached"}, "the store cannot be reached"),
    ],
)
def test_what_is_missing_is_said(
    plan: RolloutPlan, policy: dict[str, Any], known: dict[str, Any], missing: str
) -> None:
    """Each thing that is missing is one sentence, and without it the next step is not ready."""
    needs = plan.needs(standing(policy, **known), now=NOW)
    assert needs.missing == (missing,)
    assert not needs.ready


def test_everything_missing_is_said_at_once(plan: RolloutPlan) -> None:
    """Nobody has to find out one thing after the other."""
    known = {"since": NOW, "conversations": 0, "answer": "hold", "approved": frozenset(), "halted": "kill switch"}
    assert len(plan.needs(standing({"stage": "tee"}, **known), now=NOW).missing) == 3
    assert len(plan.needs(standing(RAMP, **known), now=NOW).missing) == 4


def test_a_share_between_two_steps_is_in_the_lower_one(plan: RolloutPlan) -> None:
    """Where somebody set 20 percent by hand the step of 5 percent still holds, and 50 percent is next."""
    needs = plan.needs(standing({**RAMP, "percent": 20}), now=NOW)
    assert (needs.current, needs.next) == (plan.steps[2], plan.steps[3])


def test_after_the_last_step_there_is_none(plan: RolloutPlan) -> None:
    """A plan that is through is not ready for anything."""
    needs = plan.needs(standing({"stage": "complete"}), now=NOW)
    assert (needs.current, needs.next, needs.ready) == (plan.steps[-1], None, False)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "step"),
        ({"step": []}, "step"),
        ({"step": [{"stage": "tee"}] * 101}, "step"),
        ({"step": [{"stage": "tee"}], "steps": []}, "steps"),
        ({"step": ["tee"]}, "step[0]"),
        ({"step": [{"stage": "teed"}]}, "step[0].stage"),
        ({"step": [{"stage": "wire"}, {"stage": "ramp", "percent": 101}]}, "step[1].percent"),
        ({"step": [{"stage": "tee", "minimum": 5}]}, "step[0].minimum"),
        ({"step": [{"stage": "tee", "minimum_time": "soon"}]}, "step[0].minimum_time"),
        ({"step": [{"stage": "tee", "minimum_time": -1}]}, "step[0].minimum_time"),
        ({"step": [{"stage": "tee", "minimum_time": "1000d"}]}, "step[0].minimum_time"),
        ({"step": [{"stage": "tee", "minimum_time": float("nan")}]}, "step[0].minimum_time"),
        ({"step": [{"stage": "tee", "minimum_conversations": 1.5}]}, "step[0].minimum_conversations"),
        ({"step": [{"stage": "tee", "minimum_conversations": True}]}, "step[0].minimum_conversations"),
        ({"step": [{"stage": "tee", "minimum_conversations": 16**5000}]}, "step[0].minimum_conversations"),
        ({"step": [{"stage": "tee", "minimum_time": 16**5000}]}, "step[0].minimum_time"),
        ({"step": [{"stage": "tee", "approval": "ann"}]}, "step[0].approval"),
        ({"step": [{"stage": "tee"}, {"stage": "wire"}]}, "step[1]"),
        ({"step": [{"stage": "ramp", "percent": 5}, {"stage": "ramp", "percent": 5}]}, "step[1]"),
        ({"step": [{"stage": "tee"}, {"stage": "ramp", "percent": 5, "salt": "s"}]}, "step[1].salt"),
        ({"step": [{"stage": "tee"}], "policy": 5}, "policy"),
    ],
)
def test_what_cannot_be_is_named(data: dict[str, Any], field: str) -> None:
    """A wrong value, an unknown key, steps out of order and a salt that changes are refused by name."""
    with pytest.raises(PolicyError) as caught:
        RolloutPlan.parse(data)
    assert caught.value.field == field


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """A missing file, a directory, and what is no TOML are refused, naming the file."""
    (tmp_path / "broken.toml").write_text("[[step")
    for name in ("missing.toml", ".", "broken.toml"):
        with pytest.raises(PolicyError, match="plan ") as caught:
            RolloutPlan.load(tmp_path / name)
        assert caught.value.field in ("plan", "path")


def test_times_are_read_and_told() -> None:
    """A number with its unit is as long as it says."""
    times = {"90": 90, "90s": 90, "1.5m": 90, "2 h": 7200, "1d": 86400, 5: 5, 0.5: 0.5}
    for text, seconds in times.items():
        plan = RolloutPlan.parse({"step": [{"stage": "tee", "minimum_time": text}]})
        assert plan.steps[0].minimum_time == seconds
    assert plan.steps[0].policy.stage is Stage.TEE


def test_what_is_met_is_told_too() -> None:
    """Each need of the next step is told, those that are met beside those that are missing."""
    steps = [{"stage": "wire", "minimum_time": "1m", "minimum_conversations": 5}, {"stage": "tee", "approval": True}]
    standing = Standing(policy=Policy(stage=Stage.WIRE), since=0.0, conversations=7)
    needs = RolloutPlan.parse({"step": steps}).needs(standing, now=30.0)
    assert needs.met == ("nothing halts the rollout", "wire has seen 7 of 5 requests")
    assert needs.missing == ("wire has lasted 30 s of 1 m", "tee waits for an approval")
