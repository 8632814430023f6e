"""Bodies: what the bytes of an answer are, and the payloads of one that came whole.

Not their meaning (`shim.wire.chat`, `shim.wire.responses`) and not the framing of a stream as it arrives (`shim.wire.sse`).
A content type is a hint: gateways send event streams without one or as JSON, and JSON as an event stream; the first bytes tell.
Follows WHATWG HTML, 9.2.5 (the fields of an event stream), and RFC 8259 (what JSON begins with).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Literal, Protocol, TypeAlias

from shim.model import ModelResponse, ProviderError, StreamDone, StreamError, StreamEvent
from shim.wire.json_events import JsonEventDecoder
from shim.wire.json_text import UnreadableJsonError, read_json

BodyKind: TypeAlias = Literal["event_stream", "json", "other"]

MAX_UNDECIDED: Final = 64 * 1024
"""How many bytes of white space may come before it must be decided: servers pad with a few thousand while a model thinks."""

_BOM = b"\xef\xbb\xbf"
# What a line of an event stream begins with; `error` is GPUStack's own.
_FIELDS = (b"data", b"event", b"id", b"retry", b"error")
_LONGEST = max(map(len, _FIELDS))
_FIELD = re.compile(rb"(?:data|event|id|retry|error)?:|(?:data|event|id|retry)[\r\n]")
_DATA_LINE = re.compile(rb"^(?:data|error):", re.MULTILINE)


def body_kind(start: bytes, *, content_type: str = "", ended: bool = False) -> BodyKind | None:
    """Tell what a body is by its first bytes, and by its content type where those say nothing.

    Args:
        start: all that has come of the body.
        content_type: the header, "" where there is none.
        ended: nothing more comes.

    Returns:
        The kind; None where more bytes are needed to tell.
    """
    if not ended and len(start) < len(_BOM) and _BOM.startswith(start):
        return None
    text = start.removeprefix(_BOM).lstrip()
    if not text:
        return None if len(start) < MAX_UNDECIDED and not ended else _named(content_type)
    if text[:1] in (b"{", b"["):
        return "json"
    if _FIELD.match(text):
        return "event_stream"
    may_be_field = len(text) <= _LONGEST and any(field.startswith(text) for field in _FIELDS)
    if may_be_field and not ended:
        return None
    return _named(content_type)


def _named(content_type: str) -> BodyKind:
    media = content_type.partition(";")[0].strip().lower()
    if media == "text/event-stream":
        return "event_stream"
    return "json" if media == "application/json" or media.endswith("+json") else "other"


def payloads_in(body: bytes) -> list[bytes] | None:
    """The payloads of a body that came whole where one JSON answer was not to be read: of an event stream, or JSON a line.

    Returns:
        None where it is neither. A failure in a field called `error` (GPUStack) is a payload.

    Raises:
        ProviderError: (protocol) an event exceeds the limit of `shim.wire.sse`.
    """
    kind = body_kind(body, ended=True)
    if kind == "json":
        return _json_lines(body)
    if kind != "event_stream" or not _DATA_LINE.search(body):
        return None
    failures: list[bytes] = []
    decoder = JsonEventDecoder(
        on_unknown_field=lambda name, value: failures.append(value) if name == b"error" else None
    )
    payloads = [event.data for event in decoder.feed(body)]
    return payloads + decoder.last_payloads() + failures


def _json_lines(body: bytes) -> list[bytes] | None:
    """Chunks that came a line each, without the frame of an event stream (Ollama's way); None unless all of them are objects."""
    lines = [line for line in body.removeprefix(_BOM).splitlines() if line.strip()]
    if len(lines) < 2 or not all(line.lstrip()[:1] == b"{" and line.rstrip()[-1:] == b"}" for line in lines):
        return None
    try:
        objects = [read_json(line) for line in lines]
    except UnreadableJsonError:
        return None
    return lines if all(isinstance(each, dict) for each in objects) else None


class Decoder(Protocol):
    """What the stream decoders of both APIs have in common, as far as it is needed here."""

    def feed(self, payload: bytes) -> list[StreamEvent]:
        """Read one payload."""
        ...

    def finish(self) -> list[StreamEvent]:
        """Tell that the body has ended."""
        ...


class Listener(Protocol):
    """Who is told the pieces of a stream.

    Attributes:
        over: it wants no more.
        on_event: called with each.
        on_events: called with several in place of that, where who listens only keeps them: it raises nothing, and is over in
            none of them. None where they are wanted one by one.
    """

    @property
    def over(self) -> bool:
        """See above."""
        ...

    @property
    def on_event(self) -> Callable[[StreamEvent], object]:
        """See above."""
        ...

    @property
    def on_events(self) -> Callable[[list[StreamEvent]], object] | None:
        """See above."""
        ...


class PieceTeller(Decoder, Protocol):
    """A decoder that reads quickly what nearly all payloads are, one more piece of what came before: one, or many at once."""

    def piece(self, payload: bytes) -> StreamEvent | None:
        """The piece that a payload is, which is then read; None where it may be anything else, and `feed` is to take it."""
        ...

    def piece_of_event(self, event: bytes) -> StreamEvent | None:
        """The piece that a whole event is, as it came, which is then read; None where it may be anything else.

        Whoever asks has nothing of another event: what is read is `data: {…}` and a blank line, and no other line.
        """
        ...

    def tell_pieces(self, payloads: list[bytes], listener: Listener) -> None:
        """Take payloads from the end of a list, where the first stands, and tell the piece that each is, as `feed` would.

        It ends before a payload that may be anything else, which `feed` then takes, and as soon as the listener is over. What
        the listener raises leaves; the payload of that piece is taken.
        """
        ...


def tell_one_by_one(decoder: PieceTeller, payloads: list[bytes], *, listener: Listener) -> None:
    """Be `PieceTeller.tell_pieces` of a decoder that gains nothing from many at once."""
    piece, on_event = decoder.piece, listener.on_event
    while payloads and not listener.over:
        event = piece(payloads[-1])
        if event is None:
            return
        payloads.pop()
        on_event(event)


def events_in(decoder: Decoder, payloads: list[bytes]) -> list[StreamEvent]:
    """The events of a stream that came whole, its last one included."""
    events = [event for payload in payloads for event in decoder.feed(payload)]
    return events + decoder.finish()


def outcome_of(last: StreamEvent) -> ModelResponse | ProviderError:
    """What the last event of a stream says of it."""
    if isinstance(last, StreamDone):
        return last.response
    if isinstance(last, StreamError):
        return last.error
    raise TypeError(f"a stream ended in {type(last).__name__}; its decoder is at fault")
