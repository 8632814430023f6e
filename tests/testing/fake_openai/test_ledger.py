"""Tests of `shim.testing.fake_openai.ledger`: what is recorded, how much of it, and that keys do not show."""

import pickle
import socket
import threading

import pytest

from shim.testing.fake_openai import FakeOpenAI
from shim.testing.fake_openai import ledger as ledgers
from shim.testing.fake_openai.ledger import Ledger, ReceivedHeaders, RecordedRequest
from tests.testing.fake_openai.asking import KEY, ask, chat


def record(body: bytes) -> RecordedRequest:
    return RecordedRequest("POST", "/", ReceivedHeaders(), body, None, 1, 0.0)


def test_requests_are_recorded_as_they_came(server: FakeOpenAI) -> None:
    """Method, path, query, headers, body, JSON, connection and time of every request are kept in order."""
    ask(server, chat("one"), path="/v1/chat/completions?a=b")
    ask(server, b"not json")
    first, second = server.requests
    assert (first.method, first.path, first.query) == ("POST", "/v1/chat/completions", "a=b")
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert first.json == chat("one")
    assert (second.body, second.json) == (b"not json", None)
    assert (first.connection_id, second.connection_id) == (1, 2)
    assert first.at < second.at


def test_a_key_never_shows(server: FakeOpenAI) -> None:
    """Neither the server's repr nor a request's, nor pickled headers, hold the key."""
    ask(server, chat())
    (request,) = server.requests
    shown = f"{server!r} {request!r} {request.headers!r} {[request.headers]}"
    assert KEY not in shown
    assert KEY not in str(pickle.loads(pickle.dumps(request.headers)))  # noqa: S301 - what was pickled a moment ago
    assert "***" in shown


def test_a_repeated_header_is_joined(server: FakeOpenAI) -> None:
    """A header sent twice is kept once, its values joined by a comma."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as sock:
        sock.sendall(b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX-Tag: a\r\nX-Tag: b\r\n\r\n")
        (request,) = server.wait_for_requests(1)
    assert request.headers == {"host": "x", "x-tag": "a, b"}


def test_the_number_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the oldest requests are forgotten, and still counted."""
    monkeypatch.setattr(ledgers, "KEPT_REQUESTS", 3)
    ledger = Ledger()
    for number in range(5):
        ledger.record(record(b"%d" % number))
    assert [one.body for one in ledger.requests] == [b"2", b"3", b"4"]
    assert ledger.total_requests == 5


def test_the_bytes_kept_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound on bytes the oldest requests are forgotten, but never the latest."""
    monkeypatch.setattr(ledgers, "KEPT_BYTES", 10)
    ledger = Ledger()
    for size in (4, 4, 4, 30):
        ledger.record(record(b"x" * size))
    assert [len(one.body) for one in ledger.requests] == [30]


def test_waiting_ends_when_the_requests_have_come(server: FakeOpenAI) -> None:
    """`wait_for_requests` returns the requests as soon as there are enough."""
    asking = threading.Thread(target=lambda: [ask(server, chat(str(n))) for n in range(3)])
    asking.start()
    got = server.wait_for_requests(3)
    asking.join()
    assert len(got) == server.request_count == 3


def test_waiting_in_vain_says_what_came(server: FakeOpenAI) -> None:
    """A wait that ends without success tells what was awaited and what is the case."""
    ask(server, chat())
    with pytest.raises(TimeoutError, match=r"waited 0.01 s for 2 requests; 1 requests came over 1 connections"):
        server.wait_for_requests(2, timeout=0.01)
