"""Tests of `shim.wire.chat.stream`: how a stream begins, goes on and ends, and that none ends well by accident."""

from __future__ import annotations

import pytest

from shim.model import (
    FinishReason,
    ModelResponse,
    StreamEvent,
    StreamStart,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
    Usage,
)
from shim.wire.chat import StreamDecoder
from tests.helpers.events import text_of
from tests.wire.chat.chunks import (
    DONE,
    HELLO,
    LOOK,
    OPENER,
    STOP,
    USAGE,
    USED,
    Payload,
    choice,
    chunk,
    decode,
    envelope,
    raw,
    read,
    response_of,
)

START = StreamStart("chatcmpl-1", "gpt-4o-mini")


def test_a_text() -> None:
    """Content deltas become text deltas in their order, between one start and one done."""
    events = decode(*HELLO)
    assert events[:-1] == [START, TextDelta("Hel"), TextDelta("lo")]
    response = response_of(events)
    assert (response.id, response.model, response.text) == ("chatcmpl-1", "gpt-4o-mini", "Hello")
    assert response.finish_reason is FinishReason.STOP
    assert response.usage == Usage(9, 4, 2, 3, 13, USAGE)
    assert response.raw is None


def test_a_tool_call() -> None:
    """Tool-call deltas become a start, deltas of the arguments and a done with all of them."""
    events = decode(*LOOK)
    assert events[:-1] == [
        START,
        ToolCallStart(0, "call_1", "look"),
        ToolCallDelta(0, '{"deep"'),
        ToolCallDelta(0, ":true}"),
        ToolCallDone(0, "call_1", "look", '{"deep":true}'),
    ]
    assert response_of(events).finish_reason is FinishReason.TOOL_CALL


def test_each_payload_gives_its_events_at_once() -> None:
    """No event waits for a later payload: each is given by the payload it came with."""
    decoder = StreamDecoder()
    assert [decoder.feed(raw(payload)) for payload in LOOK][:5] == [
        [START],
        [ToolCallStart(0, "call_1", "look")],
        [ToolCallDelta(0, '{"deep"')],
        [ToolCallDelta(0, ":true}")],
        [ToolCallDone(0, "call_1", "look", '{"deep":true}')],
    ]


def test_a_role_delta_says_nothing() -> None:
    """The delta that names the role begins the stream and is no text."""
    assert decode(OPENER, STOP, DONE)[:-1] == [START]


def test_a_first_chunk_without_choices() -> None:
    """Azure's first chunk, without choices, id and model, neither breaks the stream nor names it."""
    azure = envelope(id="", model="", object="", created=0, prompt_filter_results=[{"prompt_index": 0}])
    events = decode(azure, *HELLO)
    assert events[0] == START
    assert response_of(events).text == "Hello"
    assert response_of(events).extra["prompt_filter_results"] == [{"prompt_index": 0}]


def test_a_usage_chunk() -> None:
    """The chunk with the usage, which has no choices, gives no event and is in the response."""
    decoder = StreamDecoder()
    for payload in HELLO[:4]:
        decoder.feed(raw(payload))
    assert decoder.response.usage is None
    assert decoder.feed(raw(USED)) == []
    assert decoder.response.usage == Usage(9, 4, 2, 3, 13, USAGE)


USAGES: dict[str, tuple[Payload, ...]] = {
    "a chunk of its own": (*HELLO[:4], USED),
    "the finish chunk": (*HELLO[:3], chunk({}, finish="stop", usage=USAGE)),
    "a repeated finish chunk": (*HELLO[:4], chunk({"role": "assistant", "content": ""}, finish="stop", usage=USAGE)),
    "a chunk that repeats the delta": (*HELLO[:4], chunk({"role": "assistant", "content": ""}, usage=USAGE)),
    "every chunk": (
        chunk({"content": "Hel"}, usage={"prompt_tokens": 9, "completion_tokens": 1}),
        chunk({"content": "lo"}, usage={"prompt_tokens": 9, "completion_tokens": 2}),
        chunk({}, finish="stop", usage=USAGE),
    ),
    "x_groq": (*HELLO[:3], chunk({}, finish="stop", x_groq={"id": "req_1", "usage": USAGE})),
    "null before": (
        *(chunk({"content": text}, usage=None) for text in ("Hel", "lo")),
        chunk({}, finish="stop", usage=None),
        USED,
    ),
}


@pytest.mark.parametrize("place", USAGES)
def test_the_places_of_the_usage(place: str) -> None:
    """The usage is found wherever a server puts it, and the last one counts."""
    response = read(*USAGES[place], DONE)
    assert response.usage == Usage(9, 4, 2, 3, 13, USAGE)
    assert response.text == "Hello"


def test_no_usage() -> None:
    """A stream without usage has none, not one of zeros."""
    assert read(*HELLO[:4], DONE).usage is None


def test_a_moderation_chunk() -> None:
    """A chunk without choices and usage that carries something else is kept, and says nothing."""
    response = read(*HELLO[:5], envelope(usage=None, moderation={"input": {"flagged": False}}), DONE)
    assert response.extra["moderation"] == {"input": {"flagged": False}}
    assert response.usage is not None


def test_unknown_fields_are_kept() -> None:
    """Fields no one knows are kept where they came: of the chunk, of the choice, of the message."""
    response = read(
        chunk({"role": "assistant", "content": "Hel", "channel": "final"}, provider="somebody", citations=["a"]),
        envelope(choice({"content": "lo"}, matched_stop=7, native_finish_reason="end"), citations=["a", "b"]),
        STOP,
        DONE,
    )
    kept = {"object": "chat.completion.chunk", "created": 1_700_000_000}
    assert response.extra == kept | {"provider": "somebody", "citations": ["a", "b"]}
    assert response.choices[0].extra == {"matched_stop": 7, "native_finish_reason": "end"}
    assert response.choices[0].message_extra == {"channel": "final"}


def test_padding_is_dropped() -> None:
    """Padding against traffic analysis, OpenAI's and Mistral's, is not kept."""
    response = read(
        chunk({"content": "Hello"}, obfuscation="x7Kq", p="abcdefgh"), chunk({}, finish="stop", obfuscation=""), DONE
    )
    assert response.extra == {"object": "chat.completion.chunk", "created": 1_700_000_000}


@pytest.mark.parametrize(
    ("tiers", "expected"),
    [
        (["default"], "default"),
        ([None, "flex"], "flex"),
        (["auto", "priority"], "priority"),
        ([""], None),
        ([None], None),
    ],
)
def test_service_tier(tiers: list[str | None], expected: str | None) -> None:
    """The service tier is the last one named; an empty one is none."""
    assert read(*(chunk({"content": "a"}, service_tier=tier) for tier in tiers), STOP, DONE).service_tier == expected


def test_the_first_id_and_model_count() -> None:
    """Where a proxy changes the id with every chunk, the first that is not empty names the response."""
    events = decode(chunk({"content": "a"}, id="one"), chunk({"content": "b"}, id="two", model="other"), STOP, DONE)
    assert events[0] == StreamStart("one", "gpt-4o-mini")
    assert (response_of(events).id, response_of(events).model) == ("one", "gpt-4o-mini")


def test_an_id_that_comes_late() -> None:
    """An id named only after the text began is still the response's."""
    payloads = (chunk({"content": "a"}, id="", model=None), chunk({"content": "b"}), chunk({"content": "c"}), DONE)
    response = read(*payloads)
    assert (response.id, response.model, response.text) == ("chatcmpl-1", "gpt-4o-mini", "abc")


def test_a_finish_reason_twice() -> None:
    """A finish reason told again with the usage changes nothing and tells no call twice."""
    again = chunk({"role": "assistant", "content": ""}, finish="tool_calls", usage=USAGE)
    events = decode(*LOOK[:5], again, DONE)
    assert [type(event) for event in events].count(ToolCallDone) == 1
    assert response_of(events).finish_reason is FinishReason.TOOL_CALL


def test_perplexity() -> None:
    """A stream with the message so far beside each delta, and no [DONE], is read once and ends well."""
    events = decode(
        envelope(
            choice({"role": "assistant", "content": "Hel"}, message={"role": "assistant", "content": "Hel"}),
            usage=USAGE,
        ),
        envelope(
            choice({"role": "assistant", "content": "lo"}, message={"role": "assistant", "content": "Hello"}),
            usage=USAGE,
        ),
        envelope(
            choice(
                {"role": "assistant", "content": ""}, finish="stop", message={"role": "assistant", "content": "Hello"}
            ),
            object="chat.completion.done",
            citations=["https://example.com"],
            usage=USAGE | {"cost": {"total_cost": 0.01}},
        ),
    )
    assert text_of(events) == "Hello"
    assert response_of(events).extra["citations"] == ["https://example.com"]
    assert response_of(events).finish_reason is FinishReason.STOP


def test_the_response_so_far() -> None:
    """The response is known at any time, and has no finish reason before the end."""
    decoder = StreamDecoder()
    seen = []
    for payload in HELLO[:4]:
        decoder.feed(raw(payload))
        seen.append((decoder.response.text, decoder.response.finish_reason))
    assert seen == [("", None), ("Hel", None), ("Hello", None), ("Hello", FinishReason.STOP)]


def test_a_response_does_not_change_later() -> None:
    """A response taken from the decoder stays what it was while the stream goes on."""
    token = {"token": "a", "logprob": -0.1, "bytes": [97], "top_logprobs": []}
    pieces = [
        envelope(
            choice({"content": "a", "notes": [position]}, logprobs={"content": [token]}, seen=position),
            **{f"x{position}": 1},
        )
        for position in range(3)
    ]
    decoder = StreamDecoder()
    decoder.feed(raw(pieces[0]))
    decoder.feed(raw(pieces[1]))
    taken = decoder.response
    before = repr(taken)
    decoder.feed(raw(pieces[2]))
    decoder.finish()
    assert repr(taken) == before


def test_created_is_when_the_stream_began() -> None:
    """A `created` that grows from chunk to chunk is kept the same whether a chunk is read typed or leniently."""
    texts = [chunk({"content": "a"}, created=second) for second in (1, 2, 3)]
    plain = read(*texts, DONE)
    marked = read(*(text | {"provider": "x"} for text in texts), DONE)
    assert plain.extra["created"] == marked.extra["created"]


def test_a_decoder_gives_one_stream() -> None:
    """Two decoders share nothing."""
    one, other = StreamDecoder(), StreamDecoder()
    events: list[StreamEvent] = []
    for payload in HELLO:
        events += one.feed(raw(payload))
    assert response_of(events).text == "Hello"
    assert other.response == ModelResponse()
