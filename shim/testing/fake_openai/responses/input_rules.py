"""Checks the input of a Responses request: a string, or items of the kinds that may be sent.

Not whether calls and their outputs belong together, nor whether ids exist: that needs the conversation (`history`).
Items the persona never reads (calls of hosted tools, say) are let through with their `type`.
"""

from typing import Any

from shim.testing.fake_openai.answers import ApiError
from shim.testing.fake_openai.value_rules import (
    Rule,
    any_of,
    anything,
    array,
    listing,
    missing,
    text,
    thing,
    unknown,
    wrong_type,
)

ROLES = ("assistant", "system", "developer", "user")
_INPUT_PARTS = ("input_text", "input_image", "input_file", "input_audio")
PARTS: dict[str, tuple[str, ...]] = {"assistant": ("output_text", "refusal")}
_TEXT_FIELD = {"input_text": "text", "output_text": "text", "refusal": "refusal"}

_STRING_OR_PARTS = any_of(text(), listing())
# What an item of each kind may have, and how it must be; those with an exclamation mark must be there.
_ITEMS: dict[str, dict[str, Rule]] = {
    "message": {"role!": text(*ROLES), "content!": anything, "id": text(), "status": text(), "phase": text()},
    "function_call": {
        "call_id!": text(), "name!": text(), "arguments!": text(), "id": text(), "status": text(), "namespace": text(),
    },
    "function_call_output": {"call_id!": text(), "output!": _STRING_OR_PARTS, "id": text(), "status": text()},
    "custom_tool_call": {"call_id!": text(), "name!": text(), "input!": text(), "id": text(), "status": text()},
    "custom_tool_call_output": {"call_id!": text(), "output!": _STRING_OR_PARTS, "id": text(), "status": text()},
    "reasoning": {
        "id!": text(), "summary!": listing(), "content": listing(), "encrypted_content": text(), "status": text(),
    },
    "item_reference": {"id!": text()},
}  # fmt: skip
_OTHERS = (
    "apply_patch_call", "apply_patch_call_output", "code_interpreter_call", "compaction", "computer_call",
    "computer_call_output", "file_search_call", "image_generation_call", "local_shell_call", "local_shell_call_output",
    "mcp_approval_request", "mcp_approval_response", "mcp_call", "mcp_list_tools", "shell_call", "shell_call_output",
    "tool_search_call", "tool_search_output", "web_search_call",
)  # fmt: skip
_PREFIXES = {"message": "msg", "function_call": "fc", "custom_tool_call": "ctc", "reasoning": "rs"}


def check_input(body: dict[str, Any]) -> None:
    """Raise the ApiError for an input that is missing or empty, or for the first item that is wrong by itself."""
    given = body.get("input")
    if given is None or given == "":
        if given is None and (body.get("previous_response_id") or body.get("prompt") or body.get("conversation")):
            return
        message = "One of 'input', 'previous_response_id', 'prompt' or 'conversation' must be provided."
        raise ApiError(400, message, param="input", code="missing_required_parameter")
    if isinstance(given, str):
        return
    if not isinstance(given, list):
        raise wrong_type("input", given, expected="one of a string or array of input items")
    array()("input", given)
    for number, item in enumerate(given):
        _check_item(f"input[{number}]", item)


def _check_item(place: str, item: object) -> None:
    thing()(place, item)
    if not isinstance(item, dict):
        return
    if "type" not in item and "role" not in item:
        raise missing(f"{place}.type")
    kind = item.get("type", "message")
    text(*_ITEMS, *_OTHERS)(f"{place}.type", kind)
    if kind not in _ITEMS:
        return
    _check_fields(place, item, fields=_ITEMS[kind])
    prefix, identifier = _PREFIXES.get(kind), item.get("id")
    if prefix and identifier is not None and not str(identifier).startswith(prefix):
        message = f"Invalid '{place}.id': '{identifier}'. Expected an ID that begins with '{prefix}'."
        raise ApiError(400, message, param=f"{place}.id", code="invalid_value")
    if kind == "message":
        _check_content(f"{place}.content", item["content"], role=item["role"])


def _check_fields(place: str, item: dict[str, Any], *, fields: dict[str, Rule]) -> None:
    for field in fields:
        if field.endswith("!") and field[:-1] not in item:
            raise missing(f"{place}.{field[:-1]}")
    for name, value in item.items():
        needed = fields.get(f"{name}!")
        rule = needed or fields.get(name)
        if name == "type":
            continue
        if rule is None:
            raise unknown(f"{place}.{name}")
        if needed or value is not None:
            rule(f"{place}.{name}", value)


def _check_content(place: str, content: object, *, role: str) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise wrong_type(place, content, expected="one of a string or array of objects")
    for number, part in enumerate(content):
        _check_part(f"{place}[{number}]", part, role=role)


def _check_part(place: str, part: object, *, role: str) -> None:
    thing()(place, part)
    if not isinstance(part, dict):
        return
    if "type" not in part:
        raise missing(f"{place}.type")
    text(*PARTS.get(role, _INPUT_PARTS))(f"{place}.type", part["type"])
    field = _TEXT_FIELD.get(part["type"])
    if field is not None:
        if field not in part:
            raise missing(f"{place}.{field}")
        text()(f"{place}.{field}", part[field])
