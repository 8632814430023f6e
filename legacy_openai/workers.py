"""The threads: one per running request, none when nothing runs, never more than allowed.

Not what a thread does for a request: that is transfer.py.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from legacy_openai.connections import CuttableThread

if TYPE_CHECKING:
    from collections.abc import Callable

    from legacy_openai.transfer import Transfer


class Workers:
    """Runs transfers in the order they came, at most `limit` at a time.

    A thread that has finished a transfer takes the next waiting one, and ends when none waits.
    """

    def __init__(self, limit: int, run: Callable[[Transfer], None]) -> None:
        self._limit = limit
        self._run = run
        self._lock = threading.Lock()
        self._waiting: deque[Transfer] = deque()
        self._threads: set[_Worker] = set()

    def submit(self, transfer: Transfer) -> None:
        """Run this transfer when its turn comes.

        Raises:
            RuntimeError: the system gives no thread, and no running one will take the transfer.
        """
        with self._lock:
            self._waiting.append(transfer)
            if len(self._threads) >= self._limit:
                return
            worker = _Worker(self)
            self._threads.add(worker)
        try:
            worker.start()
        except RuntimeError:
            if self._give_up(worker, transfer):
                raise

    def withdraw(self, transfer: Transfer) -> bool:
        """Take a waiting transfer out of the queue; False when it is no longer waiting."""
        with self._lock:
            if transfer not in self._waiting:
                return False
            self._waiting.remove(transfer)
            return True

    def join(self, seconds: float) -> None:
        """Wait for the threads to end, at most that long in total."""
        deadline = time.monotonic() + seconds
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _give_up(self, worker: _Worker, transfer: Transfer) -> bool:
        """A thread could not start; True when that leaves the transfer without anyone to run it."""
        with self._lock:
            self._threads.discard(worker)
            if self._threads or transfer not in self._waiting:
                return False
            self._waiting.remove(transfer)
            return True

    def _next_for(self, worker: _Worker) -> Transfer | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._threads.discard(worker)
            return None


class _Worker(CuttableThread):
    """Daemonic, so that a request nobody waits for does not keep the process alive."""

    def __init__(self, workers: Workers) -> None:
        super().__init__(name="legacy-openai", daemon=True)
        self._workers = workers

    def run(self) -> None:
        """Work until nothing waits."""
        while (transfer := self._workers._next_for(self)) is not None:  # noqa: SLF001 - the other half of this module
            self.cutoff = transfer.cutoff
            self._workers._run(transfer)  # noqa: SLF001 - the other half of this module
            self.cutoff = None
