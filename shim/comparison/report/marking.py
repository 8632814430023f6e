"""Marking where two texts part: each becomes a row of pieces, those that differ marked, long stretches cut.

Not the finding of differences (`canonical`) nor their form on the page (the templates). Lines are compared first, then the words
of lines that differ, then the characters of words. Whatever comes in, the work and what comes out are bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import TypeAlias

from msgspec import Struct

# A matcher's work grows with the square of what it is given; more units than this are one change.
MOST_UNITS = 400
# Of what both sides have: as much as tells a reader where the change stands.
CONTEXT = 240
# Of what differs: more than a screen full. The whole stands in the recording.
LONGEST_CHANGE = 3_000
# Pieces of one side; a text changed in more places is told by its first ones.
MOST_PIECES = 160

# What a reader cannot see, or what moves other text about: controls, zero widths, bidirectional marks, lone surrogates.
_UNSEEN = re.compile(
    "([\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]+)"
)
_WORDS = re.compile(r"\w+|\s|[^\w\s]+")

Pair: TypeAlias = tuple[str, str, bool]
"""A stretch of either side, and whether it is the same on both."""


class MarkedPiece(Struct, frozen=True, omit_defaults=True):
    """A stretch of text.

    Attributes:
        text: as it is to be read.
        changed: whether the other side has something else here; with no text it marks where the other side has more.
        told: whether it stands for something that cannot be shown: an escape, or how much was left out.
    """

    text: str
    changed: bool = False
    told: bool = False


def marked(control: str, candidate: str) -> tuple[tuple[MarkedPiece, ...], tuple[MarkedPiece, ...]]:
    """Both texts as pieces; texts that are the same are one piece each, unmarked."""
    pairs = list(_pairs(control, candidate))
    return _side(pairs, 0), _side(pairs, 1)


def plain(text: str, *, limit: int) -> tuple[MarkedPiece, ...]:
    """A text as pieces with nothing marked, cut at `limit` characters."""
    pieces = [*_visible(text[:limit])]
    if len(text) > limit:
        pieces.append(_left_out(len(text) - limit, "more"))
    return tuple(pieces)


def seen(text: str) -> str:
    """A text with escapes in place of what cannot be seen."""
    return _UNSEEN.sub(lambda match: _escaped(match[0]), text)


def _pairs(control: str, candidate: str) -> Iterator[Pair]:
    yield from _refined(control, candidate, by=_lines, inner=_worded)


def _worded(control: str, candidate: str) -> Iterator[Pair]:
    yield from _refined(control, candidate, by=_WORDS.findall, inner=_lettered)


def _lettered(control: str, candidate: str) -> Iterator[Pair]:
    start, end = _common_ends(control, candidate)
    if 2 * (start + end) < min(len(control), len(candidate)):
        start = end = 0  # two different words that happen to begin or end alike
    yield control[:start], candidate[:start], True
    yield control[start : len(control) - end], candidate[start : len(candidate) - end], False
    yield control[len(control) - end :], candidate[len(candidate) - end :], True


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _refined(
    control: str,
    candidate: str,
    *,
    by: Callable[[str], list[str]],
    inner: Callable[[str, str], Iterator[Pair]],
) -> Iterator[Pair]:
    """Compare unit by unit; what was replaced is compared more finely by `inner`."""
    left, right = by(control), by(candidate)
    start, end = _common_ends(left, right)
    yield "".join(left[:start]), "".join(left[:start]), True
    left_rest, right_rest = left[start : len(left) - end], right[start : len(right) - end]
    for tag, a, b, c, d in _operations(left_rest, right_rest):
        pair = "".join(left_rest[a:b]), "".join(right_rest[c:d])
        if tag == "replace":
            yield from inner(*pair)
        else:
            yield (*pair, tag == "equal")
    yield "".join(left[len(left) - end :]), "".join(left[len(left) - end :]), True


def _operations(left: list[str], right: list[str]) -> list[tuple[str, int, int, int, int]]:
    if max(len(left), len(right)) > MOST_UNITS:
        return [("replace", 0, len(left), 0, len(right))]
    return list(SequenceMatcher(None, left, right, autojunk=False).get_opcodes())


def _common_ends(left: Sequence[object], right: Sequence[object]) -> tuple[int, int]:
    """How many units are the same at the start, and after those at the end."""
    most = min(len(left), len(right))
    start = _longest(most, lambda n: left[:n] == right[:n])
    end = _longest(most - start, lambda n: left[len(left) - n :] == right[len(right) - n :])
    return start, end


def _longest(most: int, same: Callable[[int], bool]) -> int:
    """The largest number up to `most` for which `same` holds, by halving: slices compare faster than a loop."""
    low = 0
    while low < most:
        middle = (low + most + 1) // 2
        low, most = (middle, most) if same(middle) else (low, middle - 1)
    return low


def _side(pairs: list[Pair], index: int) -> tuple[MarkedPiece, ...]:
    texts = [((control, candidate)[index], same) for control, candidate, same in _merged(pairs)]
    pieces: list[MarkedPiece] = []
    for place, (text, same) in enumerate(texts):
        if len(pieces) >= MOST_PIECES:
            pieces.append(_left_out(sum(len(rest) for rest, _ in texts[place:]), "more"))
            break
        if same:
            pieces += _context(text, first=place == 0, last=place == len(texts) - 1)
        else:
            pieces += _change(text)
    return tuple(pieces)


def _merged(pairs: list[Pair]) -> list[Pair]:
    """Neighbours of a kind made one, empty ones left out."""
    merged: list[Pair] = []
    for control, candidate, same in pairs:
        if not (control or candidate):
            continue
        if merged and merged[-1][2] is same:
            before = merged.pop()
            merged.append((before[0] + control, before[1] + candidate, same))
        else:
            merged.append((control, candidate, same))
    return merged


def _context(text: str, *, first: bool, last: bool) -> Iterator[MarkedPiece]:
    """What both have: the part next to a change, and how much is left out."""
    head = 0 if first and not last else CONTEXT
    tail = 0 if last else CONTEXT
    if len(text) <= head + tail + CONTEXT // 2:
        yield from _visible(text)
        return
    yield from _visible(text[:head])
    yield _left_out(len(text) - head - tail, "equal")
    yield from _visible(text[len(text) - tail :] if tail else "")


def _change(text: str) -> Iterator[MarkedPiece]:
    if not text:
        yield MarkedPiece("", changed=True)  # marks where the other side has more
    yield from _visible(text[:LONGEST_CHANGE], changed=True)
    if len(text) > LONGEST_CHANGE:
        yield _left_out(len(text) - LONGEST_CHANGE, "more")


def _left_out(number: int, what: str) -> MarkedPiece:
    return MarkedPiece(f"… {number:,} {what} character{'' if number == 1 else 's'} …", told=True)


def _visible(text: str, *, changed: bool = False) -> Iterator[MarkedPiece]:
    """The text in pieces, with escapes for what cannot be seen; in a change white space shows too."""
    for index, part in enumerate(_UNSEEN.split(text)):
        if index % 2:
            yield MarkedPiece(_escaped(part), changed, told=True)
        elif part:
            yield MarkedPiece(_spaces_shown(part) if changed else part, changed)


def _spaces_shown(text: str) -> str:
    """A change of white space alone would be invisible; so its blanks become signs."""
    if text.strip():
        return text
    return text.replace(" ", "␣").replace("\t", "⇥\t").replace("\n", "⏎\n")


def _escaped(text: str) -> str:
    return "".join(f"\\x{ord(each):02x}" if ord(each) < 256 else f"\\u{ord(each):04x}" for each in text)
