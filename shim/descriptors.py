"""Running out of file descriptors: the one error that says so, what its limit is, and the remedy.

Not what a request is told of it (`shim.native.curl_faults`, `shim.legacy_adapter.call`), which ask here for the words. A process
has a limit of its own (EMFILE, RLIMIT_NOFILE in getrlimit(2)), the system one for all (ENFILE).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from shim.model import ShimError

_EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE})


class OutOfDescriptorsError(ShimError, OSError):
    """Something that needs a file descriptor could not be made, since none is left. `errno` is EMFILE or ENFILE."""

    def __init__(self, number: int, message: str) -> None:
        super().__init__(number, message)

    def __str__(self) -> str:
        return str(self.strerror)


@contextmanager
def descriptors_for(what: str, *, count: int = 1) -> Iterator[None]:
    """Make something that needs descriptors, where there are so many; else nothing of it is begun.

    Raises:
        OutOfDescriptorsError: there are fewer, before or while it is made.
    """
    try:
        _try_for(count)
        yield
    except OutOfDescriptorsError:
        raise
    except OSError as error:
        if not is_exhausted(error):
            raise
        raise OutOfDescriptorsError(error.errno or errno.EMFILE, f"{what} cannot be made: {shortage(error)}") from None


def is_exhausted(error: BaseException | None) -> bool:
    """Whether an exception of the system says that no descriptor is left."""
    return isinstance(error, OSError) and error.errno in _EXHAUSTED


def shortage(error: OSError) -> str:
    """What ran out, the limit, and the remedy."""
    if error.errno == errno.ENFILE:
        return "the system has no file descriptor left for any process (ENFILE); raise fs.file-max, or close something"
    limit = _limit()
    told = f" of the {limit} it may have" if limit else ""
    return (
        f"this process has no file descriptor left{told} (EMFILE); raise RLIMIT_NOFILE (`ulimit -n`), "
        "or have fewer connections at a time (max_connections, max_concurrency)"
    )


def current_shortage() -> OSError | None:
    """The system's error where no descriptor is left just now; for who is not told why something failed."""
    try:
        _try_for(1)
    except OSError as error:
        return error if is_exhausted(error) else None
    return None


def _try_for(count: int) -> None:
    held: list[int] = []
    try:
        for _ in range(count):
            held.append(os.open(os.devnull, os.O_RDONLY))  # noqa: PERF401 - those opened before a failure are closed
    finally:
        for descriptor in held:
            os.close(descriptor)


def _limit() -> int | None:
    """The limit of this process; None where the system does not tell."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return None
    api: Any = resource
    soft: int = api.getrlimit(api.RLIMIT_NOFILE)[0]
    return soft if soft >= 0 else None
