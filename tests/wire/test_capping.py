"""Tests of shim.wire.capping, through both stream decoders: what passes a cap ends there, and counting is not felt."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.model import (
    ErrorCategory,
    ModelResponse,
    ProviderError,
    StreamDone,
    StreamError,
    StreamEvent,
    TextDelta,
    ToolCallStart,
)
from shim.model.caps import Caps
from shim.wire import capping, chat, responses
from tests.helpers.events import assert_well_formed, text_of
from tests.wire.chat.chunks import CALLED, DONE, OPENER, STOP, call, chunk, raw

Pieces = Callable[[list[str]], Iterator[bytes]]


def chat_text(pieces: list[str]) -> Iterator[bytes]:
    """A stream of Chat Completions that says these."""
    yield raw(OPENER)
    yield from (raw(chunk({"content": piece})) for piece in pieces)
    yield from (raw(STOP), DONE)


def chat_reasoning(pieces: list[str]) -> Iterator[bytes]:
    """The same as reasoning, whose chunks repeat but for their words."""
    yield raw(OPENER)
    yield from (raw(chunk({"reasoning_content": piece})) for piece in pieces)
    yield from (raw(STOP), DONE)


def chat_arguments(pieces: list[str]) -> Iterator[bytes]:
    """The same as the arguments of one call."""
    yield raw(OPENER)
    yield raw(chunk({"tool_calls": [call(0, "", id="c", type="function", name="f")]}))
    yield from (raw(chunk({"tool_calls": [call(0, piece)]})) for piece in pieces)
    yield from (raw(CALLED), DONE)


def chat_fields(pieces: list[str]) -> Iterator[bytes]:
    """The same as text, beside which every chunk has the same field of the server's own."""
    yield raw(OPENER)
    yield from (raw(chunk({"content": piece}, own={"region": "eu"})) for piece in pieces)
    yield from (raw(STOP), DONE)


def chat_details(pieces: list[str]) -> Iterator[bytes]:
    """The same as reasoning that each chunk says twice."""
    yield raw(OPENER)
    for piece in pieces:
        detail = {"type": "reasoning.text", "text": piece, "index": 0}
        yield raw(chunk({"reasoning": piece, "reasoning_details": [detail]}))
    yield from (raw(STOP), DONE)


def chat_calls(pieces: list[str], *, calls: int = 2) -> Iterator[bytes]:
    """The same as the arguments of some calls, by turns."""
    yield raw(OPENER)
    for at in range(calls):
        yield raw(chunk({"tool_calls": [call(at, "", id=f"c{at}", type="function", name="f")]}))
    yield from (raw(chunk({"tool_calls": [call(at % calls, piece)]})) for at, piece in enumerate(pieces))
    yield from (raw(CALLED), DONE)


def responses_text(pieces: list[str]) -> Iterator[bytes]:
    """A stream of Responses that says these."""
    yield event("response.created", response={"id": "resp_1", "model": "m", "status": "in_progress"})
    yield from (event("response.output_text.delta", output_index=0, content_index=0, delta=piece) for piece in pieces)
    yield event("response.completed", response={"id": "resp_1", "model": "m", "status": "completed", "output": []})


def event(kind: str, **fields: Any) -> bytes:
    """A payload of Responses."""
    return json.dumps({"type": kind, **fields}).encode()


WAYS: dict[str, tuple[Any, Pieces]] = {
    "text": (chat.StreamDecoder, chat_text),
    "reasoning": (chat.StreamDecoder, chat_reasoning),
    "arguments": (chat.StreamDecoder, chat_arguments),
    "fields": (chat.StreamDecoder, chat_fields),
    "details": (chat.StreamDecoder, chat_details),
    "calls": (chat.StreamDecoder, chat_calls),
    "responses": (responses.StreamDecoder, responses_text),
}
ways = pytest.mark.parametrize("way", WAYS)


def decoded(decoder: Any, payloads: Iterator[bytes]) -> list[StreamEvent]:
    """The events of a stream; nothing comes after the last."""
    events: list[StreamEvent] = []
    for payload in payloads:
        events += decoder.feed(payload)
    events += decoder.finish()
    assert_well_formed(events)
    return events


def outcome(events: list[StreamEvent]) -> ModelResponse | ProviderError:
    """How a stream ended."""
    last = events[-1]
    if isinstance(last, StreamDone):
        return last.response
    assert isinstance(last, StreamError), last
    return last.error


def told(events: list[StreamEvent]) -> int:
    """How many characters of text were told."""
    return sum(
        len(getattr(each, "arguments", getattr(each, "text", ""))) for each in events if "Delta" in type(each).__name__
    )


@ways
@given(sizes=st.lists(st.integers(1, 700), min_size=1, max_size=30), most=st.integers(1, 4000))
def test_text_ends_at_its_cap(way: str, sizes: list[int], most: int) -> None:
    """A stream ends well if its text is within the cap, and else in an error right behind the piece that passes it."""
    kind, stream = WAYS[way]
    events = decoded(kind(caps=Caps(text=most)), stream(["x" * size for size in sizes]))
    result = outcome(events)
    if sum(sizes) <= most:
        assert isinstance(result, ModelResponse)
        assert told(events) == sum(sizes)
        return
    assert isinstance(result, ProviderError)
    passing = next(at for at in range(len(sizes)) if sum(sizes[: at + 1]) > most)
    assert told(events) == sum(sizes[: passing + 1])
    assert result.category is ErrorCategory.PROTOCOL
    assert f"more than {most} characters of text" in result.message
    assert "caps=Caps(text=…)" in result.message
    assert result.partial is not None


@ways
@pytest.mark.parametrize("most", [5, 40])
def test_events_end_at_their_cap(way: str, most: int) -> None:
    """Payload after payload is read up to the cap, and the next one ends the stream."""
    kind, stream = WAYS[way]
    events = decoded(kind(caps=Caps(events=most)), stream(["x"] * 200))
    error = outcome(events)
    assert isinstance(error, ProviderError)
    assert f"more than {most} events, its cap" in error.message
    assert most - 3 <= told(events) <= most + 1
    assert isinstance(outcome(decoded(kind(caps=Caps(events=300)), stream(["x"] * 200))), ModelResponse)


def test_keep_alives_are_events() -> None:
    """Payloads that say nothing count too, so that no stream lasts for ever."""
    decoder = responses.StreamDecoder(caps=Caps(events=10))
    events = [each for _ in range(11) for each in decoder.feed(event("keepalive"))]
    assert isinstance(outcome(events), ProviderError)
    assert decoder.feed(event("keepalive")) == []


@pytest.mark.parametrize("kind", ["chat", "responses"])
def test_tool_calls_end_at_their_cap(kind: str) -> None:
    """One call more than the cap ends the stream, with the cap, its value and the remedy; those before it were told."""
    if kind == "chat":
        decoder: Any = chat.StreamDecoder(caps=Caps(tool_calls=3))
        payloads = [raw(chunk({"tool_calls": [call(at, "{}", id=f"c{at}", name="f")]})) for at in range(4)]
    else:
        decoder = responses.StreamDecoder(caps=Caps(tool_calls=3))
        items = [
            {"type": "function_call", "id": f"i{at}", "call_id": f"c{at}", "name": "f", "arguments": "{}"}
            for at in range(4)
        ]
        payloads = [event("response.output_item.added", output_index=at, item=item) for at, item in enumerate(items)]
    events = [each for payload in payloads for each in decoder.feed(payload)]
    error = outcome(events)
    assert isinstance(error, ProviderError)
    assert "more than 3 tool calls, its cap" in error.message
    assert "caps=Caps(tool_calls=…)" in error.message
    assert sum(isinstance(each, ToolCallStart) for each in events) == 3
    assert error.partial is not None
    assert len(error.partial.tool_calls) in (3, 4)  # what had arrived, perhaps with the one that passes the cap


def test_what_is_no_text_ends_at_its_cap() -> None:
    """Fields nobody knows, and log probabilities, cannot fill memory either."""
    decoder = chat.StreamDecoder(caps=Caps(other_bytes=5_000))
    events = [each for at in range(100) for each in decoder.feed(raw(chunk({"content": "x", f"f{at}": "y" * 100})))]
    error = outcome(events)
    assert isinstance(error, ProviderError)
    assert "more than 5000 bytes beside its text" in error.message
    assert 10 < told(events) < 60


def test_text_that_comes_whole_at_the_end_is_capped() -> None:
    """An answer that its last event alone says is over the cap as well, and has no good end."""
    item = {"type": "message", "content": [{"type": "output_text", "text": "x" * 100}]}
    decoder = responses.StreamDecoder(caps=Caps(text=99))
    events = decoder.feed(event("response.completed", response={"id": "r", "model": "m", "output": [item]}))
    assert_well_formed(events)
    assert isinstance(outcome(events), ProviderError)


@pytest.mark.parametrize("way", ["text", "reasoning", "arguments", "fields", "details", "calls", "responses"])
def test_pieces_go_by_uncounted(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Of four thousand pieces in a row only the first ones, and the end, are looked at one by one."""
    looked = []
    count = capping.CapCounter.count

    def noting(counter: Any, *given: Any, **named: Any) -> Any:
        looked.append(named["position"])
        return count(counter, *given, **named)

    monkeypatch.setattr(capping.CapCounter, "count", noting)
    kind, stream = WAYS[way]
    events = decoded(kind(), stream(["piece"] * 4_000))
    assert isinstance(outcome(events), ModelResponse)
    assert len(looked) <= 8


def test_two_choices_are_counted_together() -> None:
    """The text of all choices is one text to the cap, wherever the hot path put it."""
    decoder = chat.StreamDecoder(caps=Caps(text=2_000))
    events = [each for at in range(600) for each in decoder.feed(raw(chunk({"content": "abcd"}, index=at % 2)))]
    assert isinstance(outcome(events), ProviderError)
    assert len(text_of(events)) <= 2_004
    assert sum(len(each.text) for each in events if isinstance(each, TextDelta)) == 2_004


def test_the_arguments_of_many_calls_by_turns_are_counted() -> None:
    """More calls than may go by uncounted pass no cap either, whichever of them a piece is of."""
    events = decoded(chat.StreamDecoder(caps=Caps(text=1_000)), chat_calls(["x" * 7] * 300, calls=40))
    assert isinstance(outcome(events), ProviderError)
    assert told(events) == 1_001
    assert isinstance(outcome(decoded(chat.StreamDecoder(), chat_calls(["x"] * 300, calls=40))), ModelResponse)


def test_a_long_piece_is_read_as_ever() -> None:
    """A piece longer than those that go by uncounted is told whole, between short ones."""
    pieces = ["a", "b", "c" * 5_000, "d", "é" * 513, "e" * 512]
    for kind, stream in WAYS.values():
        events = decoded(kind(), stream(pieces))
        assert isinstance(outcome(events), ModelResponse)
        assert told(events) == len("".join(pieces))
