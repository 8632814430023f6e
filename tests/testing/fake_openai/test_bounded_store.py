"""Tests of `bounded_store`."""

import pytest

from shim.testing.fake_openai import bounded_store
from shim.testing.fake_openai.bounded_store import BoundedStore


def test_the_number_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the oldest is forgotten first."""
    monkeypatch.setattr(bounded_store, "MOST_ITEMS", 2)
    store: BoundedStore[str] = BoundedStore()
    for name in "abc":
        store.put(name, name.upper())
    assert (list(store), store.get("a"), store.get("c")) == (["B", "C"], None, "C")


def test_the_bytes_are_bounded_but_the_newest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes count over all items and are given back; one item larger than the bound is still kept alone."""
    monkeypatch.setattr(bounded_store, "MOST_BYTES", 10)
    store: BoundedStore[str] = BoundedStore()
    store.put("a", "A", size=6)
    store.put("a", "A2", size=2)
    store.put("b", "B", size=8)
    assert list(store) == ["A2", "B"]
    assert store.pop("a") == "A2"
    store.put("c", "C", size=2)
    assert list(store) == ["B", "C"]
    store.put("d", "D", size=100)
    assert list(store) == ["D"]
    assert store.pop("a") is None
