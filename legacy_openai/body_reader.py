"""Reads a response body as it arrives. The fast path for chunked bodies lives here and nowhere else.

Not the framing (chunked.py), not the payloads (data_lines.py), not the words for a failure (transport_errors.py).

`requests` hands a chunked body on one chunk at a time, at several microseconds a chunk, and a stream of tokens has one
chunk per token. So when the response is exactly what urllib3 makes of a plain chunked answer, `_ChunkedBody` reads the
buffered socket file below it and takes off the framing of everything that has arrived in one go. It uses two private
attributes, `urllib3.HTTPResponse._fp` and `http.client.HTTPResponse.chunk_left`, and hands the connection back by
public calls. Anything else (compressed, with a length, a mock, a replayed or wrapped response) takes a public road.
"""

from __future__ import annotations

import http.client
import io
from typing import TYPE_CHECKING, Any, Protocol

import urllib3

from legacy_openai.chunked import ChunkDecoder
from legacy_openai.transport_errors import reading_failure

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

READ_SIZE = 65536
"""Bytes asked of the socket at once; what has arrived is returned, nothing waits for this to fill."""


class BodyReader(Protocol):
    """A body, read as it arrives."""

    def read(self) -> bytes:
        """The next bytes, decompressed; empty at the end of the body.

        Raises:
            requests.RequestException: the body could not be read to its end.
        """
        ...

    def limit_wait(self, seconds: float) -> None:
        """From now on wait at most this long for the server, where the connection can be reached."""
        ...


def open_body(response: requests.Response) -> BodyReader:
    """The fastest reader that fits the response."""
    raw: Any = response.raw
    if type(raw) is not urllib3.HTTPResponse or response.is_redirect:
        # Someone else's object: use it as requests would. (Of a redirect requests has already read the body.)
        return _PiecewiseBody(response)
    buffered = _chunked_file(raw)
    if buffered is not None:
        return _ChunkedBody(raw, buffered)
    if hasattr(raw._fp, "read1"):  # noqa: SLF001 - whether read1 works depends on what urllib3 wraps
        return _PlainBody(raw)
    return _PiecewiseBody(response)


def _chunked_file(raw: Any) -> io.BufferedReader | None:
    """The socket file below an untouched, uncompressed, chunked response; None when anything is out of the ordinary."""
    inner = raw._fp  # noqa: SLF001 - no public way to the object whose framing is to be read
    ordinary = (
        type(inner) is http.client.HTTPResponse
        and raw.chunked
        and inner.chunked
        and inner.chunk_left is None
        and raw.tell() == 0
        and "content-encoding" not in raw.headers
        and type(inner.fp) is io.BufferedReader
    )
    return inner.fp if ordinary else None


class _ChunkedBody:
    """The fast path: reads below http.client and removes the framing in bulk."""

    def __init__(self, raw: urllib3.HTTPResponse, file: io.BufferedReader) -> None:
        self._raw = raw
        self._read1: Callable[[int], bytes] = file.read1
        self._decoder = ChunkDecoder()
        self._over = False

    def read(self) -> bytes:
        decoder = self._decoder
        body = b""
        while not body and not self._over:
            try:
                if decoder.fault is not None:
                    raise decoder.fault
                data = self._read1(READ_SIZE)
                body = decoder.feed(data) if data else self._end_of_stream()
            except (OSError, http.client.HTTPException) as error:
                raise reading_failure(error) from error
            if decoder.finished:
                self._hand_back()
        return body

    def limit_wait(self, seconds: float) -> None:
        _limit_wait(self._raw, seconds)

    def _end_of_stream(self) -> bytes:
        if not self._decoder.ends_well_here():
            raise http.client.IncompleteRead(b"")
        self._over = True
        return b""

    def _hand_back(self) -> None:
        """Put the connection back into the pool, in the order in which urllib3 does it after its own reading."""
        self._over = True
        if not self._decoder.excess:
            inner: Any = self._raw._fp  # noqa: SLF001 - closing it tells the connection that it is idle
            inner.close()
            self._raw.release_conn()


class _PlainBody:
    """Any other response of urllib3 that can return what has arrived."""

    def __init__(self, raw: urllib3.HTTPResponse) -> None:
        self._raw = raw

    def read(self) -> bytes:
        try:
            return self._raw.read1(READ_SIZE, decode_content=True)
        except (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError) as error:
            raise reading_failure(error) from error

    def limit_wait(self, seconds: float) -> None:
        _limit_wait(self._raw, seconds)


class _PiecewiseBody:
    """Whatever a transport adapter made up, read as `requests` itself reads it."""

    def __init__(self, response: requests.Response) -> None:
        self._pieces = response.iter_content(READ_SIZE)

    def read(self) -> bytes:
        try:
            return next((piece for piece in self._pieces if piece), b"")
        except (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError) as error:
            raise reading_failure(error) from error

    def limit_wait(self, seconds: float) -> None:
        """Nothing to reach: the read timeout stays the limit."""


def _limit_wait(raw: urllib3.HTTPResponse, seconds: float) -> None:
    connection = raw.connection
    sock = getattr(connection, "sock", None)
    if sock is not None:
        sock.settimeout(seconds)
