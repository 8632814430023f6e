"""Undoes the content-encoding of a recorded body, segment by segment, as most callers read it.

Not of what a reader gets, which passes as it came, nor the framing (`transfer_encoding`). gzip: RFC 1952; deflate: RFC 1950,
and raw RFC 1951 as some send it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from msgspec import Struct

from shim.recording.exchange import Segment

Segments: TypeAlias = tuple[Segment, ...]

UNDONE_HERE: Final = frozenset({"", "identity", "gzip", "x-gzip", "deflate"})
"""Content-encodings, in lower case; "" where none is named."""
_GZIP = zlib.MAX_WBITS | 16
_ZLIB = zlib.MAX_WBITS
_WINDOWS: dict[str, tuple[int, ...]] = {"gzip": (_GZIP,), "x-gzip": (_GZIP,), "deflate": (_ZLIB, -_ZLIB)}


class Damaged(Struct, frozen=True):
    """A body that is not what its encoding says: what stands before the damage, and what the decoder says of it."""

    before: Segments
    words: str


def decoded(segments: Sequence[Segment], encoding: str, *, limit: int) -> Segments | None:
    """The segments with their encoding undone, those left out that gave no bytes yet.

    None where that cannot be: another encoding, or more than one, broken data, or more than `limit` bytes.
    """
    plain = undone(segments, encoding, limit=limit)
    return None if isinstance(plain, Damaged) else plain


def undone(segments: Sequence[Segment], encoding: str, *, limit: int) -> Segments | Damaged | None:
    """As `decoded`, but of broken data as much as can be had."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return tuple(segments)
    plain: Segments | Damaged | None = None
    for window in _WINDOWS.get(name, ()):
        plain = _inflated(segments, window, limit=limit)
        if not isinstance(plain, Damaged):
            break
    return plain


def _inflated(segments: Iterable[Segment], window: int, *, limit: int) -> Segments | Damaged | None:
    inflater = zlib.decompressobj(window)
    plain: list[Segment] = []
    left = limit
    for segment in segments:
        try:
            data = inflater.decompress(segment.data or b"", left + 1)
        except zlib.error as error:
            return Damaged(tuple(plain), str(error))
        left -= len(data)
        if left < 0 or inflater.unused_data:  # a bomb; or a second gzip member, or noise, behind the end
            return None
        if data:
            plain.append(Segment.of(data, segment.at))
    return tuple(plain)
