"""libcurl's sockets behind one descriptor: those it waits for, and those it keeps open for later.

Not the system's polling (`poller`) nor the transfers (`http_multi`). libcurl does not watch the connections it keeps, and
looks whether they are alive at most once a second; a request that goes out on a dead one is lost. They are watched here, so
that it is known of a lost request whether its connection had ended before, and the server has seen nothing of it.

The last resort. Where the system has no descriptor that tells of others, the one descriptor tells of starting and cancelling
alone, and the sockets are looked at from time to time: after a silence twice as long as the last, 50 ms at most. So what a
server sends is late by no more than the silence before it, and a loop that waits takes twenty turns a second. `fdset()` names
every socket there: a loop that selects on all of them is as prompt as elsewhere.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time

from shim.poller import READ, WRITE, PlainPoller, make_poller
from shim.wakeup import Wakeup

_REMEMBERED_SECONDS = 5.0  # ample for libcurl to look; a port may be another connection's later
_SHORTEST_PAUSE = 0.001  # seconds between two looks at sockets no descriptor tells of
_LONGEST_PAUSE = 0.05


class Sockets:
    """The sockets of one client; `plain` takes the last resort also where there is better.

    Attributes:
        look_at: the moment to call `ready()` although nothing told to, monotonic seconds; infinity where all is told.
    """

    def __init__(self, *, plain: bool = False) -> None:
        self._poller = make_poller(plain=plain)
        self._plain = self._poller if isinstance(self._poller, PlainPoller) else None
        self._wakeup = Wakeup()
        self._poller.watch(self._wakeup.fileno(), READ)
        self._kept = {self._wakeup.fileno()}
        self._ended: dict[int, float] = {}
        self._pause = _SHORTEST_PAUSE
        self.look_at = math.inf if self._plain is None else 0.0

    def fileno(self) -> int:
        """The descriptor to wait on."""
        descriptor = self._poller.fileno()
        return self._wakeup.fileno() if descriptor is None else descriptor

    def fdset(self) -> tuple[list[int], list[int], list[int]]:
        """The descriptors to select on: the one, or as a last resort all; a connection refused is exceptional on Windows."""
        if self._plain is None:
            return [self.fileno()], [], []
        waited = [(fd, interest) for fd, interest in self._plain.registered() if fd not in self._kept]
        writing = [fd for fd, interest in waited if interest & WRITE]
        return [self.fileno(), *(fd for fd, interest in waited if interest & READ)], writing, list(writing)

    def ring(self) -> None:
        """Make the descriptor readable until `ready()` is asked."""
        self._wakeup.ring()

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
        rung = self._wakeup.hear()
        found = self._poller.ready()
        for fd, _ in found:
            if fd in self._kept:
                found = self._without_kept(found)
                break
        if self._plain is not None:
            self._pause = _SHORTEST_PAUSE if found or rung else min(2 * self._pause, _LONGEST_PAUSE)
            self.look_at = time.monotonic() + self._pause
        return found

    def _without_kept(self, found: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Take out those that are kept: nothing is to come on an idle connection but its end."""
        ended = [fd for fd, _ in found if fd in self._kept and fd != self._wakeup.fileno()]
        waited = [(fd, interest) for fd, interest in found if fd not in self._kept]
        for fd in ended:
            self._kept.discard(fd)
            self._note_end(fd)
            self._poller.watch(fd, 0)
        return waited

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
        self._wakeup.close()
        self._poller.close()
