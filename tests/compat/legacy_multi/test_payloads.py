"""Tests of shim/compat/legacy_multi/payloads.py: what a stream's events say, a reader of chunks reads again."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from shim.compat.legacy_multi.payloads import DONE, PayloadWriter, body_of
from shim.model import (
    Choice,
    FinishReason,
    ModelResponse,
    OpaquePart,
    StreamDone,
    StreamEvent,
    StreamStart,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallDone,
    ToolCallPart,
    ToolCallStart,
    Usage,
)
from shim.testing.fixtures import discover, load
from shim.wire import chat, responses
from shim.wire.sse import SSEDecoder

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures"
STREAMS: dict[str, bytes] = {
    f"{api}/{path.name}": load(path).body
    for api in ("chat", "responses")
    for path in discover(FIXTURES / api)
    if load(path).request.get("stream")
}


def events_of(api: str, body: bytes) -> list[StreamEvent]:
    """The events of a recorded stream."""
    decoder: Any = (chat if api == "chat" else responses).StreamDecoder()
    sse = SSEDecoder()
    events = [event for each in [*sse.feed(body), *sse.finish()] for event in decoder.feed(each.data)]
    return [*events, *decoder.finish()]


def written(*events: StreamEvent, names: dict[str, str] | None = None, wants_usage: bool = True) -> list[bytes]:
    """The payloads of a stream."""
    writer = PayloadWriter(names=names or {}, wants_usage=wants_usage)
    return [payload for event in events for payload in writer.write(event)]


def read(payloads: list[bytes]) -> ModelResponse:
    """What a reader makes of payloads."""
    decoder = chat.StreamDecoder()
    events = [event for payload in payloads for event in decoder.feed(payload)]
    done = [*events, *decoder.finish()][-1]
    assert isinstance(done, StreamDone)
    return done.response


def said(response: ModelResponse) -> dict[str, Any]:
    """All of a response but what the other API alone has, and when it was made."""
    usage = response.usage
    return {
        "head": (response.id, response.model, response.service_tier),
        "choices": [
            (
                each.index,
                ModelResponse(choices=(each,)).text,
                ModelResponse(choices=(each,)).reasoning_text,
                ModelResponse(choices=(each,)).refusal,
                [(call.id, call.name, call.arguments) for call in ModelResponse(choices=(each,)).tool_calls],
                each.finish_reason,
            )
            for each in response.choices
        ],
        "usage": usage and (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens, usage.cached_input_tokens),
    }


@pytest.mark.parametrize("case", STREAMS)
def test_a_recorded_stream_is_written_so_that_it_reads_the_same(case: str) -> None:
    """Every stream of the fixtures that ends well reads the same from the payloads written of its events, of either API."""
    api = case.partition("/")[0]
    events = events_of(api, STREAMS[case])
    if not isinstance(events[-1], StreamDone):
        assert DONE not in written(*events)
        return
    payloads = written(*events)
    again = read(payloads)
    assert said(again) == said(events[-1].response)
    assert payloads[-1] == DONE
    if api == "chat":
        for each, other in zip(again.choices, events[-1].response.choices, strict=True):
            assert (each.logprobs, each.raw_finish_reason) == (other.logprobs, other.raw_finish_reason)
            assert each.extra == other.extra
            assert each.message_extra == other.message_extra
        assert without_time(again) == without_time(events[-1].response)


def without_time(response: ModelResponse) -> dict[str, Any]:
    """The further fields of a response, but for when it was made and what Perplexity calls its last chunk."""
    return {name: value for name, value in response.extra.items() if name not in ("created", "object")}


def test_a_payload_has_the_form_of_a_chunk() -> None:
    """Each payload is one line of JSON with id, object, created, model and choices, the head the same in all of them."""
    response = ModelResponse(
        id="r", model="m", choices=(Choice(0, (TextPart("é\n"),), finish_reason=FinishReason.STOP),)
    )
    payloads = written(StreamStart("r", "m"), TextDelta("é\n"), StreamDone(response))
    chunks = [json.loads(payload) for payload in payloads[:-1]]
    assert not any(b"\n" in payload or b"\r" in payload for payload in payloads)
    assert {(each["id"], each["object"], each["model"]) for each in chunks} == {("r", "chat.completion.chunk", "m")}
    assert len({each["created"] for each in chunks}) == 1
    assert [each["choices"][0]["delta"] for each in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "é\n"},
        {},
    ]
    assert [each["choices"][0]["finish_reason"] for each in chunks] == [None, None, "stop"]


@pytest.mark.parametrize(
    ("kind", "deltas"),
    [
        (
            "custom",
            [
                {"tool_calls": [{"index": 0, "id": "c", "type": "custom", "custom": {"name": "f", "input": ""}}]},
                {"tool_calls": [{"index": 0, "custom": {"input": "x"}}]},
            ],
        ),
        ("function_call", [{"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": "x"}}]),
    ],
)
def test_other_kinds_of_calls_have_their_form(kind: str, deltas: list[dict[str, Any]]) -> None:
    """A call of a tool that was given as a custom one, or as one of `functions`, is written in the form that belongs to it."""
    payloads = written(
        ToolCallStart(0, "c", "f"), ToolCallDelta(0, "x"), ToolCallDone(0, "c", "f", "x"), names={"f": kind}
    )
    assert [json.loads(each)["choices"][0]["delta"] for each in payloads] == deltas


def test_arguments_told_only_at_the_end_are_written() -> None:
    """What no delta has told of a call's arguments is written when the call is done, and nothing twice."""
    payloads = written(ToolCallStart(0, "c", "f"), ToolCallDelta(0, '{"a"'), ToolCallDone(0, "c", "f", '{"a":1}'))
    calls = [json.loads(each)["choices"][0]["delta"]["tool_calls"][0]["function"] for each in payloads]
    assert "".join(each["arguments"] for each in calls) == '{"a":1}'


@pytest.mark.parametrize(("wants_usage", "places"), [(True, [[], "usage"]), (False, [["choice"], "usage"])])
def test_usage_stands_where_its_caller_counts_on_it(*, wants_usage: bool, places: list[Any]) -> None:
    """Usage that was asked for has a chunk of its own, without choices; sent unasked it stands in the last chunk."""
    choice = Choice(0, (), finish_reason=FinishReason.STOP, raw_finish_reason="stop")
    response = ModelResponse(choices=(choice,), usage=Usage(1, 2, details={"prompt_tokens": 1, "completion_tokens": 2}))
    *_, last, done = written(StreamStart("r", "m"), StreamDone(response), wants_usage=wants_usage)
    chunk = json.loads(last)
    assert done == DONE
    assert chunk["usage"] == {"prompt_tokens": 1, "completion_tokens": 2}
    assert bool(chunk["choices"]) is bool(places[0])


def test_blocks_and_surrogates_are_not_lost() -> None:
    """A block that no event told comes before the end, and half a character that a server sent escaped stays escaped."""
    block = {"type": "image", "data": "x"}
    response = ModelResponse(choices=(Choice(0, (OpaquePart("image", block),), finish_reason=FinishReason.STOP),))
    payloads = written(StreamStart("r", "m"), TextDelta("\ud83d"), TextDelta("b", 0, 1), StreamDone(response))
    deltas = [json.loads(each)["choices"][0]["delta"] for each in payloads[:-1]]
    assert deltas[1:4] == [{"content": "\ud83d"}, {"content": "b"}, {"content": [block]}]
    assert json.loads(payloads[2])["choices"][0]["index"] == 1


def test_a_whole_answer_is_the_servers_own_or_written_as_one() -> None:
    """A Chat Completions body goes on byte for byte; an answer of the Responses API becomes a body that reads the same."""
    raw = b'{"id": "x",  "choices": []}'
    assert body_of(ModelResponse(raw=raw)) == raw
    call = ToolCallPart("c", "f", "{}")
    choice = Choice(0, (TextPart("hi"), call), finish_reason=FinishReason.TOOL_CALL)
    usage = Usage(3, 4, 1, 2, 7, details={"input_tokens": 3})
    body = body_of(ModelResponse(id="r", model="m", choices=(choice,), usage=usage, api="responses", raw=b"{}"))
    told = json.loads(body)
    assert {name: told[name] for name in ("id", "object", "model")} == {
        "id": "r",
        "object": "chat.completion",
        "model": "m",
    }
    again = chat.parse_response(body)
    assert (again.text, again.tool_calls, again.finish_reason) == ("hi", (call,), FinishReason.TOOL_CALL)
    assert again.usage is not None
    assert (again.usage.input_tokens, again.usage.reasoning_tokens, again.usage.total_tokens) == (3, 1, 7)


def test_a_piece_of_text_costs_less_than_its_json() -> None:
    """Writing the payload of a piece of text takes less CPU than the standard library takes for the chunk's JSON alone."""
    writer = PayloadWriter(names={}, wants_usage=True)
    writer.write(StreamStart("chatcmpl-1", "gpt-4o-mini"))
    event = TextDelta(" word")
    chunk = json.loads(writer.text(event))
    costs = {}
    for name, write in (("ours", lambda: writer.text(event)), ("json", lambda: json.dumps(chunk))):
        begun = time.process_time()
        for _ in range(20_000):
            write()
        costs[name] = time.process_time() - begun
    assert costs["ours"] < 0.6 * costs["json"]
