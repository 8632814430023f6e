"""Content-encoding: undoes gzip and deflate of a body as it arrives, bounded in bytes and in ratio.

Not the framing of HTTP, which is the transport's. A body is what its bytes are: several gzip members are one body, a body that is
called gzip and is not is taken as it came, what stands behind the last member is left out, as gzip(1) and urllib3 do. One
encoding is undone; two upon each other are refused, since sixteen kilobytes of those can be gigabytes.
Sources: RFC 9110 8.4, RFC 1952 (gzip, members 2.2), RFC 1950 (zlib), RFC 1951 (raw deflate, as some send it).
"""

from __future__ import annotations

import sys
import zlib
from typing import Any, Final

from shim.model import ErrorCategory, ProviderError

ACCEPTED: Final = "gzip, deflate"
"""What to send as Accept-Encoding: the encodings that are undone here."""
WINDOW_GZIP: Final = zlib.MAX_WBITS | 16
"""zlib's word (`wbits`) for a header and a checksum of gzip."""
MAX_RATIO: Final = 300
"""Decoded bytes for each encoded one. Text of a model, its JSON around every piece, stays far below 100; a bomb is near 1,000."""
_RATIO_COUNTS_FROM: Final = 1024 * 1024  # decoded bytes: a short body may be as repetitive as it likes
_PIECE: Final = 1024 * 1024  # decoded at a time, so that no call makes more than it may
_TELLING: Final = 64  # bytes of a body called deflate that tell raw deflate from text
_KEPT: Final = 16 * 1024  # encoded bytes that are undone again where damage is found: of most streams, all there are

_IDENTITY: Final = frozenset({"", "identity", "none"})
_GZIP: Final = frozenset({"gzip", "x-gzip"})
_GZIP_MAGIC: Final = b"\x1f\x8b"
_WINDOW_ZLIB: Final = zlib.MAX_WBITS
_WINDOW_RAW: Final = -zlib.MAX_WBITS


def is_identity(encoding: str | None) -> bool:
    """Whether a Content-Encoding says that nothing was done to the body."""
    return encoding is None or not [name for name in _names(encoding) if name not in _IDENTITY]


def decoder_of(encoding: str | None, *, limit: int | None = None) -> ContentDecoder | None:
    """The decoder for a Content-Encoding; None where there is nothing to undo.

    Args:
        encoding: the header's value; None where it is absent.
        limit: decoded bytes that are too many; None for none (an event stream, whose events have a limit of their own).

    Raises:
        ProviderError: an encoding, or a combination, that is not undone here; category protocol, the header named.
    """
    names = [name for name in _names(encoding) if name not in _IDENTITY] if encoding else None
    if not names:
        return None
    if len(names) > 1 or names[0] not in _GZIP | {"deflate"}:
        raise _error(f"the header Content-Encoding says {encoding!r}; {ACCEPTED} can be read, one at a time")
    return ContentDecoder(names[0], limit=limit)


class ContentDecoder:
    """Undoes one content-encoding; bytes in as they arrive, bytes out.

    Attributes:
        fault: why nothing more can be undone, where bytes came before that and are returned; raised at the next call.
        is_damaged: whether that is because the data is not what its encoding says, and not too much of it.
    """

    __slots__ = (
        "_decoded",
        "_encoded",
        "_held",
        "_inflater",
        "_is_over",
        "_is_plain",
        "_limit",
        "_members",
        "_name",
        "_rest",
        "_stopped",
        "fault",
        "is_damaged",
    )

    def __init__(self, encoding: str, *, limit: int | None = None) -> None:
        self._name = encoding
        self._limit = limit
        self._held = b""  # what came before it is known what the body, or its next member, is
        self._inflater: _Inflater | None = None
        self._is_plain = False  # not encoded, whatever its header says
        self._is_over = False  # what came behind the last member is no member
        self._members = 0  # that have ended
        self._rest = b""  # encoded, and not yet undone: what was asked for was enough
        self._stopped = False  # zlib may hold more that it could give
        self._encoded = 0
        self._decoded = 0
        self.fault: ProviderError | None = None
        self.is_damaged = False

    @property
    def is_plain(self) -> bool:
        """Whether the body is not encoded, whatever its header says; False as long as that is not known."""
        return self._is_plain

    @property
    def has_more(self) -> bool:
        """Whether what was fed gives more than was asked for; `feed` with no bytes gives the next of it."""
        return self._stopped or bool(self._rest)

    def feed(self, data: bytes, *, most: int | None = None) -> bytes:
        """Take encoded bytes; return what they give.

        Args:
            data: as it arrived.
            most: bytes to return, or few more; what is left is told by `has_more`. None for all.

        Raises:
            ProviderError: category protocol.
        """
        self._encoded += len(data)
        return self._taken(data, is_last=False, most=most)

    def finish(self) -> bytes:
        """Tell that the body has ended; return what was still held back.

        Raises:
            ProviderError: category truncated where the body ends inside its encoding, protocol else.
        """
        data = self._taken(b"", is_last=True, most=None)
        if self.fault is None and self._inflater is not None:
            raise ProviderError(ErrorCategory.TRUNCATED, f"the body ends inside its content encoding ({self._name})")
        return data

    def _taken(self, data: bytes, *, is_last: bool, most: int | None) -> bytes:
        if self.fault is not None:
            raise self.fault
        if self._rest:
            data, self._rest = self._rest + data, b""
        self._stopped = False
        if self._is_over:
            return b""
        pieces: list[bytes] = []
        try:
            self._take(data, pieces, is_last=is_last, most=sys.maxsize if most is None else most)
        except zlib.error as error:
            self.fault = _error(f"the body is not what the header Content-Encoding says ({self._name}): {error}")
            self.is_damaged = True
        except ProviderError as error:
            self.fault = error  # too many bytes: none of these
            raise
        if self.fault is not None and not any(pieces):
            raise self.fault
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _take(self, data: bytes, pieces: list[bytes], *, is_last: bool, most: int) -> None:
        enough = self._decoded + most
        while True:
            if self._is_plain:
                pieces.append(self._counted(data))
                return
            if self._inflater is None:
                data, self._held = self._held + data, b""
                if self._members:
                    data = data.lstrip(b"\0")  # padding between two members, as gzip(1) takes it
                if not self._begin(data, is_last=is_last):
                    return
                continue
            data = self._inflate(data, into=pieces, enough=enough)
            if self._decoded >= enough:
                self._rest = data
                return
            if self._inflater is not None and not data:
                return

    def _begin(self, data: bytes, *, is_last: bool) -> bool:
        """Begin to read what begins so; False where nothing can be begun yet, or at all, and the bytes are held."""
        if self._members:
            return self._begin_member(data, is_last=is_last)
        if len(data) < (_TELLING if self._name == "deflate" else len(_GZIP_MAGIC)) and not (is_last and data):
            self._held = data
            return False
        if data.startswith(_GZIP_MAGIC):
            self._inflater = _Inflater(WINDOW_GZIP)
        elif self._name == "deflate":
            self._inflater = _deflated(data)
        self._is_plain = self._inflater is None
        self._held = b""
        return True

    def _begin_member(self, data: bytes, *, is_last: bool) -> bool:
        """As `_begin`, behind a member that has ended."""
        if not data.startswith(_GZIP_MAGIC):
            # What is no member is nothing, and neither is what follows it; the first byte of one may wait for its second.
            self._is_over = bool(data) and (is_last or not _GZIP_MAGIC.startswith(data))
            self._held = b"" if self._is_over else data
            return False
        self._inflater = _Inflater(WINDOW_GZIP)
        self._held = b""
        return True

    def _inflate(self, data: bytes, *, into: list[bytes], enough: int) -> bytes:
        """Undo what can be, until `enough` is decoded; return what is not undone, or behind the end of the member."""
        inflater = self._inflater
        while inflater is not None:
            most = min(_PIECE, enough - self._decoded)
            try:
                piece = inflater.decompress(data, most)
            except zlib.error:
                into.append(self._counted(inflater.before_damage(data, most)))
                raise
            into.append(self._counted(piece))
            data = inflater.zlib.unconsumed_tail
            if inflater.zlib.eof:
                self._inflater = None
                self._members += 1
                return inflater.zlib.unused_data
            if not data and len(piece) < most:
                break
            if self._decoded >= enough:
                self._stopped = True
                return data
        return b""

    def _counted(self, data: bytes) -> bytes:
        self._decoded += len(data)
        if self._limit is not None and self._decoded > self._limit:
            raise _error(f"the decoded body is longer than {self._limit} bytes")
        if not self._is_plain and self._decoded > max(_RATIO_COUNTS_FROM, MAX_RATIO * self._encoded):
            raise _error(f"the body ({self._name}) grows more than {MAX_RATIO} times when it is decoded")
        return data


class _Inflater:
    """zlib's, of which what stands before damage can be had too: zlib itself gives nothing of a feed with damage in it.

    What was fed is kept, so that what is told does not depend on how a body was split; of a long body the latest of it, and a
    copy of the state before that. Such a copy takes some 40 KiB, and as long as many events: of most streams none is made.
    """

    __slots__ = ("_earlier", "_fed", "_given", "_window", "zlib")

    def __init__(self, window: int) -> None:
        self.zlib = zlib.decompressobj(window)
        self._window = window
        self._earlier: Any = None  # as new
        self._fed = bytearray()  # since then
        self._given = 0  # bytes, likewise

    def decompress(self, data: bytes, most: int) -> bytes:
        """As zlib's."""
        inflater, fed = self.zlib, self._fed
        piece = inflater.decompress(data, most)
        fed += data
        if len(fed) > _KEPT or inflater.unconsumed_tail:
            self._earlier = inflater.copy()
            fed.clear()
            self._given = 0
        else:
            self._given += len(piece)
        return piece

    def before_damage(self, data: bytes, most: int) -> bytes:
        """What stands before the damage that was found in `data`, at most as much as `decompress` would have given."""
        fed = bytes(self._fed) + data
        whole, damaged = -1, len(fed)  # lengths that can be undone, and cannot; zlib may hold more without a byte more
        given = b""
        while damaged - whole > 1:
            middle = (whole + damaged) // 2
            try:
                given = self._again().decompress(fed[:middle], self._given + most)
                whole = middle
            except zlib.error:
                damaged = middle
        return given[self._given :]

    def _again(self) -> Any:
        """The state before what is kept."""
        return zlib.decompressobj(self._window) if self._earlier is None else self._earlier.copy()


def _deflated(data: bytes) -> _Inflater | None:
    """The inflater for a body called deflate that begins so; None where it is no such thing."""
    if data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0:  # RFC 1950 2.2
        return _Inflater(_WINDOW_ZLIB)
    try:
        zlib.decompressobj(_WINDOW_RAW).decompress(data, _TELLING)
    except zlib.error:
        return None
    return _Inflater(_WINDOW_RAW)


def _names(encoding: str) -> list[str]:
    return [name.strip().lower() for name in encoding.split(",")]


def _error(message: str) -> ProviderError:
    return ProviderError(ErrorCategory.PROTOCOL, message)
