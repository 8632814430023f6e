"""What a cell of the fault matrix over HTTP/2 is, the answers it breaks, and the places where it breaks them.

Not what goes wrong there (`http2_ends`, `http2_forms`), not the frames (`http2_frames`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Protocol, TypeAlias

from msgspec import Struct

from tests.faults.cells import BODY, End
from tests.faults.http2_frames import Header, data, head, window

Sent: TypeAlias = Callable[[int], bytes]
"""The bytes for a stream, by its number."""


def _nothing(_sid: int) -> bytes:
    return b""


def _all_of_it(sid: int, size: int, _total: int) -> bytes:
    return window(0, size) + window(sid, size)


class Windows(Struct, frozen=True, kw_only=True):
    """How a server lets the body of the faulty request in, in the place of letting in whatever comes.

    Attributes:
        before: sent before that request can begin, while the stream beside it goes on.
        on_head: the frames, by its stream, once it has begun.
        on_data: the frames, by its stream, the bytes of a DATA frame, and all there were with these.
        is_early: whether the stream beside it is told its rest as soon as it has begun.
    """

    before: bytes = b""
    on_head: Sent = _nothing
    on_data: Callable[[int, int, int], bytes] = _all_of_it
    is_early: bool = False


class Http2Cell(Struct, frozen=True, kw_only=True):
    """One thing that goes wrong with frames.

    Attributes:
        phase, name, stream: as of a `cells.Cell`.
        sent: the bytes, for the stream of its request.
        end: what becomes of the connection behind them; where it stays, the stream beside it is told its rest.
        silent: the request is never ended: it is given a short read timeout.
        text: what of the answer's text had been sent whole; None where the bytes do not say.
        opening: sent in the place of the server's first SETTINGS, on a connection of its own; the request is then answered.
        windows: how its request is let in; None is as it comes.
        size: how many bytes that request has beside its words.
        races: what it may come to where the system decides whether libcurl hears of the stream's end or the connection's first.
        harms_next: what is left of it may end the next request too; the one after that has its answer.
    """

    phase: str
    name: str
    stream: bool
    sent: Sent
    end: End = "stays"
    silent: bool = False
    text: str | None = None
    opening: bytes | None = None
    windows: Windows | None = None
    size: int = 0
    races: tuple[str, ...] = ()
    harms_next: bool = False

    @property
    def key(self) -> str:
        """Its name in tables and tests."""
        return f"{'stream' if self.stream else 'whole'}: {self.name}"


class SentAs(Protocol):
    """The bytes for a stream, by its number and whether a stream was asked for."""

    def __call__(self, sid: int, /, *, stream: bool) -> bytes:
        """Make them."""
        ...


def said(text: str, **more: object) -> bytes:
    """A chunk of an answer, as JSON."""
    choice = {"index": 0, "delta": {"content": text} if text else {}, **more}
    return json.dumps({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}).encode()


def event(payload: bytes) -> bytes:
    """A payload as an event."""
    return b"data: " + payload + b"\n\n"


DONE = event(b"[DONE]")
OK: Header = (b":status", b"200")
EVENTS = (OK, (b"content-type", b"text/event-stream"))
JSON = (OK, (b"content-type", b"application/json"))
FIRST, REST = event(said("ab")), event(said("cd")) + event(said("", finish_reason="stop"))
TOLD = FIRST + REST + DONE


def head_of(*, stream: bool) -> tuple[Header, ...]:
    """The fields of a head as they should be."""
    return EVENTS if stream else JSON


def body_of(*, stream: bool) -> bytes:
    """The body as it should be."""
    return TOLD if stream else BODY


def begun(sid: int, *, stream: bool) -> bytes:
    """A head as it should be."""
    return head(sid, *head_of(stream=stream))


def whole(sid: int, *, stream: bool) -> bytes:
    """The answer as it should be."""
    return begun(sid, stream=stream) + data(sid, body_of(stream=stream), end=True)


def places(sid: int, *, stream: bool) -> Iterator[tuple[str, bytes, str | None]]:
    """How far an answer had come: in words, its bytes, and its text."""
    start = begun(sid, stream=stream)
    yield "before the head", b"", ""
    yield "behind the head", start, ""
    if stream:
        yield "in the first event", start + data(sid, FIRST[:30]), ""
        yield "between two events", start + data(sid, FIRST), "ab"
        yield "behind the finish reason", start + data(sid, FIRST + REST), "abcd"
        yield "behind [DONE]", start + data(sid, TOLD), "abcd"
    else:
        yield "in the body", start + data(sid, BODY[:40]), None
        yield "behind the body", start + data(sid, BODY), None
    yield "behind the end", whole(sid, stream=stream), "abcd" if stream else None


def at_each_place(
    phase: str, what: str, *, then: Sent, end: End = "stays", silent: bool = False, behind_the_end: bool = True
) -> Iterator[Http2Cell]:
    """A cell for each place of an answer: `then` is sent there, and the answer does not go on."""
    for stream in (True, False):
        for number, (place, _, text) in enumerate(places(1, stream=stream)):
            if behind_the_end or place != "behind the end":
                sent = _sent_there(number, then=then, stream=stream)
                name = f"{what} {place}"
                yield Http2Cell(phase=phase, name=name, stream=stream, sent=sent, end=end, silent=silent, text=text)


def _sent_there(number: int, *, then: Sent, stream: bool) -> Sent:
    return lambda sid: list(places(sid, stream=stream))[number][1] + then(sid)


def both(
    phase: str, name: str, *, sent: SentAs, end: End = "stays", silent: bool = False, opening: bytes | None = None
) -> Iterator[Http2Cell]:
    """A cell for a stream, and one for a whole answer."""
    for stream in (True, False):
        bound = _bound(sent, stream=stream)
        yield Http2Cell(phase=phase, name=name, stream=stream, sent=bound, end=end, silent=silent, opening=opening)


def _bound(sent: SentAs, *, stream: bool) -> Sent:
    return lambda sid: sent(sid, stream=stream)
