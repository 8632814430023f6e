"""One provider per event loop: who waits for what it delivers, and when it is closed.

Not the async client (`shim.client.asynchronous`), whose machinery this is. All of a seat happens on its loop's thread, except
what says otherwise; a finaliser, which may run in any thread and at any moment, only leaves the loop a message.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from shim.client.pool import ClientClosedError, Inbox
from shim.model import StreamDone, StreamError, StreamEvent, TextDelta
from shim.provider import Completion, Provider, RequestHandle

if TYPE_CHECKING:
    import asyncio
    from concurrent.futures import Future


MAX_BUFFERED_BYTES: Final = 1024 * 1024
"""Text that may wait for a slow reader before its server is held back; as much as the legacy client lets wait."""
_ABORTED_AT: Final = 64 * MAX_BUFFERED_BYTES  # of a provider that can hold nothing back
_LOOK_SECONDS: Final = 0.5  # between two looks whether a loop that is to close its provider still runs
_EVENT_OVERHEAD: Final = 100  # bytes an event weighs beside its text


class AsyncInbox(Inbox):
    """What the provider has delivered for one request, and who waits for more of it.

    Past the limits its stream is held back, and goes on when half is read. What was on its way still comes: of a provider that
    cannot hold back, the stream is aborted.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.overflowed = False
        self._loop = loop
        self._seat: weakref.ref[LoopSeat] | None = None
        self._handle: RequestHandle | None = None
        self._is_held = False
        self._weight = 0
        self._waiting: list[asyncio.Future[None]] = []

    def put_event(self, event: StreamEvent) -> None:
        """Take an event; raising, past the limit, aborts this stream alone."""
        self._weight += weight_of(event)
        if (self._weight > MAX_BUFFERED_BYTES or len(self.events) >= self.limit) and not self._is_held:
            self._hold_back(event)
        self.events.append(event)
        if self._waiting:
            self._wake()

    def take(self) -> StreamEvent:
        """The next event, of which there is one."""
        event = self.events.popleft()
        self._weight -= weight_of(event)
        if self._is_held and self._weight <= MAX_BUFFERED_BYTES // 2 and len(self.events) <= self.limit // 2:
            self._is_held = False
            seat = self._living_seat()
            if seat is not None and self._handle is not None:
                seat.resume(self._handle)
        return event

    def attach(self, seat: LoopSeat, handle: RequestHandle) -> None:
        """Take whom to ask to hold the stream back. Only weakly: the provider refers to this."""
        self._seat, self._handle = weakref.ref(seat), handle

    def _living_seat(self) -> LoopSeat | None:
        return None if self._seat is None else self._seat()

    def _hold_back(self, event: StreamEvent) -> None:
        if isinstance(event, (StreamDone, StreamError)):
            return
        seat = self._living_seat()
        self._is_held = seat is not None and self._handle is not None and seat.pause(self._handle)
        if not self._is_held and (self._weight > _ABORTED_AT or len(self.events) >= self.limit):
            self.overflowed = True
            raise BufferError("too much is waiting to be read")

    def put_completion(self, completion: Completion) -> None:
        """Take the completion."""
        self.completion = completion
        if self._waiting:
            self._wake()

    def changed(self) -> asyncio.Future[None]:
        """Done once something is put in. Each who waits has one of its own, since who is cancelled cancels it."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(waiter)
        return waiter

    def _wake(self) -> None:
        if self._loop.is_closed():
            return  # nobody is left to wake
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
        self._waiting.clear()


def weight_of(event: StreamEvent) -> int:
    """About how many bytes an event keeps alive that the answer as a whole does not."""
    if type(event) is TextDelta:
        return len(event.text) + _EVENT_OVERHEAD
    text = getattr(event, "text", None) or getattr(event, "arguments", None)
    return _EVENT_OVERHEAD + (len(text) if isinstance(text, str) else 0)


class AsyncOpenRequest:
    """One request on a loop's provider. It keeps the seats alive, so that a stream may outlive the client it came from."""

    def __init__(self, seats: LoopSeats, seat: LoopSeat, *, inbox: AsyncInbox, handle: RequestHandle) -> None:
        self.inbox = inbox
        self._seats = seats
        self._seat = seat
        self._handle = handle
        inbox.attach(seat, handle)

    async def run(self) -> Completion:
        """Wait for the completion; whatever interrupts that cancels the request."""
        try:
            while (completion := self.inbox.completion) is None:
                await self.inbox.changed()
        except BaseException:
            self.cancel()
            raise
        return completion

    async def changed(self) -> None:
        """Wait for the next event or the completion; whatever interrupts that cancels the request."""
        try:
            await self.inbox.changed()
        except BaseException:
            self.cancel()
            raise

    def cancel(self) -> None:
        """Cancel the request if it is still under way; on the loop's own thread."""
        if self.inbox.completion is None and not self._seat.is_parents():
            self._seat.cancel(self._handle)

    def cancel_from_anywhere(self) -> None:
        """The same from a finaliser, which may run in any thread and at any moment."""
        if self.inbox.completion is None and not self._seat.is_parents() and not self._seat.loop.is_closed():
            with contextlib.suppress(RuntimeError):  # the loop was closed just now, and took its requests with it
                self._seat.loop.call_soon_threadsafe(self._seat.cancel, self._handle)


class LoopSeat:
    """One loop's provider, and the driver that attaches it."""

    def __init__(self, provider: Provider, loop: asyncio.AbstractEventLoop, *, gather_ms: float = 0) -> None:
        from shim.loops.asyncio_loop import AsyncioDriver

        self.provider = provider
        self.loop = loop
        self._closed = False
        self._process = os.getpid()
        try:
            self._driver = AsyncioDriver(provider, loop=loop, gather_ms=gather_ms)
        except BaseException:
            provider.close()
            raise

    def cancel(self, handle: RequestHandle) -> None:
        """Cancel a request and take its completion at once, while somebody may still want it."""
        if not self._closed:
            self.provider.cancel(handle)
            self.provider.info_read()

    def pause(self, handle: RequestHandle) -> bool:
        """Hold a stream back; False where the provider cannot."""
        pause = getattr(self.provider, "pause", None)
        return pause is not None and not self._closed and bool(pause(handle))

    def resume(self, handle: RequestHandle) -> None:
        """Go on with it."""
        if not self._closed and not self.is_parents():
            self.provider.resume(handle)  # type: ignore[attr-defined]  # it could be paused: see `Pausing`
            self._driver.wake()

    def close(self) -> None:
        """Detach and close the provider."""
        if not self._closed:
            self._closed = True
            self._driver.close()
            self.provider.close()

    def is_parents(self) -> bool:
        """Whether a fork brought this seat here: its descriptors are shared with the parent, whose they are."""
        return os.getpid() != self._process

    def close_on(self, loop: asyncio.AbstractEventLoop) -> Future[None] | None:
        """Close where it lives: at once where that is `loop`, or runs no more; else what is done once its own loop has."""
        from concurrent.futures import Future

        if self.loop is not loop and self.loop.is_running():
            closed: Future[None] = Future()
            with contextlib.suppress(RuntimeError):  # the loop was closed just now
                self.loop.call_soon_threadsafe(self._close_and_tell, closed)
                return closed
        self.close()
        return None

    def _close_and_tell(self, closed: Future[None]) -> None:
        try:
            self.close()
        finally:
            closed.set_result(None)


class LoopSeats:
    """The providers of one async client in one process, by loop."""

    def __init__(self, make: Callable[[], Provider], *, gather_ms: float = 0) -> None:
        from shim.loops.asyncio_loop import running_loop

        self._running_loop = running_loop
        self._make = make
        self._gather_ms = gather_ms
        self._lock = threading.Lock()
        self._closed = False
        self._by_loop: dict[asyncio.AbstractEventLoop, LoopSeat] = {}
        weakref.finalize(self, _close_left, self._by_loop, os.getpid())

    def of_running_loop(self) -> LoopSeat:
        """The running loop's seat, made at its first request."""
        loop = self._running_loop()
        return self._by_loop.get(loop) or self._add(LoopSeat(self._make(), loop, gather_ms=self._gather_ms))

    async def close(self) -> None:
        """Close every seat, and make no more. All are told before any is waited for: one that is cancelled leaves none open."""
        import asyncio

        with self._lock:
            self._closed = True
            seats = list(self._by_loop.values())
        here = self._running_loop()
        closing = {}
        with contextlib.ExitStack() as telling:  # where closing one raises, the others are closed all the same
            for seat in seats:
                telling.callback(lambda seat: closing.update({seat: seat.close_on(here)}), seat)
        for seat, closed in closing.items():
            waited = None if closed is None else asyncio.wrap_future(closed)
            # That loop may stop before it comes to it, and would then never answer.
            while waited is not None and seat.loop.is_running() and not waited.done():
                await asyncio.wait([waited], timeout=_LOOK_SECONDS)
            seat.close()
            self._by_loop.pop(seat.loop, None)

    def _add(self, seat: LoopSeat) -> LoopSeat:
        with self._lock:
            abandoned = [self._by_loop.pop(loop) for loop in list(self._by_loop) if loop.is_closed()]
            refused = self._closed
            if not refused:
                self._by_loop[seat.loop] = seat
        for each in (*abandoned, seat) if refused else abandoned:
            each.close()
        if refused:
            raise ClientClosedError
        return seat


def _close_left(by_loop: dict[asyncio.AbstractEventLoop, LoopSeat], process: int) -> None:
    """Close what a dropped client left open: on the loop that still runs, else here."""
    for seat in by_loop.values() if os.getpid() == process else ():
        if seat.loop.is_running():
            with contextlib.suppress(RuntimeError):  # the loop was closed just now
                seat.loop.call_soon_threadsafe(seat.close)
        else:
            seat.close()
