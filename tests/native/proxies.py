"""A proxy on loopback, as small as can be: it forwards HTTP, tunnels CONNECT, or refuses with a status.

Not a server of the API (`shim.testing.fake_openai`). It writes down the first lines and heads it got.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from typing_extensions import Self


class Proxy:
    """A context manager; `refuse` is a status line's rest to answer everything with, such as `407 Denied`.

    With `tls` it is spoken to by TLS itself.
    """

    def __init__(self, *, refuse: str = "", tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.heads: list[str] = []
        self._refuse = refuse
        self._socks: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http{'s' if self._tls else ''}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        for sock in (self._listener, *self._socks):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # each thread sees the end of its own, and closes it
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._socks.append(client)
                self._threads.append(threading.Thread(target=self._serve, args=(client,), daemon=True))
                self._threads[-1].start()

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError), self._secured(plain) as client:
            data = b""
            while b"\r\n\r\n" not in data:
                piece = client.recv(65536)
                if not piece:
                    return
                data += piece
            head = data.partition(b"\r\n\r\n")[0].decode()
            self.heads.append(head)
            method, target, _ = head.split("\r\n")[0].split()
            if self._refuse:
                client.sendall(f"HTTP/1.1 {self._refuse}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
                return
            where = target if method == "CONNECT" else urlsplit(target).netloc
            host, _, port = where.rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                if method == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connection established\r\nx-proxy: yes\r\n\r\n")
                else:
                    path = urlsplit(target).path.encode()
                    server.sendall(data.replace(target.encode(), path, 1))
                _join(client, server)

    def _secured(self, plain: socket.socket) -> socket.socket:
        return plain if self._tls is None else self._tls.wrap_socket(plain, server_side=True)


def _join(client: socket.socket, server: socket.socket) -> None:
    """Pass bytes both ways until either end has gone."""
    other = {client: server, server: client}
    while True:
        decoded = [client] if isinstance(client, ssl.SSLSocket) and client.pending() else []
        for ready in decoded or select.select([client, server], [], [])[0]:
            piece = ready.recv(65536)
            if not piece:
                return
            other[ready].sendall(piece)
