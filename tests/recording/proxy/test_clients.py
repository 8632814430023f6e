"""Tests of clients that behave oddly, or are none of ours: half a close or request, a WebSocket, a page from elsewhere."""

from __future__ import annotations

import contextlib
import json
import socket
import threading

import h11
import pytest

from shim.recording.proxy import RecordingProxy, Upstream
from tests.recording.proxy.connections import (
    POST,
    Upstream1,
    dial,
    port_of,
    proxied,
    read_head,
    seen,
    wait_for_end,
    wait_until,
)
from tests.testing.fake_openai.asking import read_all

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def slow(go: threading.Event) -> Upstream1:
    """An upstream that answers each request of a connection when it may, until the connection ends or is cut."""

    def script(sock: socket.socket) -> None:
        with contextlib.suppress(ConnectionError):
            while read_request(sock):
                assert go.wait(10)
                sock.sendall(PLAIN)

    return Upstream1(script)


def read_request(sock: socket.socket) -> bool:
    """Read a whole `POST`; False at the end."""
    data = b""
    while not data.endswith(b"\r\n\r\nhi"):
        more = sock.recv(1)
        if not more:
            return False
        data += more
    return True


@pytest.mark.parametrize("count", [1, 3])
def test_a_client_that_stops_sending_gets_its_answers(count: int) -> None:
    """A client that ends its sending side behind whole requests gets every answer, and every record is complete."""
    go = threading.Event()
    with slow(go) as upstream, proxied(upstream.url) as (proxy, exchanges):
        with dial(port_of(proxy)) as sock:
            sock.sendall(POST * count)
            sock.shutdown(socket.SHUT_WR)
            wait_until(lambda: upstream.accepted == 1)
            go.set()
            assert read_all(sock).data == PLAIN * count
        wait_until(lambda: len(exchanges) == count)
    assert {each.ended for each in exchanges} == {"complete"}


@pytest.mark.parametrize("half", [POST[:20], POST[:-1], POST + POST[:-1]])
def test_half_a_request_is_no_request(half: bytes) -> None:
    """A client that stops sending in the middle of a request has gone away; what was whole before it is answered."""
    go = threading.Event()
    go.set()
    with slow(go) as upstream, proxied(upstream.url) as (proxy, exchanges):
        with dial(port_of(proxy)) as sock:
            sock.sendall(half)
            sock.shutdown(socket.SHUT_WR)
            assert read_all(sock).data == PLAIN * (len(half) > len(POST))
        wait_until(lambda: not proxy._links)
        wait_until(lambda: len(exchanges) == (half != POST[:20]) + (len(half) > len(POST)))
    assert all(each.ended == "aborted" or each.request.body == b"hi" for each in exchanges)


def test_a_client_that_stops_sending_and_then_leaves_is_let_go() -> None:
    """Where it can be known that nobody waits for the answer any more, the upstream is let go before it answers."""
    go = threading.Event()
    with slow(go) as upstream, proxied(upstream.url) as (proxy, exchanges):
        sock = dial(port_of(proxy))
        sock.sendall(POST)
        sock.shutdown(socket.SHUT_WR)
        wait_until(lambda: upstream.accepted == 1)
        sock.close()
        wait_until(lambda: len(exchanges) == 1)
        go.set()
    assert exchanges[0].ended == "aborted"


@pytest.mark.parametrize(
    ("half", "answer", "count"),
    [(b"", b"", 0), (POST[:20], b"408", 0), (POST[:-1], b"408", 1)],
)
def test_a_request_that_does_not_go_on_is_ended(half: bytes, answer: bytes, count: int) -> None:
    """A connection with nothing, half a head or half a body on it ends after a while, in words where something had come."""
    with (
        Upstream1(wait_for_end) as upstream,
        proxied(upstream.url, request_timeout=0.1) as (proxy, exchanges),
        dial(port_of(proxy)) as sock,
    ):
        sock.sendall(half)
        said = read_all(sock).data
        assert said[9:12] == answer
        wait_until(lambda: len(exchanges) == count)
    assert all(each.ended == "aborted" for each in exchanges)


@pytest.mark.slow
def test_an_upload_that_goes_on_is_not_ended() -> None:
    """A body that keeps coming, and a connection that rests between requests, are given all the time they need."""
    go = threading.Event()
    go.set()
    with slow(go) as upstream, proxied(upstream.url, request_timeout=0.4) as (proxy, _), dial(port_of(proxy)) as sock:
        pause = threading.Event()
        for _ in range(2):
            sock.sendall(POST[:-2])
            pause.wait(0.3)
            sock.sendall(b"h")
            pause.wait(0.3)
            sock.sendall(b"i")
            assert read_head(sock).startswith(b"HTTP/1.1 200")
            sock.recv(2)
            pause.wait(0.9)


def test_a_websocket_is_refused_in_words() -> None:
    """The handshake of a WebSocket does not go up as a request its client never made: it is told to ask over HTTP."""
    handshake = b"GET /v1/responses HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    with Upstream1(wait_for_end) as upstream, proxied(upstream.url) as (proxy, _):
        head, _, body = seen(port_of(proxy), handshake).data.partition(b"\r\n\r\n")
        assert upstream.accepted == 0
    assert head.startswith(b"HTTP/1.1 426 ")
    assert b"\r\nUpgrade: HTTP/1.1\r\n" in head
    assert "WebSocket" in json.loads(body)["error"]["message"]


@pytest.mark.parametrize(
    ("headers", "is_passed"),
    [
        (b"Host: 127.0.0.1:8080", True),
        (b"Host: [::1]:8080", True),
        (b"Host: localhost", True),
        (b"Host: recorder:8080", True),
        (b"Host: shim.localhost.", True),
        (b"Host: named.example.org", True),
        (b"Host: page.example.com:8080", False),
        (b"Host: 127.0.0.1.example.com", False),
        (b"Host: h\r\nOrigin: http://localhost:3000", True),
        (b"Host: h\r\nOrigin: http://127.0.0.1", True),
        (b"Host: h\r\nOrigin: https://named.example.org", True),
        (b"Host: h\r\nOrigin: https://page.example.com", False),
        (b"Host: h\r\nOrigin: http://93.184.216.34", False),
        (b"Host: h\r\nOrigin: null", False),
        (b"Host: h\r\nOrigin: http://[", False),
    ],
)
def test_pages_from_elsewhere_are_refused(headers: bytes, is_passed: bool) -> None:  # noqa: FBT001 - pytest passes parameters so
    """A request under a name that a stranger may own, or from a stranger's page, is refused by a word on what to do."""
    go = threading.Event()
    go.set()
    asked = POST.replace(b"Host: h", headers).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    with slow(go) as upstream, proxied(upstream.url, allowed_hosts=("Named.example.org",)) as (proxy, _):
        status = seen(port_of(proxy), asked).data
        assert (status[9:12], upstream.accepted) == ((b"200", 1) if is_passed else (b"403", 0))
        assert is_passed or b"--allow-host" in status


def test_the_upstreams_own_name_is_allowed() -> None:
    """A client that is sent to the proxy by a hosts file still asks for the upstream by its name."""
    proxy = RecordingProxy(Upstream.parse("https://api.openai.com/v1"), print)
    for host, is_passed in (("api.openai.com", True), ("api.example.com", False)):
        request = h11.Request(method="GET", target="/", headers=[("Host", host)])
        assert (proxy.unfit(request) is None) is is_passed
