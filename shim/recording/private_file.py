"""Files that hold what was recorded, or what was made of it: readable by their owner alone.

Not what is in them (`files`; the reports and journals of `shim.comparison`).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO, Final, cast

MODE: Final = 0o600
_OF_OTHERS: Final = 0o077


def open_private(path: str | Path, flags: int) -> int:
    """Open a file as `os.open` does, for its owner alone: one that is new, and one that is there and others may read.

    What is no ordinary file (a pipe, a terminal, /dev/null) stays as it is.

    Raises:
        OSError: it cannot be opened; or others may read it, and it is not ours to change that.
    """
    file = os.open(path, flags | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), MODE)
    try:
        held = os.fstat(file)
        if stat.S_ISREG(held.st_mode) and held.st_mode & _OF_OTHERS:
            _make_private(file, path, mode=stat.S_IMODE(held.st_mode) & ~_OF_OTHERS)
    except BaseException:
        os.close(file)
        raise
    return file


def _make_private(file: int, path: str | Path, *, mode: int) -> None:
    if not hasattr(os, "fchmod"):
        return  # a system without modes
    try:
        os.fchmod(file, mode)
    except OSError as error:
        words = f"others may read it, and that cannot be changed ({error.strerror}); give another name"
        raise PermissionError(error.errno, words, str(path)) from None


def create_private(path: str | Path, *, is_read: bool = False) -> BinaryIO:
    """Open a file for writing, empty, for its owner alone; `is_read`: for reading too, of what was written.

    Raises:
        OSError: as `open_private`.
    """
    access, mode = (os.O_RDWR, "w+b") if is_read else (os.O_WRONLY, "wb")
    return cast("BinaryIO", os.fdopen(open_private(path, access | os.O_TRUNC), mode))
