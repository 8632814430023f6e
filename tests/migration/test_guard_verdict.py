"""Tests of the guard's three answers, and of the doubt in which it believes no error."""

from __future__ import annotations

import itertools

import pytest

from shim.migration.guard import Guard
from tests.migration.guarded import decision, note, note_both, trip, units, why


def test_without_data_it_holds() -> None:
    """Before the first request the answer is hold, because there is not enough to say anything."""
    guard = Guard()
    assert (guard.answer, guard.reason) == ("hold", "not_enough")
    assert "30 are needed in each" in why(guard)


def test_good_conversations_are_fine_when_there_are_enough_in_each_arm() -> None:
    """It says fine with the thirtieth conversation of the arm that has fewer, and not before."""
    guard = Guard()
    for _ in range(29):
        note(guard, "control", 3, share=0.25)
        assert note(guard, "candidate", 1, share=0.25) == "hold"
    assert note(guard, "candidate", 1, share=0.25) == "fine"


def test_a_candidate_that_fails_is_rolled_back() -> None:
    """Errors in the candidate and none in the control end in a rollback, whose sentence tells the figures."""
    guard = Guard()
    assert trip(guard) == "roll_back"
    assert (guard.answer, guard.reason) == ("roll_back", "guardrail")
    assert "more than 1.25 times as frequent there (evidence " in why(guard)


def test_a_control_that_fails_is_no_reason_to_roll_back() -> None:
    """Errors in the control alone never roll back: the arms are not swapped."""
    guard = Guard()
    for _ in range(300):
        note(guard, "control", 1, bad=("error",))
        assert note(guard, "candidate", 1) != "roll_back"
    assert guard.answer == "fine"


def test_an_outage_of_both_arms_is_no_reason_to_roll_back() -> None:
    """When everything fails in both arms, nothing tells against the candidate."""
    guard = Guard()
    for _ in range(300):
        note(guard, "control", 1, bad=("error",))
        assert note(guard, "candidate", 1, bad=("error",)) != "roll_back"


def test_two_failures_are_too_few_for_people() -> None:
    """Two failed conversations at a share of 5 % are evidence and no rollback; the third rolls back."""
    guard = Guard()
    note(guard, "control", 57, share=0.05)
    assert note(guard, "candidate", 2, bad=("error",), share=0.05) == "hold"
    assert guard.reason == "few_units"
    assert guard.evidence()["guardrails"] > 20
    assert note(guard, "candidate", 1, bad=("error",), share=0.05) == "roll_back"


def test_few_conversations_do_not_roll_back() -> None:
    """However strong the evidence, it does not roll back before `minimum_units` conversations of both arms."""
    guard = Guard(minimum_units=30)
    assert note(guard, "candidate", 10, bad=("error",)) == "hold"
    assert guard.reason == "few_units"
    assert note(guard, "control", 19) == "hold"
    assert note(guard, "control", 1) == "roll_back"


@pytest.mark.parametrize("kind", ["slow", "mismatch", "refused"])
def test_signals_only_hold(kind: str) -> None:
    """A kind that is a signal holds, says which it is, and never rolls back."""
    guard = Guard()
    for _ in range(200):
        note(guard, "control", 1)
        assert note(guard, "candidate", 1, bad=(kind,)) != "roll_back"
    assert (guard.answer, guard.reason, guard.evidence()["kind"]) == ("hold", "signal", kind)


def test_signals_make_a_rollback_no_slower() -> None:
    """Conversations that are also slow are rolled back with the same one as those that only fail."""
    counts = []
    for more in ((), ("slow", "mismatch")):
        guard, number = Guard(), 0
        while guard.answer != "roll_back":
            note(guard, "control", 1)
            note(guard, "candidate", 1, bad=("error", *more))
            number += 1
        counts.append(number)
    assert counts[0] == counts[1]


def test_several_guardrails_share_one_alpha() -> None:
    """With two guardrails the evidence is the mean of theirs, so one that regresses alone needs more."""
    guard = Guard(guardrails=("error", "refused"), signals=())
    note(guard, "control", 60)
    note(guard, "candidate", 4, bad=("refused",))
    found = guard.evidence()
    assert found["guardrails"] == pytest.approx((found["kinds"]["refused"]["e_value"] + 1) / 2)


def test_a_signal_is_not_taken_back_at_the_first_good_sign() -> None:
    """A signal that was given holds until its evidence is gone, so that the answer does not flutter."""
    guard, answers = Guard(), []
    while guard.reason != "signal":
        note(guard, "control", 1)
        note(guard, "candidate", 1, bad=("slow",))
    for _ in range(60):
        answers.append(note(guard, "control", 1, bad=("slow",)))
        note(guard, "candidate", 1)
    assert answers[:3] == ["hold"] * 3
    assert answers[-1] == "fine"
    assert sum(one != other for one, other in itertools.pairwise(answers)) <= 2


def test_a_wrong_share_holds_and_errors_are_not_believed() -> None:
    """Where the arms do not have the told shares it holds, says both shares, and no error rolls back."""
    guard = Guard()
    for _ in range(400):
        note(guard, "control", 1, share=0.05)
        note(guard, "candidate", 1, share=0.05)
    assert (guard.answer, guard.reason) == ("hold", "sample_ratio")
    assert "told were 5.00%" in why(guard)
    assert note(guard, "candidate", 100, bad=("error",), share=0.05) == "hold"


def test_a_failed_sample_ratio_stays_failed_in_its_step() -> None:
    """What was counted under a wrong share stays wrong, though later conversations make the shares look right."""
    guard = Guard()
    note(guard, "candidate", 100, share=0.05)
    assert guard.reason == "sample_ratio"
    note(guard, "control", 1900, share=0.05)
    assert guard.reason == "sample_ratio"
    assert "100.00%" in why(guard)


def test_the_share_of_a_few_conversations_is_not_judged() -> None:
    """Conversations that by chance all went to one arm are no wrong share before there are a hundred."""
    guard = Guard()
    assert note(guard, "candidate", 40, bad=("error",), share=0.05) == "roll_back"
    calm = Guard()
    note(calm, "control", 50)
    assert note(calm, "candidate", 50) == "fine"


def test_a_trip_before_the_share_is_doubted_stays() -> None:
    """A rollback that was said is not taken back because the shares fail later."""
    guard = Guard()
    trip(guard)
    note(guard, "candidate", 500)
    assert guard.answer == "roll_back"


def test_conversations_in_both_arms_hold() -> None:
    """Where conversations are seen in both arms, something else decides, and it holds."""
    guard = Guard()
    note_both(guard, 40)
    for unit in units(3):
        guard.note(decision(unit, "control"))
        guard.note(decision(unit, "candidate"))
    assert (guard.answer, guard.reason) == ("hold", "crossed")
