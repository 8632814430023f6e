"""Where worker threads leave what they read, and the one descriptor that says so.

Not the delivery to callbacks: that is multi_client.py. The idea is curl_multi's: a descriptor for select(), and a wake-up
that any thread may send.

Invariant, held under the lock: the descriptor has exactly one byte to read when there is something to do, and none
otherwise. So a burst costs one byte, a writer never blocks, and nobody is woken for nothing.
"""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from legacy_openai.transfer import Transfer


class Letter(NamedTuple):
    """What one transfer has to tell: payloads in order, or, with None, that it has ended."""

    transfer: Transfer
    payloads: list[bytes] | None
    size: int
    """What the payloads weigh in the transfer's buffer."""


class Mailbox:
    """Letters from many threads to one; every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._letters: list[Letter] = []
        self._signalled = False
        self._woken = False
        self._kept_awake = False
        self._closed = False
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)  # noqa: FBT003 - the standard library's signature
        self._writer.setblocking(False)  # noqa: FBT003 - the standard library's signature

    def fileno(self) -> int:
        """The descriptor; readable while `is_signalled`."""
        return self._reader.fileno()

    @property
    def is_signalled(self) -> bool:
        """Whether there is something to do."""
        return self._signalled

    def post(self, letter: Letter) -> None:
        """Leave a letter; dropped once the mailbox is closed or the transfer discarded."""
        with self._lock:
            if not self._closed and not letter.transfer.is_discarded:
                self._letters.append(letter)
                self._update()

    def collect(self) -> list[Letter]:
        """Take every letter there is, in order; answers a wake-up."""
        with self._lock:
            letters, self._letters = self._letters, []
            self._woken = False
            self._update()
        return letters

    def put_back(self, letters: Iterable[Letter]) -> None:
        """Return letters that could not be delivered, ahead of those that came meanwhile."""
        with self._lock:
            if not self._closed:
                self._letters[:0] = [letter for letter in letters if not letter.transfer.is_discarded]
                self._update()

    def discard(self, transfer: Transfer) -> None:
        """Throw away what this transfer has left, and whatever it may still be about to post."""
        with self._lock:
            transfer.is_discarded = True
            self._letters = [letter for letter in self._letters if letter.transfer is not transfer]
            self._update()

    def wake(self) -> None:
        """Make the descriptor readable until the next `collect()`; nothing once the mailbox is closed."""
        with self._lock:
            self._woken = True
            self._update()

    def keep_awake(self, *, wanted: bool) -> None:
        """Keep the descriptor readable for a reason of the owner's, or no longer."""
        if wanted != self._kept_awake:  # only the owner's thread writes it: no lock needed to find nothing to do
            with self._lock:
                self._kept_awake = wanted
                self._update()

    def close(self) -> None:
        """Close both ends; later letters are dropped."""
        with self._lock:
            self._close()

    def close_after_fork(self) -> None:
        """Close this process's copies; a thread of the parent may have held the lock when it forked."""
        self._lock = threading.Lock()
        self._close()

    def _close(self) -> None:
        self._closed = True
        self._signalled = False
        self._letters.clear()
        self._reader.close()
        self._writer.close()

    def _update(self) -> None:
        """Bring the descriptor in line with what there is to do."""
        if self._closed:
            return
        wanted = bool(self._letters) or self._woken or self._kept_awake
        if wanted and not self._signalled:
            self._writer.send(b"\0")
        elif self._signalled and not wanted:
            self._reader.recv(1)
        self._signalled = wanted
