"""Providers for a client's threads: who holds which one, when it goes back, when it is closed.

Not the client (`shim.client`), whose behaviour this is the machinery of. A provider serves one caller at a time, so that a stream
nobody reads is not driven and holds its server back. Ownership is what keeps that safe:

- A `Lease` is a provider in somebody's hands: an `OpenRequest`'s while its request is open, else its thread's `_Seat`'s.
- `Lease.lock` is held while the provider is touched, so `Pool.close()` may come from any thread: it ends the wait of each, and
  then finds the lock free. A provider that can wait by itself (`shim.provider.Polling`) is woken by its `wakeup()`; who waits for
  another listens to the pool's alarm too.
- A provider refers to the `Inbox` of a request, and the inbox to nothing: dropping a stream frees, and so cancels, it at once.
- Each process has its own pool (`shim.per_process`); after a fork the child leaves its parent's alone.
"""

from __future__ import annotations

import _thread
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeAlias

from shim.loops.select_loop import Watch
from shim.model import ModelResponse, ProviderError, ShimError, StreamEvent
from shim.provider import Completion, Provider, RequestHandle
from shim.wakeup import Wakeup

# A thread that reads five streams at once pays one new provider when it reads them again; more would only hold connections.
MAX_IDLE_PER_THREAD = 4


class ClientClosedError(ShimError, RuntimeError):
    """The client was closed; make a new one, or close it later."""

    def __init__(self) -> None:
        super().__init__("the client is closed; make a new one, or close it later")


class Inbox:
    """What a provider has delivered for one request."""

    __slots__ = ("completion", "events")

    def __init__(self) -> None:
        self.events: deque[StreamEvent] = deque()
        self.completion: Completion | None = None

    def put_completion(self, completion: Completion) -> None:
        """Take the completion; the provider's `on_completion`."""
        self.completion = completion


Start: TypeAlias = Callable[[Provider, Inbox], RequestHandle]


def result_of(completion: Completion) -> ModelResponse:
    """The response of a request that ended well; raises the error of one that did not."""
    if completion.response is not None:
        return completion.response
    try:
        raise error_of(completion)
    finally:
        del completion  # the traceback holds this frame: it must not hold the error in turn


def error_of(completion: Completion) -> ProviderError:
    """The error of a request that failed."""
    return completion.error or ProviderError("unknown", "the provider gave neither a response nor an error")


class _Seat:
    """One thread's idle leases."""

    def __init__(self) -> None:
        self.idle: deque[Lease] = deque()
        # Runs when the thread ends and its thread-local goes, when the pool goes, or when the interpreter exits.
        weakref.finalize(self, _close_idle, self.idle, os.getpid())


class Lease:
    """A provider in one caller's hands."""

    def __init__(self, provider: Provider, *, alarm: Wakeup, seat: _Seat) -> None:
        self.provider = provider
        self.lock = (
            threading.RLock()
        )  # re-entrant: a signal handler may close the client while its own thread waits here
        self.closed = False
        self.thread = threading.get_ident()
        self._process = os.getpid()
        self.seat = weakref.ref(seat)
        self._wakeup: Callable[[], object] | None = getattr(provider, "wakeup", None)
        poll: Callable[[], int] | None = None if self._wakeup is None else getattr(provider, "poll", None)
        self._poll: Callable[[], object] = Watch(provider, also=[alarm]).turn if poll is None else poll

    def start(self, start: Start, inbox: Inbox) -> RequestHandle:
        """Start a request whose completion goes to `inbox`."""
        with self.lock:
            if self.closed:
                raise ClientClosedError
            return start(self.provider, inbox)

    def turn(self) -> None:
        """Wait for the provider, or to be woken, then let the provider do what it can."""
        if self._is_parents():
            raise RuntimeError("this stream belongs to the parent process; ask again in this one")
        with self.lock:
            if not self.closed:
                self._poll()
                self.provider.info_read()

    def wake(self) -> None:
        """End the wait of a thread that holds the lock, from any thread; one that listens to the alarm needs none."""
        if self._wakeup is not None:
            self._wakeup()

    def cancel(self, handle: RequestHandle) -> None:
        """Cancel a request and take its completion, which most providers have at once."""
        if self._is_out_of_reach():
            return
        with self.lock:
            if not self.closed:
                self.provider.cancel(handle)
                self.provider.info_read()

    def close(self) -> None:
        """Close the provider, which delivers what is open as cancelled. May be called again, and from any thread."""
        if self._is_out_of_reach():
            self.closed = True
            return
        with self.lock:
            if not self.closed:
                self.closed = True
                self.provider.close()

    def _is_parents(self) -> bool:
        """Whether a fork brought this lease here: its descriptors are the parent's too, and its lock may be held for ever."""
        return os.getpid() != self._process

    def _is_out_of_reach(self) -> bool:
        """Whether it is the parent's, or the interpreter ends: threads stand still then, and so do the locks they hold."""
        return self._is_parents() or sys.is_finalizing()


class Pool:
    """The providers of one client in one process.

    Attributes:
        closed: no request can be begun any more, and those under way are being cancelled.
    """

    def __init__(self, make: Callable[[], Provider]) -> None:
        self.closed = False
        self._make = make
        self._alarm = Wakeup()
        self._threads = threading.local()
        self._lock = threading.RLock()  # re-entrant for the same reason as a lease's
        # Weak, since idle leases hang on their threads: a strong way from there back to the pool would keep it alive.
        self._leases: weakref.WeakSet[Lease] = weakref.WeakSet()
        weakref.finalize(self, self._alarm.close)

    def begin(self, start: Start) -> OpenRequest:
        """Start a request on an idle provider of this thread, or a new one.

        Raises:
            ClientClosedError: the client is closed.
            ShimError: whatever making the provider or `start` raises.
        """
        lease = self._take()
        inbox = Inbox()
        try:
            handle = lease.start(start, inbox)
        except BaseException:
            self.give_back(lease)
            raise
        return OpenRequest(self, lease, inbox=inbox, handle=handle)

    def give_back(self, lease: Lease) -> None:
        """Keep an idle lease for its thread's next request, or close it where there is no such thread or enough of them."""
        seat = lease.seat() if lease.thread == threading.get_ident() else None
        if seat is None or self.closed or lease.closed or len(seat.idle) >= MAX_IDLE_PER_THREAD:
            if not lease.closed:
                _close(deque([lease]))
        else:
            seat.idle.append(lease)

    def close(self) -> None:
        """Close every provider, whoever holds it; those who wait get their requests cancelled."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
            leases = list(self._leases)
        self._alarm.ring()
        for lease in leases:
            lease.wake()
        with ExitStack() as closing:
            closing.callback(self._alarm.close)
            for lease in leases:
                closing.callback(lease.close)

    def _take(self) -> Lease:
        seat = self._seat()
        if seat.idle:
            return seat.idle.pop()
        lease = Lease(self._make(), alarm=self._alarm, seat=seat)
        with self._lock:
            if not self.closed:
                self._leases.add(lease)
                return lease
        lease.close()
        raise ClientClosedError

    def _seat(self) -> _Seat:
        if self.closed:
            raise ClientClosedError
        seat: _Seat | None = getattr(self._threads, "seat", None)
        if seat is None:
            seat = self._threads.seat = _Seat()
        return seat


class OpenRequest:
    """One request on a leased provider, from its start until the lease is given back."""

    def __init__(self, pool: Pool, lease: Lease, *, inbox: Inbox, handle: RequestHandle) -> None:
        self.inbox = inbox
        self._pool = pool
        self._lease: Lease | None = lease
        self._handle = handle

    def run(self) -> Completion:
        """Drive the provider until the completion is there."""
        while (completion := self.inbox.completion) is None:
            self.advance()
        return completion

    def advance(self) -> None:
        """Wait for something to happen and take what it brought; whatever interrupts that closes the provider."""
        lease = self._lease
        if lease is None:
            raise ClientClosedError
        try:
            if self._pool.closed:
                lease.close()
            else:
                lease.turn()
        except BaseException:
            lease.close()
            raise
        finally:
            if lease.closed or self.inbox.completion is not None:
                self._give_back(lease)

    def cancel(self) -> None:
        """Cancel the request if it is still under way."""
        lease = self._lease
        if lease is not None:
            lease.cancel(self._handle)
            if self.inbox.completion is None:
                lease.close()
            self._give_back(lease)

    def _give_back(self, lease: Lease) -> None:
        self._lease = None
        self._pool.give_back(lease)


class StreamOutcome:
    """How a stream ended, for the streams of both clients."""

    _inbox: Inbox

    @property
    def completion(self) -> Completion | None:
        """How the request ended: status, headers, timing; None while it has not."""
        return self._inbox.completion

    @property
    def response(self) -> ModelResponse:
        """The whole answer, once the stream has ended.

        Raises:
            ProviderError: the stream failed, or was left before its end.
            RuntimeError: it has not ended yet.
        """
        if self._inbox.completion is None:
            raise RuntimeError("the stream has not ended: read it to its end first, or call read()")
        return result_of(self._inbox.completion)


def _close_idle(idle: deque[Lease], process: int) -> None:
    """Close a seat's providers, unless they are the parent process's."""
    if os.getpid() == process and idle:
        _close(idle)


def _close(leases: deque[Lease]) -> None:
    """Close providers here, where that may wait: closing joins threads."""
    if any(thread.ident == threading.get_ident() for thread in threading.enumerate()):
        _close_all(leases)
    else:
        # A thread past its end, which `threading` no longer lists: asked for the current one, as by a join, it would invent and
        # keep a dummy. Or a greenlet, perhaps the event loop's own, in which gevent lets nothing wait: neither for a thread to
        # end nor for one to begin.
        _thread.start_new_thread(_close_on_a_thread, (leases,))


def _close_on_a_thread(leases: deque[Lease]) -> None:
    """Close them on a thread that is listed."""
    threading.Thread(target=_close_all, args=(leases,), name="shim-client-close", daemon=True).start()


def _close_all(leases: deque[Lease]) -> None:
    with ExitStack() as closing:
        while leases:
            closing.callback(leases.pop().close)
