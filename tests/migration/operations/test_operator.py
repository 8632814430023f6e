"""Tests of the operator over a rollout that really serves: what it sees, refuses, and leaves in the history."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from shim.migration import (
    Entry,
    HistoryFile,
    PolicyError,
    RedisStore,
    Rollout,
    RolloutStatus,
    SqliteStore,
    StoreError,
    StorePolicy,
)
from shim.migration.operations.operator import Operator, RefusedError
from shim.migration.operations.place import GuardOptions, RolloutPlace
from shim.migration.operations.switching_off import switch_off
from shim.migration.store import StoreConflictError
from tests.migration.helpers.completions import answered, failed
from tests.migration.helpers.rollouts import quick_guard
from tests.migration.helpers.waiting import wait_until
from tests.migration.store.redis_process import RedisProcess, needs_redis

PLAN = """
[[step]]
stage = "wire"
minimum_conversations = 3

[[step]]
stage = "ramp"
percent = 50
minimum_conversations = 10
approval = true

[[step]]
stage = "complete"
"""


class Service:
    """A service over a store, and the place where an operator finds it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        path, plan = folder / "rollout.db", folder / "plan.toml"
        plan.write_text(PLAN)
        self.store = stack.enter_context(SqliteStore(path, time_limit=5.0))
        self.rollout = stack.enter_context(Rollout(StorePolicy(self.store), store=self.store, guard=quick_guard()))
        self.place = RolloutPlace(store=str(path), plan=str(plan), guard=GuardOptions(minimum_units=4))
        self.stack = stack

    def operator(self) -> Operator:
        """Somebody who looks from outside."""
        return self.stack.enter_context(Operator(self.place, by="ann"))

    def serve(self, number: int, *, broken: str = "") -> None:
        """Serve so many conversations; one arm may fail."""
        for each in range(number):
            decision = self.rollout.decide(f"{self.rollout.policy.step} {each}")
            self.rollout.note(decision, failed() if decision.arm == broken else answered())

    def reach(self, step: str) -> None:
        """Wait until the service follows."""
        wait_until(lambda: self.rollout.policy.step == step)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A service that has just begun."""
    with ExitStack() as stack:
        yield Service(tmp_path, stack)


@pytest.mark.slow
def test_a_rollout_goes_through_its_plan(service: Service) -> None:
    """Each step begins when it has what it needs, not before, and the history tells who did it on what evidence."""
    operator = service.operator()
    operator.set("wire")
    service.reach("wire@0")
    with pytest.raises(RefusedError) as caught:
        operator.set("ramp", percent=50)
    assert caught.value.missing == ("wire has seen 0 of 3 requests", "ramp 50 waits for an approval")
    service.serve(5)
    assert operator.approve("ramp 50") == "ramp 50"
    wait_until(lambda: operator.status().arms["control"].requests == 5)
    operator.set("ramp", percent=50)
    service.reach("ramp@50")
    service.serve(60)
    wait_until(lambda: sum(each.requests for each in operator.status().arms.values()) == 60)
    wait_until(lambda: operator.status().answer == "fine")  # what the guard counts may be told a moment later
    status = operator.status()
    assert status.answer == "fine"
    assert status.by == "ann"
    needs = operator.needs(status)
    assert needs is not None
    assert needs.ready
    assert len(needs.met) == 3
    operator.set("complete")
    service.reach("complete@100")
    told = [(each.event, each.by, each.came_from, each.to) for each in operator.history() if each.by == "ann"]
    assert told == [
        ("changed", "ann", "off@0", "wire@0"),
        ("approved", "ann", "", "ramp 50"),
        ("changed", "ann", "wire@0", "ramp@50"),
        ("changed", "ann", "ramp@50", "complete@100"),
    ]
    last = [each for each in operator.history() if each.to == "complete@100"][-1]
    assert last.evidence["answer"] == "fine"


def test_times_of_the_arms_are_told(service: Service) -> None:
    """The median of an arm's answers is what they took, at most a fifth too high."""
    service.operator().set("wire")
    service.reach("wire@0")
    service.serve(20)
    operator = service.operator()
    wait_until(lambda: operator.status().arms["control"].requests == 20)
    control = operator.status().arms["control"]
    median = control.quantile(0.5)
    assert median is not None
    assert control.seconds / 20 <= median <= 1.2 * control.seconds / 20


def test_steps_are_not_skipped(service: Service) -> None:
    """Nothing goes past the plan's next step but with a reason, which the history keeps with what was missing."""
    operator = service.operator()
    with pytest.raises(RefusedError, match="complete"):
        operator.set("complete")
    operator.set("complete", anyway="the old client is down")
    entry = list(operator.history())[-1]
    assert "the old client is down (though" in entry.reason
    assert "the plan's next step is wire" in entry.reason


def test_going_back_needs_nothing(service: Service) -> None:
    """Back goes at any time, to any stage."""
    operator = service.operator()
    operator.set("ramp", percent=50, anyway="test")
    operator.set("ramp", percent=5)
    operator.set("off")
    service.reach("off@0")


@pytest.mark.slow
def test_a_rollback_takes_approvals_back_until_a_reset_and_a_new_one(service: Service) -> None:
    """After the guard has gone back nothing goes forward before a reset, nor on an approval of before."""
    operator = service.operator()
    operator.approve("ramp@50")
    operator.set("ramp", percent=50, anyway="test")
    service.reach("ramp@50")
    service.serve(60, broken="candidate")
    wait_until(lambda: operator.status().latch is not None)
    status = operator.status()
    assert (str(status.stage), str(status.wanted.stage)) == ("shadow", "ramp")
    assert operator.approved() == frozenset()
    with pytest.raises(RefusedError, match="complete"):
        operator.set("complete")
    operator.set("wire")
    assert operator.reset("proxy fixed") is True
    assert operator.status().latch is None
    assert operator.approved() == frozenset()
    operator.approve("ramp 50")
    assert operator.approved() == {"ramp 50"}


def test_looking_changes_nothing(service: Service) -> None:
    """However bad the evidence, and whatever the guard's mode, whoever looks neither latches nor writes history."""
    operator = service.operator()
    operator.set("ramp", percent=50, anyway="test")
    service.reach("ramp@50")
    before = service.store.snapshot("openai").position
    wait_until(lambda: operator.status().source.read_at is not None)
    for _ in range(3):
        operator.status()
    after = service.store.snapshot("openai")
    assert (after.latch, after.position) == (None, before)


@pytest.mark.parametrize(
    ("stage", "percent", "told"),
    [
        ("rampp", None, "give one of off"),
        ("ramp", None, "give --percent"),
        ("ramp", 101.0, "percent"),
        ("ramp", float("nan"), "percent"),
        ("ramp", 0.001, "two decimals"),
        ("complete", 5.0, "goes with ramp"),
    ],
)
def test_what_cannot_be_set_is_refused(service: Service, stage: str, percent: float | None, told: str) -> None:
    """An unknown stage and a share that cannot be are refused before anything is written."""
    operator = service.operator()
    with pytest.raises(PolicyError, match=told):
        operator.set(stage, percent=percent, anyway="test")
    assert service.store.read_policy("openai") is None


def test_only_what_waits_is_approved(service: Service) -> None:
    """A step that the plan does not have, or that waits for nobody, is refused with the names of those that do."""
    for step in ("ramp 5", "wire"):
        with pytest.raises(PolicyError, match="those are: ramp 50"):
            service.operator().approve(step)


def test_words_of_another_encoding_are_kept_as_far_as_they_can_be(service: Service) -> None:
    """A reason or a name that a terminal has not sent as text stops no step, approval or reset."""
    with Operator(service.place, by="\udcff" + "x" * 300) as operator:
        operator.set("wire", anyway="b\udcfcrned")
        operator.approve("ramp 50", reason="\udcfc")
        operator.reset("m\udcfc")
        told = [(each.event, each.reason) for each in operator.history() if each.by.startswith("?")]
    assert told == [("changed", "b?rned"), ("approved", "?"), ("reset", "m?")]


def test_without_a_store_policy_and_approvals_are_in_files(tmp_path: Path) -> None:
    """A policy's file and a history's do for stages and approvals; what the service counts is then not known."""
    policy, plan, history = (tmp_path / name for name in ("policy.toml", "plan.toml", "history.jsonl"))
    policy.write_text('stage = "wire" # ours\n')
    plan.write_text(PLAN)
    place = RolloutPlace(policy=str(policy), plan=str(plan), history=str(history))
    with Operator(place, by="ann") as operator:
        operator.approve("ramp 50", reason="looked at it")
        assert operator.approved() == {"ramp 50"}
        assert operator.status().answer is None
        assert operator.status().since == policy.stat().st_ctime
        os.utime(policy, (1.0, 1.0))  # as an unpacked or copied file has it
        assert time.time() - (operator.status().since or 0.0) < 60
        with pytest.raises(RefusedError):
            operator.set("ramp", percent=50)
        operator.set("ramp", percent=50, anyway="counted elsewhere")
        assert policy.read_text() == 'stage = "ramp" # ours\npercent = 50\n'
        assert operator.status().by == "ann"
        operator.reset("new version")
        assert operator.approved() == frozenset()


def test_a_stage_stays_set_where_the_history_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was set holds, and that nobody wrote it down is told with the system's reason."""
    policy, history = tmp_path / "policy.toml", tmp_path / "history.jsonl"
    policy.write_text('stage = "tee"\n')
    with Operator(RolloutPlace(policy=str(policy)), by="ann") as operator:
        assert "give --history FILE" in operator.set("wire").history_fault

    def full(*_args: object, **_named: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(HistoryFile, "append", full)
    with Operator(RolloutPlace(policy=str(policy), history=str(history)), by="ann") as operator:
        change = operator.set("off")
    assert "No space left" in change.history_fault
    assert policy.read_text() == 'stage = "off"\n'


def test_nothing_named_is_told() -> None:
    """Without a policy and a store nothing can be looked at, and the error says how to name them."""
    with pytest.raises(PolicyError, match="--policy FILE or --store PATH"):
        Operator(RolloutPlace())


def test_a_store_of_another_kind_is_told(tmp_path: Path) -> None:
    """A file that is no store is an error that names it, and stays as it is."""
    path = tmp_path / "notes.txt"
    path.write_text("no database at all, " * 100)
    with pytest.raises(StoreError, match=r"notes\.txt"):
        Operator(RolloutPlace(store=str(path)))
    assert path.read_text().startswith("no database")


def test_what_is_asked_for_already_is_not_written_again(service: Service) -> None:
    """Setting the stage that is set changes neither the policy's version nor the history."""
    operator = service.operator()
    operator.set("wire")
    before = service.store.snapshot("openai")
    change = operator.set("wire")
    assert change.came_from == change.to == "wire@0"
    after = service.store.snapshot("openai")
    assert (after.policy, after.position) == (before.policy, before.position)


def test_a_service_without_a_guard_is_asked_for_none(service: Service) -> None:
    """Where the configuration says that there is no guard, no step waits for one to say fine."""
    service.operator().set("ramp", percent=50, anyway="test")
    place = RolloutPlace(store=service.place.store, plan=service.place.plan, guard=GuardOptions(mode="none"))
    with Operator(place) as operator:
        status = operator.status()
        needs = operator.needs(status)
    assert status.answer is None
    assert needs is not None
    assert [each for each in (*needs.met, *needs.missing) if "guard" in each] == []


def test_two_who_set_at_once_do_not_write_over_each_other(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody else has set the stage since it was read, that one stays, and the second is told."""
    first, second = service.operator(), service.operator()
    first.set("wire")
    looked = second.status

    def look_while_the_first_sets() -> RolloutStatus:
        first.set("off")
        return looked()

    monkeypatch.setattr(second, "status", look_while_the_first_sets)
    with pytest.raises(StoreConflictError):
        second.set("tee", anyway="test")
    stored = service.store.read_policy("openai")
    assert stored is not None
    assert stored.mapping["stage"] == "off"


@pytest.mark.slow
@needs_redis
def test_many_hosts_are_seen_through_redis(tmp_path: Path) -> None:
    """Over a real Redis an operator sees what is served, sets the stage, switches off, and is told when the server is gone."""
    with RedisProcess(tmp_path) as server, ExitStack() as stack:
        store = stack.enter_context(RedisStore(server.url, time_limit=5.0))
        rollout = stack.enter_context(Rollout(StorePolicy(store), store=store, guard=quick_guard()))
        place = RolloutPlace(store=server.url)
        operator = stack.enter_context(Operator(place, by="ann"))
        operator.set("ramp", percent=50, anyway="test")
        wait_until(lambda: rollout.policy.step == "ramp@50")
        for number in range(20):
            rollout.note(rollout.decide(f"c{number}"), answered())
        wait_until(lambda: sum(each.requests for each in operator.status().arms.values()) == 20)
        assert all(each.reached for each in switch_off(place, by="ann", reason="test"))
        wait_until(lambda: rollout.policy.step == "off@0")
        assert [each.event for each in operator.history()][-1] in ("killed", "changed")
        server.stop()
        assert operator.status().store.state == "unreachable"
        assert not any(each.reached for each in switch_off(place, by="ann", reason="test"))


def test_a_rollback_in_a_history_file_is_seen_and_lifted(tmp_path: Path) -> None:
    """Without a store the latch is the history's: it halts the plan, and a reset lifts it."""
    policy, history = tmp_path / "policy.toml", tmp_path / "history.jsonl"
    policy.write_text('stage = "ramp"\npercent = 50\n')
    HistoryFile(history).append(
        Entry(event="roll_back", flag="openai", by="the guard", came_from="ramp@50", to="shadow", reason="errors")
    )
    with Operator(RolloutPlace(policy=str(policy), history=str(history)), by="ann") as operator:
        status = operator.status()
        assert (str(status.stage), str(status.wanted.stage), status.by) == ("shadow", "ramp", "the guard")
        with pytest.raises(RefusedError) as caught:
            operator.set("complete")
        assert "the guard has rolled back and is not reset: errors" in caught.value.missing
        assert operator.reset("fixed") is True
        assert str(operator.status().stage) == "ramp"
