"""The folder that holds the parts of a run: on a disk, or at a URL. A file in it is whole, or not there.

Not what is in the files (`parts`). On a disk a file gets its name once it is written out; at a URL it is put there in one, which
object stores do as a whole.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from shim.recording.private_file import create_private
from shim.recording.remote import is_url, names_in, open_url, put, shown

_UNFINISHED = ".tmp"


class Unfinished:
    """A file that is not there yet: write to `file`, then `keep` it or `discard` it.

    Args:
        path: where it is written meanwhile.
        put: makes of what is there, closed, the file by its name.
    """

    def __init__(self, path: Path, put_there: Callable[[], object]) -> None:
        self.file = create_private(path)
        self._path = path
        self._put_there = put_there

    def keep(self) -> None:
        """Make it the file, whole.

        Raises:
            OSError: it cannot be; nothing is left of it then.
        """
        try:
            self.file.flush()
            os.fsync(self.file.fileno())
            self.file.close()
            self._put_there()
        finally:
            self.discard()

    def discard(self) -> None:
        """Leave nothing of it."""
        self.file.close()
        self._path.unlink(missing_ok=True)


class PartsFolder(Protocol):
    """A folder of parts; every method may raise OSError."""

    name: str

    def names(self) -> list[str]:
        """The files in it, unfinished ones left out; none where there is no such folder."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Open one for reading."""
        ...

    def begin(self, name: str) -> Unfinished:
        """Begin one, in the place of one that is there by this name."""
        ...

    def create(self, name: str, data: bytes) -> None:
        """Make a file where there is none by this name; one that is there stays."""
        ...


class LocalFolder:
    """A folder on a disk, shared perhaps by many machines; its files are readable by their owner alone."""

    def __init__(self, path: str) -> None:
        self.name = path
        self._path = Path(path)

    def names(self) -> list[str]:
        """The files in it."""
        if not self._path.exists():
            return []
        return sorted(each.name for each in self._path.iterdir() if not each.name.endswith(_UNFINISHED))

    def open(self, name: str) -> BinaryIO:
        """Open one for reading."""
        return (self._path / name).open("rb")

    def begin(self, name: str) -> Unfinished:
        """Begin one; its name comes by renaming."""
        unfinished = self._unfinished(name)
        return Unfinished(unfinished, lambda: unfinished.replace(self._path / name))

    def create(self, name: str, data: bytes) -> None:
        """Make it; its name comes by a link, which fails where the name is taken."""
        path, unfinished = self._path / name, self._unfinished(name)
        made = Unfinished(unfinished, lambda: _link(unfinished, path))
        made.file.write(data)
        made.keep()

    def _unfinished(self, name: str) -> Path:
        """A name of its own: of two that write the same part at once, one stays, whole."""
        self._path.mkdir(parents=True, exist_ok=True)
        return self._path / f".{name}.{os.urandom(6).hex()}{_UNFINISHED}"


def _link(unfinished: Path, path: Path) -> None:
    try:
        os.link(unfinished, path)
    except FileExistsError:
        return
    except OSError:  # a file system without links, such as a mounted bucket
        if not path.exists():
            unfinished.replace(path)


class RemoteFolder:
    """A folder at a URL."""

    def __init__(self, url: str) -> None:
        self.name = shown(url)
        self._url = url.rstrip("/")

    def names(self) -> list[str]:
        """The files in it."""
        return [each for each in names_in(self._url) if not each.endswith(_UNFINISHED)]

    def open(self, name: str) -> BinaryIO:
        """Open one for reading."""
        return cast("BinaryIO", open_url(f"{self._url}/{name}"))

    def begin(self, name: str) -> Unfinished:
        """Begin one on this machine; it is put there as a whole."""
        descriptor, path = tempfile.mkstemp(suffix=_UNFINISHED)
        os.close(descriptor)
        return Unfinished(Path(path), lambda: put(Path(path), f"{self._url}/{name}"))

    def create(self, name: str, data: bytes) -> None:
        """Put it there where nothing is. Of two at once one stays; whoever reads it then sees whether it is theirs."""
        if name not in self.names():
            made = self.begin(name)
            made.file.write(data)
            made.keep()


def folder_of(name: str) -> PartsFolder:
    """The folder of this name."""
    return RemoteFolder(name) if is_url(name) else LocalFolder(name)
