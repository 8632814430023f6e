"""A small file that is read again when it changed: what file policies and the file kill switch look at.

Not what is in it (`sources.file`, `kill_switch`). The file is looked at in the calling thread, at most every `check_every`
seconds, so that it works in a forked child, where no watcher thread would be left. A file counts as changed when its
modification time, size or inode differ: an older file put in its place is a change too, as a rollback of a config map is. So it
does when the time of its last change differs, which nobody can set: a copy in place that keeps the modification time is seen.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path

from shim.migration.policy import PolicyError, checked_seconds, shown

__all__ = ["WatchedFile", "read_regular", "settled_path"]

# A pipe opened without O_NONBLOCK would hold the caller until somebody writes. Not every system has these.
_HOW = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)

# A policy has some hundred bytes. More is a mistake in the path, and would be read in the caller's thread.
MAX_BYTES = 256 * 1024

# A file that was found changed may be written again without a further change of what is looked at (a tick of the kernel's clock,
# or of two seconds on FAT), so it is read again for as long as this. By our own clock: a file server's may be another.
_RACY_SECONDS = 2.0


class WatchedFile:
    """The bytes of a file, and whether they are due to be read again. Neither locks nor threads: use it from any thread.

    Args:
        path: of a regular file; links are followed at each look, and a relative one is that of the folder of now.
        check_every: seconds between two looks; 0 looks each time.

    Raises:
        PolicyError: `path` or `check_every` cannot be.
    """

    def __init__(self, path: str | os.PathLike[str], *, check_every: float = 0.2) -> None:
        self.path = settled_path(path, field="path")
        self._check_every = checked_seconds(check_every, field="check_every", least=0)
        self._look_at = 0.0
        self._seen: tuple[int, ...] | None = None  # None: read it, whatever it is
        self._young: tuple[int, ...] | None = None
        self._young_since = 0.0

    def due(self) -> bool:
        """Whether it is time for another look; True once for each."""
        now = time.monotonic()
        if now < self._look_at:
            return False
        self._look_at = now + self._check_every
        return True

    def read_changed(self) -> bytes | None:
        """The content, or None where it is the one read last.

        Raises:
            OSError: the file is missing, may not be read, is no regular file (a pipe would block), or is too large. The next
                look reads it again, whatever it is by then.
        """
        seen, self._seen = self._seen, None
        found = self.path.stat()
        if seen is not None and seen == _signature(found):
            self._seen = seen
            return None
        content, found = read_regular(self.path, most=MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise OSError(f"{self.path} has over {MAX_BYTES} bytes")
        self._seen = self._settled(_signature(found))
        return content

    def _settled(self, signature: tuple[int, ...]) -> tuple[int, ...] | None:
        """What to know the content by; None while it may still change without a sign."""
        now = time.monotonic()
        if signature != self._young:
            self._young, self._young_since = signature, now
        return signature if now - self._young_since >= _RACY_SECONDS else None


def settled_path(path: object, *, field: str) -> Path:
    """The path as it is meant now: a program that changes its folder later, as a daemon does, still looks at the same file.

    Raises:
        PolicyError: it is no path; it names `field`.
    """
    if not isinstance(path, str | os.PathLike):
        raise PolicyError(f"{field} is of type {type(path).__name__}; give a path", field=field)
    found = Path(path)
    if "\0" in str(found):
        raise PolicyError(f"{field} is {shown(str(found))}, with a NUL character in it; give a path", field=field)
    return found.absolute()


def read_regular(path: Path, *, most: int) -> tuple[bytes, os.stat_result]:
    """The first `most` bytes of a regular file, and what the system says of the file that was read.

    Raises:
        OSError: the file is missing, may not be read, or is no regular file.
    """
    with os.fdopen(os.open(path, _HOW), "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(f"{path} is no regular file")
        return file.read(most), found


def _signature(found: os.stat_result) -> tuple[int, ...]:
    return found.st_mtime_ns, found.st_size, found.st_ino, found.st_ctime_ns, found.st_dev
