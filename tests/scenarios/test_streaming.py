"""Scenarios of streaming: role, content, finish and `[DONE]`; deltas joined in order; bytes split anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from shim.model import FinishReason, ReasoningDelta, StreamDone, StreamStart, TextDelta, Usage
from shim.testing.fake_openai import Drip, FakeOpenAI
from shim.testing.fake_openai.answers import DONE, sse
from tests.helpers.driving import ask, drive, start
from tests.helpers.events import assert_well_formed
from tests.helpers.providers import AnyProvider
from tests.scenarios.chunks import FINISH, ROLE, delta, envelope, in_segments, streaming

WHOLE_BODIES = Path(__file__).resolve().parents[2] / "fixtures" / "openai"


def test_a_role_delta_opens_the_stream(provider: AnyProvider, server: FakeOpenAI) -> None:
    """The first chunk, with the role and no text, is `StreamStart` and no text."""
    server.plan(streaming(ROLE, FINISH))
    assert ask(provider, stream=True).events[0] == StreamStart("chatcmpl-1", "m")


def test_a_content_delta_becomes_a_text_delta(provider: AnyProvider, server: FakeOpenAI) -> None:
    """Content becomes a `TextDelta` with the same text."""
    server.plan(streaming(ROLE, delta(content="Hello"), FINISH))
    assert ask(provider, stream=True).events[1] == TextDelta("Hello")


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", FinishReason.STOP),
        ("length", FinishReason.LENGTH),
        ("content_filter", FinishReason.CONTENT_FILTER),
        ("tool_calls", FinishReason.TOOL_CALL),
    ],
)
def test_a_finish_delta_says_why_it_ended(
    provider: AnyProvider, server: FakeOpenAI, word: str, reason: FinishReason
) -> None:
    """The finish reason is the response's, and the server's own word beside it."""
    server.plan(streaming(ROLE, delta(content="x"), delta(word)))
    choice = ask(provider, stream=True).response.choices[0]
    assert (choice.finish_reason, choice.raw_finish_reason) == (reason, word)


@pytest.mark.parametrize("done", [True, False], ids=["with [DONE]", "without [DONE]"])
def test_the_end_becomes_stream_done(*, provider: AnyProvider, server: FakeOpenAI, done: bool) -> None:
    """`[DONE]`, or the end of the body after a finish reason, becomes one `StreamDone` with the whole response."""
    server.plan(streaming(ROLE, delta(content="x"), FINISH, done=done))
    heard = ask(provider, stream=True)
    last = heard.events[-1]
    assert isinstance(last, StreamDone)
    assert last.response.text == "x"
    assert heard.kinds.count("StreamDone") == 1


def test_several_deltas_are_joined(provider: AnyProvider, server: FakeOpenAI) -> None:
    """The response's text is that of all deltas."""
    server.plan(streaming(ROLE, *(delta(content=piece) for piece in ("Hel", "lo", ", ", "wörld 🌍")), FINISH))
    assert ask(provider, stream=True).response.text == "Hello, wörld 🌍"


def test_empty_deltas_say_nothing(provider: AnyProvider, server: FakeOpenAI) -> None:
    """Empty, null and missing content gives no event and changes no text."""
    empty = (delta(content=""), delta(content=None), delta(), envelope([]), {**FINISH, "choices": None})
    server.plan(streaming(ROLE, *empty, delta(content="x"), *empty, FINISH, *empty))
    heard = ask(provider, stream=True)
    assert heard.kinds == ["StreamStart", "TextDelta", "StreamDone"]
    assert heard.response.text == "x"


def test_the_order_is_kept(provider: AnyProvider, server: FakeOpenAI) -> None:
    """A thousand deltas come in the order they were sent."""
    server.plan(streaming(ROLE, *(delta(content=f"{number} ") for number in range(1000)), FINISH))
    heard = ask(provider, stream=True)
    assert [event.text for event in heard.events if isinstance(event, TextDelta)] == [f"{n} " for n in range(1000)]
    assert heard.text == heard.response.text


def test_events_come_while_the_stream_runs(provider: AnyProvider, server: FakeOpenAI) -> None:
    """The first text is there long before the last byte."""
    server.plan((streaming(ROLE, delta(content="x"), *[delta(content="y")] * 20, FINISH), Drip(size=150, delay=0.01)))
    heard = start(provider, stream=True)
    drive(provider, lambda: heard.text)
    assert not heard.done
    drive(provider, lambda: heard.done)
    assert heard.response.text == "x" + "y" * 20


TEXT = "Zürich — 日本 🌧"
STREAM = sse(ROLE) + sse(delta(content=TEXT)) + sse(FINISH) + DONE


@pytest.mark.slow
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_lines_may_be_split_anywhere(provider: AnyProvider, server: FakeOpenAI, line_end: bytes) -> None:
    """Wherever the bytes are split, inside a character or a line end too, the events are the same."""
    body = STREAM.replace(b"\n", line_end)
    start_of_text = body.index(TEXT.encode())
    places = [
        *range(1, 8),
        *range(start_of_text, start_of_text + len(TEXT.encode())),
        *range(len(body) - 20, len(body)),
    ]
    for place in places:
        server.plan(in_segments(body[:place], body[place:]))
    heard = [ask(provider, stream=True) for _ in places]
    assert {each.text for each in heard} == {TEXT}
    assert {tuple(each.kinds) for each in heard} == {("StreamStart", "TextDelta", "StreamDone")}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_reads_of_any_size_give_the_same_events(provider: AnyProvider, server: FakeOpenAI, size: int) -> None:
    """A stream that arrives a few bytes at a time, each in its own packet, gives the events of one that comes at once."""
    at_once = streaming(ROLE, delta(content=TEXT), FINISH)
    server.plan(at_once, (at_once, Drip(size=size, delay=0.0002)))
    assert ask(provider, stream=True).events == ask(provider, stream=True).events


def test_a_first_chunk_without_choices(provider: AnyProvider, server: FakeOpenAI) -> None:
    """Azure's opening, with no choices, no id and no model, does not disturb: id and model are the first that are named."""
    azure = {**envelope([]), "id": "", "model": "", "prompt_filter_results": [{"prompt_index": 0}]}
    server.plan(streaming(azure, ROLE, delta(content="x"), FINISH))
    heard = ask(provider, stream=True)
    assert heard.events[0] == StreamStart("chatcmpl-1", "m")
    assert (heard.response.id, heard.response.model, heard.response.text) == ("chatcmpl-1", "m", "x")


def test_a_usage_chunk(provider: AnyProvider, server: FakeOpenAI) -> None:
    """A last chunk with usage and no choices gives no event and is the response's usage."""
    usage = {
        "prompt_tokens": 7,
        "completion_tokens": 2,
        "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 3},
    }
    server.plan(streaming(ROLE, delta(content="x"), FINISH, envelope([], usage=usage)))
    heard = ask(provider, stream=True)
    assert heard.kinds == ["StreamStart", "TextDelta", "StreamDone"]
    assert heard.response.usage == Usage(7, 2, 0, 3, 9, usage)


def test_a_stream_asks_for_its_usage(provider: AnyProvider, server: FakeOpenAI) -> None:
    """A streamed request asks for a usage chunk, and one that is not streamed does not."""
    ask(provider, stream=True)
    ask(provider)
    streamed, whole = (request.json for request in server.requests)
    assert (streamed["stream"], streamed["stream_options"]) == (True, {"include_usage": True})
    assert not {"stream", "stream_options"} & set(whole)


@pytest.mark.parametrize("name", ["stream_basic.txt", "stream_reasoning.txt"])
def test_whole_recorded_bodies(provider: AnyProvider, server: FakeOpenAI, name: str) -> None:
    """The written-down streams of the repository arrive whole: text, finish reason, and reasoning where they have it."""
    server.plan(in_segments((WHOLE_BODIES / name).read_bytes()))
    heard = ask(provider, stream=True)
    assert_well_formed(heard.events)
    assert heard.response.text
    assert heard.response.finish_reason is FinishReason.STOP
    assert any(isinstance(event, ReasoningDelta) for event in heard.events) == ("reasoning" in name)
