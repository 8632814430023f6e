"""Files of recorded exchanges: JSON Lines, one exchange a line, plain or gzip.

Not what a line says (`exchange_json`), not what is taken out before it is written (`redaction`), not the writing in the
background (`sinks`).
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from shim.recording.exchange_json import (
    SCHEMA,
    NewerRecordError,
    RecordError,
    TruncatedRecordError,
    decode_exchange,
    encode_exchange,
)
from shim.recording.gzip_members import DAMAGED_LINE, MAGIC, GzipMembers
from shim.recording.private_file import open_private
from shim.recording.remote import is_url, open_url

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.recording.exchange import Exchange

LONGEST_LINE: Final = 1 << 28
"""Bytes of a line that is read; a recorder keeps bodies of a few megabytes."""
STDIN: Final = "-"
_BLOCK: Final = 1 << 16  # bytes of lines that are written at once: a write of each costs as much as to make it

_BUFFER = 1 << 18  # bytes: a line that is whole in the buffer is found at a fraction of the cost

# Editors and shells of Windows put it before UTF-8 that they save; it is no part of the first line (RFC 8259 8.1).
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class RecordLine(NamedTuple):
    """A line that holds something: its number from 1, its bytes, and how many (uncompressed) stand before it."""

    number: int
    data: bytes
    offset: int


def read_lines(path: str | Path) -> Iterator[RecordLine]:
    """Read the lines of a file without looking into them, one in memory at a time; "-" is standard input, a URL goes by fsspec.

    Of compressed data that is damaged, a line that `decode_line` refuses stands for what is lost, as far as members follow.

    Raises:
        OSError: it cannot be opened or read.
        TruncatedRecordError: compressed data ends early.
        RecordError: compressed data is damaged and none follows, or a line is longer than `LONGEST_LINE`.
    """
    number = offset = 0
    with open_lines(path) as file:
        if file.peek(len(_BYTE_ORDER_MARK)).startswith(_BYTE_ORDER_MARK):
            offset = len(file.read(len(_BYTE_ORDER_MARK)))
        try:
            while data := file.readline(LONGEST_LINE + 1):
                number += 1
                if len(data) > LONGEST_LINE:
                    words = f"it is longer than {LONGEST_LINE >> 20} MiB; is this JSON Lines, one exchange a line?"
                    raise RecordError(words).at(str(path), number)
                if not data.isspace():
                    yield RecordLine(number, data, offset)
                offset += len(data)
        except EOFError:
            raise TruncatedRecordError(_CUT).at(str(path), number + 1) from None
        except zlib.error as error:
            damage = f"the compressed data is damaged here ({error}); what stands before is whole"
            raise RecordError(damage).at(str(path), number + 1) from None


_CUT = "the file ends in the middle of an exchange: its recorder was ended early or still writes; what stands before is whole"


def read_exchanges(path: str | Path, *, on_error: Callable[[RecordError], object] | None = None) -> Iterator[Exchange]:
    """Read the exchanges of a file, plain or gzip, one in memory at a time; "-" is standard input.

    Args:
        path: of the file.
        on_error: is told of each line that cannot be read, and reading goes on; None raises it.

    Raises:
        OSError: it cannot be opened or read.
        TruncatedRecordError: it ends in the middle of a line; everything before has been given.
        RecordError: a line is no exchange.
    """
    lines = read_lines(path)
    while (read := _next_of(lines, str(path))) is not None:
        if not isinstance(read, RecordError):
            yield read
        elif on_error is None:
            raise read
        else:
            on_error(read)


def _next_of(lines: Iterator[RecordLine], path: str) -> Exchange | RecordError | None:
    """The next exchange, or why it cannot be read; None at the end."""
    try:
        line = next(lines, None)
    except RecordError as error:
        return error
    if line is None:
        return None
    try:
        return decode_line(line.data, path=path, number=line.number)
    except RecordError as error:
        return error


def decode_line(data: bytes, *, path: str, number: int) -> Exchange:
    """Read a line of a file; the error names both.

    Raises:
        TruncatedRecordError: it is the last one, and only half of it is there.
        RecordError: it is no exchange.
    """
    try:
        return decode_exchange(data)
    except NewerRecordError as error:
        raise error.at(path, number) from None
    except RecordError as error:
        raise _told(error, data).at(path, number) from None


def _told(error: RecordError, data: bytes) -> RecordError:
    if data.endswith(DAMAGED_LINE):
        return RecordError(_DAMAGED)
    return error if data.endswith(b"\n") else TruncatedRecordError(_CUT)


_DAMAGED = (
    "the compressed data is damaged here, as a recorder that was killed or a full disk leaves it; exchanges are lost in it, "
    "those before and behind it are whole"
)


def open_lines(path: str | Path) -> io.BufferedReader:
    """Open a file of lines to be read, unpacked: files are known by their content, as standard input has no name.

    Raises:
        OSError: it cannot be opened.
    """
    file = _raw(path)
    return io.BufferedReader(GzipMembers(file), _BUFFER) if file.peek(len(MAGIC)).startswith(MAGIC) else file


def _raw(path: str | Path) -> io.BufferedReader:
    if isinstance(path, str) and is_url(path):
        return open_url(path)
    return _buffered(sys.stdin.fileno() if str(path) == STDIN else os.fspath(path))


def _buffered(file: str | int) -> io.BufferedReader:
    """Open a file by its path, or one that is open, which stays so."""
    return io.BufferedReader(io.FileIO(file, closefd=isinstance(file, str)), _BUFFER)


class ExchangeWriter:
    """Appends exchanges to a file, at once and on the calling thread; for one thread at a time. A context manager.

    Each write is of whole lines, to the end of the file, so that several processes may append to the same one. Of a name that
    ends in `.gz` each is a whole gzip member: what was written before a crash, and after it, stays readable. A file that holds
    something already is gone on with as it is, compressed or not; one that was moved away or deleted (by logrotate, say) is
    begun anew under its name. It is readable by its owner alone, also one that was there before and was not.

    Raises:
        OSError: the file cannot be opened for writing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._place = self.path.absolute()  # a program may go to another directory
        self._file: int | None = None
        self._open()

    def _open(self) -> None:
        opened = open_private(self._place, os.O_WRONLY | os.O_APPEND)
        if self._file is not None:
            os.close(self._file)
        self._file = opened
        held = os.fstat(opened)
        self._identity = held.st_dev, held.st_ino
        self._is_regular = stat.S_ISREG(
            held.st_mode
        )  # a pipe has no end, and takes a line at once only if that is short
        self._compresses = self._is_compressed()
        self._is_torn = self._is_regular and not self._compresses and _ends_inside_a_line(self._place)

    def _is_compressed(self) -> bool:
        """As what is there already, since readers go by a file's beginning; of one that is empty or new the name says it."""
        if self._is_regular:
            with suppress(OSError), self._place.open("rb") as file:  # it may only be appended to
                begin = file.read(len(MAGIC))
                if begin:
                    return begin == MAGIC
        return self.path.suffix == ".gz"

    def __repr__(self) -> str:
        return f"<ExchangeWriter {str(self.path)!r}{'' if self._file is not None else ', closed'}>"

    def write(self, exchange: Exchange) -> None:
        """Append one exchange, as it is: redact it before.

        Raises:
            OSError: it cannot be written.
            ValueError: the writer is closed.
        """
        self.write_lines((encode_exchange(exchange),))

    def write_lines(self, lines: Iterable[bytes]) -> None:
        """Append lines of `encode_exchange`, together: for a compressed file as one member.

        Raises:
            OSError, ValueError: as `write`.
        """
        if self._compresses:
            self.append(gzip.compress(b"".join(lines), 6))
            return
        for block in joined(lines, most=_BLOCK if self._is_regular else 0):
            self.append(block)

    def append(self, data: bytes) -> None:
        """Append what is written at once: whole lines, or a gzip member of them.

        Raises:
            OSError, ValueError: as `write`.
        """
        if self._file is None:
            raise ValueError(f"the writer of {self.path} is closed; make a new one")
        if not self.is_in_place:
            self._open_again(self._file)
        self._append(self._file, b"\n" + data if self._is_torn else data)

    @property
    def is_in_place(self) -> bool:
        """Whether what is written comes to stand under the path: the file may have been moved away, or deleted."""
        if not self._is_regular:
            return True
        try:
            held = self._place.stat()
        except OSError:
            return False
        return (held.st_dev, held.st_ino) == self._identity

    def _open_again(self, file: int) -> None:
        """Begin the file anew; where that cannot be, one that was only moved is gone on with."""
        try:
            self._open()
        except OSError:
            if not os.fstat(file).st_nlink:
                raise

    def _append(self, file: int, data: bytes) -> None:
        """One write; the loop is for a disk that is filling up."""
        left = memoryview(data)
        while left:
            try:
                written = os.write(file, left)
            except OSError:
                if len(left) < len(data):
                    self._is_torn = not self._compresses and not data.endswith(b"\n", 0, len(data) - len(left))
                raise
            left = left[written:]
        self._is_torn = False

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        file, self._file = self._file, None
        if file is not None:
            os.close(file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def _ends_inside_a_line(path: Path) -> bool:
    """Whether a crashed recorder left half a line, to which a new one must not be joined."""
    with suppress(OSError), path.open("rb") as file:  # it is empty, or may only be appended to
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
    return False


def joined(lines: Iterable[bytes], *, most: int) -> Iterator[bytes]:
    """Lines that follow each other as one, of so many bytes at most; one that is longer alone."""
    together: list[bytes] = []
    held = 0
    for line in lines:
        if together and held + len(line) > most:
            yield b"".join(together)
            together, held = [], 0
        together.append(line)
        held += len(line)
    if together:
        yield b"".join(together)


__all__ = [
    "LONGEST_LINE",
    "SCHEMA",
    "ExchangeWriter",
    "NewerRecordError",
    "RecordError",
    "RecordLine",
    "TruncatedRecordError",
    "decode_exchange",
    "decode_line",
    "encode_exchange",
    "joined",
    "open_lines",
    "read_exchanges",
    "read_lines",
]
