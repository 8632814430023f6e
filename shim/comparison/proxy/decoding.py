"""Undoes the content-encoding of a recorded body, segment by segment, as most callers read it.

Not of what the client gets, which passes as it came. gzip: RFC 1952; deflate: RFC 1950, and raw RFC 1951 as some send it.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

from shim.comparison.exchange import Segment

_GZIP = zlib.MAX_WBITS | 16
_ZLIB = zlib.MAX_WBITS


def decoded(segments: Sequence[Segment], encoding: str, *, limit: int) -> tuple[Segment, ...] | None:
    """The segments with their encoding undone, those left out that gave no bytes yet.

    None where that cannot be: another encoding, or more than one, broken data, or more than `limit` bytes.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return tuple(segments)
    windows = {"gzip": (_GZIP,), "x-gzip": (_GZIP,), "deflate": (_ZLIB, -_ZLIB)}.get(name, ())
    attempts = (_inflated(segments, window, limit=limit) for window in windows)
    return next((found for found in attempts if found is not None), None)


def _inflated(segments: Iterable[Segment], window: int, *, limit: int) -> tuple[Segment, ...] | None:
    inflater = zlib.decompressobj(window)
    plain: list[Segment] = []
    left = limit
    for segment in segments:
        try:
            data = inflater.decompress(segment.data or b"", left + 1)
        except zlib.error:
            return None
        left -= len(data)
        if left < 0 or inflater.unused_data:  # a bomb; or a second gzip member, or noise, behind the end
            return None
        if data:
            plain.append(Segment.of(data, segment.at))
    return tuple(plain)
