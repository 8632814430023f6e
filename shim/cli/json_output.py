"""An answer as JSON, for programs: one object for the whole of it, or one a line for each event.

Not its form for people (`text_output`). Field names are the model's own (`shim.model`); what is absent is null.
"""

from __future__ import annotations

from typing import Any, TextIO

from msgspec import json
from msgspec.structs import asdict

from shim.cli.rendering import Printer
from shim.model import (
    ItemDelta,
    ModelResponse,
    ReasoningDelta,
    RefusalDelta,
    StreamDone,
    StreamError,
    StreamEvent,
    StreamStart,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
)

# Event -> its name in JSON.
EVENT_NAMES: dict[type[StreamEvent], str] = {
    StreamStart: "stream_start",
    TextDelta: "text_delta",
    ReasoningDelta: "reasoning_delta",
    RefusalDelta: "refusal_delta",
    ToolCallStart: "tool_call_start",
    ToolCallDelta: "tool_call_delta",
    ToolCallDone: "tool_call_done",
    ItemDelta: "item_delta",
    StreamDone: "stream_done",
    StreamError: "stream_error",
}


class JsonWhole:
    """Prints one object: the answer."""

    def __init__(self, output: TextIO) -> None:
        self._out = Printer(output)

    def show(self, event: StreamEvent) -> None:
        """Print the answer with its last event."""
        if isinstance(event, StreamDone):
            self._out.line(json.format(json.encode(response_fields(event.response)), indent=2).decode())

    def end(self) -> None:
        """Nothing to tidy: objects are printed whole."""

    def sum_up(self, done: StreamDone, *, seconds: float) -> None:
        """Nothing to add: the object says it all."""


class JsonEvents(JsonWhole):
    """Prints one object a line: an event each, the last with the whole answer."""

    def show(self, event: StreamEvent) -> None:
        """Print an event."""
        self._out.line(json.encode(event_fields(event)).decode())


def event_fields(event: StreamEvent) -> dict[str, Any]:
    """An event as JSON has it: its name, and its fields."""
    name = {"event": EVENT_NAMES[type(event)]}
    if isinstance(event, StreamDone):
        return {**name, "response": response_fields(event.response)}
    if isinstance(event, StreamError):
        return {**name, "category": event.error.category, "message": event.error.message}
    return {**name, **asdict(event)}


def response_fields(response: ModelResponse) -> dict[str, Any]:
    """An answer as JSON has it."""
    return {
        "id": response.id,
        "model": response.model,
        "text": response.text,
        "reasoning": response.reasoning_text or None,
        "refusal": response.refusal,
        "tool_calls": [{"id": each.id, "name": each.name, "arguments": each.arguments} for each in response.tool_calls],
        "finish_reason": response.finish_reason,
        "usage": response.usage and asdict(response.usage),
        "service_tier": response.service_tier,
        "request_id": response.request_id,
    }
