"""Tests of the answer as JSON: the forms programs can rely on."""

from __future__ import annotations

import json
from typing import get_args

from shim.cli.json_output import EVENT_NAMES, event_fields
from shim.model import ProviderError, StreamError, StreamEvent
from tests.cli.conftest import RunShim

FIELDS = {
    "id",
    "model",
    "text",
    "reasoning",
    "refusal",
    "tool_calls",
    "finish_reason",
    "usage",
    "service_tier",
    "request_id",
}


def test_a_whole_answer_is_one_object(run_shim: RunShim) -> None:
    """`--json` prints one object with the same fields for every answer, and nothing on standard error."""
    ran = run_shim("chat", "Count to 3", "--json")
    answer = json.loads(ran.out)
    assert (ran.status, ran.err, set(answer)) == (0, "", FIELDS)
    assert (answer["text"], answer["finish_reason"], answer["tool_calls"]) == ("1, 2, 3.", "stop", [])
    assert (answer["usage"]["input_tokens"], answer["usage"]["output_tokens"]) == (7, 3)


def test_events_are_one_object_a_line(run_shim: RunShim) -> None:
    """`--json --stream` prints each event on a line, and the last has the whole answer."""
    ran = run_shim("chat", "Count to 3", "--json", "--stream")
    first, *deltas, done = map(json.loads, ran.out.splitlines())
    assert (first["event"], {each["event"] for each in deltas}, done["event"]) == (
        "stream_start",
        {"text_delta"},
        "stream_done",
    )
    assert "".join(each["text"] for each in deltas) == done["response"]["text"] == "1, 2, 3."
    assert set(done["response"]) == FIELDS


def test_every_event_has_a_name() -> None:
    """Each kind of event has a name of its own, the one a client never yields included."""
    assert set(EVENT_NAMES) == set(get_args(StreamEvent))
    assert len(set(EVENT_NAMES.values())) == len(EVENT_NAMES)
    failed = event_fields(StreamError(ProviderError("server", "down")))
    assert failed == {"event": "stream_error", "category": "server", "message": "down"}
