"""Whether a peer that sends nothing more has gone, or only ended its sending side and still wants its answer.

Not what follows from it (`client_connection`). The FIN that comes is the same (RFC 9293 3.6), but of a peer on this machine Linux
tells more: a socket that nobody holds any more has no inode (sock_diag(7), `inet_diag_msg`). Of others only a write shows it.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from typing import Final

# sock_diag(7), netlink(7): one request for the very socket, so that the number of others does not matter.
_HEADER: Final = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_ASKED: Final = struct.Struct("=BBBxI")  # inet_diag_req_v2: family, protocol, extensions, states
_SOCKET_ID: Final = struct.Struct("!HH16s16sIII")  # inet_diag_sockid: ports, addresses, interface, cookie
_INODE: Final = struct.Struct("=4x48x16xI")  # the part of inet_diag_msg up to the inode
_BY_FAMILY, _REQUEST, _ERROR = 20, 1, 2
_ANY: Final = 0xFFFFFFFF
_NETLINK_SOCK_DIAG: Final = 4


def has_gone(sock: socket.socket) -> bool | None:
    """Whether the other end of a connection, of which a FIN has come, is held by nobody; None where that cannot be known."""
    family: int = getattr(socket, "AF_NETLINK", -1)
    if family < 0:
        return None  # no Linux
    try:
        peer, ours = sock.getpeername()[:2], sock.getsockname()[:2]
        if peer[0] != ours[0] and not ipaddress.ip_address(peer[0]).is_loopback:
            return None
        with socket.socket(family, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as asking:
            asking.settimeout(0)  # the kernel answers before `send` returns
            asking.send(_question(sock.family, peer=peer, ours=ours))
            answer = asking.recv(4096)
    except (OSError, ValueError):
        return None  # it may not be asked here; a write will tell
    kind = _HEADER.unpack_from(answer)[1]
    if kind == _ERROR:
        (number,) = struct.unpack_from("=i", answer, _HEADER.size)
        return True if -number == errno.ENOENT else None
    (inode,) = _INODE.unpack_from(answer, _HEADER.size)
    return bool(inode == 0)


def _question(family: int, *, peer: tuple[str, int], ours: tuple[str, int]) -> bytes:
    addresses = [socket.inet_pton(family, host) for host, _ in (peer, ours)]
    asked = _ASKED.pack(family, socket.IPPROTO_TCP, 0, _ANY)
    asked += _SOCKET_ID.pack(peer[1], ours[1], *addresses, 0, _ANY, _ANY)
    return _HEADER.pack(_HEADER.size + len(asked), _BY_FAMILY, _REQUEST, 1, 0) + asked
