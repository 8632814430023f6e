"""A response's raw body that notes what its reader reads: in every other way the object it stands for.

Not the noting (`exchange_builder`), and not for what urllib3 reads from a socket in its ordinary way: that is heard below it
(`socket_file`). It asks the same of the object below as it is asked itself, gives what that gives, when it
gives it, and raises what that raises. One exception: an event stream that is not chunked is handed on as it arrives, where
urllib3's `stream(n)` waits until n bytes are there; no client of an event stream can mean that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from shim.recording.tap.transport_fault import breaks_the_body, reading_fault

if TYPE_CHECKING:
    from shim.recording.exchange_builder import Recording

_Maker: TypeAlias = "Callable[[Any, _Notes], Any]"


class _Notes:
    """One recording and the body it is of: what every way of reading has in common.

    The ways of reading hold this and the body, never the `NotedBody`: a cycle would keep a dropped response's connection open
    until the garbage collector comes.
    """

    __slots__ = ("body", "is_encoded", "recording")

    def __init__(self, body: Any, recording: Recording, *, encoding: str) -> None:
        self.body = body
        self.recording = recording
        self.is_encoded = encoding not in ("", "identity")
        known = getattr(body, "CONTENT_DECODERS", ())
        if self.is_encoded and not all(each.strip() in known for each in encoding.split(",")):
            recording.decoded = False  # nothing here can undo it

    def reads(self, *, decode_content: bool | None) -> None:
        """Note whether what is read is decoded."""
        if self.is_encoded and self.recording.decoded and not self.recording.is_over:
            wanted = getattr(self.body, "decode_content", True) if decode_content is None else decode_content
            self.recording.decoded = bool(wanted)

    def failed(self, error: BaseException) -> None:
        """Note that reading failed; the caller raises the error on."""
        recording = self.recording
        if recording.is_over or not breaks_the_body(error):
            return
        if recording.is_cancelled or not isinstance(error, Exception):  # an interrupt is no fault of the transport
            recording.end("aborted")
        else:
            recording.end("failed", fault=reading_fault(error, at=recording.elapsed()))

    def complete(self) -> None:
        """Note the end of the body."""
        if not self.recording.is_over:
            self.recording.end("aborted" if self.recording.is_cancelled else "complete")

    def complete_if_all_read(self) -> None:
        """Note the end where the length tells it, before the reader has asked for more."""
        if not self.is_encoded and getattr(self.body, "length_remaining", None) == 0:
            self.complete()

    def left(self) -> None:
        """Note that an iteration was left in its middle: urllib3 then closes a chunked body, and others can be read on."""
        self.complete_if_all_read()
        is_closed = getattr(self.body, "isclosed", None)
        if is_closed is not None and is_closed():
            self.closed()

    def closing(self) -> None:
        """Note that the reader has done; of a compressed body it cannot be told whether all was taken."""
        if not self.recording.is_over:
            is_read = getattr(self.body, "isclosed", None)
            if not self.is_encoded and is_read is not None and is_read():
                self.complete()

    def closed(self) -> None:
        """Note that nothing more can be read."""
        if not self.recording.is_over:
            self.recording.end("aborted")


def _reader(body: Any, notes: _Notes, *, name: str) -> Callable[..., Any]:
    read = getattr(body, name)

    def noting(*given: Any, **named: Any) -> Any:
        asked = given[0] if given else named.get("amt")
        notes.reads(decode_content=given[1] if len(given) > 1 else named.get("decode_content"))
        try:
            data = read(*given, **named)
        except BaseException as error:
            notes.failed(error)
            raise
        notes.recording.note(data or b"")
        if (not data and asked != 0) or (name == "read" and (asked is None or asked < 0)):
            notes.complete()
        else:
            notes.complete_if_all_read()
        return data

    return noting


def _read(body: Any, notes: _Notes) -> Any:
    return _reader(body, notes, name="read")


def _read1(body: Any, notes: _Notes) -> Any:
    return _reader(body, notes, name="read1")


def _readinto(body: Any, notes: _Notes) -> Any:
    readinto = body.readinto

    def noting(buffer: Any) -> Any:
        notes.reads(decode_content=None)
        try:
            count = readinto(buffer)
        except BaseException as error:
            notes.failed(error)
            raise
        notes.recording.note(bytes(memoryview(buffer).cast("B")[: count or 0]))
        if count == 0 and len(buffer):
            notes.complete()
        else:
            notes.complete_if_all_read()
        return count

    return noting


def _readline(body: Any, notes: _Notes) -> Any:
    readline = body.readline

    def noting(size: Any = -1) -> Any:
        notes.reads(decode_content=None)
        try:
            line = readline(size)
        except BaseException as error:
            notes.failed(error)
            raise
        notes.recording.note(line)
        if not line and size != 0:
            notes.complete()
        return line

    return noting


def _readlines(body: Any, notes: _Notes) -> Any:
    readlines = body.readlines

    def noting(*hint: Any) -> Any:
        notes.reads(decode_content=True)  # the lines of urllib3's iteration, which decodes
        try:
            lines = readlines(*hint)
        except BaseException as error:
            notes.failed(error)
            raise
        for line in lines:
            notes.recording.note(line)
        if hint in ((), (-1,), (None,)) or not lines:
            notes.complete()
        return lines

    return noting


def _stream(body: Any, notes: _Notes) -> Any:
    headers = getattr(body, "headers", None) or {}
    kind = str(headers.get("content-type", "")).partition(";")[0].strip().lower()
    arrives = kind == "text/event-stream" and not getattr(body, "chunked", True) and hasattr(body, "read1")

    def noting(amt: Any = 2**16, decode_content: Any = None, **more: Any) -> Iterator[bytes]:
        if amt == 0:
            return iter(())
        notes.reads(decode_content=decode_content)
        if arrives and not more:
            return _noted(_arriving(body, amt, decode_content=decode_content), notes)
        return _noted(body.stream(amt, decode_content=decode_content, **more), notes)

    return noting


def _arriving(body: Any, amt: Any, *, decode_content: Any) -> Iterator[bytes]:
    try:
        data = body.read1(amt, decode_content=decode_content)
    except AttributeError:  # what it wraps cannot; nothing has been read
        yield from body.stream(amt, decode_content=decode_content)
        return
    while data:
        yield data
        data = body.read1(amt, decode_content=decode_content)


def _read_chunked(body: Any, notes: _Notes) -> Any:
    def noting(amt: Any = None, decode_content: Any = None) -> Iterator[bytes]:
        notes.reads(decode_content=decode_content)
        pieces = body.read_chunked(amt, decode_content=decode_content)
        return pieces if amt == 0 else _noted(pieces, notes)

    return noting


def _noted(pieces: Iterable[bytes], notes: _Notes) -> Iterator[bytes]:
    """The same pieces. When this is closed so is the iterator below, which then gives its connection up as it does."""
    note = notes.recording.note
    try:
        for piece in pieces:
            note(piece)
            yield piece
    except GeneratorExit:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()
        notes.left()
        raise
    except BaseException as error:
        notes.failed(error)
        raise
    notes.complete()


def _read_data(body: Any, notes: _Notes) -> Any:
    """The `data` property: the rest of the body, kept; nothing is new of a body that is over."""
    if notes.recording.is_over:
        return body.data
    notes.reads(decode_content=None)
    try:
        data = body.data
    except BaseException as error:
        notes.failed(error)
        raise
    notes.recording.note(data or b"")
    notes.complete()
    return data


def _json(body: Any, notes: _Notes) -> Any:
    body.json  # noqa: B018 - a body without it has none here either
    return lambda: json.loads(_read_data(body, notes).decode("utf-8"))


def _drain_conn(body: Any, notes: _Notes) -> Any:
    drain = body.drain_conn

    def noting() -> Any:
        notes.closing()
        notes.closed()  # the rest is thrown away unread
        return drain()

    return noting


def _close(body: Any, notes: _Notes) -> Any:
    close = body.close

    def noting() -> Any:
        notes.closing()
        try:
            return close()
        finally:
            notes.closed()

    return noting


def _release_conn(body: Any, notes: _Notes) -> Any:
    release = body.release_conn

    def noting() -> Any:
        notes.closing()
        return release()

    return noting


def _shutdown(body: Any, notes: _Notes) -> Any:
    shutdown = body.shutdown

    def noting(*given: Any) -> Any:
        notes.recording.is_cancelled = True  # what reading raises after this is the reader's own doing
        try:
            return shutdown(*given)
        except Exception:
            notes.recording.is_cancelled = False
            raise

    return noting


_WAYS: dict[str, _Maker] = {
    "read": _read,
    "read1": _read1,
    "readinto": _readinto,
    "readline": _readline,
    "readlines": _readlines,
    "stream": _stream,
    "read_chunked": _read_chunked,
    "json": _json,
    "drain_conn": _drain_conn,
    "close": _close,
    "release_conn": _release_conn,
    "shutdown": _shutdown,
}
"""Every way in which a body is read or given up. Names that are not here are those of the body itself."""


class NotedBody:
    """Stands for a raw body. `isinstance` takes it for one of the same class; `type` tells them apart."""

    __slots__ = ("__dict__", "__weakref__", "_noted_body", "_noted_notes")

    _noted_body: Any
    _noted_notes: _Notes

    def __init__(self, body: Any, recording: Recording, *, encoding: str) -> None:
        object.__setattr__(self, "_noted_body", body)
        object.__setattr__(self, "_noted_notes", _Notes(body, recording, encoding=encoding))

    @property  # type: ignore[misc]  # a property in place of what object has, so that isinstance takes it for the original
    def __class__(self) -> Any:
        return type(self._noted_body)

    def __getattr__(self, name: str) -> Any:
        body = self._noted_body
        if name == "data":
            body_has = getattr(type(body), "data", None)
            return body.data if body_has is None else _read_data(body, self._noted_notes)
        way = _WAYS.get(name)
        if way is None:
            return getattr(body, name)
        made = way(body, self._noted_notes)
        self.__dict__[name] = made
        return made

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _WAYS:
            self.__dict__[name] = value  # as in `raw.read = functools.partial(raw.read, decode_content=True)`
        else:
            setattr(self._noted_body, name, value)

    def __delattr__(self, name: str) -> None:
        if name in self.__dict__:
            del self.__dict__[name]
        else:
            delattr(self._noted_body, name)

    def __dir__(self) -> list[str]:
        return dir(self._noted_body)

    def __repr__(self) -> str:
        return repr(self._noted_body)

    def __iter__(self) -> Iterator[Any]:
        self._noted_notes.reads(decode_content=True)  # urllib3 iterates over the decoded body
        return _noted(iter(self._noted_body), self._noted_notes)

    def __next__(self) -> Any:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    def __enter__(self) -> Any:
        self._noted_body.__enter__()
        return self

    def __exit__(self, *exception: object) -> Any:
        self.close()

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("the body of a response cannot be pickled or copied: it reads from a socket")
