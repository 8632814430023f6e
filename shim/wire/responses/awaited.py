"""Awaited calls: items that wait for the application, whatever their type, and whether such a call is complete.

Not how they are told in a stream (`accumulation`). Source: OpenAI API reference, Responses, the output items `apply_patch_call`,
`shell_call`, `local_shell_call`, `computer_call`, `tool_search_call` and `mcp_approval_request`, and the `status` of items. The
same tools may run on the server: in a container, in its own search, or with their result beside them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from shim.model import FinishReason, ToolCallPart
from shim.model.parts import ToolCallKind
from shim.wire.arguments import is_complete, is_whole
from shim.wire.lenient import arguments_of, text_of
from shim.wire.responses.vocabulary import ITEM

# Type of the item -> the tool's name, "" where the item says it, and the fields that may say what is asked.
_AWAITED: dict[str, tuple[str, tuple[str, ...]]] = {
    "apply_patch_call": ("apply_patch", ("operation",)),
    "shell_call": ("shell", ("action",)),
    "local_shell_call": ("local_shell", ("action",)),
    "computer_call": ("computer", ("action", "actions")),
    "tool_search_call": ("tool_search", ("arguments",)),
    "mcp_approval_request": ("", ("arguments",)),
}
# What xAI's search on X calls on the server, as calls of custom tools.
_RUN_BY_XAI = frozenset({"x_keyword_search", "x_semantic_search", "x_user_search", "x_thread_fetch"})
_ENDED = (FinishReason.STOP, FinishReason.TOOL_CALL)


def is_awaited(item: dict[str, Any]) -> bool:
    """Whether an item by itself is a call whose work the application does."""
    kind, environment = text_of(item.get("type")), item.get("environment")
    if kind == "tool_search_call":
        return item.get("execution") == "client"
    if kind == "shell_call" and isinstance(environment, dict):
        return not text_of(environment.get("type")).startswith("container")
    return kind in _AWAITED


def runs_on_server(item: dict[str, Any]) -> bool:
    """Whether an item is a custom tool's call that nobody but its server answers."""
    return item.get("type") == "custom_tool_call" and text_of(item.get("name")) in _RUN_BY_XAI


def awaited_call(item: dict[str, Any]) -> ToolCallPart:
    """Read such an item as the call it is; `data` has it whole."""
    kind = text_of(item.get("type"))
    name, fields = _AWAITED[kind]
    asked = next((item[field] for field in fields if item.get(field) is not None), None)
    return ToolCallPart(
        text_of(item.get("call_id")) or text_of(item.get("id")),
        name or text_of(item.get("name")),
        arguments_of(asked),
        kind=cast(ToolCallKind, kind),
        data=item,
    )


def answered_in(items: Iterable[dict[str, Any]]) -> frozenset[str]:
    """The calls whose results stand among the items, by what those name."""
    answered = set()
    for item in items:
        kind = text_of(item.get("type"))
        if kind.endswith("_output"):
            answered.add(text_of(item.get("call_id")))
        answered.add(text_of(item.get("approval_request_id")))
    return frozenset(answered - {""})


def is_call_complete(part: ToolCallPart, reason: FinishReason | None, *, last: bool) -> bool:
    """Whether a call is complete.

    Args:
        part: the call.
        reason: why its response ended, None where it has not, or was cut.
        last: whether nothing came after the call.
    """
    fields = part.data if part.data is not None else part.extra.get(ITEM)
    status = text_of(fields.get("status")) if isinstance(fields, dict) else ""
    if status == "incomplete":
        return False
    if reason in _ENDED:
        return True
    if status == "completed":
        return part.kind == "custom" or part.data is not None or is_whole(part.arguments)
    return not status and is_complete(part, reason, last=last, said=True)
