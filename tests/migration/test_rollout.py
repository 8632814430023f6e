"""Tests of the rollout: which arm serves, that nothing reaches the caller, and how it goes back."""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shim.migration import (
    Decision,
    FilePolicy,
    KillSwitch,
    Policy,
    PolicyError,
    Rollout,
    RolloutStatus,
    Stage,
    bucket_v1,
)
from shim.model import ErrorCategory
from tests.migration.helpers.completions import answered, failed
from tests.migration.helpers.rollouts import HALF, RAMP, SetPolicy, break_arm, quick_guard, unit_in, units
from tests.migration.helpers.waiting import in_child

CANDIDATE = unit_in(0, 5)
CONTROL = unit_in(50, 100)


@pytest.mark.parametrize("stage", [Stage.OFF, Stage.WIRE, Stage.TEE, Stage.SHADOW])
def test_control_serves_all_before_the_ramp(stage: Stage) -> None:
    """In every stage before the ramp control serves everybody, whatever the percent says."""
    rollout = Rollout(Policy(stage=stage, percent=100))
    decision = rollout.decide(CANDIDATE)
    assert (decision.arm, decision.stage, decision.share, decision.reason) == ("control", stage, 0.0, "stage")
    assert not decision.counted


def test_the_ramp_goes_by_bucket() -> None:
    """In ramp a unit's bucket decides, always alike, and the decision tells the share it was made with."""
    rollout = Rollout(RAMP)
    for _ in range(3):
        decision = rollout.decide(CANDIDATE)
        assert decision == Decision(
            CANDIDATE,
            "candidate",
            Stage.RAMP,
            5.0,
            0.05,
            bucket_v1(CANDIDATE, flag="openai"),
            "bucket",
            "ramp@5",
        )
        assert decision.counted
        assert rollout.decide(CONTROL).arm == "control"
    arms = Counter(rollout.decide(f"conversation-{number}").arm for number in range(10_000))
    assert 430 < arms["candidate"] < 570


def test_complete_serves_all_units() -> None:
    """In complete the candidate serves every unit, and nothing of it is evidence, since no unit could go elsewhere."""
    decision = Rollout(Policy(stage=Stage.COMPLETE)).decide(CONTROL)
    assert (decision.arm, decision.reason, decision.share, decision.counted) == ("candidate", "complete", 1.0, False)


@pytest.mark.parametrize("policy", [RAMP, Policy(stage=Stage.RAMP, percent=100), Policy(stage=Stage.COMPLETE)])
@pytest.mark.parametrize(
    ("unit", "reason"),
    [
        (None, "no_unit"),
        ("", "no_unit"),
        (7, "bad_unit"),
        (b"bytes", "bad_unit"),
        (["list"], "bad_unit"),
        ("x" * 1_000_000, "bad_unit"),
    ],
    ids=lambda value: str(value)[:8],
)
def test_without_a_usable_unit_it_is_control(policy: Policy, unit: Any, reason: str) -> None:
    """A request without a unit, or with one that cannot be, is control's in every stage, is not counted, and is told."""
    rollout = Rollout(policy)
    decision = rollout.decide(unit)
    assert (decision.arm, decision.reason, decision.unit, decision.counted) == ("control", reason, None, False)
    assert rollout.status().decided == {f"control.{reason}": 1}


def test_a_lone_surrogate_is_a_unit() -> None:
    """A unit that is no Unicode text has a bucket like any other."""
    rollout = Rollout(Policy(stage=Stage.RAMP, percent=100), guard=quick_guard(), pin=60)
    decision = rollout.decide("\ud800")
    rollout.note(decision, answered())
    assert (decision.arm, rollout.status().faults) == ("candidate", {})


def test_only_some_are_eligible() -> None:
    """A policy with conditions gives the candidate only requests that meet each of them; others are not counted."""
    rollout = Rollout(Policy(stage=Stage.RAMP, percent=5, only={"tenant": ("a", "b"), "kind": ("chat",)}))
    assert rollout.decide(CANDIDATE, attributes={"tenant": "a", "kind": "chat", "more": 1}).arm == "candidate"
    for attributes in (None, {}, {"tenant": "a"}, {"tenant": "c", "kind": "chat"}, {"tenant": 7, "kind": "chat"}):
        decision = rollout.decide(CANDIDATE, attributes=attributes)
        assert (decision.arm, decision.reason, decision.counted) == ("control", "not_eligible", False)


def test_a_policy_in_a_file_is_followed(tmp_path: Path) -> None:
    """The next decision goes by what the file says now."""
    path = tmp_path / "policy.toml"
    path.write_text('stage = "off"')
    rollout = Rollout(FilePolicy(path, check_every=0))
    assert rollout.decide(CANDIDATE).arm == "control"
    path.write_text('stage = "ramp"\npercent = 5')
    assert rollout.decide(CANDIDATE).arm == "candidate"
    path.write_text('stage = "ramp"\npercent = 101')
    assert rollout.decide(CANDIDATE).arm == "candidate"
    assert "percent is 101" in str(rollout.status().source.fault)


def test_the_kill_switch_beats_the_policy(tmp_path: Path) -> None:
    """A thrown switch sends everybody to control, in complete too, until it is released."""
    path = tmp_path / "kill"
    rollout = Rollout(Policy(stage=Stage.COMPLETE), kill_switch=KillSwitch(file=path, environ={}, check_every=0))
    assert rollout.decide(CONTROL).arm == "candidate"
    path.touch()
    decision = rollout.decide(CONTROL)
    assert (decision.arm, decision.stage, decision.reason) == ("control", Stage.OFF, "kill_switch")
    status = rollout.status()
    assert (status.stage, status.wanted.stage, status.kill_switch.position) == (Stage.OFF, Stage.COMPLETE, "thrown")
    assert str(path) in status.why
    path.unlink()
    assert rollout.decide(CONTROL).arm == "candidate"


def test_an_unreadable_kill_switch_never_promotes(tmp_path: Path) -> None:
    """While the switch cannot be read, nothing goes further than it was, and what goes back stays back."""
    path, source = tmp_path / "kill", SetPolicy(RAMP)
    rollout = Rollout(source, kill_switch=KillSwitch(file=path, environ={}, check_every=0))
    assert rollout.decide(CANDIDATE).percent == 5
    path.mkdir()
    for wanted, served in ((HALF, 5.0), (Policy(stage=Stage.RAMP, percent=1), 1.0), (RAMP, 1.0)):
        source.value = wanted
        assert rollout.decide(CANDIDATE).percent == served
    assert "unknown" in rollout.status().why
    path.rmdir()
    assert rollout.decide(CANDIDATE).percent == 5


def test_a_switch_that_never_answered_is_off() -> None:
    """Where nobody knows yet what the switch says, control serves all."""

    class Silent:
        def get_boolean_details(self, *_arguments: object) -> object:
            raise TimeoutError("no answer")

    client: Any = Silent()
    switch = KillSwitch(flag=(client, "kill"), environ={}, max_age=0.02)
    with Rollout(Policy(stage=Stage.COMPLETE), kill_switch=switch) as rollout:
        assert rollout.decide(CANDIDATE).stage is Stage.OFF


def test_a_source_that_raises_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever goes wrong inside, the request goes to control, and the fault is told once in the log and in the status."""

    class Broken(SetPolicy):
        def policy(self) -> Policy:
            if self.broken:
                raise RuntimeError("made up")
            return RAMP

        broken = False

    source = Broken(RAMP)
    rollout = Rollout(source)
    source.broken = True
    for _ in range(3):
        decision = rollout.decide(CANDIDATE)
        assert (decision.arm, decision.reason, decision.counted) == ("control", "fault", False)
    source.broken = False
    assert rollout.decide(CANDIDATE).arm == "candidate"
    assert rollout.status().faults == {"decide": 3}
    assert caplog.text.count("decide failed: RuntimeError: made up") == 1


def test_noting_nonsense_hurts_nobody() -> None:
    """What is no decision, no completion or no kind is counted as a fault, and nothing is raised."""
    rollout = Rollout(RAMP, guard=quick_guard())
    nonsense: Any = object()
    rollout.note(nonsense, nonsense)
    rollout.note(rollout.decide(CANDIDATE), nonsense)
    rollout.note_bad(rollout.decide(CANDIDATE), "slowish")
    status = rollout.status()
    assert status.faults == {"note": 2, "note_bad": 1}
    assert status.last_fault is not None
    assert status.last_fault.startswith("note_bad: ValueError: ")


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"policy": {"stage": "off"}}, "policy"),
        ({"policy": None}, "policy"),
        ({"flag": ""}, "flag"),
        ({"flag": "a\0b"}, "flag"),
        ({"flag": 7}, "flag"),
        ({"pin": 0}, "pin"),
        ({"pin": True}, "pin"),
        ({"pin": 10**400}, "pin"),
        ({"pin": "1h"}, "pin"),
        ({"kill_switch": "no/such/folder/kill"}, "file"),
        ({"history": "."}, "history"),
        ({"history": "no/such/folder/history"}, "history"),
    ],
)
def test_arguments_that_cannot_be_are_named(settings: dict[str, Any], field: str) -> None:
    """A wrong argument is refused at set-up, by name."""
    given = {"policy": RAMP, **settings}
    with pytest.raises(PolicyError) as caught:
        Rollout(given.pop("policy"), **given)
    assert caught.value.field == field


def test_a_completion_tells_what_was_bad() -> None:
    """Errors that the candidate could cause reach the guard and the counts; a caller's own cancellation is no bad event."""
    rollout = Rollout(HALF, guard=quick_guard(minimum_units=1000))
    for unit in ("a", "b"):
        decision = rollout.decide(unit_in(0, 50) + unit)
        rollout.note(decision, failed(ErrorCategory.TIMEOUT))
        rollout.note(decision, failed(ErrorCategory.CANCELLED))
    arms = rollout.status().arms
    assert sum(counts.requests for counts in arms.values()) == 4
    assert sum(counts.bad.get("error", 0) for counts in arms.values()) == 2
    kinds = rollout.status().evidence["kinds"]["error"]
    assert kinds["control"] + kinds["candidate"] == 2


def test_a_mismatch_is_noted_by_itself() -> None:
    """What the live comparison finds, and what the candidate refuses, reaches the guard without a completion."""
    rollout = Rollout(RAMP, guard=quick_guard())
    decision = rollout.decide(CANDIDATE)
    rollout.note_bad(decision, "mismatch")
    rollout.note_bad(decision, "refused")
    status = rollout.status()
    assert status.arms["candidate"].bad == {"mismatch": 1, "refused": 1}
    assert [status.evidence["kinds"][kind]["candidate"] for kind in ("mismatch", "refused")] == [1, 1]


def test_slow_is_slower_than_the_control_was() -> None:
    """Once the control's pace is known, a slower answer is a bad event, by the threshold of when it was decided on."""
    rollout = Rollout(HALF, guard=quick_guard(minimum_units=1000))
    early = rollout.decide(unit_in(0, 50))
    assert early.slow_after.whole is None
    for unit, _ in zip(units(50, 100), range(200), strict=False):
        rollout.note(rollout.decide(unit), answered(0.1))
    late = rollout.decide(unit_in(0, 50))
    assert late.slow_after.whole == pytest.approx(0.1)
    assert late.slow_after.streamed is None, "streams have a pace of their own"
    rollout.note(early, answered(9.0))
    assert rollout.status().arms["candidate"].bad == {}
    rollout.note(late, answered(0.2))
    assert rollout.status().arms["candidate"].bad == {"slow": 1}


def test_the_guard_takes_it_one_stage_back() -> None:
    """A candidate that fails is left for the stage before, whatever the policy asks for, until somebody resets it."""
    source = SetPolicy(HALF)
    rollout = Rollout(source, guard=quick_guard())
    assert break_arm(rollout, "candidate") < 100
    decision = rollout.decide(CANDIDATE)
    assert (decision.arm, decision.stage, decision.reason) == ("control", Stage.SHADOW, "rolled_back")
    assert [event for event, _ in source.told] == ["roll_back"]
    for wanted, served in (
        (Policy(stage=Stage.COMPLETE), Stage.SHADOW),
        (RAMP, Stage.SHADOW),
        (Policy(stage=Stage.WIRE), Stage.WIRE),
        (Policy(), Stage.OFF),
        (HALF, Stage.SHADOW),
    ):
        source.value = wanted
        assert rollout.decide(CANDIDATE).stage is served, "never forward"
    status = rollout.status()
    assert status.latch is not None
    assert (status.latch.step, status.latch.stage, status.answer) == ("ramp@50", Stage.SHADOW, "roll_back")
    with pytest.raises(ValueError, match="reason is empty"):
        rollout.reset(" ")
    rollout.reset("proxy fixed", by="ann")
    assert rollout.decide(CANDIDATE).arm == "candidate"
    assert rollout.status().latch is None
    assert rollout.status().answer == "hold"


def test_a_guard_that_observes_changes_nothing() -> None:
    """In observe mode the guard says what it would have done, once, and the rollout goes on."""
    source = SetPolicy(HALF)
    rollout = Rollout(source, guard=quick_guard(mode="observe"))
    assert break_arm(rollout, "candidate") < 100
    assert rollout.decide(CANDIDATE).arm == "candidate"
    assert rollout.status().latch is None
    break_arm(rollout, "candidate", most=5)
    assert [event for event, _ in source.told] == ["would_roll_back"]


def test_arms_are_never_swapped() -> None:
    """A control that fails does not take the candidate back."""
    rollout = Rollout(HALF, guard=quick_guard())
    assert break_arm(rollout, "control", most=200) == 200
    assert rollout.decide(CANDIDATE).arm == "candidate"


def test_the_latch_outlives_a_restart(tmp_path: Path) -> None:
    """With a history, a process that starts anew is still rolled back, and a reset is remembered as well."""
    path = tmp_path / "history.jsonl"
    with Rollout(HALF, guard=quick_guard(), history=path) as rollout:
        break_arm(rollout, "candidate")
    with Rollout(HALF, guard=quick_guard(), history=path) as rollout:
        assert rollout.decide(CANDIDATE).reason == "rolled_back"
        rollout.reset("fixed", by="ann")
        assert rollout.decide(CANDIDATE).arm == "candidate"
    with Rollout(HALF, guard=quick_guard(), history=path) as rollout:
        assert rollout.decide(CANDIDATE).arm == "candidate"


def test_the_status_is_plain_data() -> None:
    """All of the status goes into JSON and comes back the same."""
    rollout = Rollout(HALF, guard=quick_guard(), pin=60)
    break_arm(rollout, "candidate")
    status = rollout.status()
    again = msgspec.convert(msgspec.json.decode(msgspec.json.encode(status)), RolloutStatus)
    assert (again.stage, again.latch, again.arms, again.decided) == (
        status.stage,
        status.latch,
        status.arms,
        status.decided,
    )
    assert (status.since, status.by) != (None, "")
    assert status.store.state == "none"


def test_many_threads_at_once() -> None:
    """Decisions and notes from many threads are all counted, and none fails."""
    rollout = Rollout(HALF, guard=quick_guard(minimum_units=10_000), pin=60)

    def work(name: int) -> None:
        for number in range(300):
            rollout.note(rollout.decide(f"{name}-{number}"), answered())

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    status = rollout.status()
    assert sum(status.decided.values()) == 2400
    assert sum(counts.requests for counts in status.arms.values()) == 2400
    assert status.faults == {}


def test_a_forked_child_goes_on(tmp_path: Path) -> None:
    """A child of a process that decides, even while a lock is held there, decides alike and counts for itself."""
    kill = tmp_path / "kill"
    rollout = Rollout(RAMP, guard=quick_guard(), kill_switch=kill, pin=60)
    rollout.decide(CANDIDATE)
    with rollout._keeper.local().lock:

        def work() -> str:
            decision = rollout.decide(CANDIDATE)
            rollout.note(decision, answered())
            return f"{decision.arm} {sum(rollout.status().decided.values())}"

        assert in_child(work) == "candidate 1"
    assert sum(rollout.status().decided.values()) == 1


def test_closing_leaves_no_thread(tmp_path: Path) -> None:
    """After close no thread is left, and decisions are still given."""
    with Rollout(RAMP, history=tmp_path / "history.jsonl") as rollout:
        rollout.decide(CANDIDATE)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("shim-")]
    assert rollout.decide(CANDIDATE).arm == "candidate"


def test_deciding_costs_little_more_than_hashing(tmp_path: Path) -> None:
    """A decision with a file policy, a kill switch and a guard takes at most some fifteen times what its hash takes."""
    path = tmp_path / "policy.toml"
    path.write_text('stage = "ramp"\npercent = 5')
    rollout = Rollout(FilePolicy(path), kill_switch=tmp_path / "kill", guard=quick_guard())

    def seconds(work: Any) -> float:
        best = 1e9
        for _ in range(7):
            began = time.thread_time()
            for _ in range(500):
                work()
            best = min(best, time.thread_time() - began)
        return best

    hashing = seconds(lambda: bucket_v1(CONTROL, flag="openai"))
    assert seconds(lambda: rollout.decide(CONTROL)) < 15 * hashing
