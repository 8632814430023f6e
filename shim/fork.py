"""What a forked child does with what it got from its parent: it lets go of it, and touches none of it.

Not when (`shim.native.http_multi`). A child shares its parent's connections and its epoll set: libcurl, where it frees a
connection, tells the peer (TLS's close_notify, HTTP/2's GOAWAY) and reads what the parent was to read; epoll_ctl changes what
the parent waits for.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any, Final

_TARGET: Final = "tfd:"
_INODE: Final = "ino:"


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
            if os.getpid() != self._process:
                never_free(self)
            elif hasattr(kind, "__del__"):  # of pycurl's since 7.49
                super().__del__()

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
