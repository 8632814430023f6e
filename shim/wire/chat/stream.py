"""A Chat Completions stream as events: one SSE payload in, the events it is out.

Not the SSE framing (`shim.wire.sse`), the reading of a payload (`chunk`) or the gathering of its pieces (`accumulation`).
Source: API reference, Chat Completions streaming. The end is `[DONE]`, or the body's end once every choice has a finish reason
(Perplexity and GPUStack send no `[DONE]`; Snowflake sends no finish reason); anything less is a truncated stream.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from shim.model import (
    ErrorCategory,
    ModelResponse,
    ProviderError,
    ReasoningDelta,
    StreamDone,
    StreamError,
    StreamEvent,
    StreamStart,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
)
from shim.model.caps import DEFAULT_CAPS, Caps
from shim.model.depth import MAX_DEPTH
from shim.wire.arguments import LateArgumentsError
from shim.wire.bodies import Listener
from shim.wire.capping import LONGEST, CapCounter, ended_badly, without_end
from shim.wire.chat.accumulation import ChoiceAccumulator
from shim.wire.chat.chunk import (
    CallPiece,
    Head,
    Piece,
    decode_chunk,
    lenient_head,
    lenient_pieces,
    typed_head,
    typed_piece,
    with_whole_characters,
)
from shim.wire.chat.joining import CHUNK, Fields, growing
from shim.wire.chat.pieces import CallPieces, Pieces, TextPieces
from shim.wire.chat.repeated import RepeatedChunk, around_words
from shim.wire.chat.vocabulary import read_usage, with_usage
from shim.wire.failure import error_in, parse_error
from shim.wire.json_events import DONE, repaired
from shim.wire.json_text import HalfCharacters, UnreadableJsonError, read_with_halves, without_halves
from shim.wire.lenient import TooManyCallsError
from shim.wire.masking import masked_body

_ENDS_EARLY = "truncated"  # msgspec's word for JSON that stops before its end
_LONE = "\N{REPLACEMENT CHARACTER}"
_SHOWN = 80  # bytes of a malformed payload quoted in its error
# Where one chunk has fields of the server's own the next ones have, nearly always: so many are read leniently at once.
_LENIENT_RUN = 15
_GROWING = growing(CHUNK)
_IN_VAIN = 8  # chunks that the next one did not repeat, after which that is no longer looked for


class StreamDecoder:
    """Reads one stream. `feed` each payload, then `finish`; after the last event both return nothing more."""

    __slots__ = (
        "_caps",
        "_choices",
        "_counted_to",
        "_counter",
        "_cut",
        "_ended",
        "_extra",
        "_halves",
        "_hot",
        "_id",
        "_in_vain",
        "_left",
        "_lenient_left",
        "_model",
        "_said",
        "_service_tier",
        "_started",
        "_usage",
    )

    def __init__(self, *, caps: Caps = DEFAULT_CAPS) -> None:
        self._caps = caps
        self._counter = CapCounter(caps)
        self._choices: dict[int, ChoiceAccumulator] = {}
        self._id = ""
        self._model = ""
        self._usage: dict[str, Any] | None = None
        self._service_tier: str | None = None
        self._extra = Fields(CHUNK)
        self._said: dict[str, Any] | None = None  # of it, by the last chunk
        self._halves = HalfCharacters()
        self._hot: Pieces | None = None  # after text comes text, nearly always, and after arguments more of them
        self._in_vain = 0
        self._lenient_left = 0
        self._cut: tuple[int, bytes, str] | None = None  # a payload whose JSON stops before its end
        # What is left may go by uncounted. One number tells that and which payload it is, since every piece pays for it.
        self._left = 0
        self._counted_to = 0
        self._started = False
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the last event was given: `StreamDone` or `StreamError`."""
        return self._ended

    @property
    def response(self) -> ModelResponse:
        """The response as far as it has come."""
        return ModelResponse(
            id=self._id,
            model=self._model,
            choices=tuple(self._choices[index].choice() for index in sorted(self._choices)),
            usage=None if self._usage is None else read_usage(self._usage),
            service_tier=self._service_tier,
            extra=self._extra.value(),
        )

    def feed(self, payload: bytes) -> list[StreamEvent]:
        """Read the data of one server-sent event.

        Returns:
            Its events, often one, sometimes none. A payload that is not JSON or not a chunk, and an error object at any place,
            is a `StreamError`, with what had arrived as `error.partial`; nothing is skipped. It raises nothing.
        """
        event = self.piece(payload)
        return self._feed_any(payload) if event is None else [event]

    def piece(self, payload: bytes) -> StreamEvent | None:
        """Read a mere piece; see `shim.wire.bodies.PieceTeller`."""
        hot = self._hot
        if hot is None or self._left <= 0:
            return None
        event = hot.piece(payload)
        if event is not None:
            self._left -= 1
        return event

    def piece_of_event(self, event: bytes) -> StreamEvent | None:
        """Read a mere piece from its whole event; see `shim.wire.bodies.PieceTeller`."""
        hot = self._hot
        if hot is None or self._left <= 0:
            return None
        piece = hot.piece_of_event(event)
        if piece is not None:
            self._left -= 1
        return piece

    def tell_pieces(self, payloads: list[bytes], listener: Listener) -> None:
        """Read what is mere pieces; see `shim.wire.bodies.PieceTeller`."""
        hot, left = self._hot, self._left
        if hot is None or left <= 0:
            return
        before = len(payloads)
        try:
            hot.tell(payloads, listener, most=left)
        finally:
            self._left = left - before + len(payloads)

    def finish(self) -> list[StreamEvent]:
        """Tell that the body has ended: the last event, unless it was given before."""
        if self._ended:
            return []
        if self._cut is not None:
            return self._fail(ErrorCategory.TRUNCATED, f"the stream ended inside payload {self._cut[0]}")
        if self._choices and all(choice.finished for choice in self._choices.values()):
            return self._done()
        where = f"after {self._position} payloads" if self._position else "before its first payload"
        return self._fail(ErrorCategory.TRUNCATED, f"the stream ended {where}, with neither a finish reason nor [DONE]")

    def _feed_any(self, payload: bytes) -> list[StreamEvent]:
        """Read any payload, and count it and what went by on the hot path before it."""
        if self._ended:
            return []
        self._left -= 1
        self._counter.settle()
        events = self._read_any(payload)
        over = self._counter.count(events, size=len(payload), position=self._position)
        if over is not None and not ended_badly(events):
            return without_end(events) + self._fail(ErrorCategory.PROTOCOL, f"the stream has {over}")
        position = self._position
        self._left = self._counter.expect(() if self._hot is None else self._hot.growing, position=position)
        self._counted_to = position + self._left
        return events

    @property
    def _position(self) -> int:
        """The number of the last payload."""
        return self._counted_to - self._left

    def _read_any(self, payload: bytes) -> list[StreamEvent]:
        # By their very types: `isinstance` asks Python of a class that is abstract.
        was_text = (
            type(self._hot) is TextPieces and self._left >= 0
        )  # else it may be mere text, and was not read as such
        if type(self._hot) is RepeatedChunk and self._hot.was_repeated:
            self._in_vain = 0
        self._hot = None
        if self._cut is not None:
            position, cut_payload, reason = self._cut
            return self._malformed(position, cut_payload, reason=reason)
        if payload == DONE:
            return self._done()
        if self._lenient_left:
            self._lenient_left -= 1
            return self._feed_lenient(payload)
        try:
            chunk = decode_chunk(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._lenient_left = _LENIENT_RUN
            return self._feed_lenient(payload)
        # Usage and logprobs may be of any depth; half a character that was held back waits for what comes now.
        if self._halves.held or payload.count(b"{") + payload.count(b"[") > MAX_DEPTH:
            return self._feed_lenient(payload)
        head, pieces = typed_head(chunk), [typed_piece(choice) for choice in chunk.choices or ()]
        events = self._take(head, pieces)
        if events and self._id and self._model and not self._halves.held:
            event = events[-1]
            tier, fingerprint = chunk.service_tier, chunk.system_fingerprint
            if isinstance(event, (ToolCallDelta, ToolCallStart)):
                calls = {
                    (index, at): call
                    for index, choice in self._choices.items()
                    for at, call in choice.calls.expected().items()
                    if call.is_open
                }
                self._hot = CallPieces(calls, tier=tier, fingerprint=fingerprint)
            elif isinstance(event, TextDelta) and (not was_text or len(event.text) > LONGEST):
                texts = {index: choice.texts for index, choice in self._choices.items() if choice.plain}
                self._hot = TextPieces(texts, tier=tier, fingerprint=fingerprint)
            else:  # nothing but text would have been read as text
                self._expect_the_same(payload, head, pieces=pieces, events=events)
        return events

    def _feed_lenient(self, payload: bytes) -> list[StreamEvent]:
        # The typed reading stops at the first field it does not know: what comes after that is read here for the first time.
        try:
            chunk = read_with_halves(payload)
        except UnreadableJsonError as error:
            return self._undecodable(payload, str(error))
        if not isinstance(chunk, dict):
            return self._fail(
                ErrorCategory.PROTOCOL,
                f"payload {self._position} of the stream is a JSON {type(chunk).__name__}, not a chunk",
            )
        pieces = lenient_pieces(chunk)
        if self._halves.held or b"\\u" in payload:
            pieces = [with_whole_characters(piece, self._halves) for piece in pieces]
            chunk = without_halves({name: value for name, value in chunk.items() if name != "choices"})
        head = lenient_head(chunk)
        events = self._take(head, pieces)
        if error_in(chunk, streamed=True) and not self._ended:
            events += self._end_with(parse_error(200, {}, payload, partial=self.response))
        elif not self._halves.held:
            self._expect_the_same(payload, head, pieces=pieces, events=events)
        return events

    def _expect_the_same(self, payload: bytes, head: Head, *, pieces: list[Piece], events: list[StreamEvent]) -> None:
        """Keep a chunk that the next ones may repeat with other words: one event of one choice, and nothing else new in it."""
        if self._in_vain == _IN_VAIN or len(events) != 1 or len(pieces) != 1:
            return
        self._in_vain += 1  # until one repeats this
        event = events[0]
        if not isinstance(event, (TextDelta, ReasoningDelta, ToolCallDelta)) or not _GROWING.isdisjoint(head.extra):
            return
        targets = self._choices[pieces[0].choice].targets(pieces[0], event)
        around = around_words(payload, event) if targets else None
        if around is not None:
            self._hot = RepeatedChunk(event, around, targets=targets)

    def _take(self, head: Head, pieces: Iterable[Piece]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        self._note(head)
        try:
            for piece in pieces:
                choice = self._choices.get(piece.choice)
                if choice is None:
                    choice = self._choices[piece.choice] = ChoiceAccumulator(piece.choice, caps=self._caps)
                events.extend(choice.add(piece))
        except (TooManyCallsError, LateArgumentsError) as error:
            events += self._fail(ErrorCategory.PROTOCOL, f"payload {self._position} of the stream has {error}")
        if not self._started and (self._id or events):
            return [self._start(), *events]
        return events

    def _note(self, head: Head) -> None:
        # Azure opens with an empty id and model, some proxies change the id with every chunk: the first not empty counts.
        self._id = self._id or head.id
        self._model = self._model or head.model
        self._service_tier = head.service_tier or self._service_tier
        if head.usage is not None:
            self._usage = with_usage(self._usage, head.usage)
        if head.extra != self._said or not _GROWING.isdisjoint(head.extra):  # else it changes nothing
            self._said = head.extra
            self._extra.add(head.extra)

    def _start(self) -> StreamStart:
        self._started = True
        return StreamStart(self._id, self._model)

    def _done(self) -> list[StreamEvent]:
        events: list[StreamEvent] = [] if self._started else [self._start()]
        try:
            for piece in self._lone_halves():
                events.extend(self._choices[piece.choice].add(piece))
        except (TooManyCallsError, LateArgumentsError) as error:
            return events + self._fail(ErrorCategory.PROTOCOL, f"payload {self._position} of the stream has {error}")
        for choice in self._choices.values():
            events.extend(choice.end())
        self._end()
        events.append(StreamDone(self.response))
        return events

    def _lone_halves(self) -> Iterable[Piece]:
        """The pieces that end texts in which half a character stayed alone."""
        for choice, field, *call in self._halves.rest():
            if field == "call":
                index = call[0] if isinstance(call[0], int) else None
                yield Piece(choice, calls=[CallPiece(index, "" if index is not None else str(call[0]), "", _LONE)])
            else:
                piece = Piece(choice)
                setattr(piece, field, _LONE)
                yield piece

    def _undecodable(self, payload: bytes, reason: str) -> list[StreamEvent]:
        stripped = payload.strip()
        if not stripped:  # an empty `data:` line keeps a connection alive
            return []
        if stripped == DONE:
            return self._done()
        inner = repaired(stripped)
        if inner is not None:
            return self._read_any(inner) if inner else []
        if _ENDS_EARLY in reason:
            # Its end may be missing because the stream's is: legacy clients hand on a last line that was cut. What comes
            # next tells: the end makes it a truncated stream, anything else a malformed payload.
            self._cut = (self._position, stripped, reason)
            return []
        return self._malformed(self._position, stripped, reason=reason)

    def _malformed(self, position: int, payload: bytes, *, reason: str) -> list[StreamEvent]:
        shown = masked_body(payload).decode("utf-8", "replace")[:_SHOWN]
        return self._fail(ErrorCategory.PROTOCOL, f"payload {position} of the stream is not JSON ({reason}): {shown!r}")

    def _fail(self, category: ErrorCategory, message: str) -> list[StreamEvent]:
        return self._end_with(ProviderError(category, message, http_status=200, partial=self.response))

    def _end_with(self, error: ProviderError) -> list[StreamEvent]:
        self._end()
        return [StreamError(error)]

    def _end(self) -> None:
        self._ended = True
        self._hot = None  # nothing more is read
