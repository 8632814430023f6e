"""A wake-up: a descriptor that whoever waits for others can wait for too, made readable by hand.

Not what is waited for (`shim.poller`, `shim.loops`). An eventfd where the system has one (eventfd(2)), else a pair of
sockets.
"""

from __future__ import annotations

import os
import socket
import sys

from shim.descriptors import descriptors_for


class Wakeup:
    """Readable from `ring()` until `hear()`. Belongs to one thread; one that is never heard, an alarm, is rung from any."""

    __slots__ = ("_descriptor", "_is_ringing", "_sockets")

    def __init__(self) -> None:
        self._is_ringing = False
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
        if self._is_ringing:
            return
        self._is_ringing = True
        if self._sockets is not None:
            self._sockets[1].send(b"!")
        elif sys.platform == "linux":
            os.eventfd_write(self._descriptor, 1)

    def hear(self) -> bool:
        """Make it quiet again; return whether it had been rung."""
        if not self._is_ringing:
            return False
        self._is_ringing = False
        if self._sockets is not None:
            self._sockets[0].recv(64)
        elif sys.platform == "linux":
            os.eventfd_read(self._descriptor)
        return True

    def close(self) -> None:
        """Release it; may be called again."""
        descriptor, self._descriptor = self._descriptor, -1
        if self._sockets is not None:
            for each in self._sockets:
                each.close()
        elif descriptor >= 0:
            os.close(descriptor)
