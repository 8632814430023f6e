"""Tests of `shim.wire.chat.messages`: every part in every role, and what has no place is named."""

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
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UnsupportedFeatureError,
    assistant,
    system,
    tool_result,
    user,
)
from shim.model.checks import _PARTS_OF_ROLE
from shim.wire import chat

URL = "https://example.com/a.png"
VIDEO = {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}
TEXT_BLOCK = {"type": "text", "text": "hi"}


def wire(*messages: Message) -> list[dict[str, Any]]:
    """The messages on the wire."""
    request = ModelRequest("gpt-4o-mini", messages)
    written: list[dict[str, Any]] = json.loads(chat.serialize(request, stream=False))["messages"]
    return written


def one(message: Message) -> dict[str, Any]:
    """The one wire message a message becomes."""
    (written,) = wire(message)
    return written


def call_wire(**fields: Any) -> dict[str, Any]:
    """A tool call on the wire."""
    return {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}} | fields


def in_role(role: Any, *parts: Any, **fields: Any) -> Message:
    """A message of a role."""
    return Message(role, parts, **fields)


# Content part -> its block on the wire.
BLOCKS: dict[str, tuple[Any, dict[str, Any]]] = {
    "text": (
        TextPart("hi", {"cache_control": {"type": "ephemeral"}}),
        TEXT_BLOCK | {"cache_control": {"type": "ephemeral"}},
    ),
    "image": (ImagePart(URL), {"type": "image_url", "image_url": {"url": URL}}),
    "image detail": (ImagePart(URL, "low"), {"type": "image_url", "image_url": {"url": URL, "detail": "low"}}),
    "audio": (AudioPart("UklG", "wav"), {"type": "input_audio", "input_audio": {"data": "UklG", "format": "wav"}}),
    "file id": (FilePart("file_1"), {"type": "file", "file": {"file_id": "file_1"}}),
    "file data": (
        FilePart(filename="a.pdf", file_data="data:application/pdf;base64,JVBE"),
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}},
    ),
    "opaque": (OpaquePart("video_url", VIDEO), VIDEO),
}
# Part of an assistant message that is no content -> what it is on the wire.
BESIDE: dict[str, tuple[Any, dict[str, Any]]] = {
    "refusal": (RefusalPart("no"), {"refusal": "no"}),
    "reasoning_content": (ReasoningPart("hm", wire_field="reasoning_content"), {"reasoning_content": "hm"}),
    "reasoning": (ReasoningPart("hm", wire_field="reasoning"), {"reasoning": "hm"}),
    "call": (ToolCallPart("call_1", "look", "{}"), {"tool_calls": [call_wire()]}),
    "custom call": (
        ToolCallPart("call_1", "run", "print(1)", kind="custom"),
        {"tool_calls": [{"id": "call_1", "type": "custom", "custom": {"name": "run", "input": "print(1)"}}]},
    ),
    "function call": (
        ToolCallPart("", "look", "{}", kind="function_call"),
        {"function_call": {"name": "look", "arguments": "{}"}},
    ),
    "function call with extra": (
        ToolCallPart("", "look", "{}", kind="function_call", extra={"thought_signature": "s", "item": {"id": "fc_1"}}),
        {"function_call": {"name": "look", "arguments": "{}", "thought_signature": "s"}},
    ),
    "call with extra": (
        ToolCallPart("call_1", "look", "{}", extra={"extra_content": {"google": {"thought_signature": "s"}}}),
        {"tool_calls": [call_wire(extra_content={"google": {"thought_signature": "s"}})]},
    ),
}


@pytest.mark.parametrize("case", BLOCKS)
@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant", "tool"])
def test_content_in_every_role(role: str, case: str) -> None:
    """Each content part is its block, in every role that takes it."""
    part, block = BLOCKS[case]
    if role == "tool":
        assert one(tool_result("c", "hi")) == {"role": "tool", "tool_call_id": "c", "content": "hi"}
        message = in_role("tool", ToolCallResponsePart("c", (TextPart("hi"), part)))
        assert one(message) == {"role": "tool", "tool_call_id": "c", "content": [TEXT_BLOCK, block]}
    elif isinstance(part, _PARTS_OF_ROLE[role]):
        assert one(in_role(role, part)) == {"role": role, "content": [block]}
        assert one(in_role(role, TextPart("hi"), part)) == {"role": role, "content": [TEXT_BLOCK, block]}
    else:
        with pytest.raises(InvalidRequestError, match="a message of this role takes"):
            one(in_role(role, part))


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
def test_one_text_is_a_string(role: str) -> None:
    """A message that is one text is a string, and several texts are blocks in their order."""
    assert one(in_role(role, TextPart("hi"))) == {"role": role, "content": "hi"}
    assert one(in_role(role, TextPart(""))) == {"role": role, "content": ""}
    assert one(in_role(role, TextPart("a"), TextPart("b")))["content"] == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]


@pytest.mark.parametrize(
    ("form", "parts", "expected"),
    [
        ("auto", (), {"content": None}),
        ("null", (), {"content": None}),
        ("absent", (), {}),
        ("list", (), {"content": []}),
        ("list", (TextPart("hi"),), {"content": [TEXT_BLOCK]}),
        ("null", (TextPart("hi"),), {"content": "hi"}),
        ("absent", (TextPart("hi"),), {"content": "hi"}),
    ],
)
@pytest.mark.parametrize("role", ["system", "user", "assistant"])
def test_the_form_of_the_content(role: str, form: str, parts: tuple[Any, ...], expected: dict[str, Any]) -> None:
    """A message keeps the form its content had, and no form ever hides content."""
    assert one(in_role(role, *parts, content_form=form)) == {"role": role} | expected


@pytest.mark.parametrize("case", BESIDE)
def test_assistant_parts_beside_the_content(case: str) -> None:
    """A refusal, reasoning or call stands beside the content, which is null without text."""
    part, expected = BESIDE[case]
    assert one(assistant(part)) == {"role": "assistant", "content": None} | expected
    assert one(assistant("hi", part)) == {"role": "assistant", "content": "hi"} | expected


def test_several_calls_keep_their_order() -> None:
    """Calls are one list in the order of their parts, whatever stands between them."""
    message = assistant(
        ToolCallPart("1", "a", "{}"), "hi", ToolCallPart("2", "b", "x", kind="custom"), ToolCallPart("3", "c", "{}")
    )
    assert [call["id"] for call in one(message)["tool_calls"]] == ["1", "2", "3"]
    assert one(message)["content"] == "hi"


def test_a_second_function_call_is_not_lost() -> None:
    """The field that preceded tool calls holds one call; a second one is named, never dropped."""
    first, second = (ToolCallPart("", name, "{}", kind="function_call") for name in ("a", "b"))
    with pytest.raises(UnsupportedFeatureError, match=r"messages\[0\]\.parts\[1\]"):
        one(assistant(first, second))


def test_what_a_refusal_has_further_is_not_lost() -> None:
    """A refusal is a plain text on Chat Completions; a further field of its block is named, never dropped."""
    assert one(assistant(RefusalPart("no", {"item": {"id": "msg_1"}})))["refusal"] == "no"
    with pytest.raises(UnsupportedFeatureError, match=r"messages\[0\]\.parts\[0\]\.extra"):
        one(assistant(RefusalPart("no", {"why": "policy"})))


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_what_reasoning_has_further_is_not_lost(field: str) -> None:
    """Reasoning in a field is a plain text there; a further field of its block is named, never dropped."""
    assert one(assistant(ReasoningPart("hm", wire_field=field, extra={"item": {"id": "rs_1"}})))[field] == "hm"
    with pytest.raises(
        UnsupportedFeatureError, match=rf"messages\[0\]\.parts\[0\]\.extra cannot .*{field} is a plain text"
    ):
        one(assistant(ReasoningPart("hm", wire_field=field, extra={"signature": "c2ln"})))


def test_reasoning_that_is_a_block_has_one() -> None:
    """Where the block itself is missing that is said, and no empty one is sent."""
    with pytest.raises(UnsupportedFeatureError, match=r"messages\[0\]\.parts\[0\]\.extra") as caught:
        one(assistant(ReasoningPart("hm", wire_field="content")))
    assert caught.value.field == "messages[0].parts[0].extra"


def test_pieces_of_a_refusal_and_of_reasoning_are_joined() -> None:
    """Several refusals, or pieces of reasoning of one field, are one text."""
    reasoning = [ReasoningPart(text, wire_field="reasoning") for text in ("h", "m")]
    message = assistant(RefusalPart("I "), *reasoning, RefusalPart("won't"))
    assert one(message) == {"role": "assistant", "content": None, "refusal": "I won't", "reasoning": "hm"}


def test_thinking_is_a_content_block() -> None:
    """Reasoning that came as a block of the content goes back as one, before the text."""
    message = assistant(ReasoningPart("hm", wire_field="thinking"), "hi")
    block = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    assert one(message)["content"] == [block, TEXT_BLOCK]
    signed = ReasoningPart("hm", wire_field="thinking", extra={"signature": "c2ln", "item": {"id": "rs_1"}})
    assert one(assistant(signed))["content"] == [block | {"signature": "c2ln"}]


def test_reasoning_without_a_place_is_refused() -> None:
    """Reasoning that did not come from Chat Completions is named with a way out, not dropped."""
    with pytest.raises(UnsupportedFeatureError, match=r"cannot be sent on Chat Completions; .*Responses API") as caught:
        one(assistant("hi", ReasoningPart("hm", id="rs_1", encrypted_content="gAAA")))
    assert (caught.value.field, caught.value.api) == ("messages[0].parts[1]", "chat_completions")


@pytest.mark.parametrize(
    ("message", "place"),
    [
        pytest.param(user(ImagePart(file_id="file_1")), "messages[0].parts[0].file_id", id="image by file_id"),
        pytest.param(user(ImagePart(URL, file_id="file_1")), "messages[0].parts[0].file_id", id="image by both"),
        pytest.param(user("a", FilePart(file_url=URL)), "messages[0].parts[1].file_url", id="file by url"),
        pytest.param(
            Message("tool", (ToolCallResponsePart("c", (TextPart("no"),), is_error=True),)),
            "messages[0].is_error",
            id="failed tool",
        ),
    ],
)
def test_what_chat_has_no_place_for_is_refused(message: Message, place: str) -> None:
    """A part Chat Completions cannot carry raises an error with its place and the API."""
    with pytest.raises(UnsupportedFeatureError, match="cannot be sent on Chat Completions") as caught:
        one(message)
    assert (caught.value.field, caught.value.api) == (place, "chat_completions")


def test_a_tool_message_is_one_per_result() -> None:
    """A tool message with several results becomes one wire message each, in order."""
    message = Message("tool", (*tool_result("1", "a").parts, *tool_result("2", "b").parts))
    assert wire(user("hi"), message) == [
        {"role": "user", "content": "hi"},
        {"role": "tool", "tool_call_id": "1", "content": "a"},
        {"role": "tool", "tool_call_id": "2", "content": "b"},
    ]


def test_an_empty_result() -> None:
    """A result without parts has null content, and one with an empty text an empty string."""
    assert one(in_role("tool", ToolCallResponsePart("c"))) == {"role": "tool", "tool_call_id": "c", "content": None}
    assert one(tool_result("c", ""))["content"] == ""


@pytest.mark.parametrize(
    "message", [system("hi"), user("hi"), assistant("hi"), tool_result("c", "hi")], ids=lambda m: m.role
)
def test_name_and_extra_stand_beside_the_content(message: Message) -> None:
    """A name and further fields go out with a message of any role; UNSET takes a field away."""
    bare = one(message)
    given: dict[str, Any] = {"extra": {"cache": True, "role": "function"}, "name": "ann"}
    assert one(Message(message.role, message.parts, **given)) == bare | {
        "name": "ann",
        "cache": True,
        "role": "function",
    }
    assert one(Message(message.role, message.parts, name=None)) == bare | {"name": None}
    assert one(Message(message.role, message.parts, extra={"content": UNSET})) == {
        k: v for k, v in bare.items() if k != "content"
    }


def test_messages_keep_their_order() -> None:
    """Messages go out in the order of the conversation."""
    conversation = [system("a"), user("b"), assistant("c"), user("d")]
    assert [message["content"] for message in wire(*conversation)] == ["a", "b", "c", "d"]
