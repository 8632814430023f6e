"""Tests of `shim.wire.responses.request_import`: what an existing body says is in the request, and nothing of it is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import UNSET

from shim.model import (
    InvalidRequestError,
    ModelRequest,
    OpaquePart,
    Reasoning,
    ResponseFormat,
    ToolChoice,
    ToolDefinition,
    user,
)
from shim.wire import chat, responses
from tests.wire.responses.bodies import EVERY_PARAMETER, HI, LOSSLESS, MALFORMED, SCHEMA, body, items


def imported(wire: Any) -> ModelRequest:
    """The body as a request."""
    return responses.parse_request(json.dumps(wire).encode())


def again(wire: dict[str, Any]) -> dict[str, Any]:
    """The body after it was imported and written again, streamed if it was."""
    written: dict[str, Any] = json.loads(responses.serialize(imported(wire), stream=wire.get("stream") is True))
    return written


def test_every_parameter_finds_its_field() -> None:
    """A body with every parameter is a request with every field set and only what has no field left over."""
    made = imported(EVERY_PARAMETER)
    assert made.extra_body == {"truncation": "auto", "background": False}
    assert made.system_prompt == "be kind"
    assert made.tools == (ToolDefinition("look", "looks", {"type": "object"}, strict=True),)
    assert made.tool_choice == ToolChoice.tool("look")
    assert made.response_format == ResponseFormat(**SCHEMA)
    assert (made.verbosity, made.reasoning) == ("high", Reasoning("low", "auto"))
    assert (made.include, made.logprobs, made.top_logprobs) == (("reasoning.encrypted_content",), True, 3)
    unset = {field for field in ModelRequest.__struct_fields__ if getattr(made, field) is UNSET}
    assert unset == {"stop", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "n"}


@pytest.mark.parametrize("case", LOSSLESS)
def test_a_body_comes_back_as_it_was(case: str) -> None:
    """A body imported and written again is the same JSON: nothing lost, nothing added."""
    assert json.dumps(again(LOSSLESS[case]), sort_keys=True) == json.dumps(LOSSLESS[case], sort_keys=True)


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
    assert json.loads(responses.serialize(made, stream=True))["stream"] is True
    assert json.loads(responses.serialize(made, stream=False)).get("stream") in {None, False}


def test_both_apis_say_the_same() -> None:
    """The same question, asked in either API's words, is the same request."""
    schema = {name: value for name, value in SCHEMA.items() if name != "type"}
    function = {"name": "look", "parameters": {"type": "object"}, "strict": False}
    asked = {
        "model": "m",
        "messages": [
            HI,
            {
                "role": "assistant",
                "content": "let me look",
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "look", "arguments": "{}"}}],
            },
            {"role": "tool", "tool_call_id": "c", "content": "42"},
        ],
        "tools": [{"type": "function", "function": function}],
        "response_format": {"type": "json_schema", "json_schema": schema},
        "max_completion_tokens": 5,
        "reasoning_effort": "low",
        "logprobs": True,
    }
    there = {
        "model": "m",
        "input": [
            HI,
            {"role": "assistant", "content": "let me look"},
            {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "42"},
        ],
        "tools": [{"type": "function"} | function],
        "text": {"format": SCHEMA},
        "max_output_tokens": 5,
        "reasoning": {"effort": "low"},
        "include": ["message.output_text.logprobs"],
    }
    assert imported(there) == chat.parse_request(json.dumps(asked).encode())


def test_a_body_without_input_has_a_placeholder() -> None:
    """A stored prompt is a request whose one message is empty and stays out of the body."""
    made = imported(LOSSLESS["input absent"])
    assert (made.messages, made.extra_body["input"]) == ((user(),), UNSET)


def test_other_tools_are_whole() -> None:
    """A tool that is no function is kept whole, under its type."""
    assert imported(body(tools=[{"type": "web_search", "x": 1}])).tools == (
        OpaquePart("web_search", {"type": "web_search", "x": 1}),
    )


@pytest.mark.parametrize(
    ("wire", "field"),
    [
        pytest.param([], "body", id="a list"),
        pytest.param("hi", "body", id="a string"),
        pytest.param({"model": 7, "input": "hi"}, "model", id="model of a wrong kind"),
        pytest.param({"model": "m"}, "input", id="no input"),
        pytest.param({"model": "m", "messages": [HI]}, "input", id="a chat body"),
        pytest.param(body(7), "input", id="input of a wrong kind"),
        pytest.param(body(None), "input", id="input null"),
        pytest.param(items("hi"), "input[0]", id="a string as item"),
        pytest.param(items(HI, {}), "input[1]", id="an empty item"),
        pytest.param(items({"type": 7}), "input[0]", id="a type of a wrong kind"),
        pytest.param(items({"type": "input_text", "text": "a"}), "input[0]", id="a block as item"),
        pytest.param(items({"role": "robot", "content": "hi"}), "input[0].role", id="an unknown role"),
        pytest.param(items({"role": ["user"], "content": "hi"}), "input[0].role", id="a role of a wrong kind"),
        pytest.param(items({"type": "message", "content": "hi"}), "input[0].role", id="no role"),
        pytest.param(items({"role": "user", "content": 7}), "input[0].content", id="content of a wrong kind"),
        pytest.param(items({"role": "user", "content": ["hi"]}), "input[0].content[0]", id="a string among blocks"),
        pytest.param(items({"role": "user", "content": [7]}), "input[0].content[0]", id="a block that is a number"),
    ],
)
def test_what_is_no_responses_request_is_named(wire: Any, field: str) -> None:
    """A body that is no Responses request raises an error with the place of the mistake."""
    with pytest.raises(InvalidRequestError) as caught:
        imported(wire)
    assert caught.value.field == field
    assert field.removeprefix("body") in str(caught.value)


def test_a_chat_body_is_told_where_to_go() -> None:
    """A Chat Completions body is named as one, with the function that reads it."""
    with pytest.raises(InvalidRequestError, match=r"wire\.chat\.parse_request"):
        imported({"model": "m", "messages": [HI]})


@pytest.mark.parametrize("raw", [b"", b"{", b"nope", b"\xff\xfe", b'{"model": "\xff"}', b"[" * 100_000], ids=repr)
def test_what_is_no_json_is_named(raw: bytes) -> None:
    """Bytes that are not JSON raise an error that speaks of the request body."""
    with pytest.raises(InvalidRequestError, match="the request body is") as caught:
        responses.parse_request(raw)
    assert caught.value.field == "body"


@pytest.mark.parametrize("given", [{}, {"model": None}], ids=["absent", "null"])
def test_a_body_without_a_model(given: dict[str, Any]) -> None:
    """A body whose model the address or a stored prompt names is read without one, and written as it was."""
    fields = given | {"input": "hi", "prompt": {"id": "p"}}
    for form in (json.dumps(fields).encode(), json.dumps(fields), fields):
        read = responses.parse_request(form)
        assert read.model is UNSET
        assert responses.to_body(read, stream=False) == fields


def test_a_block_without_a_type_is_a_text() -> None:
    """A content block that only has a text is one, and is written as it was; one that has not even that is kept."""
    for content in ([{"text": "hi"}], [{"text": "hi"}, {"image": 1}]):
        fields = {"model": "m", "input": [{"role": "user", "content": content}]}
        assert responses.to_body(responses.parse_request(fields), stream=False) == fields
