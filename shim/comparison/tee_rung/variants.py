"""The same recorded bytes presented otherwise: split at other places, or cut short.

Not the comparing (`compare_tee`). A body of up to `ALL_OFFSETS` bytes is split and cut at every offset. Of a longer one the
offsets are chosen: around line ends and field names, inside characters of more than one byte, at both ends, and evenly in
between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from shim.recording.exchange import Exchange, RecordedResponse, Segment, TransportFault
from shim.recording.recorded_answer import presented

ALL_OFFSETS = 8192
"""Bytes of a body whose every offset is tried."""

WORK_BYTES = ALL_OFFSETS * ALL_OFFSETS  # of a longer one about so many are read again, per reader and way
SINGLE_BYTES = 1024 * 1024  # of a body presented byte by byte

# What a line reader or a decoder of characters may get wrong: offsets inside and right after these.
_STRUCTURE = re.compile(
    rb"[\r\n]+(?:data|event|id|retry|error)?:? ?|[\xc2-\xf4][\x80-\xbf]*|\[DONE\]|\"(?:finish_reason|usage|error)\""
)
_AT_THE_ENDS = 64

Ending: TypeAlias = Literal["as recorded", "ended", "reset"]


class Variant(Struct, frozen=True, kw_only=True):
    """One presentation.

    Attributes:
        name: as a verdict tells it: "split at 17", "cut at 99".
        exchange: with the bytes presented so.
        cut: how many bytes are left, None where all are.
        ending: how a body that was cut ends: properly, or by a reset of its connection.
        offset: of the place in the whole body, None where there is no single one.
    """

    name: str
    exchange: Exchange
    cut: int | None = None
    ending: Ending = "as recorded"
    offset: int | None = None


def variants_of(exchange: Exchange, *, resplit: bool, truncate: bool) -> Iterator[Variant]:
    """The presentations asked for, besides the recorded one.

    Raises:
        UnreadableExchangeError: the exchange was not kept whole.
    """
    plain = decoded(exchange)
    body = body_of(plain)
    if resplit:
        yield from _resplit(plain, body)
    if truncate:
        yield from _truncated(plain, body)


def body_of(exchange: Exchange) -> bytes:
    """The bytes of an answer, none where there is none."""
    response = exchange.response
    return b"" if response is None or response.body is None else response.body


def decoded(exchange: Exchange) -> Exchange:
    """The exchange as a reader meets it: its content-encoding undone, so that offsets are of the body that is read."""
    response = exchange.response
    if response is None or response.decoded or response.header("content-encoding") is None:
        return exchange
    answer = presented(exchange)
    plain = replace(response, headers=answer.headers, segments=_segments(answer.pieces), decoded=True)
    if answer.broken is None or exchange.ended == "aborted":
        return replace(exchange, response=plain)
    fault = TransportFault(stage="body", kind=answer.broken.kind, message=answer.broken.message)
    return replace(exchange, response=plain, ended="failed", fault=fault)


def _resplit(exchange: Exchange, body: bytes) -> Iterator[Variant]:
    if 1 < len(body) <= SINGLE_BYTES:
        single = tuple(body[at : at + 1] for at in range(len(body)))
        yield Variant(name="byte by byte", exchange=_with_pieces(exchange, single))
    for offset in offsets(body, first=1):
        pieces = (body[:offset], body[offset:])
        yield Variant(name=f"split at {offset}", exchange=_with_pieces(exchange, pieces), offset=offset)


def _truncated(exchange: Exchange, body: bytes) -> Iterator[Variant]:
    for offset in offsets(body, first=0):
        for ending in ("ended", "reset"):
            yield cut_at(exchange, body[:offset], ending=ending, offset=offset)


def cut_at(exchange: Exchange, body: bytes, *, ending: Ending, offset: int) -> Variant:
    """An answer with this body, which then ends properly or by a reset."""
    shorter = replace(_with_pieces(exchange, (body,)), ended="complete", fault=None)
    name = f"cut at {offset}"
    if ending == "reset":
        fault = TransportFault(stage="body", kind="builtins.ConnectionResetError", message="Connection reset by peer")
        shorter = replace(shorter, ended="failed", fault=fault)
        name = f"cut at {offset} by a reset"
    return Variant(name=name, exchange=shorter, cut=len(body), ending=ending, offset=offset)


def _with_pieces(exchange: Exchange, pieces: Sequence[bytes]) -> Exchange:
    response = exchange.response or RecordedResponse(status=0)  # only an answer with bytes is presented otherwise
    return replace(exchange, response=replace(response, segments=_segments(pieces)))


def _segments(pieces: Sequence[bytes]) -> tuple[Segment, ...]:
    return tuple(Segment.of(piece, 0.0) for piece in pieces if piece)


def offsets(body: bytes, *, first: int) -> list[int]:
    """Where a body is split or cut, in order: from `first` to before its end, all of them or those chosen."""
    end = len(body)
    if end <= ALL_OFFSETS:
        return list(range(first, end))
    most = max(2, min(ALL_OFFSETS, WORK_BYTES // end))
    chosen = {*range(first, _AT_THE_ENDS), *range(end - _AT_THE_ENDS, end)}
    for match in _STRUCTURE.finditer(body):
        chosen.update(range(match.start(), match.end() + 1))
    chosen.update(range(first, end, max(1, end // max(1, most // 4))))
    return _thinned(sorted(each for each in chosen if first <= each < end), most=most)


def _thinned(ordered: list[int], *, most: int) -> list[int]:
    """At most so many of them, evenly, the first and the last among them."""
    if len(ordered) <= most:
        return ordered
    return [ordered[place * (len(ordered) - 1) // (most - 1)] for place in range(most)]
