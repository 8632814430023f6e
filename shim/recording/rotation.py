"""Rotation: a recording in several files, each ended when it is large or old enough, and named by when it was begun.

Not the writing of one file (`files`), nor when it is written (`sinks`, the proxy). Each file belongs to one writer, and so to one
process: it is made with O_EXCL, so that processes with the same pattern never share one. What is written goes into a new file
where it would make the present one too large, or finds it too old; a file without exchanges is never made.
"""

from __future__ import annotations

import gzip
import math
import os
import secrets
import time
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias, final

from shim.recording.files import ExchangeWriter, encode_exchange, joined
from shim.recording.private_file import open_private

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.recording.exchange import Exchange

TIME: Final = "{time}"
"""Stands in a file's name for when the file was begun: UTC, to the microsecond, `20260102T030405.678901Z` (ISO 8601, basic)."""

_MEMBER: Final = 1 << 20  # bytes of lines that are compressed together, at most
_TRIES: Final = 1000  # names that others may have taken: each try is a microsecond later
_MICROSECONDS: Final = 1_000_000


@final
class RotatingFile:
    """A recording in several files: give it wherever the path of a recording is taken (`tap`, `record_to`, `record`).

    Args:
        path: its last part holds `{time}`, such as `day-{time}.jsonl.gz`; names sort by the time at which files were begun.
        rotate_bytes: a file ends before it would be larger (as it is on the disk, so compressed); an exchange that is larger
            by itself has a file of its own. None: no limit.
        rotate_seconds: a file ends with the first exchange that is written so long after it was begun. None: no limit.
        rotate_keep: of the files that one writer has made, so many stay, and the oldest are deleted. None: all stay.

    Raises:
        ValueError: a limit is not positive, or the name has no `{time}`.
    """

    __slots__ = ("path", "rotate_bytes", "rotate_keep", "rotate_seconds")

    def __init__(
        self,
        path: str | Path,
        *,
        rotate_bytes: int | None = None,
        rotate_seconds: float | None = None,
        rotate_keep: int | None = None,
    ) -> None:
        self.path = Path(path)
        if TIME not in self.path.name:
            example = f"{self.path.stem.partition('.')[0]}-{TIME}{''.join(self.path.suffixes) or '.jsonl'}"
            raise ValueError(f"path is {str(path)!r}, one name for several files; put {TIME} into it: {example}")
        _check_limit("rotate_bytes", rotate_bytes)
        _check_limit("rotate_seconds", rotate_seconds)
        _check_limit("rotate_keep", rotate_keep)
        self.rotate_bytes = rotate_bytes
        self.rotate_seconds = rotate_seconds
        self.rotate_keep = rotate_keep

    def __repr__(self) -> str:
        told = "".join(f", {name}={value}" for name, value in self._limits().items() if value is not None)
        return f"RotatingFile({str(self.path)!r}{told})"

    def _limits(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__ if name != "path"}

    def absolute(self) -> RotatingFile:
        """The same with a path from the root."""
        return RotatingFile(self.path.absolute(), **self._limits())

    def named(self, microseconds: int) -> Path:
        """The file that was begun so long after 1970-01-01 UTC."""
        seconds, rest = divmod(microseconds, _MICROSECONDS)
        began = datetime.fromtimestamp(seconds, tz=timezone.utc)
        return self.path.with_name(self.path.name.replace(TIME, f"{began:%Y%m%dT%H%M%S}.{rest:06}Z"))


RecordingPath: TypeAlias = "str | Path | RotatingFile"
"""Where a recording goes: one file; or, where its name holds `{time}`, a file for each process and each turn."""


def anchored(path: RecordingPath) -> Path | RotatingFile:
    """The same place, also when the program goes to another directory before it is opened (again)."""
    if not isinstance(path, RotatingFile):
        return Path(path).absolute()
    return path.absolute()


def _check_limit(name: str, value: float | None) -> None:
    if value is not None and not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name} is {value!r}; give a number over 0, or None for no limit")


@final
class RotatingWriter:
    """Appends exchanges to the files of a `RotatingFile`, at once and on the calling thread; for one thread at a time.

    `close` ends the descriptor. A writer that is used again afterwards goes on in the same file, as long as that has room and
    is young enough, so that a recording with pauses does not fall apart into small files.

    Attributes:
        begun: how many files were begun.
    """

    def __init__(self, file: RotatingFile) -> None:
        self._file = file.absolute()
        self._compresses = file.path.suffix == ".gz"
        self._writer: ExchangeWriter | None = None
        self._current: Path | None = None
        self._size = 0
        self._began = 0.0
        self._last_name = 0
        self._made: deque[Path] = deque()  # at most `rotate_keep`, and empty without it
        self.begun = 0

    def __repr__(self) -> str:
        return f"<RotatingWriter {str(self._file.path)!r}, {self.begun} begun>"

    @property
    def path(self) -> Path:
        """The file that is written now, else the pattern."""
        return self._current or self._file.path

    def write(self, exchange: Exchange) -> None:
        """Append one exchange, as it is: redact it before.

        Raises:
            OSError: it cannot be written, or no new file be made.
        """
        self.write_lines((encode_exchange(exchange),))

    def write_lines(self, lines: Iterable[bytes]) -> None:
        """Append lines of `encode_exchange`; they may come to stand in several files.

        Raises:
            OSError: as `write`.
        """
        for block in self._blocks(lines):
            writer = self._writer_for(len(block))
            try:
                writer.append(block)
            except OSError:
                self.close()  # opened again it is looked at anew: how much of this came to stand there
                raise
            self._size += len(block)
            self._delete_oldest()

    def close(self) -> None:
        """Close the file that is open; a second call does nothing."""
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _blocks(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """What is written at once: a line, or a gzip member of some, which is no larger than a file may be."""
        if not self._compresses:
            yield from lines
            return
        for block in joined(lines, most=min(_MEMBER, self._file.rotate_bytes or _MEMBER)):
            yield gzip.compress(block, 6)

    def _writer_for(self, size: int) -> ExchangeWriter:
        """The writer of the file to which so many bytes go."""
        if self._current is None or self._is_gone(self._current) or self._is_over(self._current, size):
            self.close()
            return self._begin()
        if self._writer is None:
            self._writer = ExchangeWriter(self._current)
            self._size = self._current.stat().st_size
        return self._writer

    def _is_gone(self, current: Path) -> bool:
        """Whether the file was moved away or deleted: one of the same name might take its place where it went."""
        return not (current.exists() if self._writer is None else self._writer.is_in_place)

    def _is_over(self, current: Path, size: int) -> bool:
        most, oldest = self._file.rotate_bytes, self._file.rotate_seconds
        if oldest is not None and time.monotonic() - self._began >= oldest:
            return True
        if most is None:
            return False
        if self._writer is None:  # it may have been cut, or half written
            self._size = current.stat().st_size if current.exists() else 0
        return self._size > 0 and self._size + size > most

    def _begin(self) -> ExchangeWriter:
        self._current = self._created()
        self._began = time.monotonic()
        self._size = 0
        self.begun += 1
        if self._file.rotate_keep is not None:
            self._made.append(self._current)
        self._writer = ExchangeWriter(self._current)
        return self._writer

    def _created(self) -> Path:
        """A new file under a name that nobody else has, later than this writer's last even if the clock was set back."""
        name = max(time.time_ns() // 1000, self._last_name + 1)
        for tried in range(name, name + _TRIES):
            path = self._file.named(tried)
            with suppress(FileExistsError):
                os.close(open_private(path, os.O_WRONLY | os.O_EXCL))
                self._last_name = tried
                return path
        raise FileExistsError(f"{_TRIES} names from {self._file.named(name)} on are taken; give another pattern")

    def _delete_oldest(self) -> None:
        keep = self._file.rotate_keep
        while keep is not None and len(self._made) > keep:
            self._made.popleft().unlink(missing_ok=True)


def writer_to(path: RecordingPath) -> ExchangeWriter | RotatingWriter:
    """The writer of one file, or of many where the name holds `{time}`.

    Raises:
        OSError: the one file cannot be opened for writing; of many that is known with the first (see `check_writable`).
    """
    if isinstance(path, RotatingFile):
        return RotatingWriter(path)
    if TIME in Path(path).name:
        return RotatingWriter(RotatingFile(path))
    return ExchangeWriter(path)


def check_writable(path: RecordingPath) -> None:
    """Look whether a recording can be written, so that it is known at once.

    Raises:
        OSError: it cannot be.
    """
    writer = writer_to(path)
    if isinstance(writer, ExchangeWriter):
        writer.close()
        return
    probe = writer.path.with_name(f".{secrets.token_hex(8)}.{writer.path.name}")
    os.close(open_private(probe, os.O_WRONLY | os.O_EXCL))
    probe.unlink()


__all__ = ["TIME", "RecordingPath", "RotatingFile", "RotatingWriter", "anchored", "check_writable", "writer_to"]
