"""The words of Chat Completions answers: finish reasons, usage, reasoning and tool-call forms, read leniently.

Not the bodies they stand in (`response`, `chunk`) nor what both APIs read alike (`shim.wire.lenient`). Source: API reference,
Chat Completions; the other words are those of compatible servers, seen in recorded traffic.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from shim.model import FinishReason, ToolCallPart, Usage
from shim.model.parts import ToolCallKind
from shim.wire.lenient import Kinds, arguments_of, count_of, dicts_in, text_of, unmodelled, words_in
from shim.wire.token_counts import cached_count, input_count, output_count, reasoning_count

# Words in lower case. What a gateway passes through of the server behind it stands beside OpenAI's.
_FINISH_REASONS: dict[str, FinishReason] = {
    "stop": FinishReason.STOP,
    "eos": FinishReason.STOP,  # Together
    "eos_token": FinishReason.STOP,  # Text Generation Inference
    "stop_sequence": FinishReason.STOP,  # the same, Anthropic
    "end_turn": FinishReason.STOP,  # Anthropic
    "complete": FinishReason.STOP,  # Cohere
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,  # `finish_details.type` of early vision models; Anthropic, Gemini
    "max_output_tokens": FinishReason.LENGTH,  # gateways before Responses
    "model_length": FinishReason.LENGTH,  # Mistral
    "model_context_window_exceeded": FinishReason.LENGTH,  # Anthropic, Zhipu
    "token_limit": FinishReason.LENGTH,  # watsonx
    "tool_calls": FinishReason.TOOL_CALL,
    "tool_call": FinishReason.TOOL_CALL,  # Cohere
    "tool_use": FinishReason.TOOL_CALL,  # Anthropic
    "function_call": FinishReason.TOOL_CALL,
    "content_filter": FinishReason.CONTENT_FILTER,
    **dict.fromkeys(  # Bedrock; Anthropic; Zhipu; Cohere
        ("content_filtered", "guardrail_intervened", "refusal", "sensitive", "error_toxic"), FinishReason.CONTENT_FILTER
    ),
    **dict.fromkeys(  # Gemini, Vertex
        ("safety", "recitation", "prohibited_content", "blocklist", "spii", "image_safety", "model_armor"),
        FinishReason.CONTENT_FILTER,
    ),
    "error": FinishReason.ERROR,  # OpenRouter
    "insufficient_system_resource": FinishReason.ERROR,  # DeepSeek
    "malformed_function_call": FinishReason.ERROR,  # Gemini
    "network_error": FinishReason.ERROR,  # Zhipu
    **dict.fromkeys(("abort", "cancelled", "time_limit"), FinishReason.ERROR),  # vLLM, SGLang; watsonx
}
_STOP, _UNKNOWN = FinishReason.STOP, FinishReason.UNKNOWN
# What DashScope and watsonx say in each chunk of a choice that has not ended.
_NOT_YET = frozenset({"null", "none", "not_finished"})


def finish_reason(raw: str | None, *, calls: bool) -> FinishReason:
    """Translate the server's word for why a choice ended; `calls`: whether it asks for tool calls.

    OpenAI says "stop" with a forced tool, Snowflake "" or nothing: a caller who branches on the reason expects the calls.
    """
    word = "" if raw is None else raw.lower()
    reason = _FINISH_REASONS.get(word, _UNKNOWN)
    return FinishReason.TOOL_CALL if calls and (not word or reason is _STOP) else reason


def has_ended(raw: str) -> bool:
    """Whether what a chunk says of its choice's end is that it has ended."""
    return raw.lower() not in _NOT_YET


class _Whole(Protocol):
    object: str | None
    created: Any
    system_fingerprint: str | None


def typed_extra(whole: _Whole) -> dict[str, Any]:
    """What a typed answer, or a chunk of one, says of the whole beside what the model has."""
    extra: dict[str, Any] = {}
    if whole.object is not None:
        extra["object"] = whole.object
    if whole.created is not None:
        extra["created"] = whole.created
    if whole.system_fingerprint is not None:
        extra["system_fingerprint"] = whole.system_fingerprint
    return extra


def raw_finish_reason(choice: dict[str, Any]) -> str | None:
    """Find a choice's own word for why it ended, None where it has none yet."""
    reason = choice.get("finish_reason")
    if reason is None and isinstance(choice.get("finish_details"), dict):
        reason = choice["finish_details"].get("type")
    return reason if isinstance(reason, str) else None


def read_usage(usage: dict[str, Any]) -> Usage:
    """Read a usage object; a count that is missing or no finite number is 0, a missing total is the sum."""
    inputs, outputs, total = usage.get("prompt_tokens"), usage.get("completion_tokens"), usage.get("total_tokens")
    of_inputs, of_outputs = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    others = len(usage) - 3 - (of_inputs is not None) - (of_outputs is not None)
    if others or not (type(inputs) is type(outputs) is type(total) is int):  # of a server's own
        inputs, outputs, total = input_count(usage), output_count(usage), count_of(usage, "total_tokens")
        reasoning, cached = reasoning_count(usage), cached_count(usage)
    else:
        reasoning = count_of(of_outputs, "reasoning_tokens") if of_outputs else 0
        cached = count_of(of_inputs, "cached_tokens") if of_inputs else 0
    return Usage(inputs, outputs, reasoning, cached, total or inputs + outputs, usage)


def with_usage(so_far: dict[str, Any] | None, more: dict[str, Any]) -> dict[str, Any]:
    """Take in what another chunk says of the usage: a running count, the rest of one, or nothing at all in zeros."""
    if so_far is None:
        return more
    counted = any(isinstance(value, (int, float)) and value for value in more.values())
    return so_far | {name: value for name, value in more.items() if value is not None} if counted else so_far


def usage_of(body: dict[str, Any]) -> dict[str, Any] | None:
    """Find the usage object of a body or chunk: its own, the one Groq puts into `x_groq`, or Moonshot into a choice."""
    usage = body.get("usage")
    if isinstance(usage, dict):
        return usage
    groq = body.get("x_groq")
    if isinstance(groq, dict) and isinstance(groq.get("usage"), dict):
        return dict(groq["usage"])
    choices = body.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and isinstance(choice.get("usage"), dict):
            return dict(choice["usage"])
    return None


REASONING_FIELDS: Final = ("reasoning_content", "reasoning", "reasoning_text")
"""Where a message has its reasoning as a text; the first that has one counts."""


def says_no_reasoning(message: dict[str, Any]) -> bool:
    """Whether a message says that it has no reasoning, as DeepSeek wants it said again in the next turn."""
    return message.get("reasoning_content") == ""


def reasoning_of(message: dict[str, Any]) -> tuple[str, str]:
    """Find a message's or delta's reasoning and the field that carried it.

    DeepSeek, xAI, Qwen, Moonshot and z.ai say `reasoning_content`; Ollama, Groq, Cerebras and OpenRouter `reasoning`; Copilot
    `reasoning_text`; a gateway before Bedrock sends an object of its own form. Some send only `reasoning_details`, and some the
    same text in several of them, which is read once.
    """
    for field in REASONING_FIELDS:
        value = message.get(field)
        words = value if isinstance(value, str) or not value else words_in(value)
        if words:
            return words, field
    details = message.get("reasoning_details")
    return details_told(details)[0] if details else "", "reasoning"


def details_told(details: Any) -> tuple[str, Any, Any]:
    """The words of reasoning details, a blank line between those of different indexes; the first and the last such index."""
    words, first, last = "", None, None
    for item in dicts_in(details):
        text, index = text_of(item.get("text")) or text_of(item.get("summary")), item.get("index")
        if text and words:
            words += ("" if last is None or index is None or index == last else "\n\n") + text
        elif text:
            words, first = text, index
        last = index if text else last
    return words, first, last


def call_kind(call: dict[str, Any]) -> tuple[ToolCallKind, dict[str, Any]]:
    """Tell a function call from a custom tool's, by which of the two objects is named (Snowflake sends both, one all empty).

    Workers AI has neither: name and arguments stand in the call itself.
    """
    function, custom = call.get("function"), call.get("custom")
    if isinstance(custom, dict) and (not isinstance(function, dict) or text_of(custom.get("name"))):
        return "custom", {"name": custom.get("name"), "arguments": custom.get("input")}
    return "function", function if isinstance(function, dict) else call if _is_flat(call) else {}


def _is_flat(call: dict[str, Any]) -> bool:
    is_named = isinstance(call.get("name"), str) or isinstance(call.get("arguments"), str)
    return is_named and call.get("function") is None and call.get("custom") is None


def call_id(call: dict[str, Any], named: dict[str, Any]) -> str:
    """The id of a call; llama.cpp had it among the fields of the function."""
    return text_of(call.get("id")) or text_of(named.get("id"))


def calls_in(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The tool calls of a message or delta: a list, or one alone."""
    calls = message.get("tool_calls")
    if isinstance(calls, dict) and (isinstance(calls.get("function"), dict) or _is_flat(calls)):
        return [calls]
    return dicts_in(calls)


def read_call(call: dict[str, Any]) -> ToolCallPart:
    """Read a whole tool call of a message."""
    kind, named = call_kind(call)
    return ToolCallPart(
        call_id(call, named),
        text_of(named.get("name")),
        arguments_of(named.get("arguments")),
        kind=kind,
        extra=further_of_call(call),
    )


_CALL_KINDS: dict[str, Kinds] = {"id": (str,), "index": (), "type": (), "function": (), "custom": ()}
_FLAT_KINDS: dict[str, Kinds] = _CALL_KINDS | {"name": (str,), "arguments": ()}
_NAMED_KINDS: dict[str, Kinds] = {"name": (str,), "arguments": (), "input": ()}
_FUNCTION_CALL_KINDS: dict[str, Kinds] = {"name": (str,), "arguments": ()}


def further_of_call(call: dict[str, Any]) -> dict[str, Any]:
    """Keep what a call holds beside what is read of it: other fields, also of its function, and a type of the server's own."""
    extra = unmodelled(call, _FLAT_KINDS if _is_flat(call) else _CALL_KINDS)
    if call.get("type") not in (None, "", "function", "custom"):
        extra["type"] = call["type"]  # Moonshot's builtin_function
    for name in ("function", "custom"):
        value = call.get(name)
        inner = unmodelled(value, _NAMED_KINDS) if isinstance(value, dict) else value
        if inner:
            extra[name] = inner
    return extra


def read_function_call(call: Any) -> ToolCallPart | None:
    """Read the field that preceded tool calls; all empty (Snowflake) means there was none."""
    if not isinstance(call, dict):
        return None
    name, extra = text_of(call.get("name")), further_of_function_call(call)
    if not (name or call.get("arguments") or extra):
        return None
    return ToolCallPart("", name, arguments_of(call.get("arguments")), kind="function_call", extra=extra)


def further_of_function_call(call: dict[str, Any]) -> dict[str, Any]:
    """Keep what that field holds beside a name and arguments."""
    return unmodelled(call, _FUNCTION_CALL_KINDS)
