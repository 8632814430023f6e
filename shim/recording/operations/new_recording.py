"""A recording that is made in one go: under another name beside its place, and put there once it is whole.

Not what a recorder writes while traffic passes (`shim.recording.files`): that is appended to, and read while it grows.
"""

from __future__ import annotations

import errno
import gzip
import os
import secrets
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, final

from shim.recording.private_file import open_private

if TYPE_CHECKING:
    from typing_extensions import Self

_MEMBER: Final = 1 << 20  # bytes of lines that are compressed together: one gzip member each, as recorders write them


class TakesLines(Protocol):
    """Where lines go."""

    def write(self, line: bytes, /) -> object:
        """Take a whole line."""
        ...


@final
class NewRecording:
    """A file in the making, for its owner alone (0600); a context manager that leaves nothing behind unless it was committed.

    Args:
        path: where it is put; compressed if that ends in .gz.
        replaces: whether it may take the place of a file that is there.
        compresses: whether it is compressed whatever its name; None goes by the name.

    Raises:
        FileExistsError: there is a file, and it is not to be replaced.
        OSError: it cannot be made.
    """

    def __init__(self, path: str | Path, *, replaces: bool = False, compresses: bool | None = None) -> None:
        self.path = Path(path)
        self._replaces = replaces
        self._check_place()
        self._compresses = self.path.suffix == ".gz" if compresses is None else compresses
        self._part = self.path.with_name(f".{self.path.name}.{secrets.token_hex(6)}.part")
        # Before it is made: what a signal raises may come before any `with` has it. It is taken away at exit, too.
        self._taken_away = weakref.finalize(self, _take_away, self._part, os.getpid())
        self._file: int | None = self._opened()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._written = 0
        self.lines = 0

    @property
    def size(self) -> int:
        """Bytes that it has at most, so far: what is not compressed yet counts as it is."""
        return self._written + self._waiting_bytes

    def write(self, line: bytes) -> None:
        """Add a whole line.

        Raises:
            OSError: it cannot be written.
        """
        self._waiting.append(line)
        self._waiting_bytes += len(line)
        self.lines += 1
        if self._waiting_bytes >= _MEMBER:
            self.flush()

    def has_room(self, line: bytes, *, most: int) -> bool:
        """Whether a line still fits into `most` bytes; an empty file takes any."""
        if not self.lines or self.size + len(line) <= most:
            return True
        if self._compresses and self._waiting:
            self.flush()  # then it is known how much that is
        return self.size + len(line) <= most

    def flush(self) -> None:
        """Write what waits."""
        data = b"".join(self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        if data:
            self._put(gzip.compress(data, 6) if self._compresses else data)

    def finish(self) -> None:
        """Write the rest, and see it on the disk; the file stands in its place only after `commit`."""
        if self._file is not None:
            self.flush()
            os.fsync(self._file)
            self._close()

    def commit(self) -> None:
        """Put it in its place.

        Raises:
            FileExistsError: a file has come there meanwhile.
            OSError: it cannot be written or moved.
        """
        self.finish()
        self._check_place()
        self._part.replace(self.path)
        self._taken_away.detach()

    def discard(self) -> None:
        """Leave nothing behind; does nothing to what was committed."""
        self._close()
        self._taken_away()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.discard()

    def _check_place(self) -> None:
        if not self._replaces and self.path.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self.path))

    def _opened(self) -> int:
        try:
            return open_private(self._part, os.O_WRONLY | os.O_EXCL)
        except OSError as error:
            error.filename = str(self.path)  # the name that its maker knows
            raise

    def _put(self, data: bytes) -> None:
        if self._file is None:
            raise ValueError(f"{self.path} is finished; make a new one")
        left = memoryview(data)
        try:
            while left:
                written = os.write(self._file, left)
                self._written += written
                left = left[written:]
        except OSError as error:
            error.filename = str(self.path)
            raise

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            os.close(file)


def _take_away(part: Path, process: int) -> None:
    if os.getpid() == process:  # a forked child's end is not the end of it
        part.unlink(missing_ok=True)
