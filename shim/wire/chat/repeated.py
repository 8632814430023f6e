"""Repeated chunks: the bytes around a chunk's words, so that of one with other words only these are read.

Not the reading of a chunk (`chunk`) nor what becomes of its words (`accumulation`, `calls`).
Theory of operation: a server that adds fields of its own adds them to every chunk, and says the same in them. A chunk that was
read, and that would change nothing but the words if it came once more, is cut around the JSON strings that hold them. A payload
that has the same bytes around one other string is that chunk with other words; any other is read as if nothing had been kept.
That these strings are the words, and nothing else is, is seen by reading the chunk once more with others in their place.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from shim.model import ReasoningDelta, TextDelta, ToolCallDelta
from shim.wire.bodies import Listener
from shim.wire.capping import ShortText
from shim.wire.chat.vocabulary import REASONING_FIELDS

Words: TypeAlias = "TextDelta | ReasoningDelta | ToolCallDelta"

_read = msgspec.json.Decoder().decode
_read_string = msgspec.json.Decoder(ShortText).decode  # what is longer is to be counted
_write_string = msgspec.json.Encoder().encode
_MOST_PLACES = 3  # where one chunk says the same words: under both names of a reasoning, and in its details


class RepeatedChunk:
    """A chunk that was read, without its words.

    Args:
        event: what it was.
        around: the bytes around its words.
        targets: where the words of the next ones go.

    Attributes:
        was_repeated: whether one more was like it.
    """

    __slots__ = ("_around", "_event", "_length", "_places", "_start", "_targets", "was_repeated")

    def __init__(self, event: Words, around: list[bytes], *, targets: tuple[list[str], ...]) -> None:
        self._event = event
        self._around = around
        self._targets = targets
        self._start = len(around[0])
        self._length = sum(map(len, around))
        self._places = len(around) - 1
        self.was_repeated = False

    @property
    def growing(self) -> tuple[list[str], ...]:
        """Where the words go that are told; it has each of them once."""
        return self._targets[:1]

    def piece(self, payload: bytes) -> Words | None:
        """What says the same in other words; see `shim.wire.chat.pieces.Pieces`."""
        start = self._start
        literal = payload[start : start + (len(payload) - self._length) // self._places]
        if literal.join(self._around) != payload:
            return None
        try:
            words = _read_string(literal)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        event = self._event
        if not words or (isinstance(event, ToolCallDelta) and words[0] == "{"):  # perhaps the whole arguments once more
            return None
        self.was_repeated = True
        for pieces in self._targets:
            pieces.append(words)
        if isinstance(event, TextDelta):
            return TextDelta(words, 0, event.choice)
        if isinstance(event, ToolCallDelta):
            return ToolCallDelta(event.index, words, event.choice)
        return ReasoningDelta(words, 0, event.choice)

    def piece_of_event(self, event: bytes) -> None:
        """Nothing: what stands more than once is looked for in payloads; see `shim.wire.chat.pieces.Pieces`."""

    def tell(self, payloads: list[bytes], listener: Listener, *, most: int) -> None:
        """Tell pieces; see `shim.wire.chat.pieces.Pieces`."""
        while payloads and most > 0 and not listener.over:
            event = self.piece(payloads[-1])
            if event is None:
                return
            payloads.pop()
            most -= 1
            listener.on_event(event)


def around_words(payload: bytes, event: Words) -> list[bytes] | None:
    """The bytes around the words of a chunk; None where these are not surely found.

    Args:
        payload: the chunk, which was read and has one choice.
        event: the one it was.
    """
    words = event.arguments if isinstance(event, ToolCallDelta) else event.text
    around = payload.split(_write_string(words), _MOST_PLACES + 1)
    if not 2 <= len(around) <= _MOST_PLACES + 1:
        return None
    other = f"{words}."
    try:
        chunk, changed = _read(payload), _read(_write_string(other).join(around))
        _put(chunk["choices"][0]["delta"], event, words=words, other=other)
    except (msgspec.DecodeError, UnicodeDecodeError, LookupError, TypeError):
        return None  # of another form than most
    return around if chunk == changed else None


def _put(delta: dict[str, Any], event: Words, *, words: str, other: str) -> None:
    """Put other words in the place of those of an event, wherever a delta says them."""
    if isinstance(event, TextDelta):
        delta["content"] = other
    elif isinstance(event, ToolCallDelta):
        delta["tool_calls"][0]["function"]["arguments"] = other
    else:
        said = [name for name in REASONING_FIELDS if delta.get(name) == words]
        delta.update(dict.fromkeys(said, other))
        for detail in delta.get("reasoning_details") or ():
            detail["text"] = other
