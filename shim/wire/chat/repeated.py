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

from shim.model import ReasoningDelta, StreamEvent, TextDelta, ToolCallDelta
from shim.wire.capping import ShortText

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
    """

    __slots__ = ("_around", "_event", "_length", "_places", "_start", "_targets")

    def __init__(self, event: Words, around: list[bytes], *, targets: tuple[list[str], ...]) -> None:
        self._event = event
        self._around = around
        self._targets = targets
        self._start = len(around[0])
        self._length = sum(map(len, around))
        self._places = len(around) - 1

    @property
    def growing(self) -> tuple[list[str], ...]:
        """Where the words go that are told; it has each of them once."""
        return self._targets[:1]

    def events(self, payload: bytes) -> list[StreamEvent] | None:
        """Take the words of a payload that says the same in other words; its event. None of any other, which is left alone."""
        start, event = self._start, self._event
        literal = payload[start : start + (len(payload) - self._length) // self._places]
        if literal.join(self._around) != payload:
            return None
        try:
            words = _read_string(literal)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        is_call = type(event) is ToolCallDelta
        if not words or (is_call and words[0] == "{"):  # no event; perhaps the whole arguments once more
            return None
        for pieces in self._targets:
            pieces.append(words)
        if type(event) is TextDelta:
            return [TextDelta(words, 0, event.choice)]
        return [ToolCallDelta(event.index, words, event.choice) if is_call else ReasoningDelta(words, 0, event.choice)]


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
        said = [name for name in ("reasoning_content", "reasoning") if delta.get(name) == words]
        delta.update(dict.fromkeys(said, other))
        for detail in delta.get("reasoning_details") or ():
            detail["text"] = other
