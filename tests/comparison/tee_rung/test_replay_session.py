"""Tests of the desk where answers lie, and of the session that takes requests to it."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
import requests
import urllib3
from msgspec.structs import replace

from shim.comparison import ReplayAdapter
from shim.comparison.tee_rung import replay_session
from shim.comparison.tee_rung.replay_session import NUMBER, DeskAdapter, ReplaySession
from shim.recording.recorded_answer import presented
from tests.helpers.exchanges import exchange, streamed

URL = "http://replay.invalid/v1/chat/completions"


def asked(session: requests.Session, number: int, **settings: Any) -> requests.Response:
    """Ask for an answer by its number."""
    return session.post(URL, data=b"{}", headers={NUMBER: str(number)}, **settings)


def test_the_only_answer_needs_no_number() -> None:
    """An answer that is laid out as the only one is given to anybody, and told as asked for until another takes its place."""
    desk = DeskAdapter()
    assert not desk.lay_only(presented(exchange()))
    assert ReplaySession(desk).post(URL).content == ReplaySession(desk).post(URL).content != b""
    assert desk.lay_only(None)
    with pytest.raises(requests.ConnectionError, match="nothing is laid out"):
        ReplaySession(desk).post(URL)
    assert not desk.lay_only(None)


@pytest.mark.parametrize("status", [200, 404])
def test_what_is_mounted_in_between_meets_a_response_of_urllib3(status: int) -> None:
    """The only answer has one of urllib3 below it where an adapter over the desk asks for it, and the same bytes without."""
    desk = DeskAdapter()
    desk.lay_only(presented(exchange(status=status)))
    met: list[requests.Response] = []

    class Watching(requests.adapters.BaseAdapter):
        def send(self, *arguments: Any, **_settings: Any) -> requests.Response:
            met.append(desk.send(arguments[0]))
            return met[-1]

        def close(self) -> None:
            """Hold nothing."""

    with ReplaySession(desk) as plain, ReplaySession(desk) as watched:
        watched.mount("http://", Watching())
        short, full = plain.post(URL), watched.post(URL)
    assert met == [full]
    assert isinstance(full.raw, urllib3.HTTPResponse)
    assert not isinstance(short.raw, urllib3.HTTPResponse)
    assert short.content == full.content != b""
    assert (short.status_code, short.reason, short.encoding) == (full.status_code, full.reason, full.encoding)
    assert list(short.headers.items()) == list(full.headers.items())


def test_a_repeated_field_is_joined() -> None:
    """The values of a field that came twice, in any case, are told as urllib3 tells them."""
    answer = replace(presented(exchange()), headers=(("A", "1"), ("b", "2"), ("a", "3")))
    desk = DeskAdapter()
    desk.lay_only(answer)
    assert dict(ReplaySession(desk).post(URL).headers) == {"A": "1, 3", "b": "2"}


def test_each_request_gets_the_answer_it_names() -> None:
    """Answers are given by number, in any order, and none twice is mixed up with another."""
    desk = DeskAdapter()
    numbers = desk.lay_out([presented(exchange(status=status)) for status in (200, 404, 500)])
    session = ReplaySession(desk)
    assert [asked(session, number).status_code for number in reversed(numbers)] == [500, 404, 200]
    assert desk.collect(numbers)


@pytest.mark.parametrize("number", ["", "0", "999", "-1", "one", "\u0661"])
def test_a_request_that_names_no_answer_is_refused(number: str) -> None:
    """A request with no number, or another one, meets a failed connection."""
    desk = DeskAdapter()
    numbers = desk.lay_out([presented(exchange())])
    with pytest.raises(requests.ConnectionError, match="nothing is laid out"):
        ReplaySession(desk).post(URL, headers={NUMBER: number})
    assert not desk.collect(numbers)


def test_a_held_request_is_answered_once_all_are_started() -> None:
    """What is asked while requests are being started waits for the last of them."""
    desk = DeskAdapter()
    (number,) = desk.lay_out([presented(exchange())], hold=True)
    answered: list[requests.Response] = []
    thread = threading.Thread(target=lambda: answered.append(asked(ReplaySession(desk), number)))
    thread.start()
    assert not desk.wait_until_taken(0.05)
    desk.release()
    assert desk.wait_until_taken(5)
    thread.join(5)
    assert [response.status_code for response in answered] == [200]


def test_who_waits_inside_its_start_is_held_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that asks on the thread that starts it is let through after a moment, and not held again."""
    monkeypatch.setattr(replay_session, "_HELD", 0.2)
    desk = DeskAdapter()
    session = ReplaySession(desk)
    started = time.monotonic()
    for _ in range(20):
        (number,) = desk.lay_out([presented(exchange())], hold=True)
        assert asked(session, number).ok
        desk.collect([number])
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "settings", [{}, {"params": {"a": "b"}}, {"hooks": {"response": []}}, {"stream": True, "timeout": 3}]
)
def test_the_short_way_gives_what_requests_would(settings: dict[str, Any]) -> None:
    """A response is the same with and without the rest of `requests` between the session and the desk."""
    desk = DeskAdapter()
    numbers = desk.lay_out([presented(streamed())] * 2)
    session = ReplaySession(desk)
    short = asked(session, numbers[0], **settings)
    long = requests.Session.request(session, "POST", URL, data=b"{}", headers={NUMBER: str(numbers[1])}, **settings)
    for response in (short, long):
        assert (type(response), response.status_code, response.reason) == (requests.Response, 200, "OK")
        assert (response.url, response.history, response.cookies.get_dict()) == (URL, [], {})
        assert response.request.body == b"{}"
    assert short.headers == long.headers
    assert list(short.iter_content(None)) == list(long.iter_content(None))


def test_another_adapter_is_used() -> None:
    """What is mounted on the session, a tap say, is not passed by."""
    session = ReplaySession(DeskAdapter())
    session.mount("http://", ReplayAdapter(exchange(status=418)))
    assert session.post(URL).status_code == 418
