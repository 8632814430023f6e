"""Listens to the body of an `aiohttp.ClientResponse` while its caller reads it: the same bytes, in the same pieces.

Not what is done with them (`recording`, `control_outcome`). aiohttp itself is not imported: the response is at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

_READS = frozenset({"read", "readany", "readline", "readexactly", "readuntil", "readchunk"})


class ContentWatcher(Protocol):
    """Who listens: to pieces, then to the end, or to what was raised in its place."""

    def piece(self, data: bytes) -> None:
        """Take bytes that were read together."""
        ...

    def ended(self) -> None:
        """Take the end of the body."""
        ...

    def raised(self, fault: BaseException) -> None:
        """Take what ended the reading too early."""
        ...


def watch_content(response: Any, watcher: ContentWatcher) -> None:
    """Listen to the body of a response that has not been read yet."""
    response.content = _WatchedContent(response.content, watcher)


def unread_in(content: Any) -> bytes:
    """What a `StreamReader` holds that came and was not read; nothing where it keeps that elsewhere.

    Its own `read_nowait` takes it away, and raises once the response was released.
    """
    pieces = b"".join(getattr(content, "_buffer", ()))
    return pieces[getattr(content, "_buffer_offset", 0) :]


class _WatchedContent:
    """A `StreamReader` that tells what is read of it."""

    def __init__(self, content: Any, watcher: ContentWatcher) -> None:
        self._content = content
        self._watcher: ContentWatcher | None = watcher

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._content, name)
        return self._watched(found) if name in _READS else found

    def __aiter__(self) -> _Pieces:
        return _Pieces(self.readline)

    def __repr__(self) -> str:
        return repr(self._content)

    def iter_any(self) -> _Pieces:
        """Iterate over what comes, as it comes."""
        return _Pieces(self.readany)

    def _watched(self, read: Callable[..., Any]) -> Callable[..., Any]:
        async def watched(*args: Any, **named: Any) -> Any:
            try:
                data = await read(*args, **named)
            except BaseException as fault:
                watcher = self._ended()
                if watcher is not None:
                    watcher.raised(fault)
                raise
            self._tell(data[0] if isinstance(data, tuple) else data)
            return data

        return watched

    def _tell(self, data: bytes) -> None:
        if self._watcher is not None and data:
            self._watcher.piece(data)
        if not data or self._content.at_eof():
            watcher = self._ended()
            if watcher is not None:
                watcher.ended()

    def _ended(self) -> ContentWatcher | None:
        watcher, self._watcher = self._watcher, None
        return watcher


class _Pieces:
    """Iterates over what a reading gives until it gives nothing."""

    def __init__(self, read: Callable[[], Any]) -> None:
        self._read = read

    def __aiter__(self) -> _Pieces:
        return self

    async def __anext__(self) -> bytes:
        data: bytes = await self._read()
        if not data:
            raise StopAsyncIteration
        return data
