"""Tests of pins: a running conversation stays in its arm, in one process and over several."""

from __future__ import annotations

from pathlib import Path

import pytest

from shim.migration import PinSettings, Policy, Rollout, Stage
from shim.migration.pins import Pins
from tests.migration.helpers.rollouts import HALF, RAMP, SetPolicy, unit_in, units
from tests.migration.helpers.stores import switchable
from tests.migration.helpers.waiting import in_child, wait_until

ALWAYS_CANDIDATE = unit_in(0, 5)
LATER = unit_in(10, 20)
"""A unit that is the control's at 5 percent and the candidate's at 50."""


def test_a_running_conversation_stays_while_the_share_grows() -> None:
    """A conversation that control began is control's at 50 percent and when complete, with the share it was drawn at."""
    source = SetPolicy(RAMP)
    rollout = Rollout(source, pin=60)
    assert rollout.decide(LATER).arm == "control"
    for policy in (HALF, Policy(stage=Stage.RAMP, percent=100), Policy(stage=Stage.COMPLETE)):
        source.value = policy
        decision = rollout.decide(LATER)
        assert (decision.arm, decision.reason, decision.share) == ("control", "pinned", 0.05)
    source.value = HALF
    fresh = Rollout(source, pin=60).decide(LATER)
    assert (fresh.arm, fresh.share) == ("candidate", 0.5), "a new one goes by its bucket"


def test_a_conversation_from_before_the_ramp_stays_too() -> None:
    """What began while control served all stays control's when the ramp begins, and is no evidence: it had no chance."""
    source = SetPolicy(Policy(stage=Stage.SHADOW))
    rollout = Rollout(source, pin=60)
    rollout.decide(ALWAYS_CANDIDATE)
    source.value = RAMP
    decision = rollout.decide(ALWAYS_CANDIDATE)
    assert (decision.arm, decision.share, decision.counted) == ("control", 0.0, False)


def test_a_running_conversation_stays_while_the_share_shrinks() -> None:
    """A conversation of the candidate's is not sent back because fewer new ones are given to it."""
    source = SetPolicy(HALF)
    rollout = Rollout(source, pin=60)
    assert rollout.decide(LATER).arm == "candidate"
    source.value = RAMP
    assert rollout.decide(LATER).arm == "candidate"


def test_going_back_a_stage_sends_everybody_back() -> None:
    """Pins hold nobody in the candidate when the stage goes back."""
    source = SetPolicy(HALF)
    rollout = Rollout(source, pin=60)
    assert rollout.decide(LATER).arm == "candidate"
    source.value = Policy(stage=Stage.SHADOW)
    assert rollout.decide(LATER).arm == "control"


def test_without_pins_a_conversation_goes_by_its_bucket() -> None:
    """Pins are asked for; else the share moves running conversations too."""
    source = SetPolicy(RAMP)
    rollout = Rollout(source)
    assert rollout.decide(LATER).arm == "control"
    source.value = HALF
    assert rollout.decide(LATER).arm == "candidate"


def test_a_quiet_conversation_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pin lapses when nothing was asked for as long as was told, and each request keeps it alive."""
    now = 1000.0
    monkeypatch.setattr("shim.migration.pins.time.monotonic", lambda: now)
    pins = Pins(PinSettings(idle=60))
    pins.put("unit", unit="unit", arm="control", share=0.05)
    for _ in range(5):
        now += 59
        assert pins.find("unit", unit="unit") is not None
    now += 61
    assert pins.find("unit", unit="unit") is None
    assert len(pins) == 0


def test_a_long_conversation_is_told_to_the_store_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shared pin goes to the store again with the first request after a quarter of its time, so that it lapses nowhere."""
    now = 1000.0
    monkeypatch.setattr("shim.migration.pins.time.monotonic", lambda: now)
    pins = Pins(PinSettings(idle=60), key_of=str)
    pins.put("unit", unit="unit", arm="control", share=0.05)
    assert list(pins.take_unsent()) == ["unit"]
    told = []
    for _ in range(4):
        now += 8
        assert pins.find("unit", unit="unit") is not None
        told.append(list(pins.take_unsent()))
    assert told == [[], ["unit"], [], ["unit"]]


def test_pins_are_bounded() -> None:
    """With too many conversations the one without a request for longest is let go."""
    pins = Pins(PinSettings(idle=60, most=3))
    for unit in ("a", "b", "c"):
        pins.put(unit, unit=unit, arm="control", share=0.05)
    pins.find("a", unit="a")
    pins.put("d", unit="d", arm="control", share=0.05)
    assert [unit for unit in "abcd" if pins.find(unit, unit=unit) is not None] == ["a", "c", "d"]


def test_what_waits_for_the_store_is_bounded() -> None:
    """While nobody fetches them, pins for the store are counted rather than kept without end."""
    pins = Pins(PinSettings(idle=60), key_of=str)
    for number in range(10_500):
        pins.put(str(number), unit=str(number), arm="control", share=0.05)
    assert (len(pins.take_unsent()), pins.unshared) == (10_000, 500)
    assert pins.take_unsent() == {}


@pytest.mark.slow
def test_pins_reach_other_processes(tmp_path: Path) -> None:
    """A conversation that began in one process stays in its arm in another that never saw it, when the share has grown."""
    store, _ = switchable(tmp_path / "store")
    source, fresh = SetPolicy(RAMP), units(20, 45)
    with Rollout(source, store=store, pin=60) as first, Rollout(source, store=store, pin=60) as second:
        assert first.decide(LATER).arm == "control"
        second.decide(unit_in(50, 100))
        wait_until(lambda: second.status().pinned == 2)
        source.value = HALF
        wait_until(lambda: second.decide(next(fresh)).arm == "candidate", seconds=5)  # new ones go over by now
        decision = second.decide(LATER)
        assert (decision.arm, decision.reason, decision.share) == ("control", "pinned", 0.05)


@pytest.mark.slow
def test_a_conversation_that_is_not_told_yet_stays_too(tmp_path: Path) -> None:
    """Right after the share has grown a process takes units it does not know for running ones, as pins may be on their way."""
    store, _ = switchable(tmp_path / "store")
    source, fresh = SetPolicy(RAMP), units(20, 45)
    with Rollout(source, store=store, pin=60) as rollout:
        rollout.decide(unit_in(50, 100))
        source.value = HALF
        assert rollout.decide(LATER).arm == "control"
        wait_until(lambda: rollout.decide(next(fresh)).arm == "candidate", seconds=5)


@pytest.mark.slow
def test_a_forked_worker_knows_the_pins(tmp_path: Path) -> None:
    """A worker that is forked from a process which decides on nothing knows at its first request what is pinned elsewhere."""
    store, _ = switchable(tmp_path / "store")
    source = SetPolicy(HALF)
    with Rollout(source, store=store, pin=60) as master, Rollout(SetPolicy(RAMP), store=store, pin=60) as elsewhere:
        assert elsewhere.decide(LATER).arm == "control"
        wait_until(lambda: master.status().pinned == 1)
        assert in_child(lambda: master.decide(LATER).arm) == "control"


def test_a_restarted_process_knows_the_pins(tmp_path: Path) -> None:
    """A process that starts anew reads what is pinned before its first decision."""
    store, _ = switchable(tmp_path / "store")
    with Rollout(SetPolicy(RAMP), store=store, pin=60) as rollout:
        assert rollout.decide(LATER).arm == "control"
    with Rollout(SetPolicy(HALF), store=store, pin=60) as rollout:
        assert rollout.decide(LATER).arm == "control"
