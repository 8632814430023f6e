"""Tests of `shim.wire.api_selection`: which API a request uses, and the rule that says so."""

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
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    ToolDefinition,
    UnsupportedFeatureError,
    assistant,
    tool_result,
    user,
)
from shim.wire import chat, responses
from shim.wire.api_selection import Selection, select_api

LOOK = [ToolDefinition("look")]


def request(model: Any = "gpt-4o", **fields: Any) -> ModelRequest:
    """A small request with these fields."""
    return ModelRequest(**({"model": model, "messages": [user("hi")]} | fields))


@pytest.mark.parametrize("model", ["o1", "o1-mini", "o3", "o3_x", "o4-mini", "openai/o3"])
def test_the_o_series_goes_to_responses(model: str) -> None:
    """The o1, o3 and o4 models use the Responses API, whatever vendor's prefix their name has."""
    assert select_api(request(model)) == Selection(
        "responses", f"{model} is one of the o1, o3 and o4 models, which use the Responses API."
    )


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5", "o30", "gpt-4o-mini", "my-deployment", "llama-3"])
def test_other_models_go_to_chat(model: str) -> None:
    """Any other model uses Chat Completions while nothing asks for more."""
    assert select_api(request(model)) == Selection(
        "chat_completions", "Nothing in the request needs the Responses API."
    )


@pytest.mark.parametrize("model", ["o1", "gpt-4o", "o3-pro"])
@pytest.mark.parametrize(
    ("api", "reason"),
    [
        ("chat_completions", "The caller asked for Chat Completions."),
        ("responses", "The caller asked for the Responses API."),
    ],
)
def test_the_callers_word_wins(model: str, api: str, reason: str) -> None:
    """An API the caller names is used whatever the model."""
    assert select_api(request(model), api=api) == Selection(api, reason)  # type: ignore[arg-type]  # one of the two


@pytest.mark.parametrize("api", ["chat", "Responses", "", None, 7])
def test_any_other_word_is_refused(api: Any) -> None:
    """A word that names no API raises a ValueError with those that do."""
    with pytest.raises(ValueError, match="give one of auto, chat_completions, responses") as caught:
        select_api(request(), api=api)
    assert isinstance(caught.value, InvalidRequestError)
    assert caught.value.field == "api"


# What only the Responses API can express -> how the reason names it.
ONLY_RESPONSES: dict[str, tuple[dict[str, Any], str]] = {
    "state": ({"previous_response_id": "resp_1"}, "previous_response_id"),
    "include": ({"include": ["reasoning.encrypted_content"]}, "include"),
    "summary": ({"reasoning": Reasoning("low", "auto")}, "reasoning.summary"),
    "background": ({"extra_body": {"background": True}}, "extra_body.background"),
    "hosted tool": ({"tools": [OpaquePart("web_search", {"type": "web_search"})]}, "the tools of type web_search"),
    "flat custom tool": (
        {"tools": [OpaquePart("custom", {"type": "custom", "name": "c"})]},
        "the tools of type custom",
    ),
    "hosted choice": ({"tool_choice": OpaquePart("mcp", {"type": "mcp"})}, "the tool_choice of type mcp"),
    "image by id": ({"messages": [user(ImagePart(file_id="f"))]}, "messages[0].parts[0].file_id"),
    "file by url": ({"messages": [user("hi", FilePart(file_url="u"))]}, "messages[0].parts[1].file_url"),
    "file in a result": (
        {"messages": [Message("tool", (ToolCallResponsePart("c", (TextPart("a"), FilePart(file_url="u"))),))]},
        "messages[0].parts[0].parts[1].file_url",
    ),
    "reasoning item": ({"messages": [user("hi"), assistant(ReasoningPart("hm", id="rs_1"))]}, "messages[1].parts[0]"),
    "item": (
        {"messages": [assistant(OpaquePart("web_search_call", {"type": "web_search_call"}))]},
        "messages[0].parts[0]",
    ),
    "item reference": (
        {"messages": [user(OpaquePart("item_reference", {"type": "item_reference", "id": "i"}))]},
        "messages[0].parts[0]",
    ),
    "block": ({"messages": [user(OpaquePart("input_file", {"type": "input_file"}))]}, "messages[0].parts[0]"),
}


@pytest.mark.parametrize("case", ONLY_RESPONSES)
def test_what_only_responses_can_express_goes_there(case: str) -> None:
    """A request with anything only the Responses API can express uses it, and the reason names that."""
    fields, named = ONLY_RESPONSES[case]
    assert select_api(request(**fields)) == Selection("responses", f"Only the Responses API can express {named}.")
    responses.serialize(request(**fields), stream=False)


# What only Chat Completions can express -> how the reason names it.
ONLY_CHAT: dict[str, tuple[dict[str, Any], str]] = {
    "stop": ({"stop": "END"}, "stop"),
    "seed": ({"seed": 7}, "seed"),
    "n": ({"n": 2}, "n"),
    "bias": ({"logit_bias": {"1": 5}}, "logit_bias"),
    "penalty": ({"presence_penalty": 0.5}, "presence_penalty"),
    "modalities": ({"extra_body": {"modalities": ["text"]}}, "extra_body.modalities"),
    "name": ({"messages": [user("hi", name="ann")]}, "messages[0].name"),
    "audio": ({"messages": [user(AudioPart("d", "wav"))]}, "messages[0].parts[0]"),
    "old call": ({"messages": [assistant(ToolCallPart("", "f", "{}", kind="function_call"))]}, "messages[0].parts[0]"),
    "chat reasoning": ({"messages": [assistant(ReasoningPart("hm", wire_field="reasoning"))]}, "messages[0].parts[0]"),
}


@pytest.mark.parametrize("case", ONLY_CHAT)
def test_what_only_chat_can_express_stays_there(case: str) -> None:
    """An o-series request with what only Chat Completions can express stays there, and the reason says why."""
    fields, named = ONLY_CHAT[case]
    given = request("o3", **fields)
    assert select_api(given) == Selection(
        "chat_completions", f"Only Chat Completions can express {named}, where o3 works too."
    )
    chat.serialize(given, stream=False)
    with pytest.raises(UnsupportedFeatureError):
        responses.serialize(given, stream=False)


@pytest.mark.parametrize(
    ("fields", "api"),
    [
        ({"tools": LOOK}, "responses"),
        ({"tools": LOOK, "reasoning": Reasoning("low")}, "responses"),
        ({"tools": LOOK, "reasoning": Reasoning("none")}, "chat_completions"),
        ({"tools": LOOK, "extra_body": {"reasoning_effort": "none"}}, "chat_completions"),
        ({"tools": LOOK, "extra_body": {"reasoning_effort": "low"}}, "responses"),
        ({"tools": LOOK, "stop": "END"}, "responses"),
        ({"tools": LOOK, "stop": "END", "reasoning": Reasoning("none")}, "chat_completions"),
        ({"tools": []}, "chat_completions"),
        ({}, "chat_completions"),
    ],
)
def test_tools_with_reasoning(fields: dict[str, Any], api: str) -> None:
    """A model that refuses tools with reasoning on Chat Completions is asked on Responses, the default effort counting."""
    found = select_api(request("gpt-5.4", **fields))
    assert found.api == api
    if api == "responses":
        assert found.reason == "gpt-5.4 refuses tools with reasoning on Chat Completions."
    assert select_api(request("gpt-5.3", **fields)).api == "chat_completions"


def test_a_model_on_responses_alone_goes_there() -> None:
    """A model that Chat Completions does not serve uses Responses even with what that cannot express."""
    assert select_api(request("o3-pro", stop="END")) == Selection(
        "responses", "o3-pro is served by the Responses API alone."
    )


def test_what_both_can_express_changes_nothing() -> None:
    """Tools, results, images by URL, nulls and tools in Chat Completions' own form decide nothing."""
    given = request(
        messages=[user("hi", ImagePart("u")), assistant(ToolCallPart("c", "f", "{}")), tool_result("c", "42")],
        tools=[*LOOK, OpaquePart("custom", {"type": "custom", "custom": {"name": "run"}})],
        stop=None,
        extra_body={"truncation": None, "top_k": 5},
        reasoning=Reasoning("low"),
    )
    assert select_api(given).api == "chat_completions"


def test_the_request_is_checked_first() -> None:
    """A field that is not of its kind is named before anything is chosen."""
    with pytest.raises(InvalidRequestError, match="tools is of type int"):
        select_api(request(tools=7))


ITEM_OF = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
FROM_RESPONSES = Message(
    "assistant", (OpaquePart("web_search_call", ITEM_OF), TextPart("a")), extra={"item": {"id": "m"}}
)
CHAT_BLOCKS = ["reasoning", "web_search_call", "tool_reference", "message", "output_text", "compaction"]


@pytest.mark.parametrize("kind", CHAT_BLOCKS)
@pytest.mark.parametrize("beside", ["text", "reasoning"])
def test_a_chat_conversation_stays_on_chat(kind: str, beside: str) -> None:
    """A block of a Chat Completions answer goes back there, whatever its name is."""
    block = OpaquePart(kind, {"type": kind, "summary": []})
    other = TextPart("a") if beside == "text" else ReasoningPart("hm", wire_field="reasoning_content")
    given = request(messages=[user("hi"), assistant(block, other), user("go on")])
    assert select_api(given).api == "chat_completions"
    assert chat.to_body(given, stream=False)["messages"][1]["content"][0] == block.data


def test_an_answer_of_chat_goes_back_to_chat() -> None:
    """The message of a Chat Completions answer with a reasoning block is sent to Chat Completions again, as it came."""
    content = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Sums"}]},
        {"type": "text", "text": "391"},
    ]
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}]}
    answer = chat.parse_response(json.dumps(body).encode())
    assert (answer.reasoning_text, answer.text) == ("Sums", "391")
    given = request(messages=[user("hi"), answer.message, user("sure?")])
    assert select_api(given).api == "chat_completions"
    assert chat.to_body(given, stream=False)["messages"][1]["content"] == content


def test_a_responses_conversation_stays_on_responses() -> None:
    """A turn goes where its history came from, unless the request needs the other API."""
    plain = Message("assistant", (TextPart("a"),), extra={"item": {"id": "msg_1"}})
    given = request(messages=[user("hi"), plain, user("go on")])
    assert select_api(given) == Selection("responses", "The conversation came from the Responses API.")
    assert select_api(request(messages=[user("hi"), FROM_RESPONSES])).api == "responses"
    assert select_api(request(messages=[user("hi"), plain], stop="END")).api == "chat_completions"


CHAT_ANSWER = assistant(TextPart("a"), ReasoningPart("hm", wire_field="reasoning"))
SEARCH = OpaquePart("web_search_call", {"type": "web_search_call"})
REFERENCE = OpaquePart("item_reference", {"type": "item_reference", "id": "rs_1"})


@pytest.mark.parametrize(
    ("messages", "api"),
    [
        pytest.param(
            [assistant(SEARCH, ToolCallPart("", "f", "{}", kind="function_call"))], "chat_completions", id="call"
        ),
        pytest.param([CHAT_ANSWER, user(SEARCH)], "chat_completions", id="asked on Chat Completions"),
        pytest.param([CHAT_ANSWER, user(REFERENCE)], "responses", id="a reference on either"),
        pytest.param([assistant("a"), user("hi", SEARCH)], "responses", id="asked of nobody known"),
        pytest.param([assistant(SEARCH)], "responses", id="an item alone"),
        pytest.param([assistant(SEARCH, TextPart("a"))], "chat_completions", id="a block beside a text"),
        pytest.param([CHAT_ANSWER, assistant(SEARCH)], "chat_completions", id="after an answer of Chat Completions"),
        pytest.param([CHAT_ANSWER, FROM_RESPONSES], "responses", id="its own message tells more"),
    ],
)
def test_whose_block_it_is_shows_in_the_conversation(messages: list[Message], api: str) -> None:
    """A block of a name that both APIs know goes where its message came from, else where the rest of the conversation did."""
    assert select_api(request(messages=[user("hi"), *messages])).api == api


def test_a_model_that_is_not_named_decides_nothing() -> None:
    """A request whose model the address names goes where its content belongs."""
    assert select_api(request(UNSET)).api == "chat_completions"
    assert select_api(request(UNSET, include=["x"])).api == "responses"


@pytest.mark.parametrize("model", ["gpt-4o", "o3", "o1-pro", "gpt-5", "o" * 100, "o3-" + "x" * 100, UNSET])
def test_a_request_that_says_nothing_is_sent_where_its_model_is(model: Any) -> None:
    """By its model alone a request goes where it goes with a field that both APIs have alike, for the same reason."""
    plain = select_api(request(model))
    assert plain == select_api(request(model, tool_choice="auto")) == select_api(request(model))
    assert plain == select_api(request(model, messages=[user("hi"), user("hi", extra={"x": 1})]))
