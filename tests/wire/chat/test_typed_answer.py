"""Tests of `shim.wire.chat.typed_answer`: what is read typed, and that it is read as it would be leniently."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.model import ModelResponse, ProviderError
from shim.wire.chat import parse_response, response
from shim.wire.chat.typed_answer import read_typed
from tests.properties.strategies import garbage, texts, values, wild_answers

CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "completion_tokens_details": {"reasoning_tokens": 2}}


def answer(*, finish: Any = "stop", choice: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """An answer as OpenAI sends it; `fields` are the message's."""
    message = {"role": "assistant", "content": "Hi", "refusal": None, "annotations": []} | fields
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish} | (choice or {})],
        "usage": USAGE,
        "service_tier": "default",
        "system_fingerprint": "fp_1",
    }


def written(body: dict[str, Any]) -> bytes:
    """The bytes of an answer."""
    return json.dumps(body).encode()


def leniently(body: bytes) -> tuple[str, Any]:
    """What the lenient reading makes of a body."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(response, "read_typed", lambda _body: None)
        return outcome(body)


def outcome(body: bytes) -> tuple[str, Any]:
    """What becomes of a body: an answer, or the words of an error."""
    try:
        return "answer", parse_response(body)
    except ProviderError as error:
        return type(error).__name__, (error.message, error.code, error.body)


TYPED = {
    "text": answer(),
    "calls": answer(content=None, tool_calls=[CALL, CALL | {"id": None, "index": 1}], finish="tool_calls"),
    "calls that end with stop": answer(content=None, tool_calls=[CALL]),
    "a refusal": answer(content=None, refusal="No."),
    "reasoning": answer(reasoning_content="hm", reasoning="ignored"),
    "reasoning by its other name": answer(reasoning="hm"),
    "no finish reason": answer(finish=None),
    "logprobs": answer(choice={"logprobs": {"content": []}}),
    "Azure": answer(choice={"content_filter_results": {"hate": {"filtered": False}}}) | {"prompt_filter_results": []},
    "two choices": answer() | {"choices": [answer()["choices"][0], answer(choice={"index": 1})["choices"][0]]},
    "null where OpenAI has it": answer() | {"usage": None, "service_tier": None, "error": None},
    "counts of all kinds": answer() | {"usage": USAGE | {"cost": 0.5, "free": True, "x": {"y": None, "z": "w"}}},
    "many braces": answer(content="{" * 200),
    "counts that are none": answer() | {"usage": {"prompt_tokens": "9", "completion_tokens": 1.5, "x": None}},
}


@pytest.mark.parametrize("body", TYPED.values(), ids=TYPED)
def test_an_answer_of_openai_is_read_typed(body: dict[str, Any]) -> None:
    """What OpenAI and Azure send is read typed, and says what the lenient reading says."""
    typed = read_typed(written(body))
    assert isinstance(typed, ModelResponse)
    assert ("answer", typed) == leniently(written(body))


LENIENT = {
    "a field of the server's own": answer() | {"x": 1},
    "one of a choice": answer(choice={"stop_reason": None}),
    "one of a message": answer(audio={"id": "a"}),
    "content in blocks": answer(content=[{"type": "text", "text": "Hi"}]),
    "a call of the server's own type": answer(tool_calls=[CALL | {"type": "builtin_function"}]),
    "a call that may be cut": answer(tool_calls=[CALL], finish="length"),
    "an index twice": answer() | {"choices": answer()["choices"] * 2},
    "an index below 0": answer(choice={"index": -1}),
    "an index that is no integer": answer(choice={"index": 0.0}),
    "no choice": answer() | {"choices": []},
    "an error": answer() | {"error": {"message": "no"}},
    "a name of no kind of a name": answer() | {"model": 7},
    "nested too deeply": answer() | {"object": json.loads("[" * 130 + "]" * 130)},
    "too deep where Azure and others have anything": answer(annotations=json.loads("[" * 130 + "]" * 130)),
    "counts deeper than anybody's": answer() | {"usage": {"prompt_tokens": 1, "x": {"y": {"z": 1}}}},
    "counts in a list": answer() | {"usage": {"prompt_tokens": 1, "x": [1]}},
    "a time of no kind of a time": answer() | {"created": "now"},
    "the field before tools": answer(function_call={"name": "look", "arguments": "{}"}),
}


@pytest.mark.parametrize("body", LENIENT.values(), ids=LENIENT)
def test_any_other_answer_is_read_leniently(body: dict[str, Any]) -> None:
    """What has anything else in it, or is an error, is left to the lenient reading."""
    assert read_typed(written(body)) is None
    assert outcome(written(body)) == leniently(written(body))


def test_half_a_character_is_left_to_the_lenient_reading() -> None:
    """An answer with a lone half of a character is read, and two halves that belong together are one."""
    assert read_typed(written(answer(content="\ud83d"))) is None
    assert parse_response(written(answer(content="\ud83d"))).text == "\N{REPLACEMENT CHARACTER}"
    assert parse_response(written(answer(content="\N{GRINNING FACE}"))).text == "\N{GRINNING FACE}"


_NAMES = [
    "id",
    "type",
    "index",
    "name",
    "arguments",
    "content",
    "reasoning",
    "annotations",
    "finish_reason",
    "usage",
    "x",
]


@st.composite
def nearly_typed(draw: st.DrawFn) -> bytes:
    """An answer that is read typed, with one field anywhere changed, taken away or added."""
    body: Any = json.loads(json.dumps(draw(st.sampled_from([*TYPED.values()]))))
    inside = [body, *body["choices"]]
    inside += [each["message"] for each in body["choices"]]
    inside += [call for each in body["choices"] for call in each["message"].get("tool_calls") or ()]
    at = draw(st.sampled_from(inside))
    name = draw(st.sampled_from([*at, *_NAMES]))
    if draw(st.booleans()):
        at[name] = draw(values | texts | st.sampled_from(["stop", "length", "tool_calls", -1, [], {}, None]))
    else:
        at.pop(name, None)
    return json.dumps(body, ensure_ascii=draw(st.booleans())).encode()


@given(nearly_typed() | garbage(wild_answers))
def test_the_typed_reading_says_what_the_lenient_one_says(body: bytes) -> None:
    """Any bytes are the same answer, or the same error, with the typed reading and without it."""
    assert outcome(body) == leniently(body)
