"""Tests of the tap on `requests` at module level: what it sees, by whatever name it is called, and that it goes again."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
import requests
from requests import post

from shim.comparison import Exchange, tap
from shim.testing.fake_openai import FakeOpenAI

_ASKED = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Count to 3"}]}
_KEY = {"Authorization": "Bearer sk-test-module"}


def _url(server: FakeOpenAI) -> str:
    return f"{server.base_url}/chat/completions"


def test_posts_are_recorded_in_every_thread_by_every_name() -> None:
    """`requests.post`, a name imported before, `requests.request` and streams are recorded, threads too, without the key."""
    recorded: list[Exchange] = []
    with FakeOpenAI() as server:
        with tap.module(requests, recorded.append):
            assert requests.post(_url(server), json=_ASKED, headers=_KEY, timeout=10).json()["choices"]
            requests.request("POST", _url(server), json=_ASKED, headers=_KEY, timeout=10)
            thread = threading.Thread(target=lambda: post(_url(server), json=_ASKED, headers=_KEY, timeout=10))
            thread.start()
            thread.join()
            lines = list(
                post(_url(server), json={**_ASKED, "stream": True}, headers=_KEY, stream=True, timeout=10).iter_lines()
            )
        post(_url(server), json=_ASKED, headers=_KEY, timeout=10)
    assert lines[-2] == b"data: [DONE]"
    assert [each.ended for each in recorded] == ["complete"] * 4
    assert json.loads(recorded[0].request.body or b"") == _ASKED
    assert "sk-test-module" not in repr(recorded)


def test_other_addresses_are_nobodys_business() -> None:
    """What is sent elsewhere is not recorded, unless `only` takes it."""
    recorded: list[Exchange] = []
    everything: list[Exchange] = []
    some, every = tap.module(requests, recorded.append), tap.module(requests, everything.append, only=lambda _: True)
    with FakeOpenAI() as server, some, every:
        requests.get(f"{server.base_url}/models", headers=_KEY, timeout=10)
    assert (len(recorded), len(everything)) == (0, 1)


def test_taps_end_in_any_order() -> None:
    """Nested taps each record, and `requests` is as it was when the last has ended, whichever that is."""
    before: Any = requests.api.sessions  # type: ignore[attr-defined]  # the name that is stood in for
    first: list[Exchange] = []
    second: list[Exchange] = []
    with FakeOpenAI() as server:
        outer, inner = tap.module(requests, first.append), tap.module(requests, second.append)
        post(_url(server), json=_ASKED, headers=_KEY, timeout=10)
        outer.remove()
        post(_url(server), json=_ASKED, headers=_KEY, timeout=10)
        inner.remove()
        post(_url(server), json=_ASKED, headers=_KEY, timeout=10)
    assert (len(first), len(second)) == (1, 2)
    assert requests.api.sessions is before  # type: ignore[attr-defined]  # as above


def test_sessions_of_ones_own_are_not_seen() -> None:
    """The gap that is told: a `requests.Session` is recorded by a tap of its own alone."""
    recorded: list[Exchange] = []
    with FakeOpenAI() as server, tap.module(requests, recorded.append), requests.Session() as session:
        session.post(_url(server), json=_ASKED, headers=_KEY, timeout=10)
    assert recorded == []


def test_another_module_is_refused() -> None:
    """The error says what takes its place."""
    with pytest.raises(TypeError, match="json cannot be tapped as a module"):
        tap.module(json, print)
