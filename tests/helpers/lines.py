"""Lines of recordings without files: for the tests of what is done to recordings.

Not exchanges made by hand (`tests.helpers.exchanges`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from shim.recording.exchange import Exchange
from shim.recording.files import RecordError, encode_exchange
from shim.recording.operations.entries import RecordingEntry, entries


class HeldLine(NamedTuple):
    """A line of a file that is none."""

    file: str
    line: int
    number: int
    data: bytes


def lines_of(*data: bytes, file: str = "a.jsonl") -> list[HeldLine]:
    """These bytes as lines of one file."""
    return [HeldLine(file, place + 1, place, each) for place, each in enumerate(data)]


def refuse(error: RecordError) -> None:
    """Stand for whoever takes no error."""
    raise error


def entries_of(
    exchanges: Iterable[Exchange], *, on_error: Callable[[RecordError], object] = refuse
) -> list[RecordingEntry]:
    """Exchanges as entries of one file."""
    return list(entries(lines_of(*map(encode_exchange, exchanges)), on_error=on_error))
