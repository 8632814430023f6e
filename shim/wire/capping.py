"""Capping: counts what one stream has brought against its caps, without a look at every event.

Not the caps (`shim.model.caps`) nor the reading. The piece after piece of one text that most events are goes by uncounted: each
is known to be short, so that for so many events no cap can be passed. Then, and whenever an event is anything else, a decoder
settles: what came since is counted from the list it was put into.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final, TypeAlias

from msgspec import Meta

from shim.model import (
    ItemDelta,
    ReasoningDelta,
    RefusalDelta,
    StreamDone,
    StreamError,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
)
from shim.model.caps import Caps

LONGEST: Final = 512
ShortText: TypeAlias = Annotated[str, Meta(max_length=LONGEST)]
"""A piece that may go by uncounted: so long that nearly all are, so short that many may before it is counted again."""

_WITH_TEXT: Final = (ReasoningDelta, RefusalDelta, ItemDelta)
# Cap -> what it counts, in the words of an error.
_UNITS: Final = {
    "text": "characters of text",
    "tool_calls": "tool calls",
    "events": "events",
    "other_bytes": "bytes beside its text",
}


class CapCounter:
    """What one stream has brought. Its decoder settles before it reads what is no mere piece of text, and counts after."""

    __slots__ = ("_caps", "_growing", "_other", "_text")

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self._text = 0
        self._other = 0
        self._growing: list[tuple[list[str], int]] = []

    def settle(self) -> None:
        """Count what went by uncounted."""
        for pieces, counted in self._growing:
            if len(pieces) > counted:
                self._text += sum(map(len, pieces[counted:]))
        self._growing = []

    def count(self, events: Sequence[StreamEvent], *, size: int, position: int) -> str | None:
        """Count a payload that was read.

        Args:
            events: that it is.
            size: of the payload, in bytes.
            position: its number.

        Returns:
            The cap that is passed, in words; None where none is.
        """
        text = 0
        for event in events:
            kind = type(event)
            if kind is TextDelta or kind in _WITH_TEXT:
                text += len(event.text)  # type: ignore[union-attr]  # narrowed by `kind`, which mypy does not follow
            elif kind is ToolCallDelta:
                text += len(event.arguments)  # type: ignore[union-attr]  # as above
        self._text += text
        self._other += max(0, size - text)
        return self._passed(position)

    def expect(self, growing: Iterable[list[str]], *, position: int) -> int:
        """Let short pieces go by that are put into these lists; return how many payloads may, so that no cap is passed."""
        self._growing = [(pieces, len(pieces)) for pieces in growing]
        return min((self._caps.text - self._text) // LONGEST, self._caps.events - position)

    def _passed(self, position: int) -> str | None:
        caps = self._caps
        if self._text > caps.text:
            return passed("text", caps)
        if position > caps.events:
            return passed("events", caps)
        return passed("other_bytes", caps) if self._other > caps.other_bytes else None


def passed(name: str, caps: Caps) -> str:
    """The words for a cap that is passed: its value, its name and the remedy."""
    value = getattr(caps, name)
    return f"more than {value} {_UNITS[name]}, its cap; to allow more, make the provider with caps=Caps({name}=…)"


def without_end(events: Sequence[StreamEvent]) -> list[StreamEvent]:
    """The events of a payload but for a good end, which a stream over a cap has not."""
    return [event for event in events if not isinstance(event, StreamDone)]


def ended_badly(events: Sequence[StreamEvent]) -> bool:
    """Whether the stream has ended in another error already."""
    return bool(events) and isinstance(events[-1], StreamError)
