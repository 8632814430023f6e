"""Properties of the Responses codec: any bytes, any split, any faithful stream."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.model import InvalidRequestError, ModelRequest, ProviderError, StreamDone, StreamError, StreamEvent, user
from shim.wire import responses
from shim.wire.responses.item_events import HANDLERS
from shim.wire.sse import SSEDecoder
from tests.helpers.events import assert_well_formed
from tests.helpers.feeding import feed_three_ways
from tests.wire.responses.answers import (
    CREATED,
    added,
    answer,
    call,
    custom,
    done,
    ended,
    event,
    message,
    payload,
    reasoning,
    refusal,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

WORDS = st.text(st.characters(codec="utf-8"), max_size=12)
KINDS = ["message", "function_call", "custom_tool_call", "reasoning", "web_search_call", "message"]
TYPES = [
    *HANDLERS,
    *(f"response.{kind}" for kind in ("created", "completed", "incomplete", "failed", "odd")),
    "error",
    "keepalive",
]
TEXTS = [
    "id",
    "call_id",
    "name",
    "arguments",
    "input",
    "status",
    "role",
    "encrypted_content",
    "text",
    "refusal",
    "delta",
]
INDEXES = ["output_index", "content_index", "summary_index", "item_id"]
HOLDERS = [
    "content",
    "summary",
    "annotations",
    "logprobs",
    "item",
    "part",
    "response",
    "output",
    "usage",
    "incomplete_details",
]
FIELDS = [*TEXTS, *INDEXES, *HOLDERS, "error", "code", "message"]
SCALARS = st.none() | st.booleans() | st.integers(-1, 2) | st.floats(allow_nan=False, allow_infinity=False) | WORDS
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*FIELDS, "type"]), inner, max_size=5)
        | st.builds(
            lambda kind, rest: rest | {"type": kind},
            st.sampled_from(KINDS),
            st.dictionaries(st.sampled_from(FIELDS), inner),
        )
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.sampled_from(FIELDS), ANYTHING, max_size=8)
EVENTS = st.builds(lambda kind, fields: fields | {"type": kind}, st.sampled_from(TYPES), OBJECTS)

# Items as servers send them, each with an id of its own once numbered.
ITEMS = st.one_of(
    st.lists(st.builds(text, WORDS.filter(bool)) | st.builds(refusal, WORDS.filter(bool)), min_size=1, max_size=3).map(
        lambda blocks: message(*blocks)
    ),
    st.builds(call, WORDS),
    st.builds(custom, WORDS),
    st.lists(WORDS.filter(bool), max_size=2).map(lambda summary: reasoning(*summary, encrypted_content="gAAA")),
    WORDS.filter(bool).map(lambda words: reasoning(content=[{"type": "reasoning_text", "text": words}])),
    st.just({"type": "web_search_call", "status": "completed"}),
)


@st.composite
def outputs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """The items of a response, every id its own."""
    drawn = draw(st.lists(ITEMS, max_size=4))
    numbered = [item | {"id": f"item_{position}"} for position, item in enumerate(drawn)]
    return [
        item | {"call_id": f"call_{position}"} if "call_id" in item else item for position, item in enumerate(numbered)
    ]


# Type of a block or call -> the events that stream it.
STREAMED = {
    "output_text": "output_text",
    "refusal": "refusal",
    "summary_text": "reasoning_summary_text",
    "reasoning_text": "reasoning_text",
    "function_call": "function_call_arguments",
    "custom_tool_call": "custom_tool_call_input",
}


def told_in_pieces(draw: st.DrawFn, block: dict[str, Any], kind: str, **place: Any) -> list[dict[str, Any]]:
    """The events of one text or call: pieces cut anywhere, the whole, or both."""
    words = next((block[key] for key in ("text", "refusal", "arguments", "input") if block.get(key)), "")
    cuts = sorted(draw(st.lists(st.integers(0, len(words)), max_size=3)))
    whole, split = draw(st.sampled_from([(True, True), (True, False), (False, True)]))
    pieces = zip([0, *cuts], [*cuts, len(words)], strict=True) if split else ()
    told = [event(f"{kind}.delta", delta=words[start:end], **place) for start, end in pieces if start < end]
    return (
        [*told, event(f"{kind}.done", text=words, refusal=words, arguments=words, input=words, **place)]
        if whole
        else told
    )


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The items of a response, and the events of a faithful stream of them, as far as it goes before its end."""
    output = draw(outputs())
    told = [CREATED]
    for at, item in enumerate(output):
        told.append(added(bare(item), at))
        for field, key in (("content", "content_index"), ("summary", "summary_index")):
            for position, block in enumerate(item.get(field, ())):
                told += told_in_pieces(draw, block, STREAMED[block["type"]], output_index=at, **{key: position})
        if "call_id" in item:
            told += told_in_pieces(draw, item, STREAMED[item["type"]], output_index=at)
        if "call_id" in item or draw(st.booleans()):  # a call is done before the next, as servers send them
            told.append(done(item, at))
    return output, told[: draw(st.integers(0, len(told)))]


def bare(item: dict[str, Any]) -> dict[str, Any]:
    """An item as it began: nothing of what is told in pieces."""
    empty = {"content": [], "summary": [], "arguments": "", "input": ""}
    return {name: empty.get(name, value) for name, value in item.items()}


class Reader:
    """Reads the bytes of an event stream into its events."""

    def __init__(self) -> None:
        self._sse = SSEDecoder()
        self.stream = responses.StreamDecoder()

    def feed(self, data: bytes) -> Iterator[StreamEvent]:
        """Take the next bytes."""
        for found in self._sse.feed(data):
            yield from self.stream.feed(found.data)

    def finish(self) -> list[StreamEvent]:
        """Take the end."""
        return self.stream.finish()


@given(st.binary(max_size=60) | ANYTHING.map(payload))
def test_any_answer_is_read_or_an_error_of_ours(body: bytes) -> None:
    """Whatever bytes are read as an answer, only a provider error ever leaves."""
    try:
        response = responses.parse_response(body)
    except ProviderError:
        return
    assert isinstance(responses.events_of(response)[-1], StreamDone)


@pytest.mark.slow
@given(OBJECTS.map(lambda fields: answer() | fields))
def test_any_output_can_be_sent_back(fields: dict[str, Any]) -> None:
    """Whatever an answer holds, it can be sent back or is refused by name."""
    with suppress(ProviderError, InvalidRequestError):
        response = responses.parse_response(payload(fields))
        responses.serialize(ModelRequest("m", [user("hi"), response.message]), stream=False)


@pytest.mark.slow
@given(st.binary(max_size=60) | OBJECTS.map(lambda fields: payload({"model": "m", "input": [], **fields})))
def test_any_request_is_read_or_refused_by_name(body: bytes) -> None:
    """Whatever bytes are imported as a request, only an invalid-request error ever leaves."""
    with suppress(InvalidRequestError):
        assert responses.parse_request(body).messages


@pytest.mark.slow
@given(st.lists(st.dictionaries(st.sampled_from([*FIELDS, "type"]), ANYTHING, max_size=6), min_size=1, max_size=3))
def test_what_is_imported_comes_back(items: list[dict[str, Any]]) -> None:
    """Whatever items are imported, the same items are written again."""
    body = {"model": "m", "input": items}
    try:
        imported = responses.parse_request(payload(body))
    except InvalidRequestError:
        return
    assert responses.to_body(imported, stream=False) == body


@pytest.mark.slow
@given(st.lists(EVENTS.map(payload) | st.binary(max_size=10), max_size=10))
def test_any_stream_ends_once_and_in_order(payloads: list[bytes]) -> None:
    """Whatever payloads come, nothing is raised, and the stream ends once: calls in order, the start first."""
    decoder = responses.StreamDecoder()
    events = [found for one in payloads for found in decoder.feed(one)] + decoder.finish()
    endings = [found for found in events if isinstance(found, (StreamDone, StreamError))]
    assert endings == events[-1:]
    assert_well_formed([*events[:-1], StreamError(ProviderError("truncated", "stands for any end"))])
    assert decoder.feed(b"{}") == decoder.finish() == []


@pytest.mark.slow
@given(streams(), st.sampled_from([b"\n", b"\r\n"]))
def test_a_stream_says_what_the_whole_answer_says(told: tuple[Any, Any], end: bytes) -> None:
    """A stream, however its texts are cut and its bytes are split, makes the response the whole answer is."""
    output, events = told
    final = ended(*output)
    lines = [b"event: x" + end + b"data: " + payload(one) + end * 2 for one in [*events, final]]
    read = feed_three_ways(Reader, b"".join(lines), trailing=b": behind" + end)
    assert_well_formed(read)
    whole = responses.parse_response(json.dumps(final["response"]).encode())
    assert read[-1] == StreamDone(msgspec.structs.replace(whole, raw=None))


@given(outputs())
def test_an_answer_goes_back_as_it_came(output: list[dict[str, Any]]) -> None:
    """The items of an answer are the items the next request sends."""
    response = responses.parse_response(payload(answer(*output)))
    following = ModelRequest("m", [user("hi"), response.message])
    assert responses.to_body(following, stream=False)["input"][1:] == output or not output
