"""Takes the chunked transfer coding off a body, many chunks at a time. Sans-I/O.

Not a reader of sockets: that is body_reader.py. Follows RFC 9112 7.1; trailers and chunk extensions are dropped, a bare
LF as line end is refused.
"""

from __future__ import annotations

import re
from http.client import HTTPException

_CRLF = b"\r\n"
_MAX_LINE = 65536
"""Bytes of a chunk header or of all trailers; http.client has the same limit for a line."""
_SIZES_KEPT = 1024
_SIZE_LINE = re.compile(rb"\r\n([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?")


class ChunkingError(HTTPException):
    """The body is not validly chunked."""


class ChunkDecoder:
    """`feed(data)` returns the body bytes in `data`; `finished` tells that the last chunk and the trailers are read.

    A chunk's data is followed by CRLF, and so is its size line: reading "CRLF size CRLF" as one unit, with a CRLF
    imagined before the first, checks the framing at no extra cost and makes one loop of it.
    """

    def __init__(self) -> None:
        self._pending = _CRLF
        self._due = 0
        self._sizes: dict[bytes, int] = {}
        self.finished = False
        self.fault: ChunkingError | None = None
        """What is wrong with the bytes after those returned last; nothing more can be fed."""
        self.excess = b""
        """Bytes after the end of the body; the connection they came on cannot be used again."""

    def feed(self, data: bytes) -> bytes:
        """The body bytes that `data` completes; empty when it held only framing.

        Raises:
            ChunkingError: a size line or its surroundings are malformed. When good chunks stand before it in `data`,
                those are returned and `fault` is set instead.
        """
        due = self._due
        if due >= len(data):
            self._due = due - len(data)
            return data
        parts = []
        if due:
            parts.append(data[:due])
            data = data[due:]
            self._due = 0
        elif self._pending:
            data = self._pending + data
        try:
            rest = self._take_chunks(data, parts)
        except ChunkingError as error:
            if not parts:
                raise
            self.fault, rest = error, len(data)
        self._pending = data[rest:]
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def ends_well_here(self) -> bool:
        """Whether the stream may stop now: some servers leave out the line end after the last chunk."""
        return self._due == 0 and self._pending.startswith(b"\r\n0\r\n")

    def _take_chunks(self, data: bytes, parts: list[bytes]) -> int:
        """Append the data of every chunk in `data` to `parts`; return where the unread rest begins."""
        find, sizes, length, position = data.find, self._sizes, len(data), 0
        while True:
            line_end = find(_CRLF, position + 2)
            if line_end < 0:
                self._check_waiting(data[position:])
                return position
            line = data[position:line_end]
            size = sizes.get(line)
            if size is None:
                size = self._size_of(line)
            if size == 0:
                return self._finish(data, position, line_end=line_end)
            start = line_end + 2
            position = start + size
            parts.append(data[start:position])
            if position > length:
                self._due = position - length
                return length

    def _size_of(self, line: bytes) -> int:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise ChunkingError(f"invalid chunk size line {line[:80]!r}")
        if len(self._sizes) < _SIZES_KEPT:
            self._sizes[line] = int(match[1], 16)
        return int(match[1], 16)

    def _check_waiting(self, rest: bytes) -> None:
        if len(rest) > _MAX_LINE:
            raise ChunkingError(f"a chunk size line or trailer is longer than {_MAX_LINE} bytes")
        if not rest.startswith(_CRLF[: len(rest)]):
            raise ChunkingError(f"chunk data is not followed by a line end but by {rest[:80]!r}")

    def _finish(self, data: bytes, position: int, *, line_end: int) -> int:
        """The last chunk stands at `position`: skip the trailers, up to their empty line, once it has arrived."""
        end = data.find(_CRLF + _CRLF, line_end)
        if end < 0:
            self._check_waiting(data[position:])
            return position
        self.finished = True
        self.excess = data[end + 4 :]
        return len(data)
