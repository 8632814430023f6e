"""A scripted provider: plays what a test wrote down, one play per request, with no network and no thread.

Not a server (`shim.testing.fake_openai` is one) nor a mock: it keeps every invariant of `shim.provider`, so what works on it
works on the real ones. The plays and their shortcuts live in `shim.testing.script` and can be imported from here.
"""

from __future__ import annotations

import copy
import math
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal, TypeAlias

from shim.calls import check_callback
from shim.model import (
    ErrorCategory,
    ModelRequest,
    ModelResponse,
    ProviderError,
    StreamDone,
    StreamError,
    StreamEvent,
)
from shim.model.exhaustive import assert_never
from shim.poller import wait_for
from shim.provider import (
    CallOptions,
    Completion,
    ForkedProviderError,
    OnCompletion,
    OnEvent,
    ProviderClosedError,
    RequestHandle,
    Timing,
)
from shim.testing.script import (
    Answer,
    Emit,
    Fail,
    Hang,
    Play,
    Step,
    Wait,
    accumulate,
    answer,
    failure,
    hang,
    steps_of,
    text_stream,
    tool_call_stream,
)
from shim.testing.sendable import check_sendable
from shim.wakeup import Wakeup

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = [
    "Answer",
    "Emit",
    "Fail",
    "Hang",
    "Play",
    "ScriptExhaustedError",
    "ScriptedProvider",
    "Step",
    "Wait",
    "answer",
    "failure",
    "hang",
    "text_stream",
    "tool_call_stream",
]

Script: TypeAlias = Sequence[Play] | Callable[[ModelRequest], Play]


class ScriptExhaustedError(AssertionError):
    """More requests came than the script has plays: the test, or the code under test, is wrong."""


class _Run:
    """One request on its way through its steps."""

    __slots__ = ("due", "first_event", "handle", "on_completion", "on_event", "play", "position", "started", "steps")

    def __init__(self, play: Play, *, handle: RequestHandle, now: float) -> None:
        self.play = play
        self.steps = steps_of(play)
        self.handle = handle
        self.started = now
        self.due = now
        self.position = 0
        self.first_event: float | None = None
        self.on_event: OnEvent | None = None
        self.on_completion: OnCompletion

    def partial(self) -> ModelResponse | None:
        """What a stream has delivered so far, None where nothing or not streamed."""
        emitted = [step.event for step in self.steps[: self.position] if isinstance(step, Emit)]
        return accumulate(emitted, ended=False) if emitted and self.on_event else None


class ScriptedProvider:
    """A provider that plays a script.

    Args:
        script: the plays, one for each request in order; or a callable that is given the request and returns its play.
        name: of the provider.
        remember: how many of the latest requests `requests` and `options` keep.
        clock: in seconds; with your own, time moves by hand and you call `perform()` yourself, as loops wait in real time.

    Attributes:
        requests: what it was asked, oldest first.
        options: how each of those was to go out. A script plays with no transport, so none of them changes anything.

    `start_*` raise `ScriptExhaustedError` when the script has no play left, at the call nobody expected, and what the native
    provider raises for a request that cannot be sent, or a callback that cannot be called.
    """

    def __init__(
        self,
        script: Script,
        *,
        name: str = "scripted",
        remember: int = 1000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.requests: deque[ModelRequest] = deque(maxlen=remember)
        self.options: deque[CallOptions | None] = deque(maxlen=remember)
        self._clock = clock
        self._choose: Callable[[ModelRequest], Play] = script if callable(script) else _in_order(script)
        self._running: dict[RequestHandle, _Run] = {}
        self._ended: deque[tuple[OnCompletion, Completion]] = deque()
        self._accepted = 0
        self._closed = False
        self._performing = False
        self._wakeup = Wakeup()
        self._process = os.getpid()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self._running)} running, {len(self._ended)} to deliver"
        return f"<ScriptedProvider {self.name}: {state}>"

    def start_request(
        self, request: ModelRequest, on_completion: OnCompletion, *, options: CallOptions | None = None
    ) -> RequestHandle:
        """Accept a request and take its play."""
        return self._begin(self._accept(request, options, on_completion=on_completion))

    def start_stream(
        self,
        request: ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: CallOptions | None = None,
    ) -> RequestHandle:
        """Accept a streamed request and take its play."""
        check_callback("on_event", on_event)
        run = self._accept(request, options, on_completion=on_completion)
        run.on_event = on_event
        return self._begin(run)

    def fileno(self) -> int:
        """A descriptor that is readable when `perform()` or `info_read()` has something to do now."""
        self._check_open()
        return self._wakeup.fileno()

    def fdset(self) -> tuple[list[int], list[int], list[int]]:
        """The same descriptor, in select's form."""
        return [self.fileno()], [], []

    def timeout(self) -> int:
        """Milliseconds until the next step is due, -1 for none."""
        self._check_process()
        if self._ended:
            return 0
        due = min((run.due for run in self._running.values()), default=math.inf)
        return -1 if due == math.inf else _milliseconds_until(due, self._clock())

    def perform(self) -> int:
        """Take every step that is due."""
        self._check_process()
        if self._performing:
            raise RuntimeError("perform() was called from inside perform(): a callback must not call it")
        now = self._clock()
        self._performing = True
        self._wakeup.hear_others()
        try:
            for run in list(self._running.values()):
                self._advance(run, now)
        finally:
            self._performing = False
            self._update_signal()
        return len(self._running)

    def poll(self, timeout_ms: int = -1) -> int:
        """Wait, then take every step that is due."""
        self.wait(timeout_ms)
        return self.perform()

    def wait(self, timeout_ms: int = -1) -> bool:
        """Wait for the next step, for what was started or cancelled, or for a wake-up."""
        if self._performing:
            raise RuntimeError("poll() was called from inside perform(): a callback must not call it")
        limit = self.timeout()  # which refuses a forked child
        return not self._closed and wait_for(self._wakeup.fileno(), limit, timeout_ms)

    def wakeup(self) -> None:
        """End a wait, or the next one, from any thread."""
        self._check_process()
        self._wakeup.ring_from_anywhere()

    def info_read(self) -> int:
        """Deliver the completions known at the call; those its callbacks cause wait for the next."""
        self._check_process()
        known, delivered = len(self._ended), 0
        try:
            while self._ended and delivered < known:
                on_completion, completion = self._ended.popleft()
                delivered += 1
                on_completion(completion)
        finally:
            self._update_signal()
        return delivered

    def cancel(self, handle: RequestHandle | None = None) -> None:
        """Cancel one request, or all."""
        self._check_process()
        for each in list(self._running) if handle is None else [handle]:
            self._stop(each, category=ErrorCategory.CANCELLED, message="the request was cancelled")
        self._update_signal()

    def close(self) -> None:
        """Deliver what is open as cancelled, and release the descriptors.

        Where callbacks raise, all the others are called all the same, and the last exception leaves.
        """
        if self._closed:
            return
        if os.getpid() != self._process:  # what runs is the parent's
            self._running.clear()
            self._ended.clear()
        for handle in list(self._running):
            self._stop(handle, category=ErrorCategory.CANCELLED, message="the provider was closed")
        self._closed = True
        self._wakeup.close()
        with ExitStack() as deliveries:
            while self._ended:
                on_completion, completion = self._ended.pop()
                deliveries.callback(on_completion, completion)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _accept(self, request: ModelRequest, options: CallOptions | None, *, on_completion: OnCompletion) -> _Run:
        self._check_open()
        check_sendable(request, options)
        check_callback("on_completion", on_completion)
        play = self._choose(request)
        self._accepted += 1
        self.requests.append(request)
        self.options.append(options)
        run = _Run(play, handle=RequestHandle(self.name, self._accepted), now=self._clock())
        run.on_completion = on_completion
        return run

    def _begin(self, run: _Run) -> RequestHandle:
        self._running[run.handle] = run
        self._update_signal()
        return run.handle

    def _advance(self, run: _Run, now: float) -> None:
        # A callback may have ended this run, or closed the provider: look again before every step.
        while run.handle in self._running and _is_due(run, now):
            step = run.steps[run.position]
            run.position += 1
            self._take(step, run, now=now)
            if isinstance(step, Wait):
                return

    def _take(self, step: Step, run: _Run, *, now: float) -> None:
        match step:
            case Emit(event):
                self._emit(event, run)
            case Wait(ms):
                run.due = now + ms / 1000
            case Answer(response):
                self._emit(StreamDone(response), run)
                self._end(run, response=response)
            case Fail(error):
                failed = _copy_of(error, partial=run.partial())
                self._emit(StreamError(failed), run)
                self._end(run, error=failed)
            case Hang():
                run.due = math.inf
            case _:
                assert_never(step)

    def _emit(self, event: StreamEvent, run: _Run) -> None:
        if run.on_event is None:
            return
        if run.first_event is None:
            run.first_event = self._clock()
        try:
            run.on_event(event)
        except BaseException as cause:
            is_running = run.handle in self._running  # else no completion can carry this
            message = f"on_event raised {type(cause).__name__}"
            self._stop(run.handle, category=ErrorCategory.ABORTED, message=message, cause=cause)
            if not isinstance(cause, Exception) or not is_running:
                raise  # KeyboardInterrupt and its like end more than this stream

    def _stop(
        self,
        handle: RequestHandle,
        *,
        category: Literal[ErrorCategory.CANCELLED, ErrorCategory.ABORTED],
        message: str,
        cause: BaseException | None = None,
    ) -> None:
        run = self._running.get(handle)
        if run is not None:
            error = ProviderError(category, message, partial=run.partial())
            error.__cause__ = cause
            self._end(run, error=error)

    def _end(self, run: _Run, *, response: ModelResponse | None = None, error: ProviderError | None = None) -> None:
        if self._running.pop(run.handle, None) is None:
            return  # its own last event's callback ended it
        now = self._clock()
        answered = run.position == len(run.steps)
        completion = Completion(
            run.handle,
            response,
            error,
            http_status=run.play.http_status if answered else None,
            headers=run.play.headers if answered else {},
            timing=Timing(started=run.started, first_byte=run.first_event, first_event=run.first_event, finished=now),
        )
        self._ended.append((run.on_completion, completion))

    def _update_signal(self) -> None:
        if self._closed:
            return
        now = self._clock()
        wanted = bool(self._ended) or any(_is_due(run, now) for run in self._running.values())
        if wanted:
            self._wakeup.ring()
        else:
            self._wakeup.hear()

    def _check_open(self) -> None:
        if self._closed:
            raise ProviderClosedError(self.name)
        self._check_process()

    def _check_process(self) -> None:
        if os.getpid() != self._process and not self._closed:
            raise ForkedProviderError(self.name, self._process)


def _is_due(run: _Run, now: float) -> bool:
    return run.due != math.inf and _milliseconds_until(run.due, now) == 0


def _milliseconds_until(due: float, now: float) -> int:
    # To the nanosecond: seconds as floats would make 11 ms of a wait of 10, and a step due now a step not yet due.
    return max(0, math.ceil(round((due - now) * 1000, 6)))


def _in_order(script: Sequence[Play]) -> Callable[[ModelRequest], Play]:
    plays = tuple(script)
    rest = iter(plays)

    def choose(request: ModelRequest) -> Play:
        for play in rest:
            return play
        raise ScriptExhaustedError(
            f"the script has {len(plays)} plays and all are taken; write one more for this request to {request.model}"
        )

    return choose


def _copy_of(error: ProviderError, *, partial: ModelResponse | None) -> ProviderError:
    """A script may be played many times: each failure is an exception of its own, with its own traceback."""
    copied = copy.copy(error)
    if copied.partial is None:
        copied.partial = partial
    return copied
