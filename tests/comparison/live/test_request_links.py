"""Tests of shim.comparison.live.request_links: a request is found by its exchange, and what is held is bounded."""

from __future__ import annotations

from contextvars import Context

import pytest

from shim.comparison.live.request_links import MAX_LATE, Pair, Pairs
from shim.model import ModelRequest, user

REQUEST = ModelRequest("gpt-4o-mini", (user("Hello"),))


def pair_of(pairs: Pairs) -> Pair:
    """A pair that is held."""
    pair = Pair(pairs.new_id(), request=REQUEST, context=Context())
    pairs.add(pair)
    return pair


def test_what_waits_for_a_late_exchange_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Completed requests whose exchange has not come are held in small number, the newest, and for seconds."""
    pairs = Pairs()
    held = [pair_of(pairs) for _ in range(MAX_LATE + 8)]
    for pair in held:
        pairs.end(pair)
    assert len(pairs) == MAX_LATE
    assert pairs.find(held[0].id) is None
    assert pairs.find(held[-1].id) is held[-1]
    monkeypatch.setattr("shim.comparison.live.request_links.LATE_SECONDS", -1.0)
    pairs.end(pair_of(pairs))
    assert len(pairs) == 0


def test_open_requests_are_held_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request over the bound is not linked, and nothing else happens to it."""
    monkeypatch.setattr("shim.comparison.live.request_links.MAX_OPEN", 2)
    pairs = Pairs()
    first, second, third = (pair_of(pairs) for _ in range(3))
    assert [pairs.find(pair.id) for pair in (first, second, third)] == [first, second, None]
    pairs.end(third)
    pairs.end(first)
    assert len(pairs) == 1


def test_ids_differ_between_holders() -> None:
    """No two requests have the same id, of one provider or of two."""
    one, other = Pairs(), Pairs()
    assert len({pairs.new_id() for pairs in (one, other) for _ in range(100)}) == 200


def test_an_exchange_that_came_first_leaves_nothing() -> None:
    """A request whose exchange came before its completion is forgotten with it, and one that was refused at once."""
    pairs = Pairs()
    pair, refused = pair_of(pairs), pair_of(pairs)
    pairs.remove(refused)
    assert pairs.find(pair.id) is pair
    assert pairs.find(pair.id) is pair  # a retry is an exchange of the same request
    pairs.end(pair)
    assert len(pairs) == 0
    assert pairs.find(pair.id) is None
