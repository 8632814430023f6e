"""An asyncio driver: attaches a provider to an event loop, which then drives it among everything else it does.

Not an async client (`shim.client.AsyncClient` is one, on top of this) and no thread: the loop watches the provider's descriptor
(`add_reader`) and keeps one timer (`call_later`), so an idle provider costs nothing. Works with any loop that has `add_reader`,
uvloop included; Windows' proactor loop has none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from shim.loops.select_loop import is_closed
from shim.provider import Provider


class AsyncioDriver:
    """Drives one provider from one event loop until `close()`, or until the provider is closed.

    Create it on the loop's thread, and start and cancel requests only there. Callbacks run on the loop; what one raises goes to
    the loop's exception handler, and the loop goes on. Close the driver before its provider, where both are at hand.

    Args:
        provider: what to drive; it stays the caller's to close.
        loop: None takes the running one.

    Raises:
        RuntimeError: no loop was given and none is running.
        ProviderClosedError: the provider is closed.
    """

    def __init__(self, provider: Provider, *, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._provider = provider
        self._loop = asyncio.get_running_loop() if loop is None else loop
        self._descriptor = provider.fileno()
        self._timer: asyncio.Handle | None = None
        self._attached = True
        self._loop.add_reader(self._descriptor, self._turn)
        self._set_timer()

    def __repr__(self) -> str:
        return f"<AsyncioDriver {'driving' if self._attached else 'detached from'} {self._provider.name}>"

    def wake(self) -> None:
        """Take a turn in the loop's next round; for what shows on no descriptor, as starting and cancelling do."""
        if self._attached:
            self._replace_timer(self._loop.call_soon(self._turn))

    def close(self) -> None:
        """Detach from the loop; the provider is left open. May be called again, and after the loop was closed."""
        if not self._attached:
            return
        self._attached = False
        self._replace_timer(None)
        if not self._loop.is_closed():
            self._loop.remove_reader(self._descriptor)

    def _turn(self) -> None:
        try:
            for act in (self._provider.perform, self._provider.info_read):
                self._guarded(act)
        finally:
            self._set_timer()

    def _guarded(self, act: Callable[[], int]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - handed to the loop's own handler, as for any of its callbacks
            message = f"a callback of the provider {self._provider.name} raised; its other requests go on"
            self._loop.call_exception_handler({"message": message, "exception": error, "driver": self})

    def _set_timer(self) -> None:
        if not self._attached:
            return
        if is_closed(self._provider):
            self.close()
            return
        milliseconds = self._provider.timeout()
        if milliseconds < 0:
            self._replace_timer(None)
        elif milliseconds == 0:
            self._replace_timer(self._loop.call_soon(self._turn))
        else:
            self._replace_timer(self._loop.call_later(milliseconds / 1000, self._turn))

    def _replace_timer(self, timer: asyncio.Handle | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = timer
