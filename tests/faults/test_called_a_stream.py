"""Tests of JSON that is called an event stream, on both providers: a body is what its bytes are."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from shim.model import ErrorCategory
from tests.helpers.driving import ask
from tests.helpers.raw_server import END, SSE, Action, Connection, RawServer, chunk, events, read, stall

if TYPE_CHECKING:
    from tests.helpers.providers import Make

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
ANSWER = json.dumps({"id": "c", "model": "m", "choices": [{"index": 0, "message": {"content": "Hi"}}]}).encode()
REFUSED = b'{"error": {"message": "no such deployment", "type": "invalid_request_error", "code": "not_found"}}'
PIECE = json.dumps({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "Hi"}}]}).encode()
FRAMINGS: dict[str, Callable[[bytes], bytes]] = {
    "a length": lambda body: OK + b"Content-Length: %d\r\n\r\n" % len(body) + body,
    "chunks": lambda body: (
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"".join(map(chunk, filter(None, (body[:5], body[5:])))) + END
    ),
    "no length": lambda body: OK + b"Connection: close\r\n\r\n" + body,
}


def by_pieces(sent: bytes, *, size: int) -> list[Action]:
    """A script that sends the head alone, and then so many bytes at a time."""
    head, _, rest = sent.partition(b"\r\n\r\n")

    def send(connection: Connection) -> None:
        for start in range(0, len(rest), size):
            connection.sock.sendall(rest[start : start + size])
            time.sleep(0.0005)

    return [read, head + b"\r\n\r\n", lambda _: time.sleep(0.01), send]


@pytest.mark.parametrize(
    ("framing", "size", "before"), list(itertools.product(FRAMINGS, (1, 7, 10_000), (b"", b"\n \r\n", b"\xef\xbb\xbf")))
)
def test_json_that_is_called_a_stream_is_read(*, make: Make, framing: str, size: int, before: bytes) -> None:
    """Its words, however framed and cut; the header is told as it came."""
    with (
        RawServer([by_pieces(FRAMINGS[framing](before + ANSWER), size=size)]) as server,
        make(server.url) as provider,
    ):
        heard = ask(provider, stream=True)
        assert heard.response.text == "Hi"
        assert heard.completion.headers["content-type"] == "text/event-stream; charset=utf-8"


@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_error_that_is_called_a_stream_has_its_words(make: Make, framing: str) -> None:
    """An error object in a good answer is an error with the server's own words."""
    with RawServer([[read, FRAMINGS[framing](REFUSED)]]) as server, make(server.url) as provider:
        error = ask(provider, stream=True).error
        assert (error.category, error.http_status) == (ErrorCategory.NOT_FOUND, 200)
        assert "no such deployment" in error.message


@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_a_stream_is_a_stream_however_it_begins(make: Make, size: int) -> None:
    """A stream whose first bytes come one by one, comments and white space before, is read as it comes."""
    body = chunk(b":") + chunk(b" wait\n\n") + chunk(b"\n") + events(PIECE, b"[DONE]") + END
    with RawServer([by_pieces(SSE + body, size=size)]) as server, make(server.url) as provider:
        assert ask(provider, stream=True).response.text == "Hi"


def test_the_connection_is_used_again_after_it(make: Make) -> None:
    """A body that was looked into leaves its connection in order."""
    script: list[Action] = [read, FRAMINGS["chunks"](ANSWER), read, FRAMINGS["a length"](ANSWER)]
    script += [read, SSE + events(PIECE, b"[DONE]") + END]
    with RawServer([script]) as server, make(server.url) as provider:
        assert [ask(provider, stream=True).response.text for _ in range(3)] == ["Hi"] * 3
        assert server.connections == 1


@pytest.mark.parametrize(
    "begun", [b"", b"5", b"2\r\n\n\n\r\n", b"2\r\n {\r\n"], ids=["none", "a digit", "space", "JSON"]
)
def test_silence_at_the_first_bytes_is_a_timeout(make: Make, begun: bytes) -> None:
    """A server that falls silent before its body tells what it is has timed out, with its status known."""
    with RawServer([[read, SSE + begun, stall]]) as server, make(server.url, read_timeout=0.2) as provider:
        heard = ask(provider, stream=True)
        assert (heard.error.category, heard.completion.http_status) == (ErrorCategory.TIMEOUT, 200)


@pytest.mark.parametrize("begun", [b"", b"5", b"2\r\n\n\n\r\n", b"2\r\n {\r\n", b"2\r\n {\r\nx"])
def test_an_end_at_the_first_bytes_is_no_answer(make: Make, begun: bytes) -> None:
    """A connection that ends, or is framed wrongly, before its body tells what it is gives an error and nothing else."""
    with RawServer([[read, SSE + begun]]) as server, make(server.url) as provider:
        error = ask(provider, stream=True).error
        assert error.category in {ErrorCategory.TRUNCATED, ErrorCategory.PROTOCOL}
        assert error.http_status == 200
