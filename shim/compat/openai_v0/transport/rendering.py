"""What a provider tells, written as Chat Completions would have sent it.

Not a codec: it writes answers, which only a server does otherwise. Used where the server's own bytes cannot be had: the
Responses API, providers of the caller's own, layers. Source: OpenAI API reference, Chat Completions: the completion object and
the chunk object.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from shim.model import (
    Choice,
    FinishReason,
    ModelRequest,
    ModelResponse,
    ReasoningDelta,
    RefusalDelta,
    StreamDone,
    StreamEvent,
    StreamStart,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
)
from shim.provider import Completion
from shim.wire import chat

_NO_CONTENT = 204  # an answer to 0.28, which gives None; to a provider there is none
_FINISH_REASONS = {FinishReason.TOOL_CALL: "tool_calls"}


class Told(Struct, frozen=True, kw_only=True):
    """An answer put together: status, headers and body as a server would have sent them."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def answer_of(completion: Completion) -> Told | None:
    """The answer a completion tells of; None where there was none to tell."""
    if completion.response is not None:
        body = body_of(completion.response)
        return Told(status=completion.http_status or 200, headers=_as_json(completion.headers), body=body)
    failed = completion.error
    if failed is None or failed.http_status is None or (failed.body is None and failed.http_status != _NO_CONTENT):
        return None
    return Told(status=failed.http_status, headers=completion.headers, body=failed.body or b"")


def body_of(response: ModelResponse) -> bytes:
    """The body of a whole answer: the server's own where it was Chat Completions, else written here."""
    if response.api == "chat_completions" and response.raw is not None:
        return response.raw
    return json.dumps(
        {
            "id": response.id,
            "object": "chat.completion",
            "created": response.extra.get("created_at", int(time.time())),
            "model": response.model,
            "choices": [_choice(each, response.model) for each in response.choices],
            **({"usage": _usage(response.usage)} if response.usage else {}),
        }
    ).encode()


class ChunkWriter:
    """Writes the events of one stream as the lines of an event stream of chunks."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {
            "id": "",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": "",
        }

    def lines_of(self, event: StreamEvent) -> list[bytes]:
        """The lines an event becomes; none for one that repeats what was said, or that chunks have no place for."""
        if isinstance(event, StreamStart):
            self._head |= {"id": event.response_id, "model": event.model}
            return [self._chunk(0, {"role": "assistant", "content": ""})]
        if isinstance(event, StreamDone):
            ends = [self._chunk(each.index, {}, end=_finish_reason(each)) for each in event.response.choices]
            return [*ends, b"data: [DONE]\n\n"]
        delta = _DELTAS.get(type(event))
        return [self._chunk(getattr(event, "choice", 0), delta(event))] if delta else []

    def _chunk(self, index: int, delta: dict[str, Any], *, end: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "finish_reason": end}
        return b"data: " + json.dumps({**self._head, "choices": [choice]}).encode() + b"\n\n"


def _call_begins(event: ToolCallStart) -> dict[str, Any]:
    function = {"name": event.name, "arguments": ""}
    return {"tool_calls": [{"index": event.index, "id": event.id, "type": "function", "function": function}]}


def _call_goes_on(event: ToolCallDelta) -> dict[str, Any]:
    return {"tool_calls": [{"index": event.index, "function": {"arguments": event.arguments}}]}


_DELTAS: dict[type, Callable[[Any], dict[str, Any]]] = {
    TextDelta: lambda event: {"content": event.text},
    ReasoningDelta: lambda event: {"reasoning_content": event.text},
    RefusalDelta: lambda event: {"refusal": event.text},
    ToolCallStart: _call_begins,
    ToolCallDelta: _call_goes_on,
}


def _choice(choice: Choice, model: str) -> dict[str, Any]:
    body = chat.to_body(ModelRequest(model or "unnamed", (choice.message,)), stream=False)
    return {"index": choice.index, "message": body["messages"][0], "finish_reason": _finish_reason(choice)}


def _finish_reason(choice: Choice) -> str | None:
    reason = choice.finish_reason
    return None if reason is None else _FINISH_REASONS.get(reason, str(reason))


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }


def _as_json(headers: Mapping[str, str]) -> dict[str, str]:
    others = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    return {**others, "Content-Type": "application/json"}
