"""Tests of how a stream ends in `shim.wire.chat.stream`: well, with an error of its own, or cut short, never by accident."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shim.model import (
    ErrorCategory,
    FinishReason,
    ModelResponse,
    StreamDone,
    StreamError,
    StreamStart,
)
from shim.wire.chat import StreamDecoder
from tests.helpers.events import assert_well_formed, text_of
from tests.wire.chat.chunks import (
    CALLED,
    DONE,
    HELLO,
    LOOK,
    OPENER,
    STOP,
    Payload,
    call,
    choice,
    chunk,
    decode,
    envelope,
    error_of,
    fail,
    raw,
    read,
    response_of,
)

ERROR = {"error": {"message": "Slow down", "type": "requests", "code": "rate_limit_exceeded", "param": None}}


@pytest.mark.parametrize("done", [b"[DONE]", b" [DONE]", b"[DONE] ", b"[DONE]\n", b"\t[DONE]\r\n"], ids=repr)
def test_done_ends_the_stream(done: bytes) -> None:
    """[DONE] ends a stream at once, whatever white space stands around it."""
    decoder = StreamDecoder()
    events = [event for payload in (*HELLO[:4], done) for event in decoder.feed(raw(payload))]
    assert_well_formed(events)
    assert isinstance(events[-1], StreamDone)
    assert decoder.ended


def test_nothing_comes_after_the_end() -> None:
    """After [DONE] or an error neither data nor the end of the body gives an event, or changes the response."""
    for last in (DONE, raw(ERROR), b"nope"):
        decoder = StreamDecoder()
        for payload in (*HELLO[:3], last):
            decoder.feed(raw(payload))
        before = decoder.response
        assert decoder.feed(raw(chunk({"content": "more"}))) == decoder.feed(b"nope") == decoder.finish() == []
        assert decoder.response == before


def test_a_finish_reason_is_an_end() -> None:
    """The body's end after every choice's finish reason is a good end without [DONE]."""
    assert read(*HELLO[:4]).text == "Hello"


def test_done_without_finish_reason() -> None:
    """[DONE] without a finish reason ends a stream well, with a reason unknown, or tool calls if there are any."""
    assert read(*HELLO[:3], DONE).finish_reason is FinishReason.UNKNOWN
    assert read(*LOOK[:4], DONE).finish_reason is FinishReason.TOOL_CALL
    assert read(*HELLO[:3], DONE).choices[0].raw_finish_reason is None


def test_done_alone() -> None:
    """A stream of [DONE] alone is an empty response."""
    assert decode(DONE) == [StreamStart("", ""), StreamDone(ModelResponse())]


@pytest.mark.parametrize("stream", [HELLO, LOOK], ids=["text", "call"])
def test_a_stream_cut_short_is_truncated(stream: tuple[Payload, ...]) -> None:
    """A stream cut before its finish reason, after any payload, is an error with what had arrived."""
    finished = stream.index(STOP if STOP in stream else CALLED)
    for length in range(len(stream)):
        events = decode(*stream[:length])
        if length > finished:
            assert isinstance(events[-1], StreamDone)
            continue
        error = error_of(events)
        assert error.category is ErrorCategory.TRUNCATED
        assert (f"after {length} payloads" if length else "before its first payload") in error.message
        assert error.partial is not None
        assert error.partial.text == text_of(events)
        assert error.partial.finish_reason is None


def test_a_payload_cut_short_at_the_end_is_truncated() -> None:
    """A last payload that stops inside its JSON, as clients that hand on unfinished lines give it, is an early end."""
    error = fail(*HELLO[:2], raw(HELLO[2])[:40])
    assert error.category is ErrorCategory.TRUNCATED
    assert "inside payload 3" in error.message
    assert error.partial is not None
    assert error.partial.text == "Hel"


def test_a_payload_cut_short_in_the_middle_is_malformed() -> None:
    """A payload that stops inside its JSON and is followed by another is a protocol error naming its position."""
    error = fail(*HELLO[:2], raw(HELLO[2])[:40], DONE)
    assert error.category is ErrorCategory.PROTOCOL
    assert error.message.startswith("payload 3 of the stream is not JSON")


def test_one_choice_cut_short_is_truncated() -> None:
    """A stream in which one of two choices has no finish reason is truncated."""
    error = fail(chunk({"content": "a"}), chunk({"content": "b"}, index=1), STOP)
    assert error.category is ErrorCategory.TRUNCATED


def test_an_empty_finish_reason_is_none() -> None:
    """A finish reason of "" means not yet: such a stream without [DONE] is truncated."""
    assert fail(chunk({"content": "a"}, finish="")).category is ErrorCategory.TRUNCATED
    assert read(chunk({"content": "a"}, finish=""), DONE).text == "a"


# --- errors ---

BROKEN: dict[str, bytes] = {
    "half an object": b'{"id": "chatcmpl-1", "choices": [{"in',
    "half an object of unknown fields": b'{"x_groq": {"id": "re',
    "words": b"upstream connect error",
    "half a list": b"[1, 2",
    "html": b"<html><body>502</body></html>",
    "a word after done": b"[DONE",
    "bytes that are not UTF-8": b'{"id": "\xff\xfe", "choices": []}',
    "unknown bytes that are not UTF-8": b'{"provider": "\xff\xfe", "choices": []}',
    "not JSON but Python": b'{"id": NaN}',
    "a number out of range": b'{"usage": {"prompt_tokens": 1e999}}',
    "nested without end": b'{"a":' * 100_000,
    "two objects": b"{}{}",
    "a list": b"[]",
    "a list of chunks": b'[{"choices": []}]',
    "a string": b'"hi"',
    "a number": b"1",
    "null": b"null",
    "true": b"true",
}


@pytest.mark.parametrize("case", BROKEN)
def test_malformed_data_is_named(case: str) -> None:
    """A payload that is not a chunk is a protocol error with its position and what had arrived, never skipped."""
    events = decode(*HELLO[:2], BROKEN[case], *HELLO[2:])
    error = error_of(events)
    assert error.category is ErrorCategory.PROTOCOL
    assert "payload 3 of the stream is" in error.message
    assert error.partial is not None
    assert error.partial.text == text_of(events) == "Hel"


def test_malformed_data_is_quoted_in_short() -> None:
    """The error of a malformed payload shows its beginning and not all of it."""
    message = fail(b"oops " * 10_000).message
    assert "oops oops" in message
    assert len(message) < 500


def test_malformed_data_shows_no_key() -> None:
    """An API key in a malformed payload is not in its error."""
    error = fail(b"Incorrect API key provided: sk-proj-abcdef0123456789")
    assert "abcdef" not in str(error)
    assert "abcdef" not in str(error.body)


@pytest.mark.parametrize("empty", [b"", b" ", b"\t\n"], ids=repr)
def test_empty_data_keeps_alive(empty: bytes) -> None:
    """A payload without anything in it is a keep-alive and changes nothing."""
    assert decode(empty, OPENER, empty, *HELLO[1:]) == decode(*HELLO)


ERRORS: dict[str, tuple[dict[str, Any], ErrorCategory]] = {
    "OpenAI": (ERROR, ErrorCategory.RATE_LIMIT),
    "a server error": ({"error": {"message": "Oops", "type": "server_error", "code": None}}, ErrorCategory.SERVER),
    "an integer code": ({"error": {"message": "Overloaded", "code": 429}}, ErrorCategory.RATE_LIMIT),
    "Groq": (
        {"error": {"message": "Failed", "code": "tool_use_failed", "status_code": 400, "failed_generation": "<f>"}},
        ErrorCategory.INVALID_REQUEST,
    ),
    "a string": ({"error": "the model crashed"}, ErrorCategory.UNKNOWN),
    "a detail": ({"detail": "Something went wrong"}, ErrorCategory.UNKNOWN),
    "an object called error": ({"object": "error", "message": "Oops", "type": "server_error"}, ErrorCategory.SERVER),
    "with an id": ({"id": "chatcmpl-1", "choices": [], **ERROR}, ErrorCategory.RATE_LIMIT),
}


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_in_the_stream(case: str) -> None:
    """An error object in a stream is an error of its own category, with its body and what had arrived."""
    wire, category = ERRORS[case]
    events = decode(*HELLO[:2], wire, DONE)
    error = error_of(events)
    assert (error.category, error.http_status) == (category, 200)
    assert error.body == json.dumps(wire).encode()
    assert error.partial is not None
    assert error.partial.text == "Hel"


def test_an_error_first_is_alone() -> None:
    """An error before the stream began is its only event."""
    events = decode(ERROR)
    assert [type(event) for event in events] == [StreamError]
    assert error_of(events).code == "rate_limit_exceeded"


def test_an_error_beside_choices() -> None:
    """An error beside choices ends the stream after what that chunk adds."""
    events = decode(
        chunk({"content": "Hel"}), chunk({"content": "lo"}, error={"code": 400, "message": "No"}), STOP, DONE
    )
    assert text_of(events) == "Hello"
    assert error_of(events).category is ErrorCategory.INVALID_REQUEST
    partial = error_of(events).partial
    assert partial is not None
    assert partial.text == "Hello"


@pytest.mark.parametrize("nothing", [None, "", {}, False], ids=repr)
def test_an_error_of_nothing_is_none(nothing: object) -> None:
    """An `error` that is null or empty is no error."""
    assert read(*(chunk({"content": text}, error=nothing) for text in ("Hel", "lo")), STOP, DONE).text == "Hello"


def test_late_arguments_are_an_error() -> None:
    """Arguments for a call that its choice's finish had completed are a protocol error with their position."""
    error = fail(*LOOK[:5], chunk({"tool_calls": [call(0, "more")]}), DONE)
    assert error.category is ErrorCategory.PROTOCOL
    assert "payload 6 of the stream has arguments for tool call 0" in error.message


def test_half_a_character_that_is_late_and_stays_alone_is_an_error() -> None:
    """Half a character of arguments, behind a call that was complete, is late arguments when the stream has ended."""
    for end in ([DONE], []):
        error = fail(*LOOK[:5], chunk({"tool_calls": [call(0, "\ud83d")]}), *end)
        assert error.category is ErrorCategory.PROTOCOL
        assert "after it was complete" in error.message


def test_late_arguments_in_the_first_payload() -> None:
    """Late arguments in the very payload that begins a stream still come after its start."""
    whole = choice({"tool_calls": [call(0, "{}", id="call_1", name="look")]}, finish="tool_calls")
    error = fail(envelope(whole, choice({"tool_calls": [call(0, "more")]})))
    assert error.category is ErrorCategory.PROTOCOL


def test_a_late_call_is_another() -> None:
    """A whole new call after the finish reason is told like any other."""
    events = decode(*LOOK[:5], chunk({"tool_calls": [call(1, "{}", id="call_2", name="look")]}), DONE)
    assert [tool.id for tool in response_of(events).tool_calls] == ["call_1", "call_2"]
