"""A Chat Completions answer as a `ModelResponse`, and the same answer as the events a stream of it would be.

Not the reading of streams (`stream`) nor of error statuses (`shim.wire.failure`).
Source: API reference, Chat Completions, the chat completion object; compatible servers' differences as noted.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from shim.model import (
    Choice,
    ErrorCategory,
    ModelResponse,
    OpaquePart,
    Part,
    ProviderError,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    StreamDone,
    StreamEvent,
    StreamStart,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallDone,
    ToolCallPart,
    ToolCallStart,
)
from shim.wire.chat.vocabulary import (
    finish_reason,
    raw_finish_reason,
    read_call,
    read_function_call,
    read_usage,
    reasoning_of,
    text_of,
    usage_of,
)
from shim.wire.failure import error_in, parse_error
from shim.wire.json_text import decode_object
from shim.wire.masking import masked_body

_BODY_FIELDS = frozenset({"id", "model", "choices", "usage", "service_tier", "error"})
_CHOICE_FIELDS = frozenset({"index", "message", "finish_reason", "logprobs"})
MESSAGE_FIELDS = frozenset(
    {"role", "content", "refusal", "tool_calls", "function_call", "reasoning_content", "reasoning"},
)


def parse_response(body: bytes) -> ModelResponse:
    """Read the JSON body of an answer.

    Raises:
        ProviderError: the body is not JSON or not an answer (category protocol), or holds an error under
            a status of success (its own category).
    """
    answer = decode_object(body)
    if error_in(answer):
        raise parse_error(200, {}, body)
    if not isinstance(answer.get("choices"), list):
        raise ProviderError(
            ErrorCategory.PROTOCOL,
            "the answer has no list of choices; is the base URL that of the API?",
            body=masked_body(body),
        )
    usage = usage_of(answer)
    return ModelResponse(
        id=text_of(answer.get("id")),
        model=text_of(answer.get("model")),
        choices=tuple(_choices(answer["choices"])),
        usage=None if usage is None else read_usage(usage),
        service_tier=text_of(answer.get("service_tier")) or None,
        raw=body,
        extra=unmodelled(answer, _BODY_FIELDS),
    )


def unmodelled(fields: dict[str, Any], modelled: frozenset[str]) -> dict[str, Any]:
    """Keep the fields the model has no place for; null says nothing and is left out."""
    return {key: value for key, value in fields.items() if key not in modelled and value is not None}


def _choices(choices: list[Any]) -> Iterator[Choice]:
    """Read the choices; one whose index is missing, or taken by one before it, gets the next that is free."""
    taken: set[int] = set()
    for choice in choices:
        if isinstance(choice, dict):
            index = choice.get("index")
            if not isinstance(index, int) or index in taken:
                index = next(free for free in itertools.count() if free not in taken)
            taken.add(index)
            yield _choice(choice, index)


def _choice(choice: dict[str, Any], index: int) -> Choice:
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    parts = tuple(_parts(message))
    raw = raw_finish_reason(choice)
    return Choice(
        index,
        parts,
        finish_reason=finish_reason(raw, calls=any(isinstance(part, ToolCallPart) for part in parts)),
        raw_finish_reason=raw,
        logprobs=choice.get("logprobs") if isinstance(choice.get("logprobs"), dict) else None,
        extra=unmodelled(choice, _CHOICE_FIELDS),
        message_extra=unmodelled(message, MESSAGE_FIELDS),
    )


def _parts(message: dict[str, Any]) -> Iterator[Part]:
    reasoning, field = reasoning_of(message)
    if reasoning:
        yield ReasoningPart(reasoning, wire_field=field)
    yield from content_parts(message.get("content"))
    refusal = text_of(message.get("refusal"))
    if refusal:
        yield RefusalPart(refusal)
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            yield read_call(call)
    legacy = read_function_call(message.get("function_call"))
    if legacy is not None:
        yield legacy


def content_parts(content: Any) -> Iterator[Part]:
    """Read a message's content: a string, or blocks as Mistral sends them (`thinking`, `text`, others kept whole)."""
    if isinstance(content, str):
        if content:
            yield TextPart(content)
    elif isinstance(content, list):
        for block in content:
            if isinstance(block, str):
                yield TextPart(block)
            elif isinstance(block, dict):
                yield _block(block)


def _block(block: dict[str, Any]) -> Part:
    kind = block.get("type")
    if kind == "thinking":
        return _thinking(block)
    if kind == "text" and isinstance(block.get("text"), str):
        return TextPart(block["text"], {key: value for key, value in block.items() if key not in ("type", "text")})
    if kind == "refusal" and isinstance(block.get("refusal"), str):
        return RefusalPart(block["refusal"])
    return OpaquePart(str(kind), block)


def _thinking(block: dict[str, Any]) -> ReasoningPart:
    """Read Mistral's thinking block; what is not plain text in it stands in `extra`, to go back with it."""
    inner = block.get("thinking")
    pieces = inner if isinstance(inner, list) else [{"type": "text", "text": inner}]
    text = "".join(text_of(piece.get("text")) for piece in pieces if isinstance(piece, dict))
    plain = all(isinstance(piece, dict) and piece.keys() == {"type", "text"} for piece in pieces)
    extra = {key: value for key, value in block.items() if key != "type" and not (key == "thinking" and plain)}
    return ReasoningPart(text, wire_field="thinking", extra=extra)


def events_of(response: ModelResponse) -> list[StreamEvent]:
    """Tell a whole answer as a stream would have: for a server that answers JSON although a stream was asked for."""
    events: list[StreamEvent] = [StreamStart(response.id, response.model)]
    for choice in response.choices:
        events.extend(_events_of_choice(choice))
    events.append(StreamDone(response))
    return events


def _events_of_choice(choice: Choice) -> Iterator[StreamEvent]:
    index = 0
    for part in choice.parts:
        if isinstance(part, TextPart):
            yield TextDelta(part.text, 0, choice.index)
        elif isinstance(part, ReasoningPart):
            yield ReasoningDelta(part.text, 0, choice.index)
        elif isinstance(part, RefusalPart):
            yield RefusalDelta(part.text, 0, choice.index)
        elif isinstance(part, ToolCallPart):
            yield ToolCallStart(index, part.id, part.name, choice.index)
            if part.arguments:
                yield ToolCallDelta(index, part.arguments, choice.index)
            yield ToolCallDone(index, part.id, part.name, part.arguments, choice.index)
            index += 1
