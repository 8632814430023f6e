"""A layer that takes completions from below when it needs them, and delivers them itself in `info_read()`.

Not a layer with a purpose (`deadlines`, `retries`): what those two share. A last event that a layer makes itself, or has held
back, goes out in `perform()`, its completion after it in `info_read()`, as `shim.provider` promises.
"""

from __future__ import annotations

import os
from collections import deque
from contextlib import ExitStack

from msgspec.structs import replace

from shim.layers.layer import Layer
from shim.model import ErrorCategory, ModelResponse, ProviderError, StreamError, StreamEvent
from shim.provider import CallOptions, Completion, OnCompletion, OnEvent, Provider, RequestHandle

# A call is held by what waits for it: the layer's table, the provider below, or one of the two queues here. Never by two of the
# queues, so that it ends once.


class HeldCall:
    """One request of a layer's caller.

    Attributes:
        handle: its caller's.
        on_event: None for an answer that is wanted whole.
        over: its caller has ended it, or it has its outcome; it gets no further event.
        completion: how it ended, while that waits to be delivered.
    """

    __slots__ = ("completion", "handle", "on_completion", "on_event", "over")

    handle: RequestHandle
    completion: Completion

    def __init__(self, on_event: OnEvent | None, on_completion: OnCompletion) -> None:
        self.on_event = on_event
        self.on_completion = on_completion
        self.over = False

    def deliver(self) -> None:
        """Give its caller the completion, and keep it no longer: the traceback of its error may hold this call."""
        completion = self.completion
        del self.completion
        self.on_completion(completion)


class HoldingLayer(Layer):
    """A layer with completions of its own to deliver."""

    def __init__(self, provider: Provider, *, name: str | None = None) -> None:
        super().__init__(provider, name=name)
        self._closed = False
        self._process = os.getpid()
        self._failing: deque[HeldCall] = deque()  # their `StreamError` waits for perform()
        self._completed: deque[HeldCall] = deque()

    def timeout(self) -> int:
        """Milliseconds until `perform()` wants to be called; see `Provider`."""
        if self._closed:
            return -1
        return 0 if self._completed or self._failing else self._provider.timeout()

    def _wait_below(self, timeout_ms: int = -1) -> bool:
        return super()._wait_below(0 if self._completed or self._failing else timeout_ms)

    def info_read(self) -> int:
        """Deliver completions; see `Provider`."""
        self._provider.info_read()
        count = 0
        while self._completed:
            count += 1
            self._completed.popleft().deliver()
        return count

    def close(self) -> None:
        """Close the wrapped provider, deliver what is open as cancelled; see `Provider`."""
        if self._closed:
            return
        self._closed = True
        with ExitStack() as closing:
            if not self._is_parents():
                closing.callback(self._deliver_all)
            closing.callback(self._provider.close)

    def _end_failing(self, handle: RequestHandle | None) -> None:
        """Tell a stream that its caller ends, or all of them, nothing of the failure that waits for perform()."""
        for call in self._failing:
            call.over = call.over or handle is None or call.handle == handle

    def _is_parents(self) -> bool:
        """Whether a fork brought this layer here: its calls and its descriptors are the parent's."""
        return os.getpid() != self._process

    def _deliver_all(self) -> None:
        waiting = [*self._completed, *self._failing]
        self._completed.clear()
        self._failing.clear()
        with ExitStack() as deliveries:  # where one raises, the others are called all the same
            for call in reversed(waiting):
                deliveries.callback(call.deliver)

    def _settle(self, call: HeldCall, completion: Completion, *, owes_event: bool) -> None:
        """Take how a call ended; `owes_event`: its caller has not had the `StreamError` yet."""
        call.completion = completion
        (self._failing if owes_event and not call.over else self._completed).append(call)
        call.over = call.over or not owes_event

    def _tell_failures(self) -> None:
        """Give the streams that failed their last event. Called in `perform()`."""
        while self._failing:
            call = self._failing.popleft()
            self._completed.append(call)  # before the event: its callback may close the layer
            if not call.over:
                call.over = True
                call.completion = told_failure(call.on_event, call.completion)


def is_options(options: object) -> bool:
    """Whether a layer can read a call's options; the provider below refuses what is none."""
    return options is None or isinstance(options, CallOptions)


def nobody(_event: StreamEvent) -> None:
    """Stand in for the `on_event` of a whole answer, which has no events."""


def told_failure(on_event: OnEvent | None, completion: Completion) -> Completion:
    """Give a stream that failed its last event; the completion, which is another one where `on_event` raises."""
    error = completion.error
    if on_event is None or error is None:
        return completion
    try:
        on_event(StreamError(error))
    except Exception as raised:  # noqa: BLE001 - whatever on_event raises ends its own stream, not the others
        return replace(completion, error=_aborted(raised, error.partial))
    return completion


def _aborted(raised: Exception, partial: ModelResponse | None) -> ProviderError:
    """Made apart from where it was caught: a frame of its cause's traceback that held it would be a circle."""
    message = f"on_event raised {type(raised).__name__}; its stream was ended"
    aborted = ProviderError(ErrorCategory.ABORTED, message, partial=partial)
    aborted.__cause__ = raised
    return aborted
