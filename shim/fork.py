"""What a forked child does with what it got from its parent: it lets go of it, and touches none; when none is made.

Not when it lets go (`shim.native.http_multi`). A child shares its parent's connections and its epoll set: libcurl,
where it frees a connection, tells the peer (TLS's close_notify, HTTP/2's GOAWAY) and reads what the parent was to read;
epoll_ctl changes what the parent waits for.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_TARGET: Final = "tfd:"
_INODE: Final = "ino:"
_LONGEST_HOLD: Final = (
    5.0  # seconds from its beginning on: who holds forks up may hang, and no further fork waits for it
)
_LOOK_SECONDS: Final = 0.001


def never_free(*objects: object) -> None:
    """Give objects a reference that nothing takes back, not even the end of the interpreter: their destructors never run."""
    for each in objects:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(each))


def of_one_process(kind: Any) -> Any:
    """A subclass whose objects are freed in the process that made them alone, and stay in any other.

    For what tells a peer when it is freed. Its owner's finalizer may come too late to prevent that: the collector calls those of
    all that dies together, in any order, and leaves out none that has been given a reference meanwhile.
    """

    class OfOneProcess(kind):  # type: ignore[misc]  # pycurl ships no types
        def __init__(self) -> None:
            super().__init__()
            self._process = os.getpid()

        def __del__(self) -> None:
            # Nothing in its own process, and so not what the kind does here, as pycurl's since 7.49: that would close it in any
            # order among finalizers that may still use it. What frees it comes after them all.
            if os.getpid() != self._process:
                never_free(self)

    return OfOneProcess


def close_registered(epoll: int) -> None:
    """Close this process's copies of the sockets that an epoll set has, and leave the set as it is.

    The set tells by descriptor and inode what it has, so that a file which got the number of a socket since is left alone. Where
    the system does not tell (proc(5), fdinfo of epoll, since Linux 4.13), the copies stay until this process ends or executes.
    """
    try:
        lines = Path(f"/proc/self/fdinfo/{epoll}").read_text("ascii").splitlines()
    except OSError:
        return
    for line in lines:
        words = line.replace(_INODE, f"{_INODE} ").split()
        if words[:1] == [_TARGET] and _INODE in words:
            _close_if(int(words[1]), inode=int(words[words.index(_INODE) + 1], 16))


def _close_if(fd: int, *, inode: int) -> None:
    try:
        if os.fstat(fd).st_ino == inode:
            os.close(fd)
    except OSError:
        return  # it is closed already


class _Holders:
    """Who holds forks up, and the hook that waits for them, set with the first; hooks cannot be taken back."""

    def __init__(self) -> None:
        # Held over a fork: nobody begins meanwhile. Re-entrant: a signal handler may fork.
        self._lock = threading.RLock()
        self._until: dict[object, tuple[int, float]] = {}  # each holder's thread, and when it counts no more
        self._is_hooked = False

    def enter(self) -> object:
        holder = object()
        with self._lock:
            if not self._is_hooked and hasattr(os, "register_at_fork"):
                os.register_at_fork(before=self._before, after_in_parent=self._after, after_in_child=self._in_child)
                self._is_hooked = True
            self._until[holder] = threading.get_ident(), time.monotonic() + _LONGEST_HOLD
        return holder

    def leave(self, holder: object) -> None:
        with self._lock:
            self._until.pop(holder, None)

    def _before(self) -> None:
        own = threading.get_ident()
        while True:
            self._lock.acquire()
            now = time.monotonic()
            if all(thread == own or until <= now for thread, until in self._until.values()):
                return
            self._lock.release()
            time.sleep(_LOOK_SECONDS)

    def _after(self) -> None:
        self._lock.release()

    def _in_child(self) -> None:
        """Begin anew: who forks in C may have called this hook alone, as uwsgi does."""
        self._lock = threading.RLock()
        self._until.clear()


_holders = _Holders()


@contextlib.contextmanager
def forks_held_up() -> Iterator[None]:
    """Have no other thread fork meanwhile, for up to five seconds; for a thread of ours that imports modules.

    A module that is being imported when the process forks can never be imported in the child: the lock on it is held by a
    thread that is not there, and whoever imports it hangs.
    """
    holder = _holders.enter()
    try:
        yield
    finally:
        _holders.leave(holder)
