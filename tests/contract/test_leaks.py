"""Tests that nothing is kept: what a request held dies with its completion, and thousands leave memory where it was."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shim.model import ModelRequest, ModelResponse, StreamEvent, user
from shim.provider import Completion
from shim.testing.fake_openai import Behaviour, Cut, FakeOpenAI, Garbage, Reset, Status
from tests.helpers.driving import HELLO, Heard, drive, eventually, start
from tests.helpers.places import refusing
from tests.helpers.providers import AnyProvider, Make

ENDS: dict[str, Behaviour | tuple[Behaviour, ...]] = {
    "success": Status(200, body={"id": "c", "model": "m", "choices": [{"message": {"content": "Hi"}}]}),
    "status": Status(500),
    "cut": Cut(after_events=3),
    "reset": Reset(after_bytes=30),
    "garbage": Garbage(data=b"data: {oops\n\n", after_events=2, framed=True),
}
MANY = 10_000
AT_ONCE = 100


class TrackedRequest(ModelRequest, frozen=True, kw_only=True, weakref=True):
    """A request whose end of life can be seen."""


class Callbacks:
    """Two callbacks whose end of life can be seen; `raising` makes `on_event` raise."""

    def __init__(self, *, raising: bool = False) -> None:
        self.raising = raising
        self.done = 0
        self.watched: list[weakref.ref[Any]] = []

    def on_event(self, event: StreamEvent) -> None:
        """Take an event, or raise."""
        if self.raising:
            raise ValueError(event)

    def on_completion(self, completion: Completion) -> None:
        """Remember by a weak reference what may be watched; keep nothing."""
        self.done += 1
        self.watched.append(weakref.ref(completion.handle))
        if completion.error is not None:
            self.watched.append(weakref.ref(completion.error))


def all_counted(callbacks: Callbacks) -> Callable[[], bool]:
    """Whether the completion came; holds the callbacks only as long as it is held."""
    return lambda: callbacks.done > 0


def left_of(provider: AnyProvider, *, stream: bool, raising: bool = False) -> list[weakref.ref[Any]]:
    """Make a request and keep weak references to all that belonged to it."""
    callbacks = Callbacks(raising=raising)
    request = TrackedRequest(**msgspec.structs.asdict(HELLO))
    on_event = OnEvent(callbacks)
    if stream:
        provider.start_stream(request, on_event, callbacks.on_completion)
    else:
        provider.start_request(request, callbacks.on_completion)
    drive(provider, lambda: callbacks.done)
    return [*callbacks.watched, *map(weakref.ref, (callbacks, request, on_event))]


class OnEvent:
    """A callback that is an object of its own."""

    def __init__(self, callbacks: Callbacks) -> None:
        self.callbacks = callbacks

    def __call__(self, event: StreamEvent) -> None:
        self.callbacks.on_event(event)


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("end", ENDS)
def test_what_a_request_held_dies_with_its_completion(
    *, provider: AnyProvider, server: FakeOpenAI, end: str, stream: bool
) -> None:
    """However it ended: callbacks, request, handle and error are gone without a garbage collection."""
    server.plan(ENDS[end])
    left = left_of(provider, stream=stream)
    eventually(lambda: [each() for each in left] == [None] * len(left), seconds=2)


@pytest.mark.usefixtures("uncollected")
def test_what_an_aborted_stream_held_dies_with_its_completion(provider: AnyProvider) -> None:
    """An exception of `on_event`, whose traceback holds the stream's frames, does not keep it alive."""
    left = left_of(provider, stream=True, raising=True)
    eventually(lambda: [each() for each in left] == [None] * len(left), seconds=2)


@pytest.mark.usefixtures("uncollected")
def test_what_a_cancelled_request_held_dies_with_its_completion(provider: AnyProvider) -> None:
    """A cancelled stream's callbacks and handle are gone once its completion was delivered."""
    callbacks = Callbacks()
    provider.cancel(provider.start_stream(HELLO, callbacks.on_event, callbacks.on_completion))
    drive(provider, all_counted(callbacks))
    left = [*callbacks.watched, weakref.ref(callbacks)]
    del callbacks
    eventually(lambda: [each() for each in left] == [None] * 3, seconds=2)


@pytest.mark.usefixtures("uncollected")
def test_a_response_lives_as_long_as_its_reader_keeps_it(provider: AnyProvider) -> None:
    """The adapter keeps no reference to a response it has delivered."""
    kept: list[ModelResponse] = []

    def on_completion(completion: Completion) -> None:
        assert completion.response is not None
        kept.append(completion.response)

    provider.start_request(HELLO, on_completion)
    drive(provider, lambda: kept)
    eventually(lambda: sys.getrefcount(kept[0]) == sys.getrefcount([object()][0]) + 1, seconds=2)


def held() -> tuple[int, int]:
    """Threads and descriptors of this process."""
    listing = Path("/proc/self/fd")
    return threading.active_count(), len(list(listing.iterdir())) if listing.exists() else 0


@pytest.mark.parametrize("end", [*ENDS, "refused", "cancelled"])
def test_threads_and_descriptors_are_as_before(make: Make, server: FakeOpenAI, end: str) -> None:
    """After any end and `close()` this process has the threads and descriptors it had."""
    before = held()
    with refusing() as nobody:
        provider = make(nobody if end == "refused" else server.base_url)
        for stream in (False, True):
            if end in ENDS:
                server.plan(ENDS[end])
            heard = start(provider, stream=stream)
            if end == "cancelled":
                provider.cancel()
            drive(provider, lambda heard=heard: heard.done)  # type: ignore[misc]  # bound now
        provider.close()
        server.wait_for_open_connections(0)
    eventually(lambda: held() <= before)


FAIL = ModelRequest("fail", (user("Hello"),))


def begin(provider: AnyProvider, number: int) -> Heard:
    """Start the next of many: streamed, whole, and failing in turn."""
    return start(provider, FAIL if number % 5 == 4 else HELLO, stream=number % 2 == 0)


def make_many(provider: AnyProvider, count: int) -> None:
    """Make so many requests, some at a time."""
    for begun in range(0, count, AT_ONCE):
        batch = [begin(provider, begun + number) for number in range(AT_ONCE)]
        drive(provider, all_done(batch))


def all_done(batch: list[Heard]) -> Callable[[], bool]:
    """Whether every one of a batch has completed."""
    return lambda: all(each.done for each in batch)
