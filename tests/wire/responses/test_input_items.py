"""Tests of `shim.wire.responses.input_items`: what each message and part becomes on the wire."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from shim.model import (
    AudioPart,
    FilePart,
    ImagePart,
    InvalidRequestError,
    Message,
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
from shim.wire.responses.input_items import input_items
from tests.wire.responses.bodies import CALL, text

SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
OWN = {"type": "message", "id": "msg_1", "status": "completed", "phase": "final_answer"}


def wire(*messages: Message) -> list[dict[str, Any]]:
    """The messages on the wire."""
    return input_items(messages)


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
def test_one_text_is_a_string(role: Any) -> None:
    """A message that is one text is a string, and several texts are blocks of the role's kind."""
    kind = "output_text" if role == "assistant" else "input_text"
    assert wire(Message(role, "hi")) == [{"role": role, "content": "hi"}]
    assert wire(Message(role, "hi", content_form="list")) == [{"role": role, "content": [text("hi", kind)]}]
    assert wire(Message(role, (TextPart("a"), TextPart("b")))) == [
        {"role": role, "content": [text("a", kind), text("b", kind)]}
    ]
    assert wire(Message(role, ())) == [{"role": role, "content": ""}]


@pytest.mark.parametrize(
    ("part", "block"),
    [
        (TextPart("hi", {"cache_control": 1}), text("hi", cache_control=1)),
        (ImagePart("u", "low"), {"type": "input_image", "image_url": "u", "detail": "low"}),
        (ImagePart(file_id="f"), {"type": "input_image", "file_id": "f"}),
        (FilePart(file_url="u"), {"type": "input_file", "file_url": "u"}),
        (FilePart("f", "n", "d"), {"type": "input_file", "file_id": "f", "filename": "n", "file_data": "d"}),
        (OpaquePart("input_video", {"type": "input_video"}), {"type": "input_video"}),
    ],
)
def test_content_parts_are_blocks(part: Any, block: dict[str, Any]) -> None:
    """Each content part is its block, in a message and in a result."""
    assert wire(user("hi", part)) == [{"role": "user", "content": [text("hi"), block]}]
    result = Message("tool", (ToolCallResponsePart("c", (TextPart("hi"), part)),))
    assert wire(result) == [{"type": "function_call_output", "call_id": "c", "output": [text("hi"), block]}]


def test_the_parts_of_an_answer_are_items_in_order() -> None:
    """Reasoning, calls and built-in items stand beside the messages, each where its part stood."""
    message = assistant(
        ReasoningPart("hm", id="rs_1", summary=("hm",), encrypted_content="gAAA"),
        "let me look",
        ToolCallPart("call_1", "look", "{}"),
        OpaquePart("web_search_call", SEARCH),
        "done",
        RefusalPart("no more"),
    )
    assert wire(message) == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "gAAA",
        },
        {"role": "assistant", "content": "let me look"},
        CALL,
        SEARCH,
        {"role": "assistant", "content": [text("done", "output_text"), {"type": "refusal", "refusal": "no more"}]},
    ]


def test_own_fields_go_back() -> None:
    """The fields of the server's own items are sent back with them; an output message has blocks with annotations."""
    message = assistant(
        "a",
        ToolCallPart("call_1", "look", "{}", extra={"item": {"id": "fc_1", "status": "completed"}}),
        TextPart("b", {"item": {"id": "msg_2"}, "annotations": [{"type": "url_citation"}]}),
        extra={"item": OWN},
    )
    assert wire(message) == [
        {"role": "assistant", "content": [text("a", "output_text", annotations=[])]} | OWN,
        CALL | {"id": "fc_1", "status": "completed"},
        {
            "role": "assistant",
            "id": "msg_2",
            "content": [text("b", "output_text", annotations=[{"type": "url_citation"}])],
        },
    ]


def test_texts_of_two_messages_are_not_joined() -> None:
    """A text that has an item of its own begins a message, even beside another text."""
    message = assistant(
        "a", TextPart("b", {"item": {"phase": "final_answer"}}), extra={"item": {"phase": "commentary"}}
    )
    assert wire(message) == [
        {"role": "assistant", "content": "a", "phase": "commentary"},
        {"role": "assistant", "content": "b", "phase": "final_answer"},
    ]


def test_a_refusal_may_begin_a_message_of_its_own() -> None:
    """A refusal with an item of its own begins a message, and its further fields stay in its block."""
    refused = RefusalPart("no", {"item": {"phase": "final_answer"}, "why": "policy"})
    assert wire(assistant("a", refused)) == [
        {"role": "assistant", "content": "a"},
        {
            "role": "assistant",
            "content": [{"type": "refusal", "refusal": "no", "why": "policy"}],
            "phase": "final_answer",
        },
    ]


def test_reasoning_is_whole() -> None:
    """A reasoning item keeps an empty summary, its id, its encrypted content and its own text."""
    assert wire(assistant(ReasoningPart("", id="rs_1"))) == [{"type": "reasoning", "id": "rs_1", "summary": []}]
    raw = ReasoningPart("hm", id="rs_1", extra={"item": {"status": "completed"}})
    assert wire(assistant(raw)) == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "summary": [],
            "content": [{"type": "reasoning_text", "text": "hm"}],
            "status": "completed",
        }
    ]
    both = wire(assistant(ReasoningPart("long", id="rs_1", summary=("s",))))[0]
    assert both["content"] == [{"type": "reasoning_text", "text": "long"}]


def test_a_custom_tools_result_is_of_its_type() -> None:
    """The result of a call is an item of the call's type, found by its id anywhere in the conversation."""
    conversation = [
        assistant(ToolCallPart("c", "run", "1+1", kind="custom")),
        tool_result("c", "2"),
        tool_result("d", "3"),
    ]
    assert [item["type"] for item in wire(*conversation)] == [
        "custom_tool_call",
        "custom_tool_call_output",
        "function_call_output",
    ]
    assert wire(*conversation)[0]["input"] == "1+1"


def test_a_tool_message_is_one_item_per_result() -> None:
    """A tool message with several results becomes one item each, an empty result an empty text."""
    message = Message("tool", (*tool_result("1", "a").parts, ToolCallResponsePart("2")))
    assert [(item["call_id"], item["output"]) for item in wire(message)] == [("1", "a"), ("2", "")]


def test_an_item_may_stand_in_any_message() -> None:
    """An opaque part whose kind is no block's is an item of its own, whoever says it."""
    reference = {"type": "item_reference", "id": "rs_1"}
    assert wire(user(OpaquePart("item_reference", reference), "hi")) == [reference, {"role": "user", "content": "hi"}]


def test_further_fields_go_with_the_message() -> None:
    """Further fields of a message go out with it, and UNSET takes a field away."""
    assert wire(user("hi", extra={"cache": 1, "content": UNSET})) == [{"role": "user", "cache": 1}]
    assert wire(tool_result("c", "x", extra={"id": "fco_1"}))[0]["id"] == "fco_1"


def test_an_answer_of_chat_completions_can_be_sent() -> None:
    """The empty fields of a Chat Completions answer are left out, with a text or with a call alone."""
    answer = assistant("hi", extra={"annotations": [], "audio": None})
    called = assistant(ToolCallPart("call_1", "look", "{}"), extra={"annotations": []})
    assert wire(answer, called) == [{"role": "assistant", "content": "hi"}, CALL]


@pytest.mark.parametrize(
    ("message", "place"),
    [
        pytest.param(user("hi", name="ann"), "messages[0].name", id="name"),
        pytest.param(user("hi", AudioPart("d", "wav")), "messages[0].parts[1]", id="audio"),
        pytest.param(
            assistant(ReasoningPart("hm", wire_field="reasoning")), "messages[0].parts[0]", id="chat reasoning"
        ),
        pytest.param(
            assistant(ToolCallPart("", "f", "{}", kind="function_call")), "messages[0].parts[0]", id="old call"
        ),
        pytest.param(assistant(ToolCallPart("c", "f", "{}"), extra={"x": 1}), "messages[0].extra", id="lost extra"),
        pytest.param(
            Message("tool", (ToolCallResponsePart("c", "no", is_error=True),)), "messages[0].is_error", id="failed tool"
        ),
    ],
)
def test_what_responses_has_no_place_for_is_refused(message: Message, place: str) -> None:
    """What the Responses API cannot carry raises an error with its place, the API and a way out."""
    with pytest.raises(UnsupportedFeatureError, match="cannot be sent on the Responses API; ") as caught:
        wire(message)
    assert (caught.value.field, caught.value.api) == (place, "responses")


def test_own_fields_are_a_dict() -> None:
    """Own fields that are no dict are named with their place."""
    with pytest.raises(InvalidRequestError, match=r"messages\[0\]\.parts\[0\]\.extra\['item'\] is of type str"):
        wire(assistant(ToolCallPart("c", "f", "{}", extra={"item": "fc_1"})))


def test_messages_keep_their_order() -> None:
    """Messages go out in the order of the conversation."""
    conversation = [system("a"), user("b"), assistant("c"), user("d")]
    assert [item["content"] for item in wire(*conversation)] == ["a", "b", "c", "d"]
