"""Tests of what every store promises, over a real file and a real server; evidence apart (`test_contract_evidence`)."""

from __future__ import annotations

import copy
import os
import pickle
import threading

import pytest

from shim.migration.store import (
    First,
    PinPage,
    Snapshot,
    Store,
    StoreConflictError,
    StoredEpoch,
    StoredPolicy,
    StoreError,
)
from tests.migration.store.conftest import MakeStore
from tests.migration.store.made import CANDIDATE, CONTROL, FLAG, Clock, batch


def test_an_untouched_flag_is_empty(store: Store) -> None:
    """Of a flag that nothing was written for, everything is read as none."""
    assert store.snapshot(FLAG) == Snapshot()
    assert store.read_policy(FLAG) is None
    assert store.read_kill_switch(FLAG) is None
    assert store.read_latch(FLAG) is None
    assert store.read_epoch(FLAG, "ramp 5") == StoredEpoch()
    assert store.read_history(FLAG) == ()
    assert store.read_approvals(FLAG) == ()
    assert store.read_pins(FLAG, ["a"]) == {}
    assert store.read_pins_after(FLAG) == PinPage(pins={}, position=0)


def test_flags_share_nothing(store: Store) -> None:
    """What is written for one flag is not seen of another, whatever characters their names have."""
    for number, flag in enumerate(("a", "a:b", "a:b:c", "ä %:{}*")):
        store.write_policy(flag, {"percent": number}, expected=0, by="me")
        store.add(flag, batch(epoch="b:c", sums={"n": number}))
    for number, flag in enumerate(("a", "a:b", "a:b:c", "ä %:{}*")):
        found = store.snapshot(flag)
        assert found.policy is not None
        assert found.policy.mapping == {"percent": number}
        assert found.epochs["b:c"].sums == {"n": number}


def test_a_policy_comes_back_as_written(make_store: MakeStore) -> None:
    """A policy is read as it was written, by another store over the same state too, with version, time and author."""
    clock = Clock()
    mapping = {"stage": "ramp", "percent": 0.1, "salt": "ü\x00\ud7ff", "list": [1, None, True, {"a": "b"}]}
    written = make_store(clock=clock).write_policy(FLAG, mapping, expected=0, by="ann")
    assert (written.mapping, written.version, written.at, written.by) == (mapping, 1, clock.now, "ann")
    assert make_store().read_policy(FLAG) == written


def test_a_policy_is_written_only_over_the_version_that_was_read(store: Store) -> None:
    """A writer who has not seen the latest version is told what stands there, and nothing is written."""
    store.write_policy(FLAG, {"stage": "tee"}, expected=0, by="ann")
    second = store.write_policy(FLAG, {"stage": "off"}, expected=1, by="bob")
    for stale in (0, 1, 3):
        with pytest.raises(StoreConflictError, match="version 2 by bob") as raised:
            store.write_policy(FLAG, {"stage": "ramp"}, expected=stale, by="ann")
        assert raised.value.current == second
    assert store.read_policy(FLAG) == second


def test_a_policy_can_be_written_over_any_version(store: Store) -> None:
    """Whoever expects nothing in particular writes over whatever stands there, and the version still grows."""
    assert store.write_policy(FLAG, {}, expected=None, by="ann").version == 1
    assert store.write_policy(FLAG, {}, expected=None, by="ann").version == 2


def test_of_writers_at_once_one_wins(make_store: MakeStore) -> None:
    """Of eight writers that all expect the same version, one writes, and seven are told of it."""
    stores = [make_store() for _ in range(8)]
    barrier = threading.Barrier(8)
    outcomes: list[StoredPolicy | StoreConflictError] = []

    def write(mine: Store, number: int) -> None:
        barrier.wait()
        try:
            outcomes.append(mine.write_policy(FLAG, {"percent": number}, expected=0, by=f"writer {number}"))
        except StoreConflictError as conflict:
            outcomes.append(conflict)

    threads = [threading.Thread(target=write, args=(each, number)) for number, each in enumerate(stores)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    winners = [each for each in outcomes if not isinstance(each, StoreConflictError)]
    assert len(outcomes) == 8
    assert winners == [stores[0].read_policy(FLAG)]


def test_the_kill_switch_is_the_last_one_set(make_store: MakeStore) -> None:
    """The kill switch is seen by other stores as it was set last, with who, why and when."""
    clock, other = Clock(), make_store()
    mine = make_store(clock=clock)
    thrown = mine.write_kill_switch(FLAG, on=True, by="ann", reason="errors rise")
    assert other.read_kill_switch(FLAG) == other.snapshot(FLAG).kill_switch == thrown
    assert (thrown.on, thrown.by, thrown.reason, thrown.at) == (True, "ann", "errors rise", clock.now)
    mine.write_kill_switch(FLAG, on=False, by="bob", reason="")
    found = other.read_kill_switch(FLAG)
    assert found is not None
    assert not found.on


def test_the_first_latch_holds(make_store: MakeStore) -> None:
    """Of two guards that trip, the first one's reason stands, with its evidence, until a reset, over any policy."""
    one, two = make_store(), make_store()
    first = one.latch(FLAG, epoch="ramp 5", reason="errors 9 to 1", by="host a", evidence={"e_value": 21.5})
    assert two.latch(FLAG, epoch="ramp 5", reason="slow", by="host b") == first
    two.write_policy(FLAG, {"stage": "off"}, expected=0, by="ann")
    assert two.snapshot(FLAG).latch == one.read_latch(FLAG) == first
    assert first.evidence == {"e_value": 21.5}


def test_no_figure_keeps_a_guard_from_latching(store: Store) -> None:
    """Evidence with figures that are not finite is kept, those as strings, so that the latch holds."""
    figures = {"e_value": float("inf"), "arms": [{"rate": float("nan")}, 0.5], "n": 7}
    store.latch(FLAG, epoch="ramp 5", reason="errors", by="guard", evidence=figures)
    found = store.read_latch(FLAG)
    assert found is not None
    assert found.evidence == {"e_value": "inf", "arms": [{"rate": "nan"}, 0.5], "n": 7}


def test_a_reset_lifts_the_latch_and_is_counted(store: Store) -> None:
    """A reset lifts the latch, keeps the evidence under its epoch, and counts, so that an epoch's name can be new."""
    store.add(FLAG, batch(sums={"n": 1}))
    store.latch(FLAG, epoch="ramp 5", reason="errors", by="guard")
    assert store.reset(FLAG, reason="it was the proxy", by="ann").count == 1
    assert store.read_latch(FLAG) is None
    second = store.reset(FLAG, reason="again", by="bob")
    found = store.snapshot(FLAG)
    assert (found.reset, second.count, found.latch) == (second, 2, None)
    assert found.epochs["ramp 5"].sums == {"n": 1}
    assert store.latch(FLAG, epoch="ramp 5/2", reason="errors", by="guard").epoch == "ramp 5/2"


def test_the_first_pin_holds(make_store: MakeStore) -> None:
    """Of two processes that pin a unit, the first one's arm and share hold for both."""
    one, two = make_store(), make_store()
    assert one.pin(FLAG, {"a": CONTROL}, max_age=60) == {"a": CONTROL}
    assert two.pin(FLAG, {"a": CANDIDATE, "b": CANDIDATE}, max_age=60) == {"a": CONTROL, "b": CANDIDATE}
    assert one.read_pins(FLAG, ["a", "b", "c"]) == {"a": CONTROL, "b": CANDIDATE}


def test_a_pin_lapses_when_it_is_not_asked_for(make_store: MakeStore) -> None:
    """A pin lapses its age after it was last pinned, not read, and a lapsed one gives way to another arm."""
    clock = Clock()
    store = make_store(clock=clock)
    store.pin(FLAG, {"a": CONTROL}, max_age=60)
    clock.now += 59
    assert store.pin(FLAG, {"a": CANDIDATE}, max_age=60) == {"a": CONTROL}
    clock.now += 59
    assert store.read_pins(FLAG, ["a"]) == {"a": CONTROL}
    clock.now += 1
    assert store.read_pins(FLAG, ["a"]) == store.read_pins_after(FLAG).pins == {}
    assert store.pin(FLAG, {"a": CANDIDATE}, max_age=60) == {"a": CANDIDATE}


def test_pins_are_read_on_from_a_position(make_store: MakeStore) -> None:
    """Whoever reads on from the last position meets each pin once, by the unit's key, in pages too, and no renewed one."""
    one, two = make_store(), make_store()
    one.pin(FLAG, {"a": CONTROL, "b": CANDIDATE, "c": CONTROL}, max_age=60)
    page = two.read_pins_after(FLAG, limit=2)
    rest = two.read_pins_after(FLAG, after=page.position)
    expected = {two.unit_key(FLAG, unit): pin for unit, pin in (("a", CONTROL), ("b", CANDIDATE), ("c", CONTROL))}
    assert {**page.pins, **rest.pins} == expected
    assert len(page.pins) == 2
    one.pin(FLAG, {"a": CONTROL}, max_age=600)
    assert two.read_pins_after(FLAG, after=rest.position) == PinPage(pins={}, position=rest.position)
    one.pin(FLAG, {"d": CONTROL}, max_age=60)
    assert list(two.read_pins_after(FLAG, after=rest.position).pins) == [one.unit_key(FLAG, "d")]


def test_a_position_that_was_never_given_reads_from_the_beginning(store: Store) -> None:
    """A reader that comes with the position of another store is given every pin."""
    store.pin(FLAG, {"a": CONTROL}, max_age=60)
    assert list(store.read_pins_after(FLAG, after=10**9).pins) == [store.unit_key(FLAG, "a")]


def test_history_is_read_on_from_a_position(make_store: MakeStore) -> None:
    """Entries are read in the order they were appended, from any position, and other processes see them at once."""
    clock, other = Clock(), make_store()
    store = make_store(clock=clock)
    assert [store.append_history(FLAG, {"to": stage, "why": "ä"}) for stage in ("wire", "tee", "ramp")] == [1, 2, 3]
    found = other.read_history(FLAG, after=1)
    assert [(each.position, each.at, each.entry["to"]) for each in found] == [
        (2, clock.now, "tee"),
        (3, clock.now, "ramp"),
    ]
    assert other.read_history(FLAG, after=1, limit=1) == found[:1]
    assert other.read_history(FLAG, after=3) == ()
    assert other.snapshot(FLAG).position == 3


def test_an_entry_with_an_id_is_appended_once(store: Store) -> None:
    """An entry that is sent again under its id keeps its position, and is not there twice."""
    assert store.append_history(FLAG, {"a": 1}, entry_id="x") == 1
    assert store.append_history(FLAG, {"a": 2}) == 2
    assert store.append_history(FLAG, {"a": 1}, entry_id="x") == 1
    assert len(store.read_history(FLAG)) == 2


def test_approvals_are_by_step_and_person(make_store: MakeStore) -> None:
    """Approvals of several people are kept in order, one's later one replaces the earlier, and a step's can be withdrawn."""
    clock = Clock()
    store = make_store(clock=clock)
    store.approve(FLAG, step="ramp 5", by="bob", reason="looks well")
    store.approve(FLAG, step="ramp 5", by="ann")
    store.approve(FLAG, step="ramp 25", by="bob")
    clock.now += 1
    later = store.approve(FLAG, step="ramp 5", by="bob", reason="still")
    found = store.read_approvals(FLAG)
    assert [(each.step, each.by) for each in found] == [("ramp 25", "bob"), ("ramp 5", "ann"), ("ramp 5", "bob")]
    assert found[-1] == later
    assert found == store.snapshot(FLAG).approvals
    assert store.withdraw_approvals(FLAG, step="ramp 5") == 2
    assert [each.step for each in store.read_approvals(FLAG)] == ["ramp 25"]


def test_purging_frees_what_has_lapsed(make_store: MakeStore) -> None:
    """Purging drops lapsed pins and rested epochs of any number, and leaves what holds."""
    clock = Clock()
    store = make_store(clock=clock)
    firsts = [First(kind="error", unit=f"u{number}") for number in range(2000)]
    store.add(FLAG, batch("1", epoch="old", firsts=firsts))
    store.pin(FLAG, {f"u{number}": CONTROL for number in range(500)}, max_age=60)
    clock.now += 100
    store.add(FLAG, batch("2", epoch="new", sums={"n": 1}))
    store.pin(FLAG, {"stays": CONTROL}, max_age=60)
    assert store.purge(FLAG, older_than=50) >= 301
    assert list(store.snapshot(FLAG).epochs) == ["new"]
    assert store.read_pins(FLAG, ["stays", "u0"]) == {"stays": CONTROL}
    assert store.purge(FLAG, older_than=50) == 0


def test_a_unit_of_any_kind_can_be_counted_and_pinned(store: Store) -> None:
    """An empty, a very long and a broken unit are units like others: refusing them is not the store's."""
    odd = ["", "x" * 1_000_000, "\ud800", "a\0b", "ß"]
    store.add(FLAG, batch(firsts=[First(kind="error", unit=unit, sums={"e": 1}) for unit in odd]))
    assert store.read_epoch(FLAG, "ramp 5").sums == {"e": len(odd)}
    assert set(store.pin(FLAG, dict.fromkeys(odd, CONTROL), max_age=60)) == set(odd)
    assert set(store.read_pins(FLAG, odd)) == set(odd)


def test_units_are_not_readable_but_the_same_for_all(make_store: MakeStore) -> None:
    """A unit's key does not hold the unit, is the same in every store over the same state, and differs from unit to unit."""
    one, two = make_store(), make_store()
    assert one.unit_key(FLAG, "conversation-7") == two.unit_key(FLAG, "conversation-7") != one.unit_key(FLAG, "b")
    assert "conversation" not in one.unit_key(FLAG, "conversation-7")


def test_a_key_of_ones_own_stays_outside(make_store: MakeStore) -> None:
    """Stores with the same key work together, and one with another key, or none, is refused with a remedy."""
    key = os.urandom(32)
    make_store(hash_key=key).pin(FLAG, {"a": CONTROL}, max_age=60)
    assert make_store(hash_key=key).read_pins(FLAG, ["a"]) == {"a": CONTROL}
    for other in (None, os.urandom(32)):
        with pytest.raises(StoreError, match="another hash_key; give each process the same") as raised:
            make_store(hash_key=other)
        assert key.hex() not in str(raised.value)


@pytest.mark.parametrize(("key", "words"), [("x" * 32, "hash_key is of type str"), (b"short", "hash_key has 5 bytes")])
def test_a_bad_key_is_refused(make_store: MakeStore, key: object, words: str) -> None:
    """A key of another kind or length is refused, and not shown."""
    with pytest.raises((TypeError, ValueError), match=words) as raised:
        make_store(hash_key=key)
    assert "short;" not in str(raised.value)


def test_a_store_is_not_pickled(store: Store) -> None:
    """Pickling or copying a store says what to do instead."""
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r"make a .*Store in each process"):
            attempt(store)


def test_a_closed_store_opens_again(store: Store) -> None:
    """A store can be closed twice, by `with` too, and used again afterwards."""
    with store:
        store.append_history(FLAG, {"a": 1})
    store.close()
    assert store.append_history(FLAG, {"a": 2}) == 2


def test_threads_share_a_store(store: Store) -> None:
    """Eight threads over one store lose no update."""

    def work(number: int) -> None:
        for turn in range(25):
            store.add(FLAG, batch(f"{number}/{turn}", sums={"n": 1}))
            store.append_history(FLAG, {"thread": number})

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read_epoch(FLAG, "ramp 5").sums == {"n": 200}
    assert [each.position for each in store.read_history(FLAG)] == list(range(1, 201))
