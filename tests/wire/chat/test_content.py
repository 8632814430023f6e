"""Tests of `shim.wire.chat.content`: visible words are text, thought ones reasoning, and all goes back as it came."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shim.model import ModelRequest, ReasoningPart, TextDelta, TextPart, user
from shim.wire import chat
from tests.wire.chat.chunks import DONE, STOP, chunk, decode, response_of

REFERENCE = {"type": "reference", "reference_ids": [0], "text": "42"}
THINKING = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
REASONING = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm", "signature": "c2ln"}]}
CONTENTS: list[tuple[list[Any], str, str]] = [
    ([{"type": "text", "text": "It is "}, REFERENCE, {"type": "text", "text": "."}], "It is 42.", ""),
    ([THINKING, {"type": "text", "text": "a"}], "a", "hm"),
    ([{"type": "text", "text": "a"}, REASONING, {"type": "text", "text": "b"}], "ab", "hm"),
    ([{"type": "output_text", "text": "a"}], "a", ""),
    ([{"type": "text", "text": {"value": "a", "annotations": []}}], "a", ""),
    ([{"type": "hologram", "data": 7}, {"type": "text", "text": "a"}], "a", ""),
]


@pytest.mark.parametrize(("content", "text", "reasoning"), CONTENTS)
def test_a_content_is_read_and_goes_back(content: list[Any], text: str, reasoning: str) -> None:
    """Words of blocks of any name are text or reasoning, whole or streamed, in order, and go back as they came."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
    whole = chat.parse_response(json.dumps({"choices": [choice]}).encode())
    events = decode(*(chunk({"content": [block]}) for block in content), STOP, DONE)
    streamed = response_of(events)
    for response in (whole, streamed):
        assert (response.text, response.reasoning_text) == (text, reasoning)
        again = ModelRequest("m", [user("hi"), response.message])
        written = chat.to_body(again, stream=False)["messages"][1]["content"]
        assert written == content if isinstance(written, list) else [{"type": "text", "text": written}] == content
    assert streamed.parts == whole.parts
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == text


def test_pieces_of_a_block_are_one_block() -> None:
    """A thinking block that comes in pieces, its signature last, is one part and one block."""
    pieces = [{"type": "thinking", "thinking": "h"}, {"type": "thinking", "thinking": "m", "signature": "c2ln"}]
    response = response_of(
        decode(*(chunk({"content": [each]}) for each in pieces), chunk({"content": "a"}), STOP, DONE)
    )
    assert response.parts == (
        ReasoningPart("hm", wire_field="thinking", extra={"thinking": "hm", "signature": "c2ln"}),
        TextPart("a"),
    )


ODD: list[tuple[dict[str, Any], str, str | None]] = [
    ({"content": {"type": "text", "text": "a"}}, "a", None),
    ({"content": 42}, "", None),
    ({"refusal": {"text": "no"}}, "", "no"),
    ({"tool_calls": {"0": {}}}, "", None),
    ({"tool_calls": ["x"]}, "", None),
    ({"reasoning_content": {"reasoningText": {"text": "hm"}}}, "", None),
    ({"function_call": "f"}, "", None),
]


@pytest.mark.parametrize(("fields", "text", "refusal"), ODD)
def test_a_field_of_an_unexpected_kind_is_kept(fields: dict[str, Any], text: str, refusal: str | None) -> None:
    """What a message says in a form of its server's own is read as far as it goes, and kept, whole or streamed."""
    choice = {"index": 0, "message": {"role": "assistant"} | fields, "finish_reason": "stop"}
    whole = chat.parse_response(json.dumps({"choices": [choice]}).encode())
    for response in (whole, response_of(decode(chunk(fields), STOP, DONE))):
        assert (response.text, response.refusal) == (text, refusal)
        assert response.choices[0].message_extra == fields


def test_odd_fields_of_a_body_are_kept() -> None:
    """Fields of a body and of a choice that are not of their kind stand in `extra`, under their own names."""
    choice = {"index": "0", "message": {"content": "a"}, "finish_reason": {"type": "stop"}, "logprobs": [1]}
    body = {"id": 7, "model": ["m"], "usage": [1], "service_tier": {"a": 1}, "choices": [choice]}
    response = chat.parse_response(json.dumps(body).encode())
    assert response.extra == {name: body[name] for name in ("id", "model", "usage", "service_tier")}
    assert response.choices[0].extra == {name: choice[name] for name in ("index", "finish_reason", "logprobs")}


def test_a_message_said_whole_after_its_pieces_is_told_once() -> None:
    """A last chunk that holds the whole message adds what was not told yet, and nothing else."""
    last = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}]}
    events = decode(chunk({"content": "He"}), chunk({"content": "llo"}), last, DONE)
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["He", "llo", "!"]
    assert response_of(events).text == "Hello!"
