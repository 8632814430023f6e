"""Tests of the hot path: payloads read many at once are told as one by one, and it ends where it must."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.model import StreamError, StreamEvent, TextDelta, ToolCallDelta
from shim.model.caps import Caps
from shim.wire.chat import StreamDecoder
from shim.wire.sse import SSEDecoder
from tests.helpers.counting import lines_run
from tests.wire.chat.chunks import DONE, call, choice, chunk, envelope, raw
from tests.wire.told_pieces import ToldPieces

ODD = ["a", "{", '"', "\\", "é", "😀", "", '","', "\ud83d", "}", "b" * 600]
OPEN = chunk({"tool_calls": [call(0, "", id="call_1", type="function", name="look")]})
# What may stand in the midst of an event, most often nothing.
BETWEEN = [b"", b"", b"", b"", b"", b"\n", b"\r", b"\r\n", b"\n\n", b" ", b"data: ", b"\ndata: ", b'"', b"\xff", b"\n:"]
# What a stream is made of: how a payload says some words.
FORMS: dict[str, Any] = {
    "text": lambda words: chunk({"content": words}),
    "of the second choice": lambda words: chunk({"content": words}, index=1),
    "padded": lambda words: chunk({"content": words}, obfuscation="x" * len(words)),
    "another tier": lambda words: chunk({"content": words}, service_tier="flex"),
    "arguments": lambda words: chunk({"tool_calls": [call(0, words)]}),
    "arguments of the second call": lambda words: chunk({"tool_calls": [call(1, words)]}),
    "a field nobody knows": lambda words: chunk({"content": words}, x=1),
    "reasoning": lambda words: chunk({"reasoning_content": words}),
    "two choices": lambda words: envelope(choice({"content": words}), choice({"content": words}, index=1)),
    "finish": lambda words: chunk({"content": words}, finish="stop"),
    "opening": lambda words: chunk({"tool_calls": [call(1, words, id="c2", type="function", name="f")]}),
}


class Thorough(StreamDecoder):
    """Reads every payload in full."""

    __slots__ = ()

    def piece(self, _payload: bytes) -> None:
        """Take none for one."""

    def piece_of_event(self, _event: bytes) -> None:
        """Take none for one."""

    def tell_pieces(self, *_given: Any) -> None:
        """Tell none."""

    def _expect_the_same(self, *_given: Any, **_named: Any) -> None:
        """Expect nothing."""


def told(decoder: StreamDecoder, payloads: list[bytes], *, at_once: int) -> list[StreamEvent]:
    """The events of a stream whose payloads come so many at once."""
    events: list[StreamEvent] = []
    for start in range(0, len(payloads), at_once):
        waiting = payloads[start : start + at_once][::-1]
        while waiting:
            heard = ToldPieces()
            decoder.tell_pieces(waiting, heard)
            events += heard.events
            if waiting:
                events += decoder.feed(waiting.pop())
    return events + decoder.finish()


@given(
    st.lists(st.tuples(st.sampled_from(sorted(FORMS)), st.lists(st.sampled_from(ODD), max_size=9)), max_size=5),
    st.integers(1, 12),
    st.booleans(),
)
def test_many_at_once_are_read_as_each_in_full(
    runs: list[tuple[str, list[str]]],
    at_once: int,
    ascii_only: bool,  # noqa: FBT001 - hypothesis passes by position
) -> None:
    """However many payloads come at once, events and response are those of reading each of them in full."""
    chunks = [OPEN, *(FORMS[name](words) for name, said in runs for words in said)]
    text = [json.dumps(each, ensure_ascii=ascii_only) for each in chunks]
    payloads = [*(each.encode("utf-8", "surrogatepass") for each in text), DONE]
    expected = told(Thorough(), payloads, at_once=1)
    assert repr(told(StreamDecoder(), payloads, at_once=at_once)) == repr(expected)


def told_of(decoder: StreamDecoder, received: list[bytes]) -> list[StreamEvent]:
    """The events of a stream whose bytes come so, mostly an event at a time."""
    sse, events = SSEDecoder(), list[StreamEvent]()
    for data in received:
        piece = decoder.piece_of_event(data) if sse.is_between_events else None
        if piece is not None:
            events.append(piece)
            continue
        for payload in sse.payloads(data):
            events += decoder.feed(payload)
    return events + decoder.finish()


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(FORMS)),
            st.lists(st.tuples(st.sampled_from(ODD), st.integers(0, 99), st.sampled_from(BETWEEN)), max_size=9),
        ),
        max_size=5,
    )
)
def test_whole_events_are_read_as_their_payloads_in_full(runs: list[tuple[str, list[tuple[str, int, bytes]]]]) -> None:
    """Whatever stands in an event besides its payload, what is read of it at once is what the standard and its data say."""
    received = [b"data: " + raw(OPEN) + b"\n\n"]
    for name, said in runs:
        for words, place, odd in said:
            event = b"data: %b\n\n" % json.dumps(FORMS[name](words)).encode()
            quotes = [at for at, byte in enumerate(event) if byte == ord('"')]
            at = quotes[place // 2 % len(quotes)] + place % 2
            received.append(event[:at] + odd + event[at:])
    received.append(b"data: [DONE]\n\n")
    assert repr(told_of(StreamDecoder(), received)) == repr(told_of(Thorough(), received))


def text(words: str) -> bytes:
    """A piece of text."""
    return raw(chunk({"content": words}))


def arguments(words: str) -> bytes:
    """A piece of a call's arguments."""
    return raw(chunk({"tool_calls": [call(0, words)]}))


def hot(*first: bytes) -> StreamDecoder:
    """A decoder that has read so much."""
    decoder = StreamDecoder()
    for payload in first:
        decoder.feed(payload)
    return decoder


@pytest.mark.parametrize(
    ("first", "make", "event"),
    [
        ([text("a")] * 8, text, TextDelta),
        ([raw(OPEN)] + [arguments("1")] * 8, arguments, ToolCallDelta),
    ],
)
class TestMany:
    """What holds of pieces of either kind."""

    def test_a_listener_that_is_over_is_told_no_more(self, first: list[bytes], make: Any, event: type) -> None:
        """What has not been told when the caller ends its stream is left, and is no part of the response."""
        decoder, heard = hot(*first), ToldPieces()

        def stop(piece: StreamEvent) -> None:
            heard.events.append(piece)
            heard.over = len(heard.events) == 2

        heard.on_event = stop
        payloads = [make(each) for each in "54321"]
        decoder.tell_pieces(payloads, heard)
        assert [type(each) for each in heard.events] == [event, event]
        assert payloads == [make(each) for each in "543"]
        assert "12" in repr(decoder.response)
        assert "123" not in repr(decoder.response)

    def test_what_a_listener_raises_leaves_the_rest(self, first: list[bytes], make: Any, event: type) -> None:
        """A payload whose piece was told is taken when the listener raises, and none behind it."""
        decoder, seen = hot(*first), ToldPieces()

        def fail(piece: StreamEvent) -> None:
            seen.events.append(piece)
            raise KeyboardInterrupt

        seen.on_event = fail
        payloads = [make(each) for each in "321"]
        with pytest.raises(KeyboardInterrupt):
            decoder.tell_pieces(payloads, seen)
        assert payloads == [make(each) for each in "32"]
        assert type(seen.events[0]) is event

    def test_many_at_once_run_few_lines_each(self, first: list[bytes], make: Any, event: type) -> None:
        """Of payloads that come together each runs fewer lines than one that comes alone."""
        assert event
        decoder, heard = hot(*first), ToldPieces()
        alone = lines_run(lambda: decoder.tell_pieces([make("1")], heard))
        together = [make("1")] * 64
        assert lines_run(lambda: decoder.tell_pieces(together, heard)) < 64 * alone / 2
        assert not together

    def test_ids_of_their_own_are_not_tried_for_ever(self, first: list[bytes], make: Any, event: type) -> None:
        """Where no two payloads are alike that is soon no longer looked for: as many lines for each of many as of few."""
        assert event
        decoder, heard = hot(*first), ToldPieces()

        def named(count: int) -> list[bytes]:
            return [raw(json.loads(make("1")) | {"id": f"{at}"}) for at in range(1, count + 1)]

        few, many = named(100), named(1000)
        lines = [lines_run(lambda each=each: decoder.tell_pieces(each, heard)) for each in (few, many)]  # type: ignore[misc]  # a default says which
        assert not few + many
        assert lines[1] <= 10 * lines[0]


def test_pieces_that_come_together_are_counted() -> None:
    """A cap that is passed among pieces that come together ends the stream where it would if they came one by one."""
    payloads = [text("a")] * 50
    caps = Caps(events=20)
    one, many = (told(StreamDecoder(caps=caps), payloads, at_once=at_once) for at_once in (1, 50))
    assert repr(one) == repr(many)
    assert isinstance(many[-1], StreamError)
    assert "more than 20 events" in many[-1].error.message
