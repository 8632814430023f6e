"""Deadlines: limits of time that a transport cannot know, since it sees bytes where these are about content and the whole.

Not the limits of connecting and of silence, which the transport keeps and is only handed here. What a limit is stands in
`shim.call_options.Deadlines`. Theory of operation. A call has one appointment in a heap, at its nearest limit; `timeout()` tells
of the first. Content notes the turn it came in, and moves no appointment: when one falls due, the call is looked at again. So an
event costs a comparison, a call without limits nothing. What is past its limit is cancelled below; the completion that comes
back has what had arrived, and is told as a timeout, for a stream with its `StreamError` first: it is not its caller who ended it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from shim.call_options import CallOptions, Deadlines
from shim.layers.holding import HeldCall, HoldingLayer, is_options, nobody
from shim.layers.moments import Moments
from shim.model import (
    ErrorCategory,
    InvalidRequestError,
    ItemDelta,
    ModelRequest,
    ProviderError,
    ReasoningDelta,
    RefusalDelta,
    StreamDone,
    StreamError,
    StreamEvent,
    StreamStart,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
)
from shim.model.checks import kind_of
from shim.model.exhaustive import assert_never
from shim.provider import Completion, OnCompletion, OnEvent, Provider, RequestHandle

__all__ = ["DeadlineLayer"]

_NONE = Deadlines()
_OF_THE_TRANSPORT: Final = ("connect", "read")
_TOLD: Final = {
    "first_event": "no content came within {seconds:g} s",
    "between_events": "no further content came for {seconds:g} s",
    "total": "the call did not end within {seconds:g} s",
}


class _Limits(Struct, frozen=True):
    """What the layer keeps itself, in seconds; infinity for none."""

    first_event: float
    between_events: float
    total: float

    @property
    def on_content(self) -> bool:
        """Whether events have to be watched."""
        return self.first_event < math.inf or self.between_events < math.inf


class _TimedCall(HeldCall):
    """A call and its limits."""

    __slots__ = ("_heard", "_layer", "_limits", "_started", "_tell", "expired", "held_back", "timed_out")

    def __init__(
        self, layer: DeadlineLayer, limits: _Limits, *, on_event: OnEvent | None, on_completion: OnCompletion
    ) -> None:
        super().__init__(on_event, on_completion)
        self.expired: str | None = None  # the name of the limit
        self.timed_out = False
        self.held_back = False  # by its caller: the server is not silent then
        self._layer = layer
        self._limits = limits
        self._tell = on_event or nobody
        self._started = layer.clock()
        self._heard: float | None = None  # infinity once the stream has had its end: only `total` counts then

    def nearest(self) -> tuple[float, str]:
        """The moment of its nearest limit, and that limit's name."""
        limits, heard = self._limits, self._heard
        total = self._started + limits.total, "total"
        if self.held_back:
            return total
        if heard is None:
            return min((self._started + limits.first_event, "first_event"), total)
        return min((heard + limits.between_events, "between_events"), total)

    def go_on(self) -> None:
        """Count from now, and no longer only the whole."""
        self.held_back = False
        if self._heard is not None:
            self._heard = max(self._heard, self._layer.clock())  # infinity stays

    def note(self, event: StreamEvent) -> object:
        """Be the stream's `on_event`."""
        if type(event) is TextDelta and event.text and self._heard is not None:  # the hot path
            # When this turn began, and not now: a callback that takes its time is not the server's silence.
            self._heard = self._layer.turn_began
        elif isinstance(event, StreamDone):
            self._heard = math.inf
        elif _is_content(event):
            began = self._heard is None
            self._heard = self._layer.turn_began
            if began:
                self._layer.appoint(self)
        return self._tell(event)

    def ended(self, completion: Completion) -> None:
        """Be its `on_completion` below."""
        self._layer.take(self, completion)

    def timeout_error(self, limit: str, cancelled: ProviderError) -> ProviderError:
        """What it is told, once it was cancelled."""
        told = _TOLD[limit].format(seconds=getattr(self._limits, limit))
        return ProviderError(ErrorCategory.TIMEOUT, f"{told} (deadlines.{limit})", partial=cancelled.partial)


class DeadlineLayer(HoldingLayer):
    """Keeps the limits on content and on the whole; `shim.provider` has the invariants.

    What passes its limit ends with `APITimeoutError`, whose message says which limit and how long it was, whose `partial` is what
    had arrived; its transfer is stopped. A limit counts from the start of the call, waiting for a connection included.

    Args:
        provider: what is wrapped; it gets `connect` and `read`.
        deadlines: for every call. A call's own (`CallOptions.deadlines`) are merged into them field by field, `math.inf` takes a
            limit away. `first_event` and `between_events` are about streams: a whole answer comes in one piece, so that here it
            is bounded by `total`; said for the one call, `first_event` holds for a whole answer too.
        clock: in seconds.
        name: told in messages; None is the wrapped provider's.

    Raises:
        InvalidRequestError: `deadlines` are no `Deadlines`.
    """

    def __init__(
        self,
        provider: Provider,
        deadlines: Deadlines | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        name: str | None = None,
    ) -> None:
        super().__init__(provider, name=name)
        self.clock = clock
        self.turn_began = clock()
        self._deadlines = checked_deadlines(_NONE if deadlines is None else deadlines)
        self._usual = _split(self._deadlines, None, streamed=True)
        self._usual_whole = _split(self._deadlines, None, streamed=False)
        self._open: dict[RequestHandle, _TimedCall] = {}
        self._moments: Moments[_TimedCall] = Moments(clock)

    def start_request(
        self, request: ModelRequest, on_completion: OnCompletion, *, options: CallOptions | None = None
    ) -> RequestHandle:
        """Accept a request; see `Provider`."""
        if not (callable(on_completion) and is_options(options)):
            return self._provider.start_request(request, on_completion, options=options)  # which refuses it
        limits, passed = self._split(options, streamed=False)
        call = _TimedCall(self, limits, on_event=None, on_completion=on_completion)
        return self._watch(call, self._provider.start_request(request, call.ended, options=passed))

    def start_stream(
        self,
        request: ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: CallOptions | None = None,
    ) -> RequestHandle:
        """Accept a streamed request; see `Provider`."""
        if not (callable(on_event) and callable(on_completion) and is_options(options)):
            return self._provider.start_stream(request, on_event, on_completion, options=options)  # which refuses it
        limits, passed = self._split(options, streamed=True)
        call = _TimedCall(self, limits, on_event=on_event, on_completion=on_completion)
        told = call.note if limits.on_content else on_event
        return self._watch(call, self._provider.start_stream(request, told, call.ended, options=passed))

    def timeout(self) -> int:
        """Milliseconds until `perform()` wants to be called: the wrapped provider's, or the nearest limit; see `Provider`."""
        timeout = super().timeout()
        return timeout if self._closed else self._moments.soonest(timeout)

    def _wait_below(self, timeout_ms: int = -1) -> bool:
        return super()._wait_below(self._moments.soonest(timeout_ms))

    def perform(self) -> int:
        """Drive the wrapped provider, then end what is past its limit; see `Provider`."""
        self.turn_began = self.clock()
        running = self._provider.perform()
        ended = self._end_overdue(self.turn_began)
        self._tell_failures()
        return 0 if self._closed else running - ended

    def cancel(self, handle: RequestHandle | None = None) -> None:
        """Cancel one request, or all; see `Provider`."""
        chosen = list(self._open.values()) if handle is None else [self._open.get(handle)]
        for call in chosen:
            if call is not None:
                call.over = True
        self._end_failing(handle)
        self._provider.cancel(handle)

    def pause(self, handle: RequestHandle) -> bool:
        """Hold one stream back, where the wrapped provider can; its limits on content wait."""
        call, pause = self._open.get(handle), getattr(self._provider, "pause", None)
        if call is None or pause is None or not pause(handle):
            return False
        call.held_back = True
        return True

    def resume(self, handle: RequestHandle) -> None:
        """Go on with it, its limits on content too."""
        call, resume = self._open.get(handle), getattr(self._provider, "resume", None)
        if call is not None and resume is not None:
            call.go_on()
            self.appoint(call)
            resume(handle)

    def appoint(self, call: _TimedCall) -> None:
        """Look at a call when its nearest limit passes."""
        self._moments.make(call.nearest()[0], call)

    def take(self, call: _TimedCall, completion: Completion) -> None:
        """Take how a call ended below."""
        del self._open[call.handle]
        self._moments.forget(call)
        error = completion.error
        if call.expired and not call.over and error is not None and error.category is ErrorCategory.CANCELLED:
            completion = replace(completion, error=call.timeout_error(call.expired, error))
            call.timed_out = True
        self._settle(call, completion, owes_event=call.timed_out and call.on_event is not None)

    def _watch(self, call: _TimedCall, handle: RequestHandle) -> RequestHandle:
        call.handle = handle
        self._open[handle] = call
        self.appoint(call)
        return handle

    def _end_overdue(self, now: float) -> int:
        """Cancel what is past its limit, and take it back; return how many calls that has ended."""
        expired = []
        for call in self._moments.due(now):
            moment, limit = call.nearest()
            if moment > now:
                self._moments.make(moment, call)
            elif not call.over:
                call.expired = limit
                expired.append(call)
                self._provider.cancel(call.handle)
        if expired:
            self._provider.info_read()  # our own callbacks alone: what it brings waits for our info_read()
        return sum(call.timed_out for call in expired)

    def _split(self, options: CallOptions | None, *, streamed: bool) -> tuple[_Limits, CallOptions | None]:
        if options is None:
            return self._usual if streamed else self._usual_whole
        return _split(self._deadlines, options, streamed=streamed)


def checked_deadlines(deadlines: object) -> Deadlines:
    """Limits as a setting, once it is clear that they are."""
    if not isinstance(deadlines, Deadlines):
        raise InvalidRequestError(f"deadlines is {kind_of(deadlines)}; give Deadlines(total=60)", field="deadlines")
    return deadlines


def _split(usual: Deadlines, options: CallOptions | None, *, streamed: bool) -> tuple[_Limits, CallOptions | None]:
    """What the layer keeps of a call's limits, and the options that go on to the transport."""
    own = _NONE if options is None or options.deadlines is None else options.deadlines
    merged = {name: _either(getattr(own, name), getattr(usual, name)) for name in Deadlines.__struct_fields__}
    if not streamed:
        merged["first_event"], merged["between_events"] = own.first_event, None
    transport = {name: merged.pop(name) for name in _OF_THE_TRANSPORT}
    limits = _Limits(**{name: math.inf if value is None else value for name, value in merged.items()})
    passed = Deadlines(**transport) if any(value is not None for value in transport.values()) else None
    if options is None:
        return limits, None if passed is None else CallOptions(deadlines=passed)
    return limits, options if options.deadlines == passed else replace(options, deadlines=passed)


def _either(own: float | None, usual: float | None) -> float | None:
    return usual if own is None else own


def _is_content(event: StreamEvent) -> bool:
    """Whether an event brings something of the answer; an empty delta brings nothing."""
    match event:
        case TextDelta(text) | ReasoningDelta(text) | RefusalDelta(text):
            return bool(text)
        case ToolCallDelta(_, arguments):
            return bool(arguments)
        case ItemDelta(_, text):
            return bool(text)
        case ToolCallStart() | ToolCallDone():
            return True
        case StreamStart() | StreamDone() | StreamError():
            return False
        case _:
            assert_never(event)
