"""Undoes the content-encoding of a recorded body, segment by segment: a segment keeps its time, whatever is in it.

Not the undoing itself (`shim.wire.content_encoding`), not what a reader gets, which passes as it came, nor the framing
(`transfer_encoding`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

from shim.model import ErrorCategory, ProviderError
from shim.recording.exchange import Segment, UnreadableExchangeError
from shim.wire.content_encoding import ContentDecoder, decoder_of

Segments: TypeAlias = tuple[Segment, ...]


class Undone(Struct, frozen=True):
    """A body with its content-encoding undone.

    Attributes:
        segments: those left out that gave no bytes yet; of a damaged body what stands before the damage.
        damage: what is wrong with it; "" where nothing is.
        was_encoded: False where it is not what its header says, and is as it came.
    """

    segments: Segments
    damage: str = ""
    was_encoded: bool = True


def is_undone_here(encoding: str) -> bool:
    """Whether this Content-Encoding can be undone, "" and identity among them."""
    try:
        decoder_of(encoding)
    except ProviderError:
        return False
    return True


def undone(segments: Sequence[Segment], encoding: str, *, limit: int) -> Undone:
    """Undo the encoding of a body, which may end early. What stands behind the end of its encoding is left out, as urllib3 does.

    Raises:
        UnreadableExchangeError: another encoding, more than one, or more than `limit` bytes.
    """
    try:
        decoder = decoder_of(encoding, limit=limit)
    except ProviderError as error:
        raise UnreadableExchangeError(error.message) from None
    return Undone(tuple(segments), was_encoded=False) if decoder is None else _decoded(segments, decoder)


def _decoded(segments: Sequence[Segment], decoder: ContentDecoder) -> Undone:
    plain: list[Segment] = []
    damage = ""
    try:
        for segment in segments:
            data = decoder.feed(segment.data or b"")
            if data:
                plain.append(Segment.of(data, segment.at))
        data = decoder.finish()
        if data:
            plain.append(Segment.of(data, segments[-1].at))
    except ProviderError as error:
        if decoder.is_damaged:
            damage = error.message
        elif error.category is not ErrorCategory.TRUNCATED:
            raise UnreadableExchangeError(error.message) from None
    return Undone(tuple(plain), damage, was_encoded=not decoder.is_plain)


def undone_bytes(body: bytes, encoding: str, *, limit: int) -> bytes:
    """Undo the encoding of a whole body, which may end early.

    Raises:
        UnreadableExchangeError: it is damaged, or as `undone`.
    """
    plain = undone((Segment.of(body, 0.0),), encoding, limit=limit)
    if plain.damage:
        raise UnreadableExchangeError(plain.damage)
    return b"".join(segment.data or b"" for segment in plain.segments)
