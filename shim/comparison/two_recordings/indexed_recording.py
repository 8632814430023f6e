"""A recording as an index: of each exchange its keys and where it stands, so that it can be read again in any order.

Not the pairing (`pairing`) nor the form of a line (`shim.recording`). 61 bytes an exchange stay in memory, 28 once the keys are
let go, and no body. What cannot be read twice or from any place (standard input, a pipe, a URL, compressed data) is unpacked into
one temporary file without a name.
"""

from __future__ import annotations

import hashlib
import stat
import tempfile
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

from shim.comparison.runs.judge import Judge
from shim.comparison.runs.lines import Line, LineFault, Source, UnusableFileError
from shim.comparison.two_recordings.answer_hashes import AnswerHashes, OwnAnswers
from shim.comparison.two_recordings.index_lines import NoComparer, ReadsKeys
from shim.comparison.two_recordings.keys import TIERS
from shim.recording.files import LONGEST_LINE, STDIN, decode_exchange
from shim.recording.remote import is_url

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.comparison.runs.judge import Judged
    from shim.comparison.runs.workers import Workers
    from shim.comparison.two_recordings.pairing import Column
    from shim.recording.exchange import Exchange, Role

MOST_EXCHANGES: Final = 50_000_000
"""Exchanges of a recording: with its pairing that is some 3 GB of memory a side, and days of comparing."""

_GZIP_MAGIC = b"\x1f\x8b"  # RFC 1952 2.3.1
_MOST_OPEN = 16  # files: partners of neighbours stand in a few, and descriptors are few


class IndexedRecording:
    """The exchanges of one side, indexed. Close it; belongs to one thread.

    Args:
        files: the recording, in this order.
        role: whose records are wanted where there are those of both; of one side alone all are taken.
        limit: how many lines to take at most; None for all.
        on_fault: is told of each line that cannot be used.
        judge: makes the keys, by `index_lines`, in this process or in others; None: in this one.
        on_read: is told that a line was read.

    Attributes:
        columns: of each key of `TIERS` a column.
        answers: what is known of how requests repeat the recording's own answers.
        left_out: records that are of the other role.

    Raises:
        UnusableFileError: a file is missing, is a directory, or may not be read; or there are more exchanges than can be kept.
    """

    def __init__(
        self,
        files: Sequence[str],
        *,
        role: Role,
        on_fault: Callable[[LineFault], None],
        judge: Judge | Workers | None = None,
        on_read: Callable[[], object] = lambda: None,
        limit: int | None = None,
    ) -> None:
        source = Source(files, limit=limit)
        self.files = source.files
        self.columns: tuple[Column, ...] = tuple(array("Q") for _ in TIERS)
        self.answers = OwnAnswers()
        self.left_out = 0
        self._file_numbers, self._lines, self._offsets = array("I"), array("I"), array("Q")
        self._others = bytearray()
        self._unpacked: IO[bytes] | None = None
        self._is_unpacked = [not _is_read_anywhere(file) for file in files]
        self._opened: OrderedDict[int, IO[bytes]] = OrderedDict()  # by the file's number, the one used last at the end
        numbers = {file: number for number, file in enumerate(self.files)}
        judge = judge or Judge(NoComparer(), reads=ReadsKeys())
        try:
            for line, judged in judge.judge(source.lines(on_fault=on_fault)):
                if judged.fault:
                    on_fault(LineFault(line.file, line.line, judged.fault))
                else:
                    self._take(line, judged, file=numbers[line.file], is_other=judged.role != role)
                on_read()
        except BaseException:
            self.close()
            raise
        if 0 < sum(self._others) < len(self):
            self._leave_others_out()
        self._others.clear()
        self.answers.forget()

    def __len__(self) -> int:
        return len(self._offsets)

    @property
    def identity(self) -> str:
        """What the recording is known again by: its files' names, and what is asked where."""
        hashed = hashlib.blake2b("\0".join(self.files).encode("utf-8", "surrogateescape"), digest_size=12)
        for column in (*self.columns, self._file_numbers, self._lines):
            hashed.update(column)
        return hashed.hexdigest()

    def place(self, number: int) -> Line:
        """Where an exchange stands, without its bytes."""
        return Line(self.files[self._file_numbers[number]], self._lines[number], number, b"")

    def data(self, number: int) -> bytes:
        """Read the line of an exchange again, as it stands there now.

        Raises:
            OSError: it cannot be read.
        """
        opened = self._open(self._file_numbers[number])
        opened.seek(self._offsets[number])
        return opened.readline(LONGEST_LINE + 1)

    def read(self, number: int) -> Exchange:
        """Read an exchange again.

        Raises:
            RecordError: the file has changed since.
            OSError: it cannot be read.
        """
        return decode_exchange(self.data(number))

    def forget_keys(self) -> None:
        """Let the keys go, which take two thirds of the memory: who is paired needs them no more."""
        self.columns = tuple(array("Q") for _ in TIERS)

    def close(self) -> None:
        """Close what is open; the temporary file goes with it."""
        if self._unpacked is not None:
            self._unpacked.close()
            self._unpacked = None
        while self._opened:
            self._opened.popitem()[1].close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _take(self, line: Line, judged: Judged, *, file: int, is_other: bool) -> None:
        if len(self) >= MOST_EXCHANGES:
            raise UnusableFileError(
                f"{line.place}: a recording of more than {MOST_EXCHANGES:,} exchanges is not held against another, since its "
                "index stays in memory; compare it by the day, or give a --limit"
            )
        for column, key in zip(self.columns, judged.keys, strict=True):
            column.append(key)
        self._file_numbers.append(file)
        self._lines.append(line.line)
        self._offsets.append(self._unpack(line.data) if self._is_unpacked[file] else line.offset)
        self._others.append(is_other)
        self.answers.take(judged.hashes or AnswerHashes())

    def _unpack(self, data: bytes) -> int:
        """Write a line to where it can be read again; where it begins there."""
        if self._unpacked is None:
            self._unpacked = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        offset = self._unpacked.tell()
        self._unpacked.write(data if data.endswith(b"\n") else data + b"\n")
        return offset

    def _leave_others_out(self) -> None:
        kept = array("I", (number for number, is_other in enumerate(self._others) if not is_other))
        self.left_out = len(self) - len(kept)
        self.answers.keep(kept)
        self.columns = tuple(_chosen(column, kept) for column in self.columns)
        self._file_numbers, self._lines, self._offsets = (
            _chosen(column, kept) for column in (self._file_numbers, self._lines, self._offsets)
        )

    def _open(self, file: int) -> IO[bytes]:
        if self._is_unpacked[file]:
            if self._unpacked is None:
                raise ValueError("the index is closed; make a new one")
            return self._unpacked
        opened = self._opened.pop(file, None)
        if opened is None:
            if len(self._opened) >= _MOST_OPEN:
                self._opened.popitem(last=False)[1].close()
            opened = Path(self.files[file]).open("rb")  # noqa: SIM115 - `close` closes it
        self._opened[file] = opened
        return opened


def _chosen(column: Column, kept: Sequence[int]) -> Column:
    return array(column.typecode, (column[number] for number in kept))


def _is_read_anywhere(file: str) -> bool:
    """Whether a file can be read from any of its bytes on, as often as one likes."""
    if file == STDIN or is_url(file) or not stat.S_ISREG(Path(file).stat().st_mode):
        return False
    with Path(file).open("rb") as opened:
        return opened.read(2) != _GZIP_MAGIC
