"""Tests that nobody gets another's answer: interim heads on kept connections, with the own session and with a caller's."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from shim.legacy_adapter import LegacyProvider
from shim.model import ErrorCategory, ModelRequest, user
from shim.testing.fake_openai import FakeOpenAI
from tests.helpers.driving import Heard, drive, start
from tests.helpers.raw_server import END, SSE, Connection, RawServer, events, json_answer, read
from tests.native.proxies import Proxy

KEY = "sk-test-key"
HEAD = b"HTTP/1.1 %d Interim\r\nLink: </a>\r\n\r\n"
both_kinds = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def answer(words: str, *, stream: bool) -> bytes:
    """An answer in those words."""
    if not stream:
        message = b'{"id":"c","model":"m","choices":[{"index":0,"message":{"content":"%b"},"finish_reason":"stop"}]}'
        return json_answer(message % words.encode())
    text = b'{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":"stop"}]}'
    return SSE + events(text % words.encode(), b"[DONE]") + END


@contextmanager
def echoing(before: bytes, *, stream: bool) -> Iterator[RawServer]:
    """A server that answers each request of a connection with its own words, the first after `before`."""

    def serve(connection: Connection) -> None:
        first = len(connection.server.requests) == 0
        while connection.read_request():
            words = connection.server.requests[-1].rpartition(b'"content":"')[2].partition(b'"')[0].decode()
            connection.sock.sendall((before if first else b"") + answer(f"answer to {words}", stream=stream))
            first = False

    with RawServer([[serve]]) as server:
        yield server


def asked(provider: LegacyProvider, words: str, *, stream: bool) -> Heard:
    """Ask in those words."""
    heard = start(provider, ModelRequest("m", (user(words),)), stream=stream)
    drive(provider, lambda: heard.done)
    return heard


@both_kinds
@pytest.mark.parametrize("status", [100, 102, 103, 199])
@pytest.mark.parametrize("count", [1, 3])
def test_interim_answers_are_read_past(*, status: int, count: int, stream: bool) -> None:
    """However many interim heads come first, each request gets its own answer, all on one connection."""
    with (
        echoing(HEAD % status * count, stream=stream) as server,
        LegacyProvider(api_key=KEY, base_url=server.url) as provider,
    ):
        for name in ("Alice", "Bob", "Carol"):
            assert asked(provider, name, stream=stream).response.text == f"answer to {name}"
        assert server.connections == 1


@both_kinds
def test_a_switch_of_protocols_ends_its_connection(*, stream: bool) -> None:
    """An unasked 101 is a protocol error, and what follows it on its connection is nobody's answer."""
    with (
        echoing(HEAD % 101, stream=stream) as server,
        LegacyProvider(api_key=KEY, base_url=server.url) as provider,
    ):
        error = asked(provider, "Alice", stream=stream).error
        assert (error.category, error.retryable) == (ErrorCategory.PROTOCOL, False)
        assert "switched protocols" in error.message
        assert asked(provider, "Bob", stream=stream).response.text == "answer to Bob"
        assert server.connections == 2


def test_interim_answers_without_end_are_an_error() -> None:
    """A server that sends interim heads and nothing else does not keep its thread for ever."""

    def serve(connection: Connection) -> None:
        connection.read_request()
        for _ in range(5000):
            connection.sock.sendall(HEAD % 102)

    with RawServer([[serve]]) as server, LegacyProvider(api_key=KEY, base_url=server.url) as provider:
        error = asked(provider, "Alice", stream=False).error
    assert error.category is ErrorCategory.PROTOCOL
    assert "1000 interim answers" in error.message


@both_kinds
@pytest.mark.parametrize("status", [101, 102, 103])
def test_a_session_of_the_callers_never_gives_anothers_answer(*, status: int, stream: bool) -> None:
    """There an interim answer is an error that says so and closes its connection; the next request gets its own answer."""
    with (
        echoing(HEAD % status, stream=stream) as server,
        requests.Session() as session,
        LegacyProvider(api_key=KEY, base_url=server.url, session=session) as provider,
    ):
        error = asked(provider, "Alice", stream=stream).error
        assert (error.category, error.retryable) == (ErrorCategory.PROTOCOL, False)
        assert f"interim answer ({status})" in error.message
        for name in ("Bob", "Carol"):
            assert asked(provider, name, stream=stream).response.text == f"answer to {name}"
        assert server.connections == 2
        assert provider.session is session


def test_the_connection_of_an_interim_answer_is_closed_although_somebody_keeps_the_answer() -> None:
    """What comes on it next is the answer to that request, so it is closed there and then, and not once nobody refers to it."""
    kept: list[requests.Response] = []
    gone = threading.Event()

    class Keeping(requests.adapters.HTTPAdapter):
        def send(self, *args: Any, **kwargs: Any) -> requests.Response:
            kept.append(super().send(*args, **kwargs))
            return kept[-1]

    def await_the_end(connection: Connection) -> None:
        if not connection.sock.recv(1):
            gone.set()

    with (
        RawServer([[read, HEAD % 103, await_the_end]]) as server,
        requests.Session() as session,
        LegacyProvider(api_key=KEY, base_url=server.url, session=session) as provider,
    ):
        session.mount("http://", Keeping())
        assert asked(provider, "Alice", stream=True).error.category is ErrorCategory.PROTOCOL
        assert gone.wait(5)
        assert len(kept) == 1


def test_an_adapter_mounted_on_the_own_session_is_guarded_against() -> None:
    """An adapter that a caller mounts on the provider's own session gives nobody another's answer either."""
    with (
        echoing(HEAD % 103, stream=False) as server,
        LegacyProvider(api_key=KEY, base_url=server.url) as provider,
    ):
        provider.session.mount("http://", requests.adapters.HTTPAdapter())
        assert asked(provider, "Alice", stream=False).error.category is ErrorCategory.PROTOCOL
        assert asked(provider, "Bob", stream=False).response.text == "answer to Bob"


def test_a_certificate_that_is_not_trusted_is_not_worth_another_try() -> None:
    """A certificate nobody vouches for is a protocol error that names it."""
    with FakeOpenAI(tls=True) as server, LegacyProvider(api_key=KEY, base_url=server.base_url) as provider:
        error = asked(provider, "Alice", stream=False).error
    assert (error.category, error.retryable) == (ErrorCategory.PROTOCOL, False)
    assert "certificate" in error.message


@pytest.mark.parametrize(
    ("refuse", "category"),
    [("407 Denied", ErrorCategory.INVALID_REQUEST), ("502 Bad Gateway", ErrorCategory.NETWORK)],
)
def test_a_proxy_that_refuses_a_tunnel(refuse: str, category: ErrorCategory) -> None:
    """A proxy that lets nobody through is not worth another try; one whose server is away is."""
    with (
        Proxy(refuse=refuse) as proxy,
        LegacyProvider(api_key=KEY, base_url="https://127.0.0.1:9/v1", proxies={"https": proxy.url}) as provider,
    ):
        error = asked(provider, "Alice", stream=False).error
    assert error.category is category
    assert refuse[:3] in error.message


LARGE = ModelRequest("m", (user("x" * 12_000_000),))
"""More than the system takes at once."""


def test_a_large_request_may_take_longer_than_any_piece_of_it() -> None:
    """The limit of a socket operation counts while nothing is taken, and not for a whole body that goes on leaving."""
    limit, took = 0.3, []

    def read_slowly(connection: Connection) -> None:
        began, left = time.monotonic(), len(LARGE.messages[0].text)
        while left > 0:
            left -= len(connection.sock.recv(64 * 1024))
            time.sleep(0.003)
        took.append(time.monotonic() - began)
        connection.sock.sendall(answer("read", stream=False))

    with (
        RawServer([[read_slowly]]) as server,
        LegacyProvider(api_key=KEY, base_url=server.url, connect_timeout=limit) as provider,
    ):
        heard = start(provider, LARGE, stream=False)
        drive(provider, lambda: heard.done)
    assert heard.response.text == "read"
    assert took[0] > limit


def test_a_request_that_nobody_reads_is_a_timeout() -> None:
    """A server that takes no more of a request, and says nothing, has not broken the connection."""
    with RawServer([[stall_reading]]) as server:
        with LegacyProvider(api_key=KEY, base_url=server.url, connect_timeout=0.2) as provider:
            heard = start(provider, LARGE, stream=False)
            drive(provider, lambda: heard.done)
        server.stalled.release()
    assert heard.error.category is ErrorCategory.TIMEOUT


def test_an_answer_that_came_before_its_request_was_read_is_told() -> None:
    """Who is refused early hears why, and the next request goes out on a connection that holds nothing of this one."""

    def refuse(connection: Connection) -> None:
        connection.sock.recv(1000)
        connection.sock.sendall(json_answer(b'{"error":{"message":"too large"}}', "413 Content Too Large"))
        stall_reading(connection)

    with (
        RawServer([[refuse], [read, answer("next", stream=False)]]) as server,
        LegacyProvider(api_key=KEY, base_url=server.url, connect_timeout=0.2) as provider,
    ):
        heard = start(provider, LARGE, stream=False)
        drive(provider, lambda: heard.done)
        assert (heard.error.http_status, heard.error.message) == (413, "too large")
        assert asked(provider, "again", stream=False).response.text == "next"
        server.stalled.release()


def stall_reading(connection: Connection) -> None:
    """Read no more until the test is over."""
    connection.server.stalled.acquire(timeout=5)
