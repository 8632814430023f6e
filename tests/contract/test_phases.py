"""Tests of cancelling and closing in each phase of a request: queued, connecting, waiting, streaming, over, in callbacks."""

from __future__ import annotations

import select
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

import pytest

from shim.model import ErrorCategory, StreamError, StreamEvent
from shim.provider import ProviderClosedError
from shim.testing.fake_openai import Cut, FakeOpenAI, Stall, Status, Where
from tests.helpers.driving import HELLO, Heard, arrive, ask, drive, eventually, start
from tests.helpers.places import never_accepting
from tests.helpers.providers import WAYS_TO_END, AnyProvider, Make
from tests.helpers.raw_server import SSE, RawServer, events, read, stall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from shim.provider import Completion

TEXT = b'{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hi"}}]}'
FINISH = b'{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'


class Stage:
    """A request brought to some phase, and the provider that runs it."""

    def __init__(self, provider: AnyProvider, heard: Heard) -> None:
        self.provider = provider
        self.heard = heard

    def settle(self) -> None:
        """Let what has come be delivered, and give what should not come a turn to come."""
        for _ in range(3):
            self.provider.perform()
            self.provider.info_read()


@contextmanager
def queued(*, make: Make, stream: bool) -> Iterator[Stage]:
    """Behind another request that never ends."""
    with (
        FakeOpenAI() as server,
        make(server.base_url, at_a_time=1) as provider,
    ):
        server.plan(Stall(Where.BEFORE_HEADERS))
        ahead = start(provider, stream=True)
        arrive(provider, server, 1)
        yield Stage(provider, start(provider, stream=stream))
        provider.close()
        assert ahead.error.category == "cancelled"
        assert server.request_count == 1


@contextmanager
def connecting(*, make: Make, stream: bool) -> Iterator[Stage]:
    """Where nobody accepts."""
    with never_accepting() as url, make(url, connect_timeout=0.3) as provider:
        yield Stage(provider, start(provider, stream=stream))


@contextmanager
def waiting_for_headers(*, make: Make, stream: bool) -> Iterator[Stage]:
    """Sent, and not answered."""
    with FakeOpenAI() as server, make(server.base_url) as provider:
        server.plan(Stall(Where.BEFORE_HEADERS))
        heard = start(provider, stream=stream)
        arrive(provider, server, 1)
        yield Stage(provider, heard)
        server.wait_for_open_connections(0)


@contextmanager
def in_the_body(*, make: Make, stream: bool) -> Iterator[Stage]:
    """With part of the answer there."""
    with FakeOpenAI() as server, make(server.base_url) as provider:
        server.plan(Stall(after_events=3) if stream else Stall(after_bytes=20))
        heard = start(provider, stream=stream)
        if stream:
            drive(provider, lambda: heard.text)
        else:
            arrive(provider, server, 1)
        yield Stage(provider, heard)
        server.wait_for_open_connections(0)


class Phase(Protocol):
    """Brings a request to a phase."""

    def __call__(self, *, make: Make, stream: bool) -> AbstractContextManager[Stage]:
        """Leave the request in that phase for the time of a `with` block."""


PHASES = [queued, connecting, waiting_for_headers, in_the_body]
both_kinds = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@both_kinds
@pytest.mark.parametrize("phase", PHASES)
def test_a_request_is_cancelled_in_any_phase(*, make: Make, phase: Phase, stream: bool) -> None:
    """Wherever a request is, cancelling it gives one completion of category cancelled and no further event."""
    with phase(make=make, stream=stream) as stage:
        seen = list(stage.heard.events)
        stage.provider.cancel(stage.heard.handle)
        assert not stage.heard.done
        assert stage.provider.timeout() == 0
        assert select.select([stage.provider], [], [], 0) == ([stage.provider], [], [])
        stage.settle()
        check_cancelled(stage.heard, seen)


@both_kinds
@pytest.mark.parametrize("phase", PHASES)
def test_a_provider_is_closed_in_any_phase(*, make: Make, phase: Phase, stream: bool) -> None:
    """Wherever a request is, closing delivers it as cancelled before it returns, and leaves no thread."""
    with phase(make=make, stream=stream) as stage:
        seen = list(stage.heard.events)
        stage.provider.close()
        check_cancelled(stage.heard, seen)
        eventually(lambda: not workers())


def check_cancelled(heard: Heard, seen: list[StreamEvent]) -> None:
    """One completion, cancelled, holding what had arrived; no event since."""
    assert heard.error.category is ErrorCategory.CANCELLED
    assert heard.events == seen
    assert (heard.error.partial.text if heard.error.partial else "") == heard.text


def workers() -> list[str]:
    """The legacy client's threads."""
    return [thread.name for thread in threading.enumerate() if thread.name == "legacy-openai"]


@contextmanager
def after_stream_done(make: Make) -> Iterator[Stage]:
    """With `StreamDone` delivered, and a server that does not end the body."""
    with (
        RawServer([[read, SSE + events(TEXT, FINISH, b"[DONE]"), stall]]) as server,
        make(server.url) as provider,
    ):
        heard = start(provider, stream=True)
        drive(provider, lambda: heard.kinds[-1:] == ["StreamDone"])
        assert not heard.done
        yield Stage(provider, heard)


@pytest.mark.parametrize("end", WAYS_TO_END)
def test_a_stream_that_has_had_its_end_keeps_its_outcome(make: Make, end: Callable[[AnyProvider], None]) -> None:
    """Cancelling or closing after `StreamDone` does not take the response back."""
    with after_stream_done(make) as stage:
        end(stage.provider)
        stage.settle()
        assert stage.heard.response.text == "Hi"
        assert stage.heard.kinds == ["StreamStart", "TextDelta", "StreamDone"]


@pytest.mark.slow
def test_a_server_that_never_closes_after_done_delays_the_completion_a_little(make: Make) -> None:
    """A body that goes on after `[DONE]` is given up after two seconds, and the response is whole."""
    with after_stream_done(make) as stage:
        drive(stage.provider, lambda: stage.heard.done, seconds=4)
        assert stage.heard.response.text == "Hi"


EVENTS = ["StreamStart", "TextDelta", "StreamDone"]


@pytest.mark.parametrize("end", WAYS_TO_END)
@pytest.mark.parametrize("kind", EVENTS)
def test_a_stream_may_be_ended_inside_each_of_its_events(
    make: Make, server: FakeOpenAI, kind: str, end: Callable[[AnyProvider], None]
) -> None:
    """Cancelling or closing inside `on_event` makes that event the last; only after `StreamDone` is there a response."""
    with make(server.base_url) as provider:
        heard = Heard(lambda event: end(provider) if type(event).__name__ == kind else None)
        start(provider, stream=True, heard=heard)
        turn_until(provider, lambda: heard.done)
        Stage(provider, heard).settle()
        assert heard.kinds[-1] == kind
        assert heard.kinds.count(kind) == 1
        assert heard.completion.ok == (kind == "StreamDone")


@pytest.mark.parametrize("end", WAYS_TO_END)
@pytest.mark.parametrize("plan", [Status(500), Cut(after_events=2)], ids=["status", "cut"])
def test_a_stream_may_be_ended_inside_its_error(
    make: Make, server: FakeOpenAI, end: Callable[[AnyProvider], None], plan: Status | Cut
) -> None:
    """Cancelling or closing inside a `StreamError` leaves the error as it is, and gives one completion."""
    server.plan(plan)
    with make(server.base_url) as provider:
        heard = Heard(lambda event: end(provider) if isinstance(event, StreamError) else None)
        start(provider, stream=True, heard=heard)
        turn_until(provider, lambda: heard.done)
        Stage(provider, heard).settle()
        last = heard.events[-1]
        assert isinstance(last, StreamError)
        assert heard.error is last.error


def turn_until(provider: AnyProvider, condition: Callable[[], bool]) -> None:
    """Drive until the condition holds or the provider is closed."""

    def over() -> bool:
        try:
            provider.fileno()
        except ProviderClosedError:
            return True
        return condition()

    while not over():
        select.select([provider], [], [], 5 if provider.timeout() < 0 else provider.timeout() / 1000)
        provider.perform()
        provider.info_read()


@pytest.mark.parametrize("end", WAYS_TO_END)
def test_others_may_be_ended_inside_a_completion(
    make: Make, server: FakeOpenAI, end: Callable[[AnyProvider], None]
) -> None:
    """Cancelling or closing inside `on_completion` ends the others as cancelled, each with one completion."""
    server.plan(Status(400), Stall(Where.BEFORE_HEADERS), Stall(after_events=1))
    with make(server.base_url) as provider:
        first = start_ending(provider, end)
        arrive(provider, server, 1)
        others = [start(provider, stream=True), start(provider, stream=True)]
        turn_until(provider, lambda: all(each.done for each in others))
        assert first.error.category is ErrorCategory.INVALID_REQUEST
        assert [each.error.category for each in others] == [ErrorCategory.CANCELLED] * 2


def start_ending(provider: AnyProvider, end: Callable[[AnyProvider], None]) -> Heard:
    """Start a request whose completion ends all others."""
    heard = Heard()

    def on_completion(completion: Completion) -> None:
        heard.on_completion(completion)
        end(provider)

    heard.handle = provider.start_request(HELLO, on_completion)
    return heard


def test_cancelling_one_leaves_the_others(provider: AnyProvider, server: FakeOpenAI) -> None:
    """A cancelled request takes nothing from the ones beside it, on the same connections or others."""
    server.plan(Stall(after_events=2), Stall(Where.BEFORE_HEADERS))
    unlucky = [start(provider, stream=True)]
    arrive(provider, server, 1)  # so that each meets its own plan
    unlucky.append(start(provider, stream=False))
    arrive(provider, server, 2)
    lucky = [start(provider, stream=stream) for stream in (True, False, True)]
    for each in unlucky:
        provider.cancel(each.handle)
    drive(provider, lambda: all(each.done for each in unlucky + lucky))
    assert [each.error.category for each in unlucky] == [ErrorCategory.CANCELLED] * 2
    assert len({each.response.text for each in lucky}) == 1
    assert ask(provider, stream=True).response.text


def test_a_handle_of_another_provider_cancels_nothing(make: Make, provider: AnyProvider, server: FakeOpenAI) -> None:
    """A handle names a request of its own provider only, even where the numbers are the same."""
    with make(server.base_url) as other:
        mine, theirs = start(provider, stream=True), start(other, stream=True)
        provider.cancel(theirs.handle)
        drive(provider, lambda: mine.done)
        drive(other, lambda: theirs.done)
    assert mine.completion.ok
    assert theirs.completion.ok


def test_a_connection_is_free_for_the_next_after_a_cancel(make: Make, server: FakeOpenAI) -> None:
    """With one request at a time, a cancelled one makes room for the next at once."""
    server.plan(Stall(Where.BEFORE_HEADERS))
    with make(server.base_url, at_a_time=1) as provider:
        stuck, waiting = start(provider, stream=False), start(provider, stream=False)
        arrive(provider, server, 1)
        provider.cancel(stuck.handle)
        drive(provider, lambda: waiting.done)
        assert waiting.completion.ok
