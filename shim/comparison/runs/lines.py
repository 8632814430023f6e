"""The lines of several recorded files, one after the other, as a run goes through them.

Not the reading of one file (`files`) nor the judging (`run`). A file that is missing is known before anything is compared; a
file that turns out to be damaged is told, and reading goes on with the next one.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import zlib
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from shim.recording.files import STDIN, RecordError, RecordLine, read_lines
from shim.recording.remote import RemoteFileError, is_url, look_at, shown

_SAMPLE = 1 << 18  # compressed bytes from which the size of the whole is guessed


class Line(NamedTuple):
    """A line that holds something: its file, its number there from 1, its place among all lines compared from 0.

    `offset` is how many bytes of the file, uncompressed, stand before it. `beside` is what is to be known besides `data` to judge
    it: of two recordings the partner, written by `shim.comparison.two_recordings.pair_lines`; empty of one.
    """

    file: str
    line: int
    number: int
    data: bytes
    offset: int = 0
    beside: bytes = b""

    @property
    def place(self) -> str:
        """File and line, as compilers write them."""
        return f"{self.file}:{self.line}"


class LineFault(Struct, frozen=True):
    """Input that cannot be used: the file, the line counted from 1 (0 for the file itself), why, and what to do."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.message}"


class UnusableFileError(ValueError):
    """A file that cannot be opened; the message names it, and says what to give."""


class Source:
    """The lines of several files, one after the other.

    Args:
        files: paths, or URLs that fsspec reads; "-" is standard input.
        limit: how many lines to give at most; None for all.

    Attributes:
        files: as they may be shown: URLs without what could be a credential.
        size: bytes to read, as they are once decompressed, guessed where they are compressed; None where nobody can say.
        position: bytes read.
        unreadable: file -> why reading it ended, which is not the recording's fault, such as a network that failed.

    Raises:
        UnusableFileError: a file is missing, is a directory, or may not be read.
    """

    def __init__(self, files: Sequence[str], *, limit: int | None = None) -> None:
        self.files = tuple(map(shown, files))
        self._opened = tuple(files)
        self.position = 0
        self.unreadable: dict[str, LineFault] = {}
        self._limit = limit
        sizes = [_size_of(file) for file in files]
        known = [size for size in sizes if size is not None]
        self.size = sum(known) if len(known) == len(sizes) else None

    def lines(self, *, on_fault: Callable[[LineFault], None]) -> Generator[Line, None, None]:
        """Give the lines, once; `on_fault` is told what cannot be read."""
        number = 0
        for file, opened in zip(self.files, self._opened, strict=True):
            for line in self._lines_of(opened, on_fault):
                if number == self._limit:
                    return
                yield Line(file, line.number, number, line.data, line.offset)
                number += 1

    def _lines_of(self, file: str, on_fault: Callable[[LineFault], None]) -> Generator[RecordLine, None, None]:
        before, number, named = self.position, 0, shown(file)
        try:
            for line in read_lines(file):
                number = line.number
                self.position = before + line.offset + len(line.data)
                yield line
        except RecordError as error:
            place = error.line or number + 1
            on_fault(LineFault(named, place, str(error).removeprefix(f"{file}:{place}: ")))
        except OSError as error:
            fault = LineFault(named, number + 1, f"it cannot be read: {error.strerror or error}; see to the file")
            self.unreadable[named] = fault
            on_fault(fault)


def _size_of(file: str) -> int | None:
    """Bytes of a file, decompressed; None where it cannot be known: standard input, a pipe."""
    if file == STDIN:
        return None
    if is_url(file):
        return _size_at(file)
    try:
        held = Path(file).stat()  # not opened: a pipe's writer would see it closed again
    except OSError as error:
        raise UnusableFileError(f"{file}: {error.strerror or error}; give a file of recorded exchanges") from None
    if stat.S_ISDIR(held.st_mode):
        raise UnusableFileError(f"{file} is a directory; give the files in it, such as {file.rstrip('/')}/*.jsonl")
    if not os.access(file, os.R_OK):
        raise UnusableFileError(f"{file} may not be read; see to its permissions")
    return round(held.st_size * _expansion(file)) if stat.S_ISREG(held.st_mode) else None


def _size_at(url: str) -> int | None:
    try:
        size = look_at(url).size
    except RemoteFileError as error:
        raise UnusableFileError(str(error)) from None
    return None if shown(url).endswith(".gz") else size  # its beginning is not fetched for a guess


def _expansion(file: str) -> float:
    """How many bytes a byte of the file becomes, by its beginning; 1 where it is not compressed."""
    with Path(file).open("rb") as opened:
        sample = opened.read(_SAMPLE)
    read = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(sample)) as whole:
            while data := whole.read1(_SAMPLE):
                read += len(data)
    except gzip.BadGzipFile:
        read = 0  # not compressed; damage is told when the file is read
    except (EOFError, zlib.error):
        pass  # the sample's end
    return read / len(sample) if read else 1.0
