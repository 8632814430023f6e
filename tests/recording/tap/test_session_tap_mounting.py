"""Tests of putting a tap on a session and taking it off: what is mounted where, before and after."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from shim.recording.exchange import Exchange
from shim.recording.tap.session_tap import tap
from shim.recording.tap.tap_adapter import TapAdapter
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


@pytest.mark.parametrize("target", [None, "http://", object()])
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


def direct(session: requests.Session, prefix: str, adapter: HTTPAdapter) -> None:
    """Give a session an adapter without its `mount`."""
    session.adapters[prefix] = adapter


@pytest.mark.parametrize("mount", [requests.Session.mount, direct])
def test_adapters_that_come_later_are_tapped(mount: Callable[..., None]) -> None:
    """What goes through an adapter that was mounted after the tap is recorded, once by each tap, and untapped after it."""
    kept: list[list[Exchange]] = [[], []]
    with answering(sized(b"{}")) as server, requests.Session() as session:
        plain = session.adapters
        taps = [tap(session, each.append) for each in kept]
        later, special = HTTPAdapter(max_retries=2), HTTPAdapter()
        mount(session, "http://", later)
        session.mount(f"{server.url}/special", special)
        assert next(iter(session.adapters)) == f"{server.url}/special"
        assert isinstance(session.get_adapter("http://h"), HTTPAdapter)
        for path in ("", "/special"):
            session.post(f"{server.url}{path}", data=b"{}")
        for each in taps:
            each.remove()
        session.post(server.url, data=b"{}")
        assert session.adapters is plain
        assert [session.get_adapter(f"{server.url}{path}") for path in ("", "/special")] == [later, special]
    assert [len(each) for each in kept] == [2, 2]


def test_one_that_comes_later_at_two_prefixes_is_still_one() -> None:
    """An adapter mounted twice after the tap has one tap before it, and adapters that come and go leave nothing behind."""
    with requests.Session() as session, tap(session, print):
        one = HTTPAdapter()
        session.mount("http://", one)
        session.mount("https://", one)
        assert session.adapters["http://"] is session.adapters["https://"]
        gone = weakref.ref(one)
        for prefix in ("http://", "https://"):
            session.mount(prefix, HTTPAdapter())
        del one
        gc.collect()
        assert gone() is None


def test_what_a_tapped_session_holds_is_copied_plain() -> None:
    """Copies and pickles of the mapping of a tapped session are plain, and record nothing."""
    with tapped() as (session, _, _):
        assert type(session.adapters.copy()) is OrderedDict  # type: ignore[attr-defined]  # stubs say a mapping
        for made in (
            copy.copy(session.adapters),
            copy.deepcopy(session.adapters),
            pickle.loads(pickle.dumps(session.adapters)),  # noqa: S301 - our own, made just now
        ):
            assert type(made) is OrderedDict
            assert list(made) == list(session.adapters)


def test_a_session_that_gets_other_adapters_is_told() -> None:
    """Where a program gives the session a mapping of its own, that cannot be seen through: the tap says so when it is removed."""
    errors: list[Exception] = []
    session = requests.Session()
    taken = tap(session, print, on_error=errors.append)
    other: OrderedDict[str, Any] = OrderedDict({"http://": HTTPAdapter()})
    session.adapters = other
    taken.remove()
    assert session.adapters is other
    assert taken.failed == 1
    assert ["was not recorded" in str(error) for error in errors] == [True]


def test_adapters_taken_into_another_mapping_are_not_left_tapped() -> None:
    """Where a program has put the tapped adapters into a mapping of its own, removing the tap puts the plain ones back there."""
    session = requests.Session()
    plain = dict(session.adapters)
    taken = tap(session, print, on_error=lambda _error: None)
    session.adapters = OrderedDict(session.adapters)
    assert dict(session.adapters) != plain
    taken.remove()
    assert dict(session.adapters) == plain
