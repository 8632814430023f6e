"""Scenarios of tool calls: id and name, partial arguments, arguments joined, several calls, the round trip."""

from __future__ import annotations

import json

from msgspec.structs import replace

from shim.model import (
    FinishReason,
    ToolCallDelta,
    ToolCallDone,
    ToolCallPart,
    ToolCallStart,
    ToolDefinition,
    tool_result,
    user,
)
from shim.testing.fake_openai import FakeOpenAI
from tests.helpers.driving import HELLO, ask
from tests.helpers.events import assert_well_formed
from tests.helpers.providers import AnyProvider
from tests.scenarios.chunks import ROLE, arguments, delta, opening, streaming

CALLS_END = delta("tool_calls")
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = ToolDefinition("get_weather", "Weather.", SCHEMA)


def test_a_delta_with_id_and_name_starts_a_call(provider: AnyProvider, server: FakeOpenAI) -> None:
    """The first delta of a call becomes `ToolCallStart` with its id and name."""
    server.plan(streaming(ROLE, opening(0, "call_1", "f"), CALLS_END))
    assert ask(provider, stream=True).events[1] == ToolCallStart(0, "call_1", "f")


def test_partial_arguments_become_deltas(provider: AnyProvider, server: FakeOpenAI) -> None:
    """Each piece of the arguments becomes a `ToolCallDelta`, however it cuts the JSON."""
    pieces = ['{"ci', 'ty":"', "Zü", 'rich"}']
    server.plan(streaming(ROLE, opening(0, "c", "f"), *(arguments(0, piece) for piece in pieces), CALLS_END))
    heard = ask(provider, stream=True)
    assert [event for event in heard.events if isinstance(event, ToolCallDelta)] == [
        ToolCallDelta(0, p) for p in pieces
    ]


def test_arguments_are_joined(provider: AnyProvider, server: FakeOpenAI) -> None:
    """`ToolCallDone` and the response have the arguments whole, as the text the model wrote."""
    server.plan(streaming(ROLE, opening(0, "c", "f"), arguments(0, '{ "x"'), arguments(0, ": 1 }"), CALLS_END))
    heard = ask(provider, stream=True)
    assert ToolCallDone(0, "c", "f", '{ "x": 1 }') in heard.events
    assert heard.response.tool_calls == (ToolCallPart("c", "f", '{ "x": 1 }'),)
    assert heard.response.finish_reason is FinishReason.TOOL_CALL


def test_several_calls_are_kept_apart_by_index(provider: AnyProvider, server: FakeOpenAI) -> None:
    """Calls whose pieces come interleaved are each joined by their index, in the order they began."""
    both = delta(tool_calls=[{"index": n, "function": {"arguments": text}} for n, text in ((0, "1}"), (1, "2}"))])
    server.plan(
        streaming(
            ROLE,
            opening(0, "a", "f"),
            opening(1, "b", "g"),
            arguments(1, '{"y":'),
            arguments(0, '{"x":'),
            both,
            CALLS_END,
        )
    )
    heard = ask(provider, stream=True)
    assert_well_formed(heard.events)
    assert heard.response.tool_calls == (ToolCallPart("a", "f", '{"x":1}'), ToolCallPart("b", "g", '{"y":2}'))


def test_complete_arguments_in_one_delta(provider: AnyProvider, server: FakeOpenAI) -> None:
    """A call that comes whole in one delta is a start, a delta and a done."""
    server.plan(streaming(ROLE, opening(0, "c", "f", "{}"), CALLS_END))
    heard = ask(provider, stream=True)
    assert heard.kinds == ["StreamStart", "ToolCallStart", "ToolCallDelta", "ToolCallDone", "StreamDone"]


def test_a_call_without_arguments(provider: AnyProvider, server: FakeOpenAI) -> None:
    """A call that never gets arguments is started and done with none."""
    server.plan(streaming(ROLE, opening(0, "c", "f"), CALLS_END))
    assert ToolCallDone(0, "c", "f", "") in ask(provider, stream=True).events


def test_text_and_calls_in_one_stream(provider: AnyProvider, server: FakeOpenAI) -> None:
    """Text before a call is text, and the response has both."""
    server.plan(streaming(ROLE, delta(content="Let me see."), opening(0, "c", "f", "{}"), CALLS_END))
    response = ask(provider, stream=True).response
    assert (response.text, len(response.tool_calls)) == ("Let me see.", 1)


def test_the_round_trip(provider: AnyProvider) -> None:
    """A call's result is sent back beside the answer that asked for it, and the server accepts and uses it."""
    question = replace(HELLO, messages=(user("What is the weather in Rome?"),), tools=(WEATHER,))
    asked = ask(provider, question, stream=True).response
    call = asked.tool_calls[0]
    assert json.loads(call.arguments) == {"city": "Rome"}
    said = replace(question, messages=(*question.messages, asked.message, tool_result(call.id, "18 degrees")))
    assert "18 degrees" in ask(provider, said, stream=True).response.text
