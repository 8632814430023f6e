"""Tests of the tap on every session: those made before and after are recorded, and afterwards all is as it was."""

from __future__ import annotations

from typing import Any

import pytest
import requests
import responses

from shim.comparison import Exchange, tap

URL = "https://api.openai.com/v1/chat/completions"


@pytest.fixture
def mocked() -> Any:
    """Answers the address, and another one."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(URL, json={"ok": True})
        mock.post("https://example.com/other", json={"ok": True})
        yield mock


def test_every_session_is_recorded(mocked: Any) -> None:
    """A session made before the tap, one made after, and module level are each recorded once."""
    found: list[Exchange] = []
    with requests.Session() as before, tap.everywhere(found.append):
        before.post(URL, json={"a": 1})
        before.post(URL, json={"a": 2})
        with requests.Session() as after:
            after.post(URL, json={"a": 3})
        requests.post(URL, json={"a": 4}, timeout=1)
    assert [each.request.body for each in found] == [b'{"a": 1}', b'{"a": 2}', b'{"a": 3}', b'{"a": 4}']


def test_other_addresses_are_left_alone(mocked: Any) -> None:
    """Only addresses of the API are recorded, or those that `only` takes."""
    found: list[Exchange] = []
    with tap.everywhere(found.append):
        requests.post("https://example.com/other", timeout=1)
    assert not found
    with tap.everywhere(found.append, only=lambda url: url.endswith("/other"), context={"test": "t"}):
        requests.post("https://example.com/other", timeout=1)
        requests.post(URL, timeout=1)
    assert [each.context for each in found] == [{"test": "t"}]


def test_afterwards_all_is_as_it_was(mocked: Any) -> None:
    """The library's own function and a session's own adapters are back when the last tap ends, in whatever order they end."""
    own = requests.Session.send
    with requests.Session() as session:
        adapters = dict(session.adapters)
        first, second = tap.everywhere(lambda _: None), tap.everywhere(lambda _: None)
        session.post(URL)
        assert session.adapters != adapters
        first.remove()
        session.post(URL)
        second.remove()
        second.remove()
        assert session.adapters == adapters
        assert (first.recorded, second.recorded) == (1, 2)
    assert requests.Session.send is own


def test_a_patch_on_top_stays(mocked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function that somebody put on top of ours stays there, and a later tap records through it."""
    found: list[Exchange] = []
    first = tap.everywhere(found.append)
    ours = requests.Session.send
    sent = []

    def on_top(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        sent.append(request.url)
        return ours(self, request, **options)

    monkeypatch.setattr(requests.Session, "send", on_top)
    first.remove()
    requests.post(URL, timeout=1)
    assert not found
    with tap.everywhere(found.append):
        requests.post(URL, timeout=1)
    assert len(found) == 1
    monkeypatch.undo()
    with tap.everywhere(found.append):
        requests.post(URL, timeout=1)
    assert len(found) == 2
    assert len(sent) == 2
