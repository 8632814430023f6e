"""Tests of the time limits through the adapter: a server that stalls in any phase is a timeout, soon enough."""

from __future__ import annotations

import time

import pytest

from shim.model import APITimeoutError, ErrorCategory
from shim.testing.fake_openai import Behaviour, Drip, FakeOpenAI, Paced, Stall, Where
from tests.helpers.driving import arrive, ask, drive, start
from tests.helpers.events import assert_well_formed
from tests.helpers.places import never_accepting
from tests.helpers.providers import AnyProvider, Make
from tests.helpers.raw_server import END, SSE, Connection, RawServer, events, json_answer, read, stall

LIMIT = 0.2
LATE = 1.5  # a loaded machine
both_kinds = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])

STALLS: dict[str, Behaviour] = {
    "before a byte is read": Stall(Where.ACCEPT),
    "before the headers": Stall(Where.BEFORE_HEADERS),
    "after the headers": Stall(),
    "in the body": Stall(after_bytes=30),
}


def impatient(make: Make, url: str) -> AnyProvider:
    """A provider that waits for nobody."""
    return make(url, connect_timeout=LIMIT, read_timeout=LIMIT)


@both_kinds
@pytest.mark.parametrize("phase", STALLS)
def test_a_stall_in_any_phase_is_a_timeout(*, make: Make, server: FakeOpenAI, phase: str, stream: bool) -> None:
    """A server that falls silent for `read_timeout` seconds is a retryable timeout with what had arrived."""
    server.plan(STALLS[phase])
    with impatient(make, server.base_url) as provider:
        began = time.monotonic()
        heard = ask(provider, stream=stream)
        assert LIMIT <= time.monotonic() - began < LIMIT + LATE
        assert isinstance(heard.error, APITimeoutError)
        assert heard.error.retryable
        assert heard.completion.http_status == (200 if phase in ("after the headers", "in the body") else None)
        server.wait_for_open_connections(0)


@pytest.mark.parametrize("after", [1, 3, 5])
def test_a_stream_that_stalls_keeps_what_had_come(make: Make, server: FakeOpenAI, after: int) -> None:
    """After any number of events the timeout's partial response has the text that was delivered."""
    server.plan(Stall(after_events=after))
    with impatient(make, server.base_url) as provider:
        heard = ask(provider, stream=True)
    assert heard.error.category is ErrorCategory.TIMEOUT
    assert heard.error.partial is not None
    assert heard.error.partial.text == heard.text
    assert_well_formed(heard.events)


@both_kinds
def test_a_connection_nobody_accepts_is_a_timeout(*, make: Make, stream: bool) -> None:
    """A connection that is not made within `connect_timeout` seconds is a timeout, whatever `read_timeout` is."""
    with (
        never_accepting() as url,
        make(url, connect_timeout=LIMIT, read_timeout=60) as provider,
    ):
        began = time.monotonic()
        heard = ask(provider, stream=stream)
        assert LIMIT <= time.monotonic() - began < LIMIT + LATE
        assert heard.error.category is ErrorCategory.TIMEOUT
        assert heard.completion.http_status is None


def test_a_handshake_that_stalls_is_a_timeout(make: Make, server: FakeOpenAI) -> None:
    """A server that accepts and does not answer the TLS handshake is a timeout after `connect_timeout`."""
    server.plan(Stall(Where.ACCEPT))
    url = server.base_url.replace("http:", "https:")
    with make(url, connect_timeout=LIMIT, read_timeout=60) as provider:
        began = time.monotonic()
        assert ask(provider).error.category is ErrorCategory.TIMEOUT
        assert LIMIT <= time.monotonic() - began < LIMIT + LATE


@pytest.mark.slow
def test_the_read_limit_counts_silence_and_not_the_whole(make: Make, server: FakeOpenAI) -> None:
    """An answer that keeps coming may take longer than `read_timeout`."""
    server.plan(Paced(events=10, per_second=20), Drip(size=500, delay=0.05))
    with impatient(make, server.base_url) as provider:
        for _ in range(2):
            began = time.monotonic()
            assert ask(provider, stream=True).response.text
            assert time.monotonic() - began > LIMIT


def test_a_stream_beside_a_stalled_one_goes_on(make: Make, server: FakeOpenAI) -> None:
    """While one stream runs into its limit, others on the same provider start, run and end."""
    server.plan(Stall(after_events=2))
    with make(
        server.base_url, connect_timeout=LIMIT, read_timeout=5 * LIMIT
    ) as provider:  # time for some on a busy machine
        stalled = start(provider, stream=True)
        arrive(provider, server, 1)
        ended_before = 0
        while not stalled.done:
            assert ask(provider, stream=True).completion.ok
            ended_before += not stalled.done
        assert ended_before > 3
        assert stalled.error.category is ErrorCategory.TIMEOUT


def test_many_stalled_at_once_each_time_out(make: Make, server: FakeOpenAI) -> None:
    """Thirty stalled requests time out side by side, in little more than the time of one."""
    server.plan(*[Stall(Where.BEFORE_HEADERS)] * 30)
    with impatient(make, server.base_url) as provider:
        began = time.monotonic()
        heard = [start(provider, stream=number % 2 == 0) for number in range(30)]
        drive(provider, lambda: all(each.done for each in heard))
        assert time.monotonic() - began < LIMIT + LATE
        assert {each.error.category for each in heard} == {ErrorCategory.TIMEOUT}


INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n"
CHUNK = b'{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":"stop"}]}'
WHOLE = b'{"id":"c","model":"m","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}'


@both_kinds
@pytest.mark.parametrize("piece", [INTERIM, b"X-Piece: 1\r\n"], ids=["interim answers", "lines"])
def test_a_head_that_goes_on_is_no_silence(*, make: Make, piece: bytes, stream: bool) -> None:
    """A server that says 102 while it works, or sends its head line by line, is waited for."""
    status, _, rest = (SSE + events(CHUNK, b"[DONE]") + END if stream else json_answer(WHOLE)).partition(b"\r\n")
    status += b"\r\n"

    def answer(connection: Connection) -> None:
        connection.read_request()
        connection.sock.sendall(b"" if piece is INTERIM else status)
        for _ in range(12):
            time.sleep(LIMIT / 4)
            connection.sock.sendall(piece)
        connection.sock.sendall(status + rest if piece is INTERIM else rest)

    with RawServer([[answer]]) as server, impatient(make, server.url) as provider:
        heard = ask(provider, stream=stream)
    assert heard.response.text == "Hi"


@both_kinds
def test_a_server_that_said_102_and_no_more_is_a_timeout(*, make: Make, stream: bool) -> None:
    """An interim answer is no promise: silence behind it ends the request soon enough."""
    with RawServer([[read, INTERIM, stall]]) as server, impatient(make, server.url) as provider:
        began = time.monotonic()
        heard = ask(provider, stream=stream)
        assert LIMIT <= time.monotonic() - began < LIMIT + LATE
    assert heard.error.category is ErrorCategory.TIMEOUT
