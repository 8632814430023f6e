"""Tests of `shim.model.request`: what may be written short, what stays unset, and that nothing changes under the caller."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from shim.model import (
    ImagePart,
    Message,
    ModelRequest,
    OpaquePart,
    Reasoning,
    ResponseFormat,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    ToolChoice,
    ToolDefinition,
    assistant,
    system,
    tool_result,
    user,
)
from shim.wire import chat

REQUEST = ModelRequest("gpt-4o-mini", (user("hi"),))
STRUCTS: list[Any] = [
    REQUEST,
    user("hi"),
    ToolDefinition("look"),
    ToolChoice.AUTO,
    ResponseFormat("text"),
    Reasoning("low"),
]


def request(**fields: Any) -> ModelRequest:
    """A request with these fields, of whatever kind."""
    return ModelRequest("gpt-4o-mini", (user("hi"),), **fields)


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: type(struct).__name__)
def test_nothing_can_be_changed(struct: Any) -> None:
    """No field of a request, message, tool or setting can be set once it is made."""
    for field in struct.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(struct, field, "changed")


@pytest.mark.parametrize("field", ["messages", "tools", "stop", "include"])
def test_lists_become_tuples(field: str) -> None:
    """A list of messages, tools, stop words or includes is kept as a tuple, so that it cannot change."""
    values: dict[str, Any] = {
        "messages": [user("a"), user("b")],
        "tools": [ToolDefinition("look")],
        "stop": ["\n", "END"],
        "include": ["a"],
    }
    made = ModelRequest(**({"model": "m", "messages": (user("a"),)} | {field: values[field]}))
    assert getattr(made, field) == tuple(values[field])


@pytest.mark.parametrize("field", ["extra_body", "extra_headers", "metadata", "logit_bias"])
def test_dicts_are_copied(field: str) -> None:
    """What a caller puts into his own dict afterwards, for his next request say, changes no request made before."""
    own: dict[str, Any] = {}
    given: dict[str, Any] = {field: own}
    first = ModelRequest("gpt-4o-mini", (user("hi"),), **given)
    own["50256"] = 1
    second = replace(first, **given)
    own["50256"] = 2
    assert (getattr(first, field), getattr(second, field)) == ({}, {"50256": 1})


@pytest.mark.parametrize("mode", ["auto", "none", "required"])
def test_tool_choice_takes_its_mode(mode: str) -> None:
    """The mode of a tool choice may be given as a string."""
    assert request(tool_choice=mode).tool_choice == getattr(ToolChoice, mode.upper())


def test_tool_choice_of_a_tool() -> None:
    """A named tool is chosen by name."""
    assert ToolChoice.tool("look") == ToolChoice("tool", "look")
    assert request(tool_choice=ToolChoice.tool("look")).tool_choice == ToolChoice("tool", "look")


def test_tool_choice_leaves_other_values_alone() -> None:
    """A tool choice that is no mode stays what it was, for the checks to name."""
    for value in ("look", None, UNSET, 3, OpaquePart("allowed_tools", {"type": "allowed_tools"})):
        assert request(tool_choice=value).tool_choice is value


def test_unset_is_not_null() -> None:
    """A field left out is UNSET, and differs from the same field given as None."""
    for field in ModelRequest.__struct_fields__:
        if field in {"model", "messages", "extra_body", "extra_headers", "conversation_id"}:
            continue
        assert getattr(REQUEST, field) is UNSET
        assert request(**{field: None}) != REQUEST


def test_the_callers_values_are_not_changed() -> None:
    """Making and serializing a request changes nothing the caller passed in."""
    given: dict[str, Any] = {
        "messages": [user("hi"), Message("assistant", [ToolCallPart("c", "look", "{}", extra={"x": [1]})])],
        "tools": [ToolDefinition("look", parameters={"type": "object"}), OpaquePart("w", {"type": "web_search"})],
        "stop": ["END"],
        "logit_bias": {"50256": -100},
        "metadata": {"team": "blue"},
        "response_format": ResponseFormat("json_schema", name="n", schema={"type": "object"}),
        "extra_body": {"top_k": 5, "stream_options": UNSET},
        "extra_headers": {"x-team": "blue"},
    }
    before = copy.deepcopy(given)
    made = ModelRequest("gpt-4o-mini", **given)
    whole = copy.deepcopy(made)
    for stream in (False, True):
        chat.serialize(made, stream=stream)
    assert given == before
    assert made == whole


def test_requests_do_not_share_their_dicts() -> None:
    """Two requests made without `extra_body` and `extra_headers` do not share them."""
    one, other = request(), request()
    one.extra_body["top_k"] = 5
    one.extra_headers["x-team"] = "blue"
    assert (other.extra_body, other.extra_headers) == ({}, {})


def test_shortcuts() -> None:
    """The shortcuts make the messages their names say."""
    call, image = ToolCallPart("call_1", "look", "{}"), ImagePart("https://example.com/a.png")
    assert system("be kind") == Message("system", (TextPart("be kind"),))
    assert user("see", image) == Message("user", (TextPart("see"), image))
    assert assistant("wait", call) == Message("assistant", (TextPart("wait"), call))
    assert tool_result("call_1", "42") == Message("tool", (ToolCallResponsePart("call_1", (TextPart("42"),)),))


def test_shortcuts_take_message_fields() -> None:
    """A shortcut hands further fields to its message."""
    for made in (system("a", name="n"), user("a", name="n"), assistant("a", name="n"), tool_result("1", "a", name="n")):
        assert made.name == "n"


def test_message_takes_a_string_or_a_list() -> None:
    """A message takes a plain string as one text part and a list as its parts."""
    text: Any = "hi"
    parts: Any = [TextPart("hi")]
    assert Message("user", text) == Message("user", parts) == user("hi")


def test_text_of_a_message() -> None:
    """The text of a message is its text parts joined; of a tool message, that of its results."""
    assert user("a", ImagePart("https://example.com/a.png"), "b").text == "ab"
    assert Message("tool", (*tool_result("1", "a").parts, *tool_result("2", "b").parts)).text == "ab"
