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
    StreamDone,
    StreamError,
    StreamEvent,
    StreamStart,
    TextDelta,
)
from shim.wire.chat.accumulation import ChoiceAccumulator, LateArgumentsError
from shim.wire.chat.chunk import (
    Chunk,
    Head,
    Piece,
    decode_chunk,
    lenient_head,
    lenient_pieces,
    typed_head,
    typed_piece,
)
from shim.wire.chat.vocabulary import read_usage
from shim.wire.failure import error_in, parse_error
from shim.wire.masking import masked_body

_DONE = b"[DONE]"
_SHOWN = 80  # bytes of a malformed payload quoted in its error


class StreamDecoder:
    """Reads one stream. `feed` each payload, then `finish`; after the last event both return nothing more."""

    def __init__(self) -> None:
        self._choices: dict[int, ChoiceAccumulator] = {}
        self._id = ""
        self._model = ""
        self._usage: dict[str, Any] | None = None
        self._service_tier: str | None = None
        self._extra: dict[str, Any] = {}
        self._told_tier: str | None = None  # as the last typed chunk had them
        self._told_fingerprint: str | None = None
        self._position = 0
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
            extra=dict(self._extra),
        )

    def feed(self, payload: bytes) -> list[StreamEvent]:
        """Read the data of one server-sent event.

        Returns:
            Its events, often one, sometimes none. A payload that is not JSON or not a chunk, and an error object at any place,
            is a `StreamError`, with what had arrived as `error.partial`; nothing is skipped. It raises nothing.
        """
        if self._ended:
            return []
        self._position += 1
        if payload == _DONE:
            return self._done()
        try:
            chunk = decode_chunk(payload)
        except msgspec.ValidationError:
            return self._feed_lenient(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self._undecodable(payload, str(error))
        choices = chunk.choices
        # The hot path: a chunk that adds text to one known choice and says nothing else.
        if (
            choices
            and len(choices) == 1
            and chunk.usage is None
            and chunk.service_tier == self._told_tier
            and chunk.system_fingerprint == self._told_fingerprint
            and self._started
            and (self._id or not chunk.id)
            and (self._model or not chunk.model)
        ):
            choice = choices[0]
            delta = choice.delta
            if (
                delta is not None
                and delta.content
                and choice.finish_reason is None
                and choice.logprobs is None
                and delta.tool_calls is None
                and not delta.refusal
                and not delta.reasoning
                and not delta.reasoning_content
            ):
                known = self._choices.get(choice.index)
                if known is not None:
                    known.texts.append(delta.content)
                    return [TextDelta(delta.content, 0, choice.index)]
        return self._feed_typed(chunk)

    def finish(self) -> list[StreamEvent]:
        """Tell that the body has ended: the last event, unless it was given before."""
        if self._ended:
            return []
        if self._choices and all(choice.finished for choice in self._choices.values()):
            return self._done()
        where = f"after {self._position} payloads" if self._position else "before its first payload"
        return self._fail(ErrorCategory.TRUNCATED, f"the stream ended {where}, with neither a finish reason nor [DONE]")

    def _feed_typed(self, chunk: Chunk) -> list[StreamEvent]:
        self._told_tier = chunk.service_tier
        self._told_fingerprint = chunk.system_fingerprint
        return self._take(typed_head(chunk), [typed_piece(choice) for choice in chunk.choices or ()])

    def _feed_lenient(self, payload: bytes) -> list[StreamEvent]:
        # The typed reading stops at the first field it does not know: what comes after that is read here for the first time.
        try:
            chunk = msgspec.json.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return self._undecodable(payload, str(error))
        if not isinstance(chunk, dict):
            return self._fail(
                ErrorCategory.PROTOCOL,
                f"payload {self._position} of the stream is a JSON {type(chunk).__name__}, not a chunk",
            )
        events = self._take(lenient_head(chunk), lenient_pieces(chunk))
        if error_in(chunk) and not self._ended:
            events += self._end_with(parse_error(200, {}, payload, partial=self.response))
        return events

    def _take(self, head: Head, pieces: Iterable[Piece]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        self._note(head)
        try:
            for piece in pieces:
                choice = self._choices.get(piece.choice)
                if choice is None:
                    choice = self._choices[piece.choice] = ChoiceAccumulator(piece.choice)
                events.extend(choice.add(piece))
        except LateArgumentsError as error:
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
            self._usage = head.usage  # some servers send a running count with every chunk: the last one is right
        created = self._extra.get("created")  # when the stream began; some servers count on
        self._extra.update(head.extra)
        if created is not None:
            self._extra["created"] = created

    def _start(self) -> StreamStart:
        self._started = True
        return StreamStart(self._id, self._model)

    def _done(self) -> list[StreamEvent]:
        events: list[StreamEvent] = [] if self._started else [self._start()]
        for choice in self._choices.values():
            events.extend(choice.complete_calls())
            choice.finish = choice.finish or ""
        self._ended = True
        events.append(StreamDone(self.response))
        return events

    def _undecodable(self, payload: bytes, reason: str) -> list[StreamEvent]:
        stripped = payload.strip()
        if not stripped:  # an empty `data:` line keeps a connection alive
            return []
        if stripped == _DONE:
            return self._done()
        shown = masked_body(stripped).decode("utf-8", "replace")[:_SHOWN]
        return self._fail(
            ErrorCategory.PROTOCOL, f"payload {self._position} of the stream is not JSON ({reason}): {shown!r}"
        )

    def _fail(self, category: ErrorCategory, message: str) -> list[StreamEvent]:
        return self._end_with(ProviderError(category, message, http_status=200, partial=self.response))

    def _end_with(self, error: ProviderError) -> list[StreamEvent]:
        self._ended = True
        return [StreamError(error)]
