"""Tests of `shim.wire.chat.request`: each field of a request moves its own place in the body, and nothing else does."""

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
from shim.wire import chat

HI = [{"role": "user", "content": "hi"}]
SCHEMA = {"type": "object", "properties": {"depth": {"type": "integer"}}}


def request(**fields: Any) -> ModelRequest:
    """A small request with these fields."""
    return ModelRequest(**({"model": "gpt-4o-mini", "messages": (user("hi"),)} | fields))


def body(given: ModelRequest, *, stream: bool = False) -> dict[str, Any]:
    """The body the request is on the wire."""
    wire: dict[str, Any] = json.loads(chat.serialize(given, stream=stream))
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
    "messages": [([user("hi"), user("again")], {"messages": [*HI, {"role": "user", "content": "again"}]})],
    "system_prompt": [("be kind", {"messages": [{"role": "system", "content": "be kind"}, *HI]})],
    "tools": [
        (
            [ToolDefinition("look", "looks", SCHEMA, strict=True, extra={"defer": 1})],
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {
                            "name": "look",
                            "description": "looks",
                            "parameters": SCHEMA,
                            "strict": True,
                            "defer": 1,
                        },
                    }
                ]
            },
        ),
        ([ToolDefinition("look")], {"tools": [{"type": "function", "function": {"name": "look"}}]}),
        (
            [ToolDefinition("look", None, None, None)],
            {
                "tools": [
                    {
                        "type": "function",
                        "function": {"name": "look", "description": None, "parameters": None, "strict": None},
                    }
                ]
            },
        ),
        (
            [OpaquePart("custom", {"type": "custom", "custom": {"name": "c"}})],
            {"tools": [{"type": "custom", "custom": {"name": "c"}}]},
        ),
        ([], {"tools": []}),
        (None, {"tools": None}),
    ],
    "tool_choice": [
        ("auto", {"tool_choice": "auto"}),
        (ToolChoice.NONE, {"tool_choice": "none"}),
        (ToolChoice.REQUIRED, {"tool_choice": "required"}),
        (ToolChoice.tool("look"), {"tool_choice": {"type": "function", "function": {"name": "look"}}}),
        (OpaquePart("allowed_tools", {"type": "allowed_tools"}), {"tool_choice": {"type": "allowed_tools"}}),
        (None, {"tool_choice": None}),
    ],
    "parallel_tool_calls": [(False, {"parallel_tool_calls": False}), (None, {"parallel_tool_calls": None})],
    "max_output_tokens": [(100, {"max_completion_tokens": 100}), (None, {"max_completion_tokens": None})],
    "temperature": [(0.2, {"temperature": 0.2}), (0, {"temperature": 0}), (None, {"temperature": None})],
    "top_p": [(0.9, {"top_p": 0.9}), (None, {"top_p": None})],
    "stop": [("END", {"stop": "END"}), (["a", "b"], {"stop": ["a", "b"]}), ([], {"stop": []}), (None, {"stop": None})],
    "seed": [(42, {"seed": 42}), (-(10**20), {"seed": -(10**20)}), (None, {"seed": None})],
    "presence_penalty": [(-1.5, {"presence_penalty": -1.5}), (None, {"presence_penalty": None})],
    "frequency_penalty": [(1.5, {"frequency_penalty": 1.5}), (None, {"frequency_penalty": None})],
    "logit_bias": [
        ({"50256": -100}, {"logit_bias": {"50256": -100}}),
        (MappingProxyType({"50256": 1.5}), {"logit_bias": {"50256": 1.5}}),
        (None, {"logit_bias": None}),
    ],
    "logprobs": [(True, {"logprobs": True}), (None, {"logprobs": None})],
    "top_logprobs": [(5, {"top_logprobs": 5}), (None, {"top_logprobs": None})],
    "n": [(3, {"n": 3}), (None, {"n": None})],
    "response_format": [
        (ResponseFormat("json_object"), {"response_format": {"type": "json_object"}}),
        (ResponseFormat("text"), {"response_format": {"type": "text"}}),
        (
            ResponseFormat("json_schema", name="depth", schema=SCHEMA, strict=None, description="how deep"),
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "depth", "description": "how deep", "schema": SCHEMA, "strict": None},
                }
            },
        ),
        (OpaquePart("grammar", {"type": "grammar"}), {"response_format": {"type": "grammar"}}),
        (None, {"response_format": None}),
    ],
    "reasoning": [
        (Reasoning("low"), {"reasoning_effort": "low"}),
        (Reasoning(None), {"reasoning_effort": None}),
        (Reasoning(), NOWHERE),
    ],
    "verbosity": [("low", {"verbosity": "low"}), (None, {"verbosity": None})],
    "metadata": [
        ({"team": "blue"}, {"metadata": {"team": "blue"}}),
        (MappingProxyType({"team": "blue"}), {"metadata": {"team": "blue"}}),
        (None, {"metadata": None}),
    ],
    "user": [("ann", {"user": "ann"}), (None, {"user": None})],
    "service_tier": [("flex", {"service_tier": "flex"}), (None, {"service_tier": None})],
    "store": [(False, {"store": False}), (None, {"store": None})],
    "previous_response_id": [],  # UNSUPPORTED
    "include": [],  # UNSUPPORTED
    "extra_body": [
        ({"top_k": 5}, {"top_k": 5}),
        ({"model": "o3"}, {"model": "o3"}),
        ({"model": UNSET}, {"model": UNSET}),
        ({"absent": UNSET}, NOWHERE),
        ({"cache": None}, {"cache": None}),
    ],
    "extra_headers": [({"x-team": "blue"}, NOWHERE)],
    "conversation_id": [("c1", NOWHERE)],
}
# Field of ModelRequest -> (a value Chat Completions cannot express, the place named).
UNSUPPORTED: dict[str, tuple[Any, str]] = {
    "previous_response_id": ("resp_1", "previous_response_id"),
    "include": (["reasoning.encrypted_content"], "include"),
    "reasoning": (Reasoning(summary="auto"), "reasoning.summary"),
}


def test_every_field_has_its_truth() -> None:
    """No field of a request is without its place on the wire in this table."""
    assert set(TRUTH) == set(ModelRequest.__struct_fields__)
    assert {field for field, cases in TRUTH.items() if not cases} <= set(UNSUPPORTED)


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
def test_what_chat_cannot_express_is_refused(field: str) -> None:
    """A field only the Responses API has raises an error that names the field, the API and the way out."""
    value, place = UNSUPPORTED[field]
    with pytest.raises(
        UnsupportedFeatureError, match=rf"^{place} cannot be sent on Chat Completions; .*Responses API"
    ) as caught:
        chat.serialize(request(**{field: value}), stream=False)
    assert (caught.value.field, caught.value.api) == (place, "chat_completions")


def test_a_small_request_is_small() -> None:
    """A request with nothing set is its model and messages, and nothing else."""
    assert body(request()) == {"model": "gpt-4o-mini", "messages": HI}


def test_all_fields_together() -> None:
    """Fields set together each take the place they take alone."""
    last = {field: cases[0] for field, cases in TRUTH.items() if cases and field not in {"messages", "system_prompt"}}
    expected: dict[str, Any] = {"model": "o3", "messages": HI}
    for _, change in last.values():
        expected |= change
    assert body(request(**{field: value for field, (value, _) in last.items()})) == expected


def test_a_stream_asks_for_its_usage() -> None:
    """A streamed request sets `stream` and asks for the usage; a whole one sets neither."""
    assert body(request(), stream=True) == body(request()) | {"stream": True, "stream_options": {"include_usage": True}}


def test_stream_options_of_ones_own_win() -> None:
    """`extra_body` replaces the stream options, or takes them away."""
    options = {"include_usage": False, "include_obfuscation": False}
    assert body(request(extra_body={"stream_options": options}), stream=True)["stream_options"] == options
    assert "stream_options" not in body(request(extra_body={"stream_options": UNSET}), stream=True)


def test_stream_is_not_the_bodys_to_say() -> None:
    """A whole request that asks for a stream in `extra_body` is refused, and a stream is one whatever it says."""
    with pytest.raises(InvalidRequestError, match="start a stream instead") as caught:
        chat.serialize(request(extra_body={"stream": True}), stream=False)
    assert caught.value.field == "extra_body.stream"
    assert body(request(extra_body={"stream": True}), stream=True)["stream"] is True
    assert body(request(extra_body={"stream": False}), stream=True)["stream"] is True


@pytest.mark.parametrize("empty", ["", "be kind"], ids=["empty", "given"])
def test_the_system_prompt_comes_first(empty: str) -> None:
    """A system prompt is the first message, even an empty one."""
    assert body(request(system_prompt=empty))["messages"][0] == {"role": "system", "content": empty}


def test_the_request_is_checked() -> None:
    """A mistake in a request is named before anything is written."""
    with pytest.raises(InvalidRequestError, match="n is of type str; give an integer"):
        chat.serialize(request(n="2"), stream=False)


def circle() -> dict[str, Any]:
    """A dict that holds itself."""
    turning: dict[str, Any] = {}
    turning["again"] = turning
    return turning


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        pytest.param("tools", {"tools": [ToolDefinition("look", parameters={"maximum": math.nan})]}, id="nan"),
        pytest.param(
            "response_format", {"response_format": ResponseFormat("json_schema", schema={"a": math.inf})}, id="inf"
        ),
        pytest.param("metadata", {"metadata": {"raw": b"bytes"}}, id="bytes"),
        pytest.param("metadata", {"metadata": {("a", "b"): "c"}}, id="tuple as key"),
        pytest.param("logit_bias", {"logit_bias": {"1": -math.inf}}, id="inf in a bias"),
        pytest.param("user", {"user": "lone \ud800"}, id="lone surrogate"),
        pytest.param("messages", {"messages": [user("lone \udfff")]}, id="lone surrogate in a message"),
        pytest.param("top_k", {"extra_body": {"top_k": circle()}}, id="circle"),
        pytest.param("when", {"extra_body": {"when": object()}}, id="object"),
        pytest.param("many", {"extra_body": {"many": {1, 2}}}, id="set"),
    ],
)
def test_what_json_cannot_carry_is_named(field: str, fields: dict[str, Any]) -> None:
    """A value JSON cannot carry raises an error with the field it stands in."""
    with pytest.raises(InvalidRequestError, match=rf"^{field} holds a value JSON cannot carry") as caught:
        chat.serialize(request(**fields), stream=False)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [ToolDefinition("look", parameters=MappingProxyType(SCHEMA))]},
        {"response_format": ResponseFormat("json_schema", name="depth", schema=MappingProxyType(SCHEMA))},
    ],
    ids=["parameters", "schema"],
)
def test_any_mapping_is_a_schema(fields: dict[str, Any]) -> None:
    """A schema may be any mapping, as its type says, not only a dict."""
    assert json.dumps(SCHEMA) in json.dumps(body(request(**fields)))


def test_the_body_is_utf8() -> None:
    """Text goes out as UTF-8, compact and unescaped."""
    written = chat.serialize(request(messages=[user("naïve 🙂")]), stream=False)
    assert written == '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"naïve 🙂"}]}'.encode()


def test_to_body_is_what_serialize_writes() -> None:
    """The body as a dict and the body as bytes say the same."""
    given = request(temperature=0.2, extra_body={"top_k": 5})
    for stream in (False, True):
        assert chat.to_body(given, stream=stream) == body(given, stream=stream)
