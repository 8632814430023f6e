"""Undoes the framing of a body that was heard as it came off the socket, piece by piece; done when the body has ended.

Not the content-encoding (`content_encoding`), not the framing that the proxy passes on (`shim.recording.proxy.message_reader`).
A piece stays a piece: what was read together stays together, and a piece that held only framing is left out. RFC 9112 6 and
7.1; what http.client lets pass, passes here: odd spellings of a chunk's size, and no empty line after the last chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

Piece: TypeAlias = tuple[bytes, float]
"""What was read together, and when."""

State: TypeAlias = Literal["whole", "until close", "short", "broken"]
"""whole: all that the framing promised. until close: it promised nothing. short: less. broken: it cannot be told any more."""

_CRLF: Final = b"\r\n"
_LONGEST_LINE: Final = 65536  # of a chunk's head or a trailer, as http.client has it
_FRAMING_ROOM: Final = 65536


class Framing(Struct, frozen=True):
    """How a body is framed: in chunks, by its length, or, with neither, by the end of the connection."""

    chunked: bool
    length: int | None = None

    def most(self, max_body: int) -> int:
        """How many bytes to keep as they are heard, so that there is room for a body of `max_body`; most of a chunk is body."""
        return 2 * max_body + _FRAMING_ROOM if self.chunked else max_body


class Unframed(Struct, frozen=True):
    """A body without its framing.

    Attributes:
        pieces: of the body, none empty.
        excess: bytes that stood behind its end.
        words: what is wrong where it is broken.
    """

    pieces: tuple[Piece, ...]
    state: State
    excess: int = 0
    words: str = ""


def unframed(pieces: Sequence[Piece], framing: Framing, *, at_eof: bool) -> Unframed:
    """Take the framing off the pieces; `at_eof` says that the connection ended behind them. Never raises."""
    if framing.chunked:
        return _unchunked(pieces, at_eof=at_eof)
    if framing.length is None:
        return Unframed(tuple(pieces), "until close")
    left, kept = framing.length, []
    for data, at in pieces:
        if left > 0:
            kept.append((data[:left], at))
        left -= len(data)
    return Unframed(tuple(kept), "short" if left > 0 else "whole", excess=max(-left, 0))


def _unchunked(pieces: Iterable[Piece], *, at_eof: bool) -> Unframed:
    chunks = _Chunks()
    kept = []
    for data, at in pieces:
        body = chunks.feed(data)
        if body:
            kept.append((body, at))
    return Unframed(tuple(kept), chunks.state(at_eof=at_eof), excess=chunks.excess, words=chunks.words)


def _whole_chunks(data: bytes, position: int, *, into: list[bytes]) -> int:
    """Take the chunks that stand whole and well-formed at a place, in one go; where they end. A stream is mostly these."""
    find, slices = data.find, into.append
    while True:
        start = find(b"\n", position) + 1
        if not start:
            return position
        try:
            end = start + int(data[position:start], 16)
        except ValueError:
            return position  # an extension, or nonsense: that is looked at with care
        if end <= start or data[end : end + 2] != _CRLF:
            return position
        slices(data[start:end])
        position = end + 2


_Expected: TypeAlias = Literal["size", "data", "line end", "trailer", "nothing"]


class _Chunks:
    """Takes chunks apart; each byte is looked at once, however the input is split."""

    def __init__(self) -> None:
        self.words = ""
        self.excess = 0
        self._expected: _Expected = "size"
        self._due = 0
        self._line = bytearray()

    def feed(self, data: bytes) -> bytes:
        """The body bytes in the data."""
        parts: list[bytes] = []
        end = len(data)
        is_between = self._expected == "size" and not self._line and not self.words
        position = _whole_chunks(data, 0, into=parts) if is_between else 0
        while position < end and not self.words and self._expected != "nothing":
            if self._expected == "data":
                stop = min(position + self._due, end)
                parts.append(data[position:stop])
                self._took(stop - position)
            elif self._expected == "line end":
                stop = min(position + len(_CRLF) - len(self._line), end)
                if self._ends_chunk(data[position:stop]):
                    stop = _whole_chunks(data, stop, into=parts)
            else:
                stop = data.find(b"\n", position) + 1 or end
                self._take(data[position:stop])
            position = stop
        self.excess += end - position
        return b"".join(parts)

    def state(self, *, at_eof: bool) -> State:
        """What is known now that nothing more comes."""
        if at_eof and self._expected == "size" and self._line:
            self._size(bytes(self._line))  # half a line that can be no size is no early end
        if self.words:
            return "broken"
        is_whole = self._expected == "nothing" or (at_eof and self._expected == "trailer")
        return "whole" if is_whole else "short"

    def _took(self, count: int) -> None:
        self._due -= count
        if not self._due:
            self._expected = "line end"

    def _ends_chunk(self, data: bytes) -> bool:
        """Take what stands behind a chunk's data; whether it is all there."""
        self._line += data
        if not _CRLF.startswith(self._line):
            self.words = f"a chunk's data is followed by {bytes(self._line)!r}, not by a line end"
        elif len(self._line) == len(_CRLF):
            self._line.clear()
            self._expected = "size"
            return True
        return False

    def _take(self, data: bytes) -> None:
        """Take some of a line of the framing, or the rest of it."""
        self._line += data
        if len(self._line) > _LONGEST_LINE:
            self.words = f"a chunk size line or trailer is longer than {_LONGEST_LINE} bytes"
        elif data.endswith(b"\n"):
            line = bytes(self._line)
            self._line.clear()
            if self._expected == "size":
                self._begin_chunk(line)
            elif line in (_CRLF, b"\n"):
                self._expected = "nothing"

    def _begin_chunk(self, line: bytes) -> None:
        self._due = self._size(line)
        if not self.words:
            self._expected = "data" if self._due else "trailer"

    def _size(self, line: bytes) -> int:
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            size = -1
        if size < 0:
            self.words = f"invalid chunk size line {line[:80]!r}"
        return size
