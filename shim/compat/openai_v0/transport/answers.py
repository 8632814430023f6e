"""An answer as `api_requestor` reads it: a `requests.Response`, as whoever wraps `request_raw` has it.

Not the hearing (`heard`). `Answer` is for blocking calls and turns its provider while it waits; `AsyncAnswer` waits on its loop.
"""

from __future__ import annotations

import http.client
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import requests
from requests.utils import get_encoding_from_headers

from shim.compat.openai_v0.stream_faults import broken, broken_async, caused
from shim.compat.openai_v0.transport.heard import Heard


class LineSplitter:
    """Bytes into lines, however they were split; a line ends with CR, LF or both, and the last one with the body.

    Work is linear in the bytes: what is no whole line yet is kept in pieces, and joined once.
    """

    def __init__(self) -> None:
        self._rest: list[bytes] = []

    def feed(self, piece: bytes) -> list[bytes]:
        """The lines that ended in these bytes."""
        if b"\n" not in piece and b"\r" not in piece:
            self._rest.append(piece)
            return []
        lines = b"".join([*self._rest, piece]).splitlines()
        self._rest = [] if piece.endswith((b"\n", b"\r")) else [lines.pop()]
        return lines

    def finish(self) -> list[bytes]:
        """The line that the end of the body ends."""
        rest, self._rest = b"".join(self._rest), []
        return [rest] if rest else []


class Answer(requests.Response):
    """The answer to a blocking call, asked of `url`. `advance` waits until more has been heard, `cancel` ends the call."""

    def __init__(self, heard: Heard, *, url: str, advance: Callable[[], Any], cancel: Callable[[], Any]) -> None:
        super().__init__()
        self._heard = heard
        self._advance = advance
        self._cancel = cancel
        self._body: bytes | None = None
        while not heard.begun:
            advance()
        self.status_code = heard.status
        self.headers = heard.headers
        self.encoding = get_encoding_from_headers(heard.headers)
        self.reason = http.client.responses.get(heard.status, "")
        self.url = url

    @property
    def content(self) -> bytes:
        """The whole body; of a stream too, which then has nothing left to wait for."""
        if self._body is None:
            self._body = b"".join(self._pieces())
        return self._body

    def iter_content(self, *_size: Any, **_named: Any) -> Iterator[bytes]:
        """The body in pieces as they come, of whatever size.

        Raises:
            StreamBrokenError: it breaks off.
        """
        return iter(self._pieces() if self._body is None else [self._body])

    def iter_lines(self, *_size: Any, **_named: Any) -> Iterator[bytes]:
        """The lines of the body as they come.

        Raises:
            StreamBrokenError: it breaks off.
        """
        splitter = LineSplitter()
        try:
            for piece in self.iter_content():
                yield from splitter.feed(piece)
        finally:
            self.close()
        yield from splitter.finish()

    def close(self) -> None:
        """Want nothing more of it. Nothing is done while the interpreter ends: other threads stand still, with their locks."""
        if not self._heard.ended and not sys.is_finalizing():
            self._heard.leave()
            self._cancel()

    def __del__(self) -> None:
        if hasattr(self, "_heard"):
            self.close()

    def _pieces(self) -> Iterator[bytes]:
        heard = self._heard
        while True:
            ended = heard.ended  # before the last look: what came until then is there
            yield from heard.take()
            if ended:
                break
            try:
                self._advance()
            except TimeoutError as late:  # raised by a handler of SIGALRM: `requests` took it for one of the connection
                raise broken(late) from late
        if heard.fault is not None:
            raise caused(broken(heard.fault), heard.fault)


class AsyncAnswer:
    """The answer to an async call. `changed` waits until more has been heard, `release` ends the call."""

    def __init__(self, heard: Heard, *, changed: Callable[[], Awaitable[None]], release: Callable[[], None]) -> None:
        self._heard = heard
        self._changed = changed
        self._release = release
        self._body: bytes | None = None

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._heard.status

    @property
    def headers(self) -> Any:
        """The headers, names in any case."""
        return self._heard.headers

    async def begun(self) -> None:
        """Wait for the head, or for the end where none came."""
        while not self._heard.begun:
            await self._changed()

    async def read(self) -> bytes:
        """The whole body."""
        if self._body is None:
            self._body = b"".join([piece async for piece in self._pieces()])
        return self._body

    async def lines(self) -> AsyncIterator[bytes]:
        """The lines of the body as they come.

        Raises:
            StreamBrokenError: it breaks off, or its time is over.
        """
        splitter = LineSplitter()
        try:
            async for piece in self._pieces():
                for line in splitter.feed(piece):
                    yield line
        finally:
            self.release()
        for line in splitter.finish():
            yield line

    def release(self) -> None:
        """Want nothing more of it; may be called again. While the interpreter ends nothing is done, as with `Answer`."""
        if not sys.is_finalizing():
            self._heard.leave()
            self._release()

    def __del__(self) -> None:
        if hasattr(self, "_release"):
            self.release()

    async def _pieces(self) -> AsyncIterator[bytes]:
        heard = self._heard
        while True:
            ended = heard.ended
            for piece in heard.take():
                yield piece
            if ended:
                break
            await self._changed()
        if heard.fault is not None:
            raise caused(broken_async(heard.fault), heard.fault)
