"""Tests of `responses.steady`: the benchmark streams of the Responses API."""

import time

import pytest

from shim.testing.fake_openai import Burst, FakeOpenAI, Paced
from shim.testing.fake_openai.responses.steady import steady_events
from tests.testing.fake_openai.responses.responding import respond, streamed


def test_a_model_name_asks_for_a_burst(server: FakeOpenAI) -> None:
    """`fake-burst-N` streams N text deltas inside a whole stream, numbered, and counts them."""
    events = streamed(server, model="fake-burst-1000")
    deltas = [event for event in events if event["type"] == "response.output_text.delta"]
    assert [event["delta"] for event in deltas] == [" word"] * 1000
    assert all(event["obfuscation"] for event in deltas)
    last = events[-1]["response"]
    assert last["output"][0]["content"][0]["text"] == " word" * 1000
    assert (last["status"], last["usage"]["output_tokens"], last["model"]) == ("completed", 1000, "fake-burst-1000")


def test_it_has_the_events_of_any_other_stream(server: FakeOpenAI) -> None:
    """But for what is said, a benchmark stream has the same events with the same fields as the persona's."""
    burst, told = streamed(server, model="fake-burst-4"), streamed(server, "Count to 4")
    assert [(event["type"], sorted(event)) for event in burst] == [(event["type"], sorted(event)) for event in told]


def test_a_model_name_asks_for_a_pace(server: FakeOpenAI) -> None:
    """`fake-paced-RxN` streams N text deltas, R events a second."""
    began = time.monotonic()
    assert len(streamed(server, model="fake-paced-100x10")) == 18
    assert time.monotonic() - began >= 17 / 100


def test_a_planned_burst_speaks_the_api_it_is_asked_in(server: FakeOpenAI) -> None:
    """`Burst` and `Paced` answer a Responses request with Responses events, without padding when told so."""
    server.plan(Burst(2, text=" tick"), Paced(2, per_second=200))
    bare = {"stream_options": {"include_obfuscation": False}}
    events = streamed(server, **bare)
    assert [event.get("delta") for event in events[4:6]] == [" tick", " tick"]
    assert not any("obfuscation" in event for event in events)
    assert len(streamed(server)) == 10


def test_without_a_stream_the_name_is_just_a_name(server: FakeOpenAI) -> None:
    """A request that asks for JSON gets the usual answer."""
    assert respond(server, model="fake-burst-1000").json["object"] == "response"


@pytest.mark.parametrize("model", ["fake-burst-0", "fake-burst-9999999", "fake-paced-0x5"])
def test_senseless_counts_are_unknown_models(server: FakeOpenAI, model: str) -> None:
    """Counts out of bounds get the 400 of an unknown model."""
    got = respond(server, model=model, stream=True)
    assert (got.status, got.error["code"]) == (400, "model_not_found")


def test_the_events_are_made_once() -> None:
    """Equal requests share their bytes, about 300 to an event."""
    first, second = (steady_events({"model": "m"}, events=50, text="x") for _ in range(2))
    assert first is second
    assert first.shared
    assert 230 < len(first.pieces[20]) < 360
