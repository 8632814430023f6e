"""The words of Chat Completions answers: finish reasons, usage, reasoning and tool-call forms, read leniently.

Not the bodies they stand in (`response`, `lenient`). Source: API reference, Chat Completions; the other words are those of
compatible servers, seen in recorded traffic.
"""

from __future__ import annotations

import json
from typing import Any

from shim.model import FinishReason, ToolCallPart, Usage
from shim.model.parts import ToolCallKind

_FINISH_REASONS: dict[str, FinishReason] = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,  # Together
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,  # `finish_details.type` of early vision models
    "tool_calls": FinishReason.TOOL_CALL,
    "function_call": FinishReason.TOOL_CALL,
    "content_filter": FinishReason.CONTENT_FILTER,
    "error": FinishReason.ERROR,  # OpenRouter
}
# OpenAI says "stop" with a forced tool, Snowflake "" or nothing: a caller who branches on the reason expects the calls.
_MEANS_CALLS_IF_ANY = frozenset({"stop", "", None})


def finish_reason(raw: str | None, *, calls: bool) -> FinishReason:
    """Translate the server's word for why a choice ended; `calls`: whether it asks for tool calls."""
    if calls and raw in _MEANS_CALLS_IF_ANY:
        return FinishReason.TOOL_CALL
    return _FINISH_REASONS.get(raw or "", FinishReason.UNKNOWN)


def raw_finish_reason(choice: dict[str, Any]) -> str | None:
    """Find a choice's own word for why it ended, None where it has none yet."""
    reason = choice.get("finish_reason")
    if reason is None and isinstance(choice.get("finish_details"), dict):
        reason = choice["finish_details"].get("type")
    return reason if isinstance(reason, str) else None


def read_usage(usage: dict[str, Any]) -> Usage:
    """Read a usage object; a count that is missing or not a number is 0, a missing total is the sum."""
    inputs, outputs = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    return Usage(
        input_tokens=inputs,
        output_tokens=outputs,
        reasoning_tokens=_count(usage.get("completion_tokens_details"), "reasoning_tokens"),
        cached_input_tokens=_count(usage.get("prompt_tokens_details"), "cached_tokens"),
        total_tokens=_count(usage, "total_tokens") or inputs + outputs,
        details=usage,
    )


def usage_of(body: dict[str, Any]) -> dict[str, Any] | None:
    """Find the usage object of a body or chunk: its own, or the one Groq puts into `x_groq`."""
    for holder in (body, body.get("x_groq")):
        if isinstance(holder, dict) and isinstance(holder.get("usage"), dict):
            found: dict[str, Any] = holder["usage"]
            return found
    return None


def text_of(value: Any) -> str:
    """Read a string; anything else is ""."""
    return value if isinstance(value, str) else ""


def arguments_of(value: Any) -> str:
    """Read a call's arguments as text: null is "", an object (seen from proxies) is its JSON."""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


def reasoning_of(message: dict[str, Any]) -> tuple[str, str]:
    """Find a message's or delta's reasoning and the field that carried it.

    DeepSeek, xAI, Qwen, Moonshot and z.ai say `reasoning_content`; Ollama, Groq, Cerebras and OpenRouter `reasoning`;
    some gateways send only `reasoning_details`, and some the same text in several of them, which is read once.
    """
    for field in ("reasoning_content", "reasoning"):
        if text_of(message.get(field)):
            return message[field], field
    details = message.get("reasoning_details")
    items = [item for item in details if isinstance(item, dict)] if isinstance(details, list) else []
    return "".join(text_of(item.get("text")) or text_of(item.get("summary")) for item in items), "reasoning"


def call_kind(call: dict[str, Any]) -> tuple[ToolCallKind, dict[str, Any]]:
    """Tell a function call from a custom tool's, by which of the two objects is named (Snowflake sends both, one all empty)."""
    function, custom = call.get("function"), call.get("custom")
    if isinstance(custom, dict) and (not isinstance(function, dict) or text_of(custom.get("name"))):
        return "custom", {"name": custom.get("name"), "arguments": custom.get("input")}
    return "function", function if isinstance(function, dict) else {}


def read_call(call: dict[str, Any]) -> ToolCallPart:
    """Read a whole tool call of a message."""
    kind, named = call_kind(call)
    extra = {key: value for key, value in call.items() if key not in _CALL_FIELDS and value is not None}
    return ToolCallPart(
        text_of(call.get("id")),
        text_of(named.get("name")),
        arguments_of(named.get("arguments")),
        kind=kind,
        extra=extra,
    )


_CALL_FIELDS = frozenset({"id", "type", "index", "function", "custom"})


def read_function_call(call: Any) -> ToolCallPart | None:
    """Read the field that preceded tool calls; all empty (Snowflake) means there was none."""
    if not isinstance(call, dict) or not (text_of(call.get("name")) or call.get("arguments")):
        return None
    return ToolCallPart("", text_of(call.get("name")), arguments_of(call.get("arguments")), kind="function_call")


def _count(holder: Any, name: str) -> int:
    value = holder.get(name) if isinstance(holder, dict) else None
    return int(value) if isinstance(value, (int, float)) else 0
