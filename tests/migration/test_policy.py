"""Tests of policies: what is accepted, what is refused by name, and which is further than which."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pytest

from shim.migration import Policy, PolicyError, Stage

STAGES = ["off", "wire", "tee", "shadow", "ramp", "complete"]


def test_stages_are_in_order() -> None:
    """Stages compare by how far they are, not by their letters, and each knows the one before."""
    assert sorted([Stage.RAMP, Stage.COMPLETE, Stage.OFF, Stage.TEE, Stage.SHADOW, Stage.WIRE]) == [
        Stage(name) for name in STAGES
    ]
    assert Stage.OFF < Stage.COMPLETE
    assert Stage.RAMP > "shadow"
    assert Stage.RAMP >= Stage.RAMP <= Stage.COMPLETE
    assert [stage.before for stage in Stage] == ["off", "off", "wire", "tee", "shadow", "ramp"]


def test_the_default_is_off() -> None:
    """A policy of which nothing is said gives the candidate nothing."""
    assert Policy().stage is Stage.OFF
    assert Policy().share == 0.0


def test_a_policy_is_read_from_plain_data() -> None:
    """Every key is read, whole numbers too, and the policy's own plain data reads as the same again."""
    data = {
        "stage": "ramp",
        "percent": 5,
        "salt": "s",
        "shadow_percent": 0.5,
        "compare_percent": 10,
        "only": {"tenant": ["a", "b"]},
    }
    policy = Policy.parse(data)
    assert (policy.stage, policy.percent, policy.salt) == (Stage.RAMP, 5.0, "s")
    assert (policy.shadow_percent, policy.compare_percent, policy.only) == (0.5, 10.0, {"tenant": ("a", "b")})
    assert Policy.parse(policy.to_dict()) == policy


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"stage": "ramped"}, "stage"),
        ({"stage": None}, "stage"),
        ({"stage": ["ramp"]}, "stage"),
        ({"percent": 5}, "stage"),
        ({}, "stage"),
        ({"stage": "ramp", "percent": 101}, "percent"),
        ({"stage": "ramp", "percent": -0.01}, "percent"),
        ({"stage": "ramp", "percent": math.nan}, "percent"),
        ({"stage": "ramp", "percent": math.inf}, "percent"),
        ({"stage": "ramp", "percent": 0.005}, "percent"),
        ({"stage": "ramp", "percent": "5"}, "percent"),
        ({"stage": "ramp", "percent": True}, "percent"),
        ({"stage": "ramp", "percent": 10**400}, "percent"),
        ({"stage": "ramp", "percent": 10**5000}, "percent"),
        ({"stage": 10**5000}, "stage"),
        ({"stage": "off", "shadow_percent": 101}, "shadow_percent"),
        ({"stage": "off", "compare_percent": None}, "compare_percent"),
        ({"stage": "off", "salt": 7}, "salt"),
        ({"stage": "off", "salt": "a\0b"}, "salt"),
        ({"stage": "off", "salt": "x" * 1000}, "salt"),
        ({"stage": "off", "only": ["tenant"]}, "only"),
        ({"stage": "off", "only": {"": ["a"]}}, "only"),
        ({"stage": "off", "only": {"tenant": "a"}}, "only.tenant"),
        ({"stage": "off", "only": {"tenant": []}}, "only.tenant"),
        ({"stage": "off", "only": {"tenant": ["a"] * 1001}}, "only.tenant"),
        ({"stage": "off", "per_cent": 5}, "per_cent"),
        ({"stage": "off", "\ud800": 5}, "\ud800"),
        ({"stage": "off", 5: 5}, "5"),
        ([], None),
        (None, None),
    ],
)
def test_what_cannot_be_is_named(data: Any, field: str | None) -> None:
    """A wrong value, an unknown key and what is no table are refused by name, in words that can be printed."""
    with pytest.raises(PolicyError) as caught:
        Policy.parse(data)
    assert caught.value.field == field
    str(caught.value).encode("utf-8")
    assert len(str(caught.value)) < 400


def test_a_policy_made_by_hand_is_checked_too() -> None:
    """The constructor takes a stage's name, and refuses what `parse` refuses."""
    made: Any = "ramp"
    assert Policy(stage=made, percent=5).stage is Stage.RAMP
    with pytest.raises(PolicyError, match="percent is 101"):
        Policy(stage=Stage.RAMP, percent=101)


def test_an_error_is_pickled_whole() -> None:
    """An error that crosses a process keeps its message and its field."""
    copy = pickle.loads(pickle.dumps(PolicyError("percent is 101", field="percent")))  # noqa: S301 - our own bytes
    assert (str(copy), copy.field) == ("percent is 101", "percent")


@pytest.mark.parametrize(
    ("policy", "share"),
    [
        (Policy(stage=Stage.SHADOW, percent=50), 0.0),
        (Policy(stage=Stage.RAMP, percent=0.01), 0.0001),
        (Policy(stage=Stage.RAMP, percent=0.07), 0.0007),
        (Policy(stage=Stage.RAMP, percent=29), 0.29),
        (Policy(stage=Stage.RAMP, percent=100), 1.0),
        (Policy(stage=Stage.COMPLETE), 1.0),
    ],
)
def test_the_share_is_what_is_served(policy: Policy, share: float) -> None:
    """The told share is that of the buckets, to the last digit, since the guard's evidence stands on it."""
    assert policy.share == share
    assert policy.threshold == round(share * 10_000)


@pytest.mark.parametrize(
    ("policy", "other", "beyond"),
    [
        (Policy(stage=Stage.RAMP, percent=5), Policy(stage=Stage.RAMP, percent=1), True),
        (Policy(stage=Stage.RAMP, percent=1), Policy(stage=Stage.RAMP, percent=5), False),
        (Policy(stage=Stage.TEE), Policy(stage=Stage.WIRE), True),
        (Policy(stage=Stage.SHADOW, shadow_percent=1), Policy(stage=Stage.SHADOW), True),
        (Policy(stage=Stage.RAMP, percent=5), Policy(stage=Stage.RAMP, percent=5, only={"a": ("b",)}), True),
        (Policy(stage=Stage.RAMP, percent=5), Policy(stage=Stage.COMPLETE), False),
        (Policy(), Policy(), False),
    ],
)
def test_a_promotion_is_recognised(*, policy: Policy, other: Policy, beyond: bool) -> None:
    """A policy is beyond another where it gives the candidate anything more."""
    assert policy.is_beyond(other) is beyond


def test_a_step_names_the_assignment() -> None:
    """Policies that draw the same units have one name, and those that do not have others."""
    assert Policy(stage=Stage.RAMP, percent=5).step == "ramp@5"
    assert Policy(stage=Stage.RAMP, percent=5, compare_percent=1).step == "ramp@5"
    names = {Policy(stage=Stage.RAMP, percent=5).step, Policy(stage=Stage.RAMP, percent=5, salt="s").step}
    assert len(names | {Policy(stage=Stage.COMPLETE).step, Policy(stage=Stage.RAMP, percent=50).step}) == 4
