"""Files at a URL (`s3://`, `gs://`, `https://`, …), by fsspec, which is imported only here and only for a URL.

Not what is in the files (`files`, `shim.comparison.runs.parts`). Every failure is a `RemoteFileError` in our words: what fsspec
and the packages below it say may hold a URL with a signature or a password, so only the kind of their errors is told.
Specification: https://filesystem-spec.readthedocs.io/en/latest/api.html.
"""

from __future__ import annotations

import contextlib
import errno
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

EXTRA = "legacy-openai-shim[remote]"

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")  # two letters or more: a drive of Windows has one
_BLOCK = 1 << 20  # bytes asked for at a time; fsspec reads ahead by itself

# What fsspec's file systems call the version of a file, the best first: what the content decides, then when it was written.
_VERSIONS = ("ETag", "etag", "Content-MD5", "md5Hash", "content_md5", "generation", "Digest")
_TIMES = ("LastModified", "Last-Modified", "last_modified", "updated", "mtime", "created")


class RemoteFileError(OSError):
    """A file at a URL that cannot be used: `filename` is the URL without what may be secret, `strerror` why and what to do."""

    def __init__(self, url: str, words: str) -> None:
        super().__init__(errno.EIO, words, shown(url))

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


class RemoteFile(NamedTuple):
    """What is known of a file without reading it: its size, None where nobody says, and its ETag or time, "" where neither is."""

    size: int | None
    version: str


def is_url(name: object) -> bool:
    """Whether a name is a URL and not a path."""
    return isinstance(name, str) and _URL.match(name) is not None


def shown(name: str) -> str:
    """A name as it may be shown and kept: of a URL without user, password, query and fragment, which may be credentials."""
    if not is_url(name):
        return name
    scheme, _, rest = name.partition("://")
    try:
        parts = urlsplit(name)
    except ValueError:
        return f"{scheme}://…"
    place, _, query = rest.partition("?")
    if query and "=" not in query and not scheme.startswith("http"):
        place = rest  # a pattern
    user, at, _ = parts.netloc.rpartition("@")
    return f"{scheme}://{place[len(user) + 1 :] if at else place}"


def open_url(url: str) -> io.BufferedReader:
    """Open a file for reading.

    Raises:
        RemoteFileError: it cannot be opened; reading it raises the same.
    """
    system, path = _system_of(url)
    with _in_our_words(url):
        return io.BufferedReader(_Raw(system.open(path, "rb"), url), _BLOCK)


def look_at(url: str) -> RemoteFile:
    """Size and version of a file, asked anew.

    Raises:
        RemoteFileError: there is none, or nobody says.
    """
    system, path = _system_of(url)
    with _in_our_words(url):
        system.invalidate_cache()
        told = system.info(path)
    if told.get("type") == "directory":
        raise RemoteFileError(url, f"it is a folder; give the files in it, such as {shown(url).rstrip('/')}/*.jsonl")
    version = next((f"{name} {told[name]}" for name in _VERSIONS + _TIMES if told.get(name)), "")
    size = told.get("size")
    return RemoteFile(size if isinstance(size, int) else None, version)


def find(url: str) -> list[str]:
    """The files whose URLs match one with `*` or `[…]` in it, sorted.

    Raises:
        RemoteFileError: nobody says.
    """
    system, path = _system_of(url)
    with _in_our_words(url):
        return sorted(str(system.unstrip_protocol(each)) for each in system.glob(path))


def names_in(url: str) -> list[str]:
    """The names of the files in a folder, sorted; none where there is no such folder.

    Raises:
        RemoteFileError: nobody says.
    """
    system, path = _system_of(url)
    with _in_our_words(url):
        system.invalidate_cache()
        try:
            found = system.ls(path, detail=True)
        except FileNotFoundError:
            return []
    return sorted(str(each["name"]).rpartition("/")[2] for each in found if each.get("type") != "directory")


def put(local: Path, url: str) -> None:
    """Put a file there, in one; what is there under that name is replaced.

    Folders above it are made, but no bucket: object stores have no folders, and to make one there makes the bucket.

    Raises:
        RemoteFileError: it cannot be written.
    """
    system, path = _system_of(url)
    with _in_our_words(url, writing=True):
        if path.startswith("/"):  # of an object store a path begins with the bucket
            system.makedirs(path.rpartition("/")[0], exist_ok=True)
        system.put_file(str(local), path)


class _Raw(io.RawIOBase):
    """The bytes of a file of fsspec, its errors in our words."""

    def __init__(self, file: Any, url: str) -> None:
        super().__init__()
        self._file = file
        self._url = url

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _in_our_words(self._url):
            data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _system_of(url: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ModuleNotFoundError:
        raise RemoteFileError(url, f"a URL is read by fsspec, which is not installed: install {EXTRA}") from None
    try:
        system, path = url_to_fs(url)
    except ImportError as error:
        raise RemoteFileError(url, f"fsspec lacks the package of this protocol: {error}") from None
    except Exception as error:  # noqa: BLE001 - whatever a file system's own constructor raises: no credentials, a bad address
        known = "fsspec knows no such protocol" if "rotocol not known" in str(error) else type(error).__name__
        raise RemoteFileError(
            url, f"it cannot be reached: {known}; see to the URL and to what fsspec needs for it"
        ) from None
    return system, str(path)


@contextlib.contextmanager
def _in_our_words(url: str, *, writing: bool = False) -> Iterator[None]:
    verb = "written" if writing else "read"
    try:
        yield
    except RemoteFileError:
        raise
    except FileNotFoundError:
        missing = (
            "there is no such bucket; make it first, or see to the URL"
            if writing
            else "there is no such file; see to the URL"
        )
        raise RemoteFileError(url, missing) from None
    except PermissionError:
        raise RemoteFileError(url, f"it may not be {verb}; see to the credentials that fsspec uses for it") from None
    except NotImplementedError:
        raise RemoteFileError(url, f"it cannot be {verb} by this protocol; give another, such as s3://") from None
    except Exception as error:  # noqa: BLE001 - packages below fsspec raise their own kinds: aiohttp's, botocore's
        status = getattr(error, "status", None)
        kind = type(error).__name__ + (f", status {status}" if isinstance(status, int) else "")
        raise RemoteFileError(
            url, f"it cannot be {verb}: {kind}; see to the URL, the network and its credentials"
        ) from None
