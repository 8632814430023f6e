"""Cells over HTTP/2: heads, frames and openings that are wrong in form, floods, and windows that do not open.

Not how answers end (`http2_ends`). RFC 9113: frames 4 and 6, CONTINUATION 6.10, fields 8.2 and 8.3, settings 6.5.2, flow control
5.2 and 6.9. Floods: CVE-2019-9512 to 9518, CVE-2023-44487, CVE-2024-27316.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from tests.faults.http2_answers import JSON, OK, Http2Cell, Sent, SentAs, begun, body_of, both, head_of, whole
from tests.faults.http2_frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Header,
    block,
    continued,
    data,
    frame,
    goaway,
    head,
    reset,
    settings,
    window,
)

_MOST_WINDOW = 2**31 - 1
_INITIAL_WINDOW_SIZE, _MAX_FRAME_SIZE, _MAX_CONCURRENT_STREAMS, _ENABLE_PUSH = 4, 5, 3, 2


def forms() -> Iterator[Http2Cell]:
    """All of them, in the order of the table."""
    yield from _heads()
    yield from _blocks()
    yield from _frames()
    yield from _floods()
    yield from _openings()


def _fields(*fields: Header) -> SentAs:
    """An answer with another head."""
    return lambda sid, *, stream: head(sid, *fields) + data(sid, body_of(stream=stream), end=True)


def _and(*fields: Header) -> SentAs:
    """An answer with more in its head."""
    return lambda sid, *, stream: (
        head(sid, *head_of(stream=stream), *fields) + data(sid, body_of(stream=stream), end=True)
    )


def _first(sent: Sent) -> SentAs:
    """Something before a right answer."""
    return lambda sid, *, stream: sent(sid) + whole(sid, stream=stream)


def _between(sent: Sent) -> SentAs:
    """Something between the head of a right answer and its body."""
    return lambda sid, *, stream: begun(sid, stream=stream) + sent(sid) + data(sid, body_of(stream=stream), end=True)


# --- heads -----------------------------------------------------------------------------------------------------------


def _heads() -> Iterator[Http2Cell]:
    heads = {
        "a name in upper case": _and((b"X-Upper", b"a")),
        "no status": _fields(JSON[1]),
        "two statuses": _fields(OK, OK),
        "a status that is no number": _fields((b":status", b"abc")),
        "a status of two digits": _fields((b":status", b"20")),
        "a status of five digits": _fields((b":status", b"20000")),
        "a status behind a field": _fields(JSON[1], OK),
        "a pseudo-header of requests": _fields(OK, (b":path", b"/")),
        "a pseudo-header nobody knows": _fields(OK, (b":odd", b"1")),
        "a field of the connection": _and((b"connection", b"close")),
        "chunks": _and((b"transfer-encoding", b"chunked")),
        "an empty name": _and((b"", b"a")),
        "a blank in a name": _and((b"a b", b"a")),
        "a NUL in a value": _and((b"x-a", b"a\0b")),
        "a line end in a value": _and((b"x-a", b"a\r\nx-b: c")),
        "a value of 60 kB": _and_long([b"a" * 60_000]),
        "a value of 400 kB": _and_long([b"a" * 400_000]),
        "6,000 fields": _and_long([b"b"] * 6_000),
        "100 before the answer": _first(lambda sid: head(sid, (b":status", b"100"))),
        "103 before the answer": _first(lambda sid: head(sid, (b":status", b"103"), (b"link", b"</a>"))),
        "101 before the answer": _first(lambda sid: head(sid, (b":status", b"101"))),
        "100 that ends the stream": lambda sid, *, stream: head(sid, (b":status", b"100"), end=True),
        "421": lambda sid, *, stream: head(sid, (b":status", b"421"), end=True),
    }
    for name, sent in heads.items():
        yield from both("heads", name, sent=sent)


def _and_long(values: list[bytes]) -> SentAs:
    def sent(sid: int, /, *, stream: bool) -> bytes:
        fields = block(*head_of(stream=stream), *((b"x-a", value) for value in values))
        pieces = [fields[at : at + 16_000] for at in range(0, len(fields), 16_000)]
        return continued(sid, pieces) + data(sid, body_of(stream=stream), end=True)

    return sent


def _blocks() -> Iterator[Http2Cell]:
    """Blocks of fields in pieces, and such as HPACK cannot read."""
    cells = partial(both, "heads in pieces")
    yield from cells("CONTINUATION in the middle of a field", sent=_in_pieces(10))
    yield from cells("an empty CONTINUATION", sent=_in_pieces(10, empty=1))
    yield from cells("a CONTINUATION for each byte", sent=_in_pieces(1))
    yield from cells("CONTINUATION that is cut", sent=_in_pieces(10, ends=False), end="FIN")
    yield from cells("CONTINUATION that does not come", sent=_in_pieces(10, ends=False), silent=True, end="silence")
    yield from cells("CONTINUATION without a head", sent=_first(lambda sid: frame(CONTINUATION, sid, block(OK))))
    another = {
        "a frame before the CONTINUATION": lambda sid: frame(PING, 0, bytes(8)),
        "the CONTINUATION of another stream": lambda sid: frame(CONTINUATION, sid + 2, b"", flags=END_HEADERS),
    }
    for name, between in another.items():
        yield from cells(name, sent=_interrupted(between))
    blocks = {
        "an index beyond the table": b"\xff\xff\xff\x7f",
        "an index of zero": b"\x80",
        "a text longer than the block": b"\0\x7f\x10abc",
        "an integer without end": b"\0" + b"\xff" * 20,
        "a table larger than allowed": b"\x3f\xe1\xff\xff\x7f" + block(OK),
        "Huffman code that is none": b"\0\x84\xff\xff\xff\xff\x01a",
    }
    for name, given in blocks.items():
        yield from cells(name, sent=_compressed(given))


def _in_pieces(size: int, *, empty: int = 0, ends: bool = True) -> SentAs:
    def sent(sid: int, /, *, stream: bool) -> bytes:
        fields = block(*head_of(stream=stream))
        pieces = [fields[at : at + size] for at in range(0, len(fields), size)]
        pieces[1:1] = [b""] * empty
        told = continued(sid, pieces, ends=ends)
        return told + data(sid, body_of(stream=stream), end=True) if ends else told

    return sent


def _interrupted(between: Sent) -> SentAs:
    def sent(sid: int, /, *, stream: bool) -> bytes:
        fields = block(*head_of(stream=stream))
        last = frame(CONTINUATION, sid, fields[9:], flags=END_HEADERS)
        return frame(HEADERS, sid, fields[:9]) + between(sid) + last + data(sid, body_of(stream=stream), end=True)

    return sent


def _compressed(given: bytes) -> SentAs:
    return lambda sid, *, stream: (
        frame(HEADERS, sid, given, flags=END_HEADERS) + data(sid, body_of(stream=stream), end=True)
    )


# --- frames ----------------------------------------------------------------------------------------------------------


def _frames() -> Iterator[Http2Cell]:
    wrong: dict[str, Sent] = {
        "DATA longer than allowed": lambda sid: frame(DATA, sid, bytes(16_385)),
        "DATA of 16 MB that does not come": lambda sid: frame(DATA, sid, b"x", length=2**24 - 1),
        "DATA of no stream": lambda _sid: frame(DATA, 0, b"x"),
        "DATA of a stream nobody opened": lambda sid: frame(DATA, sid + 100, b"x"),
        "DATA of a stream of the server's": lambda _sid: frame(DATA, 2, b"x"),
        "HEADERS of no stream": lambda _sid: head(0, OK),
        "HEADERS of a stream nobody opened": lambda sid: head(sid + 100, OK),
        "HEADERS of a stream of the server's": lambda _sid: head(2, OK),
        "RST_STREAM of 3 bytes": lambda sid: frame(RST_STREAM, sid, bytes(3)),
        "RST_STREAM of no stream": lambda _sid: frame(RST_STREAM, 0, bytes(4)),
        "RST_STREAM of a stream nobody opened": lambda sid: reset(sid + 100, 0),
        "PING of 7 bytes": lambda _sid: frame(PING, 0, bytes(7)),
        "PING of a stream": lambda sid: frame(PING, sid, bytes(8)),
        "PING that answers none": lambda _sid: frame(PING, 0, bytes(8), flags=ACK),
        "WINDOW_UPDATE of 3 bytes": lambda sid: frame(WINDOW_UPDATE, sid, bytes(3)),
        "WINDOW_UPDATE by zero": lambda sid: window(sid, 0),
        "WINDOW_UPDATE by zero, of the connection": lambda _sid: window(0, 0),
        "a window that overflows": lambda sid: window(sid, _MOST_WINDOW),
        "a window that overflows, of the connection": lambda _sid: window(0, _MOST_WINDOW),
        "SETTINGS of 5 bytes": lambda _sid: frame(SETTINGS, 0, bytes(5)),
        "SETTINGS of a stream": lambda sid: frame(SETTINGS, sid),
        "SETTINGS that acknowledge, with a payload": lambda _sid: frame(SETTINGS, 0, bytes(6), flags=ACK),
        "SETTINGS that acknowledge none": lambda _sid: frame(SETTINGS, 0, flags=ACK) * 3,
        "SETTINGS with a window too large": lambda _sid: settings((_INITIAL_WINDOW_SIZE, 2**31)),
        "SETTINGS with frames too small": lambda _sid: settings((_MAX_FRAME_SIZE, 1)),
        "SETTINGS that allow push": lambda _sid: settings((_ENABLE_PUSH, 1)),
        "SETTINGS nobody knows": lambda _sid: settings((0xF0, 7)),
        "PRIORITY of 4 bytes": lambda sid: frame(PRIORITY, sid, bytes(4)),
        "PRIORITY on itself": lambda sid: frame(PRIORITY, sid, sid.to_bytes(4, "big") + b"\1"),
        "GOAWAY of 7 bytes": lambda _sid: frame(GOAWAY, 0, bytes(7)),
        "GOAWAY of a stream": lambda sid: frame(GOAWAY, sid, bytes(8)),
        "PUSH_PROMISE": lambda sid: frame(PUSH_PROMISE, sid, (2).to_bytes(4, "big") + block(OK), flags=END_HEADERS),
        "a frame of no known type": lambda sid: frame(0xEE, sid, b"hello"),
        "a frame with the reserved bit": lambda sid: frame(PING, 0x80000000, bytes(8)),
        "more padding than frame": lambda sid: frame(DATA, sid, b"\xffx", flags=PADDED),
        "padding alone": lambda sid: frame(DATA, sid, b"\5" + bytes(5), flags=PADDED),
        "garbage": lambda _sid: bytes(range(256)) * 2,
        "an answer of HTTP/1.1": lambda _sid: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    }
    for name, sent in wrong.items():
        yield from both("frames", name, sent=_between(sent))
    yield from both("frames", "a body with padding", sent=_padded)
    yield from both("frames", "a frame for each byte", sent=_byte_by_byte)


def _padded(sid: int, /, *, stream: bool) -> bytes:
    padded = b"\x20" + body_of(stream=stream) + bytes(0x20)
    return begun(sid, stream=stream) + frame(DATA, sid, padded, flags=PADDED | END_STREAM)


def _byte_by_byte(sid: int, /, *, stream: bool) -> bytes:
    body = body_of(stream=stream)
    return (
        begun(sid, stream=stream)
        + b"".join(data(sid, body[at : at + 1]) for at in range(len(body)))
        + data(sid, b"", end=True)
    )


# --- floods ----------------------------------------------------------------------------------------------------------


def _floods() -> Iterator[Http2Cell]:
    floods: dict[str, Sent] = {
        "500 SETTINGS": lambda _sid: settings() * 500,
        "20,000 SETTINGS": lambda _sid: settings() * 20_000,
        "500 PING": lambda _sid: frame(PING, 0, bytes(8)) * 500,
        "20,000 PING": lambda _sid: frame(PING, 0, bytes(8)) * 20_000,
        "20,000 empty DATA": lambda sid: data(sid, b"") * 20_000,
        "20,000 DATA of padding": lambda sid: frame(DATA, sid, b"\1\0", flags=PADDED) * 20_000,
        "20,000 WINDOW_UPDATE": lambda _sid: window(0, 1) * 20_000,
        "20,000 PRIORITY": lambda sid: frame(PRIORITY, sid, bytes(5)) * 20_000,
        "20,000 frames of no known type": lambda sid: frame(0xEE, sid, b"") * 20_000,
        "20,000 RST_STREAM of a stream that has ended": lambda _sid: reset(1, 0) * 20_000,
        "20,000 interim heads": lambda sid: head(sid, (b":status", b"103")) * 20_000,
        "20,000 GOAWAY": lambda sid: goaway(sid) * 20_000,
    }
    for name, sent in floods.items():
        interim = "interim" in name  # a head of these comes before the final one alone
        yield from both("floods", name, sent=_first(sent) if interim else _between(sent))
    yield from both("floods", "20,000 CONTINUATION", sent=_continuations)


def _continuations(sid: int, /, *, stream: bool) -> bytes:
    fields = block(*head_of(stream=stream))
    return frame(HEADERS, sid, fields) + frame(CONTINUATION, sid, b"") * 20_000


# --- openings --------------------------------------------------------------------------------------------------------


def _openings() -> Iterator[Http2Cell]:
    openings: dict[str, bytes] = {
        "no SETTINGS": b"",
        "PING before SETTINGS": frame(PING, 0, bytes(8)) + settings(),
        "GOAWAY before SETTINGS": goaway(0),
        "GOAWAY behind SETTINGS, no stream the last": settings() + goaway(0),
        "GOAWAY behind SETTINGS, 2**31-1 the last": settings() + goaway(_MOST_WINDOW),
        "an answer of HTTP/1.1": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        "garbage": b"\xff" * 100,
        "SETTINGS of 5 bytes": frame(SETTINGS, 0, bytes(5)),
        "SETTINGS with a window too large": settings((_INITIAL_WINDOW_SIZE, 2**31)),
        "SETTINGS with a frame size too small": settings((_MAX_FRAME_SIZE, 0)),
        "SETTINGS that allow one stream": settings((_MAX_CONCURRENT_STREAMS, 1)),
        "SETTINGS that allow no stream": settings((_MAX_CONCURRENT_STREAMS, 0)),
        "a window of 1 GB": settings() + window(0, 2**30),
    }
    for name, opening in openings.items():
        yield from both("openings", name, sent=whole, opening=opening)
    ends: dict[str, Callable[..., Iterator[Http2Cell]]] = {
        "FIN": partial(both, end="FIN"),
        "RST": partial(both, end="RST"),
        "silence": partial(both, end="silence", silent=True),
    }
    for name, cells in ends.items():
        yield from cells("openings", f"{name} in the place of SETTINGS", sent=whole, opening=b"")
        yield from cells("openings", f"{name} behind SETTINGS", sent=whole, opening=settings())
