"""Stream chunks: the two readings of a Chat Completions payload, typed and lenient, into one form.

Not what is made of them (`accumulation`, `stream`). Source: openai-python `types/chat/chat_completion_chunk.py`;
compatible servers' differences as noted. The typed reading forbids unknown fields, so OpenAI's own chunks decode at C
speed, and a chunk with anything else in it is read leniently, where every field we do not model is kept.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from shim.model import Part, ReasoningPart, RefusalPart, TextPart
from shim.model.parts import ToolCallKind
from shim.wire.chat.response import MESSAGE_FIELDS, content_parts, unmodelled
from shim.wire.chat.vocabulary import arguments_of, call_kind, raw_finish_reason, reasoning_of, text_of, usage_of


class CallPiece(Struct, gc=False):
    """A tool-call delta, whatever form it came in."""

    index: int | None
    id: str
    name: str
    arguments: str
    kind: ToolCallKind = "function"
    extra: dict[str, Any] = {}


class Piece(Struct):
    """What a chunk adds to one choice."""

    choice: int
    text: str = ""
    reasoning: str = ""
    reasoning_field: str = "reasoning_content"
    refusal: str = ""
    calls: list[CallPiece] = []
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None
    blocks: list[Part] = []
    extra: dict[str, Any] = {}
    message_extra: dict[str, Any] = {}


class Head(Struct):
    """What a chunk says of the whole response."""

    id: str
    model: str
    usage: dict[str, Any] | None
    service_tier: str | None
    extra: dict[str, Any]


# --- typed ---


class _Function(Struct, forbid_unknown_fields=True, gc=False):
    name: str | None = None
    arguments: str | None = None


class _Call(Struct, forbid_unknown_fields=True, gc=False):
    index: int | None = None
    id: str | None = None
    type: str | None = None
    function: _Function | None = None


class Delta(Struct, forbid_unknown_fields=True, gc=False):
    """A delta as OpenAI and the servers closest to it send it."""

    role: str | None = None
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None


class ChoiceChunk(Struct, forbid_unknown_fields=True, gc=False):
    """A chunk's part of one choice."""

    index: int
    delta: Delta | None = None
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None


class Chunk(Struct, forbid_unknown_fields=True, gc=False):
    """One payload of a stream."""

    id: str | None = None
    object: str | None = None
    created: int | None = None
    model: str | None = None
    choices: list[ChoiceChunk] | None = None
    usage: dict[str, Any] | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    obfuscation: str | None = None


decode_chunk = msgspec.json.Decoder(Chunk).decode


class _TextDelta(Struct, forbid_unknown_fields=True, gc=False):
    content: str


class _TextChoice(Struct, forbid_unknown_fields=True, gc=False):
    index: int
    delta: _TextDelta
    logprobs: None = None
    finish_reason: None = None


class TextChunk(Struct, forbid_unknown_fields=True, gc=False):
    """The commonest payload, so strictly typed that what decodes as one is known to say nothing but text for one choice."""

    id: str
    object: str
    created: int
    model: str
    choices: tuple[_TextChoice]
    service_tier: str | None = None
    system_fingerprint: str | None = None
    usage: None = None
    obfuscation: str | None = None


decode_text_chunk = msgspec.json.Decoder(TextChunk).decode


def typed_head(chunk: Chunk) -> Head:
    """Read what a typed chunk says of the whole response."""
    told = {"object": chunk.object, "created": chunk.created, "system_fingerprint": chunk.system_fingerprint}
    extra = {key: value for key, value in told.items() if value is not None}
    return Head(chunk.id or "", chunk.model or "", chunk.usage, chunk.service_tier, extra)


def typed_piece(choice: ChoiceChunk) -> Piece:
    """Read what a typed chunk adds to one choice."""
    delta = choice.delta
    piece = Piece(choice.index, finish_reason=choice.finish_reason, logprobs=choice.logprobs)
    if delta is None:
        return piece
    piece.text = delta.content or ""
    piece.refusal = delta.refusal or ""
    piece.reasoning = delta.reasoning_content or delta.reasoning or ""
    piece.reasoning_field = "reasoning_content" if delta.reasoning_content else "reasoning"
    if delta.tool_calls:
        piece.calls = [_typed_call(call) for call in delta.tool_calls]
    return piece


def _typed_call(call: _Call) -> CallPiece:
    function = call.function
    if function is None:
        return CallPiece(call.index, call.id or "", "", "")
    return CallPiece(call.index, call.id or "", function.name or "", function.arguments or "")


# --- lenient ---

# `obfuscation` (OpenAI) and `p` (Mistral) are padding against traffic analysis; they say nothing.
_CHUNK_FIELDS = frozenset({"id", "model", "choices", "usage", "service_tier", "error", "obfuscation", "p"})
# Perplexity repeats the message so far beside each delta.
_CHOICE_FIELDS = frozenset({"index", "delta", "message", "finish_reason", "logprobs"})
_CALL_FIELDS = frozenset({"id", "type", "index", "function", "custom"})


def lenient_head(chunk: dict[str, Any]) -> Head:
    """Read what any chunk says of the whole response."""
    return Head(
        text_of(chunk.get("id")),
        text_of(chunk.get("model")),
        usage_of(chunk),
        text_of(chunk.get("service_tier")) or None,
        unmodelled(chunk, _CHUNK_FIELDS),
    )


def lenient_pieces(chunk: dict[str, Any]) -> list[Piece]:
    """Read what any chunk adds to its choices; `choices: null` (seen) adds nothing."""
    choices = chunk.get("choices")
    if not isinstance(choices, list):
        return []
    return [_lenient_piece(choice, position) for position, choice in enumerate(choices) if isinstance(choice, dict)]


def _lenient_piece(choice: dict[str, Any], position: int) -> Piece:
    delta = choice.get("delta") if "delta" in choice else choice.get("message")
    delta = delta if isinstance(delta, dict) else {}  # Azure's content filter sends `delta: null`, or none at all
    index, logprobs = choice.get("index"), choice.get("logprobs")
    reasoning, field = reasoning_of(delta)
    piece = Piece(
        index if isinstance(index, int) else position,
        reasoning=reasoning,
        reasoning_field=field,
        refusal=text_of(delta.get("refusal")),
        calls=_lenient_calls(delta),
        finish_reason=raw_finish_reason(choice),
        logprobs=logprobs if isinstance(logprobs, dict) else None,
        extra=unmodelled(choice, _CHOICE_FIELDS),
        message_extra=unmodelled(delta, MESSAGE_FIELDS),
    )
    _add_content(piece, delta.get("content"))
    return piece


def _add_content(piece: Piece, content: Any) -> None:
    """Add a string, or Mistral's list of `thinking` and `text` blocks; blocks of other kinds are kept whole."""
    for part in content_parts(content):
        if isinstance(part, TextPart):
            piece.text += part.text
        elif isinstance(part, ReasoningPart):
            piece.reasoning += part.text
            piece.reasoning_field = part.wire_field or piece.reasoning_field
        elif isinstance(part, RefusalPart):
            piece.refusal += part.text
        else:
            piece.blocks = [*piece.blocks, part]


def _lenient_calls(delta: dict[str, Any]) -> list[CallPiece]:
    calls = delta.get("tool_calls")
    pieces = [_lenient_call(call) for call in calls if isinstance(call, dict)] if isinstance(calls, list) else []
    legacy = delta.get("function_call")
    if isinstance(legacy, dict) and (legacy.get("name") or legacy.get("arguments")):
        name, arguments = text_of(legacy.get("name")), arguments_of(legacy.get("arguments"))
        pieces.append(CallPiece(None, "", name, arguments, "function_call"))
    return pieces


def _lenient_call(call: dict[str, Any]) -> CallPiece:
    kind, named = call_kind(call)
    index = call.get("index")
    return CallPiece(
        index if isinstance(index, int) else None,
        text_of(call.get("id")),
        text_of(named.get("name")),
        arguments_of(named.get("arguments")),
        kind,
        unmodelled(call, _CALL_FIELDS),
    )
