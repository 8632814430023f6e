"""A quick look whether an event stream can hold a key at all: where no sign of one stands, none need be looked for.

Not what a key is (`shim.wire.credentials`, whose signs these are; a test holds them against each other), nor the masking
(`key_mask`). What is said here may err to one side only: a sign that is seen where no key is costs a closer look.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from itertools import accumulate, compress
from operator import itemgetter
from typing import Final

LOOK_SIGNS: Final = (b"k-", b"xai-", b"pplx-", b"bearer", b"eyj")
"""What stands in each key that is known by its looks, once it is folded: in small letters, `_` as `-`."""

_FOLDED: Final = bytes.maketrans(string.ascii_uppercase.encode() + b'_"\\', string.ascii_lowercase.encode() + b"-==")
_EDGE: Final = 5  # bytes; the longest sign has one more
_FEWEST: Final = 16  # pieces; of fewer nothing is gained
_SHORTEST_FRAME: Final = 48


def may_hold_looks(body: bytes, pieces: Sequence[bytes]) -> bool:
    """Whether a sign of a key by its looks stands in a body, of which these are the pieces.

    A piece of a stream is mostly an event, and like the one before but for a word or two: what all have in common is looked at
    once, and of the others what is between. A sign that begins in one piece and ends in another is seen too.
    """
    frame = _frame(pieces) if len(pieces) >= _FEWEST else None
    looked_at = body if frame is None else b"\n".join([frame[1] + frame[0], *_between(body, pieces, frame=frame)])
    folded = looked_at.translate(_FOLDED)
    return any(sign in folded for sign in LOOK_SIGNS)


def _frame(pieces: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """How a piece begins and how it ends, as some in the middle tell; None where that is too short to be of use."""
    frames = [_shared(*pieces[start : start + 2]) for start in _sampled(len(pieces))]
    head, tail = max(frames, key=lambda frame: len(frame[0]) + len(frame[1]))
    return (head, tail) if len(head) + len(tail) >= _SHORTEST_FRAME else None


def _sampled(count: int) -> tuple[int, ...]:
    """Where to look how a piece is: at some places, since a read may have cut the one or the other."""
    middle = count // 2
    return middle, middle + 2, middle - 3, middle - 6


def _shared(one: bytes, other: bytes) -> tuple[bytes, bytes]:
    """How two pieces begin and end alike, up to a quotation mark: where the next differs, it does so within a value."""
    head = one[: one.rfind(b'"', 0, _in_common(one, other)) + 1]
    most = min(len(one), len(other)) - len(head)
    common = _in_common(one[::-1][:most], other[::-1][:most])
    first = one.find(b'"', len(one) - common)
    return head, one[first:] if first >= 0 else b""


def _in_common(one: bytes, other: bytes) -> int:
    """How many bytes both begin with."""
    least, most = 0, min(len(one), len(other))
    while least < most:
        middle = (least + most + 1) // 2
        if one[least:middle] == other[least:middle]:
            least = middle
        else:
            most = middle - 1
    return least


def _between(body: bytes, pieces: Sequence[bytes], *, frame: tuple[bytes, bytes]) -> Iterator[bytes]:
    """What is to be looked at beside the frame: every run of bytes as long as a sign stands in it, or in the frame.

    Of a piece that is like the others that is its inside, with an edge of what stands around it. One that is not like them stands
    here whole, with an edge of its neighbours.
    """
    head, tail = frame
    joint = tail + head
    # In one that is shorter than both they overlap, in a quotation mark at least, and no sign holds one.
    alike = [piece.startswith(head) and piece.endswith(tail) for piece in pieces]
    inside = itemgetter(slice(len(head), -len(tail) or None))
    around = joint[:_EDGE] + b"\n" + joint[-_EDGE:]
    yield around + around.join(map(inside, compress(pieces, alike))) + around
    end = 0
    for piece, end, is_alike in zip(pieces, accumulate(map(len, pieces)), alike, strict=True):
        if not is_alike:
            yield body[max(end - len(piece) - _EDGE, 0) : end + _EDGE]
    yield body[end:]  # nothing, where the pieces are all of it
