"""Tests of `shim.testing.fake_openai.chat.steady`: the streams of the benchmarks."""

import time
from typing import Any

import pytest

from shim.testing.fake_openai import FakeOpenAI
from shim.testing.fake_openai.chat.steady import steady_answer
from tests.testing.fake_openai.asking import ask, chat


def named(model: str, **fields: Any) -> dict[str, Any]:
    return chat(stream=True, **fields) | {"model": model}


def test_a_model_name_asks_for_a_burst(server: FakeOpenAI) -> None:
    """`fake-burst-N` streams N text events between an opener and a finish."""
    chunks = ask(server, named("fake-burst-1000")).chunks
    texts = [chunk["choices"][0]["delta"].get("content") for chunk in chunks]
    assert texts == ["", *[" word"] * 1000, None]
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert chunks[0]["model"] == "fake-burst-1000"


def test_a_model_name_asks_for_a_pace(server: FakeOpenAI) -> None:
    """`fake-paced-RxN` streams N text events, R a second."""
    began = time.monotonic()
    chunks = ask(server, named("fake-paced-100x10")).chunks
    assert len(chunks) == 12
    assert time.monotonic() - began >= 12 / 100


def test_usage_is_there_when_asked_for(server: FakeOpenAI) -> None:
    """With include_usage the last chunk counts the events."""
    chunks = ask(server, named("fake-burst-5", stream_options={"include_usage": True})).chunks
    assert chunks[-1]["usage"]["completion_tokens"] == 5
    assert chunks[0]["usage"] is None


def test_without_a_stream_the_name_is_just_a_name(server: FakeOpenAI) -> None:
    """A request that asks for JSON gets the usual answer."""
    assert ask(server, chat() | {"model": "fake-burst-1000"}).json["object"] == "chat.completion"


@pytest.mark.parametrize("model", ["fake-burst-0", "fake-burst-9999999", "fake-paced-0x5", "fake-paced-5x0"])
def test_senseless_counts_are_unknown_models(server: FakeOpenAI, model: str) -> None:
    """Counts out of bounds get 404."""
    assert ask(server, named(model)).status == 404


def test_the_events_are_made_once() -> None:
    """Equal requests share their bytes, and equal events are one object."""
    first, second = (steady_answer({"model": "m"}, events=50, text="x") for _ in range(2))
    assert first is second
    assert first.shared
    assert len({id(piece) for piece in first.pieces[1:51]}) <= 50
