"""The entries of recordings: each line with its place and the exchange it holds, one in memory at a time.

Not the reading of files (`shim.recording.files`): lines come from whoever goes through them, as `shim.comparison.runs.lines`
does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

from shim.recording.exchange import Exchange
from shim.recording.files import RecordError, decode_line


class PlacedLine(Protocol):
    """A line that holds something."""

    @property
    def file(self) -> str:
        """Its file."""
        ...

    @property
    def line(self) -> int:
        """Its number there, from 1."""
        ...

    @property
    def number(self) -> int:
        """Its place among all lines that are gone through, from 0."""
        ...

    @property
    def data(self) -> bytes:
        """Its bytes."""
        ...


class RecordingEntry(NamedTuple):
    """A line that is an exchange; `data` is the line as it stands there, its end included."""

    file: str
    line: int
    number: int
    data: bytes
    exchange: Exchange


def entries(lines: Iterable[PlacedLine], *, on_error: Callable[[RecordError], object]) -> Iterator[RecordingEntry]:
    """Give what lines hold.

    Args:
        lines: in order.
        on_error: is told of each line that is no exchange, file and line named; reading goes on unless it raises.
    """
    for each in lines:
        try:
            exchange = decode_line(each.data, path=each.file, number=each.line)
        except RecordError as error:
            on_error(error)
            continue
        data = each.data if each.data.endswith(b"\n") else each.data + b"\n"  # the last line of a file may have no end
        yield RecordingEntry(each.file, each.line, each.number, data, exchange)
