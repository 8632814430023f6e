"""What a reader is told of recorded answers, one at a time or many together, and whether two of them were told the same.

Not the readers (`replay`, `codec_reader`) nor where two readings part (`reading_differences`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from shim.comparison.sides import Reader, has_quick_way
from shim.comparison.tee.told import Heard, surely_alike
from shim.recording.exchange import UnreadableExchangeError
from shim.recording.reading import Reading

if TYPE_CHECKING:
    from shim.recording.exchange import Exchange

Told: TypeAlias = "Heard | Reading"
"""A reading, or what one can be made of: most pairs are the same, and then it is not needed."""

_Answer = TypeVar("_Answer")


def told_by(reader: Reader, exchanges: Sequence[Exchange]) -> list[Told]:
    """What a reader makes of answers.

    Raises:
        UnreadableExchangeError: one cannot be read, or the reader failed.
    """
    return _blamed(reader, lambda: _told(reader, exchanges))


def _told(reader: Reader, exchanges: Sequence[Exchange]) -> list[Told]:
    if has_quick_way(reader, one="read", many="hear_all"):
        return list(reader.hear_all(exchanges))  # type: ignore[attr-defined]  # just asked for
    return [reader.read(each) for each in exchanges]


def told_together(reader: Reader | None, exchanges: Sequence[Exchange]) -> Sequence[Told | None]:
    """The same of a reader that reads many at the cost of fewer; None for each where there is none, or one cannot be read.

    Then each is to be read by itself, so that only those fail that do.
    """
    if reader is not None and len(exchanges) > 1 and at_once(reader) > 1:
        with suppress(UnreadableExchangeError):
            return told_by(reader, exchanges)
    return [None] * len(exchanges)


def at_once(reader: Reader | None) -> int:
    """How many exchanges a reader is best given together."""
    return int(getattr(reader, "at_once", 1))


def alike(control: Told, candidate: Told) -> bool:
    """Whether two were surely told the same; where it is not sure, their readings decide."""
    return isinstance(control, Heard) and isinstance(candidate, Heard) and surely_alike(control, candidate)


def reading_by(reader: Reader | None, told: Told) -> Reading:
    """The reading of what a reader was told.

    Raises:
        UnreadableExchangeError: it is none; its reader is at fault.
    """
    return _blamed(reader, told.reading) if isinstance(told, Heard) else told


def _blamed(reader: Reader | None, work: Callable[[], _Answer]) -> _Answer:
    """Do a reader's work; what it raises is an exchange that cannot be read, and names it."""
    try:
        return work()
    except UnreadableExchangeError:
        raise
    except Exception as error:
        name = "the control" if reader is None else reader.name
        raise UnreadableExchangeError(f"{name} failed to read it: {type(error).__name__}: {error}") from error
