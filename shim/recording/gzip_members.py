"""Reads gzip of many members, as recorders write it, and goes on behind a member that is damaged.

Not the lines (`files`). A recorder that was killed, or whose disk was full, leaves a part of a member, and the next one writes
its own behind it: what follows must not be lost with it. RFC 1952 2.2 (members follow each other) and 2.3; no member says how
long it is, so the next is found by how members begin, and by whether it can be unpacked into what stands in a recording.
"""

from __future__ import annotations

import io
import zlib
from collections import deque
from typing import TYPE_CHECKING, Final

from shim.wire.content_encoding import WINDOW_GZIP

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAGIC: Final = b"\x1f\x8b"
"""What gzip begins with (RFC 1952 2.3.1)."""
DAMAGED_LINE: Final = MAGIC + b" damaged\n"
"""Given in place of what is lost: it ends the line in which the damage is, and no line that was recorded ends so."""

_MEMBER: Final = MAGIC + b"\x08"  # deflate, the one method there is
_BLOCK: Final = 1 << 16
_SAMPLE: Final = 1 << 12  # bytes of a member by which it is known
_MOST_KEPT: Final = 1 << 26  # packed bytes of a member in which the next is looked for; recorders' have a megabyte


class GzipMembers(io.RawIOBase):
    """The unpacked bytes of a file; it closes that file too.

    Raises:
        EOFError: when it is read, the file ends within a member.
        zlib.error: the same, a member is damaged and none follows.
    """

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self._begin_file()

    def _begin_file(self) -> None:
        self._unpacking: zlib._Decompress | None = None
        self._waiting = b""  # packed, read and not yet unpacked
        self._seen: deque[bytes] = deque()  # packed, of this member
        self._kept = 0
        self._mark = b""  # of the damaged line, what is still to be given
        self._place = 0

    def readable(self) -> bool:
        """As any file that is read."""
        return True

    def seekable(self) -> bool:
        """Whether the file below is; to go back means to unpack from the beginning."""
        return self._file.seekable()

    def tell(self) -> int:
        """How many bytes were unpacked."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place, counted in unpacked bytes from the beginning."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("a place in gzip is counted from its beginning")
        if offset < self._place:
            self._file.seek(0)
            self._begin_file()
        while self._place < offset and self.read(min(offset - self._place, _BLOCK)):
            pass
        return self._place

    def readinto(self, buffer: Buffer, /) -> int:
        """Unpack as much as there is room for."""
        view = memoryview(buffer).cast("B")
        data = self._unpacked(len(view)) if view else b""
        view[: len(data)] = data
        self._place += len(data)
        return len(data)

    def close(self) -> None:
        """Close both."""
        if not self.closed:
            super().close()
            self._file.close()

    def _unpacked(self, most: int) -> bytes:
        """Some bytes; none at the end."""
        while True:
            if self._mark:
                data, self._mark = self._mark[:most], self._mark[most:]
                return data
            if self._unpacking is None and not self._begin_member():
                return b""
            data = self._unpack(most)
            if data:
                return data

    def _begin_member(self) -> bool:
        """Go to the next member; False where there is none. Zeros between them are filling (as the program gzip has it)."""
        while not (data := self._waiting.lstrip(b"\0")):
            self._waiting = self._file.read1(_BLOCK)
            if not self._waiting:
                return False
        self._unpacking = zlib.decompressobj(WINDOW_GZIP)
        self._waiting = data
        self._seen = deque((data,))
        self._kept = len(data)
        return True

    def _unpack(self, most: int) -> bytes:
        unpacking = self._unpacking
        if unpacking is None or not (self._waiting or self._read_on()):
            self._skip_damage(EOFError("the file ends within a member"))
            return b""
        try:
            data = unpacking.decompress(self._waiting, most)
        except zlib.error as error:
            self._skip_damage(error)
            return b""
        self._waiting = unpacking.unconsumed_tail
        if unpacking.eof:
            self._waiting = unpacking.unused_data
            self._unpacking = None
        return data

    def _read_on(self) -> bool:
        """Read more of the member that is unpacked; False at the end of the file."""
        self._waiting = self._file.read1(_BLOCK)
        self._seen.append(self._waiting)
        self._kept += len(self._waiting)
        while self._kept > _MOST_KEPT:
            self._kept -= len(self._seen.popleft())
        return bool(self._waiting)

    def _skip_damage(self, damage: Exception) -> None:
        """Go on with the next member, which may begin within what was taken for this; raise the damage where there is none."""
        data, looked_at, has_ended = b"".join(self._seen), 1, False
        self._seen.clear()
        while True:
            place = data.find(_MEMBER, looked_at)
            if place >= 0 and (has_ended or len(data) - place >= _SAMPLE):
                if _is_member(data[place : place + _SAMPLE]):
                    break
                looked_at = place + 1
                continue
            if has_ended:
                raise damage
            begun = place if place >= 0 else max(len(data) - len(_MEMBER) + 1, looked_at)
            more = self._file.read1(_BLOCK)
            data, looked_at, has_ended = data[begun:] + more, 0, not more
        self._unpacking = None
        self._waiting = data[place:]
        self._mark = DAMAGED_LINE


def _is_member(sample: bytes) -> bool:
    """Whether a member of a recording begins here: what can be unpacked is the beginning of a line."""
    try:
        return zlib.decompressobj(WINDOW_GZIP).decompress(sample, 1) in (b"{", b"\n")
    except zlib.error:
        return False


__all__ = ["DAMAGED_LINE", "MAGIC", "GzipMembers"]
