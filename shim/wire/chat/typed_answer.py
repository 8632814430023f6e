"""Typed answers: a whole Chat Completions answer as OpenAI and Azure send it, decoded at C speed.

Not the lenient reading (`response`), which any other answer gets. Theory of operation: the fields stand here with the only kinds
in which `response` reads them, and a field that stands not here is refused, so that what decodes is known to say nothing more.
Fields that are kept as they came are of any kind. Source: openai-python `types/chat/chat_completion.py`; Azure's content filter.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from shim.model import Choice, FinishReason, ModelResponse, Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from shim.model.depth import MAX_DEPTH
from shim.wire.chat.vocabulary import finish_reason, read_usage, typed_extra
from shim.wire.lenient import MAX_CALLS, NO_ARGUMENTS, without_placeholder

_Count: TypeAlias = int | float | str | bool | None  # in a usage object; what is nested deeper is read leniently


class _Function(Struct, forbid_unknown_fields=True, gc=False):
    name: str | None = None
    arguments: str | None = None


class _Call(Struct, forbid_unknown_fields=True, gc=False):
    function: _Function
    id: str | None = None
    type: Literal["function"] | None = None
    index: int | None = None


class _Message(Struct, forbid_unknown_fields=True):
    role: str | None = None
    content: str | None = None
    refusal: str | None = None
    tool_calls: Annotated[list[_Call], Meta(max_length=MAX_CALLS)] | None = None
    function_call: None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    annotations: Any = None


class _Choice(Struct, forbid_unknown_fields=True):
    index: Annotated[int, Meta(ge=0)]
    message: _Message
    finish_reason: str | None = None
    logprobs: dict[str, Any] | None = None
    content_filter_results: Any = None


class _Answer(Struct, forbid_unknown_fields=True):
    choices: Annotated[list[_Choice], Meta(min_length=1)]
    id: str | None = None
    object: str | None = None
    created: int | float | None = None
    model: str | None = None
    usage: dict[str, _Count | dict[str, _Count]] | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    prompt_filter_results: Any = None
    error: None = None


_decode = msgspec.json.Decoder(_Answer).decode
# Reasons for which an answer is not in the middle of a call, so that each of its calls is complete.
_ENDS: Final = frozenset({FinishReason.STOP, FinishReason.TOOL_CALL})


def read_typed(body: bytes) -> ModelResponse | None:
    """Read an answer; None where it is of any other form, or none."""
    try:
        answer = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    may_be_deep = bool(answer.prompt_filter_results)
    choices: list[Choice] = []
    for each in answer.choices:
        may_be_deep = may_be_deep or bool(each.logprobs or each.content_filter_results or each.message.annotations)
        choice = _choice(each)
        if choice is None:
            return None
        choices.append(choice)
    if may_be_deep and body.count(b"{") + body.count(b"[") > MAX_DEPTH:  # of a field of any kind: it is told there
        return None
    if len(choices) > 1 and len({choice.index for choice in choices}) < len(choices):
        return None
    extra = typed_extra(answer)
    if answer.prompt_filter_results is not None:
        extra["prompt_filter_results"] = answer.prompt_filter_results
    return ModelResponse(
        id=answer.id or "",
        model=answer.model or "",
        choices=tuple(choices),
        usage=None if answer.usage is None else read_usage(answer.usage),
        service_tier=answer.service_tier or None,
        raw=body,
        extra=extra,
    )


def _call(call: _Call) -> ToolCallPart:
    function = call.function
    arguments = function.arguments or ""
    if arguments[:2] == NO_ARGUMENTS:  # nearly never
        arguments = without_placeholder(arguments)
    return ToolCallPart(call.id or "", function.name or "", arguments)


def _choice(choice: _Choice) -> Choice | None:
    """Read a choice; None where it ended in a way that may have broken off a call."""
    message = choice.message
    calls = message.tool_calls
    reason = finish_reason(choice.finish_reason, calls=bool(calls))
    if calls and reason not in _ENDS:
        return None
    parts: list[Part] = []
    if message.reasoning_content:
        parts.append(ReasoningPart(message.reasoning_content, wire_field="reasoning_content"))
    elif message.reasoning:
        parts.append(ReasoningPart(message.reasoning, wire_field="reasoning"))
    if message.content:
        parts.append(TextPart(message.content))
    if message.refusal:
        parts.append(RefusalPart(message.refusal))
    if calls:
        parts += map(_call, calls)
    filtered, annotations = choice.content_filter_results, message.annotations
    further: dict[str, Any] = {} if annotations is None else {"annotations": annotations}
    if message.reasoning_content == "" and not message.reasoning:
        further["reasoning_content"] = ""
    return Choice(
        choice.index,
        tuple(parts),
        finish_reason=reason,
        raw_finish_reason=choice.finish_reason,
        logprobs=choice.logprobs,
        extra={} if filtered is None else {"content_filter_results": filtered},
        message_extra=further,
    )
