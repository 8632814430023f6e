"""A Chat Completions answer as a `ModelResponse`, and the same answer as the events a stream of it would be.

Not the reading of content (`content`), of streams (`stream`) nor of error statuses (`shim.wire.failure`).
Source: API reference, Chat Completions, the chat completion object; compatible servers' differences as noted.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from msgspec import structs

from shim.model import (
    Choice,
    ErrorCategory,
    FinishReason,
    ModelResponse,
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
from shim.wire.arguments import is_complete
from shim.wire.chat.content import content_parts
from shim.wire.chat.typed_answer import read_typed
from shim.wire.chat.vocabulary import (
    calls_in,
    finish_reason,
    raw_finish_reason,
    read_call,
    read_function_call,
    read_usage,
    reasoning_of,
    says_no_reasoning,
    usage_of,
)
from shim.wire.failure import error_in, parse_error
from shim.wire.json_text import decode_object
from shim.wire.lenient import (
    MAX_CALLS,
    Kinds,
    TooManyCallsError,
    index_of,
    text_of,
    unmodelled,
    without_placeholder,
    words_in,
)
from shim.wire.masking import masked_body

BODY_FIELDS: dict[str, Kinds] = {
    "id": (str,),
    "model": (str,),
    "choices": (list,),
    "usage": (dict,),
    "service_tier": (str,),
    "error": (),
}
"""Fields of a body, and of a chunk, that the model has: name -> the kinds in which they are read."""
CHOICE_FIELDS: dict[str, Kinds] = {
    "index": (int,),
    "message": (dict, str),
    "delta": (dict, str),
    "finish_reason": (str,),
    "logprobs": (dict,),
}
"""Fields of a choice."""
MESSAGE_FIELDS: dict[str, Kinds] = {
    "role": (str,),
    "content": (str, list),
    "refusal": (str,),
    "tool_calls": (list,),
    "function_call": (dict,),
    "reasoning_content": (str,),
    "reasoning": (str,),
    "reasoning_text": (str,),
}
"""Fields of a message, and of a delta."""


def parse_response(body: bytes) -> ModelResponse:
    """Read the JSON body of an answer.

    Raises:
        ProviderError: the body is not JSON or not an answer (category protocol), or holds an error under
            a status of success (its own category).
    """
    typed = read_typed(body)
    return _read_leniently(body) if typed is None else typed


def _read_leniently(body: bytes) -> ModelResponse:
    """Read an answer of any form, error or not."""
    answer = decode_object(body)
    if error_in(answer):
        raise parse_error(200, {}, body)
    if not isinstance(answer.get("choices"), list):
        raise ProviderError(
            ErrorCategory.PROTOCOL, f"the answer has no list of choices{_why(answer)}", body=masked_body(body)
        )
    usage = usage_of(answer)
    try:
        choices = tuple(_choices(answer["choices"]))
    except TooManyCallsError as error:
        raise ProviderError(ErrorCategory.PROTOCOL, f"the answer has {error}", body=masked_body(body)) from None
    return ModelResponse(
        id=text_of(answer.get("id")),
        model=text_of(answer.get("model")),
        choices=choices,
        usage=None if usage is None else read_usage(usage),
        service_tier=text_of(answer.get("service_tier")) or None,
        raw=body,
        extra=unmodelled(answer, BODY_FIELDS),
    )


def _why(answer: dict[str, Any]) -> str:
    """Why an answer may have no choices: Gemini leaves them out where it blocks a prompt, vLLM and gateways where one failed."""
    is_completion = text_of(answer.get("object")).startswith("chat.completion")
    return ": the server generated nothing" if is_completion else "; is the base URL that of the API?"


def _choices(choices: list[Any]) -> Iterator[Choice]:
    """Read the choices; one whose index is missing, or taken by one before it, gets the next that is free."""
    taken: set[int] = set()
    free = itertools.count()
    for choice in choices:
        if isinstance(choice, dict):
            index = index_of(choice.get("index"))
            if index is None or index in taken:
                index = next(number for number in free if number not in taken)
            taken.add(index)
            yield _choice(choice, index)


def message_of(choice: dict[str, Any], *names: str) -> dict[str, Any]:
    """Find a choice's message under these names; a plain string is its content, as is the `text` of a choice without one."""
    for name in names:
        message = choice.get(name)
        if isinstance(message, dict):
            return message
        if isinstance(message, str):
            return {"content": message}
    alone = all(choice.get(name) is None for name in names)
    return {"content": choice["text"]} if alone and isinstance(choice.get("text"), str) else {}


def further_of_choice(choice: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    """Keep what a choice holds beside what is read of it; `text` only where it is not the answer itself."""
    extra = unmodelled(choice, CHOICE_FIELDS)
    if "text" in extra and message == {"content": extra["text"]}:
        del extra["text"]
    return extra


def further_of_message(message: dict[str, Any]) -> dict[str, Any]:
    """Keep what a message holds beside what is read of it; calls of which one is no object are kept as they came."""
    extra = unmodelled(message, MESSAGE_FIELDS)
    calls = message.get("tool_calls")
    if "tool_calls" in extra and calls_in(message):
        del extra["tool_calls"]
    elif isinstance(calls, list) and not all(isinstance(call, dict) for call in calls):
        extra["tool_calls"] = calls
    return extra


def _choice(choice: dict[str, Any], index: int) -> Choice:
    message = message_of(choice, "message", "delta")  # of a stream's chunk, as one gateway answers for Anthropic
    raw = raw_finish_reason(choice)
    parts = list(_parts(message))
    reason = finish_reason(raw, calls=any(isinstance(part, ToolCallPart) for part in parts))
    return Choice(
        index,
        tuple(with_completeness(parts, reason, said=True)),
        finish_reason=reason,
        raw_finish_reason=raw,
        logprobs=choice.get("logprobs") if isinstance(choice.get("logprobs"), dict) else None,
        extra=further_of_choice(choice, message),
        message_extra=_further_of_whole(message, parts),
    )


def _further_of_whole(message: dict[str, Any], parts: list[Part]) -> dict[str, Any]:
    extra = further_of_message(message)
    has_none = says_no_reasoning(message) and not any(isinstance(part, ReasoningPart) for part in parts)
    return extra | {"reasoning_content": ""} if has_none else extra


def with_completeness(parts: list[Part], reason: FinishReason | None, *, said: bool) -> Iterator[Part]:
    """Mark the calls that the end of the answer broke off; takes what `is_complete` does."""
    for position, part in enumerate(parts):
        if isinstance(part, ToolCallPart) and not is_complete(part, reason, last=position == len(parts) - 1, said=said):
            yield structs.replace(part, complete=False)
        else:
            yield part


def _parts(message: dict[str, Any]) -> Iterator[Part]:
    reasoning, field = reasoning_of(message)
    if reasoning:
        yield ReasoningPart(reasoning, wire_field=field)
    yield from content_parts(message.get("content"))
    refusal = words_in(message.get("refusal"))
    if refusal:
        yield RefusalPart(refusal)
    calls = calls_in(message)
    if len(calls) > MAX_CALLS:
        raise TooManyCallsError
    for call in map(read_call, calls):
        yield structs.replace(call, arguments=without_placeholder(call.arguments))
    legacy = read_function_call(message.get("function_call"))
    if legacy is not None:
        yield legacy


def events_of(response: ModelResponse) -> list[StreamEvent]:
    """Tell a whole answer as a stream would have: for a server that answers JSON although a stream was asked for."""
    events: list[StreamEvent] = [StreamStart(response.id, response.model)]
    for choice in response.choices:
        events.extend(_events_of_choice(choice))
    events.append(StreamDone(response))
    return events


def _events_of_choice(choice: Choice) -> Iterator[StreamEvent]:
    texts = calls = 0
    for part in choice.parts:
        if isinstance(part, TextPart):
            yield TextDelta(part.text, texts, choice.index)
            texts += 1
        elif isinstance(part, ReasoningPart):
            yield ReasoningDelta(part.text, 0, choice.index)
        elif isinstance(part, RefusalPart):
            yield RefusalDelta(part.text, 0, choice.index)
        elif isinstance(part, ToolCallPart):
            yield ToolCallStart(calls, part.id, part.name, choice.index)
            if part.arguments:
                yield ToolCallDelta(calls, part.arguments, choice.index)
            if part.complete:
                yield ToolCallDone(calls, part.id, part.name, part.arguments, choice.index)
            calls += 1
