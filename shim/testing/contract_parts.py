"""What the provider contract is made of: the behaviours, the loop that drives, the recorder that listens, the checks.

Not the tests (`shim.testing.contract`).
"""
# ruff: noqa: S101 - checks of a pytest class assert

from __future__ import annotations

import enum
import select
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace

from shim.model import (
    ErrorCategory,
    ModelRequest,
    StreamDone,
    StreamError,
    StreamEvent,
    StreamStart,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
    user,
)
from shim.provider import Completion, Provider, ProviderClosedError, RequestHandle

# Long enough for a loaded machine, and well under any test's own limit.
PATIENCE_SECONDS = 10.0


class Behaviour(enum.Enum):
    """How the requests of a provider go."""

    ANSWER = "answer"  # a whole answer with some text
    TEXT_STREAM = "text-stream"  # streamed or not: at least two pieces of text
    TOOL_CALL_STREAM = "tool-call-stream"  # streamed: at least one tool call
    SLOW_STREAM = "slow-stream"  # streamed: at least ten pieces of text, spread over 0.2 to 2 seconds
    HTTP_ERROR = "http-error"  # status 400, category invalid_request, nothing streamed
    NETWORK_ERROR = "network-error"  # no response at all, category network
    MALFORMED_BODY = "malformed-body"  # status 200 with what is not the protocol, category protocol, nothing streamed
    TRUNCATED_STREAM = "truncated-stream"  # streamed: some text, then an end too early, category truncated
    STALL = "stall"  # never a word


FAILURES: dict[Behaviour, ErrorCategory] = {
    Behaviour.HTTP_ERROR: ErrorCategory.INVALID_REQUEST,
    Behaviour.NETWORK_ERROR: ErrorCategory.NETWORK,
    Behaviour.MALFORMED_BODY: ErrorCategory.PROTOCOL,
    Behaviour.TRUNCATED_STREAM: ErrorCategory.TRUNCATED,
}
_BOTH = (Behaviour.HTTP_ERROR, Behaviour.NETWORK_ERROR, Behaviour.MALFORMED_BODY)
REQUESTS = (Behaviour.ANSWER, *_BOTH)
STREAMS = (
    Behaviour.TEXT_STREAM,
    Behaviour.TOOL_CALL_STREAM,
    Behaviour.SLOW_STREAM,
    Behaviour.TRUNCATED_STREAM,
    *_BOTH,
)


class Loop:
    """The loop of invariant 8 and nothing more: wait for the descriptor, at most `timeout()`; perform; read completions."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.phase = "outside"
        self.turns = 0

    @property
    def closed(self) -> bool:
        """Whether the provider was closed."""
        try:
            self.provider.fileno()
        except ProviderClosedError:
            return True
        return False

    def until(self, condition: Callable[[], bool]) -> None:
        """Drive until `condition()`; a provider that does not get there fails the test."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            left = deadline - time.monotonic()
            if left <= 0:
                pytest.fail(f"the provider stalls: nothing more came within {PATIENCE_SECONDS:g} seconds")
            self.turn(left)

    def run_for(self, seconds: float) -> None:
        """Drive for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.turn(left)

    def settle(self) -> None:
        """Give what should not come a moment to come."""
        self.run_for(0.02)

    def turn(self, longest: float) -> None:
        """Wait at most `longest` seconds, then let the provider do what it can."""
        self.wait(longest)
        self.turns += 1
        self.phase = "perform"
        self.provider.perform()
        self.phase = "info_read"
        if not self.closed:
            self.provider.info_read()
        self.phase = "outside"

    def wait(self, longest: float) -> None:
        """Wait as a loop does."""
        timeout = self.provider.timeout()
        assert isinstance(timeout, int)
        assert timeout >= -1
        seconds = longest if timeout < 0 else min(longest, timeout / 1000)
        self._poll(seconds)

    def is_readable(self) -> bool:
        """Whether the descriptor becomes readable within a moment."""
        return self._poll(1.0)

    def _poll(self, seconds: float) -> bool:
        readable, _, _ = select.select([self.provider], [], [], seconds)
        return bool(readable)


class CallbackRecorder:
    """Callbacks that write down what they were given, and in which phase of the loop, on which thread."""

    def __init__(self, loop: Loop) -> None:
        self.handle: RequestHandle | None = None
        self.events: list[StreamEvent] = []
        self.completions: list[Completion] = []
        self.calls: list[tuple[str, str, int]] = []
        self._loop = loop
        self._hooks: dict[str, Callable[[], object]] = {}

    def hook(self, moment: str, act: Callable[[], object]) -> None:
        """Do something inside the callback as well."""
        self._hooks[moment] = act

    def on_event(self, event: StreamEvent) -> None:
        """Take an event."""
        self.events.append(event)
        self._note("event")

    def on_completion(self, completion: Completion) -> None:
        """Take the completion."""
        self.completions.append(completion)
        self._note("completion")

    @property
    def done(self) -> bool:
        """Whether a completion came."""
        return bool(self.completions)

    @property
    def completion(self) -> Completion:
        """The completion; exactly one must have come."""
        assert len(self.completions) == 1
        return self.completions[0]

    @property
    def failure(self) -> ErrorCategory | None:
        """The category of the completion's error, None where it has none."""
        return self.completion.error.category if self.completion.error else None

    @property
    def text(self) -> str:
        """The text of the events so far."""
        return "".join(event.text for event in self.events if isinstance(event, TextDelta))

    def _note(self, moment: str) -> None:
        self.calls.append((moment, self._loop.phase, threading.get_ident()))
        if act := self._hooks.get(moment):
            act()


Build = Callable[[Behaviour], Provider]


class ContractBase:
    """How the tests get providers and requests."""

    def make(self, behaviour: Behaviour) -> Provider:
        """A new provider, each of whose requests goes as `behaviour` says, however many they are."""
        raise NotImplementedError("override make() to return a provider for each Behaviour")

    def request(self, behaviour: Behaviour) -> ModelRequest:
        """The request to send for `behaviour`."""
        return ModelRequest(f"contract-{behaviour.value}", (user("Hello"),))

    @pytest.fixture
    def build(self) -> Iterator[Build]:
        """Make providers that are closed when the test ends."""
        made: list[Provider] = []

        def build(behaviour: Behaviour) -> Provider:
            made.append(self.make(behaviour))
            return made[-1]

        yield build
        for provider in made:
            provider.close()

    def start(self, loop: Loop, behaviour: Behaviour, *, recorder: CallbackRecorder | None = None) -> CallbackRecorder:
        """Start a request that is not streamed."""
        recorder = recorder or CallbackRecorder(loop)
        recorder.handle = loop.provider.start_request(self.request(behaviour), recorder.on_completion)
        return recorder

    def stream(self, loop: Loop, behaviour: Behaviour, *, recorder: CallbackRecorder | None = None) -> CallbackRecorder:
        """Start a streamed request."""
        recorder = recorder or CallbackRecorder(loop)
        provider = loop.provider
        recorder.handle = provider.start_stream(self.request(behaviour), recorder.on_event, recorder.on_completion)
        return recorder


def check_completion(recorder: CallbackRecorder, behaviour: Behaviour) -> None:
    """One completion, of this request, with the outcome that `behaviour` has, its stages in order."""
    completion = recorder.completion
    assert completion.handle is recorder.handle
    assert (completion.response is None) != (completion.error is None)
    if behaviour in FAILURES:
        assert completion.error is not None
        assert completion.error.category is FAILURES[behaviour], completion.error
    else:
        assert completion.error is None
        assert completion.ok
    timing = completion.timing
    stages = (timing.started, timing.first_byte, timing.first_event, timing.finished)
    reached = [stage for stage in stages if stage is not None]
    assert reached == sorted(reached)
    assert all(name == name.lower() for name in completion.headers)


def check_events(recorder: CallbackRecorder, behaviour: Behaviour) -> None:
    """The stream's events in their order, agreeing with its completion."""
    events, completion = recorder.events, recorder.completion
    last = events[-1]
    assert not any(isinstance(event, (StreamDone, StreamError)) for event in events[:-1])
    assert not any(isinstance(event, StreamStart) for event in events[1:])
    if isinstance(last, StreamDone):
        assert completion.response is not None
        # The request id is a header's, which some transports tell only with the completion.
        assert replace(last.response, request_id=None) == replace(completion.response, request_id=None)
    else:
        assert isinstance(last, StreamError)
        assert last.error is completion.error
    assert isinstance(events[0], StreamStart) or len(events) == 1
    _SPECIAL.get(behaviour, _nothing_special)(recorder)


def _has_text(recorder: CallbackRecorder) -> None:
    assert sum(isinstance(event, TextDelta) for event in recorder.events) >= 2
    assert recorder.completion.response is not None
    assert recorder.text == recorder.completion.response.text != ""


def _has_partial_text(recorder: CallbackRecorder) -> None:
    error = recorder.completion.error
    assert error is not None
    assert error.partial is not None
    assert recorder.text == error.partial.text != ""


def _has_tool_calls(recorder: CallbackRecorder) -> None:
    pieces: dict[int, list[str]] = {}
    finished: list[tuple[str, str, str]] = []
    for event in recorder.events:
        match event:
            case ToolCallStart(index):
                assert index not in pieces
                pieces[index] = []
            case ToolCallDelta(index, arguments):
                pieces[index].append(arguments)
            case ToolCallDone(index, id, name, arguments):
                assert "".join(pieces.pop(index)) == arguments
                finished.append((id, name, arguments))
    assert not pieces
    response = recorder.completion.response
    assert response is not None
    assert finished
    assert [(call.id, call.name, call.arguments) for call in response.tool_calls] == finished


def _failed_before_its_start(recorder: CallbackRecorder) -> None:
    assert [type(event) for event in recorder.events] == [StreamError]


def _nothing_special(_recorder: CallbackRecorder) -> None:
    pass


_SPECIAL: dict[Behaviour, Callable[[CallbackRecorder], None]] = {
    Behaviour.TEXT_STREAM: _has_text,
    Behaviour.SLOW_STREAM: _has_text,
    Behaviour.TRUNCATED_STREAM: _has_partial_text,
    Behaviour.TOOL_CALL_STREAM: _has_tool_calls,
    Behaviour.HTTP_ERROR: _failed_before_its_start,
    Behaviour.NETWORK_ERROR: _failed_before_its_start,
}
