"""Cells over HTTP/2: windows that do not open, open too little or too far, or close again while a body waits to leave.

Not the other cells (`http2_ends`, `http2_forms`). RFC 9113: flow control 5.2 and 6.9, streams at a time 5.1.2, answers that do
not wait for the request's end 8.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.faults.http2_answers import Http2Cell, Sent, Windows, whole
from tests.faults.http2_frames import NO_ERROR, reset, settings, window

MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 3, 4
MOST_WINDOW = 2**31 - 1
_LARGE = 200_000  # several times the window that a connection has before anything was said of it
_CLOSED = settings((INITIAL_WINDOW_SIZE, 0))

OnData = Callable[[int, int, int], bytes]


def windows() -> Iterator[Http2Cell]:
    """All of them, in the order of the table."""
    yield from _never_open()
    yield from _open_at_last()
    yield from _open_wrongly()
    yield from _answered_early()
    yield from _fewer_streams()


def _cells(
    name: str, *, how: Windows, size: int = 0, silent: bool = False, harms_next: bool = False
) -> Iterator[Http2Cell]:
    for stream in (True, False):
        yield Http2Cell(
            phase="windows",
            name=name,
            stream=stream,
            sent=_whole(stream=stream),
            silent=silent,
            windows=how,
            size=size,
            harms_next=harms_next,
        )


def _whole(*, stream: bool) -> Sent:
    return lambda sid: whole(sid, stream=stream)


def _never_open() -> Iterator[Http2Cell]:
    wide = settings((INITIAL_WINDOW_SIZE, 2 * _LARGE))
    yield from _cells(
        "a window of the connection that never opens",
        how=Windows(before=wide, on_data=lambda _sid, _size, _total: b""),
        size=_LARGE,
        silent=True,
        harms_next=True,
    )
    yield from _cells("a window of the stream that never opens", how=Windows(before=_CLOSED), silent=True)
    yield from _cells(
        "a window of the stream that opens once, too little",
        how=Windows(
            before=_CLOSED, on_head=lambda sid: window(sid, 20), on_data=lambda _sid, size, _total: window(0, size)
        ),
        silent=True,
    )
    yield from _cells(
        "a window made negative in the middle of a body",
        how=Windows(on_data=_lowered(then=lambda _sid: b"")),
        size=_LARGE,
        silent=True,
    )


def _open_at_last() -> Iterator[Http2Cell]:
    yield from _cells(
        "a window that opens byte by byte",
        how=Windows(
            before=_CLOSED,
            on_head=lambda sid: window(sid, 1),
            on_data=lambda sid, size, _total: window(sid, 1) + window(0, size),
        ),
        size=300,
    )
    yield from _cells(
        "a window made negative in the middle of a body, and opened again",
        how=Windows(on_data=_lowered(then=lambda sid: window(sid, 1) * 10 + window(sid, 2**20))),
        size=_LARGE,
    )
    yield from _cells(
        "a window that SETTINGS open",
        how=Windows(before=_CLOSED, on_head=lambda _sid: settings((INITIAL_WINDOW_SIZE, 2 * _LARGE))),
        size=_LARGE,
    )


def _lowered(*, then: Sent) -> OnData:
    """Let in what comes until SETTINGS make the window negative; then no more than `then` says."""

    def on_data(sid: int, size: int, total: int) -> bytes:
        if total - size < 30_000 <= total:
            return settings((INITIAL_WINDOW_SIZE, 10)) + window(0, size) + then(sid)
        return window(0, size)

    return on_data


def _open_wrongly() -> Iterator[Http2Cell]:
    wrong: dict[str, Sent] = {
        "WINDOW_UPDATE by zero": lambda sid: window(sid, 0),
        "WINDOW_UPDATE by zero, of the connection,": lambda _sid: window(0, 0),
        "a window of 2**31": lambda sid: window(sid, MOST_WINDOW) + window(sid, 1),
        "a window of 2**31, of the connection,": lambda _sid: window(0, MOST_WINDOW),
        "SETTINGS that make it 2**31": lambda sid: window(sid, MOST_WINDOW) + settings((INITIAL_WINDOW_SIZE, 1)),
        "SETTINGS of a window of 2**31": lambda _sid: settings((INITIAL_WINDOW_SIZE, 2**31)),
    }
    for name, frames in wrong.items():
        yield from _cells(f"{name} while a body waits", how=Windows(before=_CLOSED, on_head=frames))


def _answered_early() -> Iterator[Http2Cell]:
    for stream in (True, False):
        for name, then in _STOPS.items():
            yield Http2Cell(
                phase="windows",
                name=name,
                stream=stream,
                sent=_whole(stream=stream),
                silent=not stream and then(1) == b"",
                windows=Windows(before=_CLOSED, on_head=_early(stream=stream, then=then), is_early=True),
            )


_STOPS: dict[str, Sent] = {
    "an answer before its request has left": lambda _sid: b"",
    "an answer before its request has left, and NO_ERROR": lambda sid: reset(sid, NO_ERROR),
}


def _early(*, stream: bool, then: Sent) -> Sent:
    return lambda sid: whole(sid, stream=stream) + then(sid)


def _fewer_streams() -> Iterator[Http2Cell]:
    for words, most in {"one stream": 1, "no stream": 0}.items():
        yield from _cells(
            f"SETTINGS that allow {words} from now on",
            how=Windows(before=settings((MAX_CONCURRENT_STREAMS, most))),
        )
