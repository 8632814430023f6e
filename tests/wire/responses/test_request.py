"""Tests of `shim.wire.responses.request`: each field of a request moves its own place in the body, and nothing else does."""

from __future__ import annotations

import json
import math
from types import MappingProxyType
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
    UnsupportedFeatureError,
    user,
)
from shim.wire import chat, responses

SCHEMA = {"type": "object", "properties": {"depth": {"type": "integer"}}}
NO_PARAMETERS = {"type": "object", "properties": {}}
LOGPROBS = "message.output_text.logprobs"


def request(**fields: Any) -> ModelRequest:
    """A small request with these fields."""
    return ModelRequest(**({"model": "gpt-4o-mini", "messages": (user("hi"),)} | fields))


def body(given: ModelRequest, *, stream: bool = False) -> dict[str, Any]:
    """The body the request is on the wire."""
    wire: dict[str, Any] = json.loads(responses.serialize(given, stream=stream))
    return wire


def changes(fields: dict[str, Any], *, stream: bool = False) -> dict[str, Any]:
    """What these fields change in the body of a small request; UNSET for a field that is gone."""
    before, after = body(request(), stream=stream), body(request(**fields), stream=stream)
    names = before.keys() | after.keys()
    return {name: after.get(name, UNSET) for name in names if before.get(name, UNSET) != after.get(name, UNSET)}


NOWHERE: dict[str, Any] = {}
# Field of ModelRequest -> values, each with what it changes in the body.
TRUTH: dict[str, list[tuple[Any, dict[str, Any]]]] = {
    "model": [("o3", {"model": "o3"})],
    "messages": [
        ([user("hey")], {"input": "hey"}),
        ([user("hi"), user("again")], {"input": [{"role": "user", "content": word} for word in ("hi", "again")]}),
    ],
    "system_prompt": [("be kind", {"instructions": "be kind"}), ("", {"instructions": ""})],
    "tools": [
        (
            [ToolDefinition("look", "looks", SCHEMA, strict=True, extra={"defer_loading": True})],
            {
                "tools": [
                    {
                        "type": "function",
                        "name": "look",
                        "description": "looks",
                        "parameters": SCHEMA,
                        "strict": True,
                        "defer_loading": True,
                    }
                ]
            },
        ),
        (
            [ToolDefinition("look")],
            {"tools": [{"type": "function", "name": "look", "parameters": NO_PARAMETERS, "strict": False}]},
        ),
        (
            [ToolDefinition("look", None, None, None)],
            {"tools": [{"type": "function", "name": "look", "description": None, "parameters": None, "strict": None}]},
        ),
        ([OpaquePart("web_search", {"type": "web_search"})], {"tools": [{"type": "web_search"}]}),
        ([], {"tools": []}),
        (None, {"tools": None}),
    ],
    "tool_choice": [
        ("auto", {"tool_choice": "auto"}),
        (ToolChoice.NONE, {"tool_choice": "none"}),
        (ToolChoice.REQUIRED, {"tool_choice": "required"}),
        (ToolChoice.tool("look"), {"tool_choice": {"type": "function", "name": "look"}}),
        (OpaquePart("web_search", {"type": "web_search"}), {"tool_choice": {"type": "web_search"}}),
        (None, {"tool_choice": None}),
    ],
    "parallel_tool_calls": [(False, {"parallel_tool_calls": False}), (None, {"parallel_tool_calls": None})],
    "max_output_tokens": [(100, {"max_output_tokens": 100}), (None, {"max_output_tokens": None})],
    "temperature": [(0.2, {"temperature": 0.2}), (0, {"temperature": 0}), (None, {"temperature": None})],
    "top_p": [(0.9, {"top_p": 0.9}), (None, {"top_p": None})],
    "stop": [(None, NOWHERE)],
    "seed": [(None, NOWHERE)],
    "presence_penalty": [(None, NOWHERE)],
    "frequency_penalty": [(None, NOWHERE)],
    "logit_bias": [(None, NOWHERE)],
    "n": [(None, NOWHERE)],
    "logprobs": [(True, {"include": [LOGPROBS]}), (False, NOWHERE), (None, NOWHERE)],
    "top_logprobs": [(5, {"top_logprobs": 5}), (None, {"top_logprobs": None})],
    "response_format": [
        (ResponseFormat("json_object"), {"text": {"format": {"type": "json_object"}}}),
        (
            ResponseFormat("json_schema", name="depth", schema=SCHEMA, strict=None, description="how deep"),
            {
                "text": {
                    "format": {
                        "type": "json_schema",
                        "name": "depth",
                        "description": "how deep",
                        "schema": SCHEMA,
                        "strict": None,
                    }
                }
            },
        ),
        (OpaquePart("grammar", {"type": "grammar"}), {"text": {"format": {"type": "grammar"}}}),
        (None, {"text": {"format": None}}),
    ],
    "reasoning": [
        (Reasoning("low", "auto"), {"reasoning": {"effort": "low", "summary": "auto"}}),
        (Reasoning(summary="detailed"), {"reasoning": {"summary": "detailed"}}),
        (Reasoning(None), {"reasoning": {"effort": None}}),
        (Reasoning(), NOWHERE),
    ],
    "verbosity": [("low", {"text": {"verbosity": "low"}}), (None, {"text": {"verbosity": None}})],
    "metadata": [
        ({"team": "blue"}, {"metadata": {"team": "blue"}}),
        (MappingProxyType({"team": "blue"}), {"metadata": {"team": "blue"}}),
        (None, {"metadata": None}),
    ],
    "user": [("ann", {"user": "ann"}), (None, {"user": None})],
    "service_tier": [("flex", {"service_tier": "flex"}), (None, {"service_tier": None})],
    "store": [(False, {"store": False}), (None, {"store": None})],
    "previous_response_id": [("resp_1", {"previous_response_id": "resp_1"}), (None, {"previous_response_id": None})],
    "include": [(["reasoning.encrypted_content"], {"include": ["reasoning.encrypted_content"]}), ([], {"include": []})],
    "extra_body": [
        ({"truncation": "auto"}, {"truncation": "auto"}),
        ({"model": "o3"}, {"model": "o3"}),
        ({"input": UNSET}, {"input": UNSET}),
        ({"absent": UNSET}, NOWHERE),
        ({"cache": None}, {"cache": None}),
        ({"max_tokens": 7}, {"max_output_tokens": 7}),
        ({"max_completion_tokens": 8, "max_tokens": 7}, {"max_output_tokens": 8}),
        ({"max_tokens": None}, NOWHERE),
        ({"max_tokens": UNSET}, NOWHERE),
        ({"text": {"verbosity": "low"}}, {"text": {"verbosity": "low"}}),
    ],
    "extra_headers": [({"x-team": "blue"}, NOWHERE)],
    "conversation_id": [("c1", NOWHERE)],
}
UNSUPPORTED: dict[str, Any] = {
    "stop": "END",
    "seed": 7,
    "n": 2,
    "presence_penalty": 0.5,
    "frequency_penalty": 0,
    "logit_bias": {"50256": -100},
}
UNSUPPORTED_IN_BODY: dict[str, Any] = UNSUPPORTED | {
    "messages": [],
    "functions": [],
    "function_call": "auto",
    "response_format": {"type": "text"},
    "reasoning_effort": "low",
    "verbosity": "low",
    "logprobs": True,
    "modalities": ["text"],
    "audio": {"voice": "alloy"},
    "prediction": {"type": "content"},
    "web_search_options": {},
}


def test_every_field_has_its_truth() -> None:
    """No field of a request is without its place on the wire in this table."""
    assert set(TRUTH) == set(ModelRequest.__struct_fields__)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        pytest.param(field, value, expected, id=f"{field}-{position}")
        for field, cases in TRUTH.items()
        for position, (value, expected) in enumerate(cases)
    ],
)
def test_a_field_changes_its_place_alone(field: str, value: Any, expected: dict[str, Any], stream: bool) -> None:  # noqa: FBT001 - parametrized
    """Setting a field changes exactly the body field it stands for, streamed or not."""
    assert changes({field: value}, stream=stream) == expected


@pytest.mark.parametrize("field", UNSUPPORTED)
def test_what_responses_cannot_express_is_refused(field: str) -> None:
    """A field only Chat Completions has raises an error that names the field, the API and the way out."""
    with pytest.raises(
        UnsupportedFeatureError, match=rf"^{field} cannot be sent on the Responses API; .*Chat Completions"
    ) as caught:
        responses.serialize(request(**{field: UNSUPPORTED[field]}), stream=False)
    assert (caught.value.field, caught.value.api) == (field, "responses")


@pytest.mark.parametrize("name", UNSUPPORTED_IN_BODY)
def test_what_hides_in_the_extra_body_is_refused_too(name: str) -> None:
    """A Chat Completions name in `extra_body` raises the same error, and null in it asks for nothing."""
    with pytest.raises(UnsupportedFeatureError, match="cannot be sent on the Responses API; ") as caught:
        responses.serialize(request(extra_body={name: UNSUPPORTED_IN_BODY[name]}), stream=False)
    assert (caught.value.field, caught.value.api) == (f"extra_body.{name}", "responses")
    assert changes({"extra_body": {name: None}}) == changes({"extra_body": {name: UNSET}}) == NOWHERE


def test_a_small_request_is_small() -> None:
    """A request with nothing set is its model and its text, and nothing else."""
    assert body(request()) == {"model": "gpt-4o-mini", "input": "hi"}
    assert body(request(), stream=True) == {"model": "gpt-4o-mini", "input": "hi", "stream": True}


def test_all_fields_together() -> None:
    """Fields set together each take the place they take alone."""
    first = {field: cases[0] for field, cases in TRUTH.items() if field != "include"}
    expected: dict[str, Any] = {}
    for _, change in first.values():
        expected |= {
            name: expected[name] | value if name == "text" and name in expected else value
            for name, value in change.items()
        }
    assert body(request(**{field: value for field, (value, _) in first.items()})) == expected


def test_logprobs_are_included_once() -> None:
    """Asking for logprobs adds their name to what is included, unless it stands there."""
    assert body(request(logprobs=True, include=["a"]))["include"] == ["a", LOGPROBS]
    assert body(request(logprobs=True, include=[LOGPROBS, "a"]))["include"] == [LOGPROBS, "a"]
    assert body(request(logprobs=True, include=None))["include"] == [LOGPROBS]


def test_nested_objects_are_joined() -> None:
    """`extra_body` adds to `text` and `reasoning` field by field and wins there; UNSET takes a field away."""
    given = request(
        response_format=ResponseFormat("text"),
        verbosity="low",
        reasoning=Reasoning("low", "auto"),
        extra_body={"text": {"verbosity": "high", "x": 1}, "reasoning": {"summary": UNSET, "y": 2}},
    )
    assert body(given)["text"] == {"format": {"type": "text"}, "verbosity": "high", "x": 1}
    assert body(given)["reasoning"] == {"effort": "low", "y": 2}


def test_two_limits_that_differ_are_refused() -> None:
    """A Chat Completions limit beside another of the request's own is refused, and beside the same one is not."""
    with pytest.raises(InvalidRequestError, match="give max_output_tokens alone") as caught:
        body(request(max_output_tokens=5, extra_body={"max_tokens": 7}))
    assert caught.value.field == "extra_body.max_tokens"
    assert body(request(max_output_tokens=7, extra_body={"max_tokens": 7}))["max_output_tokens"] == 7
    assert body(request(extra_body={"max_tokens": 7, "max_output_tokens": 9}))["max_output_tokens"] == 9


def test_what_chat_nests_is_lifted() -> None:
    """Tools, tool choices and formats in Chat Completions' form are written flat, and no function is strict unasked."""
    grammar = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "d"}}
    function = {"type": "function", "function": {"name": "look"}}
    given = request(
        tools=[
            OpaquePart("function", function | {"cache": 1}),
            OpaquePart("custom", {"type": "custom", "custom": {"name": "run", "format": grammar}}),
        ],
        tool_choice=OpaquePart(
            "allowed_tools", {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [function]}}
        ),
        response_format=OpaquePart("json_schema", {"type": "json_schema", "json_schema": {"name": "n", "x": 1}}),
    )
    wire = body(given)
    assert wire["tools"] == [
        {"type": "function", "name": "look", "parameters": NO_PARAMETERS, "strict": False, "cache": 1},
        {"type": "custom", "name": "run", "format": {"type": "grammar", "syntax": "lark", "definition": "d"}},
    ]
    assert wire["tool_choice"] == {
        "type": "allowed_tools",
        "mode": "auto",
        "tools": [{"type": "function", "name": "look"}],
    }
    assert wire["text"] == {"format": {"type": "json_schema", "name": "n", "x": 1}}


def test_a_chat_body_can_be_sent_here() -> None:
    """A body imported from Chat Completions, its stream options included, goes out in this API's words."""
    asked = {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 5,
        "stop": None,
        "stream": True,
        "stream_options": {"include_usage": True, "include_obfuscation": False},
    }
    made = chat.parse_request(json.dumps(asked).encode())
    assert body(made, stream=True) == {
        "model": "m",
        "input": "hi",
        "max_output_tokens": 5,
        "stream": True,
        "stream_options": {"include_obfuscation": False},
    }
    assert body(made) == {"model": "m", "input": "hi", "max_output_tokens": 5}


def test_stream_is_not_the_bodys_to_say() -> None:
    """A whole request that asks for a stream in `extra_body` is refused, and a stream is one whatever it says."""
    with pytest.raises(InvalidRequestError, match="start a stream instead") as caught:
        responses.serialize(request(extra_body={"stream": True}), stream=False)
    assert caught.value.field == "extra_body.stream"
    assert body(request(extra_body={"stream": False}), stream=True)["stream"] is True


@pytest.mark.parametrize(
    ("field", "value"), [("model", ""), ("model", 7), ("input", {"role": "user"}), ("input", None)]
)
def test_what_the_extra_body_cannot_make_is_refused(field: str, value: Any) -> None:
    """An `extra_body` that leaves no model's name or no input where one stood is refused by name."""
    with pytest.raises(InvalidRequestError, match="after extra_body was laid over") as caught:
        body(request(extra_body={field: value}))
    assert caught.value.field == field


def test_the_request_is_checked() -> None:
    """A mistake in a request is named before anything is written."""
    with pytest.raises(InvalidRequestError, match="max_output_tokens is of type str; give an integer"):
        responses.serialize(request(max_output_tokens="2"), stream=False)


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        pytest.param("tools", {"tools": [ToolDefinition("look", parameters={"maximum": math.nan})]}, id="nan"),
        pytest.param("text", {"response_format": ResponseFormat("json_schema", schema={"a": math.inf})}, id="inf"),
        pytest.param("input", {"messages": [user("lone \udfff")]}, id="lone surrogate"),
        pytest.param("many", {"extra_body": {"many": {1, 2}}}, id="set"),
    ],
)
def test_what_json_cannot_carry_is_named(field: str, fields: dict[str, Any]) -> None:
    """A value JSON cannot carry raises an error with the field of the body it stands in."""
    with pytest.raises(InvalidRequestError, match=rf"^{field} holds a value JSON cannot carry") as caught:
        responses.serialize(request(**fields), stream=False)
    assert caught.value.field == field


def test_the_body_is_utf8_and_the_callers_dicts_stay() -> None:
    """Text goes out as UTF-8, compact; nothing the caller gave is changed by writing it."""
    extra = {"text": {"x": 1}, "max_tokens": 5}
    given = request(messages=[user("naïve 🙂")], extra_body=extra)
    assert responses.serialize(given, stream=False).startswith('{"model":"gpt-4o-mini","input":"naïve 🙂"'.encode())
    assert extra == {"text": {"x": 1}, "max_tokens": 5}
    assert responses.to_body(given, stream=True) == body(given, stream=True)
