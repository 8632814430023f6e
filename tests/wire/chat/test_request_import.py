"""Tests of `shim.wire.chat.request_import`: what an existing body says is in the request, and nothing of it is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import UNSET

from shim.model import (
    AudioPart,
    FilePart,
    ImagePart,
    InvalidRequestError,
    Message,
    ModelRequest,
    OpaquePart,
    Reasoning,
    ReasoningPart,
    RefusalPart,
    ResponseFormat,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    ToolChoice,
    ToolDefinition,
    user,
)
from shim.wire import chat
from tests.wire.chat.bodies import CALL, EVERY_PARAMETER, HI, LOSSLESS, MALFORMED, SCHEMA, body


def imported(wire: Any) -> ModelRequest:
    """The body as a request."""
    return chat.parse_request(json.dumps(wire).encode())


def again(wire: dict[str, Any]) -> dict[str, Any]:
    """The body after it was imported and written again, streamed if it was."""
    written: dict[str, Any] = json.loads(chat.serialize(imported(wire), stream=wire.get("stream") is True))
    return written


def test_every_parameter_finds_its_field() -> None:
    """A body with every parameter is a request with every field set and nothing left over."""
    made = imported(EVERY_PARAMETER)
    assert made.extra_body == {
        "max_tokens": 50,
        "functions": [{"name": "f"}],
        "function_call": "auto",
        "stream_options": UNSET,
    }
    assert made.tools == (ToolDefinition("look", "looks", {"type": "object"}, strict=True),)
    assert made.tool_choice == ToolChoice.tool("look")
    assert made.stop == ("a", "b")
    assert made.response_format == ResponseFormat("json_schema", **SCHEMA)
    assert made.reasoning == Reasoning("low")
    assert (made.max_output_tokens, made.temperature, made.n, made.store) == (100, 0, 2, False)
    unset = {field for field in ModelRequest.__struct_fields__ if getattr(made, field) is UNSET}
    assert unset == {"system_prompt", "previous_response_id", "include"}


@pytest.mark.parametrize("case", LOSSLESS)
def test_a_body_comes_back_as_it_was(case: str) -> None:
    """A body imported and written again is the same JSON: nothing lost, nothing added."""
    assert again(LOSSLESS[case]) == LOSSLESS[case]


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_values_are_kept(name: str) -> None:
    """A parameter whose value has not its kind is kept as it is, for the server to judge."""
    wire = body(**{name: MALFORMED[name]})
    assert imported(wire).extra_body == {name: MALFORMED[name]}
    assert again(wire) == wire


@pytest.mark.parametrize("stream", [False, True, None], ids=["false", "true", "absent"])
def test_stream_is_the_callers_to_choose(stream: bool | None) -> None:  # noqa: FBT001 - parametrized
    """An imported body can be sent whole or as a stream, whichever it was before."""
    made = imported(body() if stream is None else body(stream=stream))
    assert json.loads(chat.serialize(made, stream=True))["stream"] is True
    assert json.loads(chat.serialize(made, stream=False)).get("stream") in {None, False}


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (HI, user("hi")),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}, user(ImagePart("u"))),
        (
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "d", "format": "wav"}}]},
            user(AudioPart("d", "wav")),
        ),
        ({"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}, user(FilePart("f"))),
        ({"role": "user", "content": [{"type": "video"}]}, user(OpaquePart("video", {"type": "video"}))),
        (
            {"role": "assistant", "content": "a", "refusal": "no", "reasoning": "hm", "tool_calls": [CALL]},
            Message(
                "assistant",
                (
                    ReasoningPart("hm", wire_field="reasoning"),
                    TextPart("a"),
                    RefusalPart("no"),
                    ToolCallPart("call_1", "look", "{}"),
                ),
            ),
        ),
        (
            {"role": "tool", "tool_call_id": "c", "content": "42"},
            Message("tool", (ToolCallResponsePart("c", (TextPart("42"),)),)),
        ),
        (
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
            Message("assistant", (ToolCallPart("", "f", "{}", kind="function_call"),), content_form="null"),
        ),
    ],
)
def test_messages_are_read_as_what_they_are(wire: dict[str, Any], expected: Message) -> None:
    """A wire message is the message its parts say, not an opaque copy."""
    assert imported(body(wire)).messages == (expected,)


@pytest.mark.parametrize(
    ("wire", "field"),
    [
        pytest.param([], "body", id="a list"),
        pytest.param("hi", "body", id="a string"),
        pytest.param({"model": 7, "messages": [HI]}, "model", id="model of a wrong kind"),
        pytest.param({"model": "m"}, "messages", id="no messages"),
        pytest.param({"model": "m", "messages": "hi"}, "messages", id="messages of a wrong kind"),
        pytest.param(body("hi"), "messages[0]", id="a string as message"),
        pytest.param(body(HI, {"content": "hi"}), "messages[1].role", id="no role"),
        pytest.param(body({"role": "robot", "content": "hi"}), "messages[0].role", id="an unknown role"),
        pytest.param(body({"role": ["user"], "content": "hi"}), "messages[0].role", id="a role of a wrong kind"),
        pytest.param(body({"role": "user", "content": 7}), "messages[0].content", id="content of a wrong kind"),
        pytest.param(body({"role": "user", "content": ["hi"]}), "messages[0].content[0]", id="a string among blocks"),
        pytest.param(body({"role": "user", "content": [7]}), "messages[0].content[0]", id="a block that is a number"),
    ],
)
def test_what_is_no_chat_request_is_named(wire: Any, field: str) -> None:
    """A body that is no Chat Completions request raises an error with the place of the mistake."""
    with pytest.raises(InvalidRequestError) as caught:
        imported(wire)
    assert caught.value.field == field
    assert field.removeprefix("body") in str(caught.value)


@pytest.mark.parametrize(
    "raw", [b"", b"  ", b"{", b"nope", b"\xff\xfe", b'{"model": "\xff"}', b"[" * 100_000], ids=repr
)
def test_what_is_no_json_is_named(raw: bytes) -> None:
    """Bytes that are not JSON raise an error that speaks of the request body."""
    with pytest.raises(InvalidRequestError, match="the request body is") as caught:
        chat.parse_request(raw)
    assert caught.value.field == "body"


@pytest.mark.parametrize("given", [{}, {"model": None}], ids=["absent", "null"])
def test_a_body_without_a_model(given: dict[str, Any]) -> None:
    """A body whose model the address names is read without one, and written as it was, from bytes, text or an object."""
    fields = given | {"messages": [HI], "temperature": 0}
    for form in (json.dumps(fields).encode(), json.dumps(fields), fields):
        read = chat.parse_request(form)
        assert read.model is UNSET
        assert chat.to_body(read, stream=False) == fields


def test_a_block_without_a_type_is_a_text() -> None:
    """A content block that only has a text is one, and is written as it was; one that has not even that is kept."""
    fields = {
        "model": "m",
        "messages": [{"role": "user", "content": [{"text": "hi"}, {"image": 1}, {"type": None, "text": "x"}]}],
    }
    read = chat.parse_request(fields)
    assert read.messages[0].text == "hi"
    assert chat.to_body(read, stream=False) == fields
