"""The files of a tree that may hold Python, in a steady order; other people's code and odd files are told.

Not their reading (`reading`).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

from shim.doctor.finding import Unread

MOST_BYTES = 2 << 20
"""Of a module: larger ones are data in Python's clothes, and take seconds and hundreds of megabytes to parse."""
MOST_NOTEBOOK_BYTES = 64 << 20
"""Of a notebook, whose outputs hold images."""

# Folders of tools and of other people's code; environments under any name are known by their pyvenv.cfg.
_SKIPPED = frozenset(
    {
        *(".git", ".hg", ".svn", "node_modules", "__pycache__", "site-packages", ".venv", "venv", ".tox", ".nox"),
        *(".eggs", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".ipynb_checkpoints", "__pypackages__"),
    }
)
_SHEBANG = b"#!"


def python_files(paths: Iterable[Path], *, skip: Iterable[str] = ()) -> Iterator[Path | Unread]:
    """Go through files and trees; yields what may hold Python, and an `Unread` for what is left out with a reason.

    Args:
        paths: files are taken whatever their names; folders are walked, links followed, no folder twice.
        skip: patterns (`*`, `?`) of names or of paths below the given folder, left out besides.
    """
    patterns = tuple(skip)
    seen: set[tuple[int, int]] = set()
    for path in paths:
        if path.is_dir():
            yield from _walk(path, seen=seen, skip=patterns)
        else:
            fault = _fault_of(path)
            yield path if fault is None else Unread(str(path), fault)


def _walk(root: Path, *, seen: set[tuple[int, int]], skip: tuple[str, ...]) -> Iterator[Path | Unread]:
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda each: each.name)
        except OSError as error:
            yield Unread(str(folder), error.strerror or "it cannot be read")
            continue
        folders = []
        for entry in entries:
            path = folder / entry.name
            if _matches(path, root, skip=skip):
                yield Unread(str(path), "left out as told")
            elif entry.is_dir():
                reason = _foreign(path)
                folders.append(path) if reason is None else None
                if reason is not None:
                    yield Unread(str(path), reason)
            elif _may_be_python(entry, path):
                fault = _fault_of(path)
                yield path if fault is None else Unread(str(path), fault)
        waiting.extend(reversed(folders))


def _matches(path: Path, root: Path, *, skip: tuple[str, ...]) -> bool:
    below = path.relative_to(root).as_posix()
    return any(fnmatch(path.name, pattern) or fnmatch(below, pattern) for pattern in skip)


def _foreign(folder: Path) -> str | None:
    if folder.name in _SKIPPED or folder.name.endswith(".egg-info"):
        return "not the program's own code"
    return "a virtual environment" if (folder / "pyvenv.cfg").is_file() else None


def _may_be_python(entry: os.DirEntry[str], path: Path) -> bool:
    if path.suffix.lower() in (".py", ".pyw", ".ipynb"):
        return True
    if path.suffix or not entry.is_file():
        return False
    try:
        with path.open("rb") as file:
            first = file.read(80).splitlines()[:1]
    except OSError:
        return False  # a file of no known name that cannot be opened is none of ours
    return bool(first) and first[0].startswith(_SHEBANG) and b"python" in first[0]


def _fault_of(path: Path) -> str | None:
    """Why a file cannot be examined, None where it can."""
    try:
        status = path.stat()
    except OSError as error:
        return error.strerror or "it cannot be read"
    if not stat.S_ISREG(status.st_mode):
        return "no regular file"
    most = MOST_NOTEBOOK_BYTES if path.suffix == ".ipynb" else MOST_BYTES
    return None if status.st_size <= most else f"larger than {most >> 20} MiB"
