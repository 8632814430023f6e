"""Writes the Responses object: every field the API has, whatever the request said of it, in any of its states.

Not the output items (`items`). Fields and defaults as the API sends them in 2026.
"""

from typing import Any

from shim.testing.fake_openai.persona.thinking import DEFAULT_EFFORT, is_reasoning_model
from shim.testing.fake_openai.question import Stamp
from shim.testing.fake_openai.responses.history import Item

# Echoed from the request, with what stands there when it says nothing.
_ECHOED: dict[str, object] = {
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "prompt_cache_retention": None,
    "safety_identifier": None,
    "store": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "user": None,
}
_FIELDS = (
    "id", "object", "created_at", "status", "background", "billing", "completed_at", "error", "frequency_penalty",
    "incomplete_details", "instructions", "max_output_tokens", "max_tool_calls", "model", "moderation", "output",
    "parallel_tool_calls", "presence_penalty", "previous_response_id", "prompt_cache_key", "prompt_cache_retention",
    "reasoning", "safety_identifier", "service_tier", "store", "temperature", "text", "tool_choice", "tools",
    "top_logprobs", "top_p", "truncation", "usage", "user", "metadata",
)  # fmt: skip


def begun(body: dict[str, Any], *, stamp: Stamp) -> dict[str, Any]:
    """The object as a stream opens with it: in progress, nothing written yet."""
    echoed = {name: default if body.get(name) is None else body[name] for name, default in _ECHOED.items()}
    fields = echoed | {
        "id": f"resp_{stamp.number:048x}",
        "object": "response",
        "created_at": stamp.created,
        "status": "in_progress",
        "background": bool(body.get("background")),
        "billing": {"payer": "developer"},
        "completed_at": None,
        "error": None,
        "frequency_penalty": 0.0,
        "incomplete_details": None,
        "model": body["model"],
        "moderation": None,
        "output": [],
        "presence_penalty": 0.0,
        "reasoning": _reasoning(body),
        "service_tier": "auto",
        "text": _text(body),
        "tools": [_tool(tool) for tool in body.get("tools") or []],
        "usage": None,
    }
    return {name: fields[name] for name in _FIELDS}


def finished(response: dict[str, Any], output: list[Item], *, usage: dict[str, Any], cut: bool) -> dict[str, Any]:
    """The object at its end: completed, or incomplete because the tokens ran out."""
    return response | {
        "status": "incomplete" if cut else "completed",
        "completed_at": None if cut else response["created_at"] + 1,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "output": output,
        "service_tier": "default",
        "usage": usage,
    }


def queued(response: dict[str, Any]) -> dict[str, Any]:
    """The object of a background request before anything has begun."""
    return response | {"status": "queued"}


def failed(response: dict[str, Any], *, code: str, message: str) -> dict[str, Any]:
    """The object of a request that failed after it was accepted."""
    error = {"code": code, "message": message}
    return response | {"status": "failed", "completed_at": None, "error": error, "output": [], "usage": None}


def usage_from_chat(usage: dict[str, Any]) -> dict[str, Any]:
    """The counts of a Chat Completions usage under their names here."""
    return {
        "input_tokens": usage["prompt_tokens"],
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": usage["completion_tokens"],
        "output_tokens_details": {"reasoning_tokens": usage["completion_tokens_details"]["reasoning_tokens"]},
        "total_tokens": usage["total_tokens"],
    }


def _reasoning(body: dict[str, Any]) -> dict[str, Any]:
    asked = body.get("reasoning") or {}
    default = DEFAULT_EFFORT if is_reasoning_model(body["model"]) else None
    return {"effort": asked.get("effort") or default, "summary": asked.get("summary")}


def _text(body: dict[str, Any]) -> dict[str, Any]:
    asked = body.get("text") or {}
    form = asked.get("format") or {"type": "text"}
    if form["type"] == "json_schema":
        form = {"description": None, "strict": False, **form}
    return {"format": form, "verbosity": asked.get("verbosity") or "medium"}


def _tool(tool: dict[str, Any]) -> dict[str, Any]:
    if tool["type"] != "function":
        return tool
    strict = True if tool.get("strict") is None else tool["strict"]
    return {"description": None, "parameters": None, **tool, "strict": strict}
