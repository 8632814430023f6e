"""A wake-up: a descriptor that whoever waits for others can wait for too, made readable by hand.

Not what is waited for (`shim.poller`, `shim.loops`). An eventfd where the system has one (eventfd(2)), else a pair of
sockets.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading

from shim.descriptors import descriptors_for


class Wakeup:
    """Readable from `ring()` until `hear()`. Belongs to one thread; one that is never heard, an alarm, is rung from any.

    `ring_from_anywhere()` comes from any thread, whatever its own is doing; `quiet()` hears it, and `hear_others()`.
    `is_ringing`: by its own thread.
    """

    __slots__ = ("_descriptor", "_lock", "_sockets", "_was_rung", "is_ringing")

    def __init__(self) -> None:
        self.is_ringing = False
        self._was_rung = False  # from anywhere, and not heard since
        # Between threads that ring and the one that closes: the number is another file's after that. Re-entrant, since a
        # signal handler may ring while its own thread closes.
        self._lock = threading.RLock()
        self._sockets: tuple[socket.socket, socket.socket] | None = None
        self._descriptor = -1
        with descriptors_for("what wakes a waiting loop"):
            self._make()

    def _make(self) -> None:
        if sys.platform == "linux":
            self._descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        else:
            self._sockets = socket.socketpair()
            for each in self._sockets:
                each.settimeout(0)
            self._descriptor = self._sockets[0].fileno()

    def fileno(self) -> int:
        """The descriptor to wait for; -1 once closed."""
        return self._descriptor

    def ring(self) -> None:
        """Make it readable; ringing again before it was heard changes nothing."""
        if self.is_ringing:
            return
        self.is_ringing = True
        if self._sockets is not None:
            self._sockets[1].send(b"!")
        elif sys.platform == "linux":
            os.eventfd_write(self._descriptor, 1)

    def ring_from_anywhere(self) -> None:
        """Make it readable, from any thread; closed it stays quiet. `hear()` does not hear it."""
        with self._lock:
            if self._descriptor < 0:
                return
            if self._sockets is not None:
                with contextlib.suppress(BlockingIOError):  # as full as it can be, and so readable
                    self._sockets[1].send(b"!")
            elif sys.platform == "linux":
                os.eventfd_write(self._descriptor, 1)
            self._was_rung = True  # last: what is readable is always going to be heard

    def hear(self) -> None:
        """Make it quiet again, if its own thread has rung it."""
        if self.is_ringing:
            self.quiet()

    def hear_others(self) -> None:
        """Make it quiet if it was rung from anywhere since; what its own thread rang for, it rings for again."""
        if self._was_rung and self._descriptor >= 0:
            self._was_rung = False  # first, for the same reason
            self.quiet()

    def quiet(self) -> None:
        """Make it quiet, whoever rang it."""
        self.is_ringing = False
        with contextlib.suppress(BlockingIOError):  # a signal handler rang just now, and was read with the others
            if self._sockets is not None:
                self._sockets[0].recv(64)
            elif sys.platform == "linux":
                os.eventfd_read(self._descriptor)

    def close(self) -> None:
        """Release it; may be called again."""
        with self._lock:
            self.release()

    def release(self) -> None:
        """Release it in a forked child, where another thread of the parent's may have held the lock."""
        descriptor, self._descriptor = self._descriptor, -1
        if self._sockets is not None:
            for each in self._sockets:
                each.close()
        elif descriptor >= 0:
            os.close(descriptor)
