"""Tests of broken connections through the adapter: refused, reset, cut, stalled, garbled at each phase; nothing is raised."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from shim.model import ErrorCategory, StreamError, TextDelta
from shim.testing.fake_openai import Behaviour, Cut, Drip, FakeOpenAI, Garbage, RawResponse, Reset, Where
from tests.helpers.driving import HELLO, Heard, arrive, ask, drive, eventually, start
from tests.helpers.events import assert_well_formed
from tests.helpers.places import NO_SUCH_NAME, refusing, url_of
from tests.helpers.providers import AnyProvider, Make
from tests.helpers.raw_server import END, SSE, Action, Connection, RawServer, chunk, events, read, stall

NETWORK, TRUNCATED, PROTOCOL = ErrorCategory.NETWORK, ErrorCategory.TRUNCATED, ErrorCategory.PROTOCOL
TEXT = b'{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}'
FINISH = b'{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'
BODY = b'{"id":"c","model":"m","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}'
both_kinds = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def check_failed(heard: Heard, category: ErrorCategory, *, stream: bool) -> None:
    """One error of the category; a stream's last event is it, and its partial response has the text that came."""
    assert heard.error.category is category, repr(heard.error)
    if stream:
        assert_well_formed(heard.events)
        assert heard.events[-1] == StreamError(heard.error)
        assert (heard.error.partial.text if heard.error.partial else "") == heard.text
    else:
        assert heard.events == []


@contextmanager
def hanging_up(how: str) -> Iterator[str]:
    """Somebody who accepts and at once hangs up; `plain` answers TLS with HTTP."""
    with RawServer([[_hello] if how == "plain" else [_nothing]]) as server:
        yield server.url.replace("http:", "https:") if how == "plain" else server.url


def _nothing(_connection: Connection) -> None:
    """Hang up."""


def _hello(connection: Connection) -> None:
    connection.sock.recv(65536)
    connection.sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@both_kinds
@pytest.mark.parametrize(
    "where", ["refused", "no such name", "hangs up", "TLS to a plain port", "plain to nobody's port"]
)
def test_a_connection_that_fails_is_a_network_error(*, make: Make, where: str, stream: bool) -> None:
    """Nobody there, no such name, a hang-up, no TLS: one network error without a status, for every request tried."""
    with refusing() as nobody, hanging_up("plain") as plain, hanging_up("at once") as gone:
        urls = {
            "refused": nobody,
            "no such name": NO_SUCH_NAME,
            "hangs up": gone,
            "TLS to a plain port": plain,
            "plain to nobody's port": nobody.replace("http:", "https:"),
        }
        with make(urls[where]) as provider:
            for _ in range(2):
                heard = ask(provider, stream=stream)
                check_failed(heard, NETWORK, stream=stream)
                assert heard.completion.http_status is None
                assert heard.error.retryable


PHASES: dict[str, tuple[Behaviour, ErrorCategory, ErrorCategory]] = {
    # What happens, and the category for an answer that is not streamed and for a stream.
    "reset at accept": (Reset(Where.ACCEPT), NETWORK, NETWORK),
    "cut at accept": (Cut(Where.ACCEPT), NETWORK, NETWORK),
    "reset before the headers": (Reset(Where.BEFORE_HEADERS), NETWORK, NETWORK),
    "cut before the headers": (Cut(Where.BEFORE_HEADERS), NETWORK, NETWORK),
    "reset after the headers": (Reset(), NETWORK, NETWORK),
    "cut after the headers": (Cut(), TRUNCATED, TRUNCATED),
    "reset in the body": (Reset(after_bytes=600), NETWORK, NETWORK),
    "cut in the body": (Cut(after_bytes=600), TRUNCATED, TRUNCATED),
    "garbage at accept": (Garbage(Where.ACCEPT), PROTOCOL, PROTOCOL),
    "garbage before the headers": (Garbage(Where.BEFORE_HEADERS), PROTOCOL, PROTOCOL),
}


@both_kinds
@pytest.mark.parametrize("phase", PHASES)
def test_a_connection_that_breaks_is_an_error_of_its_kind(
    *, provider: AnyProvider, server: FakeOpenAI, phase: str, stream: bool
) -> None:
    """Whenever it breaks: a reset is a network error, an early end truncated, what is not HTTP a protocol error."""
    behaviour, whole, streamed = PHASES[phase]
    server.plan(behaviour)
    heard = ask(provider, stream=stream)
    check_failed(heard, streamed if stream else whole, stream=stream)
    assert ask(provider, stream=stream).completion.ok


@pytest.mark.parametrize("after", [1, 2, 3, 5])
@pytest.mark.parametrize("fault", [Cut, Reset])
def test_a_stream_that_breaks_keeps_what_had_come(
    provider: AnyProvider, server: FakeOpenAI, fault: type[Cut | Reset], after: int
) -> None:
    """After any number of events the partial response has the text of those that were delivered."""
    server.plan(fault(after_events=after))
    heard = ask(provider, stream=True)
    check_failed(heard, TRUNCATED if fault is Cut else NETWORK, stream=True)
    assert len(heard.events) == after + 1
    assert sum(isinstance(event, TextDelta) for event in heard.events) == after - 1


def sse(*pieces: bytes) -> RawResponse:
    """A stream of these pieces, its end as given."""
    return RawResponse((SSE, *pieces))


SHORT = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 9999"
GZIPPED = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n"
RAW: dict[str, tuple[RawResponse, ErrorCategory]] = {
    "a truncated chunk": (sse(events(TEXT), b"ff\r\ndata: {"), TRUNCATED),
    "a chunk without a length": (sse(events(TEXT), b"zz\r\ndata"), PROTOCOL),
    "a chunk longer than its length": (sse(events(TEXT), b"5\r\ndata: and more\r\n"), PROTOCOL),
    "an endless chunk length": (sse(events(TEXT), b"f" * 100_000), PROTOCOL),
    "no last chunk": (sse(events(TEXT)), TRUNCATED),
    "a body shorter than its length": (RawResponse((SHORT + b"\r\n\r\ndata: " + TEXT + b"\n\n",)), TRUNCATED),
    "garbage in a payload": (sse(events(TEXT, b"\x00\xff{"), END), PROTOCOL),
    "half a payload, then a proper end": (sse(events(TEXT, b'{"id":"c","choi'), END), TRUNCATED),
    "a body that is not gzip": (RawResponse((GZIPPED + b"content-length: 4\r\n\r\nnope",)), PROTOCOL),
    "a header without end": (RawResponse((b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000,)), PROTOCOL),
    "too many headers": (RawResponse((b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 300 + b"\r\n",)), PROTOCOL),
    "HTTP/0.9": (RawResponse((b"hello",)), PROTOCOL),
    "SSH": (RawResponse((b"SSH-2.0-OpenSSH_9.6\r\n",)), PROTOCOL),
    "binary": (RawResponse((bytes(range(256)) * 4,)), PROTOCOL),
}


# Where a provider's category is another one, and why.
DIFFERENCES: dict[tuple[str, str], tuple[ErrorCategory, str]] = {
    ("native", "a header without end"): (
        TRUNCATED,
        "libcurl bounds the whole head at 300 KiB: here its end is missing",
    ),
    ("native", "too many headers"): (TRUNCATED, "libcurl takes 5,000 headers: here the body is missing"),
}


@pytest.mark.parametrize("what", RAW)
def test_an_answer_that_is_not_well_formed_is_an_error(
    make: Make, provider: AnyProvider, server: FakeOpenAI, what: str
) -> None:
    """Broken framing and broken payloads end their stream with an error of their kind and the text before them."""
    behaviour, category = RAW[what]
    category, _ = DIFFERENCES.get((make.kind, what), (category, ""))
    server.plan(behaviour)
    heard = ask(provider, stream=True)
    check_failed(heard, category, stream=True)
    assert heard.text in ("", "Hi")
    server.wait_for_open_connections(0)  # it closes after each of these, which a client may learn too late
    assert ask(provider).completion.ok


def test_a_long_line_is_read_whole(provider: AnyProvider, server: FakeOpenAI) -> None:
    """A payload of several megabytes, as an image is, arrives in one piece."""
    long = b'{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"%b"}}]}' % (b"x" * 3_000_000)
    server.plan(sse(events(long, FINISH, b"[DONE]"), END))
    assert len(ask(provider, stream=True).response.text) == 3_000_000


def test_a_line_that_never_ends_is_given_up(provider: AnyProvider, server: FakeOpenAI) -> None:
    """A payload over the limit of 32 MiB is a protocol error with the text before it."""
    block = chunk(b"x" * 1_000_000)
    server.plan(sse(events(TEXT), chunk(b"data: "), *[block] * 34, END))
    heard = ask(provider, stream=True)
    check_failed(heard, PROTOCOL, stream=True)
    assert heard.text == "Hi"


@both_kinds
def test_a_slow_drip_is_read_like_any_answer(*, provider: AnyProvider, server: FakeOpenAI, stream: bool) -> None:
    """An answer that comes byte by byte, each in its own packet, is the same answer."""
    server.plan(Drip(size=7, delay=0.0002))
    assert ask(provider, stream=stream).response.text == ask(provider, stream=stream).response.text


PROPERLY_ENDED = ("garbage in a payload", "half a payload, then a proper end", "a body that is not gzip")


def test_the_streams_beside_broken_ones_go_on(provider: AnyProvider, server: FakeOpenAI) -> None:
    """Streams fail in every way there is while four go well, all on one provider at once."""
    broken = [behaviour for name, (behaviour, _) in RAW.items() if name not in PROPERLY_ENDED]
    server.plan(*broken)
    failing = [start(provider, stream=True) for _ in broken]
    arrive(provider, server, len(broken))
    going = [start(provider, stream=number % 2 == 0) for number in range(4)]
    drive(provider, lambda: all(each.done for each in failing + going))
    assert not any(each.completion.ok for each in failing)
    assert len({each.response.text for each in going}) == 1


def test_a_stream_that_has_failed_waits_for_no_end(make: Make) -> None:
    """An error among the events ends its stream there and then, although the server keeps the connection open."""
    failing: list[Action] = [read, SSE, events(b'{"error":{"message":"overloaded","type":"server_error"}}'), stall]
    with RawServer([failing]) as server, make(server.url) as provider:
        heard = start(provider, stream=True)
        drive(provider, lambda: heard.done, seconds=4)
        assert heard.error.message == "overloaded"
        assert isinstance(heard.events[-1], StreamError)


def test_a_server_that_restarts_costs_no_request(provider: AnyProvider, server: FakeOpenAI) -> None:
    """A connection the server closed while it was idle is not used for the next request."""
    for _ in range(3):
        assert ask(provider).completion.ok
        server.plan(RawResponse((b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(BODY), BODY)))
        assert ask(provider).response.text == "Hi"
        server.wait_for_open_connections(0)
        select.select([provider], [], [], 0.05)  # the close is on its way still
    assert ask(provider, stream=True).completion.ok


def test_a_port_nobody_accepts_on_any_more(make: Make, provider: AnyProvider) -> None:
    """A listener that goes away between two requests makes the second a network error."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = url_of(listener)
    with make(url) as gone:
        check_failed(ask(gone, HELLO), NETWORK, stream=False)
    assert ask(provider).completion.ok


def test_nothing_is_left_of_broken_connections(make: Make, server: FakeOpenAI) -> None:
    """After every kind of break the threads of the provider end with it."""
    with make(server.base_url) as provider:
        for behaviour, _, _ in PHASES.values():
            server.plan(behaviour)
            assert not ask(provider, stream=True).completion.ok
    eventually(lambda: not [each for each in threading.enumerate() if each.name == "legacy-openai"])
    server.wait_for_open_connections(0)


def test_a_stream_that_ends_early_is_told_with_its_own_status(make: Make) -> None:
    """Where a stream stops without its end, the error has the status that the server sent, whatever success that was."""
    head = b"HTTP/1.1 201 Created\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n'
    with RawServer([[read, head, chunk(piece), END]]) as server, make(server.url) as provider:
        heard = ask(provider, stream=True)
    assert (heard.error.category, heard.error.http_status, heard.text) == (ErrorCategory.TRUNCATED, 201, "Hel")
