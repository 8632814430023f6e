"""Listens to a response one level below it, at the file that http.client reads its socket through.

Not the undoing of what is heard (`transfer_encoding`, `content_encoding`), done when the body has ended, nor the road for every
other body (`response_body`). Whoever reads the response meets urllib3's own objects, unchanged, whatever way they read it:
below them a second `io.BufferedReader` stands where the first stood, and fills itself from the first, then from the raw file
below that. Each read of it is one read of that file, with the same size: so it waits, times out and raises as ever.

Used of urllib3: `HTTPResponse._fp` and `_sock_shutdown`; of http.client: `HTTPResponse.fp`, `chunked`, `chunk_left`, `length`; of
CPython: the mark `_finalizing` that an object of `io` bears while memory is freed. Each is looked at before it is relied on;
where one is missing or not as it is known, or something has been read already, nothing is touched, and `listens` says so.
"""

from __future__ import annotations

import functools
import http.client
import io
import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import urllib3

from shim.recording.content_encoding import is_undone_here
from shim.recording.tap.transport_fault import breaks_the_body, reading_fault
from shim.recording.transfer_encoding import Framing

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from shim.recording.exchange_builder import Recording

_KNOWS_ITS_END: Final = sys.implementation.name == "cpython"


def listens(raw: Any, recording: Recording, *, encoding: str) -> bool:
    """Listen to the body of a response, if that is possible; never raises.

    Args:
        raw: the response of urllib3, of whose body nothing has been read.
        recording: is told all that is read, and how it ends.
        encoding: the body's content-encoding, in lower case.
    """
    try:
        return is_undone_here(encoding) and _begin(raw, recording, encoding=encoding)
    except (AttributeError, TypeError, ValueError, OSError):
        return False


def _begin(raw: Any, recording: Recording, *, encoding: str) -> bool:
    inner = _ordinary(raw)
    if inner is None:
        return False
    file, listener = inner.fp, _ListeningFile()
    buffered = io.BufferedReader(listener)
    shutdown = getattr(raw, "_sock_shutdown", None)
    if callable(shutdown):
        raw._sock_shutdown = functools.partial(_shut, recording, shutdown)  # noqa: SLF001 - who cuts the body off is not cut off
    recording.hear(Framing(inner.chunked, inner.length), encoding=encoding)
    listener.attach(file, recording, raw=weakref.ref(raw), above=weakref.ref(buffered))
    inner.fp = buffered
    return True


def _ordinary(raw: Any) -> Any:
    """The response of http.client below an untouched response of urllib3; None when anything is out of the ordinary."""
    if not _KNOWS_ITS_END or type(raw) is not urllib3.HTTPResponse:
        return None
    inner = raw._fp  # noqa: SLF001 - no public way to it
    is_ordinary = (
        type(inner) is http.client.HTTPResponse
        and type(inner.fp) is io.BufferedReader
        and not inner.fp.closed
        and raw.tell() == 0
        and raw.chunked is inner.chunked  # a second transfer-encoding is read by the one and not by the other
        and (inner.chunk_left is None or not inner.chunked)
        and inner.length == raw.length_remaining
    )
    return inner if is_ordinary else None


def _shut(recording: Recording, shutdown: Callable[..., object], *how: int) -> object:
    recording.is_cancelled = True  # what reading meets after this is the reader's own doing
    try:
        return shutdown(*how)
    except BaseException:
        recording.is_cancelled = False
        raise


class _ListeningFile(io.RawIOBase):
    """The raw file below a response: reads the one it stands for, and tells what it read.

    Unattached it owns nothing, so that one that is not used closes nothing.
    """

    _file: io.BufferedReader | None = None
    _recording: Recording | None = None
    _count = 0
    _is_leaving = False

    def attach(
        self,
        file: io.BufferedReader,
        recording: Recording,
        *,
        raw: weakref.ref[Any],
        above: weakref.ref[Any],
    ) -> None:
        """Begin. Neither the response nor the reader above is held: a cycle would keep a dropped connection open."""
        self._response = raw
        self._above = above
        self._note: Callable[[bytes], object] = recording.note
        self._below: Callable[[Any], int | None] = self._first
        self._recording = recording
        self._file = file

    # What callers look for below a response, name by name: a `__getattr__` would be asked at each read whether this is closed.
    name = property(lambda self: self._opened().raw.name)
    mode = property(lambda self: self._opened().raw.mode)
    _sock = property(lambda self: self._opened().raw._sock)  # noqa: SLF001 - the way to a response's socket that many know

    def _opened(self) -> io.BufferedReader:
        if self._file is None:
            raise AttributeError("not attached")
        return self._file

    def _first(self, buffer: memoryview) -> int:
        """Read what http.client had buffered when it read the head; once that is taken, the raw file itself."""
        file = self._opened()
        data = file.read1(len(buffer))
        buffer[: len(data)] = data
        if len(data) < len(buffer):
            self._below = file.raw.readinto
        return len(data)

    def readinto(self, buffer: Buffer, /) -> int | None:
        """Read once, as the file below does, and note it."""
        view = memoryview(buffer)
        try:
            count = self._below(view)
        except BaseException as error:
            self._failed(error)
            raise
        if count:
            self._count += count
            self._note(bytes(view[:count]))
        elif count == 0 and view.nbytes:
            self._leave("eof")
        return count

    def _failed(self, error: BaseException) -> None:
        recording = self._recording
        if recording is None or not breaks_the_body(error):
            return
        if isinstance(error, Exception):
            recording.leave("failed", fault=reading_fault(error, at=recording.elapsed()))
        else:
            recording.leave("cancelled")  # an interrupt is no fault of the transport

    def _leave(self, left: Any, *, unread: int = 0) -> None:
        if self._recording is not None:
            self._recording.leave(left, unread=unread)

    def tell(self) -> int:
        """Where it stands, while it is being closed; a socket has no places."""
        return self._count if self._is_leaving else super().tell()

    def close(self) -> None:
        """Close the file below, and end the recording, unless memory is being freed: then the recorder finds it later."""
        if self.closed:
            return
        try:
            if not self._is_dropped():
                self._leave("closed", unread=self._unread())
        finally:
            self._recording = None
            self._note = _ignore
            super().close()
            if self._file is not None:
                self._file.close()

    def _is_dropped(self) -> bool:
        raw = self._response() if self._recording is not None else None
        return raw is None or "_finalizing" in vars(raw)

    def _unread(self) -> int:
        """How much the reader above has buffered and not given: it tells its own place, reckoned from ours."""
        above = self._above()
        if above is None:
            return 0
        self._is_leaving = True
        try:
            place: int = above.tell()
        except (OSError, ValueError, RuntimeError):
            return 0  # the framing alone decides then
        finally:
            self._is_leaving = False
        return self._count - place

    def readable(self) -> bool:
        """As any file that is read."""
        return True

    def isatty(self) -> bool:
        """As the file below."""
        return self._opened().isatty()

    def fileno(self) -> int:
        """Of the socket."""
        return self._opened().fileno()


def _ignore(_data: bytes) -> None:
    """Nobody listens any more."""
