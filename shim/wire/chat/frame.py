"""Frames: payloads that are the same bytes around one string: only their words are read, of many, or of one as it came.

Not the typed reading (`chunk`), which tells that a payload says nothing else, nor chunks with fields of a server's own
(`repeated`). Theory of operation: of a payload that the typed reading took, all bytes but the JSON string of its words are the
frame. Another payload with the same bytes around one JSON string is read alike, and so is an event of one line of such data.
Where the string stands is sure: the name of its field is there once, and nothing but the string has a backslash, so no name is
hidden.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

import msgspec

from shim.wire.capping import ShortText
from shim.wire.event_shapes import BLANK_LINE, CR, DATA, LF

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_read_string = msgspec.json.Decoder(str).decode
_read_short = msgspec.json.Decoder(ShortText).decode
_read_strings = msgspec.json.Decoder(list[ShortText]).decode  # what is longer is to be counted
_PADDING = b'"obfuscation":'
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)


class _Padded(msgspec.Struct, array_like=True, forbid_unknown_fields=True, gc=False):
    words: ShortText
    padding: str


_read_padded = msgspec.json.Decoder(list[_Padded]).decode


class Frame:
    """The bytes around the words of a payload, and around those of the event that it is by itself.

    Attributes:
        event_before, event_after: the bytes around the words of an event of one `data` line, as it came.
        event_begins, event_ends, event_words: where these stand, and the words.
        words_in: reads what stands between them; it raises what msgspec's decoders do where that is not words alone.
    """

    __slots__ = (
        "_after",
        "_before",
        "_begins",
        "_ends",
        "_words",
        "event_after",
        "event_before",
        "event_begins",
        "event_ends",
        "event_words",
        "words_in",
    )

    def __init__(self, before: bytes, after: bytes, *, words_in: Callable[[bytes], str] = _read_short) -> None:
        self._before = before
        self._after = after
        self._words = slice(len(before), -len(after))  # nothing of a payload that is shorter than both
        self._begins, self._ends = slice(len(before)), slice(-len(after), None)
        self.words_in = words_in
        # With the quotes: between these, not beside them, JSON has no line end, so that what is read is of one line.
        self.event_before = b'%b%b"' % (DATA, before)
        self.event_after = b'"%b%b' % (after, BLANK_LINE)
        begins, ends = len(self.event_before), -len(self.event_after)
        self.event_begins, self.event_ends = slice(begins), slice(ends, None)
        self.event_words = slice(begins - 1, ends + 1)  # nothing of an event that is shorter than both

    def may_hold(self, payload: bytes) -> bool:
        """Whether a payload begins and ends as the frame does."""
        return payload.startswith(self._before) and payload.endswith(self._after)

    def words_of_one(self, payload: bytes) -> str:
        """The words of one payload; "" where it is not in the frame, or has none."""
        # To compare slices costs less than `startswith` and `endswith`, which read their arguments first.
        if payload[self._begins] == self._before and payload[self._ends] == self._after:
            try:
                return self.words_in(payload[self._words])
            except _UNREADABLE:
                return ""
        return ""

    def words_of_event(self, event: bytes) -> str:
        """The words of a whole event of one `data` line, as it came; "" where it is not in the frame, or has none."""
        if event[self.event_begins] == self.event_before and event[self.event_ends] == self.event_after:
            try:
                return self.words_in(event[self.event_words])
            except _UNREADABLE:
                return ""
        return ""

    def words_of(self, payloads: list[bytes]) -> list[str]:
        """The words of each of these payloads; empty where any is not surely in the frame."""
        before, after = self._before, self._after
        place = self._words
        literals = [payload[place] for payload in payloads]
        if before + (after + b"\n" + before).join(literals) + after != b"\n".join(payloads):
            return []
        try:
            words = self._strings_of(literals)
        except _UNREADABLE:
            return []
        return words if len(words) == len(payloads) else []

    def _strings_of(self, literals: list[bytes]) -> list[str]:
        # A string has no line end in it, so that each literal holds one value at least, and as many values are one each.
        return _read_strings(b"[%b]" % b",\n".join(literals))


class PaddedFrame(Frame):
    """The bytes around the words and the padding of a payload, which hides how long the words are and says nothing."""

    __slots__ = ("_to_padding",)

    def __init__(self, before: bytes, to_padding: bytes, *, end: bytes) -> None:
        super().__init__(before, end, words_in=partial(_words_before, to_padding))
        self._to_padding = to_padding

    def _strings_of(self, literals: list[bytes]) -> list[str]:
        # The padding's name stands in quotes, so it is not found within a string, where those are escaped.
        pairs = b"],\n[".join(literals).replace(self._to_padding, b",")
        return [each.words for each in _read_padded(b"[[%b]]" % pairs)]


def _words_before(to_padding: bytes, data: bytes) -> str:
    """Words that are followed by their padding, both in quotes.

    Raises:
        msgspec.DecodeError, UnicodeDecodeError: it is anything else.
    """
    if LF in data or CR in data:
        raise msgspec.DecodeError("it is of several lines")
    words, _, padding = data.partition(to_padding)
    _read_string(padding)
    return _read_short(words)


def frame_of(payload: bytes, words: str, *, name: bytes) -> Frame | None:
    """The frame of a payload that the typed reading took; None where it is not surely found.

    Args:
        payload: it.
        words: what it says.
        name: of the field that says them.
    """
    key = b'"%b"' % name
    before, found, rest = payload.partition(key)
    after = rest.lstrip().removeprefix(b":").lstrip()
    literal = _STRING.match(after)
    if not found or key in rest or literal is None:
        return None
    before = payload[: len(payload) - len(after)]
    after = after[literal.end() :]
    if b"\\" in before or not after or _read_string(literal.group()) != words:
        return None
    to_padding, padding, end = _around_padding(after)
    if b"\\" in to_padding or b"\\" in end:
        return None
    return PaddedFrame(before, to_padding, end=end) if padding else Frame(before, after)


def _around_padding(after: bytes) -> tuple[bytes, bytes, bytes]:
    """What follows the words, cut around the string that pads; two are empty where none does."""
    _, _, rest = after.partition(_PADDING)
    padding = _STRING.match(rest.lstrip())
    if padding is None:
        return after, b"", b""
    end = rest.lstrip()[padding.end() :]
    return after[: len(after) - len(end) - len(padding.group())], padding.group(), end
