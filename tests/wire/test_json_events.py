"""Tests of `shim.wire.json_events`: blank lines left out, a last event without its own, payloads that frame no JSON."""

from __future__ import annotations

import json

import pytest

from shim.wire.json_events import JsonEventDecoder, repaired
from shim.wire.sse import SSEDecoder
from tests.wire.chat.chunks import DONE, HELLO, read, response_of
from tests.wire.responses import answers

ONE, TWO = json.dumps({"a": [{}, {"b": "}"}]}).encode(), b'{"c": 1}'
SPLITS = [1, 2, 7, 10_000]


def payloads(body: bytes, *, size: int = 10_000) -> list[bytes]:
    """What a stream is cut into, fed in pieces of a size."""
    decoder = JsonEventDecoder()
    found = [payload for at in range(0, len(body), size) for payload in decoder.payloads(body[at : at + size])]
    return found + decoder.last_payloads()


@pytest.mark.parametrize("size", SPLITS)
@pytest.mark.parametrize(
    "line", [b"data: %s\n", b"data:%s\n", b"data: %s\r\n", b"event: x\ndata: %s\n", b"data: %s\nid: 1\n"]
)
def test_events_without_blank_lines_are_events(line: bytes, size: int) -> None:
    """A server that ends an event with one line end is read as one that ends it with two, however its bytes are split."""
    body = b"".join(line % each for each in (ONE, TWO, DONE))
    assert payloads(body, size=size) == [ONE, TWO, DONE]


@pytest.mark.parametrize("size", SPLITS)
def test_an_event_is_told_with_the_line_that_shows_its_end(size: int) -> None:
    """Without blank lines the words of an answer still come as they are sent, one line behind."""
    decoder = JsonEventDecoder()
    body = b"data: %s\ndata: %s\n" % (ONE, TWO)
    assert [each for at in range(0, len(body), size) for each in decoder.payloads(body[at : at + size])] == [ONE]


@pytest.mark.parametrize("size", SPLITS)
def test_one_object_on_several_lines_stays_one(size: int) -> None:
    """JSON that a server breaks over several data lines is joined as the standard says."""
    value = {"a": [{"b": 1}, {"c": {}}], "d": {"e": [{}]}}
    for indent in (0, 1, 4):
        lines = json.dumps(value, indent=indent).encode().split(b"\n")
        assert [
            json.loads(each) for each in payloads(b"".join(b"data: %s\n" % each for each in lines) + b"\n", size=size)
        ] == [value]


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [TWO, DONE])
def test_a_last_event_without_its_blank_line_is_told(last: bytes, end: bytes) -> None:
    """An error, a finish or `[DONE]` at the very end of a stream is not lost for want of a blank line."""
    assert payloads(b"data: %s\n\ndata: %s%s" % (ONE, last, end)) == [ONE, last]


@pytest.mark.parametrize(
    "rest", [b'data: {"a": ', b'data: {"a": {}', b"data: [DO", b"data", b"event: x\n", b": hi", b"", b"data: 1"]
)
def test_a_last_event_that_did_not_come_whole_is_not_told(rest: bytes) -> None:
    """What a cut has left of an event is not taken for one."""
    assert payloads(b"data: %s\n\n%s" % (ONE, rest)) == [ONE]


def test_the_standard_is_kept_by_its_own_decoder() -> None:
    """`SSEDecoder` joins two data lines, whatever is in them."""
    assert [event.data for event in SSEDecoder().feed(b"data: {}\ndata: {}\n\n")] == [b"{}\n{}"]


@pytest.mark.parametrize("payload", [b": keepalive", b":", b"ping", b"PING", b"keep-alive", b"heartbeat"])
def test_a_comment_in_data_says_nothing(payload: bytes) -> None:
    """A gateway that keeps its stream alive with data that is no JSON breaks no answer, in either API."""
    assert repaired(payload) == b""
    assert read(payload, *HELLO[:2], payload, *HELLO[2:]).text == "Hello"
    events = answers.stream(answers.CREATED, payload, answers.delta("hi"), payload, answers.ended())
    assert response_of(events).text == "hi"


def test_a_frame_around_a_frame_is_taken_off() -> None:
    """A gateway that writes `data: data:` is read, its `[DONE]` too."""
    framed = [b"data: " + (each if isinstance(each, bytes) else json.dumps(each).encode()) for each in HELLO]
    assert read(*framed).text == "Hello"
    assert repaired(b"data:data: {}") == b"{}"
    assert repaired(b"{oops") is None
