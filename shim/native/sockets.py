"""libcurl's sockets behind one descriptor: those it waits for, and those it keeps open for later.

Not the system's polling (`poller`) nor the transfers (`http_multi`). libcurl does not watch the connections it keeps, and
looks whether they are alive at most once a second; a request that goes out on a dead one is lost. They are watched here, so
that it is known of a lost request whether its connection had ended before, and the server has seen nothing of it.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time

from shim.native.poller import READ, Bell, make_poller

_REMEMBERED_SECONDS = 5.0  # ample for libcurl to look; a port may be another connection's later


class Sockets:
    """The sockets of one client."""

    def __init__(self) -> None:
        self._poller = make_poller()
        self._bell = Bell(self._poller)
        self._kept = {self._bell.fileno()}
        self._ended: dict[int, float] = {}

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._poller.fileno()

    def ring(self) -> None:
        """Make the descriptor readable until `ready()` is asked."""
        self._bell.ring()

    def watch(self, fd: int, interest: int) -> None:
        """Wait for READ, WRITE or both; 0 says that libcurl keeps the socket, or is about to close it."""
        if interest:
            self._kept.discard(fd)
            self._poller.watch(fd, interest)
            return
        self._kept.add(fd)
        with contextlib.suppress(OSError):  # closed already: then there is nothing to watch
            self._poller.watch(fd, READ)

    def ready(self) -> list[tuple[int, int]]:
        """What is ready of the sockets libcurl waits for."""
        self._bell.hear()
        found = []
        for fd, interest in self._poller.ready():
            if fd not in self._kept:
                found.append((fd, interest))
            elif fd != self._bell.fileno():  # nothing is to come on an idle connection but its end
                self._kept.discard(fd)
                self._note_end(fd)
                self._poller.watch(fd, 0)
        return found

    def had_ended(self, port: int) -> bool:
        """Whether the connection from a local port ended while nobody used it."""
        return port in self._ended

    def _note_end(self, fd: int) -> None:
        now = time.monotonic()
        self._ended = {port: moment for port, moment in self._ended.items() if moment > now - _REMEMBERED_SECONDS}
        with (
            contextlib.suppress(OSError),
            socket.socket(fileno=os.dup(fd)) as kept,
        ):  # no socket: one libcurl made for itself
            name = kept.getsockname()
            if kept.family in (socket.AF_INET, socket.AF_INET6):
                self._ended[name[1]] = now

    def close(self) -> None:
        """Release the descriptor."""
        self._bell.close()
        self._poller.close()
