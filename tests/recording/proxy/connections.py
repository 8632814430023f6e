"""Bare sockets on both sides of the proxy: an upstream that does what a script says, and a client that reads what comes.

Not the fake API (`shim.testing.fake_openai`), which speaks well-formed HTTP unless planned otherwise.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from shim.recording.proxy import ProxySettings, RecordingProxy, Upstream
from tests.testing.fake_openai.asking import Exchange as Seen
from tests.testing.fake_openai.asking import read_all, reset, wait_until

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from shim.recording.exchange import Exchange

GET = b"GET /v1/x HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /v1/x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi"
KEY = "sk-proxy-0123456789abcdefghij"

Script = Callable[[socket.socket], None]


class Upstream1:
    """A server on a loopback port: each connection is given to the next script, the last one serves all further ones."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = list(scripts)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self.failures: list[BaseException] = []
        self.accepted = 0

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: TracebackType | None) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive(), "a script did not end"
        if self.failures and error is None:
            raise self.failures[0]

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._sockets.append(sock)
            script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
            self._start(lambda sock=sock, script=script: self._run(sock, script))  # type: ignore[misc]  # bound now

    def _run(self, sock: socket.socket, script: Script) -> None:
        try:
            with sock:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                script(sock)
        except Exception as failure:  # noqa: BLE001 - raised on leaving, in the test's own thread
            self.failures.append(failure)


@contextlib.contextmanager
def proxied(url: str, **settings: Any) -> Iterator[tuple[RecordingProxy, list[Exchange]]]:
    """A proxy in front of an upstream, and what it records."""
    exchanges: list[Exchange] = []
    with RecordingProxy(Upstream.parse(url), exchanges.append, settings=ProxySettings(**settings)) as proxy:
        yield proxy, exchanges


def port_of(proxy: RecordingProxy) -> int:
    """Where a proxy listens."""
    return int(proxy.base_url.split(":")[2].split("/")[0])


def dial(port: int) -> socket.socket:
    """Connect."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=5)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def read_head(sock: socket.socket) -> bytes:
    """Read up to the blank line, and not one byte more."""
    return read_until(sock, b"\r\n\r\n")


def read_until(sock: socket.socket, end: bytes) -> bytes:
    """Read up to some bytes, and not one more."""
    data = b""
    while not data.endswith(end):
        byte = sock.recv(1)
        assert byte, f"the connection ended after {data!r}"
        data += byte
    return data


def read_exactly(sock: socket.socket, count: int) -> bytes:
    """Read so many bytes."""
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        assert more, f"the connection ended after {data!r}"
        data += more
    return data


def seen(port: int, request: bytes = GET, *, patience: float = 5.0) -> Seen:
    """What a bare client sees of the answer to a request, and how it ends."""
    with dial(port) as sock:
        sock.sendall(request)
        return read_all(sock, patience=patience)


def answer(data: bytes, *, ending: str = "fin") -> Script:
    """A script: read a request's head, send these bytes, and end so: "fin", "reset", or "open" until the client leaves."""

    def script(sock: socket.socket) -> None:
        read_head(sock)
        sock.sendall(data)
        if ending == "reset":
            reset(sock)
        elif ending == "open":
            wait_for_end(sock)

    return script


def wait_for_end(sock: socket.socket) -> None:
    """Read on until the peer has gone."""
    with contextlib.suppress(ConnectionError):
        while sock.recv(65536):
            pass


__all__ = ["Seen", "read_all", "reset", "wait_until"]
