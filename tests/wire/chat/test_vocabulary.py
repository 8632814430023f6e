"""Tests of `shim.wire.chat.vocabulary`: the words of answers, read as a person would read them."""

from __future__ import annotations

from typing import Any

import pytest

from shim.model import FinishReason, ToolCallPart, Usage
from shim.wire.chat.vocabulary import (
    finish_reason,
    raw_finish_reason,
    read_call,
    read_function_call,
    read_usage,
    reasoning_of,
    usage_of,
)
from shim.wire.lenient import arguments_of, text_of

FUNCTION = {"name": "f", "arguments": "{}"}
CUSTOM = {"name": "r", "input": "x"}
RUN = ToolCallPart("c", "r", "x", kind="custom")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("stop", FinishReason.STOP),
        ("eos", FinishReason.STOP),
        ("length", FinishReason.LENGTH),
        ("max_tokens", FinishReason.LENGTH),
        ("tool_calls", FinishReason.TOOL_CALL),
        ("function_call", FinishReason.TOOL_CALL),
        ("content_filter", FinishReason.CONTENT_FILTER),
        ("error", FinishReason.ERROR),
        ("STOP", FinishReason.STOP),
        ("eos_token", FinishReason.STOP),
        ("stop_sequence", FinishReason.STOP),
        ("end_turn", FinishReason.STOP),
        ("MAX_TOKENS", FinishReason.LENGTH),
        ("model_length", FinishReason.LENGTH),
        ("tool_use", FinishReason.TOOL_CALL),
        ("SAFETY", FinishReason.CONTENT_FILTER),
        ("insufficient_system_resource", FinishReason.ERROR),
        ("COMPLETE", FinishReason.STOP),
        ("model_context_window_exceeded", FinishReason.LENGTH),
        ("token_limit", FinishReason.LENGTH),
        ("TOOL_CALL", FinishReason.TOOL_CALL),
        ("sensitive", FinishReason.CONTENT_FILTER),
        ("content_filtered", FinishReason.CONTENT_FILTER),
        ("refusal", FinishReason.CONTENT_FILTER),
        ("PROHIBITED_CONTENT", FinishReason.CONTENT_FILTER),
        ("MALFORMED_FUNCTION_CALL", FinishReason.ERROR),
        ("network_error", FinishReason.ERROR),
        ("abort", FinishReason.ERROR),
        ("", FinishReason.UNKNOWN),
        (None, FinishReason.UNKNOWN),
        ("moonrise", FinishReason.UNKNOWN),
    ],
)
def test_finish_reasons(raw: str | None, expected: FinishReason) -> None:
    """Each word for why an answer ended has its reason, and a new one is unknown."""
    assert finish_reason(raw, calls=False) is expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("stop", FinishReason.TOOL_CALL),
        ("STOP", FinishReason.TOOL_CALL),
        ("eos_token", FinishReason.TOOL_CALL),
        ("end_turn", FinishReason.TOOL_CALL),
        ("", FinishReason.TOOL_CALL),
        (None, FinishReason.TOOL_CALL),
        ("tool_calls", FinishReason.TOOL_CALL),
        ("length", FinishReason.LENGTH),
        ("content_filter", FinishReason.CONTENT_FILTER),
    ],
)
def test_finish_reasons_with_calls(raw: str | None, expected: FinishReason) -> None:
    """An answer that asks for calls ended for them, unless it was cut or filtered."""
    assert finish_reason(raw, calls=True) is expected


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"finish_reason": "stop"}, "stop"),
        ({"finish_reason": ""}, ""),
        ({"finish_reason": None}, None),
        ({}, None),
        ({"finish_reason": 7}, None),
        ({"finish_details": {"type": "max_tokens"}}, "max_tokens"),
        ({"finish_reason": None, "finish_details": {"type": "stop", "stop": "<|end|>"}}, "stop"),
        ({"finish_reason": "stop", "finish_details": {"type": "max_tokens"}}, "stop"),
        ({"finish_details": "max_tokens"}, None),
    ],
)
def test_raw_finish_reasons(choice: dict[str, Any], expected: str | None) -> None:
    """The server's own word is found, in `finish_reason` before `finish_details`."""
    assert raw_finish_reason(choice) == expected


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({}, Usage()),
        ({"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}, Usage(9, 4, 0, 0, 13)),
        ({"prompt_tokens": 9, "completion_tokens": 4}, Usage(9, 4, 0, 0, 13)),
        ({"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 20}, Usage(9, 4, 0, 0, 20)),
        ({"prompt_tokens": 9.0, "completion_tokens": None, "total_tokens": "13"}, Usage(9, 0, 0, 0, 9)),
        ({"prompt_tokens_details": None, "completion_tokens_details": None}, Usage()),
        (
            {"prompt_tokens_details": {"cached_tokens": 3}, "completion_tokens_details": {"reasoning_tokens": 2}},
            Usage(0, 0, 2, 3, 0),
        ),
    ],
)
def test_usage(usage: dict[str, Any], expected: Usage) -> None:
    """Counts are read where they stand, a missing one is 0, a missing total the sum, and the whole object is kept."""
    read = read_usage(usage)
    assert read.details == usage
    assert [getattr(read, field) for field in Usage.__struct_fields__[:5]] == [
        getattr(expected, field) for field in Usage.__struct_fields__[:5]
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"usage": {"prompt_tokens": 1}}, {"prompt_tokens": 1}),
        ({"usage": None}, None),
        ({"usage": 7}, None),
        ({}, None),
        ({"x_groq": {"usage": {"prompt_tokens": 1}}}, {"prompt_tokens": 1}),
        ({"usage": None, "x_groq": {"usage": {"prompt_tokens": 1}}}, {"prompt_tokens": 1}),
        ({"usage": {"prompt_tokens": 2}, "x_groq": {"usage": {"prompt_tokens": 1}}}, {"prompt_tokens": 2}),
        ({"x_groq": None}, None),
    ],
)
def test_where_usage_stands(body: dict[str, Any], expected: dict[str, Any] | None) -> None:
    """The usage is the body's own, or else the one in `x_groq`."""
    assert usage_of(body) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({}, ""),
        ({"reasoning_content": "hm"}, "hm"),
        ({"reasoning": "hm"}, "hm"),
        ({"reasoning_content": None, "reasoning": "hm"}, "hm"),
        ({"reasoning_content": "", "reasoning": ""}, ""),
        ({"reasoning": {"effort": "low"}}, ""),
        ({"reasoning_details": [{"text": "h"}, {"summary": "m"}, {"data": "x"}, "y"]}, "hm"),
        ({"reasoning": "hm", "reasoning_details": [{"text": "hm"}]}, "hm"),
    ],
)
def test_reasoning(message: dict[str, Any], expected: str) -> None:
    """Reasoning is found under each of its names and read once."""
    assert reasoning_of(message)[0] == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("{}", "{}"), ("", ""), (None, ""), ({"a": "é"}, '{"a": "é"}'), ([], "[]"), (7, "7")],
    ids=repr,
)
def test_arguments(value: object, expected: str) -> None:
    """Arguments are the text the model wrote, null is none, and an object is its JSON."""
    assert arguments_of(value) == expected


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ({"id": "c", "type": "function", "function": FUNCTION}, ToolCallPart("c", "f", "{}")),
        ({"id": "c", "index": 0, "function": FUNCTION}, ToolCallPart("c", "f", "{}")),
        ({"id": "c", "type": "custom", "custom": CUSTOM}, RUN),
        ({"id": "c", "function": FUNCTION, "custom": {"name": "", "input": ""}}, ToolCallPart("c", "f", "{}")),
        ({"id": "c", "function": {"name": "", "arguments": ""}, "custom": CUSTOM}, RUN),
        ({"id": None, "function": None}, ToolCallPart("", "", "")),
        ({}, ToolCallPart("", "", "")),
        (
            {"id": "", "function": {"name": "f"}, "extra_content": {"s": 1}},
            ToolCallPart("", "f", "", extra={"extra_content": {"s": 1}}),
        ),
    ],
    ids=range(8),
)
def test_calls(call: dict[str, Any], expected: ToolCallPart) -> None:
    """A call is of the tool that is named, whatever else is filled with nothing."""
    assert read_call(call) == expected


@pytest.mark.parametrize("nothing", [None, "", {}, {"name": "", "arguments": ""}, {"name": None}, []], ids=repr)
def test_a_function_call_of_nothing_is_none(nothing: object) -> None:
    """A legacy function call without name and arguments is none."""
    assert read_function_call(nothing) is None


def test_text() -> None:
    """Only a string is text."""
    assert [text_of(value) for value in ("a", "", None, 7, ["a"])] == ["a", "", "", "", ""]
