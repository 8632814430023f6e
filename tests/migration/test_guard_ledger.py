"""Tests of what the guard counts: once for each conversation, and for the step that runs."""

from __future__ import annotations

import pytest

from shim.migration.decision import Arm
from shim.migration.guard import Guard
from tests.migration.guarded import counted, decision, note, note_both, trip, units


@pytest.mark.parametrize("arm", ["control", "candidate"])
def test_the_first_bad_event_of_a_conversation_counts(arm: Arm) -> None:
    """Of a conversation that fails again and again one error counts, and one of each other kind."""
    guard = Guard()
    for _ in range(50):
        guard.note(decision("one", arm), bad=("error", "slow"))
    assert sum(counted(guard)) == sum(counted(guard, "slow")) == 1
    assert sum(guard.evidence()["units"].values()) == 1


def test_a_bad_event_has_the_share_of_its_own_request() -> None:
    """An error weighs by the share under which its request was assigned, whatever that of the conversation's first one was."""
    one, other = Guard(), Guard()
    one.note(decision("unit", "candidate", share=0.5, step="same"))
    one.note(decision("unit", "candidate", share=0.05, step="same"), bad=("error",))
    other.note(decision("unit", "candidate", share=0.05, step="same"), bad=("error",))
    assert one.evidence()["kinds"] == other.evidence()["kinds"]


@pytest.mark.parametrize(
    ("unit", "share"), [(None, 0.5), ("", 0.5), ("unit", 0.0), ("unit", 1.0), ("unit", float("nan"))]
)
def test_ineligible_requests_are_left_out_of_both_arms(unit: str | None, share: float) -> None:
    """A request without a unit, or whose arm was certain, counts nowhere but as left out."""
    guard = Guard()
    guard.note(decision(unit, "control", share=share), bad=("error",))
    guard.note(decision(unit, "candidate", share=share), bad=("error",))
    found = guard.evidence()
    assert counted(guard) == (0, 0)
    assert found["units"] == {"control": 0, "candidate": 0}
    assert found["left_out"]["ineligible"] == 2


def test_an_exposure_is_no_answer() -> None:
    """Conversations that only began count for the sample ratio, and not as conversations that say something."""
    guard = Guard()
    for unit in units(100):
        guard.expose(decision(unit, "candidate" if hash(unit) % 2 else "control"))
    assert guard.answer == "hold"
    assert guard.evidence()["units"] == {"control": 0, "candidate": 0}
    assert guard.evidence()["sample_ratio"]["control"] + guard.evidence()["sample_ratio"]["candidate"] == 100


def test_noting_again_adds_kinds_and_no_exposure() -> None:
    """A kind that is found out later is added to the conversation, which stays one."""
    guard = Guard()
    request = decision("unit", "candidate")
    guard.expose(request)
    guard.note(request)
    guard.note(request, bad=("mismatch",))
    assert counted(guard, "mismatch") == (0, 1)
    assert guard.evidence()["units"]["candidate"] == guard.evidence()["sample_ratio"]["candidate"] == 1


@pytest.mark.slow
def test_each_step_has_fresh_tests() -> None:
    """Ten thousand clean conversations of a step before do not delay the next step's rollback."""
    guard = Guard()
    for _ in range(5000):
        note(guard, "control", 1, bad=("error",), step="ramp@5")
        note(guard, "candidate", 1, bad=("error",), step="ramp@5")
    assert note_both(guard, 1, step="ramp@50") == "hold"
    assert counted(guard) == (0, 0)
    assert trip(guard, step="ramp@50") == "roll_back"


def test_answers_still_under_way_do_not_bring_the_old_step_back() -> None:
    """Requests of the step before that end later are left out, and the new step goes on."""
    guard = Guard()
    note_both(guard, 40, step="old")
    for _ in range(30):
        note_both(guard, 1, step="new")
        note(guard, "candidate", 1, bad=("error",), step="old")
    assert guard.evidence()["step"] == "new"
    assert counted(guard) == (0, 0)
    assert guard.evidence()["left_out"]["late"] == 30


def test_going_back_to_the_step_before_is_a_step() -> None:
    """When nothing but the step before comes any more, that is the step, with fresh tests."""
    guard = Guard()
    note_both(guard, 40, step="ramp@5")
    note_both(guard, 40, step="ramp@25")
    note_both(guard, 20, step="ramp@5")
    assert guard.evidence()["step"] == "ramp@5"
    assert guard.evidence()["units"]["control"] < 20


def test_begin_begins_a_step_at_once() -> None:
    """A caller who knows that a step begins has fresh tests before its first request."""
    guard = Guard()
    assert note_both(guard, 40) == "fine"
    guard.begin("ramp@50")
    assert guard.answer == "fine"
    guard.begin("next")
    assert (guard.answer, guard.reason) == ("hold", "not_enough")


def test_decisions_made_by_hand_are_told_apart_by_stage_and_percent() -> None:
    """Without a step's name the stage and percent of a decision are its step."""
    guard = Guard()
    note(guard, "control", 1, share=0.05, step="")
    assert guard.evidence()["step"] == "ramp@5"
