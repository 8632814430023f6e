"""Tests of functions said as tools and back: requests, answers, streams, and what is refused by name."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from shim.migration.upgrades import Target, upgrade_request
from shim.model import UnsupportedFeatureError

WEATHER = {"name": "weather", "description": "Tells it.", "parameters": {"type": "object", "properties": {}}}
CALL = {"name": "weather", "arguments": '{"city": "Oslo"}'}
ASKED: dict[str, Any] = {
    "model": "some-model",
    "messages": [
        {"role": "user", "content": "Is it cold?"},
        {"role": "assistant", "content": None, "function_call": CALL},
        {"role": "function", "name": "weather", "content": "-3"},
        {"role": "user", "content": "And tomorrow?"},
    ],
    "functions": [WEATHER],
    "function_call": {"name": "weather"},
}
TOOLED: dict[str, Any] = {
    "model": "some-model",
    "messages": [
        {"role": "user", "content": "Is it cold?"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": CALL}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "-3"},
        {"role": "user", "content": "And tomorrow?"},
    ],
    "tools": [{"type": "function", "function": WEATHER}],
    "tool_choice": {"type": "function", "function": {"name": "weather"}},
    "parallel_tool_calls": False,
}


def test_functions_are_said_as_tools() -> None:
    """Definitions, choice, calls and results become tools, at most one call is asked for, and every change is told."""
    before = copy.deepcopy(ASKED)
    upgraded = upgrade_request(ASKED, upgrades=["functions-to-tools"])
    assert upgraded.fields == TOOLED
    assert before == ASKED
    assert upgraded.names == ("functions-to-tools",)
    assert [change.field for change in upgraded.changes] == [
        "functions",
        "tools",
        "parallel_tool_calls",
        "function_call",
        "tool_choice",
        "messages[1]",
        "messages[2]",
    ]


def test_tools_are_said_as_functions() -> None:
    """The way back gives the request that was asked in functions."""
    assert upgrade_request(TOOLED, upgrades=["tools-to-functions"]).fields == ASKED
    silent = upgrade_request(TOOLED | {"tool_choice": None}, upgrades=["tools-to-functions"]).fields
    assert "tool_choice" not in silent
    assert "function_call" not in silent


def test_no_limit_of_calls_where_the_model_refuses_it() -> None:
    """A model that refuses parallel_tool_calls is not sent it."""
    asked = ASKED | {"model": "o3"}
    upgraded = upgrade_request(asked, upgrades=["functions-to-tools"], target=Target(api="responses", today=None))
    assert "parallel_tool_calls" not in upgraded.fields


@pytest.mark.parametrize("choice", ["auto", "none", None])
def test_choices_without_a_name(choice: str | None) -> None:
    """The modes auto and none are the same word in both forms, and null says nothing."""
    fields = upgrade_request(ASKED | {"function_call": choice}, upgrades=["functions-to-tools"]).fields
    assert fields.get("tool_choice") == choice
    assert "function_call" not in fields


def test_an_answer_comes_back_with_its_function_call() -> None:
    """The one call of an answer stands in function_call, the finish reason is the old one, and the rest is as it came."""
    answer = {
        "id": "a",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": None,
                    "refusal": None,
                    "tool_calls": [{"id": "call_9", "type": "function", "function": CALL}],
                },
            }
        ],
        "usage": {"total_tokens": 3},
    }
    undone = upgrade_request(ASKED, upgrades=["functions-to-tools"]).undo(answer)
    message = {"role": "assistant", "content": None, "refusal": None, "function_call": CALL}
    assert undone["choices"] == [{"index": 0, "finish_reason": "function_call", "message": message}]
    assert undone["usage"] == {"total_tokens": 3}
    assert answer["choices"][0]["finish_reason"] == "tool_calls"  # type: ignore[index]  # the literal's type is wide


def test_no_call_is_lost_where_a_server_makes_several() -> None:
    """Where a server makes several calls in spite of the limit, the first is the function_call and all stay in tool_calls."""
    calls = [{"id": each, "type": "function", "function": CALL | {"name": each}} for each in ("a", "b")]
    answer = {"choices": [{"message": {"tool_calls": calls}, "finish_reason": "tool_calls"}]}
    message = upgrade_request(ASKED, upgrades=["functions-to-tools"]).undo(answer)["choices"][0]["message"]
    assert message == {"tool_calls": calls, "function_call": CALL | {"name": "a"}}


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    """A chunk of a stream with one choice."""
    return {"id": "s", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


STREAM = [
    chunk({"role": "assistant", "content": None}),
    chunk({"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": ": 1}"}}]}),
    chunk({}, "tool_calls"),
    {"id": "s", "choices": [], "usage": {"total_tokens": 1}},
]
OLD_STREAM = [
    chunk({"role": "assistant", "content": None}),
    chunk({"function_call": {"name": "f", "arguments": ""}}),
    chunk({"function_call": {"arguments": '{"a"'}}),
    chunk({"function_call": {"arguments": ": 1}"}}),
    chunk({}, "function_call"),
    {"id": "s", "choices": [], "usage": {"total_tokens": 1}},
]


def test_a_stream_comes_back_with_its_function_call() -> None:
    """Chunk by chunk the pieces of the call stand in function_call, as the old API streamed them."""
    upgraded = upgrade_request(ASKED, upgrades=["functions-to-tools"])
    assert list(upgraded.undo_stream(STREAM)) == OLD_STREAM


def test_a_stream_of_functions_comes_back_as_tool_calls() -> None:
    """On the way back the first piece of a call has its id and type, and the others only what was added."""
    upgraded = upgrade_request(TOOLED, upgrades=["tools-to-functions"])
    undone = list(upgraded.undo_stream(OLD_STREAM))
    calls = [each["choices"][0]["delta"].get("tool_calls") for each in undone[:-1]]
    assert calls == [
        None,
        [{"index": 0, "id": "call_s_0", "type": "function", "function": {"name": "f", "arguments": ""}}],
        [{"index": 0, "function": {"arguments": '{"a"'}}],
        [{"index": 0, "function": {"arguments": ": 1}"}}],
        None,
    ]
    assert undone[4]["choices"][0]["finish_reason"] == "tool_calls"


def test_an_odd_index_breaks_no_stream() -> None:
    """A choice whose index is no number, as a gateway's may be, has its call all the same."""
    chunk = {"id": "s", "choices": [{"index": [], "delta": {"function_call": {"name": "f", "arguments": "{}"}}}]}
    (undone,) = upgrade_request(TOOLED, upgrades=["tools-to-functions"]).undo_stream([chunk])
    assert undone["choices"][0]["delta"]["tool_calls"][0]["id"] == "call_s_0"


def test_two_streams_of_one_request_are_told_apart() -> None:
    """Each stream is undone by itself: a second one gives its calls their ids anew."""
    upgraded = upgrade_request(TOOLED, upgrades=["tools-to-functions"])
    assert list(upgraded.undo_stream(OLD_STREAM)) == list(upgraded.undo_stream(OLD_STREAM))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tools": [], "functions": [WEATHER]}, "functions"),
        ({"functions": "weather"}, "functions"),
        ({"function_call": 3}, "function_call"),
        ({"messages": [{"role": "function", "name": "weather", "content": "1"}]}, "messages[0]"),
        ({"messages": [{"role": "assistant", "function_call": CALL}]}, "messages[0].function_call"),
        ({"messages": [{"role": "assistant", "function_call": {"arguments": ""}}]}, "messages[0].function_call"),
    ],
)
def test_what_tools_cannot_say_is_refused_by_name(change: dict[str, Any], field: str) -> None:
    """A request that has no form in tools is an error that names the field."""
    with pytest.raises(UnsupportedFeatureError) as caught:
        upgrade_request(ASKED | change, upgrades=["functions-to-tools"])
    assert caught.value.field == field
    assert str(caught.value).startswith(field)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools"),
        ({"tools": [{"type": "function", "function": WEATHER | {"strict": True}}]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"tool_choice": {"function": None}}, "tool_choice"),
        ({"messages": [{"role": "tool", "tool_call_id": "x", "content": ""}]}, "messages[0].tool_call_id"),
        (
            {"messages": [{"role": "assistant", "tool_calls": TOOLED["messages"][1]["tool_calls"] * 2}]},
            "messages[0].tool_calls",
        ),
    ],
)
def test_what_functions_cannot_say_is_refused_by_name(change: dict[str, Any], field: str) -> None:
    """A request that has no form in functions is an error that names the field."""
    with pytest.raises(UnsupportedFeatureError) as caught:
        upgrade_request(TOOLED | change, upgrades=["tools-to-functions"])
    assert caught.value.field == field
