"""What the tests of the tap share: a tapped session that keeps its exchanges in a list, and raw answers over a socket.

Not the server that answers as the API does: that is `shim.testing.fake_openai`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
import urllib3

from shim.recording.exchange import Exchange
from shim.recording.tap.session_tap import Tap, tap
from tests.helpers.raw_server import Action, Connection, RawServer, chunk, read

IS_OLD = not hasattr(urllib3.HTTPResponse, "read1")
"""Whether this is urllib3 1.26, which an old codebase pins: no `read1`, no `shutdown`, and lengths are not checked."""
for_newer = pytest.mark.skipif(IS_OLD, reason="urllib3 1.26 has no such way, or has its own idea of the outcome")

KEY = "sk-test-key"
STREAMED = {"model": "fake-burst-5", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
PLAIN = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}
SSE_CLOSED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def headers(**more: str) -> dict[str, str]:
    """The headers of a request with a key."""
    return {"Authorization": f"Bearer {KEY}", **more}


@contextmanager
def tapped(**settings: Any) -> Iterator[tuple[requests.Session, list[Exchange], Tap]]:
    """A session with a tap, what it hands over, and the tap; nothing may fail in it."""
    exchanges: list[Exchange] = []
    failures: list[Exception] = []
    with requests.Session() as session:
        session.trust_env = False
        taken = tap(session, exchanges.append, on_error=failures.append, **settings)
        try:
            yield session, exchanges, taken
        finally:
            taken.remove()
    assert not failures


def answering(*pieces: Action, times: int = 50) -> RawServer:
    """A server that gives the same answer to every request of a connection."""
    return RawServer([[action for _ in range(times) for action in (read, *pieces)]])


def chunked(*pieces: bytes, content_type: bytes = b"text/event-stream", more: bytes = b"") -> bytes:
    """A chunked answer, one chunk a piece."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n%b\r\n" % (content_type, more)
    return head + b"".join(map(chunk, pieces)) + b"0\r\n\r\n"


def sized(body: bytes, *, more: bytes = b"") -> bytes:
    """An answer with its length."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%b\r\n%b" % (
        len(body),
        more,
        body,
    )


def body_of(exchange: Exchange) -> bytes:
    """The response's body."""
    assert exchange.response is not None
    assert exchange.response.body is not None
    return exchange.response.body


def pieces_of(exchange: Exchange) -> list[bytes]:
    """The segments' bytes."""
    assert exchange.response is not None
    return [segment.data or b"" for segment in exchange.response.segments]


def close(connection: Connection) -> None:
    """End the connection."""
    raise ConnectionAbortedError
