"""A `ModelRequest` as plain JSON, so that two of them can be compared by path: what is left unset is absent, null is null.

Not the body of any API (`shim.wire`); nothing is sent in this form. What equals its default is left out.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, Struct, structs

from shim.model import (
    AudioPart,
    FilePart,
    ImagePart,
    ModelRequest,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    ToolDefinition,
)

# What several kinds of may stand in one place are told apart by `is`.
_KINDS: dict[type, str] = {
    TextPart: "text",
    ImagePart: "image",
    AudioPart: "audio",
    FilePart: "file",
    RefusalPart: "refusal",
    ReasoningPart: "reasoning",
    ToolCallPart: "tool_call",
    ToolCallResponsePart: "tool_call_response",
    OpaquePart: "opaque",
    ToolDefinition: "function",
}
# They are not of the body.
_BESIDE = ("extra_headers", "conversation_id")


def request_json(request: ModelRequest) -> dict[str, Any]:
    """Write a request as plain JSON, each object and list of it new."""
    fields = _fields(request)
    return {name: value for name, value in fields.items() if name not in _BESIDE}


def _fields(struct: Struct) -> dict[str, Any]:
    kind = _KINDS.get(type(struct))
    told: dict[str, Any] = {} if kind is None else {"is": kind}
    if isinstance(struct, TextPart) and struct.extra.get("type", "") is UNSET:
        told["without_type"] = True
    return told | {
        each.name: _plain(value)
        for each in _fields_of(type(struct))
        if not _is_unsaid(value := getattr(struct, each.name), each)
    }


@functools.cache  # of a handful of types; msgspec works them out from annotations, anew each time
def _fields_of(kind: type[Struct]) -> tuple[structs.FieldInfo, ...]:
    return structs.fields(kind)


def _is_unsaid(value: Any, field: structs.FieldInfo) -> bool:
    if value is UNSET:
        return True
    default = {} if field.default_factory is dict else field.default
    return value is default or (type(value) is type(default) and bool(value == default))


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return _fields(value)
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items() if inner is not UNSET}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value
