"""Tests of what is kept of a recorded answer: outcome, category, times, and no word of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from shim.comparison.two_recordings.recorded_observation import observation_of
from shim.recording.exchange import Exchange, TransportFault, UnreadableExchangeError
from tests.comparison.two_recordings.asked import EMBEDDINGS_URL, ask_responses
from tests.helpers.exchanges import CHUNKS, exchange, sse, streamed

TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "required": ["city"]}}}


def test_an_answer_is_measured() -> None:
    """Finish reason, length, usage, model and time are those of the recording."""
    seen = observation_of(exchange())
    assert (seen.ending, seen.status, seen.finish_reason, seen.characters) == ("answered", 200, "stop", 6)
    assert (seen.model, seen.input_tokens, seen.output_tokens, seen.seconds) == ("gpt-4o", 8, 2, 1.0)
    assert seen.first_event is None


def test_a_stream_begins_with_its_first_event() -> None:
    """Comments that keep a connection alive are no first event."""
    pieces = (b": waiting\n\n", b": waiting\n\n", *(sse(chunk, done=False) for chunk in CHUNKS), b"data: [DONE]\n\n")
    seen = observation_of(streamed(*pieces))
    assert seen.streamed
    assert seen.first_event == pytest.approx(0.4)
    assert observation_of(streamed()).first_event == pytest.approx(0.2)


def test_both_apis_are_read() -> None:
    """An answer of the Responses API has the same fields."""
    seen, other = observation_of(ask_responses()), observation_of(exchange())
    assert (seen.finish_reason, seen.characters, seen.tokens) == (other.finish_reason, other.characters, other.tokens)


@pytest.mark.parametrize(("arguments", "valid"), [('{"city": "Bern"}', True), ("{}", False), ("no json", False)])
def test_arguments_are_held_against_the_recorded_schema(arguments: str, valid: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """A tool's arguments are valid by the schema in the recorded request."""
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": arguments}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    answer = {"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
    asked = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "tools": [TOOL]}
    seen = observation_of(exchange(asked, json.dumps(answer).encode()))
    assert (seen.tools, seen.arguments_valid) == (("weather",), valid)


FAULT = TransportFault(stage="connect", kind="requests.exceptions.ConnectTimeout", message="timed out")


@pytest.mark.parametrize(
    ("made", "category"),
    [
        (exchange({"model": "m", "messages": []}, b"{}", status=429), "rate_limit"),
        (exchange({"model": "m", "messages": []}, b"{}", status=500), "server"),
        (streamed(sse(*CHUNKS[:2], done=False)), "truncated"),
        (streamed(sse(*CHUNKS[:2], done=False), ended="aborted"), "aborted"),
        (replace(exchange(), response=None, ended="failed", fault=FAULT), "timeout"),
        (exchange(b'{"input": "Hi"}', b"{}", url=EMBEDDINGS_URL, status=401), "auth"),
        (exchange(b'{"input": "Hi"}', b"{", url=EMBEDDINGS_URL, ended="aborted"), "aborted"),
        (replace(exchange(b"{}", url=EMBEDDINGS_URL), response=None, ended="failed", fault=FAULT), "timeout"),
    ],
)
def test_a_failure_has_its_category(made: Exchange, category: str) -> None:
    """What failed on the wire is told by category: a status, a cut by the server, a caller that went, no connection."""
    seen = observation_of(made)
    assert (seen.ending, seen.category, seen.seconds) == ("failed", category, None)


def test_another_endpoint_is_told_by_status_and_time() -> None:
    """Of an embedding it is kept that it came, and how long it took."""
    seen = observation_of(exchange(b'{"input": "Hi"}', b"{}", url=EMBEDDINGS_URL))
    assert (seen.ending, seen.status, seen.seconds, seen.characters) == ("answered", 200, 1.0, None)


def test_a_body_that_was_left_out_is_told() -> None:
    """An answer whose body was not kept says nothing, and why is in the error."""
    made = exchange(ended="overflow")
    with pytest.raises(UnreadableExchangeError, match="max_body"):
        observation_of(made)
    with pytest.raises(UnreadableExchangeError, match="neither"):
        observation_of(replace(exchange(b"{}", url=EMBEDDINGS_URL), response=None))


def test_an_unreadable_request_declares_no_tools() -> None:
    """A request that cannot be read leaves its answer measured all the same."""
    seen: Any = observation_of(exchange(b'{"model": 3}'))
    assert (seen.ending, seen.characters) == ("answered", 6)
