"""Tests of `shim.wire.responses.response`: what an answer says is in the response, and it can be sent back."""

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
    ProviderError,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    Usage,
    tool_result,
    user,
)
from shim.wire import responses
from tests.helpers.events import assert_well_formed, text_of
from tests.wire.responses.answers import USAGE, answer, call, custom, message, reasoning, refusal, text

SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search"}}
TOKEN = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}


def read(given: Any) -> ModelResponse:
    """The answer as a response."""
    return responses.parse_response(json.dumps(given).encode())


def sent_again(given: ModelResponse) -> list[dict[str, Any]]:
    """The items of the answer as a next request sends them, between a question and another."""
    following = ModelRequest("m", [user("hi"), given.message, user("and?")])
    body: dict[str, Any] = json.loads(responses.serialize(following, stream=False))
    items: list[dict[str, Any]] = body["input"][1:-1]
    return items


def test_the_whole_of_an_answer() -> None:
    """Ids, model, usage, tier, status and the exact body are told, and what has no field stands in `extra`."""
    body = json.dumps(answer(message(text("hi")), top_p=1.0)).encode()
    found = responses.parse_response(body)
    assert (found.id, found.model, found.api, found.service_tier) == ("resp_1", "gpt-4o-mini", "responses", "default")
    assert found.usage == Usage(10, 7, 3, 4, 17, USAGE)
    assert found.raw == body
    assert found.extra == {"object": "response", "status": "completed", "top_p": 1.0}
    assert (found.text, found.finish_reason, found.choices[0].raw_finish_reason) == ("hi", "stop", "completed")


def test_items_become_parts_in_order() -> None:
    """Each item is its parts, in the order of the output; a built-in tool's item is whole."""
    found = read(
        answer(
            reasoning("a", "b", encrypted_content="gAAA"),
            message(text("hi", annotations=[{"type": "url_citation"}]), refusal("no")),
            SEARCH,
            call('{"a":1}'),
            custom(),
        )
    )
    assert found.parts == (
        ReasoningPart("a\n\nb", id="rs_1", summary=("a", "b"), encrypted_content="gAAA"),
        TextPart("hi", {"annotations": [{"type": "url_citation"}]}),
        RefusalPart("no"),
        OpaquePart("web_search_call", SEARCH),
        ToolCallPart("call_1", "look", '{"a":1}', extra={"item": {"id": "fc_1", "status": "completed"}}),
        ToolCallPart("call_1", "run", "1+1", kind="custom", extra={"item": {"id": "ctc_1"}}),
    )
    assert (found.finish_reason, found.refusal, found.reasoning_text) == ("tool_call", "no", "a\n\nb")


@pytest.mark.parametrize(
    "output",
    [
        pytest.param([reasoning(), message(text("hi"))], id="reasoning beside a text"),
        pytest.param([reasoning("hm", encrypted_content="gAAA"), call()], id="reasoning beside a call"),
        pytest.param([reasoning(content=[{"type": "reasoning_text", "text": "hm"}])], id="raw reasoning"),
        pytest.param(
            [reasoning("s", content=[{"type": "reasoning_text", "text": t} for t in "ab"], status="completed")],
            id="reasoning and summary",
        ),
        pytest.param(
            [
                message(text("a"), phase="commentary"),
                call(),
                message(text("b"), text("c"), id="msg_2", phase="final_answer"),
            ],
            id="phases",
        ),
        pytest.param([message(text("a")), message(text("b"), id="msg_2")], id="messages side by side"),
        pytest.param([message(refusal("no"))], id="a refusal"),
        pytest.param([message(text("a")), message(refusal("no"), id="msg_2")], id="a refusal after a message"),
        pytest.param([message(refusal("no") | {"why": "policy"})], id="a refusal with more to it"),
        pytest.param([message(), message(text(""), id="msg_2")], id="an empty message"),
        pytest.param([message(text("a", annotations=[{"type": "url_citation", "url": "u"}]))], id="annotations"),
        pytest.param([message(text("a"), {"type": "output_audio", "data": "d"})], id="a block of another kind"),
        pytest.param([SEARCH, message(text("a"))], id="a built-in tool"),
        pytest.param([custom()], id="a custom call"),
    ],
)
def test_an_answer_can_be_sent_back(output: list[dict[str, Any]]) -> None:
    """The items of an answer go back as they came: whole, with their ids and phases, next to their neighbours."""
    assert sent_again(read(answer(*output))) == output


def test_a_conversation_goes_on() -> None:
    """An answer and the result of its call make the next request."""
    first = read(answer(reasoning(), call()))
    following = ModelRequest("m", [user("hi"), first.message, tool_result("call_1", "42")])
    assert json.loads(responses.serialize(following, stream=False))["input"] == [
        {"role": "user", "content": "hi"},
        reasoning(),
        call(),
        {"type": "function_call_output", "call_id": "call_1", "output": "42"},
    ]


@pytest.mark.parametrize(
    ("status", "details", "output", "reason", "raw"),
    [
        ("completed", None, [], FinishReason.STOP, "completed"),
        ("completed", None, [call()], FinishReason.TOOL_CALL, "completed"),
        ("completed", None, [custom()], FinishReason.TOOL_CALL, "completed"),
        ("completed", None, [SEARCH], FinishReason.STOP, "completed"),
        ("incomplete", {"reason": "max_output_tokens"}, [call()], FinishReason.LENGTH, "max_output_tokens"),
        ("incomplete", {"reason": "content_filter"}, [], FinishReason.CONTENT_FILTER, "content_filter"),
        ("incomplete", {"reason": "steered"}, [], FinishReason.UNKNOWN, "steered"),
        ("incomplete", None, [], FinishReason.UNKNOWN, "incomplete"),
        ("queued", None, [], None, "queued"),
        ("in_progress", None, [], None, "in_progress"),
        (None, None, [call()], FinishReason.TOOL_CALL, None),
        ("paused", None, [], FinishReason.UNKNOWN, "paused"),
    ],
)
def test_why_it_ended(status: Any, details: Any, output: Any, reason: Any, raw: Any) -> None:
    """The status and its details are the finish reason; a response that is still being made has none, and is no error."""
    choice = read(answer(*output, status=status, incomplete_details=details)).choices[0]
    assert (choice.finish_reason, choice.raw_finish_reason) == (reason, raw)


def test_logprobs_are_told_in_both_places() -> None:
    """Logprobs stay with their text, and are joined for the choice as Chat Completions has them."""
    found = read(answer(message(text("a", logprobs=[TOKEN]), text("b", logprobs=[TOKEN]))))
    assert found.choices[0].logprobs == {"content": [TOKEN, TOKEN]}
    assert found.parts[0] == TextPart("a", {"logprobs": [TOKEN]})


@pytest.mark.parametrize(
    ("item", "part"),
    [
        (
            call({"a": 1}),
            ToolCallPart("call_1", "look", '{"a": 1}', extra={"item": {"id": "fc_1", "status": "completed"}}),
        ),
        (call(call_id=None, status=None), ToolCallPart("fc_1", "look", "{}", extra={"item": {"id": "fc_1"}})),
        (call(None, id=None, status=None), ToolCallPart("call_1", "look", "")),
        ({"type": "tool_search_call", "call_id": None, "arguments": {}}, None),
        ({"id": "x"}, None),
        ({"type": 7}, None),
        (reasoning(status=None, encrypted_content=None), ReasoningPart("", id="rs_1")),
        ({"type": "message", "role": "assistant", "content": "hi"}, TextPart("hi")),
        ({"type": "message", "role": "assistant", "content": None}, None),
    ],
)
def test_odd_items_are_read(item: dict[str, Any], part: Any) -> None:
    """Arguments as an object, ids and content that are null, and items without a known type are read, none is lost."""
    kind = item.get("type")
    assert read(answer(item)).parts == (part or OpaquePart(kind if isinstance(kind, str) else "", item),)


@pytest.mark.parametrize("usage", [None, {}, {"input_tokens": None, "output_tokens": "7"}, "many"])
def test_odd_usage_is_read(usage: Any) -> None:
    """A usage that is missing is None, and a count that is no number is 0."""
    found = read(answer(usage=usage)).usage
    assert found == (Usage(details=usage) if isinstance(usage, dict) else None)


@pytest.mark.parametrize(
    ("fields", "category", "code"),
    [
        (
            {"status": "failed", "error": {"code": "server_error", "message": "oh"}},
            ErrorCategory.SERVER,
            "server_error",
        ),
        (
            {"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "oh"}},
            ErrorCategory.RATE_LIMIT,
            "rate_limit_exceeded",
        ),
        (
            {"status": "failed", "error": {"code": "invalid_prompt", "message": "oh"}},
            "invalid_request",
            "invalid_prompt",
        ),
        (
            {"status": "failed", "error": {"code": "image_content_policy_violation", "message": "oh"}},
            ErrorCategory.CONTENT_FILTER,
            "image_content_policy_violation",
        ),
        ({"status": "completed", "error": {"code": "odd", "message": "oh"}}, ErrorCategory.UNKNOWN, "odd"),
        ({"status": "failed"}, ErrorCategory.UNKNOWN, None),
        ({"status": "cancelled"}, ErrorCategory.CANCELLED, None),
    ],
)
def test_a_failed_response_is_an_error(fields: Any, category: Any, code: Any) -> None:
    """A response that failed or was cancelled raises an error of its category, with what it holds as `partial`."""
    with pytest.raises(ProviderError) as caught:
        read(answer(message(text("half")), **fields))
    error = caught.value
    assert (error.category, error.code, error.http_status) == (category, code, 200)
    assert error.partial is not None
    assert error.partial.text == "half"
    assert error.body is not None


@pytest.mark.parametrize(
    ("body", "category"),
    [
        (b"", "protocol"),
        (b"nope", "protocol"),
        (b"[]", "protocol"),
        (b'{"output":"\xff"}', "protocol"),
        (b"{}", "protocol"),
        (b'{"choices":[]}', "protocol"),
        (b'{"output":null}', "protocol"),
        (b'{"error":{"code":"invalid_api_key","message":"no"}}', "auth"),
        (b'{"detail":"Invalid API Key"}', "unknown"),
    ],
)
def test_what_is_no_answer_is_an_error(body: bytes, category: str) -> None:
    """A body that is no response raises a protocol error, and an error object its own."""
    with pytest.raises(ProviderError) as caught:
        responses.parse_response(body)
    assert caught.value.category == category


@pytest.mark.parametrize(
    "body",
    [
        {"key": "sk-proj-abcdefghijkl"},
        answer(status="cancelled", key="sk-proj-abcdefghijkl"),
        answer(status="failed", error={"code": "x", "message": "bad sk-proj-abcdefghijkl"}),
    ],
)
def test_no_error_shows_a_key(body: dict[str, Any]) -> None:
    """What looks like an API key in a body is masked in the error that keeps it."""
    with pytest.raises(ProviderError) as caught:
        read(body)
    assert caught.value.body is not None
    assert b"abcdefghijkl" not in caught.value.body
    assert "abcdefghijkl" not in str(caught.value)


def test_padding_before_an_answer_is_overlooked() -> None:
    """White space a server pads with to keep the connection alive is no part of the answer."""
    assert responses.parse_response(b"\n \n" * 100 + json.dumps(answer()).encode()).id == "resp_1"


def test_a_whole_answer_as_events() -> None:
    """An answer that came whole is told as its stream would be, each part with its number among its kind."""
    found = read(
        answer(reasoning("hm"), message(text("a"), text("b")), call(), custom(call_id="c2"), message(refusal("no")))
    )
    events = responses.events_of(found)
    assert_well_formed(events)
    assert text_of(events) == "ab"
    assert [type(one).__name__ for one in events] == [
        "StreamStart",
        "ReasoningDelta",
        "TextDelta",
        "TextDelta",
        *["ToolCallStart", "ToolCallDelta", "ToolCallDone"] * 2,
        "RefusalDelta",
        "StreamDone",
    ]


def test_more_calls_than_an_answer_has_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer of as many calls as are taken is read, whatever is beside them, and one more is an error that says so."""
    monkeypatch.setattr("shim.wire.responses.output_items.MAX_CALLS", 3)
    assert len(read(answer(message(text("a")), *[call()] * 3)).tool_calls) == 3
    with pytest.raises(ProviderError, match="more than 10000 tool calls"):
        read(answer(*[call()] * 4))
