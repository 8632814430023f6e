"""Tests that nobody gets another's answer: interim heads on kept connections, with the own session and with a caller's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from shim.legacy_adapter import LegacyProvider
from shim.model import ErrorCategory, ModelRequest, user
from shim.testing.fake_openai import FakeOpenAI
from tests.helpers.driving import Heard, drive, start
from tests.helpers.raw_server import END, SSE, Connection, RawServer, events, json_answer
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
