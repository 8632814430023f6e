"""Checks the tools of a Responses request, which are flat, and that `tool_choice` names one of them.

Not the calls among the input items (`input_rules`). Tools that the API itself runs are accepted and never called.
"""

import re
from typing import Any

from shim.testing.fake_openai.answers import ApiError
from shim.testing.fake_openai.value_rules import Rule, boolean, missing, text, thing, unknown

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MODES = ("none", "auto", "required")
# Run by the API or by the platform; this server has none of them.
HOSTED = (
    "apply_patch", "code_interpreter", "computer_use_preview", "file_search", "image_generation", "local_shell", "mcp",
    "shell", "web_search", "web_search_preview",
)  # fmt: skip
_FIELDS: dict[str, dict[str, Rule]] = {
    "function": {
        "type": text(), "name": text(), "description": text(), "parameters": thing(), "strict": boolean(),
        "defer_loading": boolean(),
    },
    "custom": {"type": text(), "name": text(), "description": text(), "format": thing()},
}  # fmt: skip


def check_tools(body: dict[str, Any]) -> None:
    """Raise the ApiError for the first tool or choice of a tool that is wrong."""
    for number, tool in enumerate(body.get("tools") or []):
        _check_tool(f"tools[{number}]", tool)
    if body.get("tool_choice") is not None:
        _check_choice(body["tool_choice"], body.get("tools") or [])


def _check_tool(place: str, tool: object) -> None:
    thing()(place, tool)
    if not isinstance(tool, dict):
        return
    if "type" not in tool:
        raise missing(f"{place}.type")
    text("function", "custom", *HOSTED)(f"{place}.type", tool["type"])
    if tool["type"] in _FIELDS:
        _check_named_tool(place, tool)


def _check_named_tool(place: str, tool: dict[str, Any]) -> None:
    if "name" not in tool:  # a tool shaped for Chat Completions, most likely
        raise missing(f"{place}.name")
    fields = _FIELDS[tool["type"]]
    for name, value in tool.items():
        if name not in fields:
            raise unknown(f"{place}.{name}")
        if value is not None or name == "name":
            fields[name](f"{place}.{name}", value)
    if not _NAME.fullmatch(tool["name"]):
        message = f"Invalid '{place}.name': expected 1 to 64 letters, digits, underscores or hyphens."
        raise ApiError(400, message, param=f"{place}.name", code="invalid_value")
    if tool["type"] == "function" and tool.get("parameters"):
        _check_parameters(f"{place}.parameters", tool)


def _check_parameters(place: str, tool: dict[str, Any]) -> None:
    schema, what = tool["parameters"], f"function '{tool['name']}'"
    if schema.get("type") != "object":
        problem = f"its 'type' must be \"object\", got {schema.get('type')!r}"
        raise _bad_schema(place, what, problem=problem)
    if tool.get("strict"):
        check_strict_schema(place, schema, what=what)


def check_strict_schema(place: str, schema: dict[str, Any], *, what: str) -> None:
    """Raise the ApiError for an object that a strict schema leaves open: its top level is looked at."""
    if schema.get("additionalProperties") is not False:
        raise _bad_schema(place, what, problem="'additionalProperties' is required to be supplied and to be false")
    properties, required = schema.get("properties"), schema.get("required")
    named = set(properties) if isinstance(properties, dict) else set()
    listed = {one for one in required if isinstance(one, str)} if isinstance(required, list) else set()
    if named - listed:
        raise _bad_schema(place, what, problem=f"'required' must list every property; missing {min(named - listed)!r}")


def _bad_schema(place: str, what: str, *, problem: str) -> ApiError:
    code = "invalid_function_parameters" if place.startswith("tools") else "invalid_json_schema"
    return ApiError(400, f"Invalid schema for {what}: {problem}.", param=place, code=code)


def _check_choice(choice: str | dict[str, Any], tools: list[dict[str, Any]]) -> None:
    if isinstance(choice, str):
        text(*MODES)("tool_choice", choice)
        if choice == "required" and not tools:
            raise _not_found("required")
        return
    if "type" not in choice:
        raise missing("tool_choice.type")
    text("function", "custom", "allowed_tools", *HOSTED)("tool_choice.type", choice["type"])
    if choice["type"] in _FIELDS:
        _check_named(choice, tools)
    elif choice["type"] == "allowed_tools":
        _check_allowed(choice)
    elif all(tool["type"] != choice["type"] for tool in tools):
        raise _not_found(choice["type"])


def _check_named(choice: dict[str, Any], tools: list[dict[str, Any]]) -> None:
    if "name" not in choice:
        raise missing("tool_choice.name")
    text()("tool_choice.name", choice["name"])
    if all((tool["type"], tool.get("name")) != (choice["type"], choice["name"]) for tool in tools):
        raise _not_found(choice["name"])


def _check_allowed(choice: dict[str, Any]) -> None:
    for name in ("mode", "tools"):
        if name not in choice:
            raise missing(f"tool_choice.{name}")
    text("auto", "required")("tool_choice.mode", choice["mode"])
    if not isinstance(choice["tools"], list):
        raise missing("tool_choice.tools")


def _not_found(name: str) -> ApiError:
    return ApiError(400, f"Tool choice '{name}' not found in 'tools' parameter.", param="tool_choice")
