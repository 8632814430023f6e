"""The rules of kqueue(2) kept on top of epoll, for tests where there is no kqueue: as `select` has it elsewhere.

Not a kqueue: it holds the poller to kevent's rules (filters apart, a deletion of what is not there is an error, a closed
socket takes its filters along), and says nothing of a BSD kernel.
"""

from __future__ import annotations

import errno
import os
import select
from collections.abc import Iterable
from typing import Final, NamedTuple

KQ_FILTER_READ: Final = -1
KQ_FILTER_WRITE: Final = -2
KQ_EV_ADD: Final = 0x0001
KQ_EV_DELETE: Final = 0x0002

_MASKS = {KQ_FILTER_READ: select.EPOLLIN, KQ_FILTER_WRITE: select.EPOLLOUT}


class kevent(NamedTuple):  # noqa: N801 - the name that select has
    """A change, or an event."""

    ident: int
    filter: int
    flags: int = KQ_EV_ADD


class kqueue:  # noqa: N801 - the name that select has
    """Filters on descriptors, each by itself."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._filters: dict[int, set[int]] = {}

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._epoll.fileno()

    def control(self, changes: Iterable[kevent] | None, max_events: int, timeout: float | None = None) -> list[kevent]:
        """Make the changes in order, then give at most so many events; OSError as kevent(2) sets errno."""
        for change in changes or ():
            self._forget_if_closed(change.ident)
            self._change(change)
        if not max_events:
            return []
        found = self._epoll.poll(timeout, max_events)
        return [kevent(fd, kind) for fd, events in found for kind in self._told(fd, events)]

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._epoll.closed

    def close(self) -> None:
        """Forget all."""
        self._epoll.close()

    def _change(self, change: kevent) -> None:
        filters = self._filters.setdefault(change.ident, set())
        was_known = bool(filters)
        if change.flags == KQ_EV_ADD:
            os.fstat(change.ident)  # raises EBADF
            filters.add(change.filter)
        elif change.filter in filters:
            filters.discard(change.filter)
        else:
            raise OSError(errno.ENOENT, "no such filter")
        mask = sum(_MASKS[kind] for kind in filters)
        if not filters:
            self._epoll.unregister(change.ident)
        elif was_known:
            self._epoll.modify(change.ident, mask)
        else:
            self._epoll.register(change.ident, mask)

    def _forget_if_closed(self, fd: int) -> None:
        """A descriptor that was closed, or is another's by now, has no filters left: epoll knows whether it is the same."""
        filters = self._filters.get(fd)
        if filters:
            try:
                self._epoll.modify(fd, sum(_MASKS[kind] for kind in filters))
            except OSError:
                filters.clear()

    def _told(self, fd: int, events: int) -> list[int]:
        """A hang-up is told by each filter."""
        filters = sorted(self._filters.get(fd, ()), reverse=True)
        gone = events & (select.EPOLLHUP | select.EPOLLERR)
        return [kind for kind in filters if gone or events & _MASKS[kind]]
