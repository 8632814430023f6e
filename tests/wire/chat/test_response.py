"""Tests of `shim.wire.chat.response`: whole answers of OpenAI and compatible servers, each oddity read as a person would."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shim.model import (
    ErrorCategory,
    FinishReason,
    ModelRequest,
    ModelResponse,
    OpaquePart,
    ProtocolError,
    ProviderError,
    ReasoningPart,
    RefusalPart,
    StreamDone,
    TextPart,
    ToolCallPart,
    Usage,
    user,
)
from shim.wire import chat
from tests.helpers.events import assert_well_formed
from tests.wire.chat.chunks import USAGE

CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"deep":true}'}}
LOOK = ToolCallPart("call_1", "look", '{"deep":true}')
A = TextPart("a")
SIGNED = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]}


def choice(
    *, index: int = 0, finish: str | None = "stop", more: dict[str, Any] | None = None, **message: Any
) -> dict[str, Any]:
    """A choice with this message; `more` are its further fields."""
    return {"index": index, "message": {"role": "assistant"} | message, "logprobs": None, "finish_reason": finish} | (
        more or {}
    )


def answer(*choices: Any, **fields: Any) -> dict[str, Any]:
    """A body with these choices."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "gpt-4o-mini",
        "choices": list(choices),
        "usage": USAGE,
    } | fields


def thought(field: str) -> ReasoningPart:
    """The reasoning that came in this field."""
    return ReasoningPart("hm", wire_field=field)


def parse(body: Any) -> ModelResponse:
    """The body read."""
    return chat.parse_response(json.dumps(body).encode())


def failing(body: bytes) -> ProviderError:
    """The error a body raises."""
    with pytest.raises(ProviderError) as caught:
        chat.parse_response(body)
    return caught.value


def replayed(response: ModelResponse) -> dict[str, Any]:
    """The response's message as it goes out in the next request."""
    request = ModelRequest("gpt-4o-mini", (user("hi"), response.message))
    message: dict[str, Any] = json.loads(chat.serialize(request, stream=False))["messages"][1]
    return message


def test_an_ordinary_answer() -> None:
    """Every field of OpenAI's answer is in its place, and the exact body is kept."""
    body = json.dumps(
        answer(choice(content="Hello", refusal=None, annotations=[]), service_tier="default"), indent=2
    ).encode()
    response = chat.parse_response(body)
    assert (response.id, response.model, response.text) == ("chatcmpl-1", "gpt-4o-mini", "Hello")
    assert response.usage == Usage(9, 4, 2, 3, 13, USAGE)
    assert response.finish_reason is FinishReason.STOP
    assert (response.service_tier, response.api, response.request_id) == ("default", "chat_completions", None)
    assert response.extra == {"object": "chat.completion", "created": 1_700_000_000}
    assert response.choices[0].message_extra == {"annotations": []}
    assert response.raw == body


# Message -> the parts it is.
MESSAGES: dict[str, tuple[dict[str, Any], tuple[Any, ...]]] = {
    "text": ({"content": "Hello"}, (TextPart("Hello"),)),
    "empty text": ({"content": ""}, ()),
    "null": ({"content": None}, ()),
    "nothing": ({}, ()),
    "refusal": ({"content": None, "refusal": "no"}, (RefusalPart("no"),)),
    "empty refusal": ({"content": "a", "refusal": ""}, (A,)),
    "call": ({"content": None, "tool_calls": [CALL]}, (LOOK,)),
    "call without content": ({"tool_calls": [CALL]}, (LOOK,)),
    "call with text": ({"content": "a", "tool_calls": [CALL]}, (A, LOOK)),
    "call with index": ({"tool_calls": [CALL | {"index": 0}]}, (LOOK,)),
    "call without type": ({"tool_calls": [{"id": "call_1", "function": CALL["function"]}]}, (LOOK,)),
    "call without id": ({"tool_calls": [CALL | {"id": ""}]}, (ToolCallPart("", "look", '{"deep":true}'),)),
    "calls null": ({"content": "a", "tool_calls": None}, (A,)),
    "calls empty": ({"content": "a", "tool_calls": []}, (A,)),
    "call of Gemini": (
        {"tool_calls": [CALL | SIGNED]},
        (ToolCallPart("call_1", "look", '{"deep":true}', extra=SIGNED),),
    ),
    "custom call": (
        {"tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "run", "input": "x"}}]},
        (ToolCallPart("c", "run", "x", kind="custom"),),
    ),
    "function call": (
        {"function_call": CALL["function"]},
        (ToolCallPart("", "look", '{"deep":true}', kind="function_call"),),
    ),
    "function call of Gemini": (
        {"content": None, "function_call": {"name": "look", "arguments": '{"deep":true}', "thought_signature": "s"}},
        (ToolCallPart("", "look", '{"deep":true}', kind="function_call", extra={"thought_signature": "s"}),),
    ),
    "reasoning_content": ({"content": "a", "reasoning_content": "hm"}, (thought("reasoning_content"), A)),
    "reasoning": ({"content": "a", "reasoning": "hm"}, (thought("reasoning"), A)),
    "reasoning twice": (
        {"content": "a", "reasoning": "hm", "reasoning_content": "hm"},
        (thought("reasoning_content"), A),
    ),
    "thinking": ({"content": [THINKING, {"type": "text", "text": "a"}]}, (thought("thinking"), A)),
    "text block with more": ({"content": [{"type": "text", "text": "a", "x": 1}]}, (TextPart("a", {"x": 1}),)),
    "refusal block": ({"content": [{"type": "refusal", "refusal": "no"}]}, (RefusalPart("no"),)),
    "other block": ({"content": [{"type": "image", "x": 1}]}, (OpaquePart("image", {"type": "image", "x": 1}),)),
    "zero values": (
        {"content": "a", "refusal": "", "function_call": {"name": "", "arguments": ""}, "tool_calls": None},
        (A,),
    ),
    "zero values with a call": ({"content": "", "tool_calls": [CALL | {"custom": {"name": "", "input": ""}}]}, (LOOK,)),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_messages_are_read_as_their_parts(case: str) -> None:
    """Each form of message is the parts a person would see in it."""
    message, parts = MESSAGES[case]
    assert parse(answer(choice(**message))).parts == parts


@pytest.mark.parametrize("case", MESSAGES)
def test_an_answer_as_events(case: str) -> None:
    """An answer told as events is a stream in good order that ends with the answer."""
    response = parse(answer(choice(**MESSAGES[case][0]), choice(index=1, content="b")))
    events = chat.events_of(response)
    assert_well_formed(events)
    assert events[-1] == StreamDone(response)


# Message -> how it goes back, where that differs from how it came.
REPLAYS: dict[str, dict[str, Any]] = {
    "null": {"content": ""},
    "nothing": {"content": ""},
    "empty refusal": {"content": "a"},
    "call without content": {"content": None, "tool_calls": [CALL]},
    "call with index": {"content": None, "tool_calls": [CALL]},
    "call without type": {"content": None, "tool_calls": [CALL]},
    "call without id": {"content": None, "tool_calls": [CALL | {"id": ""}]},
    "calls null": {"content": "a"},
    "calls empty": {"content": "a"},
    "call of Gemini": {"content": None} | MESSAGES["call of Gemini"][0],
    "custom call": {"content": None} | MESSAGES["custom call"][0],
    "function call": {"content": None} | MESSAGES["function call"][0],
    "reasoning twice": {"content": "a", "reasoning_content": "hm"},
    "thinking": {
        "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "a"}]
    },
    "refusal block": {"content": None, "refusal": "no"},
    "zero values": {"content": "a"},
    "zero values with a call": {"content": None, "tool_calls": [CALL]},
}


@pytest.mark.parametrize("case", MESSAGES)
def test_an_answer_can_be_sent_again(case: str) -> None:
    """The message of an answer goes back into the conversation as it came, but for what says nothing."""
    message = MESSAGES[case][0]
    response = parse(answer(choice(**message, reasoning_details=[{"type": "reasoning.encrypted", "data": "x"}])))
    expected = {"role": "assistant"} | REPLAYS.get(case, message)
    assert replayed(response) == expected | {"reasoning_details": [{"type": "reasoning.encrypted", "data": "x"}]}


def test_a_signed_thought_can_be_sent_again() -> None:
    """A thinking block goes back with everything that came in it, its signature included."""
    block = THINKING | {"signature": "c2ln", "closed": True}
    sent = replayed(parse(answer(choice(content=[block, {"type": "text", "text": "a"}]))))["content"][0]
    assert (sent["signature"], sent["closed"]) == ("c2ln", True)


@pytest.mark.parametrize(
    ("made", "raw", "expected"),
    [
        pytest.param(choice(content="a"), "stop", FinishReason.STOP, id="stop"),
        pytest.param(choice(content="a", finish="length"), "length", FinishReason.LENGTH, id="length"),
        pytest.param(choice(content="a", finish="eos"), "eos", FinishReason.STOP, id="eos"),
        pytest.param(choice(tool_calls=[CALL]), "stop", FinishReason.TOOL_CALL, id="stop with calls"),
        pytest.param(choice(tool_calls=[CALL], finish=""), "", FinishReason.TOOL_CALL, id="empty with calls"),
        pytest.param(choice(content="a", finish=""), "", FinishReason.UNKNOWN, id="empty"),
        pytest.param(choice(content="a", finish=None), None, FinishReason.UNKNOWN, id="null"),
        pytest.param(
            choice(content="a", finish=None, more={"finish_details": {"type": "max_tokens"}}),
            "max_tokens",
            FinishReason.LENGTH,
            id="finish_details",
        ),
        pytest.param(
            {"index": 0, "finish_reason": "content_filter"},
            "content_filter",
            FinishReason.CONTENT_FILTER,
            id="no message",
        ),
        pytest.param(choice(finish="moonrise"), "moonrise", FinishReason.UNKNOWN, id="a new word"),
    ],
)
def test_finish_reasons(made: dict[str, Any], raw: str | None, expected: FinishReason) -> None:
    """A choice ends for the reason its words and its calls tell, and the server's own word is kept."""
    first = parse(answer(made)).choices[0]
    assert (first.raw_finish_reason, first.finish_reason) == (raw, expected)


def test_several_choices() -> None:
    """Several answers keep their indexes, and one without an index takes its place."""
    without = choice(content="c")
    del without["index"]
    response = parse(answer(choice(index=1, content="b"), choice(index=0, content="a"), without))
    assert [(made.index, made.parts[0]) for made in response.choices] == [
        (1, TextPart("b")),
        (0, TextPart("a")),
        (2, TextPart("c")),
    ]


def test_unknown_fields_are_kept() -> None:
    """Fields no one knows are kept where they came: of the body, of the choice, of the message."""
    made = choice(
        content="a", audio={"id": "audio_1"}, more={"native_finish_reason": "end", "content_filter_results": {}}
    )
    response = parse(
        answer(made, provider="somebody", system_fingerprint="fp_1", x_groq={"id": "req_1"}, citations=None)
    )
    assert response.extra == {
        "object": "chat.completion",
        "created": 1_700_000_000,
        "provider": "somebody",
        "system_fingerprint": "fp_1",
        "x_groq": {"id": "req_1"},
    }
    assert response.choices[0].extra == {"native_finish_reason": "end", "content_filter_results": {}}
    assert response.choices[0].message_extra == {"audio": {"id": "audio_1"}}


def test_logprobs_are_kept() -> None:
    """Log probabilities are kept as they came."""
    logprobs = {"content": [{"token": "a", "logprob": -0.5}], "refusal": None}
    assert parse(answer(choice(content="a", more={"logprobs": logprobs}))).choices[0].logprobs == logprobs


@pytest.mark.parametrize("usage", [None, 7, []], ids=repr)
def test_no_usage(usage: object) -> None:
    """An answer without a usage object has none."""
    assert parse(answer(choice(content="a"), usage=usage)).usage is None


def test_usage_of_groq() -> None:
    """The usage is found in `x_groq` where the body has none of its own."""
    response = parse(answer(choice(content="a"), usage=None, x_groq={"usage": USAGE}))
    assert response.usage == Usage(9, 4, 2, 3, 13, USAGE)


@pytest.mark.parametrize("padding", [b"\n \n", b"\n" * 2893, b" \t\r\n"], ids=len)
def test_padding_before_the_body(padding: bytes) -> None:
    """White space before the body, a keep-alive of OpenRouter's, is not part of the answer but of its raw bytes."""
    body = padding + json.dumps(answer(choice(content="Hello"))).encode() + b"\n"
    response = chat.parse_response(body)
    assert (response.text, response.raw) == ("Hello", body)


@pytest.mark.parametrize("fields", [{"choices": []}, {"choices": [None, "a"]}], ids=repr)
def test_no_choices(fields: dict[str, Any]) -> None:
    """An answer whose list of choices holds none is empty, and is no crash."""
    response = parse(answer() | fields)
    assert (response.choices, response.text, response.finish_reason) == ((), "", None)


NOT_AN_ANSWER: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty body"),
    "white space": (b"\n \n", "empty body"),
    "words": (b"upstream connect error", "not JSON"),
    "html": (b"<html></html>", "not JSON"),
    "half": (b'{"id": "chatcmpl-1", "choi', "not JSON"),
    "not UTF-8": (b'{"id": "\xff"}', "not JSON"),
    "nested without end": (b"[" * 100_000, "not JSON"),
    "a list": (b"[]", "a JSON list, not an object"),
    "a string": (b'"hi"', "a JSON str, not an object"),
    "null": (b"null", "not an object"),
    "no choices": (b"{}", "no list of choices"),
    "choices null": (b'{"id": "chatcmpl-1", "choices": null}', "no list of choices"),
    "no choices of a completion": (b'{"object": "chat.completion", "choices": null}', "the server generated nothing"),
    "choices of a wrong kind": (b'{"choices": "hi"}', "no list of choices"),
    "a list of models": (b'{"object": "list", "data": []}', "is the base URL that of the API?"),
}


@pytest.mark.parametrize("case", NOT_AN_ANSWER)
def test_what_is_no_answer_is_named(case: str) -> None:
    """A body that is no answer is a protocol error that says what was found instead."""
    body, words = NOT_AN_ANSWER[case]
    error = failing(body)
    assert type(error) is ProtocolError
    assert words in error.message


def test_what_is_no_answer_is_kept_in_bounds() -> None:
    """A body that is no answer is kept for diagnosis, but not a whole download of it, and without keys."""
    error = failing(b"Incorrect API key provided: sk-proj-abcdef0123456789 " * 10_000)
    assert error.body is not None
    assert len(error.body) <= 64 * 1024
    assert b"abcdef" not in error.body


@pytest.mark.parametrize(
    ("body", "category", "words"),
    [
        ({"error": {"message": "Slow down", "code": 429}}, ErrorCategory.RATE_LIMIT, "Slow down"),
        ({"error": {"message": "Oops", "type": "server_error"}, "choices": []}, ErrorCategory.SERVER, "Oops"),
        (
            answer(choice(content="a"), error={"message": "Bad key", "code": "invalid_api_key"}),
            ErrorCategory.AUTH,
            "Bad key",
        ),
        ({"error": "the model crashed"}, ErrorCategory.UNKNOWN, "the model crashed"),
        ({"detail": "Unauthorized"}, ErrorCategory.UNKNOWN, "Unauthorized"),
        ({"object": "error", "message": "Oops", "type": "server_error", "choices": []}, ErrorCategory.SERVER, "Oops"),
    ],
)
def test_an_error_under_success(body: dict[str, Any], category: ErrorCategory, words: str) -> None:
    """An error object under a status of success is raised as an error of its own category."""
    error = failing(json.dumps(body).encode())
    assert (error.category, error.message, error.http_status) == (category, words, 200)


@pytest.mark.parametrize("nothing", [None, "", {}], ids=repr)
def test_an_error_of_nothing_is_none(nothing: object) -> None:
    """An `error` that is null or empty beside an answer is no error."""
    assert parse(answer(choice(content="Hello"), error=nothing)).text == "Hello"


def test_choices_with_one_index_are_told_apart() -> None:
    """A choice without an index, or with one already taken, gets the next free one."""
    body = b'{"choices":[{},{"index":0,"message":{"content":"b"}},{"index":2,"message":{"content":"c"}}]}'
    assert [choice.index for choice in chat.parse_response(body).choices] == [0, 1, 2]


def test_more_calls_than_an_answer_has_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of as many calls as are taken is read, and one call more is an error that says so."""
    monkeypatch.setattr("shim.wire.chat.response.MAX_CALLS", 3)
    bodies = [json.dumps(answer(choice(tool_calls=[CALL | {"x": 1}] * count))).encode() for count in (3, 4)]
    assert len(chat.parse_response(bodies[0]).tool_calls) == 3
    with pytest.raises(ProtocolError, match="more than 10000 tool calls"):
        chat.parse_response(bodies[1])


@pytest.mark.parametrize(
    ("beside", "text"),
    [
        ({}, "hi"),
        ({"message": None}, "hi"),
        ({"message": 5}, ""),
        ({"message": "said"}, "said"),
        ({"message": {"content": "yes"}}, "yes"),
    ],
)
def test_a_text_beside_no_message_is_the_answer(beside: dict[str, Any], text: str) -> None:
    """A choice with a text alone, as of a server that completes, says it; beside a message the message is the answer."""
    body = answer({"index": 0, "text": "hi", "finish_reason": "stop"} | beside)
    assert chat.parse_response(json.dumps(body).encode()).text == text
