"""Where exchanges go: into a file in the background, or to a function of the caller's.

Not the form of the file (`files`) nor the making of an exchange (`exchange_builder`), which is done here, when it is asked for.
The background writer holds a bounded queue of exchanges that are not made yet, so what waits in it, in memory, is not redacted
yet; each is made, redacted and encoded on the thread, and nothing else is written. What does not fit is dropped. The thread is
no daemon, so that what is queued is written even if nobody closes anything; it begins with the first exchange and ends by
itself when there has been nothing to do for a while. After a fork the child has a queue, a thread and a file of its own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeAlias, final

from shim.recording.exchange import Exchange
from shim.recording.files import ExchangeWriter, encode_exchange
from shim.recording.recorder import OnError, PerProcess, Sink

SinkTarget: TypeAlias = "str | Path | Callable[[Exchange], object]"
_Make: TypeAlias = Callable[[], Exchange]

MOST_WAITING: Final = 1000
MOST_WAITING_BYTES: Final = 64 * 1024 * 1024
"""What waits for the disk, in exchanges and in bytes of them; more is dropped and counted."""
LINGER_SECONDS: Final = 0.5
"""How long the thread waits for the next exchange before it ends, and so an interpreter's exit where nobody closed the sink."""
CLOSE_SECONDS: Final = 30.0
"""How long `close` waits for a disk that does not answer."""


@final
class CallableSink:
    """Gives each exchange to a function, on the thread that read the end of it."""

    def __init__(self, function: Callable[[Exchange], object]) -> None:
        self._function = function

    def put(self, make: Callable[[], Exchange], *, weight: int) -> bool:
        """Call the function; what it raises the recorder takes."""
        del weight  # nothing waits
        self._function(make())
        return True

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""


@final
class FileSink:
    """Writes exchanges to a file in the background; for any number of threads.

    Raises:
        OSError: the file cannot be opened for writing; known at once.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        on_error: OnError,
        most_waiting: int = MOST_WAITING,
        most_waiting_bytes: int = MOST_WAITING_BYTES,
    ) -> None:
        ExchangeWriter(path).close()
        self.path = Path(path)
        self._queues = PerProcess(lambda: _Queue(self.path, on_error=on_error))
        self._most = most_waiting
        self._most_bytes = most_waiting_bytes

    def put(self, make: Callable[[], Exchange], *, weight: int) -> bool:
        """Queue an exchange; False where there is no room."""
        queue: _Queue = self._queues.get()
        return queue.put(make, weight, most=self._most, most_bytes=self._most_bytes)

    def flush(self) -> None:
        """Wait until what was queued is written."""
        queue: _Queue = self._queues.get()
        queue.wait()

    def close(self) -> None:
        """Wait for the same, end the thread and close the file. An exchange that still comes opens it again for a moment."""
        queue: _Queue = self._queues.get()
        queue.close()


class _Queue:
    """What waits for the disk in one process, and the thread that writes it."""

    def __init__(self, path: Path, *, on_error: OnError) -> None:
        self._path = path
        self._on_error = on_error
        self._changed = threading.Condition(threading.Lock())
        self._waiting: deque[_Make] = deque()
        self._bytes = 0
        self._is_writing = False
        self._thread: threading.Thread | None = None
        self._linger = LINGER_SECONDS

    def put(self, make: _Make, weight: int, *, most: int, most_bytes: int) -> bool:
        with self._changed:
            has_room = len(self._waiting) < most and (not self._waiting or self._bytes + weight <= most_bytes)
            if has_room:
                self._waiting.append(make)
                self._bytes += weight
                self._begin()
                self._changed.notify_all()
        return has_room

    def wait(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: not (self._waiting or self._is_writing), CLOSE_SECONDS)

    def close(self) -> None:
        with self._changed:
            self._linger = 0.0
            thread = self._thread
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSE_SECONDS)
            if thread.is_alive():
                self._on_error(TimeoutError(f"{self._path} could not be written within {CLOSE_SECONDS} s"))

    def _begin(self) -> None:
        """Start the thread, if none is running; under the lock."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="shim-recording", daemon=False)
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        writer: ExchangeWriter | None = None
        while batch := self._next():
            writer = self._written(batch, writer)
        if writer is not None:
            writer.close()

    def _written(self, batch: list[_Make], writer: ExchangeWriter | None) -> ExchangeWriter | None:
        """Write what waited; the writer to go on with."""
        try:
            writer = writer or ExchangeWriter(self._path)
            writer.write_lines([line for make in batch if (line := self._encoded(make))])
        except Exception as error:  # noqa: BLE001 - the disk may be well again for the next ones
            self._on_error(error)
        return writer

    def _encoded(self, make: _Make) -> bytes:
        """One line; nothing for one that cannot be made or written, which must not take the others along."""
        try:
            return encode_exchange(make())
        except Exception as error:  # noqa: BLE001 - its recorder tells it
            self._on_error(error)
            return b""

    def _next(self) -> list[_Make]:
        """What waits, as soon as there is something; nothing when the thread is to end."""
        with self._changed:
            self._is_writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or not self._linger, self._linger)
            batch = list(self._waiting)
            self._waiting.clear()
            self._bytes = 0
            self._is_writing = bool(batch)
            if not batch:
                self._thread = None
            return batch


def sink_of(target: SinkTarget, *, on_error: OnError) -> CallableSink | FileSink:
    """The sink for a path or a function.

    Raises:
        TypeError: it is neither.
        OSError: the file cannot be opened for writing.
    """
    if isinstance(target, str | Path):
        return FileSink(target, on_error=on_error)
    if callable(target):
        return CallableSink(target)
    raise TypeError(f"sink is a {type(target).__name__}; give a path, or a function that takes an Exchange")


__all__ = ["CallableSink", "FileSink", "Sink", "SinkTarget", "sink_of"]
