"""Shapes of JSON that were met before, each a compiled pattern: what is covered in the next of a shape needs no walk.

Not the walk that a shape is learnt from, and which decides (`body_paths`), nor who asks which first (`body_cover`). A shape is
everything of a payload but its values: names, marks and white space, byte for byte. Where they are the same, so is what is
covered: `body_paths.Walk` looks at nothing else, the `type` of a covered part aside, which is looked at here too. What no
learnt shape fits exactly, to its end, is left to the walk. A shape holds no value that it was learnt from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from shim.recording.redaction.body_paths import MOST_VALUES, Value, cover_of
from shim.recording.redaction.key_mask import REMOVED, filling

MOST_SHAPES: Final = 16
"""Shapes that are kept: a stream of either API has about ten, and nearly all of its events one of them."""
LONGEST_SHAPE: Final = 4096
"""Bytes of names and marks in a shape that is kept."""
SIGHTS: Final = 3
"""How often a shape is met before it is learnt: to compile a pattern costs as much as ten walks."""
_HITS_PER_EVICTION: Final = 64  # so often must shapes have served before one is given up for another
_MOST_SIGHTED: Final = 256

# Each is exactly one token of the walk, and cannot be matched in two ways, so that a failing match takes linear time. A line
# end within a string ends the line of an event stream, and is left to the walk; so is an escape in what is not covered, where
# ids, names of models and the like stand.
_STRING: Final = rb'[^"\\\r\n]*(?:\\[^\r\n][^"\\\r\n]*)*'
_PLAIN_STRING: Final = rb'[^"\\\r\n]*'
_WORD: Final = rb'[^\s{}\[\],:"]+'

# An event of one line of data and the empty line behind it, and perhaps its name before.
_EVENT: Final = (rb"(?:event:[^\r\n]*\r?\n)?data: ?", rb"(?:\n\n|\r\n\r\n)")
_BODY: Final = (rb"", rb"\Z")

_MatchAt: TypeAlias = Callable[[bytes, int], "re.Match[bytes] | None"]
_plain_string: Final[_MatchAt] = re.compile(_PLAIN_STRING).match

_WORDS: Final = REMOVED.encode()
_FILLINGS: Final = tuple([filling(length, _WORDS) for length in range(64)])


class PayloadShape:
    """One shape: what fits it is covered, as `cover_of` covers it.

    Args:
        source: the pattern, up to the first value that is covered, and from there.
        kinds: of each group its value, None for the inside of a string.
        texts: the paths that stand for something.
    """

    __slots__ = ("_insides", "_match", "_match_rest", "_tokens", "texts")

    def __init__(self, source: tuple[bytes, bytes], *, kinds: Sequence[Value | None], texts: tuple[str, ...]) -> None:
        self._match = re.compile(b"".join(source)).match
        # A shape whose first covered value is a string is matched again from inside of that alone.
        self._match_rest = re.compile(source[1]).match if kinds and kinds[0] is None else None
        self._insides = tuple([number for number, kind in enumerate(kinds, 1) if kind is None])
        self._tokens = tuple([(number, kind.keeps_words) for number, kind in enumerate(kinds, 1) if kind is not None])
        self.texts = texts

    def __repr__(self) -> str:
        return f"<PayloadShape of {len(self._insides) + len(self._tokens)} covered values>"

    def cover(self, body: bytes, position: int, *, text: bytearray) -> int:
        """Cover in the text whatever fits at this place of the body, and again behind it; where that ends."""
        while position < len(body):
            match = self._match(body, position)
            if match is None:
                break
            self._cover_groups(match, text=text)
            position = match.end()
            if self._match_rest is not None and position < len(body):
                position = self._cover_alike(match, self._match_rest, text=text)
        return position

    def _cover_groups(self, match: re.Match[bytes], *, text: bytearray) -> None:
        for number in self._insides:
            start, end = match.span(number)
            length = end - start
            text[start:end] = _FILLINGS[length] if length < len(_FILLINGS) else filling(length, _WORDS)
        for number, keeps_words in self._tokens:
            if match[number] != b"null":  # which stays
                start, end = match.span(number)
                text[start:end] = cover_of(match[number], keeps_words=keeps_words)

    def _cover_alike(self, match: re.Match[bytes], match_rest: _MatchAt, *, text: bytearray) -> int:
        """Cover what stands behind a match and has the same bytes up to the first covered value; where that ends.

        In one stream ids and names of models are the same, and often all that follows the word too: what fitted once fits
        where the very bytes stand again, and is covered as it was.
        """
        body = match.string
        before = body[match.start() : match.start(1)]
        end = match.end()
        behind = body[match.end(1) : end]
        covered = text[match.end(1) : end]
        while body.startswith(before, end):
            start = end + len(before)
            stop = _plain_string(body, start).end()  # type: ignore[union-attr]  # it fits everywhere, if only no byte
            if body.startswith(behind, stop):
                length = stop - start
                text[start:stop] = _FILLINGS[length] if length < len(_FILLINGS) else filling(length, _WORDS)
                end = stop + len(behind)
                if covered != behind:
                    text[stop:end] = covered
                continue
            again = match_rest(body, start)
            if again is None:
                break
            self._cover_groups(again, text=text)
            end = again.end()
            behind = body[again.end(1) : end]
            covered = text[again.end(1) : end]
        return end


class PayloadShapes:
    """The shapes that were learnt, those that served last first; bounded. For any number of threads.

    Args:
        in_stream: whether they are events of a stream, else whole bodies.
    """

    __slots__ = ("_around", "_hits", "_sighted", "known")

    def __init__(self, *, in_stream: bool) -> None:
        self.known: tuple[PayloadShape, ...] = ()  # replaced, never changed: a thread that reads it needs no lock
        self._around = _EVENT if in_stream else _BODY
        self._hits = 0
        self._sighted: dict[int, int] = {}

    def __repr__(self) -> str:
        return f"<PayloadShapes: {len(self.known)} known>"

    def served(self, shape: PayloadShape) -> None:
        """Note that a shape fits, so that it is tried first."""
        self._hits += 1
        known = self.known
        if known and known[0] is not shape:
            self.known = (shape, *[each for each in known if each is not shape])[:MOST_SHAPES]

    def sight(self, payload: bytes, values: Sequence[Value], *, texts: tuple[str, ...]) -> None:
        """Note what a walk over a whole payload has met, and learn its shape when it was met often enough.

        Args:
            payload: JSON whose every string, object and array is closed.
            values: all of its values.
            texts: the paths that stand for something in it.
        """
        held = len(payload) - sum([value.end - value.start for value in values])
        if (
            len(values) > MOST_VALUES
            or held > LONGEST_SHAPE
            or (len(self.known) == MOST_SHAPES and not self._may_evict())
        ):
            return
        before, rest = _sources(payload, values)
        source = (self._around[0] + before, rest + self._around[1])
        if len(self._sighted) >= _MOST_SIGHTED:
            self._sighted.clear()
        name = hash((source, texts))
        sights = self._sighted[name] = self._sighted.get(name, 0) + 1
        if sights < SIGHTS:
            return
        del self._sighted[name]
        kinds = [_kind(payload, value) for value in values if value.covers]
        self._hits = 0
        self.known = (PayloadShape(source, kinds=kinds, texts=texts), *self.known[: MOST_SHAPES - 1])

    def _may_evict(self) -> bool:
        return self._hits >= _HITS_PER_EVICTION


def _kind(payload: bytes, value: Value) -> Value | None:
    is_string = payload.startswith(b'"', value.start)
    return None if is_string and not value.keeps_words else value


def _sources(payload: bytes, values: Sequence[Value]) -> tuple[bytes, bytes]:
    """The pattern of a payload, its bytes as they are but a pattern of one token for each value; cut before its first group."""
    pieces: list[bytes] = []
    first: int | None = None
    position = 0
    for value in values:
        pieces.append(re.escape(payload[position : value.start]))
        is_string = payload.startswith(b'"', value.start)
        is_inside = _kind(payload, value) is None
        if is_inside:
            pieces.append(b'"')
        if value.covers and first is None:
            first = len(pieces)
        if is_inside:
            pieces.append(b"(" + _STRING + b')"' if value.covers else _PLAIN_STRING + b'"')
        else:
            token = b'"' + _STRING + b'"' if is_string else _WORD
            pieces.append(b"(" + token + b")" if value.covers else token)
        position = value.end
    pieces.append(re.escape(payload[position:]))
    return b"".join(pieces[:first]), b"" if first is None else b"".join(pieces[first:])
