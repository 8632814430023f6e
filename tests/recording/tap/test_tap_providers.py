"""Tests of the tap on the two providers: nothing changes for them, and both tell the same of the same answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from shim.legacy_adapter import LegacyProvider
from shim.model import ErrorCategory, ModelRequest, StreamEvent, user
from shim.native import NativeProvider
from shim.provider import Provider
from shim.recording.exchange import Exchange
from shim.recording.tap.session_tap import tap
from shim.testing.fake_openai import (
    Burst,
    Cut,
    Drip,
    FakeOpenAI,
    Garbage,
    JsonToStream,
    RawResponse,
    Reset,
    Stall,
    Status,
    Where,
    stream_failed,
)
from tests.helpers.driving import PATIENCE_SECONDS, Heard, ask, drive
from tests.recording.tap.tapping import KEY, body_of

HELLO = ModelRequest("gpt-4o", (user("Hello"),))


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    """A server that knows the key."""
    with FakeOpenAI(api_key=KEY) as running:
        yield running


def legacy(server: FakeOpenAI, **settings: Any) -> LegacyProvider:
    """The legacy provider on a session of its own."""
    return LegacyProvider(api_key=KEY, base_url=server.base_url, read_timeout=0.4, **settings)


def native(server: FakeOpenAI) -> NativeProvider:
    """The native provider, with the same API."""
    return NativeProvider(api_key=KEY, base_url=server.base_url, read_timeout=0.4, api="chat_completions")


BEHAVIOURS: list[Any] = [
    Burst(20),
    Drip(size=9, delay=0.0),
    Status(401),
    Status(500),
    Cut(after_events=3),
    Cut(Where.BEFORE_HEADERS),
    Cut(after_bytes=500),
    Reset(Where.BEFORE_HEADERS),
    Garbage(after_events=3, framed=True),
    Garbage(after_events=3),
    Stall(after_events=3),
    JsonToStream(),
    stream_failed(),
    RawResponse([b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", b"data: [DONE]\n\n"]),
    RawResponse([b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 99\r\n\r\n", b"data: {}\n\n"]),
    RawResponse([b"HTTP/1.1 502 Bad\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n", b"{}"]),
]


@pytest.mark.slow
@pytest.mark.parametrize("behaviour", BEHAVIOURS, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("make", [legacy, native])
def test_a_provider_notices_nothing(server: FakeOpenAI, behaviour: Any, make: Any) -> None:
    """With the tap a provider tells the same events and the same completion as without it, whatever the server does."""
    server.plan(behaviour, behaviour)
    told = []
    exchanges: list[Exchange] = []
    with make(server) as provider:
        told.append(heard(provider))
    with make(server) as provider, tap(provider, exchanges.append) as taken:  # another: the server may just be closing
        told.append(heard(provider))
    assert told[0] == told[1]
    assert (len(exchanges), taken.failed) == (1, 0)
    assert KEY not in repr(exchanges)


def heard(provider: Provider) -> tuple[list[str], str, int | None]:
    """What a provider tells of one streamed request, without what differs from answer to answer."""
    one = ask(provider, HELLO, stream=True)
    completion = one.completion
    error = completion.error
    words = "ok" if error is None else f"{error.category} {error.message}"
    kinds = [type(event).__name__ for event in one.events]
    return ([] if len(kinds) > 50 else sorted(set(kinds))), words, completion.http_status


def test_both_record_the_same_answer(server: FakeOpenAI) -> None:
    """The legacy client and the native provider, each with its tap, record the same body and the same end."""
    server.plan(Burst(30), Burst(30))
    exchanges: list[Exchange] = []
    for make in (legacy, native):
        with make(server) as provider, tap(provider, exchanges.append):
            ask(provider, HELLO, stream=True)
    one, other = exchanges
    assert body_of(one) == body_of(other)
    assert one.ended == other.ended == "complete"
    assert one.response is not None
    assert other.response is not None
    assert one.response.status == other.response.status == 200
    assert (
        dict(one.request.headers)["Authorization"] == dict(other.request.headers)["Authorization"] == "Bearer [removed]"
    )


@pytest.mark.parametrize("given", [True, False])
def test_cancelling_ends_the_recording(server: FakeOpenAI, given: bool) -> None:  # noqa: FBT001 - pytest passes parameters so
    """A stream that is cancelled in its middle completes at once with the tap as well, and no exchange is left open."""
    exchanges: list[Exchange] = []
    with requests.Session() as session:
        session.trust_env = False
        provider = legacy(server, session=session if given else None)
        one = Heard()

        def cancel(_event: StreamEvent) -> None:
            if len(one.events) == 3:
                provider.cancel(one.handle)

        one._act = cancel
        with provider, tap(provider, exchanges.append) as taken:
            request = ModelRequest("fake-paced-500x20", (user("Hello"),))
            one.handle = provider.start_stream(request, one.on_event, one.on_completion)
            drive(provider, until=lambda: one.done)
            assert one.completion.error is not None
            assert one.completion.error.category is ErrorCategory.CANCELLED
            provider.close()
            taken.flush()
            assert [each.ended for each in exchanges] in ([["aborted"]] if given else [["aborted"], ["failed"]])
    assert not [thread for thread in threading.enumerate() if "legacy" in thread.name.lower()]


def test_cancelling_the_native_provider(server: FakeOpenAI) -> None:
    """A cancelled transfer of the native provider is recorded as aborted, with what had come."""
    exchanges: list[Exchange] = []
    with native(server) as provider, tap(provider, exchanges.append):
        one = Heard()
        request = ModelRequest("fake-paced-500x20", (user("Hello"),))
        one.handle = provider.start_stream(request, one.on_event, one.on_completion)
        drive(provider, until=lambda: bool(one.events))
        provider.cancel(one.handle)
        drive(provider, until=lambda: one.done)
    assert [each.ended for each in exchanges] == ["aborted"]
    assert body_of(exchanges[0]).startswith(b"data: ")


def test_a_reset_of_the_native_provider(server: FakeOpenAI) -> None:
    """A transfer that breaks off has its fault, in the transport's words."""
    server.plan(Reset(after_events=3))
    exchanges: list[Exchange] = []
    with native(server) as provider, tap(provider, exchanges.append):
        ask(provider, HELLO, stream=True)
    (made,) = exchanges
    assert made.ended == "failed"
    assert made.fault is not None
    assert made.fault.stage == "body"


def test_a_removed_tap_leaves_the_provider_alone(server: FakeOpenAI) -> None:
    """After `remove` neither provider is watched any more."""
    exchanges: list[Exchange] = []
    for make in (legacy, native):
        with make(server) as provider:
            tap(provider, exchanges.append).remove()
            ask(provider, HELLO, stream=False)
    assert not exchanges
    assert PATIENCE_SECONDS
