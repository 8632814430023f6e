"""Retries: the one owner of trying a request again.

Not the rule (`retry_policy`). Theory of operation. A logical request has one handle, one `Idempotency-Key`, one completion, and
attempts below, one after the other. A stream is tried again only while its caller has seen nothing of it, so `StreamStart` is
held back until the first content (an error inside a stream of status 200 comes there), and a `StreamError` that comes first
until the completion, whose headers say whether another try is welcome. Waiting is an appointment that `timeout()` tells of.
"""

from __future__ import annotations

import itertools
import math
import random as _random
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from shim.call_options import CallOptions, Deadlines
from shim.layers.holding import HeldCall, HoldingLayer, is_options, nobody
from shim.layers.layer import sooner
from shim.layers.moments import Moments
from shim.layers.retry_policy import RetryBudget, RetryPolicy, wait_before_retry, worth_retrying
from shim.model import (
    ErrorCategory,
    InvalidRequestError,
    ModelRequest,
    ProviderError,
    StreamError,
    StreamEvent,
    StreamStart,
)
from shim.model.checks import kind_of
from shim.poller import READ, as_wait, make_poller
from shim.provider import Attempt, Completion, OnCompletion, OnEvent, Provider, RequestHandle
from shim.wakeup import Wakeup

__all__ = ["RetryBudget", "RetryLayer", "RetryPolicy"]

_NO_OPTIONS: Final = CallOptions()
# Where no descriptor tells of others, a loop that waits for the provider's alone looks so often at what waits here.
_LOOK_MILLISECONDS: Final = 50


class _RetriedCall(HeldCall):
    """A logical request and its attempts."""

    __slots__ = (
        "_layer", "_start_event", "_tell", "attempts", "below", "has_begun", "options", "policy", "request",
        "shown_at", "total_at", "waited", "withheld",
    )  # fmt: skip

    below: RequestHandle

    def __init__(
        self,
        layer: RetryLayer,
        request: ModelRequest,
        *,
        on_event: OnEvent | None,
        on_completion: OnCompletion,
        options: CallOptions | None,
        policy: RetryPolicy,
    ) -> None:
        super().__init__(on_event, on_completion)
        self.request = request
        self.options = options
        self.policy = policy
        self.attempts: list[Attempt] = []
        self.total_at = math.inf
        self.waited = 0.0
        self.has_begun = False  # its caller has seen something of it
        self.shown_at: float | None = None
        self.withheld = False  # the `StreamError` of this attempt
        self._layer = layer
        self._start_event: StreamStart | None = None
        self._tell = on_event or nobody

    def begin(self, provider: Provider) -> None:
        """Start an attempt; raises what the provider raises."""
        options = self._options()
        if self.on_event is None:
            self.below = provider.start_request(self.request, self.ended, options=options)
        else:
            self.below = provider.start_stream(self.request, self.note, self.ended, options=options)
        self.withheld, self._start_event = False, None  # only now: one that was refused leaves the last failure to tell

    def note(self, event: StreamEvent) -> object:
        """Be the stream's `on_event`."""
        if self.has_begun:
            return self._tell(event)
        if isinstance(event, StreamStart):
            self._start_event = event
            return None
        if isinstance(event, StreamError):
            self.withheld = self._layer.awaits_completion = True
            return None
        self.has_begun = True
        self.shown_at = self._layer.clock()
        start, self._start_event = self._start_event, None
        if start is not None:
            self._tell(start)
        return None if self.over else self._tell(event)  # its callback may have cancelled it

    def ended(self, completion: Completion) -> None:
        """Be `on_completion` of an attempt."""
        error, timing = completion.error, completion.timing
        attempt = Attempt(
            number=len(self.attempts) + 1,
            error=error,
            http_status=completion.http_status,
            waited=self.waited,
            started=timing.started,
            finished=timing.finished,
        )
        self.attempts.append(attempt)
        self._layer.take(self, completion)

    def outcome(self, completion: Completion) -> Completion:
        """The completion of the whole, from that of its last attempt."""
        timing = replace(completion.timing, started=self.attempts[0].started)
        if self.shown_at is not None:
            timing = replace(timing, first_event=self.shown_at)
        return replace(completion, handle=self.handle, attempts=tuple(self.attempts), timing=timing)

    def _options(self) -> CallOptions | None:
        """What goes on: of the time allowed for all attempts, what is left of it."""
        if not self.attempts or self.total_at == math.inf:
            return self.options
        options = self.options or _NO_OPTIONS
        left = max(self.total_at - self._layer.clock(), 0.001)
        return replace(options, deadlines=replace(options.deadlines or Deadlines(), total=left))


class RetryLayer(HoldingLayer):
    """Tries again what failed in a way that another attempt may not; `shim.provider` has the invariants.

    Only errors of a category that is `retryable`, or as the server's `x-should-retry` says; never a request its caller has ended,
    and no stream of which its caller has seen an event. A stream's `StreamStart` comes with its first content; one that fails
    before has its `StreamError` alone. Each completion has its `attempts`.

    Args:
        provider: what is wrapped.
        policy: for every call; a call's own (`CallOptions.retries`) takes its place, `RetryPolicy(attempts=1)` for none.
        total: seconds that `deadlines` below allow for a call. Here it holds for all attempts and waits of one together; a call's
            own takes its place. None where the layer below has none.
        clock: in seconds.
        random: from 0 to 1, for the waits no server names.
        name: told by handles and in messages; None is the wrapped provider's.

    Raises:
        InvalidRequestError: `policy` is no `RetryPolicy`.
    """

    def __init__(
        self,
        provider: Provider,
        policy: RetryPolicy,
        *,
        total: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        random: Callable[[], float] = _random.random,
        name: str | None = None,
    ) -> None:
        super().__init__(provider, name=name)
        self.clock = clock
        self.awaits_completion = False  # a withheld `StreamError` waits for it
        self._policy = checked_policy(policy, place="retries")
        self._total = total
        self._random = random
        self._open: dict[RequestHandle, _RetriedCall] = {}
        self._waiting: set[_RetriedCall] = set()
        self._moments: Moments[_RetriedCall] = Moments(clock)
        self._numbers = itertools.count(1)
        self._wakeup = Wakeup()
        self._poller = make_poller()
        for each in (provider, self._wakeup):
            self._poller.watch(each.fileno(), READ)

    def start_request(
        self, request: ModelRequest, on_completion: OnCompletion, *, options: CallOptions | None = None
    ) -> RequestHandle:
        """Accept a request; see `Provider`."""
        if not (callable(on_completion) and is_options(options)):
            return self._provider.start_request(request, on_completion, options=options)  # which refuses it
        return self._start(request, None, on_completion=on_completion, options=options)

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
        return self._start(request, on_event, on_completion=on_completion, options=options)

    def fileno(self) -> int:
        """One descriptor, for the wrapped provider and for what is cancelled while it waits; see `Provider`."""
        below, descriptor = self._provider.fileno(), self._poller.fileno()
        return below if descriptor is None else descriptor

    def fdset(self) -> tuple[list[int], list[int], list[int]]:
        """The descriptors to select on; see `Provider`."""
        read, write, odd = self._provider.fdset()
        if self._poller.fileno() is not None and len(read) == 1 and not write:
            return [self.fileno()], [], []
        return [*read, self._wakeup.fileno()], write, odd

    def timeout(self) -> int:
        """Milliseconds until `perform()` wants to be called: the wrapped provider's, or the next try; see `Provider`."""
        timeout = super().timeout()
        if self._closed or not self._waiting:
            return timeout
        timeout = self._moments.soonest(timeout)
        return timeout if self._poller.fileno() is not None else min(timeout, _LOOK_MILLISECONDS)

    def _wait_below(self, timeout_ms: int = -1) -> bool:
        """Wait below; while calls wait for their next try for both descriptors, since their end shows on its own alone."""
        if self._closed or not self._waiting or self._is_parents():
            return super()._wait_below(timeout_ms)
        return bool(self._poller.ready(as_wait(sooner(timeout_ms, self.timeout()))))

    def perform(self) -> int:
        """Start what has waited long enough, drive the wrapped provider; see `Provider`."""
        if self._closed:
            return 0
        if self._is_parents():
            return self._provider.perform()  # which refuses it
        self._wakeup.hear()
        for call in self._moments.due(self.clock()):
            self._try_again(call)
        running = self._provider.perform()
        if self.awaits_completion:
            self.awaits_completion = False
            self._provider.info_read()  # our own callbacks alone: what it brings waits for our info_read()
        self._tell_failures()
        return 0 if self._closed else running + len(self._waiting)

    def cancel(self, handle: RequestHandle | None = None) -> None:
        """Cancel one request, or all, those that wait for their next try too; see `Provider`."""
        if self._is_parents():
            self._provider.cancel()  # which refuses it
            return
        self._end_failing(handle)
        chosen = list(self._open.values()) if handle is None else [self._open.get(handle)]
        for call in chosen:
            if call is not None:
                call.over = True
                if call in self._waiting:
                    self._end_waiting(call, "the request was cancelled")
                    self._wakeup.ring()
                else:
                    self._provider.cancel(call.below)

    def pause(self, handle: RequestHandle) -> bool:
        """Hold one stream back, where the wrapped provider can."""
        call, pause = self._open.get(handle), getattr(self._provider, "pause", None)
        return call is not None and call not in self._waiting and pause is not None and bool(pause(call.below))

    def resume(self, handle: RequestHandle) -> None:
        """Go on with it."""
        call, resume = self._open.get(handle), getattr(self._provider, "resume", None)
        if call is not None and call not in self._waiting and resume is not None:
            resume(call.below)

    def close(self) -> None:
        """Cancel and deliver what is open, what waits too, release everything; see `Provider`."""
        if self._closed:
            return
        for call in () if self._is_parents() else list(self._waiting):
            self._end_waiting(call, "the provider was closed")
        with ExitStack() as closing:
            closing.callback(self._wakeup.close)
            closing.callback(self._poller.close)
            closing.callback(super().close)

    def take(self, call: _RetriedCall, completion: Completion) -> None:
        """Take how an attempt ended: wait for the next, or end the call."""
        wait = self._wait(call, completion)
        if wait is None:
            self._end(call, completion)
            return
        call.waited = wait
        call.completion = completion  # for one that is not tried again after all
        self._waiting.add(call)
        self._moments.make(self.clock() + wait, call)

    def _start(
        self,
        request: ModelRequest,
        on_event: OnEvent | None,
        *,
        on_completion: OnCompletion,
        options: CallOptions | None,
    ) -> RequestHandle:
        policy = self._policy if options is None or options.retries is None else self._own_policy(options.retries)
        passed = _passed(request, options, keyed=policy.attempts > 1)
        call = _RetriedCall(
            self, request, on_event=on_event, on_completion=on_completion, options=passed, policy=policy
        )
        call.total_at = self.clock() + self._total_of(options)
        call.begin(self._provider)
        call.handle = RequestHandle(self.name, next(self._numbers))
        self._open[call.handle] = call
        return call.handle

    def _own_policy(self, policy: object) -> RetryPolicy:
        return checked_policy(policy, place="options.retries", budget=self._policy.budget)

    def _total_of(self, options: CallOptions | None) -> float:
        own = None if options is None or options.deadlines is None else options.deadlines.total
        total = self._total if own is None else own
        return math.inf if total is None else total

    def _wait(self, call: _RetriedCall, completion: Completion) -> float | None:
        """Seconds until the next try, None for none."""
        error, policy, budget = completion.error, call.policy, call.policy.budget
        worth = worth_retrying(completion)
        if isinstance(budget, RetryBudget) and not self._closed:
            if error is None:
                budget.succeeded()
            elif worth:
                budget.failed()
        if error is None or not worth or self._closed or call.over or call.has_begun:
            return None
        if len(call.attempts) >= policy.attempts or (isinstance(budget, RetryBudget) and not budget.allows_retry):
            return None
        wait = wait_before_retry(error, policy, attempt=len(call.attempts), random=self._random)
        return None if wait is None or self.clock() + wait >= call.total_at else wait

    def _try_again(self, call: _RetriedCall) -> None:
        self._waiting.discard(call)
        try:
            call.begin(self._provider)
        except Exception as refused:  # noqa: BLE001 - such as a key's function that fails: the last failure stands, with that as its cause
            completion = call.completion
            if completion.error is not None:
                completion.error.__cause__ = refused.with_traceback(None)  # its frames hold the call
            self._end(call, completion)

    def _end(self, call: _RetriedCall, completion: Completion) -> None:
        del self._open[call.handle]
        self._settle(call, call.outcome(completion), owes_event=call.withheld and completion.error is not None)

    def _end_waiting(self, call: _RetriedCall, why: str) -> None:
        self._waiting.discard(call)
        self._moments.forget(call)
        failed = call.completion
        error = ProviderError(ErrorCategory.CANCELLED, why, partial=failed.error.partial if failed.error else None)
        timing = replace(failed.timing, finished=max(self.clock(), failed.timing.finished))
        call.over = True
        self._end(call, replace(failed, error=error, http_status=None, headers={}, timing=timing))


def checked_policy(policy: object, *, place: str, budget: RetryBudget | UnsetType | None = UNSET) -> RetryPolicy:
    """A policy as a setting or an option, once it is clear that it is one; with the budget it is part of, or one of its own."""
    if not isinstance(policy, RetryPolicy):
        raise InvalidRequestError(f"{place} is {kind_of(policy)}; give RetryPolicy(attempts=3)", field=place)
    if policy.budget is not UNSET:
        return policy
    return replace(policy, budget=RetryBudget() if budget is UNSET else budget)


def _passed(request: ModelRequest, options: CallOptions | None, *, keyed: bool) -> CallOptions | None:
    """The options of every attempt: without the policy, with one key for all of them."""
    given = options or _NO_OPTIONS
    key = given.idempotency_key
    if key is None and keyed and not _has_key(request):
        key = str(uuid.uuid4())
    if given.retries is None and key == given.idempotency_key:
        return options
    return replace(given, retries=None, idempotency_key=key)


def _has_key(request: object) -> bool:
    headers = request.extra_headers if isinstance(request, ModelRequest) else None
    return isinstance(headers, dict) and any(
        isinstance(name, str) and name.lower() == "idempotency-key" for name in headers
    )
