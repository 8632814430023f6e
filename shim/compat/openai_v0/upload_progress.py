"""A file that shows how much of it has been sent; old scripts wrap their uploads in it.

Not an upload (`api_resources.file`). Names as in openai 0.28.1, which drew with tqdm; here it is a line on stderr.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable


class CancelledError(Exception):
    """The upload was cancelled by what shows it."""

    def __init__(self, msg: str) -> None:
        super().__init__(msg)
        self.msg = msg


class BufferReader(io.BytesIO):
    """Bytes to be sent; `desc` says of what, and nothing is shown without."""

    def __init__(self, buf: bytes = b"", desc: str | None = None) -> None:
        super().__init__(buf)
        self._length = len(buf)
        self._show = None if desc is None else progress(len(buf), desc=desc)

    def __len__(self) -> int:
        return self._length

    def read(self, n: int | None = -1) -> bytes:
        """The next bytes, shown as sent."""
        chunk = super().read(n)
        if self._show is not None:
            self._show(len(chunk))
        return chunk


def progress(total: int, desc: str) -> Callable[[int], None]:
    """What shows progress: called with the bytes of each step."""
    done = 0

    def show(step: int) -> None:
        nonlocal done
        done += step
        sys.stderr.write(f"\r{desc}: {MB(done):.1f} of {MB(total):.1f} MB" + ("\n" if not step else ""))

    return show


def MB(i: int) -> float:  # noqa: N802 - the name in 0.28
    """Bytes as megabytes."""
    return i / 1024**2
