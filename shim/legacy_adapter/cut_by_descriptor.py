"""Cutting a connection whose socket is of no class that can shut one down, as eventlet's are: by its descriptor.

Not the cutting (`legacy_openai.connections`, untouched), which asks `socket.socket` to shut a socket down: eventlet puts a class
there that has no such method, and whose TLS sockets would go on in the clear. Whoever waits for the socket sees its end, a
greenlet too.
"""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from legacy_openai.connections import Cutoff

_WATCHED: Final = "_watched_by"


class _ByDescriptor:
    """A cutoff, shown what can be shut down."""

    def __init__(self, cutoff: Cutoff) -> None:
        self._cutoff = cutoff
        self.release = cutoff.release

    def watch(self, sock: Any) -> None:
        """Watch this socket."""
        self._cutoff.watch(_Descriptor(sock))


class _Descriptor:
    """A socket, known by its descriptor alone."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def shutdown(self, how: int) -> None:
        """Shut it down beneath its class; one that is closed needs none."""
        copy = socket.SocketType(fileno=os.dup(self._sock.fileno()))
        try:
            copy.shutdown(how)
        finally:
            copy.close()


def _get(connection: Any) -> Any:
    return connection.__dict__.get(_WATCHED)


def _set(connection: Any, cutoff: Cutoff | None) -> None:
    shown = cutoff if cutoff is None or hasattr(socket.socket, "shutdown") else _ByDescriptor(cutoff)
    connection.__dict__[_WATCHED] = shown


watched_cutoff: Final = property(_get, _set)
"""The `_cutoff` of a connection. It looks each time, as what patches `socket` may come late."""
