"""Reads a Responses request as the Chat Completions request that the persona understands.

Not a codec (`shim.wire`): what the persona does not look at is left out. It answers both APIs alike because it sees one.
"""

from collections.abc import Iterable
from typing import Any

from shim.testing.fake_openai.responses.history import Item

_TEXTS = {"input_text": "text", "output_text": "text", "refusal": "refusal"}
_CALLED = {"function_call": ("function", "arguments"), "custom_tool_call": ("custom", "input")}
_OUTPUTS = frozenset({"function_call_output", "custom_tool_call_output"})


def as_chat(body: dict[str, Any], items: Iterable[Item]) -> dict[str, Any]:
    """The Chat Completions body that asks the same, about the whole conversation."""
    reasoning = body.get("reasoning") or {}
    tools = [_nested(tool) for tool in body.get("tools") or [] if tool["type"] in {"function", "custom"}]
    return {
        "model": body["model"],
        "messages": _messages(body.get("instructions"), items),
        "tools": tools,
        "tool_choice": _choice(body.get("tool_choice")),
        "parallel_tool_calls": body.get("parallel_tool_calls"),
        "max_completion_tokens": body.get("max_output_tokens"),
        "reasoning_effort": reasoning.get("effort"),
        "response_format": _format((body.get("text") or {}).get("format")),
    }


def _messages(instructions: str | None, items: Iterable[Item]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = [{"role": "system", "content": instructions}] if instructions else []
    for item in items:
        if item["type"] == "message":
            messages.append({"role": item["role"], "content": _content(item["content"])})
        elif item["type"] in _CALLED:
            _add_call(messages, item)
        elif item["type"] in _OUTPUTS:
            result = {"role": "tool", "tool_call_id": item["call_id"], "content": _content(item["output"])}
            messages.append(result)
    return messages or [{"role": "user", "content": ""}]


def _add_call(messages: list[dict[str, Any]], item: Item) -> None:
    """Calls that follow each other are one message."""
    kind, field = _CALLED[item["type"]]
    call = {"id": item["call_id"], "type": kind, kind: {"name": item["name"], field: item[field]}}
    if messages and messages[-1].get("tool_calls"):
        messages[-1]["tool_calls"].append(call)
    else:
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})


def _content(content: str | list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    if isinstance(content, str):
        return content
    texts = [str(part.get(_TEXTS[part["type"]])) for part in content if part.get("type") in _TEXTS]
    return [{"type": "text", "text": text} for text in texts]


def _nested(tool: dict[str, Any]) -> dict[str, Any]:
    kind = tool["type"]
    return {"type": kind, kind: {name: value for name, value in tool.items() if name != "type"}}


def _choice(choice: str | dict[str, Any] | None) -> str | dict[str, Any] | None:
    if not isinstance(choice, dict):
        return choice
    if choice["type"] in {"function", "custom"}:
        return _nested({"type": choice["type"], "name": choice["name"]})
    if choice["type"] == "allowed_tools":
        tools = [_nested(one) for one in choice["tools"] if isinstance(one, dict) and isinstance(one.get("type"), str)]
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice["mode"], "tools": tools}}
    return "auto"  # a tool the API runs itself: there is none here


def _format(form: dict[str, Any] | None) -> dict[str, Any] | None:
    if form is None or form["type"] != "json_schema":
        return form
    return {"type": "json_schema", "json_schema": form}
