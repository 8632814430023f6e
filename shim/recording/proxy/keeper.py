"""What becomes of the records: undone, redacted and written on a thread of their own, so that no byte waits for them.

Not the redaction nor the file (both `shim.recording`). The queue is bounded by records
and by bytes; what does not fit is counted and dropped, never waited for.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

from msgspec import Struct

from shim.recording.exchange import Ended, Exchange
from shim.recording.proxy.draft import Draft
from shim.recording.redaction.redaction import Redaction
from shim.wire.masking import mask_keys

# Records that wait, and the bytes of bodies in them: what a disk that stalls for some seconds leaves behind.
MAX_WAITING = 1024
MAX_WAITING_BYTES = 64 * 1024 * 1024


class Passed(Struct, frozen=True, kw_only=True):
    """What may be shown of an exchange: nothing of a header or a body, and no query.

    Attributes:
        status: None where no head came.
        length: bytes of the response's body, without its framing.
        seconds: from the request's head to the end.
        fault: the kind of fault, "" where there was none.
        recorded: whether it is in the file.
    """

    method: str
    path: str
    status: int | None
    length: int
    seconds: float
    ended: Ended
    fault: str
    recorded: bool


class Keeper:
    """Writes records in the background; `offer` belongs to one thread, the counts may be read by any.

    Args:
        write: takes each redacted exchange, on the keeper's thread.
        on_passed: is told of each exchange afterwards, on the same thread.
    """

    def __init__(
        self,
        write: Callable[[Exchange], object],
        *,
        redaction: Redaction,
        on_passed: Callable[[Passed], object] | None = None,
    ) -> None:
        self._write = write
        self._redaction = redaction
        self._on_passed = on_passed
        self._queue: queue.SimpleQueue[Draft | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting_bytes = 0
        self._thread: threading.Thread | None = None
        self.offered = 0
        self.recorded = 0
        self.dropped = 0
        self.failure: Exception | None = None

    def __repr__(self) -> str:
        return f"<Keeper: {self.recorded} recorded, {self.dropped} dropped>"

    def start(self) -> None:
        """Begin to write."""
        self._thread = threading.Thread(target=self._run, name="shim-record-keeper", daemon=True)
        self._thread.start()

    def offer(self, draft: Draft) -> None:
        """Take a record, or drop it where too many wait."""
        self.offered += 1
        with self._lock:
            full = self._queue.qsize() >= MAX_WAITING or self._waiting_bytes + draft.kept > MAX_WAITING_BYTES
            # One alone always fits, however large it is: else a large `max_body` would record nothing.
            if full and self._queue.qsize():
                self.dropped += 1
                return
            self._waiting_bytes += draft.kept
        self._queue.put(draft)

    def close(self) -> None:
        """Write what waits, and end the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._queue.put(None)
            thread.join()

    def _run(self) -> None:
        while (draft := self._queue.get()) is not None:
            recorded = self._record(draft)
            with self._lock:
                self._waiting_bytes -= draft.kept
            self._tell(passed(draft, recorded=recorded))

    def _record(self, draft: Draft) -> bool:
        try:
            self._write(self._redaction.apply(draft.exchange()))
        except Exception as failure:  # noqa: BLE001 - a full disk, say: the traffic goes on, and the failure is told at the end
            self.failure = self.failure or failure
            with self._lock:
                self.dropped += 1
            return False
        self.recorded += 1
        return True

    def _tell(self, told: Passed) -> None:
        if self._on_passed is None:
            return
        try:
            self._on_passed(told)
        except Exception as failure:  # noqa: BLE001 - who listens is asked no more, and the records are still written
            self.failure = self.failure or failure
            self._on_passed = None


def passed(draft: Draft, *, recorded: bool) -> Passed:
    """What may be shown of a record that has ended."""
    return Passed(
        method=draft.method,
        path=mask_keys(draft.path),
        status=draft.status,
        length=draft.passed,
        seconds=draft.finished,
        ended=draft.ended or "failed",
        fault=draft.fault,
        recorded=recorded,
    )
