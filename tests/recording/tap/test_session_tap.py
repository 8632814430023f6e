"""Tests of the tap on a session: nothing changes for who uses it, everything that passes is recorded, once."""

from __future__ import annotations

import gc
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
from requests.adapters import BaseAdapter, HTTPAdapter

from shim.recording.exchange import Exchange
from shim.recording.files import read_exchanges
from shim.recording.redaction.redaction import Redaction
from shim.recording.tap.session_tap import tap
from shim.testing.fake_openai import Cut, Drip, FakeOpenAI, Reset, Slow, Stall, Status, Where
from tests.helpers.raw_server import RawServer, read
from tests.recording.tap.conftest import Road
from tests.recording.tap.tapping import (
    KEY,
    PLAIN,
    STREAMED,
    answering,
    body_of,
    chunked,
    close,
    headers,
    pieces_of,
    sized,
    tapped,
)

pytestmark = pytest.mark.usefixtures("road")


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    """A server that knows the key."""
    with FakeOpenAI(api_key=KEY) as running:
        yield running


def ask(session: requests.Session, server: FakeOpenAI, body: dict[str, Any] = PLAIN, **settings: Any) -> Any:
    """One request with the key."""
    settings = {"json": body, "headers": headers(), "timeout": 5, **settings}
    return session.post(f"{server.base_url}/chat/completions", **settings)


def test_an_exchange_is_what_passed(server: FakeOpenAI) -> None:
    """Request and answer are recorded as they were sent and read, without the key."""
    with tapped(context={"release": 1}) as (session, exchanges, _):
        answer = ask(session, server)
    (made,) = exchanges
    assert made.request.url == f"{server.base_url}/chat/completions"
    assert (made.request.method, made.request.body) == ("POST", server.requests[0].body)
    assert dict(made.request.headers)["Authorization"] == "Bearer [removed]"
    assert made.response is not None
    assert (made.response.status, made.response.reason) == (200, "OK")
    assert made.response.header("x-request-id") == answer.headers["x-request-id"]
    assert body_of(made) == answer.content
    assert made.context == {"release": 1}
    assert KEY not in repr(made)


def test_a_stream_is_recorded_as_it_was_read(server: FakeOpenAI, road: Road) -> None:
    """The segments of a stream are its body as it was read from the socket, with the times it came at."""
    with tapped() as (session, exchanges, _):
        pieces = list(ask(session, server, STREAMED, stream=True).iter_content(None))
    (made,) = exchanges
    assert body_of(made) == b"".join(pieces)
    assert road == "below" or pieces_of(made) == pieces
    assert made.response is not None
    times = [made.response.headers_at, *(segment.at for segment in made.response.segments), made.finished]
    assert times == sorted(times)


@pytest.mark.parametrize("text", ["plain", "na\u00efve", "\N{GREEK SMALL LETTER ALPHA}"])
def test_a_body_of_text_is_recorded_as_it_went_out(server: FakeOpenAI, text: str) -> None:
    """A body given as text stands in the record as the bytes that were sent: of old by http.client's Latin-1, else UTF-8."""
    with tapped() as (session, exchanges, _):
        try:
            ask(session, server, json=None, data=f'{{"x": "{text}"}}')
        except UnicodeEncodeError:
            assert not server.requests  # nothing was sent
        else:
            assert exchanges[0].request.body == server.requests[0].body
    assert len(exchanges) == 1


@pytest.mark.parametrize("end", ["read", "close early", "leave unread"])
def test_connections_are_used_again_as_without(server: FakeOpenAI, end: str) -> None:
    """With the tap as many connections are opened as without it, however a response is ended."""
    opened = []
    with requests.Session() as plain, tapped() as (session, _, _):
        for one in (plain, session):
            before = server.connections_opened
            for _ in range(4):
                response = ask(one, server, STREAMED, stream=True)
                if end == "read":
                    assert response.content
                elif end == "close early":
                    response.close()
                del response
            opened.append(server.connections_opened - before)
    assert opened[0] == opened[1]
    assert (opened[0] == 1) is (end == "read")


def test_the_pair_id_is_taken_off(server: FakeOpenAI) -> None:
    """The header that names a pair becomes the exchange's id and is not sent; the caller's request is left as it was."""
    with tapped() as (session, exchanges, _):
        url = f"{server.base_url}/chat/completions"
        request = session.prepare_request(
            requests.Request("POST", url, json=PLAIN, headers=headers(**{"X-Shim-Pair-Id": "p1"}))
        )
        session.send(request)
        ask(session, server)
        ask(session, server)
    assert request.headers["X-Shim-Pair-Id"] == "p1"
    assert "x-shim-pair-id" not in {name.lower() for name in server.requests[0].headers}
    assert exchanges[0].pair_id == "p1"
    assert len({each.pair_id for each in exchanges}) == 3


def test_the_very_request_is_passed_on() -> None:
    """The adapter below gets the request, the arguments and the exceptions themselves, not copies."""
    seen: list[Any] = []
    error = OSError("the adapter's own")

    class Noting(BaseAdapter):
        def send(self, request: requests.PreparedRequest, *given: Any, **named: Any) -> requests.Response:
            seen.append((request, given, named))
            raise error

        def close(self) -> None:
            seen.append("closed")

    session = requests.Session()
    session.mount("mock://", Noting())
    exchanges: list[Exchange] = []
    with tap(session, exchanges.append):
        request = requests.Request("POST", "mock://x/", data=iter([b"a"])).prepare()
        with pytest.raises(OSError, match="own") as raised:
            session.get_adapter("mock://x/").send(request, timeout=3)
        session.close()
    assert raised.value is error
    assert seen[0][0] is request
    assert seen[0][1:] == ((), {"timeout": 3})
    assert seen[1] == "closed"
    assert [(each.ended, each.request.body) for each in exchanges] == [("failed", None)]
    assert list(request.body or ()) == [b"a"], "a generator was not consumed"


FAULTS: list[tuple[Any, str, str, int]] = [
    (Cut(Where.BEFORE_HEADERS), "failed", "headers", 0),
    (Reset(Where.BEFORE_HEADERS), "failed", "headers", 0),
    (Stall(Where.BEFORE_HEADERS), "failed", "headers", 0),
    (Cut(after_events=3), "failed", "body", 3),
    (Reset(after_events=3), "failed", "body", 0),
    (Stall(after_events=3), "failed", "body", 3),
]


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "ended", "stage", "events"), FAULTS, ids=lambda value: str(value)[:40])
def test_faults_are_the_same_and_recorded(
    server: FakeOpenAI, fault: Any, ended: str, *, stage: str, events: int
) -> None:
    """A server that breaks off raises the same with the tap as without, and the exchange says where it broke."""
    server.plan(fault, fault)
    raised = []
    with requests.Session() as plain, tapped() as (session, exchanges, _):
        for one in (plain, session):
            with pytest.raises(requests.RequestException) as caught:
                list(ask(one, server, STREAMED, stream=True, timeout=0.3).iter_content(None))
            raised.append(type(caught.value))
    assert raised[0] is raised[1]
    (made,) = exchanges
    assert made.ended == ended
    assert made.fault is not None
    assert made.fault.stage == stage
    assert (made.response is None) is (stage != "body")
    assert made.response is None or body_of(made).count(b"data: ") >= events


def test_a_refused_connection() -> None:
    """A request that finds no server is recorded as one that never connected."""
    with socket.socket() as taken, tapped() as (session, exchanges, _):
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(requests.ConnectionError):
            session.post(f"http://127.0.0.1:{taken.getsockname()[1]}/", data=b"{}", timeout=2)
    assert [(each.ended, each.fault and each.fault.stage, each.response) for each in exchanges] == [
        ("failed", "connect", None)
    ]


@pytest.mark.parametrize("behaviour", [Slow(0.05), Drip(size=7, delay=0.0), Status(500), Status(429)])
def test_slow_and_refused_answers(server: FakeOpenAI, behaviour: Any) -> None:
    """Answers that come slowly, in bits, or refuse are recorded byte for byte."""
    server.plan(behaviour)
    with tapped() as (session, exchanges, _):
        answer = ask(session, server)
    assert (exchanges[0].ended, body_of(exchanges[0])) == ("complete", answer.content)
    assert exchanges[0].response is not None
    assert exchanges[0].response.status == answer.status_code


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
        ("POST", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("POST", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"),
        ("POST", sized(b"")),
    ],
)
def test_answers_without_a_body_end_at_once(method: str, answer: bytes) -> None:
    """An answer that has no body is recorded when its head is there, even if nobody reads it."""
    with answering(answer) as server, tapped() as (session, exchanges, _):
        response = session.request(method, server.url, data=b"{}", stream=True)
        assert [(each.ended, pieces_of(each)) for each in exchanges] == [("complete", [])]
        assert response.content == b""
    assert len(exchanges) == 1


def test_redirects_are_exchanges_of_one_pair() -> None:
    """Each hop of a redirect is an exchange, all of the pair the request was sent for."""
    moved = b"HTTP/1.1 307 Moved\r\nLocation: /there\r\nContent-Length: 2\r\n\r\n{}"
    with RawServer([[read, moved, read, sized(b"[]")]]) as server, tapped() as (session, exchanges, _):
        answer = session.post(server.url, data=b"{}", headers={"X-Shim-Pair-Id": "p"})
    assert answer.content == b"[]"
    assert [(each.pair_id, body_of(each)) for each in exchanges] == [("p", b"{}"), ("p", b"[]")]


def test_cookies_are_kept_as_ever() -> None:
    """A session with a tap keeps the cookies of answers as one without."""
    with answering(sized(b"{}", more=b"Set-Cookie: a=b\r\n")) as server, tapped() as (session, _, _):
        assert session.post(server.url, data=b"{}").cookies["a"] == "b"
        assert session.cookies["a"] == "b"


def test_a_response_finds_its_session_again(server: FakeOpenAI) -> None:
    """A response names the adapter the session has, so that requests repeated for authentication are recorded too."""
    with tapped() as (session, _, _):
        assert ask(session, server).connection is session.get_adapter(server.base_url)


@responses.activate
def test_mocked_answers_are_recorded() -> None:
    """The mocks of `responses` work through the tap, and their answers and errors are recorded."""
    responses.post("http://api/v1", json={"a": 1})
    responses.post("http://api/v2", body=requests.ConnectionError("down"))
    with tapped() as (session, exchanges, _):
        assert session.post("http://api/v1", json={}).json() == {"a": 1}
        with pytest.raises(requests.ConnectionError, match="down"):
            session.post("http://api/v2", json={})
    assert [(each.ended, each.response and each.response.body) for each in exchanges] == [
        ("complete", b'{"a": 1}'),
        ("failed", None),
    ]


@pytest.mark.parametrize("raw", [None, 7])
def test_answers_that_were_made_up(raw: Any) -> None:
    """An adapter that gives a response with its content in place is recorded, and its response untouched."""

    class MadeUp(BaseAdapter):
        def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
            response = requests.Response()
            response.status_code, response._content, response.raw = 200, b"made up", raw
            response.url = str(request.url)
            return response

        def close(self) -> None:
            pass

    exchanges: list[Exchange] = []
    session = requests.Session()
    session.mount("mock://", MadeUp())
    with tap(session, exchanges.append):
        assert session.get_adapter("mock://").send(requests.Request("GET", "mock://x").prepare()).content == b"made up"
    assert [body_of(each) for each in exchanges] == [b"made up"]


def broken(*_given: Any, **_named: Any) -> Any:
    """Fails whatever is asked of it."""
    raise RuntimeError("ours")


@pytest.mark.parametrize(
    "place",
    [
        "recorder.Recorder.begin",
        "exchange_builder.Recording._finished",
        "exchange_builder.Finished.exchange",
        "redaction.redactor._Redacting.result",
        "tap.tap_adapter._watch",
    ],
)
def test_nothing_of_ours_reaches_the_caller(server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """Whatever fails in the recording, the caller gets the answer, and the failure is counted and told."""
    monkeypatch.setattr(f"shim.recording.{place}", broken)
    told: list[Exception] = []
    with requests.Session() as session, tap(session, print, on_error=told.append) as taken:
        assert ask(session, server).status_code == 200
        assert len(list(ask(session, server, STREAMED, stream=True).iter_content(None))) == 8
    assert taken.failed == len(told) >= 2
    assert {str(error) for error in told} == {"ours"}


def test_a_callers_function_may_fail(server: FakeOpenAI) -> None:
    """A function that raises costs its own exchange, and the caller notices nothing."""
    with requests.Session() as session, tap(session, broken) as taken:
        assert ask(session, server).status_code == 200
    assert (taken.recorded, taken.failed) == (0, 1)


@pytest.mark.slow
def test_many_threads_at_once(server: FakeOpenAI, tmp_path: Path) -> None:
    """Requests of many threads on one session are recorded each as its own, and all of them are in the file."""
    path = tmp_path / "a.jsonl.gz"
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(pool_maxsize=20))
        with tap(session, path) as taken:

            def run(name: str) -> None:
                for number in range(10):
                    sent = headers(**{"X-Shim-Pair-Id": f"{name}-{number}"})
                    body = {**STREAMED, "messages": [{"role": "user", "content": f"{name}-{number}"}]}
                    assert ask(session, server, body, headers=sent, stream=True).content

            threads = [threading.Thread(target=run, args=(str(name),)) for name in range(10)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert (taken.recorded, taken.dropped, taken.failed) == (100, 0, 0)
    exchanges = list(read_exchanges(path))
    assert len({each.pair_id for each in exchanges}) == 100
    assert all(each.pair_id.encode() in (each.request.body or b"") and each.ended == "complete" for each in exchanges)
    assert KEY.encode() not in path.read_bytes()


def test_a_response_may_outlive_the_tap(tmp_path: Path) -> None:
    """A body that is still being read when the tap is removed is recorded when it ends."""
    with answering(chunked(b"one", b"two")) as server, requests.Session() as session:
        taken = tap(session, tmp_path / "a")
        response = session.post(server.url, data=b"{}", stream=True)
        taken.remove()
        assert response.content == b"onetwo"
        taken.flush()
        taken.remove()
    assert [each.ended for each in read_exchanges(tmp_path / "a")] == ["complete"]


def test_redaction_comes_first(server: FakeOpenAI) -> None:
    """A function sees what may be kept, and nothing else."""
    with tapped(redaction=Redaction(body_paths=["request.body.messages[*].content"])) as (session, exchanges, _):
        ask(session, server)
    assert b'"Hi"' not in (exchanges[0].request.body or b"")


def test_a_large_body_is_passed_on_whole() -> None:
    """A body larger than is kept reaches its reader whole."""
    with answering(sized(b"x" * 1000)) as server, tapped(max_body=10) as (session, exchanges, _):
        assert len(session.post(server.url, data=b"{}").content) == 1000
    assert (exchanges[0].ended, body_of(exchanges[0])) == ("overflow", b"x" * 10)


def test_a_response_that_was_dropped_is_counted_when_that_is_asked_for() -> None:
    """What a program let go unread is among the recorded as soon as their number is asked for, without another call."""
    with answering(sized(b"{}")) as server, requests.Session() as session:
        taken: list[Exchange] = []
        with tap(session, taken.append) as tapped_session:
            session.post(server.url, data=b"{}", stream=True)
            gc.collect()
            assert (tapped_session.recorded, [each.ended for each in taken]) == (1, ["aborted"])


def test_a_tap_tells_its_state() -> None:
    """A tap's repr has its counts, and no secrets."""
    with answering(sized(b"{}"), close) as server, tapped() as (session, _, taken):
        session.post(server.url, data=b"{}", headers=headers())
        assert repr(taken) == "<Tap on a Session: 1 recorded, 0 dropped, 0 failed>"
        taken.remove()
        assert repr(taken) == "<Tap on a Session, removed: 1 recorded, 0 dropped, 0 failed>"
