"""Refresher: does one piece of slow work again and again, on a daemon thread of the process that uses it.

Not the work: reading a store (`store_sync`, `sources.stored`), asking a flag provider (`flag_reader`). A thread is not
inherited by a forked child, so whoever uses the result says `ensure()` each time: in a new process that starts a new thread.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Callable

__all__ = ["SILENT_SECONDS", "Refresher"]

LOGGER = logging.getLogger("shim.migration")


# What was read last is told as out of date when the next look takes longer than this: a provider hangs, or a disk.
SILENT_SECONDS = 5.0

# Where the system gave no thread it is asked again, at most so often.
_AGAIN_SECONDS = 0.5


class Refresher:
    """Calls `work` at once and then every `every` seconds, from the first `ensure()` to `close()`.

    What `work` raises is logged, once for each kind of error in a row, and does not end the thread.

    Args:
        work: what is done; it may block, nobody waits for it.
        every: seconds of rest between two calls.
        name: of the thread.
        finish: whether the work is done once more when it is closed.
    """

    def __init__(self, work: Callable[[], None], *, every: float, name: str, finish: bool = False) -> None:
        self._work = work
        self._every = every
        self._name = name
        self._finish = finish
        self._runs: dict[int, _Run] = {}  # by process: a lock held at the fork would stay locked in the child
        self._closed = False

    def ensure(self) -> None:
        """Have the thread running in this process; costs some hundred nanoseconds where it is, and never raises."""
        process = os.getpid()
        run = self._runs.get(process)
        if run is not None and run.is_started:
            return
        if not self._closed:
            if run is None:
                fresh = _Run(self._work, every=self._every, finish=self._finish)
                run = self._runs.setdefault(process, fresh)  # one step: another thread may be here too
            run.start(self._name)

    def wait(self, timeout: float) -> bool:
        """Wait until the work was done once in this process; False where it was not within `timeout` seconds."""
        self.ensure()
        run = self._runs.get(os.getpid())
        return run is not None and run.done_once.wait(timeout)

    def wake(self) -> None:
        """Do the work now rather than later."""
        run = self._runs.get(os.getpid())
        if run is not None:
            run.wake.set()

    def close(self, timeout: float = 2.0) -> bool:
        """End the thread; False where it is still busy after `timeout` seconds: it ends when its work does."""
        self._closed = True
        run = self._runs.get(os.getpid())
        return run is None or run.end(timeout)


class _Run:
    """The thread of one process."""

    def __init__(self, work: Callable[[], None], *, every: float, finish: bool) -> None:
        self._work = work
        self._every = every
        self._finish = finish
        self._lock = threading.RLock()  # re-entrant: a signal handler may close what its own thread just starts
        self._thread: threading.Thread | None = None
        self._start_at = -math.inf  # not before: where the system gave no thread, it is not asked at every request
        self.is_started = False
        self._ended = False
        self._fault: type[BaseException] | None = None
        self.wake = threading.Event()
        self.done_once = threading.Event()

    def start(self, name: str) -> None:
        with self._lock:
            now = time.monotonic()
            if self._thread is not None or self._ended or now < self._start_at:
                return
            self._thread = threading.Thread(target=self._run, name=name, daemon=True)
            try:
                self._thread.start()
            except RuntimeError:  # the system gives no more threads now, or the interpreter is ending
                self._thread = None
                if self._start_at == -math.inf:
                    LOGGER.warning("no thread for %s: what it read last holds until there is one", name)
                self._start_at = now + max(self._every, _AGAIN_SECONDS)
            else:
                self.is_started = True

    def end(self, timeout: float) -> bool:
        with self._lock:
            self._ended = True
            thread = self._thread
        self.wake.set()
        if thread is None or thread.ident is None or thread is threading.current_thread():
            return True
        thread.join(timeout)
        return not thread.is_alive()

    def _run(self) -> None:
        while not self._ended:
            self.wake.clear()
            self._work_once()
            self.done_once.set()
            if not self._ended:
                self.wake.wait(self._every)
        if self._finish:
            self._work_once()

    def _work_once(self) -> None:
        try:
            self._work()
            self._fault = None
        except BaseException as error:  # noqa: BLE001 - a provider or a driver may raise anything, SystemExit too, which would end this thread without a word
            if type(error) is not self._fault:
                LOGGER.warning("%s: %s: %s", threading.current_thread().name, type(error).__name__, error)
            self._fault = type(error)
