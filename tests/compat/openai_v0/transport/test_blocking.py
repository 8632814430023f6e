"""Tests of blocking calls: what is let go, and what is not mixed up."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from shim.compat.openai_v0.transport import blocking
from shim.testing.fake_openai import Cut, FakeOpenAI
from tests.helpers.loopback import Loopback
from tests.helpers.raw_server import SSE, RawServer, events, read, stall

HI = [{"role": "user", "content": "hi"}]


@pytest.fixture(params=["legacy", "native"])
def carried(openai: Any, request: pytest.FixtureRequest) -> Any:
    """The library, chat through each provider."""
    openai.use(request.param)
    return openai


def stream(openai: Any, model: str) -> Any:
    """A chat stream."""
    return openai.ChatCompletion.create(model=model, messages=HI, stream=True)


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, at most ten seconds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        gc.collect()
        threading.Event().wait(0.02)


def legacy_threads() -> list[str]:
    """The threads that the library has now."""
    return [each.name for each in threading.enumerate() if each.name.startswith(("legacy-openai", "shim-"))]


def test_a_stream_that_is_ended_at_what_is_no_chunk_does_not_seem_whole(
    carried: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came before a payload that no provider reads is given, and then an error: the rest of that stream is cut off."""
    first = b'{"object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"a"}}]}'
    with RawServer([[read, SSE, events(first, b"[1]"), stall]]) as server:
        monkeypatch.setattr(carried, "api_base", server.url)
        given: list[Any] = []
        with pytest.raises(carried.error.APIConnectionError):
            given.extend(stream(carried, "gpt-4"))
    assert given[0].choices[0].delta.content == "a"


@pytest.mark.slow
def test_calls_of_many_threads_are_kept_apart(carried: Any, fake: FakeOpenAI) -> None:
    """Each of many threads gets its own answers, whole and streamed."""

    def ask(number: int) -> bool:
        answer = carried.ChatCompletion.create(
            model="gpt-4", messages=HI, user=str(number), headers={"X-Number": str(number)}
        )
        return bool(answer.choices) and len(list(stream(carried, f"fake-burst-{number}"))) == number + 2

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(1, 25)))
    until(lambda: not legacy_threads())


@pytest.mark.slow
@pytest.mark.parametrize("read", [0, 1])
def test_a_stream_that_is_dropped_ends(carried: Any, fake: FakeOpenAI, read: int) -> None:
    """Dropping a stream, begun or not, ends its request and leaves no thread."""
    chunks = stream(carried, "fake-paced-50x100000")
    for _ in range(read):
        next(chunks)
    del chunks
    until(lambda: not legacy_threads())


def test_a_stream_that_is_open_holds_up_no_exit(fake: FakeOpenAI) -> None:
    """A program that still holds streams when it ends has ended at once: no lock of a thread that stands still is waited for."""
    program = (
        "from shim.compat import openai_v0 as openai\n"
        "asked = {'model': 'fake-paced-900x10000', 'messages': [{'role': 'user', 'content': 'hi'}], 'stream': True}\n"
        "held = [openai.ChatCompletion.create(**asked) for _ in range(1)]\n"
        "print([next(each)['object'] for each in held][0])\n"
    )
    environ = {**os.environ, "OPENAI_API_KEY": "sk-test", "OPENAI_API_BASE": fake.base_url}
    ran = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=10, env=environ
    )
    assert (ran.stdout, ran.stderr) == ("chat.completion.chunk\n", "")


def test_streams_of_one_thread_are_read_in_turns(carried: Any, fake: FakeOpenAI) -> None:
    """Several streams open at a time in one thread each give all they have."""
    open_streams = [stream(carried, "fake-burst-30") for _ in range(5)]
    counts = [0] * len(open_streams)
    for _ in range(32):
        for place, chunks in enumerate(open_streams):
            counts[place] += next(chunks, None) is not None
    assert counts == [32] * len(open_streams)


def test_a_chunk_without_news_is_not_held_back(openai: Any, loopback: Loopback) -> None:
    """A chunk is given out when it has come, though it tells nothing a provider has an event for and nothing follows."""
    openai.api_base = openai.api_base.replace("/s/chat", "/s/stream_stall")
    chunks = stream(openai, "gpt-4")
    assert next(chunks).choices[0].delta == {"role": "assistant", "content": ""}
    assert next(chunks).choices[0].delta == {"content": "Grü"}
    chunks.close()


def test_a_large_line_passes(openai: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single payload larger than all that may wait is given out whole."""
    import json

    from tests.helpers.loopback import Reply

    big = {"choices": [{"index": 0, "delta": {"content": "x" * 3_000_000}}]}
    body = b"data: " + json.dumps(big).encode() + b"\n\ndata: [DONE]\n\n"
    pieces = tuple(body[at : at + 60_000] for at in range(0, len(body), 60_000))
    reply = Reply(headers=(("Content-Type", "text/event-stream"),), chunks=pieces)
    with Loopback(lambda _request: reply) as server:
        monkeypatch.setattr(openai, "api_base", server.url)
        (chunk,) = list(stream(openai, "gpt-4"))
        assert chunk == big


def test_a_large_answer_passes(carried: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole answer larger than all that may wait in a stream comes back whole."""
    import json

    from tests.helpers.loopback import Reply

    big = {
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "y" * 4_000_000}, "finish_reason": "stop"}]
    }
    with Loopback(lambda _request: Reply(body=json.dumps(big).encode())) as server:
        monkeypatch.setattr(carried, "api_base", server.url)
        assert carried.ChatCompletion.create(model="gpt-4", messages=HI) == big


def test_kept_providers_are_bounded(openai: Any, loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses are called, providers of a few are kept."""
    monkeypatch.setattr(blocking, "MAX_POOLS", 2)
    for number in range(5):
        openai.ChatCompletion.create(model="m", messages=HI, api_base=f"{loopback.url}/s/chat/v{number}")
    assert len(blocking._pools._by_plan) == 2


@pytest.mark.parametrize("key", ["", "sk-test-key-0001 "])
def test_a_key_that_is_empty_or_ends_in_a_blank_is_sent(carried: Any, loopback: Loopback, key: str) -> None:
    """A server that wants no key gets none, and one that was read with a blank arrives without it, as servers read it."""
    carried.api_key = key
    assert carried.ChatCompletion.create(model="gpt-4", messages=HI).id == "chatcmpl-1"
    assert (loopback.received[0].header("Authorization") or "").rstrip() == f"Bearer {key}".rstrip()


@pytest.mark.parametrize(
    "base",
    ["", "localhost:1/v1", "http://", "https:///v1", "ftp://host/v1", "http://127.0.0.1:99999/v1", "http://[::1/v1"],
)
def test_an_address_that_is_none_is_told_in_the_words_of_requests(
    carried: Any, monkeypatch: pytest.MonkeyPatch, base: str
) -> None:
    """An `api_base` that names no host is an APIConnectionError, as it was, for every call, blocking and async."""
    monkeypatch.setattr(carried, "api_base", base)
    asked = {"model": "gpt-4", "messages": HI}
    for act in (
        lambda: carried.ChatCompletion.create(**asked),
        carried.Model.list,
        lambda: asyncio.run(carried.ChatCompletion.acreate(**asked)),
        lambda: asyncio.run(carried.Model.alist()),
    ):
        with pytest.raises(carried.error.APIConnectionError, match="Error communicating with OpenAI") as raised:
            act()
        assert isinstance(raised.value.__cause__, requests.exceptions.RequestException)


@pytest.mark.parametrize("where", ["head", "body"])
def test_an_alarm_counts_as_a_time_limit(carried: Any, loopback: Loopback, where: str) -> None:
    """A TimeoutError of a SIGALRM handler comes as 0.28 gave it: `requests` took it for a time limit of the connection."""

    def late(*_given: Any) -> None:
        raise TimeoutError("the program's own limit")

    carried.api_base = carried.api_base.replace("/s/chat", "/s/silent" if where == "head" else "/s/stream_stall")
    before = signal.signal(signal.SIGALRM, late)
    try:
        if where == "head":
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(carried.error.Timeout, match="Request timed out"):
                carried.ChatCompletion.create(model="gpt-4", messages=HI)
        else:
            chunks = stream(carried, "gpt-4")
            next(chunks)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(requests.exceptions.ConnectionError):
                list(chunks)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_an_answer_has_the_face_of_requests(carried: Any, loopback: Loopback) -> None:
    """Code that wraps `request_raw` may ask the answer of a chat call what it asks any of `requests`."""
    asked = {"model": "gpt-4", "messages": HI}
    answer = carried.api_requestor.APIRequestor().request_raw("post", "/chat/completions", params=asked)
    assert isinstance(answer, requests.Response)
    assert (answer.ok, answer.reason, answer.json()["id"]) == (True, "OK", "chatcmpl-1")
    assert (answer.text[:5], b"".join(answer.iter_content(10))) == ('{"id"', answer.content)
    assert answer.url == f"{carried.api_base}/chat/completions"
    carried.api_base = carried.api_base.replace("/s/chat", "/s/status_429")
    refused = carried.api_requestor.APIRequestor().request_raw("post", "/chat/completions", params=asked)
    with pytest.raises(requests.HTTPError, match="429"):
        refused.raise_for_status()


def test_a_key_is_in_no_error(openai: Any, loopback: Loopback) -> None:
    """An error body that repeats the whole key has it masked, and so has what requests says of a header."""
    openai.api_key = "sk-live-0123456789\n"
    with pytest.raises(openai.error.APIConnectionError) as raised:
        openai.ChatCompletion.create(model="m", messages=HI)
    link: BaseException | None = raised.value
    while link is not None:
        assert "sk-live" not in str(link) + repr(link)
        link = link.__cause__


def test_a_broken_stream_satisfies_both_catchers(carried: Any, loopback: Loopback) -> None:
    """A stream that is cut is caught as an exception of requests and as one of openai."""
    carried.api_base = carried.api_base.replace("/s/chat", "/s/stream_cut")
    for catcher in (
        requests.exceptions.ConnectionError,
        requests.exceptions.ChunkedEncodingError,
        carried.error.APIConnectionError,
    ):
        with pytest.raises(catcher):
            list(stream(carried, "gpt-4"))


@pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
def test_the_causes_of_a_broken_answer_come_to_an_end(carried: Any, fake: FakeOpenAI, streamed: bool) -> None:  # noqa: FBT001 - pytest's
    """Whoever follows the causes of what a broken answer raises, as trackers of errors do, meets each of them once."""

    def ask() -> None:
        answer = carried.ChatCompletion.create(model="gpt-4", messages=HI, stream=streamed)
        for _ in answer if streamed else ():
            pass

    async def ask_async() -> None:
        answer = await carried.ChatCompletion.acreate(model="gpt-4", messages=HI, stream=streamed)
        if streamed:
            async for _ in answer:
                pass

    for call in (ask, lambda: asyncio.run(ask_async())):
        fake.plan(Cut(after_bytes=9))
        with pytest.raises(carried.error.APIConnectionError) as raised:
            call()
        seen: list[BaseException] = []
        link: BaseException | None = raised.value
        while link is not None:
            assert link not in seen
            seen.append(link)
            link = link.__cause__
        assert len(seen) > 1


def test_a_key_is_in_no_error_of_the_standard_library(
    openai: Any, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the key ends in words of http.client, as with old versions of requests, they are not passed on."""

    def refusing(*_given: Any, **_named: Any) -> None:
        raise ValueError("Invalid header value b'Bearer sk-live-0123456789\\n'")

    openai.api_key = "sk-live-0123456789"
    monkeypatch.setattr("requests.Session.request", refusing)
    with pytest.raises(openai.error.APIConnectionError) as raised:
        openai.Model.list()
    assert "sk-live" not in str(raised.value)
    assert raised.value.__cause__ is None
