"""A loopback server that plays a script byte for byte, however wrong. Not a polite server: that is shim.testing."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from legacy_openai import Config, Conversation, Message

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    from typing_extensions import Self

Action: TypeAlias = "bytes | Callable[[Connection], None]"
PATIENCE_SECONDS = 10.0
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
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not event.wait(0.02):
            if connection.server.is_over:  # its test has failed before it could set the event
                raise ConnectionAbortedError
            assert time.monotonic() < deadline, f"the test did not go on within {PATIENCE_SECONDS:g} seconds"

    return action


@dataclass
class RawServer:
    """Plays `scripts[n]` on the n-th connection, the last one on all further; a context manager.

    What a script raises, but for the end of its connection, is raised where the block ends, unless that ends by an exception.
    """

    scripts: list[list[Action]]
    tls: ssl.SSLContext | None = None
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    flooded: int = 0
    stalled: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    is_over: bool = False

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._port = self._listener.getsockname()[1]
        self._lock = threading.Lock()  # of the three below, and of `is_over`
        self._socks: set[socket.socket] = set()
        self._faults: list[BaseException] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            self.is_over = True
            for sock in self._socks:
                with contextlib.suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
            threads = list(self._threads)
        deadline = time.monotonic() + PATIENCE_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if error is None:
            assert not [thread for thread in threads if thread.is_alive()]
            for fault in self._faults:
                raise fault

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
                with self._lock:
                    if self.is_over:  # nobody would end it any more
                        sock.close()
                        return
                    self._socks.add(sock)
                    script = self.scripts[min(self.connections, len(self.scripts) - 1)]
                    self.connections += 1
                    thread = threading.Thread(target=self._run, args=(sock, script), daemon=True)
                    thread.start()
                    self._threads = [old for old in self._threads if old.is_alive()] + [thread]

    def _run(self, plain: socket.socket, script: list[Action]) -> None:
        with ExitStack() as ending:
            ending.callback(self._forget, plain)
            try:
                self._play(plain, script, ending=ending)
            except OSError:
                pass  # the connection has ended, by either side
            except BaseException as fault:  # noqa: BLE001 - told where the test can see it
                self._faults.append(fault)

    def _play(self, plain: socket.socket, script: list[Action], *, ending: ExitStack) -> None:
        sock = plain
        if self.tls is not None:
            sock = self.tls.wrap_socket(plain, server_side=True)
            ending.callback(self._forget, sock)
            with self._lock:
                self._socks.add(sock)
                if self.is_over:
                    return
        connection = Connection(sock, self)
        for action in script:
            if callable(action):
                action(connection)
            else:
                sock.sendall(action)

    def _forget(self, sock: socket.socket) -> None:
        with self._lock:
            self._socks.discard(sock)
        sock.close()


HELLO = Conversation().add(Message("user", "hi"))
