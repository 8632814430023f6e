"""The thread that makes the shadow's calls: takes requests from the queue, drives the providers, keeps what was seen.

Not the queue (`shadow_state`), not one provider's calls (`shadow_calls`). The thread begins with the first request and ends with
`close()`. It is a daemon, since a candidate that never returns must not keep a program from ending.
"""

from __future__ import annotations

import functools
import select
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from msgspec.structs import replace

from shim.comparison.live.throttle import Throttle, bounded
from shim.comparison.shadow_rung.eligibility import shadowed
from shim.comparison.shadow_rung.observation import CallObservation, ShadowPair, observed
from shim.comparison.shadow_rung.shadow_calls import CallEnd, ShadowCaller
from shim.fork import forks_held_up
from shim.model import ErrorCategory
from shim.provider import Completion
from shim.wakeup import Wakeup

if TYPE_CHECKING:
    from shim.comparison.shadow_rung.shadow_state import ShadowItem, ShadowState
    from shim.comparison.shadow_rung.shadow_telling import ShadowTelling

Arm: TypeAlias = Literal["candidate", "baseline"]

HUNG_SECONDS: Final = 10.0
"""A turn that takes longer: a provider does not return, and until it does no request is worth keeping for it."""

_LONGEST_WAIT = 5.0  # seconds: a turn now and then, whatever descriptors and timeouts say
_BURST_SECONDS = 0.25  # of work that may come together after a quiet time: a long answer read at once
_LATE_SECONDS = 1.0  # for the thread to come back from its providers' `close`, beyond the time given

_LIMITS = frozenset({ErrorCategory.RATE_LIMIT, ErrorCategory.QUOTA})
_TOO_MANY_REQUESTS = 429  # RFC 6585, section 4


class _Running:
    """A pair under way: what was seen so far, and how many calls are out."""

    __slots__ = ("calls", "item", "seen", "started_at")

    def __init__(self, item: ShadowItem, *, calls: int) -> None:
        self.item = item
        self.calls = calls
        self.seen: dict[str, CallObservation] = {}
        self.started_at = time.time()


class ShadowThread:
    """The thread of one process.

    Args:
        state: what is shared.
        telling: who is told.
        make_callers: makes the arms' callers, on the thread.
        max_share: of the time at which it is at work at most.
        own_key: whether the calls have a key of their own.
    """

    def __init__(
        self,
        state: ShadowState,
        *,
        telling: ShadowTelling,
        make_callers: Callable[[], Mapping[Arm, ShadowCaller]],
        max_share: float,
        own_key: bool,
    ) -> None:
        self._state = state
        self._telling = telling
        self._make_callers = make_callers
        self._own_key = own_key
        self._pace = Throttle(max_share, burst=_BURST_SECONDS)
        self._callers: Mapping[Arm, ShadowCaller] = {}
        self._thread: threading.Thread | None = None
        self._wakeup: Wakeup | None = None
        self._lock = threading.Lock()  # of the wakeup: rung by anybody, heard and closed here
        self._closing = threading.Event()
        self._deadline = 0.0
        self._entered: float | None = None  # since when a provider has the thread
        self._renew = False
        self._order = 0
        self._over = False

    def begin(self) -> bool:
        """Make sure of the thread and wake it; False where there is none."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="shim-shadow", daemon=True)
            self._wakeup = Wakeup()
            try:
                thread.start()
            except RuntimeError:  # the system gives no more threads, or the program is ending
                self._close_wakeup()
                return False
            self._thread = thread
        self._wake()
        return self._thread.is_alive()

    @property
    def is_hung(self) -> bool:
        """Whether a provider has not returned for long."""
        entered = self._entered
        return entered is not None and time.monotonic() - entered > HUNG_SECONDS

    def renew(self) -> None:
        """Have providers that were given up tried again."""
        self._renew = True
        self._wake()

    def close(self, timeout: float) -> bool:
        """Let what is under way end for at most `timeout` seconds; False where a provider does not return."""
        if not self._closing.is_set():
            self._deadline = time.monotonic() + bounded(timeout)
            self._closing.set()
        self._wake()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, self._deadline - time.monotonic()) + _LATE_SECONDS)
        return thread is None or not thread.is_alive()

    def abandon(self) -> None:
        """Free what was inherited, in a process forked from this one's: the thread is not there, and the lock perhaps held."""
        wakeup, self._wakeup = self._wakeup, None
        if wakeup is not None:
            wakeup.close()

    def _run(self) -> None:
        try:
            with forks_held_up():  # modules are imported
                self._callers = self._make_callers()
                self._entered = time.monotonic()
                for caller in self._callers.values():  # before the pace is kept: what is loaded and made now is so once
                    caller.prepare()
            while not self._is_over():
                self._turn()
        except BaseException as error:  # noqa: BLE001 - our own mistake; nothing goes on, and it is said
            self._state.stop("the shadow itself failed")
            self._telling.fault("shadow", error)
        finally:
            self._finish()

    def _is_over(self) -> bool:
        if not self._closing.is_set():
            return False
        return self._state.is_idle or time.monotonic() >= self._deadline

    def _turn(self) -> None:
        began = self._entered = time.monotonic()
        if self._renew:
            self._renew = False
            for caller in self._callers.values():
                caller.renew()
        self._take()
        for caller in self._callers.values():
            caller.drive()
        self._entered = None
        now = time.monotonic()
        self._pace.worked(now - began, now=now)
        rest = self._pace.rest(now)
        if rest:
            self._rest(rest)
        else:
            self._wait()

    def _take(self) -> None:
        """Start what waits and is allowed, unless a provider has just broken."""
        for arm, caller in self._callers.items():
            if caller.is_given_up:
                self._stop(f"the {arm} broke again and again")
        while self._is_ready() and (item := self._state.take(len(self._callers), now=time.monotonic())) is not None:
            self._start(item)

    def _is_ready(self) -> bool:
        return all(caller.is_ready for caller in self._callers.values())

    def _start(self, item: ShadowItem) -> None:
        """Make the calls for a request, one arm first and then the other first."""
        arms = list(self._callers.items())
        self._order += 1
        running = _Running(item, calls=len(arms))
        for arm, caller in arms if self._order % 2 else reversed(arms):
            request = shadowed(item.request, own_key=self._own_key, unstored=True)
            path = caller.api_of(request, streamed=item.streamed)
            if path is None and arm == "baseline":
                path = _api_of_control(item)  # it is of the control's kind
            if path is not None and path.endswith(("/chat/completions", "chat_completions")):
                request = shadowed(item.request, own_key=self._own_key, unstored=False)
            ended = functools.partial(self._ended, running, arm=arm)
            caller.start(request, streamed=item.streamed, pair_id=item.pair_id, on_end=ended)

    def _ended(self, running: _Running, end: CallEnd, *, arm: Arm) -> None:
        """Take the end of one call; the pair is told with the last."""
        try:
            seen = _observed(end, running.item)
        except BaseException as error:  # noqa: BLE001 - a completion of a candidate may hold anything
            self._telling.fault("observe", error)
            seen = CallObservation(ending="broken", streamed=running.item.streamed)
        used = _used(seen, running.item) if end.sent else 0
        self._state.settle(running.item.tokens, used, made=end.sent)
        running.seen[arm] = seen
        running.calls -= 1
        self._look_for_limits(arm, seen)
        if not running.calls:
            self._tell(running)

    def _tell(self, running: _Running) -> None:
        item = running.item
        if self._over:  # we ended it, so it says nothing of the candidate
            self._state.end(None)
            return
        try:
            control = _control_of(item)
        except BaseException as error:  # noqa: BLE001 - as in `_ended`
            self._telling.fault("observe", error)
            self._state.end(None)
            return
        pair = ShadowPair(
            pair_id=item.pair_id,
            at=running.started_at,
            model=item.request.model if isinstance(item.request.model, str) else "",
            control=control,
            candidate=running.seen["candidate"],
            baseline=running.seen.get("baseline"),
        )
        self._telling.pair(pair, item.context)
        self._state.end(pair)

    def _look_for_limits(self, arm: Arm, seen: CallObservation) -> None:
        """Stop at the first sign of a limit: the control may share it."""
        if seen.category in _LIMITS or seen.status == _TOO_MANY_REQUESTS:
            self._stop(f"the {arm} met a limit ({seen.category or seen.status})")

    def _stop(self, reason: str) -> None:
        if self._state.stop(reason):
            self._telling.stopped(reason)

    def _rest(self, seconds: float) -> None:
        self._state.count_rest()
        for caller in self._callers.values():
            caller.note_rest()
        self._closing.wait(min(seconds, _LONGEST_WAIT))

    def _wait(self) -> None:
        """Wait for the providers, for a request, for the first deadline."""
        if self._is_over() or (self._state.has_next and self._is_ready()):  # what has just ended left room for it
            return
        waits = [caller.wait_for() for caller in self._callers.values()]
        seconds = min([each for _, each in waits if each is not None], default=_LONGEST_WAIT)
        if self._closing.is_set():
            seconds = min(seconds, max(0.0, self._deadline - time.monotonic()))
        descriptors = [each for each, _ in waits if each is not None]
        wakeup = self._wakeup
        if wakeup is not None:
            _wait_for([wakeup.fileno(), *descriptors], min(seconds, _LONGEST_WAIT))
            with self._lock:
                wakeup.hear()

    def _finish(self) -> None:
        self._over = True
        self._state.close()
        for caller in self._callers.values():
            caller.close()
        self._close_wakeup()

    def _wake(self) -> None:
        with self._lock:
            if self._wakeup is not None:
                self._wakeup.ring()

    def _close_wakeup(self) -> None:
        with self._lock:
            wakeup, self._wakeup = self._wakeup, None
            if wakeup is not None:
                wakeup.close()


def _observed(end: CallEnd, item: ShadowItem) -> CallObservation:
    if end.completion is None:
        return CallObservation(ending=end.ending, streamed=item.streamed, cold=end.cold, rested=end.rested)
    seen = observed(end.completion, item.request, streamed=item.streamed)
    if end.ending not in ("answered", "failed"):  # we ended it: what came of it is no answer to compare
        seen = CallObservation(ending=end.ending, status=seen.status, streamed=item.streamed)
    return replace(seen, cold=end.cold, rested=end.rested)


def _control_of(item: ShadowItem) -> CallObservation:
    if isinstance(item.control, CallObservation):
        return item.control
    return observed(item.control, item.request, streamed=item.streamed)


def _api_of_control(item: ShadowItem) -> str | None:
    response = item.control.response if isinstance(item.control, Completion) else None
    return None if response is None else response.api


def _used(seen: CallObservation, item: ShadowItem) -> int:
    """Tokens that a call cost: what the server said, nothing where it refused, else all that was reserved."""
    if seen.tokens is not None:
        return seen.tokens
    return 0 if seen.status is not None and seen.status >= 400 else item.tokens


def _wait_for(descriptors: list[int], seconds: float) -> None:
    """Wait until one can be read; one that is none ends the wait, and the pace bounds how often."""
    if not hasattr(select, "poll"):  # Windows, and what eventlet leaves
        select.select(descriptors, [], [], seconds)
        return
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    poll.poll(seconds * 1000)
