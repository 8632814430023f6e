"""Accumulation: the pieces of one choice, gathered into its parts, and the events each piece is.

Not the reading of payloads (`chunk`) nor the stream's beginning and end (`stream`).
Source: API reference, Chat Completions streaming; how servers tell their tool calls apart, as `_find` notes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from shim.model import (
    Choice,
    Part,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    StreamEvent,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallDone,
    ToolCallPart,
    ToolCallStart,
)
from shim.model.parts import ToolCallKind
from shim.wire.chat.chunk import CallPiece, Piece
from shim.wire.chat.vocabulary import finish_reason


class LateArgumentsError(Exception):
    """Arguments for a call that its choice's finish had completed; `stream` makes a protocol error of it."""


class _Call:
    """One tool call being made."""

    __slots__ = ("arguments", "done", "extra", "id", "index", "kind", "name", "started", "wire_index")

    def __init__(self, index: int, piece: CallPiece) -> None:
        self.index = index
        self.wire_index = piece.index
        self.id = piece.id
        self.name = piece.name
        self.kind: ToolCallKind = piece.kind
        self.arguments: list[str] = []
        self.extra: dict[str, Any] = {}
        self.started = False
        self.done = False

    def part(self) -> ToolCallPart:
        return ToolCallPart(self.id, self.name, "".join(self.arguments), kind=self.kind, extra=self.extra)


class ChoiceAccumulator:
    """One choice being made. `texts` may be appended to directly: it is the hot path."""

    __slots__ = (
        "_blocks",
        "_calls",
        "_extra",
        "_logprobs",
        "_message_extra",
        "_reasoning",
        "_reasoning_field",
        "_refusals",
        "finish",
        "index",
        "texts",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.texts: list[str] = []
        self.finish: str | None = None
        self._reasoning: list[str] = []
        self._reasoning_field = "reasoning_content"
        self._refusals: list[str] = []
        self._blocks: list[Part] = []
        self._calls: list[_Call] = []
        self._logprobs: dict[str, Any] | None = None
        self._extra: dict[str, Any] = {}
        self._message_extra: dict[str, Any] = {}

    @property
    def finished(self) -> bool:
        """Whether the server said why this choice ended."""
        return self.finish is not None

    def add(self, piece: Piece) -> Iterator[StreamEvent]:
        """Take a piece in; yield the events it is."""
        if piece.reasoning:
            self._reasoning.append(piece.reasoning)
            self._reasoning_field = piece.reasoning_field
            yield ReasoningDelta(piece.reasoning, 0, self.index)
        if piece.text:
            self.texts.append(piece.text)
            yield TextDelta(piece.text, 0, self.index)
        if piece.refusal:
            self._refusals.append(piece.refusal)
            yield RefusalDelta(piece.refusal, 0, self.index)
        for call in piece.calls:
            yield from self._add_call(call)
        self._keep(piece)
        if piece.finish_reason:  # "" is Snowflake's way of saying not yet
            self.finish = piece.finish_reason
            yield from self.complete_calls()

    def complete_calls(self) -> Iterator[StreamEvent]:
        """Complete the calls that are open, in order."""
        for call in self._calls:
            if not call.done:
                yield from self._start(call)
                call.done = True
                yield ToolCallDone(call.index, call.id, call.name, "".join(call.arguments), self.index)

    def choice(self) -> Choice:
        """The choice as far as it has come."""
        return Choice(
            self.index,
            tuple(self._parts()),
            finish_reason=None if self.finish is None else finish_reason(self.finish, calls=bool(self._calls)),
            raw_finish_reason=self.finish or None,
            logprobs=self._logprobs,
            extra=self._extra,
            message_extra=self._message_extra,
        )

    def _parts(self) -> Iterator[Part]:
        if self._reasoning:
            yield ReasoningPart("".join(self._reasoning), wire_field=self._reasoning_field)
        if self.texts:
            yield TextPart("".join(self.texts))
        yield from self._blocks
        if self._refusals:
            yield RefusalPart("".join(self._refusals))
        yield from (call.part() for call in self._calls)

    def _keep(self, piece: Piece) -> None:
        self._blocks.extend(piece.blocks)
        if piece.logprobs:
            self._logprobs = _joined(self._logprobs or {}, piece.logprobs)
        if piece.extra:
            self._extra = self._extra | piece.extra
        if piece.message_extra:
            self._message_extra = _joined(self._message_extra, piece.message_extra)

    def _add_call(self, piece: CallPiece) -> Iterator[StreamEvent]:
        call = self._find(piece)
        if call is None:
            call = _Call(len(self._calls), piece)
            self._calls.append(call)
        elif call.done and piece.arguments:
            raise LateArgumentsError(f"arguments for tool call {call.index} came after its choice had finished")
        call.id = call.id or piece.id
        call.name = call.name or piece.name
        call.extra = call.extra | piece.extra
        if piece.arguments:
            yield from self._start(call)
            call.arguments.append(piece.arguments)
            yield ToolCallDelta(call.index, piece.arguments, self.index)
        elif call.name:
            yield from self._start(call)

    def _start(self, call: _Call) -> Iterator[StreamEvent]:
        if call.started:
            return
        for each in self._calls[: call.index + 1]:  # in order, one that has not said anything yet included
            if not each.started:
                each.started = True
                yield ToolCallStart(each.index, each.id, each.name, self.index)

    def _find(self, piece: CallPiece) -> _Call | None:
        """Find the call a piece continues, None where it opens another.

        OpenAI tells calls apart by `index`. Mistral sends none, and whole calls; some servers count from 1; a server that puts
        two turns into one stream uses index 0 again with another id; Gemini repeats index 0 for each whole call, without ids.
        """
        if piece.index is None and piece.id:
            return next((call for call in self._calls if call.id == piece.id), None)
        same = [call for call in self._calls if piece.index is None or call.wire_index == piece.index]
        call = same[-1] if same else None
        if call is None or (piece.id and call.id and call.id != piece.id):
            return None
        return None if _opens_another(piece, call) else call


def _opens_another(piece: CallPiece, call: _Call) -> bool:
    """Whether a named piece without an id begins a new call: the one before it has no id either, and is complete."""
    if not piece.name or piece.id or call.id or piece.kind != call.kind or not call.arguments:
        return False
    try:
        msgspec.json.decode("".join(call.arguments))
    except msgspec.DecodeError:
        return False
    return True


def _joined(so_far: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Join streamed fields: lists are continued, objects joined field by field, of anything else the last one counts."""
    joined = dict(so_far)
    for key, value in more.items():
        before = joined.get(key)
        if isinstance(before, list) and isinstance(value, list):
            joined[key] = before + value
        elif key == "audio" and isinstance(before, dict) and isinstance(value, dict):
            joined[key] = _joined_audio(before, value)
        elif value is not None or key not in joined:
            joined[key] = list(value) if isinstance(value, list) else value
    return joined


def _joined_audio(so_far: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Join a spoken answer: `data` and `transcript` come in pieces, `id` and `expires_at` once."""
    joined = so_far | more
    for key in ("data", "transcript"):
        joined[key] = (so_far.get(key) or "") + (more.get(key) or "")
    return joined
