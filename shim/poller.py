"""What sockets are ready for: epoll, or kqueue where that is what there is, or poll and select as a last resort.

Not the transfers (`shim.native.http_multi`). epoll and kqueue descriptors are themselves pollable (epoll(7), kqueue(2)), so
select, poll and every event loop can wait on this one, and waiting costs the same however many sockets are registered. poll and
select have no descriptor: who waits has to be given the sockets themselves, or to look from time to time
(`shim.native.sockets`).
"""

from __future__ import annotations

import contextlib
import select
import selectors
from collections.abc import Callable
from typing import Any, Protocol

from shim.descriptors import descriptors_for
from shim.fork import close_registered

READ = 1
WRITE = 2
LONGEST_WAIT = 24 * 60 * 60.0  # seconds: the system counts milliseconds in a C int
_LONGEST_WAIT_MS = int(1000 * LONGEST_WAIT)
_MOST_AT_ONCE = 1024
_select: Any = select  # what it has depends on the platform, and is asked at run time


class Poller(Protocol):
    """Registered sockets, and what they are ready for."""

    def fileno(self) -> int | None:
        """The descriptor to wait on; readable while a registered socket is ready. None: there is none."""
        ...

    def watch(self, fd: int, interest: int) -> None:
        """Register a socket for READ, WRITE or both; 0 forgets it."""
        ...

    def keep(self, fd: int) -> None:
        """Register a socket for READ where one word of it will do: it may be said once only."""
        ...

    def ready(self, wait: float = 0) -> list[tuple[int, int]]:
        """What is ready, as (descriptor, READ | WRITE): now, or as soon as something is.

        Args:
            wait: seconds at most until something is, up to LONGEST_WAIT. A signal's handler may close this meanwhile.
        """
        ...

    def forget(self) -> None:
        """In a forked child, close this process's copies of the descriptor and of the sockets, and change nothing else."""
        ...

    def close(self) -> None:
        """Release the descriptor."""
        ...


def as_wait(milliseconds: int) -> float:
    """A timeout, -1 for none, as `Poller.ready` takes it."""
    return LONGEST_WAIT if milliseconds < 0 else min(milliseconds / 1000, LONGEST_WAIT)


def wait_for(descriptor: int, *limits_ms: int) -> bool:
    """Wait until one descriptor is readable, no longer than each limit says, of which -1 is none; return whether it is."""
    milliseconds = _LONGEST_WAIT_MS
    for limit in limits_ms:
        if limit >= 0 and limit < milliseconds:
            milliseconds = limit
    if not hasattr(_select, "poll"):
        return bool(select.select([descriptor], [], [], milliseconds / 1000)[0])
    poll = _select.poll()
    poll.register(descriptor, _select.POLLIN)
    return bool(poll.poll(milliseconds))


def make_selector() -> selectors.BaseSelector:
    """Make what waits for several descriptors and needs none of its own: poll, or select where that is all there is.

    What there is is asked whenever one is made: what runs threads as greenlets (gevent, eventlet) takes away what it cannot
    make wait for the greenlet alone, poll too, and may do so after this was imported.
    """
    made: Callable[[], selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)
    return made()


def make_poller(*, plain: bool = False) -> Poller:
    """Make the platform's poller; `plain` has the last resort made also where there is a better one."""
    with descriptors_for("what waits for sockets"):
        if hasattr(_select, "epoll") and not plain:
            return EpollPoller()
        if hasattr(_select, "kqueue") and not plain:
            return KqueuePoller()
        return PlainPoller()


class EpollPoller:
    """epoll(7), level-triggered."""

    def __init__(self) -> None:
        self._epoll = _select.epoll()
        self._interests = _Interests()
        self._masks = {
            READ: _select.EPOLLIN,
            WRITE: _select.EPOLLOUT,
            READ | WRITE: _select.EPOLLIN | _select.EPOLLOUT,
        }
        self._once = _select.EPOLLIN | _select.EPOLLONESHOT

    def fileno(self) -> int:
        """The epoll descriptor."""
        descriptor: int = self._epoll.fileno()
        return descriptor

    def watch(self, fd: int, interest: int) -> None:
        """Register, change or forget a socket.

        libcurl closes a socket and gets the same number for the next without telling: the kernel has then dropped the
        registration with the closed socket, so what we remember of a number proves nothing, and the kernel is asked.
        """
        if not interest:
            with contextlib.suppress(OSError):  # closed already, and so forgotten already
                self._epoll.unregister(fd)
            return
        try:
            self._epoll.modify(fd, self._masks[interest])
        except FileNotFoundError:
            self._epoll.register(fd, self._masks[interest])

    def keep(self, fd: int) -> None:
        """Register a socket to be told of once.

        A forked child may hold a copy of a socket that libcurl closes here. The kernel then keeps the registration, which
        nobody can take back without the descriptor: told of again and again, it would have every loop spin.
        """
        try:
            self._epoll.modify(fd, self._once)
        except FileNotFoundError:
            self._epoll.register(fd, self._once)

    def ready(self, wait: float = 0) -> list[tuple[int, int]]:
        """What is ready; an error or a hang-up counts as readable, so that libcurl finds it."""
        found: list[tuple[int, int]]
        try:
            found = self._epoll.poll(wait, _MOST_AT_ONCE)
        except OSError:
            if wait != 0 and self._epoll.closed:  # by a signal's handler, while this waited
                return []
            raise
        for _, events in found:
            if events != READ:  # which is EPOLLIN
                interests = self._interests
                return [(fd, interests[events]) for fd, events in found]
        return found

    def forget(self) -> None:
        """Close the copies; the set is the parent's too."""
        close_registered(self._epoll.fileno())
        self._epoll.close()

    def close(self) -> None:
        """Release the epoll descriptor."""
        self._epoll.close()


class _Interests(dict[int, int]):
    """epoll's event bits -> READ | WRITE; each combination is worked out once, and there are few."""

    def __missing__(self, events: int) -> int:
        writable: int = _select.EPOLLOUT
        self[events] = interest = (WRITE if events & writable else 0) | (READ if events & ~writable else 0)
        return interest


class KqueuePoller:
    """kqueue(2), one filter for reading and one for writing; `api` has it, as `select` does on BSD and macOS."""

    def __init__(self, api: Any = _select) -> None:
        self._api = api
        self._kqueue = api.kqueue()

    def fileno(self) -> int:
        """The kqueue descriptor."""
        descriptor: int = self._kqueue.fileno()
        return descriptor

    def watch(self, fd: int, interest: int) -> None:
        """Register, change or forget a socket: each filter is added or deleted by itself."""
        api = self._api
        for flag, kind in ((READ, api.KQ_FILTER_READ), (WRITE, api.KQ_FILTER_WRITE)):
            if interest & flag:
                self._kqueue.control([api.kevent(fd, kind, api.KQ_EV_ADD)], 0)
                continue
            with contextlib.suppress(OSError):  # a filter that was not there, or went with its socket
                self._kqueue.control([api.kevent(fd, kind, api.KQ_EV_DELETE)], 0)

    def keep(self, fd: int) -> None:
        """Register a socket for READ."""
        self.watch(fd, READ)

    def ready(self, wait: float = 0) -> list[tuple[int, int]]:
        """What is ready."""
        writing = self._api.KQ_FILTER_WRITE
        try:
            events = self._kqueue.control(None, _MOST_AT_ONCE, wait)
        except OSError:
            if wait != 0 and self._kqueue.closed:  # by a signal's handler, while this waited
                return []
            raise
        return [(event.ident, WRITE if event.filter == writing else READ) for event in events]

    def forget(self) -> None:
        """Nothing: a child has no copy of a kqueue (kqueue(2)), and its copies of the sockets end with it."""

    def close(self) -> None:
        """Release the kqueue descriptor."""
        self._kqueue.close()


class PlainPoller:
    """poll(2), or select(2) where that is all there is, as on Windows: there a process has 512 sockets at most (FD_SETSIZE)."""

    def __init__(self, make: Callable[[], selectors.BaseSelector] | None = None) -> None:
        self._selector = (make or make_selector)()

    def fileno(self) -> None:
        """None: there is no descriptor that tells of the others."""

    def watch(self, fd: int, interest: int) -> None:
        """Register, change or forget a socket; the bits of READ and WRITE are those of `selectors`."""
        known = fd in self._selector.get_map()
        if known and not interest:
            self._selector.unregister(fd)
        elif known:
            self._selector.modify(fd, interest)
        elif interest:
            self._selector.register(fd, interest)

    def keep(self, fd: int) -> None:
        """Register a socket for READ."""
        self.watch(fd, READ)

    def ready(self, wait: float = 0) -> list[tuple[int, int]]:
        """What is ready; poll finds a socket that was closed readable, select refuses it."""
        try:
            found = self._selector.select(wait)
        except OSError:
            if not self._selector.get_map():  # closed, by a signal's handler, while this waited
                return []
            self._forget_closed()
            found = self._selector.select(0)
        return [(key.fd, interest) for key, interest in found]

    def registered(self) -> list[tuple[int, int]]:
        """What is registered, and for what."""
        return [(key.fd, key.events) for key in self._selector.get_map().values()]

    def forget(self) -> None:
        """Nothing: what it has registered it alone knows, and this process's copies of the sockets end with it."""

    def close(self) -> None:
        """Forget all."""
        self._selector.close()

    def _forget_closed(self) -> None:
        for fd in [fd for fd, _ in self.registered() if not _is_open(fd)]:
            self._selector.unregister(fd)


def _is_open(fd: int) -> bool:
    try:
        select.select([fd], [], [], 0)
    except OSError:
        return False
    return True
