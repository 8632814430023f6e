"""Where exchanges go: into a file or to a function, in the background; or to a function at once.

Not the form of the file (`files`), its rotation (`rotation`), nor the making of an exchange (`finished_exchange`), which is done
here, when it is asked for.
The background writer holds a bounded queue of exchanges that are not made yet, so what waits in it, in memory, is not redacted
yet; each is made, redacted and encoded on the thread, and nothing else is written. What does not fit is dropped. A file's
thread lets a moment's exchanges gather, since to be woken costs more than a line; who flushes or closes does not wait for that.
The thread is no daemon, so that what is queued is written even if nobody closes anything; it begins with the first exchange and
ends by itself when there has been nothing to do for a while. After a fork the child has a queue, a thread and a file of its own.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Protocol, TypeAlias, final

from msgspec import Struct

from shim.per_process import PerProcess
from shim.recording.exchange import Exchange, error_type
from shim.recording.files import ExchangeWriter, encode_exchange
from shim.recording.recorder import IsKept, OnError, Sink
from shim.recording.rotation import RecordingPath, RotatingFile, RotatingWriter, anchored, check_writable, writer_to

SinkTarget: TypeAlias = "RecordingPath | Callable[[Exchange], object]"

MOST_WAITING: Final = 1000
MOST_WAITING_BYTES: Final = 64 * 1024 * 1024
"""What waits for the disk, in exchanges and in bytes of them; more is dropped and counted. What is being written is beside it."""
LINGER_SECONDS: Final = 0.5
"""How long the thread waits for the next exchange before it ends, and so an interpreter's exit where nobody closed the sink."""
GATHER_SECONDS: Final = 0.02
"""How long an exchange waits for others to be written with it. Nobody who reads a recording as it grows sees so little, and a
process that is killed loses no more than this."""
CLOSE_SECONDS: Final = 30.0
"""How long `close` waits for a disk that does not answer."""


_log = logging.getLogger("shim.recording")


@final
class CallableSink:
    """Gives each exchange to a function, on the thread that read the end of it."""

    def __init__(self, function: Callable[[Exchange], object]) -> None:
        self._function = function

    def put(self, make: Callable[[], Exchange], *, weight: int, on_kept: IsKept | None = None) -> bool:
        """Call the function; what it raises the recorder takes."""
        del weight  # nothing waits
        self._function(make())
        if on_kept is not None:
            on_kept(is_kept=True)
        return True

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is open."""


class _Output(Protocol):
    """What the thread writes to. What was added is in its place once `flush` returns; after `close` it is not used again."""

    def add(self, exchange: Exchange) -> None:
        """Take one; raises what is wrong with that one."""
        ...

    def flush(self) -> None:
        """Write what was added; raises what befell all of it."""
        ...

    def close(self) -> None: ...


class _BackgroundSink:
    """Hands exchanges to a thread that writes them; for any number of threads."""

    def __init__(
        self,
        output_opener: Callable[[], Callable[[], _Output]],
        *,
        on_error: OnError,
        most_waiting: int,
        most_waiting_bytes: int,
        gather: float = 0.0,
    ) -> None:
        """What takes exchanges to an output.

        Args:
            output_opener: makes, once in each process, what opens the output whenever there is something to write.
            on_error: gets what could not be written.
            most_waiting: exchanges that wait at most.
            most_waiting_bytes: the same in bytes.
            gather: seconds that an exchange waits for others.
        """
        self._queues = PerProcess(lambda: _Queue(output_opener(), on_error=on_error, gather=gather))
        self._most = most_waiting
        self._most_bytes = most_waiting_bytes

    def put(self, make: Callable[[], Exchange], *, weight: int, on_kept: IsKept | None = None) -> bool:
        """Queue an exchange; False where there is no room."""
        waiting = _Waiting(make, on_kept)
        return self._queues.get().put(waiting, weight, most=self._most, most_bytes=self._most_bytes)

    def flush(self) -> None:
        """Wait until what was queued is written."""
        self._queues.get().wait()

    def close(self) -> None:
        """Wait for the same, end the thread and close the file. An exchange that still comes opens it again for a moment."""
        self._queues.get().close()


@final
class FileSink(_BackgroundSink):
    """Writes exchanges to a file, or to one after the other, in the background; for any number of threads.

    Args:
        path: of the file; a `RotatingFile`, or a name with `{time}` in it, gives each process files of its own.
        on_error: gets what could not be written.
        most_waiting, most_waiting_bytes: what waits for the disk at most.

    Raises:
        OSError: the file cannot be opened for writing; known at once.
    """

    def __init__(
        self,
        path: RecordingPath,
        *,
        on_error: OnError,
        most_waiting: int = MOST_WAITING,
        most_waiting_bytes: int = MOST_WAITING_BYTES,
    ) -> None:
        check_writable(path)
        self.path = path.path if isinstance(path, RotatingFile) else Path(path)
        super().__init__(
            partial(_file_opener, anchored(path)),
            on_error=on_error,
            most_waiting=most_waiting,
            most_waiting_bytes=most_waiting_bytes,
            gather=GATHER_SECONDS,
        )


@final
class BackgroundSink(_BackgroundSink):
    """Gives exchanges to a function in the background, one after the other; for any number of threads."""

    def __init__(
        self,
        write: Callable[[Exchange], object],
        *,
        on_error: OnError,
        most_waiting: int = MOST_WAITING,
        most_waiting_bytes: int = MOST_WAITING_BYTES,
    ) -> None:
        super().__init__(
            lambda: partial(_Calls, write),
            on_error=on_error,
            most_waiting=most_waiting,
            most_waiting_bytes=most_waiting_bytes,
        )


def _file_opener(path: RecordingPath) -> Callable[[], _Lines]:
    """What opens a file again and again; of several files, the one that was written last, while it has room."""
    kept: list[RotatingWriter] = []

    def open_file() -> _Lines:
        writer = kept[0] if kept else writer_to(path)
        if isinstance(writer, RotatingWriter) and not kept:
            kept.append(writer)
        return _Lines(writer)

    return open_file


class _Lines:
    """A file: what was added goes to its end together."""

    def __init__(self, writer: ExchangeWriter | RotatingWriter) -> None:
        self._writer = writer
        self._lines: list[bytes] = []

    def add(self, exchange: Exchange) -> None:
        self._lines.append(encode_exchange(exchange))

    def flush(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            self._writer.write_lines(lines)

    def close(self) -> None:
        self._writer.close()


class _Calls:
    """A function, called at once."""

    def __init__(self, write: Callable[[Exchange], object]) -> None:
        self._write = write

    def add(self, exchange: Exchange) -> None:
        self._write(exchange)

    def flush(self) -> None: ...

    def close(self) -> None: ...


class _Waiting(Struct, frozen=True):
    make: Callable[[], Exchange]
    on_kept: IsKept | None


class _Queue:
    """What waits to be written in one process, and the thread that writes it."""

    def __init__(self, open_output: Callable[[], _Output], *, on_error: OnError, gather: float) -> None:
        self._open = open_output
        self._on_error = on_error
        self._gather = gather
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._waiting: deque[_Waiting] = deque()
        self._bytes = 0
        self._is_idle = False  # the thread waits for the first exchange, not for more
        self._is_urgent = False  # there is soon no room
        self._flushing = 0  # threads that wait for what is queued
        self._is_writing = False
        self._thread: threading.Thread | None = None
        self._linger = LINGER_SECONDS

    def put(self, waiting: _Waiting, weight: int, *, most: int, most_bytes: int) -> bool:
        if sys.is_finalizing():
            return self._put_at_last(waiting)
        with self._lock:
            # One alone always fits, however large it is: else a large `max_body` would record nothing.
            has_room = len(self._waiting) < most and (not self._waiting or self._bytes + weight <= most_bytes)
            if has_room:
                self._begin()  # first: where the system gives no thread, this one is not taken
                self._waiting.append(waiting)
                self._bytes += weight
                is_half_full = 2 * len(self._waiting) >= most or 2 * self._bytes >= most_bytes
                if self._is_idle or (is_half_full and not self._is_urgent):
                    self._is_idle = False
                    self._is_urgent = is_half_full
                    self._changed.notify_all()
        return has_room

    def _put_at_last(self, waiting: _Waiting) -> bool:
        """Write it here: the interpreter ends, so a thread that is started never begins, and who waits for that waits for ever.

        So comes the exchange of a stream that the program held to its end. The lock is left alone: no other thread goes on.
        """
        output = self._written([waiting], None)
        if output is not None:
            output.close()
        return True

    def wait(self) -> None:
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: not (self._waiting or self._is_writing), CLOSE_SECONDS)
            self._flushing -= 1

    def close(self) -> None:
        with self._changed:
            self._linger = 0.0
            thread = self._thread
            self._changed.notify_all()
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSE_SECONDS)
            if thread.is_alive():
                self._on_error(TimeoutError(f"what was recorded could not be written within {CLOSE_SECONDS} s"))

    def _begin(self) -> None:
        """Start the thread, if none is running; under the lock."""
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="shim-recording", daemon=False)
            thread.start()
            self._thread = thread

    def _run(self) -> None:
        output: _Output | None = None
        while batch := self._next():
            output = self._written(batch, output)
        if output is not None:
            output.close()

    def _written(self, batch: list[_Waiting], output: _Output | None) -> _Output | None:
        """Write what waited; the output to go on with."""
        added = [False] * len(batch)
        try:
            output = output or self._open()
            added = [self._is_added(each, output) for each in batch]
            output.flush()
        except BaseException as error:  # noqa: BLE001 - the disk may be well again for the next ones
            self._note(error)
            added = [False] * len(batch)
        for waiting, is_kept in zip(batch, added, strict=True):
            if waiting.on_kept is not None:
                self._tell(waiting.on_kept, is_kept=is_kept)
        return output

    def _is_added(self, waiting: _Waiting, output: _Output) -> bool:
        """Make one and add it; one that cannot be made or written must not take the others along."""
        try:
            output.add(waiting.make())
        except BaseException as error:  # noqa: BLE001 - its recorder tells it; what would end this thread, too
            self._note(error)
            return False
        return True

    def _tell(self, on_kept: IsKept, *, is_kept: bool) -> None:
        try:
            on_kept(is_kept=is_kept)
        except BaseException as error:  # noqa: BLE001 - who listens cannot stop the writing
            self._note(error)

    def _note(self, error: BaseException) -> None:
        """Tell what went wrong; what is no `Exception`, as a SystemExit is, by one that says so."""
        told = error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__} was raised")
        try:
            self._on_error(told)
        except BaseException as again:  # noqa: BLE001 - nobody is left to be told but the log, and the next one is to be written
            _log.warning("what is told of a recording's errors raised (%s)", error_type(again))

    def _next(self) -> list[_Waiting]:
        """What waits, as soon as there is something; nothing when the thread is to end."""
        with self._changed:
            self._is_writing = False
            self._changed.notify_all()
            self._is_idle = True
            self._changed.wait_for(lambda: self._waiting or not self._linger, self._linger)
            self._is_idle = False
            if self._waiting:
                self._changed.wait_for(self._is_awaited, self._gather)
            self._is_urgent = False
            batch = list(self._waiting)
            self._waiting.clear()
            self._bytes = 0
            self._is_writing = bool(batch)
            if not batch:
                self._thread = None
            return batch

    def _is_awaited(self) -> bool:
        """Whether what waits is to be written now, without others."""
        return self._is_urgent or self._flushing > 0 or not self._linger


def sink_of(target: SinkTarget, *, on_error: OnError) -> CallableSink | FileSink:
    """The sink for a path or a function.

    Raises:
        TypeError: it is neither.
        OSError: the file cannot be opened for writing.
    """
    if isinstance(target, str | Path | RotatingFile):
        return FileSink(target, on_error=on_error)
    if callable(target):
        return CallableSink(target)
    raise TypeError(
        f"sink is a {type(target).__name__}; give a path, a RotatingFile, or a function that takes an Exchange"
    )


__all__ = ["BackgroundSink", "CallableSink", "FileSink", "Sink", "SinkTarget", "sink_of"]
