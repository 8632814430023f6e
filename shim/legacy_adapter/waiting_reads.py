"""Reads of a stream's socket that wait in the system: one call an event, where Python's own take two.

Not what is read (`body_look`). A socket with a timeout is one that never waits: Python waits for it by poll(2), then reads, and
lets go of the interpreter's lock for either. With a thread for each stream, handing that lock around is most of what an event
costs. Here the socket waits itself, for as long as it did before (SO_RCVTIMEO, socket(7)), until `end()`.
"""

from __future__ import annotations

import _socket
import contextlib
import math
import socket
import struct
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import io
    from collections.abc import Callable

    from typing_extensions import Buffer

_OWN_WAYS: Final = ("recv_into", "gettimeout", "settimeout", "setsockopt")
"""In which a plain socket of Python's is used here: TLS has others, and so have gevent and eventlet in whatever class's place."""


class WaitingReads:
    """Reads of a plain socket that has a timeout. Whoever sets another meanwhile ends the waiting in the system, and has his.

    Args:
        sock: of which no file holds anything back.
        timeout: its timeout, in seconds.
    """

    __slots__ = ("_recv_into", "_sock", "_timeout")

    def __init__(self, sock: Any, timeout: float) -> None:
        self._sock = sock
        self._timeout = timeout
        self._recv_into: Callable[[Buffer], int] = sock.recv_into
        _limit(sock, timeout)
        sock.settimeout(None)

    def readinto(self, buffer: Buffer, /) -> int:
        """Read once.

        Raises:
            TimeoutError: nothing came for as long as its timeout.
        """
        try:
            return self._recv_into(buffer)
        except BlockingIOError:  # what the system says then
            raise TimeoutError("timed out") from None

    def end(self) -> None:
        """Leave the socket as it was: its connection may serve other requests."""
        with contextlib.suppress(OSError):  # closed already
            self._sock.settimeout(self._timeout)
            _limit(self._sock, 0.0)


def waiting_reads(file: io.BufferedReader) -> WaitingReads | None:
    """Such reads of what is below a file that holds nothing back; None where they are of no use, or not possible."""
    raw: Any = file.raw
    sock: Any = raw._sock if type(raw) is socket.SocketIO else None  # type: ignore[attr-defined]  # noqa: SLF001 - no public way
    kind = type(sock)
    if sys.platform != "linux" or any(
        getattr(kind, way, None) is not getattr(_socket.socket, way) for way in _OWN_WAYS
    ):
        return None
    timeout = sock.gettimeout()
    with contextlib.suppress(OSError):  # closed already: who reads meets that
        return WaitingReads(sock, timeout) if timeout else None
    return None


def _limit(sock: Any, seconds: float) -> None:
    """Set how long the socket waits, where it waits itself; 0 is without end (a struct timeval)."""
    timeval = divmod(math.ceil(seconds * 1e6), 1_000_000)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", *timeval))
