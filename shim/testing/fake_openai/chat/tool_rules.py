"""Checks the tools of a Chat Completions request, the older `functions` too, and that `tool_choice` names one of them.

Not the calls inside messages (`message_rules`).
"""

import re
from typing import Any

from shim.testing.fake_openai.answers import ApiError
from shim.testing.fake_openai.value_rules import missing, text, thing

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
MODES = ("none", "auto", "required")


def check_tools(body: dict[str, Any]) -> None:
    """Raise the ApiError for the first tool or choice of a tool that is wrong."""
    for number, tool in enumerate(body.get("tools") or []):
        _check_tool(f"tools[{number}]", tool)
    for number, function in enumerate(body.get("functions") or []):
        _check_function(f"functions[{number}]", function)
    if body.get("parallel_tool_calls") is not None and not body.get("tools"):
        raise _needs_tools("parallel_tool_calls")
    if body.get("tool_choice") is not None:
        _check_choice(body["tool_choice"], body.get("tools") or [])


def _check_tool(place: str, tool: object) -> None:
    thing()(place, tool)
    if not isinstance(tool, dict):
        return
    if "type" not in tool:
        raise missing(f"{place}.type")
    text("function", "custom")(f"{place}.type", tool["type"])
    if tool["type"] not in tool:
        raise missing(f"{place}.{tool['type']}")
    _check_function(f"{place}.{tool['type']}", tool[tool["type"]])


def _check_function(place: str, function: object) -> None:
    thing()(place, function)
    if not isinstance(function, dict):
        return
    if "name" not in function:
        raise missing(f"{place}.name")
    text()(f"{place}.name", function["name"])
    if not _NAME.fullmatch(function["name"]):
        message = f"Invalid '{place}.name': expected 1 to 64 letters, digits, underscores or hyphens."
        raise ApiError(400, message, param=f"{place}.name", code="invalid_value")
    parameters = function.get("parameters")
    if parameters is not None:
        _check_schema(f"{place}.parameters", parameters, function=function["name"])


def _check_schema(place: str, schema: object, *, function: str) -> None:
    thing()(place, schema)
    if isinstance(schema, dict) and schema and schema.get("type") != "object":
        message = (
            f"Invalid schema for function '{function}': its 'type' must be \"object\", got {schema.get('type')!r}."
        )
        raise ApiError(400, message, param=place, code="invalid_function_parameters")


def _check_choice(choice: str | dict[str, Any], tools: list[dict[str, Any]]) -> None:
    if isinstance(choice, str):
        text(*MODES)("tool_choice", choice)
        # "none" without tools is let through: clients that set it as a limit do not look whether tools are left.
        if not tools and choice != "none":
            raise _needs_tools("tool_choice")
        return
    if not tools:
        raise _needs_tools("tool_choice")
    if "type" not in choice:
        raise missing("tool_choice.type")
    text("function", "custom", "allowed_tools")("tool_choice.type", choice["type"])
    if choice["type"] != "allowed_tools":
        _check_named(choice, tools)


def _check_named(choice: dict[str, Any], tools: list[dict[str, Any]]) -> None:
    kind = choice["type"]
    named = choice.get(kind)
    if not isinstance(named, dict) or "name" not in named:
        raise missing(f"tool_choice.{kind}.name")
    if all(tool.get(kind, {}).get("name") != named["name"] for tool in tools):
        raise ApiError(400, f"Tool choice '{named['name']}' not found in 'tools' parameter.", param="tool_choice")


def _needs_tools(name: str) -> ApiError:
    return ApiError(400, f"Invalid value for '{name}': it is only allowed when 'tools' are specified.", param=name)
