"""libcurl's sockets behind one descriptor: those it waits for, and those it keeps open for later.

Not the system's polling (`poller`) nor the transfers (`http_multi`). libcurl does not watch the connections it keeps, and
looks whether they are alive at most once a second; a request that goes out on a dead one is lost, or read by a server that has
closed its sending side alone and cannot answer. They are watched here. One that has ended is shut down, so that nothing can leave
on it any more: of a request that libcurl still gives to it the server has seen nothing, and it may be sent on another.

The last resort. Where the system has no descriptor that tells of others, the one descriptor tells of starting and cancelling
alone, and the sockets are looked at from time to time: after a silence twice as long as the last, 50 ms at most. So what a
server sends is late by no more than the silence before it, and a loop that waits takes twenty turns a second. `fdset()` names
every socket there: a loop that selects on all of them is as prompt as elsewhere, and so is `wait()`.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import select
import socket
import time
from collections import Counter, deque
from collections.abc import Collection, Iterator

from shim.poller import READ, WRITE, PlainPoller, make_poller
from shim.wakeup import Wakeup

_REMEMBERED_SECONDS = 5.0  # ample for libcurl to look; a port may be another connection's later
_TLS_RECORDS = range(20, 24)  # the first byte of each (RFC 8446 5.1); no answer of HTTP begins so
_SHORTEST_PAUSE = 0.001  # seconds between two looks at sockets no descriptor tells of
_LONGEST_PAUSE = 0.05


class Sockets:
    """The sockets of one client.

    Args:
        plain: take the last resort also where there is better.
        queued: transfers may wait for a connection, and libcurl gives them one that is kept the moment its transfer has ended:
            what is kept is looked at in that moment too, for the price of a system call.

    Attributes:
        found: sockets that are ready, and for what: to be taken from here and told to libcurl, the first before the others.
        has_looked: whether `found` is all there is now; whoever waits does not know how long that holds, and says when no more.
        look_at: the moment to call `wait()` although nothing told to, monotonic seconds; infinity where all is told.
        quiet: while a turn is under way, after which its loop asks `timeout()`: ringing does nothing then.
    """

    def __init__(self, *, plain: bool = False, queued: bool = False) -> None:
        self._queued = queued
        self._poller = make_poller(plain=plain)
        self._plain = self._poller if isinstance(self._poller, PlainPoller) else None
        self._wakeup = Wakeup()
        self._poller.watch(self._wakeup.fileno(), READ)
        self._kept: dict[int, int] = {
            self._wakeup.fileno(): 0
        }  # descriptor -> inode: its number may be another's later
        self._inodes: dict[int, int] = {}  # of the sockets libcurl has made, by number; perhaps closed since
        self._held: Counter[int] = Counter()  # sockets that are paused, each as often
        self._ended: dict[int, float] = {}
        self._pause = _SHORTEST_PAUSE
        self.found: deque[tuple[int, int]] = deque()
        self.has_looked = False
        self.look_at = math.inf if self._plain is None else 0.0
        self.quiet = False

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
        """Make the descriptor readable until `wait()` is called."""
        if not self.quiet:
            self._wakeup.ring()

    @contextlib.contextmanager
    def keep_quiet(self) -> Iterator[None]:
        """Be `quiet` for a while."""
        self.quiet = True
        try:
            yield
        finally:
            self.quiet = False

    def made(self, fd: int, _purpose: int) -> int:
        """Be libcurl's callback for a socket it has made (CURLOPT_SOCKOPTFUNCTION(3)).

        What it is known by is asked here, once, and not whenever it is kept: that is a system call for each answer.
        """
        self._kept.pop(fd, None)
        self._inodes[fd] = os.fstat(fd).st_ino
        return 0

    def ring_from_anywhere(self) -> None:
        """The same from any thread, whatever the client's own is doing."""
        self._wakeup.ring_from_anywhere()

    def watch(self, event: int, fd: int, *_libcurl: object) -> None:
        """Be libcurl's callback for what it waits for on a socket (CURLMOPT_SOCKETFUNCTION(3)).

        Its POLL_IN and POLL_OUT are the bits of READ and WRITE; POLL_REMOVE is a bit of its own.
        """
        interest = event & (READ | WRITE)
        if interest:
            self._kept.pop(fd, None)
            self._poller.watch(fd, interest)
        else:
            self.keep(fd)

    def keep(self, fd: int) -> None:
        """Take it that libcurl keeps a socket, or is about to close it."""
        if fd in self._held:  # paused: what comes on it is neither its end nor noise
            self._poller.watch(fd, 0)
            return
        try:
            inode = self._inodes.get(fd) or os.fstat(fd).st_ino
            self._poller.keep(fd)
        except OSError:
            return  # closed already: then there is nothing to watch
        self._kept[fd] = inode
        if self._queued:
            self._note_end(fd, inode=inode)

    def hold(self, fd: int) -> None:
        """Take it that a transfer on this socket is paused, so that libcurl may wait for nothing there, or does so already."""
        self._held[fd] += 1
        if self._kept.pop(fd, None) is not None:
            self._poller.watch(fd, 0)

    def unhold(self, fd: int) -> None:
        """Take it that one is paused no more."""
        self._held[fd] -= 1
        if not self._held[fd]:
            del self._held[fd]

    def wait(self, seconds: float) -> bool:
        """Look which sockets are ready, once one is or the descriptor was rung, and return whether any is `found`.

        Args:
            seconds: how long to wait for that at most, no longer than `shim.poller.LONGEST_WAIT`.

        A signal's handler may do anything meanwhile, close this too.
        """
        rung = self._wakeup.is_ringing
        if rung:
            self._wakeup.hear()
        known = self.found
        found = self._poller.ready(0.0 if rung or known else seconds)
        for fd, _ in found:
            if fd in self._kept:
                found = self._without_kept(found)
                break
        if self._plain is not None:
            self._pause = _SHORTEST_PAUSE if found or rung else min(2 * self._pause, _LONGEST_PAUSE)
            self.look_at = time.monotonic() + self._pause
        known.extend(_others(found, known) if known else found)
        self.has_looked = True
        return bool(known)

    def _without_kept(self, found: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Take out those that are kept: nothing is to come on an idle connection but its end."""
        bell = self._wakeup.fileno()
        if any(fd == bell for fd, _ in found):  # rung while this waited
            self._wakeup.quiet()
        ended = [fd for fd, _ in found if fd in self._kept and fd != bell]
        waited = [(fd, interest) for fd, interest in found if fd not in self._kept]
        for fd in ended:
            self._note_end(fd, inode=self._kept.pop(fd))
            self._poller.watch(fd, 0)
        return waited

    def had_ended(self, port: int) -> bool:
        """Whether the connection from a local port ended while nobody used it, not long ago; nothing has left on it since."""
        return self._ended.get(port, -math.inf) > time.monotonic() - _REMEMBERED_SECONDS

    def _note_end(self, fd: int, *, inode: int) -> None:
        with contextlib.suppress(OSError):  # closed already, no socket, or nothing has come
            if os.fstat(fd).st_ino != inode:
                return
            kept = socket.socket(fileno=fd)  # libcurl's: to be looked at, and handed back
            try:
                if kept.family in (socket.AF_INET, socket.AF_INET6) and _is_over(kept):
                    self._remember(kept.getsockname()[1])
                    kept.shutdown(socket.SHUT_RDWR)
            finally:
                kept.detach()

    def _remember(self, port: int) -> None:
        now = time.monotonic()
        self._ended.pop(port, None)
        self._ended[port] = now  # the last of them: the first are the oldest
        for oldest, moment in list(itertools.islice(self._ended.items(), 2)):
            if moment <= now - _REMEMBERED_SECONDS:
                del self._ended[oldest]

    def forget(self) -> None:
        """Close this process's copies of a parent's descriptors; what the parent waits for stays as it is."""
        self.found.clear()
        self._inodes.clear()
        self._wakeup.release()  # first: its inode is that of every eventfd
        self._poller.forget()

    def close(self) -> None:
        """Release the descriptor."""
        self.found.clear()
        self._wakeup.close()
        self._poller.close()


def _others(found: list[tuple[int, int]], known: Collection[tuple[int, int]]) -> list[tuple[int, int]]:
    """Those of what was found that are not known: what was not told to libcurl yet is found again."""
    seen = set(known)
    return [each for each in found if each not in seen]


def _is_over(kept: socket.socket) -> bool:
    """Whether an idle connection that is readable can carry no further exchange.

    Its end, or what no request asked for: an answer would be taken for the next one's. Of TLS a record may be anything, such as
    a ticket; there the end of TCP tells, which may stand behind it.
    """
    data = kept.recv(1, socket.MSG_PEEK | getattr(socket, "MSG_DONTWAIT", 0))
    if not data or data[0] not in _TLS_RECORDS:
        return True
    hangup: int = getattr(select, "POLLRDHUP", 0)  # Linux
    if not hangup or not hasattr(select, "poll"):  # which eventlet takes away
        return False
    poll = select.poll()
    poll.register(kept, hangup)
    return bool(poll.poll(0))
