"""Tests of guards that share a store: a conversation counts once over all of them, and a store that is away is told."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shim.migration.decision import Arm, Decision
from shim.migration.guard import Guard
from shim.migration.guard_ledger import MOST_PENDING
from shim.migration.store import MOST_FIRSTS
from shim.migration.store.sqlite_store import SqliteStore
from tests.migration.guarded import counted, decision, note, note_both, trip, units, why

FLAG = "openai"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """A store of its own."""
    with SqliteStore(tmp_path / "rollout.db") as made:
        yield made


def sharing(**settings: Any) -> Guard:
    """A guard that has been asked for what it shares, as a rollout does first."""
    guard = Guard(**settings)
    guard.take()
    return guard


def sync(store: SqliteStore, *guards: Guard) -> None:
    """Carry what the guards have to the store, and what it holds to each."""
    for guard in guards:
        for batch in guard.take():
            store.add(FLAG, batch)
    for guard in guards:
        guard.share(store.snapshot(FLAG))


def test_nothing_counts_before_the_store_has_told_it(store: SqliteStore) -> None:
    """A guard that shares answers from the store's sums alone."""
    guard = sharing()
    assert note_both(guard, 40) == "hold"
    assert guard.evidence()["units"] == {"control": 0, "candidate": 0}
    sync(store, guard)
    assert guard.answer == "fine"
    assert guard.evidence()["units"] == {"control": 40, "candidate": 40}


def test_a_conversation_counts_once_over_all_processes(store: SqliteStore) -> None:
    """Requests of one conversation that fail in four processes are one failed conversation."""
    guards = [sharing() for _ in range(4)]
    requests = [decision(unit, "candidate" if number % 2 else "control") for number, unit in enumerate(units(100))]
    for guard in guards:
        for each in requests:
            guard.note(each, bad=("error",))
    sync(store, *guards)
    for guard in guards:
        assert counted(guard) == (50, 50)
        assert guard.evidence()["units"] == {"control": 50, "candidate": 50}


def test_shared_sums_are_those_of_one_guard_that_saw_everything(store: SqliteStore) -> None:
    """Requests spread over processes give exactly the evidence of one process that had them all."""
    chance = random.Random(4)  # noqa: S311 - chance, not secrets
    alone, guards = Guard(), [sharing() for _ in range(3)]
    for number in range(1500):
        arm: Arm = "candidate" if number // 3 % 4 == 0 else "control"
        each = decision(f"unit-{number // 3}", arm, share=0.25)
        bad = ("error",) if chance.random() < 0.05 else ()
        for guard in (alone, chance.choice(guards)):
            guard.note(each, bad=bad)
        if number % 100 == 0:
            sync(store, *guards)
    sync(store, *guards)
    for guard in guards:
        assert guard.state()["sums"] == alone.state()["sums"]
        assert guard.answer == alone.answer


def test_what_is_sent_twice_counts_once(store: SqliteStore) -> None:
    """A batch that is sent again, because nobody knows whether it arrived, changes nothing."""
    guard = sharing()
    note(guard, "candidate", 5, bad=("error",))
    batches = guard.take()
    for batch in (*batches, *batches):
        store.add(FLAG, batch)
    guard.share(store.snapshot(FLAG))
    assert counted(guard) == (0, 5)


def test_what_was_noted_before_sharing_is_shared(store: SqliteStore) -> None:
    """Requests noted before the store was first asked are handed to it."""
    guard = Guard()
    note_both(guard, 40)
    sync(store, guard)
    assert guard.answer == "fine"


def test_a_trip_is_followed_by_all(store: SqliteStore) -> None:
    """Evidence that no process has alone rolls back in each, and each tells it."""
    told: list[Any] = []
    guards = [sharing(on_answer=told.append) for _ in range(4)]
    for guard in guards:
        note(guard, "control", 15)
        note(guard, "candidate", 15, bad=("error",))
    sync(store, *guards)
    assert [guard.answer for guard in guards] == ["roll_back"] * 4
    assert [event.answer for event in told] == ["roll_back"] * 4


def test_a_latch_outlives_all_processes(store: SqliteStore) -> None:
    """A process that starts after the trip, in another step, answers as the latch in the store says."""
    guard = sharing()
    trip(guard)
    sync(store, guard)
    store.latch(FLAG, epoch=guard.evidence()["epoch"], reason=why(guard), by="a test", evidence=guard.evidence())
    told: list[Any] = []
    late = sharing(on_answer=told.append)
    late.begin("ramp@5")
    sync(store, late)
    assert late.answer == "roll_back"
    assert why(late) == why(guard)
    assert late.evidence()["kind"] == "error"
    assert [(event.answer, event.step) for event in told] == [("roll_back", guard.evidence()["epoch"])]


@pytest.mark.parametrize("first", ["store", "guard"])
def test_a_reset_lifts_the_latch_everywhere(store: SqliteStore, first: str) -> None:
    """After a reset every process begins anew under one new name, in whichever order store and guard hear of it."""
    guards = [sharing() for _ in range(2)]
    guards[1].begin("ramp@50")
    trip(guards[0])
    sync(store, *guards)
    store.latch(FLAG, epoch=guards[0].evidence()["epoch"], reason="tripped", by="a test")
    sync(store, *guards)
    if first == "guard":
        guards[0].reset("mended")
        sync(store, guards[0])
        assert guards[0].answer == "hold", "the latch in the store is older than the reset"
    store.reset(FLAG, reason="mended", by="a person")
    sync(store, *guards)
    if first == "store":
        guards[0].reset("mended")
    sync(store, *guards)
    assert [guard.answer for guard in guards] == ["hold", "hold"]
    assert len({guard.evidence()["epoch"] for guard in guards}) == 1
    assert counted(guards[0]) == counted(guards[1]) == (0, 0)
    trip(guards[1])
    sync(store, *guards)
    assert [guard.answer for guard in guards] == ["roll_back", "roll_back"]


def test_a_blind_guard_holds(store: SqliteStore) -> None:
    """Where the store cannot be reached a guard that was fine holds, says why, and is fine again when it can."""
    guard = sharing()
    note_both(guard, 40)
    sync(store, guard)
    guard.blind("connection refused")
    assert (guard.answer, guard.reason) == ("hold", "blind")
    assert "connection refused" in why(guard)
    assert note_both(guard, 40) == "hold"
    sync(store, guard)
    assert guard.answer == "fine"
    assert guard.evidence()["units"]["control"] == 80


def test_a_blind_guard_still_rolls_back() -> None:
    """A candidate that fails while the store is away is rolled back by what the process sees itself."""
    guard = sharing()
    guard.blind("down")
    assert trip(guard) == "roll_back"


def test_what_is_on_its_way_to_the_store_counts_while_that_is_away() -> None:
    """What was handed over and never confirmed is still evidence of the process that saw it."""
    guard = sharing()
    guard.take()
    assert trip(guard) == "hold", "nothing counts before the store has told it"
    guard.take()
    guard.blind("down")
    assert guard.answer == "roll_back"


def test_a_wrong_share_is_known_to_all_and_for_the_whole_step(store: SqliteStore) -> None:
    """That the sample ratio has failed is kept in the store, though later sums look right."""
    guard = sharing()
    note(guard, "candidate", 100, share=0.25)
    sync(store, guard)
    sync(store, guard)
    note(guard, "control", 300, share=0.25)
    late = sharing()
    late.begin("ramp@50")
    sync(store, guard, late)
    assert (guard.reason, late.reason) == ("sample_ratio", "sample_ratio")
    assert not late.evidence()["sample_ratio"]["e_value"] >= 100


def test_conversations_that_meet_both_arms_in_two_processes_are_seen(store: SqliteStore) -> None:
    """Two processes that give the same conversations to other arms make both hold."""
    one, other = sharing(), sharing()
    for number, unit in enumerate(units(60)):
        one.note(decision(unit, "candidate" if number % 2 else "control"))
        other.note(decision(unit, "control" if number % 2 else "candidate"))
    sync(store, one, other)
    assert (one.reason, other.reason) == ("crossed", "crossed")


@pytest.mark.slow
def test_what_waits_for_a_store_is_bounded() -> None:
    """While the store is away memory stays bounded, and the status tells what was left out."""
    guard = sharing()
    for unit in units(MOST_PENDING // 2 + 500):
        guard.note(decision(unit, "control"))
    batches = guard.take()
    assert sum(len(each.firsts) + len(each.exposures) for each in batches) == MOST_PENDING
    assert max(len(each.firsts) + len(each.exposures) for each in batches) == MOST_FIRSTS
    assert guard.evidence()["left_out"]["dropped"] == 1000
    assert guard.take() == []


def test_evidence_goes_to_the_step_it_was_noted_in(store: SqliteStore) -> None:
    """What waited when a step began is added to the step before, not to the new one."""
    guard = sharing()
    note_both(guard, 10, step="old")
    note_both(guard, 3, step="new")
    batches = guard.take()
    assert [batch.epoch.split("#")[0] for batch in batches] == ["old", "new"]
    for batch in batches:
        store.add(FLAG, batch)
    guard.share(store.snapshot(FLAG))
    assert guard.evidence()["units"] == {"control": 3, "candidate": 3}


@pytest.mark.parametrize("step", ["x" * 300, "ramp@5+\ud800", "ramp@5+\n", "ramp@5+größer"])
def test_any_step_has_a_name_in_the_store(store: SqliteStore, step: str) -> None:
    """A step with a long or strange salt is kept under a name that the store takes, the same in each process."""
    guards = [sharing() for _ in range(2)]
    for guard in guards:
        note_both(guard, 20, step=step)
    sync(store, *guards)
    assert [guard.answer for guard in guards] == ["fine", "fine"]


def test_clustered_conversations_over_processes_do_not_roll_back(store: SqliteStore) -> None:
    """Conversations in which everything fails, spread over four processes, are no evidence in equal arms."""
    chance = random.Random(8)  # noqa: S311 - chance, not secrets
    guards = [sharing() for _ in range(4)]
    for number in range(600):
        request: Decision = decision(
            f"conversation-{number}", "candidate" if chance.random() < 0.25 else "control", share=0.25
        )
        bad = ("error",) if chance.random() < 0.03 else ()
        for _ in range(10):
            chance.choice(guards).note(request, bad=bad)
        if number % 50 == 0:
            sync(store, *guards)
    sync(store, *guards)
    assert {guard.answer for guard in guards} == {"fine"}
    assert sum(counted(guards[0])) < 40
