"""Tests that bytes pass through the proxy as they come, both ways, at once, and that every end is met as it is made."""

from __future__ import annotations

import contextlib
import resource
import socket
import threading
import time
from typing import Any

import pytest

from shim.recording.proxy.upstream_connection import MAX_AHEAD
from shim.testing.fake_openai import Cut, Drip, FakeOpenAI, Garbage, Reset, Slow, Stall, Where
from tests.recording.proxy.connections import (
    GET,
    POST,
    Upstream1,
    answer,
    dial,
    port_of,
    proxied,
    read_all,
    read_exactly,
    read_head,
    read_until,
    reset,
    seen,
    wait_for_end,
    wait_until,
)
from tests.testing.fake_openai.asking import chat, request_bytes

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PLAIN = OK + b"Content-Length: 5\r\n\r\nhello"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

ANSWERS = {
    "sized": PLAIN,
    "chunks of many sizes": CHUNKED + b"1\r\na\r\n0005\r\nhello\r\nA\r\n0123456789\r\n0\r\n\r\n",
    "chunk extensions and trailers": CHUNKED + b"3;name=value\r\nabc\r\n0\r\nX-Check: 1\r\n\r\n",
    "until the connection closes": OK + b"Connection: close\r\n\r\nto the end",
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not modified": b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nContent-Length: 5\r\n\r\n',
    "information first": HINTS + PLAIN,
    "kept alive, and how long": OK + b"Connection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n",
    "header case, order and repetition": OK + b"X-b: 1\r\nx-A: 2\r\nX-b: 3\r\nContent-Length: 0\r\n\r\n",
    "no reason, odd status": b"HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n",
    "cut in the head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "cut in a sized body": OK + b"Content-Length: 5\r\n\r\nhel",
    "cut between chunks": CHUNKED + b"3\r\nabc\r\n",
    "cut in a chunk": CHUNKED + b"5\r\nhel",
    "cut before the last chunk's end": CHUNKED + b"3\r\nabc\r\n0\r\n",
    "nothing at all": b"",
    "no HTTP": b"\x00\xff<garbage>\r\n\r\nmore",
    "an unreadable head": b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nhello",
    "two lengths": OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "a coding h11 does not know": OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "garbage between chunks": CHUNKED + b"3\r\nabc\r\nzzz\r\n3\r\ndef\r\n0\r\n\r\n",
    "more than announced": PLAIN + b"HTTP/1.1 200 OK",
    "a head beyond every bound": OK + b"X: " + b"x" * 70_000 + b"\r\nContent-Length: 5\r\n\r\nhello",
}


@pytest.mark.parametrize("ending", ["fin", "reset"])
@pytest.mark.parametrize("name", ANSWERS)
def test_the_client_sees_what_it_sees_without_the_proxy(name: str, ending: str) -> None:
    """Every byte of an answer, its chunk framing too, and the kind of its end are the same with the proxy as without."""
    with Upstream1(answer(ANSWERS[name], ending=ending)) as upstream, proxied(upstream.url) as (proxy, _):
        direct = seen(upstream.port)
        through = seen(port_of(proxy))
        assert (through.data, through.ending) == (direct.data, direct.ending)


FAULTS: dict[str, Any] = {
    "cut before the head": Cut(Where.BEFORE_HEADERS),
    "cut after three events": Cut(after_events=3),
    "cut inside an event": Cut(after_bytes=500),
    "reset before the head": Reset(Where.BEFORE_HEADERS),
    "reset after three events": Reset(after_events=3),
    "garbage": Garbage(after_events=2),
    "garbage in a chunk": Garbage(after_events=2, framed=True),
    "garbage in place of the head": Garbage(Where.BEFORE_HEADERS),
    "drip": Drip(64, 0.0),
    "drip and cut": (Drip(50, 0.0), Cut(after_bytes=700)),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_of_an_upstream_is_met_as_it_is(name: str) -> None:
    """A planned fault of the fake API gives the same number of bytes and the same end with the proxy as without."""
    ask = request_bytes(chat(stream=True), last=True)
    with FakeOpenAI() as server, proxied(server.base_url) as (proxy, _):
        server.plan(FAULTS[name], FAULTS[name])
        direct, through = seen(server.port, ask), seen(port_of(proxy), ask)
        assert (len(through.data), through.ending) == (len(direct.data), direct.ending)
        assert direct.data.count(b"data: ") == through.data.count(b"data: ")


def test_a_stalled_answer_stays_stalled() -> None:
    """An upstream that stalls is waited for, and let go as soon as the client goes."""
    with FakeOpenAI() as server, proxied(server.base_url) as (proxy, exchanges):
        server.plan(Stall(after_events=2))
        through = seen(port_of(proxy), request_bytes(chat(stream=True)), patience=0.3)
        assert (through.data.count(b"data: "), through.ending) == (2, "open")
        server.wait_for_open_connections(0)
        wait_until(lambda: len(exchanges) == 1)
        assert exchanges[0].ended == "aborted"


def test_each_piece_passes_when_it_comes() -> None:
    """A chunk, and half a chunk, reach the client while the upstream waits for it to say that they did."""
    go = threading.Semaphore(0)
    pieces = [CHUNKED, b"5\r\nhe", b"llo\r\n", b"1\r\n!\r\n", b"0\r\n", b"\r\n"]

    def script(sock: socket.socket) -> None:
        read_head(sock)
        for piece in pieces:
            sock.sendall(piece)
            assert go.acquire(timeout=5)

    with Upstream1(script) as upstream, proxied(upstream.url) as (proxy, exchanges), dial(port_of(proxy)) as sock:
        sock.sendall(GET)
        for piece in pieces:
            assert read_exactly(sock, len(piece)) == piece
            go.release()
        wait_until(lambda: len(exchanges) == 1)
    response = exchanges[0].response
    assert response is not None
    assert [segment.data for segment in response.segments] == [b"he", b"llo", b"!"]
    assert [each.at for each in response.segments] == sorted({each.at for each in response.segments})


def test_a_request_passes_when_it_comes() -> None:
    """A chunked upload reaches the upstream piece by piece in its own framing, before it is complete."""
    go = threading.Semaphore(0)
    pieces = [b"3;x=1\r\nab", b"c\r\n", b"2\r\nde\r\n", b"0\r\nX-Sum: 1\r\n\r\n"]

    def script(sock: socket.socket) -> None:
        assert b"\r\nTransfer-Encoding: chunked\r\n" in read_head(sock)
        for piece in pieces:
            assert read_exactly(sock, len(piece)) == piece
            go.release()
        sock.sendall(PLAIN)
        wait_for_end(sock)

    with Upstream1(script) as upstream, proxied(upstream.url) as (proxy, exchanges), dial(port_of(proxy)) as sock:
        sock.sendall(b"POST /v1/x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in pieces:
            sock.sendall(piece)
            assert go.acquire(timeout=5)
        assert read_exactly(sock, len(PLAIN)) == PLAIN
        wait_until(lambda: len(exchanges) == 1)
    assert (exchanges[0].request.body, exchanges[0].request.length) == (b"abcde", 5)


def test_a_client_that_waits_for_100_gets_the_upstreams_own() -> None:
    """`Expect: 100-continue` passes up, the 100 passes down, and only then does the body follow."""

    def script(sock: socket.socket) -> None:
        assert b"\r\nExpect: 100-continue\r\n" in read_head(sock)
        sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert read_exactly(sock, 2) == b"hi"
        sock.sendall(PLAIN)
        wait_for_end(sock)

    with Upstream1(script) as upstream, proxied(upstream.url) as (proxy, exchanges), dial(port_of(proxy)) as sock:
        sock.sendall(POST.replace(b"\r\n\r\nhi", b"\r\nExpect: 100-continue\r\n\r\n"))
        assert read_head(sock) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"hi")
        assert read_exactly(sock, len(PLAIN)) == PLAIN
        wait_until(lambda: len(exchanges) == 1)
    assert exchanges[0].response is not None
    assert exchanges[0].response.status == 200


def test_a_head_request_has_an_answer_without_a_body() -> None:
    """The answer to HEAD ends with its head, whatever length it announces, and the connection goes on."""

    def script(sock: socket.socket) -> None:
        for _ in range(2):
            assert read_head(sock).startswith(b"HEAD ")
            sock.sendall(OK + b"Content-Length: 999\r\n\r\n")
        wait_for_end(sock)

    with Upstream1(script) as upstream, proxied(upstream.url) as (proxy, _), dial(port_of(proxy)) as sock:
        for _ in range(2):
            sock.sendall(GET.replace(b"GET", b"HEAD"))
            assert read_head(sock) == OK + b"Content-Length: 999\r\n\r\n"


def test_connections_are_kept_and_requests_ahead_are_answered_in_order() -> None:
    """Requests sent ahead on one connection are answered in their order, over one connection to the upstream."""
    with FakeOpenAI() as server, proxied(server.base_url) as (proxy, exchanges), dial(port_of(proxy)) as sock:
        asked = [request_bytes(chat(f"Say {number}."), last=number == 9) for number in range(10)]
        sock.sendall(b"".join(asked))
        assert read_all(sock).data.count(b"HTTP/1.1 200 OK") == 10
        assert server.connections_opened == 1
        wait_until(lambda: len(exchanges) == 10)
        assert [request.body for request in server.requests] == [each.request.body for each in exchanges]


@pytest.mark.slow
def test_a_client_far_ahead_is_held_back_and_answered_in_order() -> None:
    """More requests ahead than may wait, sent in slices, are each answered once and in order."""
    count = 400
    asked = b"".join(request_bytes(chat(f"Say {number}."), last=number == count - 1) for number in range(count))
    assert len(asked) > MAX_AHEAD

    def send() -> None:
        for at in range(0, len(asked), 700):
            sock.sendall(asked[at : at + 700])

    with FakeOpenAI() as server, proxied(server.base_url) as (proxy, _), dial(port_of(proxy)) as sock:
        sender = threading.Thread(target=send)
        sender.start()
        answered = read_all(sock)
        sender.join()
        assert answered.data.count(b"HTTP/1.1 200 OK") == count
        said = [request.json["messages"][0]["content"] for request in server.requests]
        assert said == [f"Say {number}." for number in range(count)]


def test_an_idle_connection_the_upstream_closes_is_closed() -> None:
    """A kept connection that the upstream closes between two requests is closed for the client too."""
    with Upstream1(answer(PLAIN)) as upstream, proxied(upstream.url) as (proxy, _), dial(port_of(proxy)) as sock:
        sock.sendall(GET)
        assert read_all(sock).data == PLAIN


def test_the_upstream_is_let_go_at_once_when_the_client_goes() -> None:
    """A client that closes or resets in the middle of a stream ends the upstream's connection, and the record says aborted."""
    for leave in (reset, socket.socket.close):
        gone = threading.Event()

        def script(sock: socket.socket, gone: threading.Event = gone) -> None:
            read_head(sock)
            sock.sendall(CHUNKED + b"3\r\nabc\r\n")
            wait_for_end(sock)
            gone.set()

        with Upstream1(script) as upstream, proxied(upstream.url) as (proxy, exchanges):
            sock = dial(port_of(proxy))
            sock.sendall(GET)
            read_until(sock, b"abc\r\n")
            leave(sock)
            assert gone.wait(2)
            wait_until(lambda exchanges=exchanges: len(exchanges) == 1)  # type: ignore[misc]  # bound now
            assert exchanges[0].ended == "aborted"
            assert exchanges[0].response is not None
            assert exchanges[0].response.body == b"abc"


def test_a_client_that_goes_before_the_answer_is_let_go() -> None:
    """A client that leaves while nothing has been answered ends the upstream's connection; no response is recorded."""
    with FakeOpenAI() as server, proxied(server.base_url) as (proxy, exchanges):
        server.plan(Slow(30))
        with dial(port_of(proxy)) as sock:
            sock.sendall(request_bytes(chat()))
            server.wait_for_requests(1)
        server.wait_for_open_connections(0)
        wait_until(lambda: len(exchanges) == 1)
    assert (exchanges[0].ended, exchanges[0].response, exchanges[0].fault) == ("aborted", None, None)


def test_a_client_that_goes_while_it_is_held_back_is_let_go() -> None:
    """A client that leaves while nobody takes its upload ends the upstream's connection too."""
    gone = threading.Event()

    def script(sock: socket.socket) -> None:
        read_head(sock)
        gone.wait(10)
        wait_for_end(sock)

    with Upstream1(script) as upstream, proxied(upstream.url) as (proxy, exchanges):
        sock = dial(port_of(proxy))
        sock.sendall(b"POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 90000000\r\n\r\n")
        sock.settimeout(0.3)
        with contextlib.suppress(TimeoutError):
            while True:
                sock.sendall(bytes(1_000_000))
        reset(sock)
        wait_until(lambda: len(exchanges) == 1)
        gone.set()
    assert exchanges[0].ended == "aborted"


@pytest.mark.slow
def test_an_upload_is_held_back_by_a_slow_upstream() -> None:
    """The proxy takes no more of an upload than the upstream does, but for bounded buffers, and all of it arrives."""
    size, go, got = 30_000_000, threading.Event(), []

    def script(sock: socket.socket) -> None:
        read_head(sock)
        assert go.wait(10)
        got.append(len(read_exactly(sock, size)))
        sock.sendall(PLAIN)
        wait_for_end(sock)

    with Upstream1(script) as upstream, proxied(upstream.url) as (proxy, exchanges), dial(port_of(proxy)) as sock:
        sock.sendall(b"POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % size)
        sock.settimeout(0.5)
        sent, block = 0, bytes(65536)
        with contextlib.suppress(TimeoutError):
            while sent < size:
                sent += sock.send(block[: size - sent])
        assert sent < size - 5_000_000
        go.set()
        sock.settimeout(10)
        sock.sendall(bytes(size - sent))
        assert read_exactly(sock, len(PLAIN)) == PLAIN
        wait_until(lambda: len(exchanges) == 1)
    request = exchanges[0].request
    assert (got, request.body, request.length) == ([size], None, size)
    assert request.sha256 is not None


@pytest.mark.slow
def test_memory_stays_flat_and_a_slow_client_holds_the_upstream_back() -> None:
    """A body of 100 MB passes whole while the process grows by far less; the upstream waits for a client that does not read."""
    size, block, sent = 100_000_000, bytes(1_000_000), []

    def script(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(OK + b"Content-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(block)):
            sock.sendall(block)
            sent.append(time.monotonic())

    with Upstream1(script) as upstream, proxied(upstream.url, max_body=1_000_000) as (proxy, exchanges):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with dial(port_of(proxy)) as sock:
            sock.sendall(GET)
            wait_until(lambda: bool(sent) and time.monotonic() - sent[-1] > 0.3)
            assert len(sent) < 50
            read_head(sock)
            received = 0
            while received < size:
                received += len(sock.recv(1 << 20))
        wait_until(lambda: len(exchanges) == 1)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # KiB
    assert exchanges[0].ended == "overflow"
    assert exchanges[0].response is not None
    assert exchanges[0].response.length == 1_000_000


def test_an_answer_before_the_upload_ends_reaches_the_client() -> None:
    """A response that comes while the client still uploads is read by it, though the upstream takes no more of the upload."""
    response = b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 3\r\n\r\nbig"

    def script(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(response)
        sock.shutdown(socket.SHUT_WR)
        wait_for_end(sock)

    with Upstream1(script) as upstream, proxied(upstream.url) as (proxy, exchanges), dial(port_of(proxy)) as sock:
        sock.sendall(b"POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n" + bytes(100_000))
        assert read_exactly(sock, len(response)) == response
        assert read_all(sock).ending == "fin"
        for _ in range(30):
            sock.sendall(bytes(100_000))  # raises where the connection was reset
        sock.close()
        wait_until(lambda: len(exchanges) == 1)
    assert (exchanges[0].ended, exchanges[0].request.body, exchanges[0].request.length) == ("complete", None, -1)


def test_a_client_of_http_1_0_gets_no_chunks() -> None:
    """A client that knows no chunks gets the body without them, nothing informational, and the end of the connection."""
    with (
        Upstream1(answer(HINTS + CHUNKED + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")) as upstream,
        proxied(upstream.url) as (proxy, _),
    ):
        through = seen(port_of(proxy), b"GET /v1/x HTTP/1.0\r\n\r\n")
    head = OK + b"Content-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    assert (through.data, through.ending) == (head + b"abcde", "fin")


def test_nothing_of_one_answer_is_taken_for_another() -> None:
    """Bytes an upstream sends when nobody asked end the connection instead of waiting for the next request."""

    def script(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(PLAIN)
        time.sleep(0.1)
        sock.sendall(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
        wait_for_end(sock)

    with Upstream1(script) as upstream, proxied(upstream.url) as (proxy, _), dial(port_of(proxy)) as sock:
        sock.sendall(GET)
        assert read_all(sock).data == PLAIN + b"HTTP/1.1 408 Request Timeout\r\n\r\n"
