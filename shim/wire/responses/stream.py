"""A Responses stream as events: one SSE payload in, the events it is out.

Not the SSE framing (`shim.wire.sse`), the events about items (`item_events`) or the gathering of their pieces (`accumulation`).
Source: API reference, Responses streaming. An event is known by its `type` alone; an unknown one, such as `keepalive`, is
ignored. The end is a terminal event; a body that ends without one is truncated, with or without `[DONE]`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, ClassVar

import msgspec
from msgspec import Struct

from shim.model import (
    ErrorCategory,
    ItemDelta,
    ModelResponse,
    ProviderError,
    StreamDone,
    StreamError,
    StreamEvent,
    StreamStart,
    ToolCallDelta,
)
from shim.model.caps import DEFAULT_CAPS, Caps
from shim.wire.arguments import LateArgumentsError
from shim.wire.bodies import Listener, tell_one_by_one
from shim.wire.capping import CapCounter, ShortText, ended_badly, without_end
from shim.wire.failure import error_in
from shim.wire.json_events import DONE, repaired
from shim.wire.json_text import HalfCharacters, UnreadableJsonError, read_with_halves, without_halves
from shim.wire.lenient import MAX_CALLS, TooManyCallsError, dicts_in, text_of
from shim.wire.masking import masked_body
from shim.wire.responses.accumulation import OutputAccumulator
from shim.wire.responses.failures import failure_of, has_failed, read_error
from shim.wire.responses.item_events import ARGUMENTS_DELTAS, TEXT_DELTAS, handler_of, indexes_of, place_of
from shim.wire.responses.response import read_answer
from shim.wire.responses.streamed import ResponsesCall, StreamedText
from shim.wire.responses.vocabulary import finish_reason

_OTHER = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_SHOWN = 80  # bytes of a malformed payload quoted in its error


class _Delta(Struct, gc=False):
    """A piece of text, typed, so that it decodes at C speed; any other event decodes too, or not at all."""

    type: str = ""
    output_index: int = 0
    content_index: int = 0
    summary_index: int = 0
    delta: ShortText = ""
    logprobs: list[Any] | None = None


_decode_delta = msgspec.json.Decoder(_Delta).decode


class _ArgumentsDelta(Struct, gc=False):
    """A piece of a call's arguments, likewise."""

    type: str = ""
    item_id: str = ""
    output_index: int = 0
    delta: ShortText = ""


_decode_arguments = msgspec.json.Decoder(_ArgumentsDelta).decode
# What grows beside the items: sound and what is said in it. Event -> its name among the response's own fields, and its kind.
_SPOKEN = {"response.audio.delta": "audio", "response.audio.transcript.delta": "audio_transcript"}


class StreamDecoder:
    """Reads one stream. `feed` each payload, then `finish`; after the last event both return nothing more."""

    __slots__ = (
        "_answer",
        "_call",
        "_call_at",
        "_counted_to",
        "_counter",
        "_ended",
        "_halves",
        "_left",
        "_output",
        "_spoken",
        "_started",
        "_text",
        "_text_at",
        "_text_type",
    )

    def __init__(self, *, caps: Caps = DEFAULT_CAPS) -> None:
        self._counter = CapCounter(caps)
        self._output = OutputAccumulator(caps=caps)
        self._answer: dict[str, Any] = {"status": "in_progress"}  # the response as last told, its output apart
        self._text: StreamedText | None = None  # the text of the last event, if that was a piece of text
        self._text_type = ""  # that event's type
        self._text_at = (0, 0, 0)  # and its indexes
        self._call: ResponsesCall | None = None  # the same of a call's arguments
        self._call_at = ("", "", 0)  # type, id and index
        self._halves = HalfCharacters()
        self._spoken: dict[str, list[str]] = {}
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
        spoken = {kind: "".join(pieces) for kind, pieces in self._spoken.items()}
        return read_answer(spoken | self._answer | {"output": self._output.output()})

    def feed(self, payload: bytes) -> list[StreamEvent]:
        """Read the data of one server-sent event.

        Returns:
            Its events, often one, sometimes none. A payload that is not JSON or not an event, an error event and a failed
            response are a `StreamError`, with what had arrived as `error.partial`; nothing is skipped. It raises nothing.
        """
        event = self.piece(payload)
        return self._feed_general(payload) if event is None else [event]

    def piece(self, payload: bytes) -> StreamEvent | None:
        """Read a mere piece; see `shim.wire.bodies.PieceTeller`."""
        if self._left <= 0:
            return None
        if self._text is not None:
            return self._piece_of_text(payload, self._text)
        return None if self._call is None else self._piece_of_arguments(payload, self._call)

    def piece_of_event(self, event: bytes) -> None:
        """Nothing: its events are named and numbered, so no two are the same around their words; see `PieceTeller`."""

    def tell_pieces(self, payloads: list[bytes], listener: Listener) -> None:
        """Read what is mere pieces; see `shim.wire.bodies.PieceTeller`."""
        tell_one_by_one(self, payloads, listener=listener)

    def finish(self) -> list[StreamEvent]:
        """Tell that the body has ended: the last event, unless it was given before."""
        if self._ended:
            return []
        where = f"after {self._position} payloads" if self._position else "before its first payload"
        return self._fail(ErrorCategory.TRUNCATED, f"the stream ended {where}, without a terminal event")

    def _piece_of_text(self, payload: bytes, text: StreamedText) -> StreamEvent | None:
        """One more piece of the text the last event was a piece of; None where it may be anything else."""
        try:
            event = _decode_delta(payload)
        except _OTHER:
            return None
        delta = event.delta
        if (
            not delta
            or event.type != self._text_type
            or event.logprobs
            or (event.output_index, event.content_index, event.summary_index) != self._text_at
        ):
            return None
        self._left -= 1
        text.pieces.append(delta)
        return text.form.event(delta, text.index)

    def _piece_of_arguments(self, payload: bytes, call: ResponsesCall) -> ToolCallDelta | None:
        """One more piece of the arguments the last event was a piece of, likewise."""
        try:
            event = _decode_arguments(payload)
        except _OTHER:
            return None
        delta = event.delta
        if not delta or (event.type, event.item_id, event.output_index) != self._call_at:
            return None
        self._left -= 1
        call.pieces.append(delta)
        return ToolCallDelta(call.index, delta)

    def _feed_general(self, payload: bytes) -> list[StreamEvent]:
        """Read any payload, and count it and what went by on the hot path before it."""
        if self._ended:
            return []
        self._left -= 1
        self._counter.settle()
        events = self._read_any(payload)
        over = self._counter.count(events, size=len(payload), position=self._position)
        if over is not None and not ended_badly(events):
            return without_end(events) + self._fail(ErrorCategory.PROTOCOL, f"the stream has {over}")
        self._let_by([growing.pieces for growing in (self._text, self._call) if growing is not None])
        return events

    def _let_by(self, growing: Iterable[list[str]]) -> None:
        position = self._position
        self._left = self._counter.expect(growing, position=position)
        self._counted_to = position + self._left

    @property
    def _position(self) -> int:
        """The number of the last payload."""
        return self._counted_to - self._left

    def _read_any(self, payload: bytes) -> list[StreamEvent]:
        self._text = self._call = None
        try:
            event = read_with_halves(payload)
        except UnreadableJsonError as error:
            return self._undecodable(payload, str(error))
        if not isinstance(event, dict):
            return self._fail(
                ErrorCategory.PROTOCOL,
                f"payload {self._position} of the stream is a JSON {type(event).__name__}, not an event",
            )
        if self._halves.held or b"\\u" in payload:
            event = self._with_whole_characters(event)
        kind = text_of(event.get("type"))
        if kind in _SPOKEN:
            return self._begun(self._speak(_SPOKEN[kind], text_of(event.get("delta"))))
        if handler_of(kind) is not None:
            return self._feed_item(kind, event)
        return self._HANDLERS.get(kind, StreamDecoder._end_if_error)(self, event)

    def _feed_item(self, kind: str, event: dict[str, Any]) -> list[StreamEvent]:
        handle = handler_of(kind)
        try:
            events = [] if handle is None else list(handle(self._output, event))
        except (TooManyCallsError, LateArgumentsError) as error:
            return self._fail(ErrorCategory.PROTOCOL, f"payload {self._position} of the stream has {error}")
        if events and kind in TEXT_DELTAS and not self._halves.held:
            self._text = self._output.last_text
            self._text_type = kind
            self._text_at = indexes_of(event)
        elif events and kind in ARGUMENTS_DELTAS and not self._halves.held:
            place = place_of(event)
            self._call = self._output.growing_call(place, kind=ARGUMENTS_DELTAS[kind])
            self._call_at = (kind, place.item_id, place.output_index)
        return self._begun(events)

    def _speak(self, kind: str, piece: str) -> list[StreamEvent]:
        if not piece:
            return []
        self._spoken.setdefault(kind, []).append(piece)
        return [ItemDelta(kind, piece)]

    def _with_whole_characters(self, event: dict[str, Any]) -> dict[str, Any]:
        """Put together what the server cut inside a character, in the pieces of one text; elsewhere a half is replaced."""
        rest: dict[str, Any] = without_halves({name: value for name, value in event.items() if name != "delta"})
        piece = event.get("delta")
        if not isinstance(piece, str):
            return rest | {"delta": without_halves(piece)} if "delta" in event else rest
        place = (text_of(event.get("type")), text_of(event.get("item_id")), *indexes_of(event))
        return rest | {"delta": self._halves.whole(place, piece)}

    def _begun(self, events: list[StreamEvent]) -> list[StreamEvent]:
        """Put the start before the first events."""
        if self._started or not events:
            return events
        return [self._start(), *events]

    def _start(self) -> StreamStart:
        self._started = True
        return StreamStart(text_of(self._answer.get("id")), text_of(self._answer.get("model")))

    def _note(self, event: dict[str, Any], *, status: str) -> dict[str, Any]:
        """Keep what an event says of the whole response, and return that; `status` is what its type says."""
        response = event.get("response")
        response = response if isinstance(response, dict) else {}
        answer = {name: value for name, value in response.items() if name != "output"}
        for name in ("id", "model"):
            answer[name] = answer.get(name) or self._answer.get(name)
        self._answer = answer | {"status": text_of(answer.get("status")) or status}
        return response

    def _tell_response(self, event: dict[str, Any]) -> list[StreamEvent]:
        self._note(event, status="in_progress")
        return [] if self._started else [self._start()]

    def _end_well(self, event: dict[str, Any], *, status: str) -> list[StreamEvent]:
        response = self._note(event, status=status)
        if has_failed(response):
            return self._end_failed(event, status=status)
        if finish_reason(self._answer, calls=False) is None:
            self._answer["status"] = status  # the event says that it ended, whatever the response in it says
        try:
            events = list(
                self._output.finish(dicts_in(response.get("output")), finish_reason(self._answer, calls=False))
            )
        except (TooManyCallsError, LateArgumentsError) as error:
            return self._fail(ErrorCategory.PROTOCOL, f"payload {self._position} of the stream has {error}")
        self._end()
        return self._begun([*events, StreamDone(self.response)])

    def _end_failed(self, event: dict[str, Any], *, status: str) -> list[StreamEvent]:
        response = self._note(event, status=status)
        if not has_failed(
            self._answer | {"status": ""}
        ):  # some gateways say beside the response why it failed, or without one
            self._answer["error"] = event.get("error") or _flat(event) or None
        output = self._output.output() or dicts_in(response.get("output"))[:MAX_CALLS]
        return self._end_with(failure_of(self._answer, partial=read_answer(self._answer | {"output": output})))

    def _end_with_error(self, event: dict[str, Any]) -> list[StreamEvent]:
        """End with an error event, nested as servers send it, or flat as it is documented."""
        return self._end_with(read_error({"error": event.get("error") or _flat(event)}, partial=self.response))

    def _end_if_error(self, event: dict[str, Any]) -> list[StreamEvent]:
        """Ignore an event of a type unknown here; an error object may come without a type, or with its own."""
        kind = text_of(event.get("type"))
        if not kind.startswith("response.") and error_in(event, streamed=True):
            return self._end_with(read_error(event, partial=self.response))
        if kind:
            return []
        return self._fail(ErrorCategory.PROTOCOL, f"payload {self._position} of the stream has no type")

    def _undecodable(self, payload: bytes, reason: str) -> list[StreamEvent]:
        stripped = payload.strip()
        if not stripped:  # an empty `data:` line keeps a connection alive
            return []
        if stripped == DONE:
            return self.finish()
        inner = repaired(stripped)
        if inner is not None:
            return self._read_any(inner) if inner else []
        shown = masked_body(stripped).decode("utf-8", "replace")[:_SHOWN]
        return self._fail(
            ErrorCategory.PROTOCOL, f"payload {self._position} of the stream is not JSON ({reason}): {shown!r}"
        )

    def _fail(self, category: ErrorCategory, message: str) -> list[StreamEvent]:
        return self._end_with(ProviderError(category, message, http_status=200, partial=self.response))

    def _end_with(self, error: ProviderError) -> list[StreamEvent]:
        self._end()
        return [StreamError(error)]

    def _end(self) -> None:
        self._ended = True
        self._text = self._call = None  # nothing more is read

    # Type of an event about the whole response -> its handler; `item_events` has the other types.
    _HANDLERS: ClassVar[dict[str, Callable[[StreamDecoder, dict[str, Any]], list[StreamEvent]]]] = {
        "response.created": _tell_response,
        "response.queued": _tell_response,
        "response.in_progress": _tell_response,
        "response.done": partial(_end_well, status="completed"),  # the Realtime API, and servers that speak both
        "response.completed": partial(_end_well, status="completed"),
        "response.incomplete": partial(_end_well, status="incomplete"),
        "response.failed": partial(_end_failed, status="failed"),
        "response.cancelled": partial(_end_failed, status="cancelled"),
        "error": _end_with_error,
        "response.error": _end_with_error,  # gateways
    }


def _flat(event: dict[str, Any]) -> dict[str, Any]:
    """The error that an event itself is."""
    return {name: event[name] for name in ("code", "message", "param") if event.get(name) is not None}
