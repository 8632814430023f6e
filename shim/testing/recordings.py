"""Recorded exchanges in a folder: which files there are, and which lines, found without keeping what they hold.

Not the form of a line (`shim.recording`) nor the pytest plugin that asks (`pytest_plugin`). Files are `*.jsonl` and
`*.jsonl.gz`; a place in a compressed one counts its bytes as they are when unpacked.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    import io

    from shim.recording.exchange import Exchange

PATTERNS = ("*.jsonl", "*.jsonl.gz")


class UnusableRecordingsError(ValueError):
    """Recordings that cannot be used; the message names the place and what to do."""


class RecordingFile(Struct, frozen=True):
    """A file of recorded exchanges; `name` is its path below the folder, with slashes."""

    path: Path
    name: str


class RecordedLine(Struct, frozen=True):
    """Where one recorded exchange stands: in which file, from which byte on, in which line counted from 1."""

    file: RecordingFile
    offset: int
    line: int

    def __str__(self) -> str:
        return f"{self.file.name}:{self.line}"


def files_below(directories: Sequence[Path]) -> list[RecordingFile]:
    """The recordings below folders, sorted; of several folders each name begins with its folder's.

    Raises:
        UnusableRecordingsError: a folder is missing, or there is no recording in any of them.
    """
    found: list[RecordingFile] = []
    for directory in directories:
        if not directory.is_dir():
            raise UnusableRecordingsError(f"{directory} is no directory; give one that holds recordings (*.jsonl)")
        paths = sorted({path for pattern in PATTERNS for path in directory.rglob(pattern) if path.is_file()})
        prefix = f"{directory.name}/" if len(directories) > 1 else ""
        found += [RecordingFile(path, prefix + path.relative_to(directory).as_posix()) for path in paths]
    if not found:
        names = ", ".join(map(str, directories))
        raise UnusableRecordingsError(
            f"no recording (*.jsonl, *.jsonl.gz) below {names}; make some with `shim record`, or with tap(session, path)"
        )
    return found


def chosen(files: Sequence[RecordingFile], patterns: Sequence[str]) -> list[RecordingFile]:
    """Those whose name matches one of the patterns (`*` also over slashes); all where there is no pattern.

    Raises:
        UnusableRecordingsError: a pattern matches none.
    """
    for pattern in patterns:
        if not any(fnmatchcase(file.name, pattern) for file in files):
            shown = ", ".join(file.name for file in files[:5]) + (", ..." if len(files) > 5 else "")
            raise UnusableRecordingsError(f"the pattern {pattern!r} matches no recording; there is {shown}")
    return [file for file in files if not patterns or any(fnmatchcase(file.name, pattern) for pattern in patterns)]


def lines_of(file: RecordingFile) -> list[RecordedLine]:
    """Where the exchanges of a file stand; one line is in memory at a time, and none is decoded.

    Raises:
        UnusableRecordingsError: it cannot be read to its end.
    """
    from shim.recording.files import RecordError, read_lines

    try:
        return [RecordedLine(file, line.offset, line.number) for line in read_lines(file.path)]
    except (OSError, RecordError) as error:
        raise UnusableRecordingsError(str(error)) from None


class RecordingReader:
    """Reads recorded exchanges by their place. The last file stays open, so that reading on in it is cheap; close it."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._file: io.BufferedReader | None = None

    def read(self, place: RecordedLine) -> Exchange:
        """Read one exchange.

        Raises:
            UnusableRecordingsError: it is no recorded exchange, or the file has changed.
        """
        from shim.recording.files import LONGEST_LINE, RecordError, decode_line

        path = str(place.file.path)
        try:
            file = self._opened(place.file.path)
            file.seek(place.offset)
            return decode_line(file.readline(LONGEST_LINE), path=path, number=place.line)
        except RecordError as error:
            raise UnusableRecordingsError(str(error)) from error
        except (OSError, EOFError, zlib.error, ValueError) as error:
            raise UnusableRecordingsError(f"{path}:{place.line}: {error}") from error

    def close(self) -> None:
        """Close the file that is open."""
        file, self._file, self._path = self._file, None, None
        if file is not None:
            file.close()

    def _opened(self, path: Path) -> io.BufferedReader:
        from shim.recording.files import open_lines

        if self._file is None or self._path != path:
            self.close()
            self._file, self._path = open_lines(path), path
        return self._file
