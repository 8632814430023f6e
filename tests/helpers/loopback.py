"""A loopback HTTP server that answers from a table and keeps what it was sent, for endpoints the fake API does not know.

Not the fake API (`shim.testing.fake_openai`), which judges requests: this one answers whatever it is told to. Every byte
crosses a real socket; an answer may stall, and may break off.
"""

from __future__ import annotations

import socket
import struct
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

STALL_SECONDS = 30.0
"""How long a stalled answer is held at most; leaving the server ends it at once."""


@dataclass(frozen=True)
class Reply:
    """What to answer: with `chunks` a chunked body, one chunk each, else `body` with its length.

    `raw`: every byte as it is, head and framing included, in the place of all of these.
    `end`: "well", "cut" (the connection closes after what is there so far), "reset" (it is reset then), "stall" (it stays silent
    after that), or "silent" (not even a head comes).
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    body: bytes = b""
    chunks: tuple[bytes, ...] | None = None
    raw: bytes | None = None
    end: str = "well"


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes = field(repr=False)

    def header(self, name: str) -> str | None:
        """The value of a header, None where it was not sent."""
        return next((value for given, value in self.headers if given.lower() == name.lower()), None)


class _Server(ThreadingHTTPServer):
    """Knows what to answer; says nothing of clients that hang up."""

    daemon_threads = True

    def __init__(self, answer: Callable[[Received], Reply]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.received: list[Received] = []
        self.leaving = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let any other failure of a handler be seen."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        request = Received(self.command, self.path, tuple(self.headers.items()), self.rfile.read(length))
        self.server.received.append(request)
        reply = self.server.answer(request)
        try:
            self._send(reply)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True  # the client has left, as some of these tests want it to

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):  # the base class asks for the method of each HTTP method
            return self._answer
        raise AttributeError(name)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's own name
        """Say nothing."""

    def _send(self, reply: Reply) -> None:
        if reply.end == "silent":
            self._hold()
            return
        if reply.raw is None:
            self._send_framed(reply)
        else:
            self.wfile.write(reply.raw)
        if reply.end == "stall":
            self._hold()
        elif reply.end in ("cut", "reset"):
            self.wfile.flush()
            self._leave(reset=reply.end == "reset")

    def _send_framed(self, reply: Reply) -> None:
        self.send_response_only(reply.status)  # no Date: it would stand in messages that are compared
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.chunks is None:
            self._send_whole(reply)
        else:
            self._send_chunks(reply)

    def _send_whole(self, reply: Reply) -> None:
        missing = 0 if reply.end == "well" else 10
        if reply.status != 204:
            self.send_header("Content-Length", str(len(reply.body) + missing))
        self.end_headers()
        self.wfile.write(reply.body)

    def _send_chunks(self, reply: Reply) -> None:
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for chunk in reply.chunks or ():
            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.flush()
        if reply.end == "well":
            self.wfile.write(b"0\r\n\r\n")

    def _leave(self, *, reset: bool) -> None:
        self.close_connection = True
        if not reset:
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST, and no FIN
        self.rfile.close()  # it holds the socket open too
        self.connection.close()

    def _hold(self) -> None:
        self.wfile.flush()
        self.server.leaving.wait(STALL_SECONDS)
        self.close_connection = True


class Loopback:
    """The server, for the time of a `with` block. `answer` is asked for each request, on the thread of its connection."""

    def __init__(self, answer: Callable[[Received], Reply]) -> None:
        self._server = _Server(answer)
        self.received = self._server.received
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.leaving.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
        assert not self._thread.is_alive()
