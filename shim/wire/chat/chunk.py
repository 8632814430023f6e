"""Stream chunks: the two readings of a Chat Completions payload, typed and lenient, into one form.

Not what is made of them (`accumulation`, `stream`). Source: openai-python `types/chat/chat_completion_chunk.py`;
compatible servers' differences as noted. The typed reading forbids unknown fields, so OpenAI's own chunks decode at C
speed, and a chunk with anything else in it is read leniently, where every field we do not model is kept.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import Struct

from shim.model.parts import ToolCallKind
from shim.wire.capping import ShortText
from shim.wire.chat.content import content_blocks
from shim.wire.chat.response import BODY_FIELDS, further_of_choice, further_of_message, message_of
from shim.wire.chat.vocabulary import (
    call_id,
    call_kind,
    calls_in,
    further_of_call,
    further_of_function_call,
    raw_finish_reason,
    reasoning_of,
    says_no_reasoning,
    typed_extra,
    usage_of,
)
from shim.wire.json_text import HalfCharacters, without_halves
from shim.wire.lenient import Kinds, arguments_of, index_of, text_of, unmodelled, words_in


class CallPiece(Struct, gc=False):
    """A tool-call delta, whatever form it came in."""

    index: int | None
    id: str
    name: str
    arguments: str
    kind: ToolCallKind = "function"
    extra: dict[str, Any] = {}


class Piece(Struct):
    """What a chunk adds to one choice.

    `text` is content that came as a string, `blocks` content that came as blocks. `whole`: it is the message so far, not a
    piece of it. `without_reasoning`: it says that there is none so far.
    """

    choice: int
    text: str = ""
    reasoning: str = ""
    reasoning_field: str = "reasoning_content"
    refusal: str = ""
    calls: list[CallPiece] = []
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None
    blocks: list[str | dict[str, Any]] = []
    whole: bool = False
    without_reasoning: bool = False
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
    type: Literal["function"] | None = None
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
    content: ShortText


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


class _ArgumentsFunction(Struct, forbid_unknown_fields=True, gc=False):
    arguments: ShortText


class _ArgumentsCall(Struct, forbid_unknown_fields=True, gc=False):
    index: int
    function: _ArgumentsFunction


class _ArgumentsDelta(Struct, forbid_unknown_fields=True, gc=False):
    tool_calls: tuple[_ArgumentsCall]


class _ArgumentsChoice(Struct, forbid_unknown_fields=True, gc=False):
    index: int
    delta: _ArgumentsDelta
    logprobs: None = None
    finish_reason: None = None


class ArgumentsChunk(Struct, forbid_unknown_fields=True, gc=False):
    """A payload that says nothing but one more piece of one call's arguments."""

    id: str
    object: str
    created: int
    model: str
    choices: tuple[_ArgumentsChoice]
    service_tier: str | None = None
    system_fingerprint: str | None = None
    usage: None = None
    obfuscation: str | None = None


decode_arguments_chunk = msgspec.json.Decoder(ArgumentsChunk).decode


def typed_head(chunk: Chunk) -> Head:
    """Read what a typed chunk says of the whole response."""
    return Head(chunk.id or "", chunk.model or "", chunk.usage, chunk.service_tier, typed_extra(chunk))


def typed_piece(choice: ChoiceChunk) -> Piece:
    """Read what a typed chunk adds to one choice."""
    delta = choice.delta
    piece = Piece(choice.index, finish_reason=choice.finish_reason, logprobs=choice.logprobs)
    if delta is None:
        return piece
    piece.text = delta.content or ""
    piece.refusal = delta.refusal or ""
    piece.reasoning = delta.reasoning_content or delta.reasoning or ""
    piece.without_reasoning = delta.reasoning_content == ""
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
_CHUNK_FIELDS: dict[str, Kinds] = BODY_FIELDS | {"obfuscation": (), "p": ()}


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
    delta, whole = choice.get("delta"), False
    if "message" in choice or not isinstance(delta, dict):
        delta, whole = _delta_of(choice)
    index, logprobs, content = index_of(choice.get("index")), choice.get("logprobs"), delta.get("content")
    refusal = delta.get("refusal")
    reasoning, field = reasoning_of(delta)
    return Piece(
        position if index is None else index,
        text_of(content),
        reasoning,
        field,
        words_in(refusal) if refusal else "",
        _lenient_calls(delta) if "tool_calls" in delta or "function_call" in delta else [],
        raw_finish_reason(choice),
        logprobs if isinstance(logprobs, dict) else None,
        [] if content is None or isinstance(content, str) else content_blocks(content),
        whole,
        says_no_reasoning(delta),
        further_of_choice(choice, delta),
        further_of_message(delta),
    )


def _delta_of(choice: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """Find what a chunk adds to a choice, and whether that is the message so far.

    Azure's content filter sends `delta: null`, or none at all. Perplexity repeats the message so far beside each delta; where the
    delta says nothing the message counts, which in some servers' last chunk is all there is.
    """
    delta = choice.get("delta")
    if not isinstance(delta, dict):
        whole = "delta" not in choice and "message" in choice
        return message_of(choice, "message" if whole or "delta" not in choice else "delta"), whole
    message = choice.get("message")
    if isinstance(message, dict) and not any(value for name, value in delta.items() if name != "role"):
        return message, True
    return delta, False


def _lenient_calls(delta: dict[str, Any]) -> list[CallPiece]:
    pieces = [_lenient_call(call) for call in calls_in(delta)]
    legacy = delta.get("function_call")
    if not isinstance(legacy, dict):
        return pieces
    name, arguments = text_of(legacy.get("name")), arguments_of(legacy.get("arguments"))
    extra = further_of_function_call(legacy)
    if legacy.get("name") or legacy.get("arguments") or extra:
        pieces.append(CallPiece(None, "", name, arguments, "function_call", extra))
    return pieces


def _lenient_call(call: dict[str, Any]) -> CallPiece:
    kind, named = call_kind(call)
    return CallPiece(
        index_of(call.get("index")),
        call_id(call, named),
        text_of(named.get("name")),
        arguments_of(named.get("arguments")),
        kind,
        further_of_call(call),
    )


def with_whole_characters(piece: Piece, halves: HalfCharacters) -> Piece:
    """Put together what of a piece's text the server cut inside a character; elsewhere in it such a half is replaced."""
    for name in ("text", "reasoning", "refusal"):
        setattr(piece, name, halves.whole((piece.choice, name), getattr(piece, name)))
    for call in piece.calls:
        place = call.id if call.index is None else call.index
        call.arguments = halves.whole((piece.choice, "call", place), call.arguments)
        call.id, call.name = without_halves(call.id), without_halves(call.name)
        call.extra = without_halves(call.extra)
    for name in ("logprobs", "blocks", "extra", "message_extra"):
        setattr(piece, name, without_halves(getattr(piece, name)))
    return piece
