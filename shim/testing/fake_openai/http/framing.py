"""Turns an answer into the exact bytes of an HTTP/1.1 response, framed by h11.

Not when or whether they are sent: that is `faults` and `player`. Each piece remembers how much of it is framing, so that
a fault can strike after so many body bytes. Pieces shared by many responses are framed once.
"""

import functools
import http
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import h11

from shim.testing.fake_openai.answers import Answer
from shim.testing.fake_openai.http.player import ConnectionEnding, TimelinePiece


@dataclass(frozen=True)
class Script:
    """A framed response before anything goes wrong: head, body pieces, end of message, and what follows."""

    head: bytes
    pieces: tuple[TimelinePiece, ...]
    tail: bytes = b""
    ending: ConnectionEnding = ConnectionEnding.KEEP
    gather: bool = False


def frame(connection: h11.Connection, answer: Answer) -> Script:
    """Frame an answer as the response of `connection`, whose state moves on as if all of it had been sent.

    Raises h11.LocalProtocolError for headers or a length that HTTP forbids.
    """
    head = _sent(connection, _response(answer))
    chunked = b"\r\ntransfer-encoding: chunked\r\n" in head.lower()
    if answer.shared and chunked:
        pieces = _framed_once(answer.pieces, answer.interval)
    else:
        pieces = tuple(_framed(connection, answer, chunked=chunked))
    tail = _sent(connection, h11.EndOfMessage())
    return Script(head, pieces, tail, gather=answer.shared and answer.interval == 0)


def chunk(payload: bytes) -> TimelinePiece:
    """One payload as an HTTP chunk."""
    lead = b"%x\r\n" % len(payload)
    return TimelinePiece(lead + payload + b"\r\n", lead=len(lead), trail=2)


def raw(segments: Iterable[bytes], *, gap: float) -> Script:
    """Bytes that no HTTP library touches, `gap` seconds apart, then the end of the connection."""
    pieces = tuple(TimelinePiece(segment, at=gap * number) for number, segment in enumerate(segments))
    return Script(b"", pieces, ending=ConnectionEnding.CLOSE)


def _response(answer: Answer) -> h11.Response:
    try:
        reason = http.HTTPStatus(answer.status).phrase.encode("ascii")
    except ValueError:
        reason = b""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    return h11.Response(status_code=answer.status, headers=headers, reason=reason)


def _framed(connection: h11.Connection, answer: Answer, *, chunked: bool) -> Iterator[TimelinePiece]:
    for number, payload in enumerate(filter(None, answer.pieces)):
        data = _sent(connection, h11.Data(payload))
        trail = 2 if chunked else 0
        yield TimelinePiece(data, at=answer.due(number), lead=len(data) - len(payload) - trail, trail=trail)


@functools.lru_cache(maxsize=4)
def _framed_once(pieces: tuple[bytes, ...], interval: float) -> tuple[TimelinePiece, ...]:
    framed = (chunk(payload) for payload in pieces)
    return tuple(TimelinePiece(one.data, number * interval, one.lead, one.trail) for number, one in enumerate(framed))


def _sent(connection: h11.Connection, event: h11.Event) -> bytes:
    return connection.send(event) or b""
