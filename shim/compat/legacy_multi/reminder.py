"""A reminder: rings at a moment, so that who waits for a descriptor alone also wakes for a limit of time.

Not the limits (the provider's `timeout()`). The legacy client's descriptor tells of everything, and call sites may wait for it
without a timeout; a provider's may tell of sockets alone. One thread, made when first needed and ended by `close()`.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable


class Reminder:
    """Calls `ring` at the moment that was set last.

    Args:
        ring: called on the reminder's thread; it must not be a method of whoever owns the reminder, which would never die.
    """

    def __init__(self, ring: Callable[[], object]) -> None:
        self._ring = ring
        self._changed = threading.Condition(threading.Lock())
        self._at = math.inf
        self._sleeps_until = math.inf
        self._closed = False
        self._thread: threading.Thread | None = None

    def set(self, moment: float) -> None:
        """Ring at this moment, in monotonic seconds, and at no other; infinity is never."""
        if moment == self._at:
            return
        with self._changed:
            self._at = moment
            if moment < self._sleeps_until:  # a later one is looked at when the thread wakes for the earlier
                self._sleeps_until = moment
                self._changed.notify()
                if self._thread is None and not self._closed:
                    self._thread = threading.Thread(target=self._run, name="shim-legacy-reminder", daemon=True)
                    self._thread.start()

    def close(self) -> None:
        """End the thread, and wait for that."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                seconds = self._at - time.monotonic()
                if seconds <= 0:
                    self._at = math.inf
                    self._ring()
                    continue
                self._sleeps_until = self._at
                self._changed.wait(None if seconds == math.inf else min(seconds, threading.TIMEOUT_MAX))
