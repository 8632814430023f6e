"""The calls of one arm of the shadow: a provider made, driven and closed on the shadow's thread, whatever it does.

Not the thread (`shadow_thread`) nor what is concluded. Nothing is trusted: a provider may raise anywhere, hang, send without end,
complete twice or never. A call has a limit of time by our own clock; a provider that does not keep the interface is closed and
made anew, with a pause that doubles, and given up after a few. No call is ever made a second time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from msgspec import Struct

from shim.comparison.shadow_rung.observation import Ending
from shim.model import (
    InvalidRequestError,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from shim.provider import CallOptions, Completion, Provider, ProviderClosedError, RequestHandle

if TYPE_CHECKING:
    from shim.comparison.shadow_rung.call_recording import CallRecording
    from shim.model import ModelRequest

MOST_EVENTS: Final = 200_000
MOST_CHARACTERS: Final = 4_000_000
"""Of one answer, some times what the largest model writes (128,000 tokens); more is a flood, and ends the call."""

GRACE_SECONDS: Final = 2.0
"""How long a cancelled call may take to complete, before its provider is held to be broken."""

MOST_FAILURES: Final = 5
"""Providers in a row that broke without an answer: then there is no more of them."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0  # seconds before a broken provider is made anew

# What a provider that sends on after its call was ended has to wait for each event, so that the interpreter's lock is free.
_BRAKE_SECONDS = 0.05

NoteFault: TypeAlias = Callable[[str, BaseException], object]
"""Gets the place of a fault (make, start, perform, ...) and what was raised there."""


class CallEnd(Struct, frozen=True, kw_only=True):
    """How a call of the shadow ended.

    Attributes:
        ending: how; `completion` is there where it is answered or failed.
        sent: whether the provider took the request, and may have sent it.
        cold: nothing had completed on its provider before.
        rested: the thread rested while it was under way.
    """

    ending: Ending
    completion: Completion | None = None
    sent: bool = True
    cold: bool = False
    rested: bool = False


OnEnd: TypeAlias = Callable[[CallEnd], object]


class _FloodError(Exception):
    """Raised into a stream to end it: it sends more than any answer has, or after its time."""


class _Broken(Exception):  # noqa: N818 - never leaves this module; names what is noted
    """A provider did not keep the interface, without raising."""


class _Call:
    """One call under way. Once ended it holds nothing: a provider may keep its callbacks for ever."""

    __slots__ = ("characters", "cold", "deadline", "ending", "events", "handle", "on_end", "rested")

    def __init__(self, on_end: OnEnd, *, deadline: float, cold: bool) -> None:
        self.on_end: OnEnd | None = on_end
        self.deadline = deadline
        self.cold = cold
        self.rested = False
        self.handle: RequestHandle | None = None
        self.ending: Ending | None = None  # ours, where we ended it
        self.events = 0
        self.characters = 0

    def take(self, event: StreamEvent) -> None:
        """Count an event, and end the stream where there are too many or it is too late."""
        self.events += 1
        if isinstance(event, (TextDelta, ReasoningDelta, RefusalDelta)):
            self.characters += len(event.text)
        elif isinstance(event, ToolCallDelta):
            self.characters += len(event.arguments)
        if self.on_end is None or self.ending is not None:
            time.sleep(_BRAKE_SECONDS)
            raise _FloodError("the call was ended, and the provider sends on")
        if self.events > MOST_EVENTS or self.characters > MOST_CHARACTERS:
            self.ending = "flood"
            raise _FloodError("the answer is longer than any answer is")
        if time.monotonic() > self.deadline + GRACE_SECONDS:  # the provider has not returned since
            self.ending = "deadline"
            raise _FloodError("the answer took longer than it may")

    def end(self, ending: Ending, completion: Completion | None = None, *, sent: bool = True) -> None:
        """Tell how it ended, the first time."""
        on_end, self.on_end, self.handle = self.on_end, None, None
        if on_end is not None:
            told = self.ending or ending
            on_end(CallEnd(ending=told, completion=completion, sent=sent, cold=self.cold, rested=self.rested))


class ShadowCaller:
    """Makes the calls of one arm. Belongs to one thread; nothing that a provider does leaves it.

    Args:
        make: makes the provider.
        deadline: seconds for one call.
        options: of each call; None for none.
        recording: records the calls; None for none.
        note_fault: gets every fault of the provider.
    """

    def __init__(
        self,
        make: Callable[[], Provider],
        *,
        deadline: float,
        options: CallOptions | None,
        recording: CallRecording | None,
        note_fault: NoteFault,
    ) -> None:
        self._make = make
        self._deadline = deadline
        self._options = options
        self._recording = recording
        self._note = note_fault
        self._provider: Provider | None = None
        self._end_recording: Callable[[], None] | None = None
        self._calls: dict[int, _Call] = {}
        self._warm = False
        self._failures = 0
        self._make_after = 0.0

    @property
    def running(self) -> int:
        """Calls under way."""
        return len(self._calls)

    @property
    def is_given_up(self) -> bool:
        """Whether its providers broke too often."""
        return self._failures >= MOST_FAILURES

    @property
    def is_ready(self) -> bool:
        """Whether there is a provider, or one may be made now: not in the pause after one broke."""
        return self._provider is not None or time.monotonic() >= self._make_after

    def prepare(self) -> None:
        """Make the provider before it is needed."""
        self._provider_now()

    def renew(self) -> None:
        """Try again what was given up."""
        self._failures, self._make_after = 0, 0.0

    def api_of(self, request: ModelRequest, *, streamed: bool) -> str | None:
        """The path a request would be sent to, where the provider says so; None where it does not.

        The provider may refuse the request here; `start` tells that.
        """
        tell: Any = getattr(self._provider_now(), "sent_request", None)
        if not callable(tell):
            return None
        try:
            url = tell(request, stream=streamed, options=self._options).url
            return str(url).partition("?")[0]
        except BaseException:  # noqa: BLE001 - told by `start`, which meets the same
            return None

    def start(self, request: ModelRequest, *, streamed: bool, pair_id: str, on_end: OnEnd) -> None:
        """Make a call; `on_end` is told how it ended, once, perhaps before this returns."""
        provider = self._provider_now()
        call = _Call(on_end, deadline=time.monotonic() + self._deadline, cold=not self._warm)
        if provider is None:
            call.end("broken", sent=False)
            return
        self._calls[id(call)] = call

        def completed(completion: Completion) -> None:
            self._complete(call, completion)

        try:
            if self._recording is not None:
                request = self._recording.marked(request, pair_id)
            if streamed:
                call.handle = provider.start_stream(request, call.take, completed, options=self._options)
            else:
                call.handle = provider.start_request(request, completed, options=self._options)
        except BaseException as error:  # noqa: BLE001 - a candidate may raise anything
            self._calls.pop(id(call), None)
            refused = isinstance(error, InvalidRequestError)
            if not refused:
                self._note_start(error)
            call.end("refused" if refused else "broken", sent=False)

    def drive(self) -> None:
        """Let the provider do what it can, and end what has taken too long."""
        self._guarded("perform", lambda provider: provider.perform())
        self._guarded("info_read", lambda provider: provider.info_read())
        self._enforce(time.monotonic())

    def wait_for(self) -> tuple[int | None, float | None]:
        """The descriptor to wait for and the seconds until there is something to do; None for none."""
        descriptor = self._guarded("fileno", lambda provider: provider.fileno())
        timeout = self._guarded("timeout", lambda provider: provider.timeout())
        waits = [
            call.deadline + (GRACE_SECONDS if call.ending else 0) - time.monotonic() for call in self._calls.values()
        ]
        if not self.is_ready:
            waits.append(self._make_after - time.monotonic())
        if isinstance(timeout, int) and timeout >= 0:
            waits.append(timeout / 1000)
        usable = descriptor if isinstance(descriptor, int) and 0 <= descriptor < 2**31 else None
        return usable, (max(0.0, min(waits)) if waits else None)

    def note_rest(self) -> None:
        """Note on every call under way that its times say nothing."""
        for call in self._calls.values():
            call.rested = True

    def close(self) -> None:
        """End what is under way, and close the provider."""
        self._discard("broken")

    def _provider_now(self) -> Provider | None:
        """The provider, made now where there is none; None where it cannot be."""
        if self._provider is not None or self.is_given_up or time.monotonic() < self._make_after:
            return self._provider
        try:
            self._provider = self._make()
            self._warm = False
        except BaseException as error:  # noqa: BLE001 - a candidate may raise anything
            self._fail("make", error)
            return None
        if self._recording is not None:
            try:
                self._end_recording = self._recording.attach(self._provider)
            except BaseException as error:  # noqa: BLE001 - the calls are made, recorded or not
                self._note("record", error)
        return self._provider

    def _note_start(self, error: BaseException) -> None:
        """Note what a start raised: a provider that was closed is replaced, another may still serve its other calls."""
        if isinstance(error, ProviderClosedError):
            self._fail("start", error)
        else:
            self._note("start", error)
            self._failures += 1

    def _complete(self, call: _Call, completion: object) -> None:
        """Be `on_completion`."""
        if self._calls.pop(id(call), None) is None:
            return  # it was ended before, or completes twice
        if not isinstance(completion, Completion):
            self._note("info_read", _Broken("a completion is none"))
            call.end("broken")
            return
        self._warm = True
        self._failures = 0
        call.end("failed" if completion.response is None else "answered", completion)

    def _guarded(self, place: str, act: Callable[[Provider], object]) -> object:
        """What an action on the provider gives; None where there is no provider, or it broke in it."""
        if self._provider is None:
            return None
        try:
            return act(self._provider)
        except BaseException as error:  # noqa: BLE001 - a candidate may raise anything
            self._fail(place, error)
            return None

    def _enforce(self, now: float) -> None:
        for call in list(self._calls.values()):
            if now < call.deadline:
                continue
            if call.ending is None:
                call.ending = "deadline"
            if now >= call.deadline + GRACE_SECONDS:
                self._fail("cancel", _Broken("a cancelled call was not completed"))
                return
            handle, call.handle = call.handle, None
            if handle is not None:
                self._guarded("cancel", lambda provider, handle=handle: provider.cancel(handle))  # type: ignore[misc]  # mypy cannot infer a lambda's default

    def _fail(self, place: str, error: BaseException) -> None:
        """Take the provider for broken: note it, end its calls, and make a new one after a pause."""
        self._note(place, error)
        self._failures += 1
        pause = min(_FIRST_PAUSE * 2 ** (self._failures - 1), _LONGEST_PAUSE)
        self._make_after = time.monotonic() + pause
        self._discard("broken")

    def _discard(self, ending: Ending) -> None:
        calls, self._calls = list(self._calls.values()), {}
        provider, self._provider = self._provider, None
        end_recording, self._end_recording = self._end_recording, None
        for place, act in (("close", None if provider is None else provider.close), ("record", end_recording)):
            if act is not None:
                try:
                    act()
                except BaseException as error:  # noqa: BLE001 - a candidate may raise anything
                    self._note(place, error)
        for call in calls:
            call.end(ending)
