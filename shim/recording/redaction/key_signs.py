"""A quick look whether an event stream can hold a key at all: where no sign of one stands, none need be looked for.

Not what a key is (`shim.wire.credentials`, whose signs these are; a test holds them against each other), nor the masking
(`key_mask`). What is said here may err to one side only: a sign that is seen where no key is costs a closer look.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Final

LOOK_SIGNS: Final = (b"k-", b"xai-", b"pplx-", b"bearer", b"eyj")
"""What stands in each key that is known by its looks, once it is folded: in small letters, `_` as `-`."""

_FOLDED: Final = bytes.maketrans(string.ascii_uppercase.encode() + b'_"\\', string.ascii_lowercase.encode() + b"-==")
_EDGE: Final = 5  # bytes; the longest sign has one more
_FEWEST: Final = 16  # pieces; of fewer nothing is gained
_BLOCK: Final = 64  # pieces that are taken together: one that is unlike costs a look at so many
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
    """How a piece begins and how it ends, as two in the middle tell, up to a quotation mark; None where that is too short."""
    one, other = pieces[len(pieces) // 2 : len(pieces) // 2 + 2]
    common = _in_common(one, other)
    head = one[: one.rfind(b'"', 0, common) + 1]
    most = min(len(one), len(other)) - len(head)
    common = _in_common(one[::-1][:most], other[::-1][:most])
    first = one.find(b'"', len(one) - common)
    tail = one[first:] if first >= 0 else b""
    return (head, tail) if len(head) + len(tail) >= _SHORTEST_FRAME else None


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
    """What is to be looked at beside the frame: every run of `_EDGE` bytes of the body stands in it, or in the frame."""
    head, tail = frame
    joint = tail + head
    short = joint[:_EDGE] + b"\n" + joint[-_EDGE:]
    inside = itemgetter(slice(len(head), -len(tail) or None))
    begin = 0
    for number in range(0, len(pieces), _BLOCK):
        block = pieces[number : number + _BLOCK]
        end = begin + sum(map(len, block))
        inner = [*map(inside, block)]
        if _is_made_of(body, (head, joint.join(inner), tail), begin=begin, end=end):
            yield b"".join(
                (body[max(begin - _EDGE, 0) : begin], head, short.join(inner), body[end - len(tail) : end + _EDGE])
            )
        else:
            yield body[max(begin - _EDGE, 0) : end + _EDGE]
        begin = end
    yield body[begin:]  # nothing, where the pieces are all of it


def _is_made_of(body: bytes, parts: Sequence[bytes], *, begin: int, end: int) -> bool:
    """Whether these parts, one after the other, are what stands there: so it matters not how each piece was cut."""
    for part in parts:
        if not body.startswith(part, begin):
            return False
        begin += len(part)
    return begin == end
