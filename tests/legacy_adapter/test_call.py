"""Tests of one call's transforms: JSON and nothing where a stream was asked for, error answers, headers, ids, times."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

from shim.calls import Ending, StreamCall
from shim.legacy_adapter.call import StreamEndedSignal, letter_callback, stream_callback
from shim.model import (
    ErrorCategory,
    FinishReason,
    ModelRequest,
    StreamDone,
    StreamError,
    StreamEvent,
    StreamStart,
    TextDelta,
    ToolDefinition,
    user,
)
from shim.model.headers import Headers
from shim.provider import RequestHandle
from shim.testing.fake_openai import (
    Cut,
    Drip,
    FakeOpenAI,
    JsonToStream,
    RawResponse,
    Respond,
    Slow,
    Status,
    json_answer,
    rate_limited,
    stream_answer,
)
from shim.wire import chat
from tests.helpers.driving import HELLO, ask
from tests.helpers.events import assert_well_formed

if TYPE_CHECKING:
    from shim.legacy_adapter import LegacyProvider

TOOL = ToolDefinition("get_weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})
ASK_TOOL = ModelRequest("gpt-4o-mini", (user("What is the weather in Rome?"),), tools=(TOOL,))
DELTA = {"id": "c1", "model": "m1", "choices": [{"index": 0, "delta": {"content": "Hi"}, "finish_reason": "stop"}]}

MESSAGE = {"role": "assistant", "content": "Hi"}
ANSWER = {"id": "c", "model": "m", "choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}]}


def raw(head: str, body: bytes = b"") -> RawResponse:
    """A response of exactly these lines and this body, ended by closing the connection."""
    return RawResponse((head.replace("\n", "\r\n").encode() + b"\r\nconnection: close\r\n\r\n" + body,))


def test_an_answer_is_transformed_whole(provider: LegacyProvider, server: FakeOpenAI) -> None:
    """Id, model, text, finish reason, usage, tier and the exact body of an answer are in the response."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "length"}
    usage = {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}
    body = {"id": "c1", "model": "m1", "choices": [choice], "usage": usage, "service_tier": "flex", "x_more": 1}
    server.plan(Respond(lambda _: json_answer(body)))
    response = ask(provider).response
    assert (response.id, response.model, response.text, response.service_tier) == ("c1", "m1", "Hi", "flex")
    assert response.finish_reason is FinishReason.LENGTH
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.output_tokens, response.usage.total_tokens) == (3, 1, 4)
    assert response.raw == json_answer(body).pieces[0]
    assert response.extra == {"x_more": 1}


def test_a_stream_says_the_same_as_the_whole_answer(provider: LegacyProvider) -> None:
    """The accumulated response of a stream has the parts, finish reason and usage of the answer that was not streamed."""
    for request in (HELLO, ASK_TOOL):
        whole, streamed = ask(provider, request), ask(provider, request, stream=True)
        assert_well_formed(streamed.events)
        assert streamed.response.text == whole.response.text
        assert [(call.name, call.arguments) for call in streamed.response.tool_calls] == [
            (call.name, call.arguments) for call in whole.response.tool_calls
        ]
        assert streamed.response.finish_reason is whole.response.finish_reason
        assert streamed.response.usage == whole.response.usage


@pytest.mark.parametrize("request_", [HELLO, ASK_TOOL], ids=["text", "tool call"])
def test_json_answered_to_a_stream_is_told_as_one(
    provider: LegacyProvider, server: FakeOpenAI, request_: ModelRequest
) -> None:
    """A server that answers one JSON body where a stream was asked for gives the events of a stream and a response."""
    server.plan(JsonToStream())
    heard = ask(provider, request_, stream=True)
    assert_well_formed(heard.events)
    assert isinstance(heard.events[-1], StreamDone)
    assert heard.response.text or heard.response.tool_calls
    assert heard.response.request_id == heard.completion.headers["x-request-id"]


@pytest.mark.parametrize(
    ("plan", "category"),
    [
        (Respond(lambda _: stream_answer([], done=False)), ErrorCategory.TRUNCATED),
        (raw("HTTP/1.1 200 OK\ncontent-type: text/event-stream"), ErrorCategory.TRUNCATED),
        (Respond(lambda _: json_answer(b"")), ErrorCategory.TRUNCATED),
        (raw("HTTP/1.1 204 No Content"), ErrorCategory.PROTOCOL),
        (Respond(lambda _: json_answer(b"  \n")), ErrorCategory.PROTOCOL),
        (raw("HTTP/1.1 200 OK\ncontent-type: text/plain", b"welcome to nginx"), ErrorCategory.PROTOCOL),
        (raw("HTTP/1.1 200 OK\ncontent-type: text/html", b"<html></html>"), ErrorCategory.PROTOCOL),
        (raw("HTTP/1.1 200 OK", b"data: {}\n\n"), ErrorCategory.TRUNCATED),
        (Respond(lambda _: json_answer([1])), ErrorCategory.PROTOCOL),
        (Respond(lambda _: json_answer({"object": "list", "data": []})), ErrorCategory.PROTOCOL),
    ],
    ids=["no event", "no byte", "empty JSON", "204", "blank", "text", "html", "no type", "array", "not an answer"],
)
def test_an_answer_that_is_no_stream_is_an_error(
    provider: LegacyProvider, server: FakeOpenAI, plan: Respond | RawResponse, category: ErrorCategory
) -> None:
    """A stream without an answer is truncated, anything that is not the API's is a protocol error; its event is the only one."""
    server.plan(plan)
    heard = ask(provider, stream=True)
    assert heard.error.category is category
    assert heard.error.http_status in {200, 204, None}
    assert heard.completion.http_status in {200, 204}
    assert heard.events == [StreamError(heard.error)]
    assert heard.error.partial is None or heard.error.partial.choices == ()


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_status_is_one_error(*, provider: LegacyProvider, server: FakeOpenAI, stream: bool) -> None:
    """An error answer becomes an error with status, code, type, wait, body and request id, streamed or not."""
    server.plan(rate_limited(retry_after=3))
    heard = ask(provider, stream=stream)
    error, completion = heard.error, heard.completion
    assert error.category is ErrorCategory.RATE_LIMIT
    assert (error.http_status, completion.http_status) == (429, 429)
    assert (error.code, error.type, error.retry_after_ms) == ("rate_limit_exceeded", "requests", 3000)
    assert error.request_id == completion.headers["x-request-id"]
    assert error.body is not None
    assert b"rate_limit_exceeded" in error.body
    assert heard.events == ([StreamError(error)] if stream else [])


def test_an_error_inside_a_stream_keeps_its_text(provider: LegacyProvider, server: FakeOpenAI) -> None:
    """An error object in a stream has its own category, status 200, the request's id, and what had arrived."""
    said = {"error": {"message": "Overloaded.", "type": "server_error", "code": None, "param": None}}
    text = {**DELTA, "choices": [{"index": 0, "delta": {"content": "Hi"}}]}
    server.plan(Respond(lambda _: stream_answer([text, said], headers=[("x-request-id", "req_1")])))
    heard = ask(provider, stream=True)
    assert heard.error.category is ErrorCategory.SERVER
    assert heard.error.partial is not None
    assert heard.error.partial.text == heard.text == "Hi"
    assert heard.error.http_status == 200
    assert heard.error.request_id == "req_1"
    assert_well_formed(heard.events)


def test_a_redirect_is_refused_and_says_where_to(provider: LegacyProvider, server: FakeOpenAI) -> None:
    """A redirect is not followed, since it would carry the key elsewhere; the error names the place and the setting."""
    server.plan(Status(307, body=b"", headers=(("location", "https://example.org/v2/chat/completions"),)))
    error = ask(provider).error
    assert error.http_status == 307
    assert "https://example.org/v2" in error.message
    assert "base_url" in error.message


@pytest.mark.parametrize("stream", [False, True])
def test_the_request_id_and_headers_are_handed_on(
    *, provider: LegacyProvider, server: FakeOpenAI, stream: bool
) -> None:
    """The response has the server's request id, the completion its headers by lower-case names and the status."""
    headers = (("X-Request-Id", "req_1"), ("X-RateLimit-Remaining-Tokens", "7"))
    whole, streamed = json_answer(ANSWER, headers=headers), stream_answer([DELTA], headers=headers)
    server.plan(Respond(lambda _: streamed if stream else whole))
    heard = ask(provider, stream=stream)
    assert heard.response.request_id == "req_1"
    assert heard.completion.http_status == 200
    assert heard.completion.headers["x-ratelimit-remaining-tokens"] == "7"
    assert all(name == name.lower() for name in heard.completion.headers)


@pytest.mark.slow
def test_the_times_of_a_stream_are_in_order(provider: LegacyProvider, server: FakeOpenAI) -> None:
    """A late stream has its first byte and event after the wait, and its end after those."""
    server.plan((Slow(0.1), Drip(size=100, delay=0.01)))
    before = time.monotonic()
    timing = ask(provider, stream=True).completion.timing
    assert timing.first_byte is not None
    assert timing.first_event is not None
    assert before <= timing.started <= timing.first_byte <= timing.first_event < timing.finished <= time.monotonic()
    assert timing.first_byte - timing.started >= 0.1
    assert timing.finished - timing.first_event >= 0.01


def test_a_request_that_reached_nothing_has_no_times_for_it(provider: LegacyProvider, server: FakeOpenAI) -> None:
    """A stream cut before its first event has a start and an end, and no first event of an answer."""
    server.plan(Cut())
    timing = ask(provider, stream=True).completion.timing
    assert timing.first_byte is None
    assert timing.started <= timing.finished


@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
@pytest.mark.parametrize("cut", [b"[DONE]"[:length] for length in range(1, 7)])
def test_a_done_that_is_cut_is_no_damage(cut: bytes, *, together: bool) -> None:
    """A stream that ends within its `[DONE]`, a line the client hands on as it is, has ended as it had before that line."""
    events: list[StreamEvent] = []
    call = StreamCall(RequestHandle("test", 1), print, on_event=events.append, codec=chat, api_key="k")
    payloads = [json.dumps(DELTA).encode(), cut]
    if together:
        letter_callback(call)(payloads)
    else:
        for each in payloads:
            stream_callback(call)(each)
    assert call.conclude(Ending(status=200, headers=Headers({"content-type": "text/event-stream"}))).ok
    assert [type(event) for event in events] == [StreamStart, TextDelta, StreamDone]


@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
@pytest.mark.parametrize("ends_itself", [False, True], ids=["caller waits", "caller ends it"])
def test_a_stream_that_has_failed_is_wanted_no_more(*, together: bool, ends_itself: bool) -> None:
    """After an error among the payloads the client is told to stop, unless the caller ended the call in that very event."""

    def act(_event: StreamEvent) -> None:
        call.over = ends_itself

    call = StreamCall(RequestHandle("test", 1), print, on_event=act, codec=chat, api_key="k")
    failed = b'{"error":{"message":"overloaded"}}'
    with nullcontext() if ends_itself else pytest.raises(StreamEndedSignal):
        letter_callback(call)([failed]) if together else stream_callback(call)(failed)
    assert call.failed


@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
def test_a_short_payload_that_is_no_piece_of_done_is_damage(*, together: bool) -> None:
    """What is as short as a piece of `[DONE]` and none is not passed over: the stream has failed."""
    call = StreamCall(RequestHandle("test", 1), print, on_event=lambda _: None, codec=chat, api_key="k")
    with pytest.raises(StreamEndedSignal):
        letter_callback(call)([b"oops"]) if together else stream_callback(call)(b"oops")
    assert call.failed
