"""Tests of what any unit gets, whatever it is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shim.migration import Policy, Rollout, Stage, bucket_v1

POLICIES = st.builds(
    Policy,
    stage=st.sampled_from(list(Stage)),
    percent=st.integers(0, 10_000).map(lambda hundredths: hundredths / 100),
    salt=st.sampled_from(["", "s"]),
    only=st.sampled_from([{}, {"tenant": ("a",)}]),
)
ANYTHING = st.none() | st.integers() | st.floats() | st.binary() | st.lists(st.text()) | st.text()
ATTRIBUTES = st.none() | st.dictionaries(
    st.sampled_from(["tenant", "kind"]), st.sampled_from(["a", "b"]) | st.integers()
)


@given(policy=POLICIES, unit=ANYTHING, attributes=ATTRIBUTES)
def test_any_unit_gets_an_arm(policy: Policy, unit: object, attributes: dict[str, object] | None) -> None:
    """Nothing raises, the same unit gets the same, and the candidate gets only units that its bucket and the policy give it."""
    rollout = Rollout(policy, pin=60)
    decision = rollout.decide(unit, attributes=attributes)
    again = Rollout(policy).decide(unit, attributes=attributes)
    assert (decision.arm, decision.share, decision.stage) == (again.arm, again.share, again.stage)
    assert decision.stage is policy.stage
    if decision.arm == "candidate":
        assert isinstance(unit, str)
        assert decision.bucket == bucket_v1(unit, flag="openai", salt=policy.salt)
        assert decision.bucket < policy.threshold
        assert decision.share == policy.share > 0
    if decision.counted:
        assert isinstance(unit, str)
        assert policy.stage is Stage.RAMP


@given(unit=st.text(min_size=1, max_size=50), percents=st.lists(st.integers(0, 10_000), min_size=2, max_size=6))
def test_a_ramp_moves_a_unit_once(unit: str, percents: list[int]) -> None:
    """Over any growing ramp a unit goes over to the candidate at most once, and never back."""
    arms = [Rollout(Policy(stage=Stage.RAMP, percent=percent / 100)).decide(unit).arm for percent in sorted(percents)]
    assert arms == sorted(arms, reverse=True), "control comes before candidate"


@given(unit=st.text(min_size=1, max_size=50))
def test_a_unit_goes_over_with_the_share_that_is_above_its_bucket(unit: str) -> None:
    """At a share of just its bucket a unit is control's still, and the candidate's at the next hundredth of a percent."""
    bucket = bucket_v1(unit, flag="openai")
    for pin in (None, 60):
        arms = [
            Rollout(Policy(stage=Stage.RAMP, percent=hundredths / 100), pin=pin).decide(unit).arm
            for hundredths in (bucket, bucket + 1)
        ]
        assert arms == ["control", "candidate"]
