"""Where in the bytes of an answer a difference of two readings begins, as far as its words are found there.

Not the places of a path in a JSON body (`places`): a reading's text was put together from pieces, so it is looked for, and told
only where it stands once. A help to whoever reads a verdict; nothing is judged by it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from shim.comparison.explanation import excerpt
from shim.comparison.verdict import Mismatch

_REACH = (24, 12, 6)  # characters on either side that are looked for together
_SHORTEST = 3


def shown(mismatch: Mismatch, body: bytes) -> Mismatch:
    """The mismatch with the bytes around the place where it begins; as it is where that is not found."""
    offset = offset_of(mismatch, body)
    if offset is None:
        return mismatch
    return Mismatch(
        path=mismatch.path,
        control=mismatch.control,
        candidate=mismatch.candidate,
        rule=mismatch.rule,
        excerpt=excerpt(body, offset),
        offset=offset,
    )


def offset_of(mismatch: Mismatch, body: bytes) -> int | None:
    """The offset of the first character that differs, None where it is not found or found twice."""
    texts = [each for each in (mismatch.control, mismatch.candidate) if isinstance(each, str)]
    parted = _common(*texts) if len(texts) > 1 else 0
    for text in texts:
        for before, after in _around(text, parted):
            for ascii_only in (False, True):  # a server may write é or \\u00e9
                head, needle = (_as_json(each, ascii_only=ascii_only) for each in (before, before + after))
                if body.count(needle) == 1:
                    return body.index(needle) + len(head)
    return None


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with in common."""
    differ = (place for place, (left, right) in enumerate(zip(one, other, strict=False)) if left != right)
    return next(differ, min(len(one), len(other)))


def _around(text: str, place: int) -> Iterator[tuple[str, str]]:
    for reach in _REACH:
        for before, after in ((reach, reach), (0, reach), (reach, 0)):
            pair = text[max(0, place - before) : place], text[place : place + after]
            if len(pair[0]) + len(pair[1]) >= _SHORTEST:
                yield pair


def _as_json(text: str, *, ascii_only: bool) -> bytes:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1].encode("utf-8", "replace")
