"""Cells over HTTP/2: streams that are reset, connections that go away, fall silent or just end, and wrong lengths.

Not heads, frames and floods (`http2_forms`). RFC 9113: streams 5.1, RST_STREAM 6.4, GOAWAY 6.8, malformed messages 8.1.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from msgspec.structs import replace

from tests.faults.cells import BODY
from tests.faults.http2_answers import FIRST, OK, Http2Cell, SentAs, at_each_place, begun, body_of, both, head_of, whole
from tests.faults.http2_frames import (
    ENHANCE_YOUR_CALM,
    ERROR_CODES,
    NO_ERROR,
    PING,
    PROTOCOL_ERROR,
    Header,
    data,
    frame,
    goaway,
    head,
    reset,
)

_LAST_POSSIBLE = 2**31 - 1

_FOR_SURE = ("before the head", "behind [DONE]")  # places where it is the same, whichever end libcurl hears of first


def ends() -> Iterator[Http2Cell]:
    """All of them, in the order of the table."""
    yield from _resets()
    yield from _goaways()
    yield from _closes()
    yield from _silences()
    yield from _lengths()
    yield from _ends_of_bodies()


def _resets() -> Iterator[Http2Cell]:
    for name, code in ERROR_CODES.items():
        yield from at_each_place("streams that are reset", name, then=partial(reset, code=code))


def _goaways() -> Iterator[Http2Cell]:
    phase = "connections that go away"
    codes = {"NO_ERROR": NO_ERROR, "PROTOCOL_ERROR": PROTOCOL_ERROR, "ENHANCE_YOUR_CALM": ENHANCE_YOUR_CALM}
    lasts: dict[str, Callable[[int], int]] = {
        "this stream the last": lambda sid: sid,
        "this stream too late": lambda sid: sid - 2,
        "all streams too late": lambda _sid: 0,
    }
    for code_name, code in codes.items():
        for words, last in lasts.items():
            then = _goes_away(last, code=code)
            for cell in at_each_place(phase, f"{code_name}, {words},", then=then, end="FIN", behind_the_end=False):
                races = (code, words) == (NO_ERROR, "this stream too late") and not cell.name.endswith(_FOR_SURE)
                yield replace(cell, races=("network", "truncated") if races else ())
        for words, last in {**lasts, "2**31-1 the last": lambda _sid: _LAST_POSSIBLE}.items():
            goes_on = _goes_away_in_the_middle(last, code=code)
            yield from both(phase, f"{code_name}, {words}, and the answer goes on", sent=goes_on)
    yield from both(
        phase,
        "2**31-1 the last, then this stream, and the answer goes on",
        sent=lambda sid, *, stream: goaway(_LAST_POSSIBLE) + goaway(sid) + whole(sid, stream=stream),
    )
    yield from both(
        phase,
        "a last stream that grows",
        sent=lambda sid, *, stream: goaway(sid) + goaway(sid + 10) + whole(sid, stream=stream),
    )


def _goes_away(last: Callable[[int], int], *, code: int) -> Callable[[int], bytes]:
    return lambda sid: goaway(last(sid), code=code, words=b"bye")


def _goes_away_in_the_middle(last: Callable[[int], int], *, code: int) -> SentAs:
    def sent(sid: int, /, *, stream: bool) -> bytes:
        body = body_of(stream=stream)
        return (
            begun(sid, stream=stream)
            + data(sid, body[:50])
            + goaway(last(sid), code=code)
            + data(sid, body[50:], end=True)
        )

    return sent


def _closes() -> Iterator[Http2Cell]:
    phase = "connections that end without a word"
    for cell in at_each_place(phase, "FIN", then=_nothing, end="FIN"):
        yield replace(cell, races=("ok", "truncated") if cell.key == "whole: FIN behind the end" else ())
    yield from at_each_place(phase, "RST", then=_nothing, end="RST")
    for cell in at_each_place(
        phase, "FIN in a frame", then=lambda sid: data(sid, b"x" * 50)[:30], end="FIN", behind_the_end=False
    ):
        if (
            "before the head" not in cell.name
        ):  # DATA there is a fault of its own, and which is seen first, the system decides
            yield cell


def _silences() -> Iterator[Http2Cell]:
    phase = "what falls silent"
    at = partial(at_each_place, phase, silent=True, behind_the_end=False)
    yield from at("the stream", then=_nothing)
    yield from at("the stream, while the connection pings,", then=lambda _sid: frame(PING, 0, bytes(8)) * 3)
    yield from at("the connection", then=_nothing, end="silence")


def _nothing(_sid: int) -> bytes:
    return b""


def _lengths() -> Iterator[Http2Cell]:
    lengths: dict[str, Callable[[int], list[bytes]]] = {
        "the right length": lambda size: [b"%d" % size],
        "a length that is too long": lambda size: [b"%d" % (size + 9)],
        "a length that is too short": lambda size: [b"%d" % (size - 9)],
        "a length of zero": lambda _size: [b"0"],
        "a negative length": lambda _size: [b"-1"],
        "a length that is no number": lambda _size: [b"many"],
        "a length beyond 64 bits": lambda _size: [b"9" * 30],
        "two lengths that differ": lambda size: [b"%d" % size, b"%d" % (size - 9)],
        "the same length twice": lambda size: [b"%d" % size] * 2,
    }
    for name, told in lengths.items():
        yield from both("lengths and ends of bodies", name, sent=_with_lengths(told))


def _with_lengths(told: Callable[[int], list[bytes]]) -> SentAs:
    def sent(sid: int, /, *, stream: bool) -> bytes:
        body = body_of(stream=stream)
        fields = [(b"content-length", value) for value in told(len(body))]
        return head(sid, *head_of(stream=stream), *fields) + data(sid, body, end=True)

    return sent


def _ends_of_bodies() -> Iterator[Http2Cell]:
    cells = partial(both, "lengths and ends of bodies")
    yield from cells("the end with the head", sent=lambda sid, *, stream: head(sid, *head_of(stream=stream), end=True))
    yield from cells(
        "the end in the middle",
        sent=lambda sid, *, stream: begun(sid, stream=stream) + data(sid, FIRST if stream else BODY[:40], end=True),
    )
    yield from cells(
        "the end in an empty frame", sent=lambda sid, *, stream: _open(sid, stream=stream) + data(sid, b"", end=True)
    )
    trailers: dict[str, Header] = {
        "trailers": (b"x-sum", b"1"),
        "trailers with a status": OK,
        "trailers with a name in upper case": (b"X-Sum", b"1"),
    }
    for name, trailer in trailers.items():
        yield from cells(name, sent=_with_trailer(trailer))
    yield from cells(
        "trailers that do not end the stream",
        sent=lambda sid, *, stream: _open(sid, stream=stream) + head(sid, (b"x-sum", b"1")),
        silent=True,
    )
    yield from cells(
        "a frame behind the end", sent=lambda sid, *, stream: whole(sid, stream=stream) + data(sid, b"more")
    )
    yield from cells("a head behind the end", sent=lambda sid, *, stream: whole(sid, stream=stream) * 2)
    yield from cells("a body without a head", sent=lambda sid, *, stream: data(sid, body_of(stream=stream), end=True))


def _open(sid: int, *, stream: bool) -> bytes:
    """A whole answer whose end is missing."""
    return begun(sid, stream=stream) + data(sid, body_of(stream=stream))


def _with_trailer(trailer: Header) -> SentAs:
    return lambda sid, *, stream: _open(sid, stream=stream) + head(sid, trailer, end=True)
