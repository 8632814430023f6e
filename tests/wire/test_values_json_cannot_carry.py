"""Tests that a value which JSON cannot carry is refused by name, wherever a request takes fields that nobody models."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from shim import model
from shim.model import (
    InvalidRequestError,
    Message,
    ModelRequest,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    ResponseFormat,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    ToolDefinition,
    user,
)
from shim.model.depth import MAX_DEPTH
from shim.wire import chat, responses

HELLO = user("Hello")
CALL = ToolCallPart("call_1", "look", "{}")
MODELLED = dict.fromkeys(
    ("role", "content", "type", "text", "refusal", "id", "name", "function", "arguments", "status", "parameters"), 7
)


def said(*parts: Any, role: Any = "assistant", **fields: Any) -> ModelRequest:
    """A request with such a message in the middle of it."""
    result = Message("tool", (ToolCallResponsePart("call_1", "42"),))
    ends = (result,) if any(isinstance(each, ToolCallPart) for each in parts) else ()
    before = (HELLO, Message("assistant", (CALL,))) if role == "tool" else (HELLO,)
    return ModelRequest("m", (*before, Message(role, parts, **fields), *ends))


def asked(**fields: Any) -> ModelRequest:
    """A request with such fields."""
    return ModelRequest("m", (HELLO,), **fields)


# Struct and field -> the requests that hold a value there.
PLACES: dict[tuple[type, str], list[Callable[[Any], ModelRequest]]] = {
    (Message, "extra"): [
        lambda fields: said(TextPart("a"), extra=fields),
        lambda fields: said(TextPart("a"), role="user", extra=fields),
        lambda fields: said(ToolCallResponsePart("call_1", "42"), role="tool", extra=fields),
    ],
    (TextPart, "extra"): [
        lambda fields: said(TextPart("a", fields)),
        lambda fields: said(TextPart("a", fields), role="user"),
        lambda fields: said(ToolCallResponsePart("call_1", (TextPart("42", fields),)), role="tool"),
    ],
    (RefusalPart, "extra"): [lambda fields: said(RefusalPart("no", fields))],
    (ReasoningPart, "extra"): [
        lambda fields: said(ReasoningPart("hm", extra=fields), TextPart("a")),
        lambda fields: said(ReasoningPart("hm", wire_field="thinking", extra=fields), TextPart("a")),
        lambda fields: said(ReasoningPart("hm", wire_field="reasoning_content", extra=fields), TextPart("a")),
        lambda fields: said(ReasoningPart("hm", wire_field="content", extra=fields), TextPart("a")),
    ],
    (ToolCallPart, "extra"): [
        lambda fields: said(ToolCallPart("call_1", "look", "{}", extra=fields)),
        lambda fields: said(ToolCallPart("call_1", "look", "{}", kind="custom", extra=fields)),
        lambda fields: said(ToolCallPart("", "look", "{}", kind="function_call", extra=fields)),
        lambda fields: said(ToolCallPart("call_1", "", "{}", kind="shell_call", data={"type": "s"}, extra=fields)),
    ],
    (ToolCallPart, "data"): [lambda fields: said(ToolCallPart("call_1", "look", "{}", data=fields))],
    (OpaquePart, "data"): [
        lambda fields: said(OpaquePart("video", fields), role="user"),
        lambda fields: asked(tools=[OpaquePart("web_search", fields)]),
        lambda fields: asked(tool_choice=OpaquePart("allowed_tools", fields), tools=[ToolDefinition("look")]),
        lambda fields: asked(response_format=OpaquePart("grammar", fields)),
    ],
    (ToolDefinition, "extra"): [lambda fields: asked(tools=[ToolDefinition("look", extra=fields)])],
    (ToolDefinition, "parameters"): [lambda fields: asked(tools=[ToolDefinition("look", parameters=fields)])],
    (ResponseFormat, "schema"): [lambda fields: asked(response_format=ResponseFormat("json_schema", "n", fields))],
    (ModelRequest, "metadata"): [lambda fields: asked(metadata=fields)],
    (ModelRequest, "logit_bias"): [lambda fields: asked(logit_bias=fields)],
    (ModelRequest, "extra_body"): [lambda fields: asked(extra_body=fields)],
}
# Places whose value an API leaves out: the item of a call that Chat Completions has in its own words.
NOT_SENT = {(ToolCallPart, "data")}


def nested() -> dict[str, Any]:
    """A dict in a dict, and so on, once more than is sent."""
    fields: dict[str, Any] = {}
    for _ in range(MAX_DEPTH + 1):
        fields = {"x": fields}
    return fields


UNCARRIED: dict[str, Any] = {
    "NaN": {"x": math.nan},
    "infinity, inside": {"x": [{"y": -math.inf}]},
    "bytes": {"x": b"a"},
    "a set": {"x": {1}},
    "an object": {"x": object()},
    "a key of bytes": {b"a": 1},
    "a key of a tuple": {("a",): 1},
    "half a character": {"x": "\ud83d"},
    "half a character in a key": {"\ud83d": 1},
    "nested too deeply": nested(),
    "a list": [1],
    "a string": "x",
}
CASES = [
    pytest.param(place, build, id=f"{place[0].__name__}.{place[1]}-{number}")
    for place, builds in PLACES.items()
    for number, build in enumerate(builds)
]
APIS = pytest.mark.parametrize("api", [chat, responses], ids=["chat", "responses"])


def test_every_place_is_in_the_table() -> None:
    """Every field of a request's structs that takes an object of JSON has a row, so that a new one is not forgotten."""
    structs = [getattr(model, name) for name in model.__all__ if hasattr(getattr(model, name), "__struct_fields__")]
    answers = {"ModelResponse", "Choice", "Usage"}
    found = {
        (each, name)
        for each in structs
        if each.__name__ not in answers
        for name, kind in each.__annotations__.items()
        if "Any]" in str(kind)
    }
    assert found <= set(PLACES) | {(ModelRequest, "extra_headers")}
    assert {place for place in PLACES if place[1] == "extra"} <= found


def written(api: Any, request: ModelRequest) -> bytes | None:
    """The body; None where it is refused by an error that names a field."""
    try:
        body: bytes = api.serialize(request, stream=False)
    except InvalidRequestError as refused:
        return None if refused.field else b"refused, and no field named"
    json.loads(body, parse_constant=pytest.fail)
    return body


@APIS
@pytest.mark.parametrize("bad", UNCARRIED)
@pytest.mark.parametrize(("place", "build"), CASES)
def test_what_json_cannot_carry_is_refused(place: tuple[type, str], build: Any, bad: str, api: Any) -> None:
    """A value that JSON cannot carry is an `InvalidRequestError` that names a field, on either API, and never another error."""
    assert written(api, build(UNCARRIED[bad])) is None or place in NOT_SENT


@APIS
@pytest.mark.parametrize(("place", "build"), CASES)
def test_the_name_of_a_modelled_field_breaks_nothing(place: tuple[type, str], build: Any, api: Any) -> None:
    """A modelled name among the further fields, with a value it never has, is sent as JSON or refused by name."""
    body = written(api, build(dict(MODELLED)))
    assert body is None or place in NOT_SENT or b"7" in body


@APIS
@pytest.mark.parametrize(("place", "build"), CASES)
def test_a_key_that_is_a_number_is_written_as_python_writes_it(place: tuple[type, str], build: Any, api: Any) -> None:
    """It becomes the string that `json.dumps` makes of it, as it does in the legacy client."""
    body = written(api, build({7: "seven"}))
    assert body is None or place in NOT_SENT or b'"7"' in body
