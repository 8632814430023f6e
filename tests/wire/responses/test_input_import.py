"""Tests of `shim.wire.responses.input_import`: what an existing input says is in the messages, as what it is."""

from __future__ import annotations

from typing import Any

import pytest

from shim.model import (
    FilePart,
    ImagePart,
    Message,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    assistant,
    tool_result,
    user,
)
from shim.wire.responses.input_import import import_input
from tests.wire.responses.bodies import CALL, HI, REASONING, RESULT, made, text


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({"role": "user", "content": [text("a"), text("b")]}, user("a", "b")),
        ({"role": "user", "content": [{"type": "input_image", "image_url": "u"}]}, user(ImagePart("u"))),
        ({"role": "user", "content": [{"type": "input_file", "file_url": "u"}]}, user(FilePart(file_url="u"))),
        (
            {"role": "user", "content": [{"type": "input_video"}]},
            user(OpaquePart("input_video", {"type": "input_video"})),
        ),
        ({"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]}, assistant(RefusalPart("no"))),
        (RESULT, tool_result("call_1", "42")),
        (
            RESULT | {"output": [text("a"), {"type": "input_image", "image_url": "u"}]},
            Message("tool", (ToolCallResponsePart("call_1", (TextPart("a"), ImagePart("u"))),)),
        ),
        (CALL, assistant(ToolCallPart("call_1", "look", "{}"))),
        (
            CALL | {"id": "fc_1", "status": "completed"},
            assistant(ToolCallPart("call_1", "look", "{}", extra={"item": {"id": "fc_1", "status": "completed"}})),
        ),
        (
            REASONING | {"summary": [{"type": "summary_text", "text": "hm"}], "encrypted_content": "gAAA"},
            assistant(ReasoningPart("hm", id="rs_1", summary=("hm",), encrypted_content="gAAA")),
        ),
        ({"type": "web_search_call"}, assistant(OpaquePart("web_search_call", {"type": "web_search_call"}))),
        ({"id": "rs_1"}, assistant(OpaquePart("item_reference", {"id": "rs_1"}))),
    ],
)
def test_items_are_read_as_what_they_are(item: dict[str, Any], expected: Message) -> None:
    """An item is the message its parts say, not an opaque copy."""
    assert import_input([item]) == (expected,)


def test_a_string_is_the_user_speaking() -> None:
    """A string is one message of the user's, and the same as a list is told apart from it."""
    assert import_input("hi") == (user("hi"),)
    assert import_input([HI]) == (user("hi", extra={"item": {}}),)


def test_one_turn_of_the_assistant_is_one_message() -> None:
    """Reasoning, text and calls side by side are one message; a second text, or a result, ends it."""
    first, second = made(text("a", "output_text", annotations=[])), {"role": "assistant", "content": "b"}
    messages = import_input([HI, REASONING, first, CALL, second, RESULT, CALL])
    assert messages == (
        user("hi"),
        assistant(
            ReasoningPart("", id="rs_1"),
            "a",
            ToolCallPart("call_1", "look", "{}"),
            extra={"item": {"type": "message", "id": "msg_1", "status": "completed"}},
        ),
        assistant("b"),
        tool_result("call_1", "42"),
        assistant(ToolCallPart("call_1", "look", "{}")),
    )


def test_text_after_a_call_joins_it() -> None:
    """Reasoning and calls before a text belong to the same message."""
    assert import_input([HI, CALL, {"role": "assistant", "content": "a", "phase": "commentary"}])[1:] == (
        assistant(ToolCallPart("call_1", "look", "{}"), "a", extra={"item": {"phase": "commentary"}}),
    )
