"""An asyncio driver: attaches a provider to an event loop, which then drives it among everything else it does.

Not an async client (`shim.client.AsyncClient` is one, on top of this) and no thread: the loop watches the provider's descriptor
(`add_reader`) and keeps one timer (`call_at`), so an idle provider costs nothing. Works with any loop that has `add_reader`,
uvloop included; Windows' proactor loop has none.
"""

from __future__ import annotations

import asyncio
import math

from shim.loops.gathering import gather_seconds, may_gather
from shim.loops.select_loop import is_closed
from shim.provider import Provider


class AsyncioDriver:
    """Drives one provider from one event loop until `close()`, or until the provider is closed.

    Create it on the loop's thread, and start and cancel requests only there. Callbacks run on the loop; what one raises goes to
    the loop's exception handler, and the loop goes on. Close the driver before its provider, where both are at hand.

    Args:
        provider: what to drive; it stays the caller's to close.
        loop: None takes the running one.
        gather_ms: how long events of streams may wait for more, as `select_loop.Watch` takes it: never while a whole answer is
            under way; a request that is started meanwhile ends it.

    Raises:
        RuntimeError: no loop was given and none is running.
        InvalidRequestError: `gather_ms` cannot be used.
        ProviderClosedError: the provider is closed.
    """

    def __init__(
        self, provider: Provider, *, loop: asyncio.AbstractEventLoop | None = None, gather_ms: float = 0
    ) -> None:
        self._provider = provider
        self._gather = gather_seconds(gather_ms)
        self._loop = running_loop() if loop is None else loop
        self._descriptor = provider.fileno()
        self._timer: asyncio.Handle | None = None
        self._timer_at = math.inf
        self._gathering: asyncio.Handle | None = None
        self._attached = True
        self._watch_descriptor()
        self._set_timer()

    def __repr__(self) -> str:
        return f"<AsyncioDriver {'driving' if self._attached else 'detached from'} {self._provider.name}>"

    def wake(self) -> None:
        """Take a turn in the loop's next round; for what shows on no descriptor, as starting and cancelling do."""
        if self._attached:
            self._turn_soon()

    def close(self) -> None:
        """Detach from the loop; the provider is left open. May be called again, and after the loop was closed."""
        if not self._attached:
            return
        self._attached = False
        self._drop_timer()
        if self._gathering is not None:
            self._gathering.cancel()
            self._gathering = None
        if not self._loop.is_closed():
            self._loop.remove_reader(self._descriptor)

    def _watch_descriptor(self) -> None:
        self._loop.add_reader(self._descriptor, self._let_gather if self._gather else self._turn)

    def _let_gather(self) -> None:
        """Take a turn, or look away from the descriptor for as long as events may gather."""
        if may_gather((self._provider,), self._hurry):
            self._loop.remove_reader(self._descriptor)
            self._gathering = self._loop.call_later(self._gather, self._gathered)
        else:
            self._turn()

    def _gathered(self) -> None:
        self._hurry()
        self._turn()

    def _hurry(self) -> None:
        """Look at the descriptor again. Where a request was started it is readable, so that the turn comes at once."""
        gathering, self._gathering = self._gathering, None
        if gathering is not None:
            gathering.cancel()
            self._watch_descriptor()

    def _turn(self) -> None:
        try:
            try:
                self._provider.perform()
            except Exception as error:  # noqa: BLE001 - handed to the loop's own handler, as for any of its callbacks
                self._tell(error)
            try:
                self._provider.info_read()
            except Exception as error:  # noqa: BLE001 - see above
                self._tell(error)
        finally:
            self._set_timer()

    def _tell(self, error: Exception) -> None:
        message = f"a callback of the provider {self._provider.name} raised; its other requests go on"
        self._loop.call_exception_handler({"message": message, "exception": error, "driver": self})

    def _set_timer(self) -> None:
        if not self._attached:
            return
        milliseconds = self._provider.timeout()
        if milliseconds > 0:
            due = self._loop.time() + milliseconds / 1000
            # An earlier one is kept, and set anew when it is due: what moves with each event would be set with each event.
            if due < self._timer_at:
                self._drop_timer()
                self._timer_at, self._timer = due, self._loop.call_at(due, self._on_timer)
        elif milliseconds == 0:
            self._turn_soon()
        elif is_closed(self._provider):
            self.close()
        else:
            self._drop_timer()

    def _on_timer(self) -> None:
        self._timer, self._timer_at = None, math.inf
        if self._provider.timeout() == 0:
            self._turn()
        else:
            self._set_timer()

    def _turn_soon(self) -> None:
        self._drop_timer()
        self._timer_at, self._timer = -math.inf, self._loop.call_soon(self._soon)

    def _soon(self) -> None:
        self._timer, self._timer_at = None, math.inf
        self._turn()

    def _drop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_at = None, math.inf


def running_loop() -> asyncio.AbstractEventLoop:
    """The loop that runs in this thread.

    Raises:
        RuntimeError: none does; a library of another kind, as trio, may run one that is not asyncio's.
    """
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError(
            "no running event loop of asyncio's: call this inside one (uvloop's is one, trio's is not), or ask a shim.Client, "
            "under trio by trio.to_thread.run_sync"
        ) from None
