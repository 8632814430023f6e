"""Answers, completions and pairs made by hand, for the tests of the shadow rung.

Not providers: `shim.testing.scripted` has one, `tests.comparison.shadow_rung.troublesome` has those that misbehave.
"""

from __future__ import annotations

from typing import Any

from shim.comparison.shadow_rung.observation import CallObservation, ShadowPair
from shim.model import (
    Choice,
    ErrorCategory,
    FinishReason,
    ModelRequest,
    ModelResponse,
    Part,
    ProviderError,
    TextPart,
    ToolCallPart,
    ToolDefinition,
    Usage,
    user,
)
from shim.provider import Completion, RequestHandle, Timing

WEATHER = ToolDefinition(
    "weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
)
REQUEST = ModelRequest("gpt-4o", [user("Hello")])


def response(*parts: Part, reason: FinishReason = FinishReason.STOP, usage: Usage | None = None) -> ModelResponse:
    """An answer with one choice."""
    choice = Choice(0, parts or (TextPart("Hello."),), finish_reason=reason)
    return ModelResponse(model="gpt-4o-2024-08-06", choices=(choice,), usage=usage or Usage(10, 5))


def calling(name: str, arguments: str, kind: Any = "function") -> ModelResponse:
    """An answer that calls a tool."""
    return response(ToolCallPart("c1", name, arguments, kind), reason=FinishReason.TOOL_CALL)


def completed(
    given: ModelResponse | None = None, *, seconds: float = 1.0, first_event: float | None = None
) -> Completion:
    """A completion with an answer."""
    first = None if first_event is None else 100.0 + first_event
    timing = Timing(started=100.0, first_event=first, finished=100.0 + seconds)
    return Completion(RequestHandle("control", 1), given or response(), None, http_status=200, timing=timing)


def failed(category: ErrorCategory = ErrorCategory.SERVER, status: int | None = 500) -> Completion:
    """A completion with an error."""
    error = ProviderError(category, "what the server said of sk-secret", http_status=status)
    timing = Timing(started=100.0, finished=100.5)
    return Completion(RequestHandle("control", 1), None, error, http_status=status, timing=timing)


def seen(**fields: Any) -> CallObservation:
    """What was seen of a call that was answered."""
    defaults: dict[str, Any] = {
        "ending": "answered",
        "status": 200,
        "finish_reason": "stop",
        "characters": 100,
        "model": "gpt-4o",
        "input_tokens": 10,
        "output_tokens": 20,
        "cached_tokens": 0,
        "seconds": 1.0,
    }
    return CallObservation(**(defaults | fields))


def pair(candidate: CallObservation | None = None, **fields: Any) -> ShadowPair:
    """A pair whose sides agree."""
    defaults: dict[str, Any] = {"pair_id": "p", "at": 1_770_000_000.0, "model": "gpt-4o", "control": seen()}
    return ShadowPair(candidate=candidate or seen(), **(defaults | fields))
