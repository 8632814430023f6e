"""Tests of putting a tap on a session and taking it off: what is mounted where, before and after."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from shim.recording.exchange import Exchange
from shim.recording.tap.session_tap import TapAdapter, tap
from tests.recording.tap.tapping import answering, sized, tapped


def test_removing_restores_the_session() -> None:
    """After `remove` the session has the same adapters at the same prefixes in the same order, and what came later stays."""
    session = requests.Session()
    session.mount("http://special/", HTTPAdapter())
    before = list(session.adapters.items())
    taken = tap(session, print)
    assert list(session.adapters) == [prefix for prefix, _ in before]
    assert session.adapters["http://"] is not before[-1][1]
    later = HTTPAdapter()
    session.mount("https://", later)
    taken.remove()
    taken.remove()
    kept = dict(session.adapters)
    assert kept.pop("https://") is later
    assert all(kept[prefix] is adapter for prefix, adapter in before if prefix != "https://")


@pytest.mark.parametrize("first", [0, 1])
def test_two_taps_come_off_in_any_order(first: int) -> None:
    """Two taps on a session both record, and may be removed in any order."""
    session = requests.Session()
    before = dict(session.adapters)
    kept: list[list[Exchange]] = [[], []]
    taps = [tap(session, each.append) for each in kept]
    with answering(sized(b"{}")) as server, session:
        session.post(server.url, data=b"{}")
        taps[first].remove()
        session.post(server.url, data=b"{}")
        taps[1 - first].remove()
        session.post(server.url, data=b"{}")
    assert [len(kept[first]), len(kept[1 - first])] == [1, 2]
    assert dict(session.adapters) == before


def test_one_adapter_at_two_prefixes() -> None:
    """An adapter that is mounted twice is still one."""
    session = requests.Session()
    one = HTTPAdapter()
    session.mount("http://", one)
    session.mount("https://", one)
    with tap(session, print):
        assert session.adapters["http://"] is session.adapters["https://"]
    assert session.adapters["http://"] is one


def test_copies_are_untapped() -> None:
    """A pickled or deeply copied session has the plain adapters."""
    with tapped() as (session, _, _):
        adapter: Any = session.get_adapter("http://x")
        assert [type(adapter) is TapAdapter, isinstance(adapter, HTTPAdapter)] == [True, True]
        for made in (pickle.loads(pickle.dumps(session)), copy.deepcopy(session)):  # noqa: S301 - our own, made just now
            assert {type(each) for each in made.adapters.values()} == {HTTPAdapter}
        assert type(copy.copy(adapter)) is HTTPAdapter
        adapter.max_retries = 3
        assert adapter.tapped_adapter.max_retries == 3
        assert adapter.poolmanager is adapter.tapped_adapter.poolmanager
        assert "HTTPAdapter" in repr(adapter)


@pytest.mark.parametrize("target", [None, "http://", object(), requests])
def test_what_cannot_be_tapped_is_refused(target: Any) -> None:
    """A target that is no session, and has none, is refused with what would do."""
    with pytest.raises(TypeError, match=r"give a requests\.Session"):
        tap(target, print)


def test_a_bad_sink_leaves_the_session_alone() -> None:
    """A tap that cannot be made has changed nothing."""
    session = requests.Session()
    before = dict(session.adapters)
    attempts: list[Callable[[], Any]] = [
        lambda: tap(session, 7),  # type: ignore[arg-type]  # what is refused
        lambda: tap(session, "missing/folder/file"),
        lambda: tap(session, print, max_body=0),
    ]
    for attempt in attempts:
        with pytest.raises((TypeError, OSError, ValueError)):
            attempt()
    assert dict(session.adapters) == before
