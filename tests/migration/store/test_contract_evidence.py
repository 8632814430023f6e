"""Tests of what every store promises of evidence: what is added counts once, whoever tells it, and old epochs go."""

from __future__ import annotations

import pytest

from shim.migration.store import (
    KEPT_EPOCHS,
    Exposure,
    First,
    Store,
)
from tests.migration.store.conftest import MakeStore
from tests.migration.store.made import FLAG, Clock, batch


def test_sums_add_up(store: Store) -> None:
    """Sums of several batches add up as floats do, below zero, tiny and huge ones too."""
    for number, value in enumerate((0.1, 0.2, -0.05, 1e-30, 3)):
        assert store.add(FLAG, batch(str(number), sums={"log e/1.5": value, "n": 1, "huge": 1e300}))
    found = store.read_epoch(FLAG, "ramp 5")
    assert found.sums == {"log e/1.5": 0.1 + 0.2 - 0.05 + 1e-30 + 3, "n": 5, "huge": 1e300 * 5}
    store.add(FLAG, batch("tiny", sums={"tiny": 1e-30}))
    assert store.read_epoch(FLAG, "ramp 5").sums["tiny"] == 1e-30


def test_a_batch_counts_once(store: Store) -> None:
    """A batch that is sent again, as after a time-out, adds nothing, and says so."""
    sent = batch(sums={"n": 1}, firsts=[First(kind="error", unit="a", sums={"e": 1})])
    assert store.add(FLAG, sent)
    before = store.snapshot(FLAG)
    assert not store.add(FLAG, sent)
    assert store.snapshot(FLAG) == before


def test_epochs_share_nothing(store: Store) -> None:
    """The same unit counts anew in another epoch, and each epoch has sums of its own."""
    for number, epoch in enumerate(("ramp 5", "ramp 25")):
        store.add(FLAG, batch(str(number), epoch=epoch, firsts=[First(kind="error", unit="a", sums={"e": 1})]))
    found = store.snapshot(FLAG).epochs
    assert [(name, each.sums, each.units) for name, each in sorted(found.items())] == [
        ("ramp 25", {"e": 1}, {"error": 1}),
        ("ramp 5", {"e": 1}, {"error": 1}),
    ]


def test_the_first_event_of_a_unit_counts_whoever_tells_it(make_store: MakeStore) -> None:
    """Of events of one kind and unit, told twice in one batch and by another process, the first counts; other kinds count too."""
    one, two = make_store(), make_store()
    bad = First(kind="error", unit="a", sums={"e": 1.5})
    one.add(FLAG, batch("1", firsts=[bad, bad, First(kind="slow: 95 %", unit="a", sums={"s": 1})]))
    two.add(FLAG, batch("2", firsts=[bad, First(kind="error", unit="b", sums={"e": 2})]))
    found = two.read_epoch(FLAG, "ramp 5")
    assert found.sums == {"e": 3.5, "s": 1}
    assert found.units == {"error": 2, "slow: 95 %": 1}


def test_exposures_count_distinct_units_of_each_arm(make_store: MakeStore) -> None:
    """Each unit is exposed once, for the arm it met first; one that met both is counted as crossed, once."""
    one, two = make_store(), make_store()
    one.add(
        FLAG,
        batch(
            "1",
            exposures=[
                Exposure(unit="a", arm="control", sums={"n": 1, "share": 0.25}),
                Exposure(unit="a", arm="control", sums={"n": 1, "share": 0.25}),
                Exposure(unit="b", arm="candidate", sums={"n": 1, "share": 0.25}),
            ],
        ),
    )
    for number in ("2", "3"):
        two.add(FLAG, batch(number, exposures=[Exposure(unit="b", arm="control", sums={"n": 1})]))
    found = two.read_epoch(FLAG, "ramp 5")
    assert found.exposed == {"control": 1, "candidate": 1}
    assert found.crossed == 1
    assert found.sums == {"n": 2, "share": 0.5}


def test_an_epoch_tells_when_it_began_and_was_added_to(make_store: MakeStore) -> None:
    """An epoch's times are those of its first and its last batch, and a clock that is behind takes nothing back."""
    clock = Clock()
    store = make_store(clock=clock)
    for number, now in enumerate((100.0, 300.0, 200.0)):
        clock.now = now
        store.add(FLAG, batch(str(number)))
    found = store.read_epoch(FLAG, "ramp 5")
    assert (found.began, found.at) == (100.0, 300.0)


def test_old_epochs_go(make_store: MakeStore) -> None:
    """Of more epochs than are kept those go that were added to longest ago, and the newest stays even if its clock is behind."""
    clock = Clock()
    store = make_store(clock=clock)
    for number in range(KEPT_EPOCHS):
        clock.now += 1
        store.add(FLAG, batch(str(number), epoch=f"e{number}", firsts=[First(kind="error", unit="a", sums={"e": 1})]))
    clock.now += 1
    store.add(FLAG, batch("again", epoch="e0"))
    clock.now -= 1000
    store.add(FLAG, batch("new", epoch="new"))
    assert set(store.snapshot(FLAG).epochs) == {"e0", *(f"e{number}" for number in range(2, KEPT_EPOCHS)), "new"}
    store.add(FLAG, batch("back", epoch="e1", firsts=[First(kind="error", unit="a", sums={"e": 1})]))
    assert store.read_epoch(FLAG, "e1").sums == {"e": 1}


def test_full_kinds_count_no_further(make_store: MakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind with as many units as are known again counts no more, says how many were left out, and knows the old ones still."""
    for module in ("sqlite_evidence", "redis_store"):
        monkeypatch.setattr(f"shim.migration.store.{module}.MOST_UNITS", 2)
    store = make_store()
    store.add(FLAG, batch(firsts=[First(kind="error", unit=unit, sums={"e": 1}) for unit in ("a", "b", "a", "c", "d")]))
    found = store.read_epoch(FLAG, "ramp 5")
    assert (found.sums, found.units, found.dropped) == ({"e": 2}, {"error": 2}, 2)
