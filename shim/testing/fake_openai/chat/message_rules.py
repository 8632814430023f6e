"""Checks the messages of a Chat Completions request: roles, contents, and that every tool call meets its answer.

Not the parameters around them (`validation`). The API writes places two ways, `messages[0].role` for a value it cannot
read and `messages.[0].role` for a message in the wrong place; both are kept.
"""

import re
from typing import Any

from shim.testing.fake_openai.answers import ApiError
from shim.testing.fake_openai.value_rules import missing, text, thing, wrong_type

ROLES = ("system", "assistant", "user", "function", "tool", "developer")
PARTS: dict[str, tuple[str, ...]] = {
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
}
_TEXT_ONLY = ("text",)
# A participant's name has no white space, nor what marks roles in a prompt.
_NAME = re.compile(r"[^\s<|\\/>]{1,64}")


def check_messages(messages: list[Any]) -> None:
    """Raise the ApiError for the first message that is wrong by itself or in its place."""
    for number, message in enumerate(messages):
        _check_message(f"messages[{number}]", message, dotted=f"messages.[{number}]")
    _check_tool_answers(messages)


def _check_message(place: str, message: object, *, dotted: str) -> None:
    thing()(place, message)
    if not isinstance(message, dict):
        return
    if "role" not in message:
        raise missing(f"{place}.role")
    text(*ROLES)(f"{place}.role", message["role"])
    _check_name(f"{place}.name", message.get("name"))
    _check_calls(f"{place}.tool_calls", message.get("tool_calls"))
    if message["role"] == "tool":
        if "tool_call_id" not in message:
            raise missing(f"{place}.tool_call_id")
        text()(f"{place}.tool_call_id", message["tool_call_id"])
    _check_content(place, message, dotted=dotted)


def _check_name(place: str, name: object) -> None:
    if name is None:
        return
    text()(place, name)
    if isinstance(name, str) and not _NAME.fullmatch(name):
        message = f"Invalid '{place}': string does not match pattern. Expected a string that matches '{_NAME.pattern}'."
        raise ApiError(400, message, param=place, code="invalid_value")


def _check_content(place: str, message: dict[str, Any], *, dotted: str) -> None:
    content = message.get("content")
    if content is None:
        optional = message["role"] == "assistant" and any(
            message.get(name) for name in ("tool_calls", "function_call", "refusal", "audio")
        )
        if not optional:
            name = f"{dotted}.content"
            raise ApiError(400, f"Invalid value for '{name}': expected a string, got null.", param=name)
    elif isinstance(content, list):
        for number, part in enumerate(content):
            _check_part(f"{place}.content[{number}]", part, role=message["role"])
    elif not isinstance(content, str):
        raise wrong_type(f"{place}.content", content, expected="one of a string or array of objects")


def _check_part(place: str, part: object, *, role: str) -> None:
    thing()(place, part)
    if isinstance(part, dict):
        if "type" not in part:
            raise missing(f"{place}.type")
        text(*PARTS.get(role, _TEXT_ONLY))(f"{place}.type", part["type"])
        if part["type"] not in part:
            raise missing(f"{place}.{part['type']}")
        if part["type"] in {"text", "refusal"}:
            text()(f"{place}.{part['type']}", part[part["type"]])


def _check_calls(place: str, calls: object) -> None:
    if calls is None:
        return
    if not isinstance(calls, list):
        raise wrong_type(place, calls, expected="an array of objects")
    if not calls:
        message = f"Invalid '{place}': empty array. Expected an array with minimum length 1, but got [] instead."
        raise ApiError(400, message, param=place, code="empty_array")
    for number, call in enumerate(calls):
        thing()(f"{place}[{number}]", call)
        for name in ("id", "type"):
            if name not in call:
                raise missing(f"{place}[{number}].{name}")
            text()(f"{place}[{number}].{name}", call[name])
        if call["type"] == "function":
            _check_function(f"{place}[{number}].function", call.get("function"))


def _check_function(place: str, function: object) -> None:
    thing()(place, function)
    if isinstance(function, dict):
        for name in ("name", "arguments"):
            if name not in function:
                raise missing(f"{place}.{name}")
            text()(f"{place}.{name}", function[name])


def _check_tool_answers(messages: list[dict[str, Any]]) -> None:
    """Tool messages follow the assistant message whose calls they answer, and answer all of them before anything else."""
    open_calls: list[str] = []
    asked_at = 0
    answerable: set[str] = set()
    for number, message in enumerate(messages):
        if message["role"] == "tool":
            if message["tool_call_id"] not in answerable:
                raise _unasked(number)
            open_calls = [one for one in open_calls if one != message["tool_call_id"]]
            continue
        if open_calls:
            raise _unanswered(asked_at, open_calls)
        open_calls = [call["id"] for call in message.get("tool_calls") or []]
        answerable, asked_at = set(open_calls), number
    if open_calls:
        raise _unanswered(asked_at, open_calls)


def _unasked(number: int) -> ApiError:
    message = "Invalid parameter: a message with role 'tool' must answer a preceding message with 'tool_calls'."
    return ApiError(400, message, param=f"messages.[{number}].role")


def _unanswered(number: int, calls: list[str]) -> ApiError:
    message = (
        "An assistant message with 'tool_calls' must be followed by tool messages that answer each 'tool_call_id'. "
        f"These had no answer: {', '.join(calls)}"
    )
    return ApiError(400, message, param=f"messages.[{number}].role")
