"""Driving: a select() loop by hand, and callbacks that write down what they hear.

Not the loop for programs (`shim.loops.select_loop`) nor a contract: tests of the legacy adapter, faults and scenarios use it.
"""

from __future__ import annotations

import gc
import select
import time
from typing import TYPE_CHECKING

import pytest

from shim.model import ModelRequest, ModelResponse, ProviderError, StreamEvent, TextDelta, user
from shim.testing.fake_openai import FakeOpenAI
from tests.helpers.providers import AnyProvider, Make

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from shim.provider import Completion, Provider, RequestHandle

HELLO = ModelRequest("gpt-4o-mini", (user("Hello"),))
PATIENCE_SECONDS = 10.0


class Heard:
    """Callbacks for one request; `act` may do something inside each event."""

    def __init__(self, act: Callable[[StreamEvent], object] | None = None) -> None:
        self.handle: RequestHandle | None = None
        self.events: list[StreamEvent] = []
        self.completions: list[Completion] = []
        self._act = act

    def on_event(self, event: StreamEvent) -> None:
        """Take an event."""
        self.events.append(event)
        if self._act is not None:
            self._act(event)

    def on_completion(self, completion: Completion) -> None:
        """Take the completion."""
        self.completions.append(completion)

    @property
    def done(self) -> bool:
        """Whether the completion came."""
        return bool(self.completions)

    @property
    def completion(self) -> Completion:
        """The completion; exactly one must have come."""
        assert len(self.completions) == 1, f"{len(self.completions)} completions"
        return self.completions[0]

    @property
    def response(self) -> ModelResponse:
        """The response; the request must have ended well."""
        completion = self.completion
        assert completion.response is not None, repr(completion.error)
        assert completion.error is None
        return completion.response

    @property
    def error(self) -> ProviderError:
        """The error; the request must have failed."""
        completion = self.completion
        assert completion.error is not None, f"it ended well: {completion.response!r}"
        assert completion.response is None
        return completion.error

    @property
    def text(self) -> str:
        """The text of the events so far."""
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    @property
    def kinds(self) -> list[str]:
        """The names of the events' classes."""
        return [type(event).__name__ for event in self.events]


def start(provider: Provider, request: ModelRequest = HELLO, *, stream: bool, heard: Heard | None = None) -> Heard:
    """Start a request."""
    heard = Heard() if heard is None else heard
    if stream:
        heard.handle = provider.start_stream(request, heard.on_event, heard.on_completion)
    else:
        heard.handle = provider.start_request(request, heard.on_completion)
    return heard


def drive(provider: Provider, until: Callable[[], object], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Run the loop of an old codebase until the condition holds."""
    deadline = time.monotonic() + seconds
    while not until():
        left = deadline - time.monotonic()
        if left <= 0:
            pytest.fail(f"nothing more came within {seconds:g} seconds")
        milliseconds = provider.timeout()
        readable, writable, exceptional = provider.fdset()
        select.select(readable, writable, exceptional, left if milliseconds < 0 else min(left, milliseconds / 1000))
        provider.perform()
        provider.info_read()


def ask(provider: Provider, request: ModelRequest = HELLO, *, stream: bool = False) -> Heard:
    """Start a request and drive it to its completion."""
    heard = start(provider, request, stream=stream)
    drive(provider, lambda: heard.done)
    return heard


def eventually(condition: Callable[[], object], *, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait for something that another thread brings about."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"it did not come about within {seconds:g} seconds")
        time.sleep(0.002)


def arrive(provider: Provider, server: FakeOpenAI, count: int) -> None:
    """Run the provider, but deliver no completion, until so many requests have come to the server in all."""
    eventually(lambda: (provider.perform(), server.request_count >= count)[-1])


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    """A fake OpenAI on loopback that takes any key."""
    with FakeOpenAI() as running:
        yield running


@pytest.fixture
def provider(make: Make, server: FakeOpenAI) -> Iterator[AnyProvider]:
    """A provider of the kind the folder's tests are about, pointed at the server."""
    with make(server.base_url) as made:
        yield made


@pytest.fixture
def uncollected() -> Iterator[None]:
    """No garbage collection: what dies, dies by itself."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
