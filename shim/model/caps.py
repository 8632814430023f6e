"""Caps: how much one streamed answer may bring before it is ended, so that a server that runs wild fills no memory.

Not the counting (`shim.wire.capping`), nor the limits of one event (`shim.wire.sse`), of a body that is collected whole
(`shim.calls.answer_reader`) and of what compression may unfold to (`shim.wire.content_encoding`), which hold beside these.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from shim.model.checks import kind_of
from shim.model.errors import InvalidRequestError


class Caps(Struct, frozen=True, kw_only=True):
    """The most that one stream may bring; what passes a cap ends as a protocol error that names it, with what had arrived.

    Attributes:
        text: characters of all its text: answers, reasoning, refusals, arguments of calls, and whatever else grows.
        tool_calls: of one answer.
        events: payloads of the stream, keep-alives among them.
        other_bytes: of the payloads that say anything beside one more piece of the same text: log probabilities, blocks,
            fields nobody knows.

    Raises:
        InvalidRequestError: one is no whole number above 0.
    """

    text: int = 64 * 1024 * 1024
    tool_calls: int = 10_000
    events: int = 5_000_000
    other_bytes: int = 1024 * 1024 * 1024

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                shown = value if isinstance(value, int) and not isinstance(value, bool) else kind_of(value)
                place = f"caps.{name}"
                raise InvalidRequestError(f"{place} is {shown}; give a whole number above 0", field=place)


DEFAULT_CAPS: Final = Caps()


def checked_caps(caps: object) -> Caps:
    """The caps of a provider; None is the default.

    Raises:
        InvalidRequestError: they are no `Caps`.
    """
    if caps is None:
        return DEFAULT_CAPS
    if not isinstance(caps, Caps):
        raise InvalidRequestError(f"caps is {kind_of(caps)}; give Caps(text=…), or None", field="caps")
    return caps
