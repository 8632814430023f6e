"""Where the proxy listens: `HOST:PORT`, on this machine only unless others are allowed.

Not the server (`server`). Whoever reaches the proxy reaches the upstream, and every caller's key passes through it.
"""

from __future__ import annotations

import ipaddress
import socket

from msgspec import Struct

BACKLOG = 1024


class Address(Struct, frozen=True):
    """A host, without brackets, and a port; 0 takes a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `127.0.0.1:8080`, `[::1]:8080`, `localhost:0`, or a port alone, which is one of 127.0.0.1.

        Raises:
            ValueError: it is none.
        """
        host, colon, port = text.rpartition(":")
        if not (port.isascii() and port.isdigit() and int(port) <= 65535) or (colon and not host):
            raise ValueError(f"{text!r} is no address; give HOST:PORT such as 127.0.0.1:8080, port 0 for a free one")
        if (":" in host) != (host.startswith("[") and host.endswith("]")):
            raise ValueError(f"{text!r} is no address; write an IPv6 host in brackets, such as [::1]:8080")
        return cls(host.strip("[]") or "127.0.0.1", int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it; of names that is known of "localhost" alone."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def listen(self) -> socket.socket:
        """Open it.

        Raises:
            OSError: the port is taken, or the host is none of this machine's.
        """
        family, _, _, _, place = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
        return socket.create_server((str(place[0]), self.port), family=family, backlog=BACKLOG)

    def at(self, listener: socket.socket) -> str:
        """Write the address of an open socket as a URL has it."""
        host, port = listener.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
