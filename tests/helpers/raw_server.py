"""A loopback server that plays a script byte for byte, however wrong. Not a polite server: that is shim.testing."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from legacy_openai import Config, Conversation, Message

if TYPE_CHECKING:
    import ssl

    from typing_extensions import Self

Action: TypeAlias = "bytes | Callable[[Connection], None]"
KEY = "sk-secret-0123456789"
SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def events(*payloads: bytes) -> bytes:
    """Each payload as an event in a chunk of its own."""
    return b"".join(chunk(b"data: " + payload + b"\n\n") for payload in payloads)


def json_answer(body: bytes, status: str = "200 OK") -> bytes:
    """A whole JSON answer with its length."""
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        status.encode(),
        len(body),
        body,
    )


@dataclass
class Connection:
    """One accepted connection, as actions see it."""

    sock: socket.socket
    server: RawServer
    sent: int = 0

    def read_request(self) -> bytes:
        """Read one request with its body; empty when the client has gone."""
        data = b""
        while b"\r\n\r\n" not in data:
            piece = self.sock.recv(65536)
            if not piece:
                return b""
            data += piece
        head, _, body = data.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        while len(body) < int(lengths[0]):
            piece = self.sock.recv(65536)
            if not piece:
                return b""
            body += piece
        self.server.requests.append(head + b"\r\n\r\n" + body)
        return head


def read(connection: Connection) -> None:
    """Wait for a request."""
    if not connection.read_request():
        raise ConnectionAbortedError


def reset(connection: Connection) -> None:
    """Close with a TCP reset."""
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise ConnectionAbortedError


def stall(connection: Connection) -> None:
    """Say nothing until the client has gone."""
    connection.server.stalled.release()
    while connection.sock.recv(65536):
        pass


def flood(connection: Connection) -> None:
    """Push 50 MiB of events as fast as they are taken; `server.flooded` counts the bytes that left."""
    block = events(b"x" * 1000) * 16
    for _ in range(50 * 1024 * 1024 // len(block)):
        connection.sock.sendall(block)
        connection.server.flooded += len(block)


def wait_for(event: threading.Event) -> Callable[[Connection], None]:
    """Go on when the event is set."""

    def action(connection: Connection) -> None:
        assert event.wait(15)

    return action


@dataclass
class RawServer:
    """Plays `scripts[n]` on the n-th connection, the last one on all further; a context manager."""

    scripts: list[list[Action]]
    tls: ssl.SSLContext | None = None
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    flooded: int = 0
    stalled: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._port = self._listener.getsockname()[1]
        self._socks: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in list(self._socks):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()

    @property
    def url(self) -> str:
        """The base URL of the server."""
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self._port}/v1"

    def config(self, **changes: object) -> Config:
        """A configuration that points here."""
        settings: dict[str, object] = {"openai_api_key": KEY, "openai_model": "m", "openai_base_url": self.url}
        return Config(**{**settings, **changes})  # type: ignore[arg-type] # a test may pass what it likes

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._socks.add(sock)
                script = self.scripts[min(self.connections, len(self.scripts) - 1)]
                self.connections += 1
                thread = threading.Thread(target=self._play, args=(sock, script), daemon=True)
                self._threads = [old for old in self._threads if old.is_alive()] + [thread]
                thread.start()

    def _play(self, plain: socket.socket, script: list[Action]) -> None:
        sock = plain
        with contextlib.suppress(OSError):
            if self.tls is not None:
                sock = self.tls.wrap_socket(plain, server_side=True)
                self._socks.add(sock)
            connection = Connection(sock, self)
            for action in script:
                if callable(action):
                    action(connection)
                else:
                    sock.sendall(action)
        self._socks -= {plain, sock}
        sock.close()


HELLO = Conversation().add(Message("user", "hi"))
