"""The files a run is over: names, patterns and URLs as they were given, and what is known of each without reading it.

Not the reading (`lines`), nor which shard has which (`shard`).
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct

from shim.comparison.runs.lines import UnusableFileError
from shim.recording.files import STDIN
from shim.recording.remote import RemoteFileError, find, is_url, look_at, shown


class FileIdentity(Struct, frozen=True, kw_only=True):
    """What a file is known again by: its name as it may be shown, its size, and its ETag or the time it was written."""

    path: str
    size: int | None
    version: str


def expand(names: Iterable[str]) -> list[str]:
    """The files that names stand for: a pattern for what it finds, sorted, but for what is there already.

    A name that is a file's is that file, whatever characters it has.

    Raises:
        UnusableFileError: a pattern finds nothing.
    """
    files: list[str] = []
    for name in names:
        if not _is_pattern(name):
            files.append(name)
            continue
        found = _found_by(name)
        if not found:
            raise UnusableFileError(f"{shown(name)}: no file has such a name; give a pattern of recorded exchanges")
        files.extend(each for each in found if each not in files)
    return files


def _is_pattern(name: str) -> bool:
    if is_url(name):
        return "*" in name or "[" in name
    return glob.has_magic(name) and not Path(name).exists()


def _found_by(pattern: str) -> Sequence[str]:
    if not is_url(pattern):
        return sorted(each for each in glob.glob(pattern, recursive=True) if not Path(each).is_dir())  # noqa: PTH207 - Path.glob takes no absolute pattern
    try:
        return find(pattern)
    except RemoteFileError as error:
        raise UnusableFileError(str(error)) from None


def identify(file: str) -> FileIdentity:
    """What a file is known again by.

    Raises:
        UnusableFileError: it is missing, a folder, or nothing that can be read twice.
    """
    if file == STDIN:
        raise UnusableFileError("standard input cannot be shared out; give files")
    if is_url(file):
        try:
            told = look_at(file)
        except RemoteFileError as error:
            raise UnusableFileError(str(error)) from None
        return FileIdentity(path=shown(file), size=told.size, version=told.version)
    try:
        held = Path(file).stat()
    except OSError as error:
        raise UnusableFileError(f"{file}: {error.strerror or error}; give a file of recorded exchanges") from None
    if not Path(file).is_file():
        raise UnusableFileError(f"{file} is no ordinary file; give files of recorded exchanges")
    return FileIdentity(path=file, size=held.st_size, version=f"mtime {held.st_mtime_ns}")
