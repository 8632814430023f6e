"""A recording as an index: of each exchange its keys and where it stands, so that it can be read again in any order.

Not the pairing (`pairing`) nor the form of a line (`shim.recording`). Some 60 bytes an exchange stay in memory, and no body.
What cannot be read twice or from any place (standard input, a pipe, compressed data) is unpacked into a temporary file without
a name.
"""

from __future__ import annotations

import stat
import tempfile
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from shim.comparison.runs.judge import unusable
from shim.comparison.runs.lines import Line, LineFault, Source
from shim.comparison.two_recordings.keys import TIERS, keys_of
from shim.recording.files import LONGEST_LINE, STDIN, RecordError, decode_exchange

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.comparison.two_recordings.pairing import Column
    from shim.recording.exchange import Exchange, Role

_GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952 2.3.1


class IndexedRecording:
    """The exchanges of one side, indexed. Close it; belongs to one thread.

    Args:
        files: the recording, in this order.
        role: whose records are wanted where there are those of both; of one side alone all are taken.
        limit: how many lines to take at most; None for all.
        on_fault: is told of each line that cannot be used.

    Attributes:
        columns: of each key of `TIERS` a column.
        left_out: records that are of the other role.

    Raises:
        UnusableFileError: a file is missing, is a directory, or may not be read.
    """

    def __init__(
        self,
        files: Sequence[str],
        *,
        role: Role,
        on_fault: Callable[[LineFault], None],
        limit: int | None = None,
    ) -> None:
        source = Source(files, limit=limit)
        self.files = source.files
        self.columns: tuple[Column, ...] = tuple(array("Q") for _ in TIERS)
        self.left_out = 0
        self._file_numbers, self._lines, self._offsets = array("L"), array("Q"), array("Q")
        self._others = bytearray()
        self._unpacked: dict[str, IO[bytes]] = {}
        self._opened: tuple[str, IO[bytes]] | None = None
        try:
            for file in self.files:
                if not _is_read_anywhere(file):
                    self._unpacked[file] = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
            for line in source.lines(on_fault=on_fault):
                self._take(line, role=role, on_fault=on_fault)
        except BaseException:
            self.close()
            raise
        if 0 < sum(self._others) < len(self):
            self._leave_others_out()

    def __len__(self) -> int:
        return len(self._offsets)

    def place(self, number: int) -> Line:
        """Where an exchange stands, without its bytes."""
        return Line(self.files[self._file_numbers[number]], self._lines[number], number, b"")

    def read(self, number: int) -> Exchange:
        """Read an exchange again.

        Raises:
            RecordError: the file has changed since.
            OSError: it cannot be read.
        """
        file = self.files[self._file_numbers[number]]
        opened = self._open(file)
        opened.seek(self._offsets[number])
        return decode_exchange(opened.readline(LONGEST_LINE + 1))

    def close(self) -> None:
        """Close what is open; temporary files go with it."""
        for file in self._unpacked.values():
            file.close()
        self._unpacked.clear()
        if self._opened is not None:
            self._opened[1].close()
            self._opened = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _take(self, line: Line, *, role: Role, on_fault: Callable[[LineFault], None]) -> None:
        try:
            exchange = decode_exchange(line.data)
        except RecordError as error:
            on_fault(LineFault(line.file, line.line, unusable(line.data, error)))
            return
        offset = line.offset
        unpacked = self._unpacked.get(line.file)
        if unpacked is not None:
            offset = unpacked.tell()
            unpacked.write(line.data)
        for column, key in zip(self.columns, keys_of(exchange), strict=True):
            column.append(key)
        self._file_numbers.append(self.files.index(line.file))
        self._lines.append(line.line)
        self._offsets.append(offset)
        self._others.append(exchange.role != role)

    def _leave_others_out(self) -> None:
        kept = [number for number, is_other in enumerate(self._others) if not is_other]
        self.left_out = len(self) - len(kept)
        self.columns = tuple(_chosen(column, kept) for column in self.columns)
        self._file_numbers, self._lines, self._offsets = (
            _chosen(column, kept) for column in (self._file_numbers, self._lines, self._offsets)
        )

    def _open(self, file: str) -> IO[bytes]:
        if file in self._unpacked:
            return self._unpacked[file]
        if self._opened is None or self._opened[0] != file:
            if self._opened is not None:
                self._opened[1].close()
            self._opened = file, Path(file).open("rb")  # noqa: SIM115 - `close` closes it
        return self._opened[1]


def _chosen(column: Column, kept: Sequence[int]) -> Column:
    return array(column.typecode, (column[number] for number in kept))


def _is_read_anywhere(file: str) -> bool:
    """Whether a file can be read from any of its bytes on, as often as one likes."""
    if file == STDIN or not stat.S_ISREG(Path(file).stat().st_mode):
        return False
    with Path(file).open("rb") as opened:
        return opened.read(2) != _GZIP_MAGIC
