"""What OpenTelemetry is told of a request and of its completion: tables from the model to attribute names.

Not the telling (`telemetry`). Source: OpenTelemetry semantic conventions for generative AI (spans, metrics, OpenAI), in their
state of 2026: `gen_ai.provider.name` has taken the place of `gen_ai.system`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

import msgspec

from shim.model import (
    Message,
    ModelRequest,
    ModelResponse,
    Part,
    ReasoningPart,
    RefusalPart,
    ResponseFormat,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    Usage,
)
from shim.provider import Completion

Value: TypeAlias = str | int | float | bool | Sequence[str]
Attributes: TypeAlias = dict[str, Value]

_NUMBER: Final = (int, float)
# Attribute -> the request's field, and what kind of value can be told; any other kind is the caller's oddity, and is left out.
_OF_REQUEST: Final[dict[str, tuple[str, tuple[type, ...]]]] = {
    "gen_ai.request.model": ("model", (str,)),
    "gen_ai.request.max_tokens": ("max_output_tokens", (int,)),
    "gen_ai.request.temperature": ("temperature", _NUMBER),
    "gen_ai.request.top_p": ("top_p", _NUMBER),
    "gen_ai.request.frequency_penalty": ("frequency_penalty", _NUMBER),
    "gen_ai.request.presence_penalty": ("presence_penalty", _NUMBER),
    "gen_ai.request.seed": ("seed", (int,)),
    "gen_ai.conversation.id": ("conversation_id", (str,)),
    "openai.request.service_tier": ("service_tier", (str,)),
}
_OUTPUT_TYPES: Final = {"text": "text", "json_object": "json", "json_schema": "json"}


def request_attributes(request: ModelRequest, *, stream: bool) -> Attributes:
    """What is asked, without its content."""
    told: Attributes = {"gen_ai.request.stream": True} if stream else {}
    for name, (field, kinds) in _OF_REQUEST.items():
        value: Any = getattr(request, field)
        if _is_of(kinds, value):
            told[name] = value
    if isinstance(request.n, int) and request.n != 1:
        told["gen_ai.request.choice.count"] = request.n
    if isinstance(request.stop, (str, list, tuple)):
        told["gen_ai.request.stop_sequences"] = [request.stop] if isinstance(request.stop, str) else list(request.stop)
    if isinstance(request.response_format, ResponseFormat) and request.response_format.type in _OUTPUT_TYPES:
        told["gen_ai.output.type"] = _OUTPUT_TYPES[request.response_format.type]
    return told


def _is_of(kinds: tuple[type, ...], value: object) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def completion_attributes(completion: Completion) -> Attributes:
    """How it ended, without its content; of a failure, what had arrived."""
    error = completion.error
    response = completion.response if error is None else error.partial
    told: Attributes = {} if response is None else _response_attributes(response)
    if error is not None:
        told["error.type"] = error.category.value
    if completion.http_status is not None:
        told["http.response.status_code"] = completion.http_status
    if len(completion.attempts) > 1:
        told["http.request.resend_count"] = len(completion.attempts) - 1
    return told


def _response_attributes(response: ModelResponse) -> Attributes:
    told: Attributes = {"openai.api.type": response.api}
    named = {
        "gen_ai.response.id": response.id,
        "gen_ai.response.model": response.model,
        "openai.response.service_tier": response.service_tier,
    }
    told.update({name: value for name, value in named.items() if value})
    reasons = [choice.finish_reason.value for choice in response.choices if choice.finish_reason is not None]
    if reasons:
        told["gen_ai.response.finish_reasons"] = reasons
    if response.usage is not None:
        told.update(_usage_attributes(response.usage))
    return told


def _usage_attributes(usage: Usage) -> Attributes:
    told: Attributes = {
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
    }
    parts = {
        "gen_ai.usage.cache_read.input_tokens": usage.cached_input_tokens,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens,
    }
    told.update({name: tokens for name, tokens in parts.items() if tokens})
    return told


def request_content(request: ModelRequest) -> Attributes:
    """The messages asked, as JSON; only for those who have said that they want it."""
    told: Attributes = {"gen_ai.input.messages": _as_json(_message(each) for each in request.messages)}
    if isinstance(request.system_prompt, str):
        told["gen_ai.system_instructions"] = _as_json([{"type": "text", "content": request.system_prompt}])
    return told


def response_content(response: ModelResponse) -> Attributes:
    """The messages answered, as JSON; only for those who have said that they want it."""
    answers = (
        {
            **_message(choice.message),
            "finish_reason": choice.finish_reason.value if choice.finish_reason else "error",
        }
        for choice in response.choices
    )
    return {"gen_ai.output.messages": _as_json(answers)}


def _message(message: Message) -> dict[str, Any]:
    return {"role": message.role, "parts": [_part(part) for part in message.parts]}


def _part(part: Part) -> dict[str, Any]:
    match part:
        case TextPart(text):
            return {"type": "text", "content": text}
        case ReasoningPart(text):
            return {"type": "reasoning", "content": text}
        case RefusalPart(text):
            return {"type": "refusal", "content": text}
        case ToolCallPart(id, name, arguments):
            return {"type": "tool_call", "id": id, "name": name, "arguments": arguments}
        case ToolCallResponsePart(id, parts):
            return {"type": "tool_call_response", "id": id, "response": [_part(each) for each in parts]}
        case _:  # pictures, sound, files: that they were there; they may be megabytes
            return {"type": type(part).__name__.removesuffix("Part").lower()}


def _as_json(messages: Iterable[dict[str, Any]]) -> str:
    return msgspec.json.encode(list(messages)).decode()
