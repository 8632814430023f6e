"""Tests of what a proxy takes out of heads and puts into them."""

from __future__ import annotations

import h11
import pytest

from shim.recording.proxy.headers import sent_to_client, sent_upstream
from shim.recording.proxy.upstream import Upstream

UPSTREAM = Upstream.parse("https://api.example.org/v1")


def up(*headers: tuple[str, str], last: bool = False) -> list[tuple[bytes, bytes]]:
    """The headers a request with these is sent up with."""
    request = h11.Request(method="POST", target="/v1/x?q=1", headers=[("Host", "127.0.0.1:1"), *headers])
    return sent_upstream(request, UPSTREAM, last=last).headers.raw_items()


def down(*headers: tuple[str, str], last: bool = False, unframed: bool = False) -> list[bytes]:
    """The header lines an answer with these reaches the client with."""
    response = h11.Response(status_code=200, reason=b"OK", headers=list(headers))
    status, *lines = sent_to_client(response, last=last, unframed=unframed).split(b"\r\n")
    assert (status, lines[-2:]) == (b"HTTP/1.1 200 OK", [b"", b""])
    return lines[:-2]


def test_host_is_the_upstreams() -> None:
    """The Host header names the upstream, and stands first."""
    assert up(("X-b", "1"), ("x-A", "2")) == [(b"Host", b"api.example.org"), (b"X-b", b"1"), (b"x-A", b"2")]


@pytest.mark.parametrize("name", ["Keep-Alive", "Proxy-Connection", "TE", "Upgrade", "X-Shim-Pair-Id"])
def test_what_is_for_this_hop_stays_here(name: str) -> None:
    """Headers for this hop alone, and the one that pairs records, are not sent on."""
    assert up((name, "x")) == [(b"Host", b"api.example.org")]


def test_what_connection_names_stays_here() -> None:
    """A header named by Connection is not sent on, unless it is one that frames the message."""
    sent = up(("Connection", "close, X-Hop, Content-Length, host"), ("X-Hop", "1"), ("Content-Length", "2"), last=True)
    assert sent == [(b"Host", b"api.example.org"), (b"Content-Length", b"2"), (b"Connection", b"close")]


def test_of_two_lengths_one_is_sent_on() -> None:
    """A message with chunks and a length goes on with its chunks alone, so that no two servers read it differently."""
    both = (("Content-Length", "5"), ("Transfer-Encoding", "chunked"))
    assert up(*both) == [(b"Host", b"api.example.org"), (b"Transfer-Encoding", b"chunked")]
    assert down(*both) == [b"Transfer-Encoding: chunked"]


def test_an_answer_keeps_its_lines() -> None:
    """The lines of an answer keep order, case and repetition, and what it says of its connection where that is so."""
    lines = [("X-b", "1"), ("Connection", "Keep-Alive"), ("Keep-Alive", "timeout=5"), ("x-A", "2"), ("X-b", "3")]
    assert down(*lines) == [f"{name}: {value}".encode() for name, value in lines]


def test_an_answer_says_that_it_is_the_last() -> None:
    """An answer after which the connection ends says so, in the place of what the upstream said, and offers no upgrade."""
    lines = [("Connection", "Upgrade, Keep-Alive"), ("Keep-Alive", "timeout=5"), ("Upgrade", "h2c"), ("X", "1")]
    assert down(*lines, last=True) == [b"X: 1", b"Connection: close"]


def test_an_old_client_is_told_of_no_chunks() -> None:
    """The head for a client of HTTP/1.0 announces no chunks."""
    assert down(("Transfer-Encoding", "chunked"), last=True, unframed=True) == [b"Connection: close"]
