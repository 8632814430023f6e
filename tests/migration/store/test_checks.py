"""Tests of what every store refuses of its callers, and of how it says so."""

from __future__ import annotations

from typing import Any

import pytest

from shim.migration.store import (
    MOST_FIRSTS,
    MOST_PINS,
    Batch,
    Exposure,
    First,
    Snapshot,
    Store,
    StoredPin,
    StoreError,
)
from tests.migration.store.made import CONTROL, FLAG


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda store: store.snapshot(""), "flag has 0 characters"),
        (lambda store: store.snapshot("x" * 201), "flag has 201 characters"),
        (lambda store: store.snapshot(7), "flag is of type int"),
        (lambda store: store.snapshot("\ud800"), "half of a surrogate pair"),
        (lambda store: store.snapshot("a\0b"), "NUL"),
        (lambda store: store.write_policy("f", {"p": float("nan")}, expected=0, by="me"), "not plain JSON"),
        (lambda store: store.write_policy("f", {"p": "x" * 70_000}, expected=0, by="me"), "give at most 65536"),
        (lambda store: store.write_policy("f", {1: 2}, expected=0, by="me"), "a key that is of type int"),
        (lambda store: store.write_policy("f", ["ramp"], expected=0, by="me"), "of type list; give a mapping"),
        (lambda store: store.write_policy("f", {}, expected=-1, by="me"), "expected is -1"),
        (lambda store: store.write_policy("f", {}, expected=True, by="me"), "expected is of type bool"),
        (lambda store: store.write_policy("f", {}, expected=0, by=""), "by has 0 characters"),
        (lambda store: store.write_kill_switch("f", on=1, by="me", reason=""), "on is of type int"),
        (lambda store: store.latch("f", epoch="e", reason=" ", by="me"), "reason is empty"),
        (lambda store: store.latch("f", epoch="", reason="r", by="me"), "epoch has 0 characters"),
        (lambda store: store.latch("f", epoch="e", reason="r", by=""), "by has 0 characters"),
        (lambda store: store.reset("f", reason="", by="me"), "reason is empty"),
        (lambda store: store.reset("f", reason="r", by=7), "by is of type int"),
        (lambda store: store.pin("f", {7: CONTROL}, max_age=1), "unit is of type int"),
        (lambda store: store.pin("f", {str(n): CONTROL for n in range(MOST_PINS + 1)}, max_age=1), "give at most"),
        (lambda store: store.pin("f", {"a": CONTROL}, max_age=0), "max_age is 0"),
        (lambda store: store.pin("f", {"a": CONTROL}, max_age=float("nan")), "max_age is nan"),
        (lambda store: store.pin("f", {"a": StoredPin(arm="both", share=1)}, max_age=1), "arm is 'both'"),  # type: ignore[arg-type]  # what is refused
        (lambda store: store.pin("f", {"a": StoredPin(arm="control", share=2)}, max_age=1), "share is 2"),
        (lambda store: store.read_pins("f", [7]), "unit is of type int"),
        (lambda store: store.read_pins("f", ["a"] * (MOST_PINS + 1)), "give at most"),
        (lambda store: store.read_history("f", after=-1), "after is -1"),
        (lambda store: store.read_history("f", limit=0), "limit is 0"),
        (lambda store: store.append_history("f", {"a": {1, 2}}), "not plain JSON"),
        (lambda store: store.approve("f", step="", by="me"), "step has 0 characters"),
        (lambda store: store.purge("f", older_than=-1), "older_than is -1"),
    ],
)
def test_mistakes_are_named(store: Store, call: Any, words: str) -> None:
    """An argument that cannot be used is refused by its name, with a remedy, and never as a fault of the store."""
    with pytest.raises((TypeError, ValueError), match=words) as raised:
        call(store)
    assert not isinstance(raised.value, StoreError)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"sums": {"n": float("inf")}}, "'n' is not finite"),
        ({"sums": {"n": 10**400}}, "'n' is not finite"),
        ({"sums": {"n": "1"}}, "'n' is of type str"),
        ({"sums": {"n": True}}, "'n' is of type bool"),
        ({"sums": {"": 1}}, "the name of a sum has 0 characters"),
        ({"firsts": [First(kind="crossed", unit="a")]}, "give an Exposure"),
        ({"firsts": [First(kind="exposed.control", unit="a")]}, "give an Exposure"),
        ({"firsts": [First(kind="error", unit=None)]}, "unit is None"),  # type: ignore[arg-type]  # what is refused
        ({"firsts": [First(kind="error", unit="a")] * (MOST_FIRSTS + 1)}, "or several batches"),
        ({"exposures": [Exposure(unit="a", arm="both")]}, "arm is 'both'"),  # type: ignore[arg-type]  # what is refused
        ({"batch_id": ""}, "batch_id has 0 characters"),
        ({"epoch": ""}, "epoch has 0 characters"),
    ],
)
def test_a_batch_with_a_mistake_adds_nothing(store: Store, parts: dict[str, Any], words: str) -> None:
    """Nothing of a batch is added that has a mistake anywhere in it."""
    good: dict[str, Any] = {"batch_id": "1", "epoch": "e", "sums": {"good": 1}}
    with pytest.raises((TypeError, ValueError), match=words):
        store.add(FLAG, Batch(**{**good, **parts}))
    assert store.snapshot(FLAG) == Snapshot()
