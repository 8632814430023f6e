"""Tests of requests read from a body of one API and written for the other: they ask for the same, or are refused by name."""

from __future__ import annotations

from typing import Any

import pytest

from shim.model import UnsupportedFeatureError
from shim.wire import chat, responses
from shim.wire.api_selection import select_api

USER: dict[str, Any] = {"role": "user", "content": "hi"}
SAID: dict[str, Any] = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
RESULT: dict[str, Any] = {"role": "tool", "tool_call_id": "c1", "content": "sunny"}
TOLD: dict[str, Any] = {"type": "function_call_output", "call_id": "c1", "output": "sunny"}
URL = "https://example.org/a.png"


def called(**fields: Any) -> dict[str, Any]:
    """A message of an assistant that calls a function."""
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}} | fields
    given = {name: value for name, value in call.items() if value != "drop"}
    return {"role": "assistant", "content": None, "tool_calls": [given]}


def of_user(*blocks: dict[str, Any]) -> dict[str, Any]:
    """A message of a user."""
    return {"role": "user", "content": list(blocks)}


# What the messages of Chat Completions are as input of Responses.
TO_RESPONSES: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
    "a call with more of its function": (
        [called(function={"name": "look", "arguments": "{}", "parsed_arguments": {"a": 1}}), RESULT],
        [SAID | {"parsed_arguments": {"a": 1}}, TOLD],
    ),
    "a call with nulls": (
        [called(custom=None, function={"name": "look", "arguments": "{}", "description": None}), RESULT],
        [SAID, TOLD],
    ),
    "a call without a type": ([called(type="drop"), RESULT], [SAID, TOLD]),
    "a call with its index": ([called(index=0), RESULT], [SAID, TOLD]),
    "a result with the name of its call": ([called(), RESULT | {"name": "look"}], [SAID, TOLD]),
    "a result without an id": ([called(), RESULT | {"tool_call_id": None}], [SAID, TOLD | {"call_id": ""}]),
    "an image as a string": (
        [of_user({"type": "image_url", "image_url": URL})],
        [of_user({"type": "input_image", "image_url": URL})],
    ),
    "an image with further fields": (
        [
            of_user(
                {
                    "type": "image_url",
                    "image_url": {"url": URL, "detail": None, "format": "png"},
                    "cache_control": {"a": 1},
                }
            )
        ],
        [of_user({"type": "input_image", "image_url": URL, "format": "png", "cache_control": {"a": 1}})],
    ),
    "a file with nulls": (
        [of_user({"type": "file", "file": {"file_id": "f", "filename": None}})],
        [of_user({"type": "input_file", "file_id": "f"})],
    ),
    "a server's own block of a user": (
        [of_user({"type": "video_url", "video_url": {"url": "v"}})],
        [of_user({"type": "video_url", "video_url": {"url": "v"}})],
    ),
    "annotations of a search": (
        [
            USER,
            {
                "role": "assistant",
                "content": "a",
                "annotations": [{"type": "url_citation", "url_citation": {"url": URL}}],
            },
        ],
        [
            USER,
            {
                "role": "assistant",
                "content": [
                    {"type": "output_text", "text": "a", "annotations": [{"type": "url_citation", "url": URL}]}
                ],
            },
        ],
    ),
    "a block that a server answered": (
        [
            USER,
            {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "image_url", "image_url": URL}]},
        ],
        [
            USER,
            {
                "role": "assistant",
                "content": [{"type": "output_text", "text": "a"}, {"type": "image_url", "image_url": URL}],
            },
        ],
    ),
    "empty reasoning": (
        [USER, {"role": "assistant", "content": "a", "reasoning_content": ""}],
        [USER, {"role": "assistant", "content": "a"}],
    ),
    "empty reasoning alone": (
        [USER, {"role": "assistant", "content": None, "reasoning_content": ""}],
        [USER, {"role": "assistant", "content": ""}],
    ),
}


@pytest.mark.parametrize("case", TO_RESPONSES)
def test_a_conversation_moves_to_responses(case: str) -> None:
    """Messages as clients of Chat Completions write them are items of Responses that say the same, and come back as they were."""
    messages, items = TO_RESPONSES[case]
    request = chat.parse_request({"model": "gpt-4o", "messages": messages})
    assert responses.to_body(request, stream=False)["input"] == items
    assert chat.to_body(request, stream=False)["messages"] == messages
    assert select_api(request).api == "chat_completions"


@pytest.mark.parametrize(
    ("message", "field"),
    [
        pytest.param(
            called(function={"name": "look", "arguments": {}}), "tool_calls", id="arguments that are an object"
        ),
        pytest.param(called(id="drop"), "tool_calls", id="a call without an id"),
        pytest.param(
            {"role": "assistant", "content": "", "function_call": {"name": "look"}}, "function_call", id="a half call"
        ),
        pytest.param({"role": "assistant", "audio": {"id": "audio_1"}}, "audio", id="what was spoken"),
    ],
)
def test_what_no_item_can_say_is_refused(message: dict[str, Any], field: str) -> None:
    """A field of a message that only Chat Completions has is refused by its place, with a remedy, and keeps the request there."""
    request = chat.parse_request({"model": "o3", "messages": [USER, message]})
    with pytest.raises(UnsupportedFeatureError, match="use Chat Completions") as caught:
        responses.serialize(request, stream=False)
    assert caught.value.field == f"messages[1].extra.{field}"
    assert select_api(request).api == "chat_completions"
    assert chat.to_body(request, stream=False)["messages"] == [USER, message]


def test_a_name_the_call_does_not_tell_is_refused() -> None:
    """A result's name that is not that of its call says something, which Responses has no place for."""
    request = chat.parse_request({"model": "gpt-4o", "messages": [called(), RESULT | {"name": "search"}]})
    with pytest.raises(UnsupportedFeatureError, match=r"messages\[1\]\.name"):
        responses.serialize(request, stream=False)


def test_the_result_of_a_function_by_name_is_refused() -> None:
    """A result of the role that preceded tools names no call, and is never sent as the result of one."""
    request = chat.parse_request({"model": "gpt-4o", "messages": [USER, {"role": "function", "content": "sunny"}]})
    with pytest.raises(UnsupportedFeatureError, match=r"messages\[1\]\.extra\.role"):
        responses.serialize(request, stream=False)


def test_tools_with_reasoning_move_with_named_results() -> None:
    """A loop of tool calls that names its results, as OpenAI's own examples do, can go where the model's tools are taken."""
    tools = [{"type": "function", "function": {"name": "look"}}]
    body = {"model": "gpt-5.4", "messages": [USER, called(), RESULT | {"name": "look"}], "tools": tools}
    request = chat.parse_request(body)
    assert select_api(request).api == "responses"
    assert responses.to_body(request, stream=False)["input"] == [USER, SAID, TOLD]


@pytest.mark.parametrize("field", ["tools", "tool_choice"])
def test_a_tool_without_a_type_stays_on_chat(field: str) -> None:
    """A tool nested as only Chat Completions has it is sent there though its type is left out, as some servers allow."""
    form: dict[str, Any] = {"function": {"name": "look"}}
    body = {"model": "gpt-4o", "messages": [USER], field: [form] if field == "tools" else form}
    request = chat.parse_request(body)
    assert select_api(request).api == "chat_completions"
    assert chat.to_body(request, stream=False) == body


GRAMMAR = {"syntax": "lark", "definition": "start: x"}
# What a field of a Responses body is on Chat Completions.
TO_CHAT: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a custom tool": (
        {"tools": [{"type": "custom", "name": "g", "format": {"type": "grammar"} | GRAMMAR}]},
        {"tools": [{"type": "custom", "custom": {"name": "g", "format": {"type": "grammar", "grammar": GRAMMAR}}}]},
    ),
    "a custom tool to choose": (
        {"tool_choice": {"type": "custom", "name": "g"}},
        {"tool_choice": {"type": "custom", "custom": {"name": "g"}}},
    ),
    "allowed tools": (
        {"tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "look"}]}},
        {
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "look"}}]},
            }
        },
    ),
    "a schema with more fields": (
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": {}, "more": 1}}},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "more": 1}}},
    ),
    "nulls": ({"previous_response_id": None, "include": None, "reasoning": {"summary": None}}, {}),
    "nothing to include": ({"include": []}, {}),
}


@pytest.mark.parametrize("case", TO_CHAT)
def test_fields_move_to_chat(case: str) -> None:
    """A field of Responses is the field of Chat Completions that says the same, and comes back as it was."""
    given, expected = TO_CHAT[case]
    request = responses.parse_request({"model": "gpt-4o", "input": "hi"} | given)
    assert chat.to_body(request, stream=False) == {"model": "gpt-4o", "messages": [USER]} | expected
    assert responses.to_body(request, stream=False) == {"model": "gpt-4o", "input": "hi"} | given
    assert select_api(request).api == "chat_completions"


def test_what_only_responses_allows_is_kept() -> None:
    """A choice among tools that Chat Completions does not have is kept as it is."""
    choice = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "mcp", "server_label": "d"}]}
    request = responses.parse_request({"model": "gpt-4o", "input": "hi", "tool_choice": choice})
    assert responses.to_body(request, stream=False)["tool_choice"] == choice
    assert select_api(request).api == "responses"


FILE: dict[str, Any] = {"type": "file", "file": {"file_id": "f"}}


@pytest.mark.parametrize(
    ("item", "message"),
    [
        pytest.param({"role": "user", "id": "msg_1", "content": "hi"}, USER, id="an id beside a string"),
        pytest.param(
            of_user({"type": "output_text", "text": "a"}),
            of_user({"type": "text", "text": "a"}),
            id="a text of another kind",
        ),
        pytest.param(
            {"role": "assistant", "content": [{"type": "input_text", "text": "a"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "a"}]},
            id="an assistant's input text",
        ),
        pytest.param(
            of_user({"type": "input_image", "image_url": URL, "detail": "low", "file_id": None}, FILE),
            of_user({"type": "image_url", "image_url": {"url": URL, "detail": "low"}}, FILE),
            id="an image beside a block of Chat Completions",
        ),
        pytest.param(
            of_user({"type": "input_file", "file_id": "f", "filename": None}, FILE),
            of_user(FILE, FILE),
            id="a file beside a block of Chat Completions",
        ),
        pytest.param({"role": "user", "content": []}, {"role": "user", "content": []}, id="nothing"),
    ],
)
def test_a_message_item_kept_whole_is_a_message_on_chat(item: dict[str, Any], message: dict[str, Any]) -> None:
    """A message item of a form that the model has no place for is a message on Chat Completions too, never a block in one."""
    last = {"role": "assistant", "content": "before"}
    body = {"model": "gpt-4o", "input": [USER, last, item]}
    request = responses.parse_request(body)
    assert responses.to_body(request, stream=False) == body
    assert chat.to_body(request, stream=False)["messages"] == [USER, last, message]


@pytest.mark.parametrize(
    ("item", "field"),
    [
        pytest.param({"type": "item_reference", "id": "x"}, "messages[1].parts[0]", id="a reference"),
        pytest.param(TOLD | {"output": {"a": 1}}, "messages[1].extra.item.output", id="a result of no kind"),
        pytest.param(
            {"type": "computer_call", "call_id": "c", "action": {"type": "wait"}}, "messages[1].parts[0]", id="a click"
        ),
        pytest.param(
            of_user({"type": "input_image", "file_id": "f"}, FILE),
            "messages[1].parts[0].content[0].file_id",
            id="an uploaded image",
        ),
        pytest.param(
            of_user({"type": "input_image", "image_url": URL, "file_id": "f"}, FILE),
            "messages[1].parts[0].content[0].file_id",
            id="an uploaded image with an address",
        ),
        pytest.param(
            of_user({"type": "input_file", "file_url": "u"}, FILE),
            "messages[1].parts[0].content[0].file_url",
            id="a file by its address",
        ),
    ],
)
def test_what_only_responses_has_is_refused_on_chat(item: dict[str, Any], field: str) -> None:
    """An item that Chat Completions has no place for is refused by its place, never sent as something else."""
    body = {"model": "gpt-4o", "input": [USER, item]}
    request = responses.parse_request(body)
    assert responses.to_body(request, stream=False) == body
    with pytest.raises(UnsupportedFeatureError) as caught:
        chat.serialize(request, stream=False)
    assert caught.value.field == field
