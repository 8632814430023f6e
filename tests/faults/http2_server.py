"""A server of raw HTTP/2 frames over TLS: a healthy stream, then what a cell says, then the rest of the healthy stream.

Not the cells (`http2_ends`, `http2_forms`) nor what is asserted (`http2_matrix`). It understands of a request only its body and
its end, and reads nothing while it sends: what a client answers to a flood waits in the socket, as with a careless server.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trustme

from tests.faults.http2_answers import DONE, EVENTS, JSON, Http2Cell, event, said
from tests.faults.http2_frames import (
    ACK,
    DATA,
    END_STREAM,
    FRAME_HEAD,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    data,
    frame,
    head,
    settings,
    window,
)
from tests.helpers.raw_server import Connection, RawServer

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

BESIDE, FAULTY = b"BESIDE", b"FAULTY"
OPEN = 2**20  # bytes that a request may have
USUAL = settings((3, 100), (4, 65_535))
"""Streams at a time, and the bytes each may have, as they are before a cell says otherwise: the one before it may have."""
MOST_LEFT_SECONDS = 5.0
"""How long a client may take to close its side of a connection that has ended."""
_MARK = re.compile(rb"mark-\d+")


class Http2Server:
    """Plays one cell after the other; a context manager.

    Attributes:
        cell: the one that is played next.
        plays: how often its request has come.
        resets, goaways: what the client has said, as codes.
    """

    def __init__(self, authority: trustme.CA) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        context.set_alpn_protocols(["h2"])
        self._raw = RawServer([[self._serve]], tls=context)
        self.cell: Http2Cell | None = None
        self.plays = 0
        self.is_opened = self.is_held = False
        self.waiting: list[tuple[_Http2Connection, int, bytes]] = []
        self.resets: list[int] = []
        self.goaways: list[int] = []

    def __enter__(self) -> Self:
        self._raw.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._raw.__exit__(kind, error, trace)

    @property
    def url(self) -> str:
        """The base URL."""
        return self._raw.url

    @property
    def connections(self) -> int:
        """How many were made."""
        return self._raw.connections

    def play(self, cell: Http2Cell) -> None:
        """Play this one from now on."""
        self.cell, self.plays, self.is_opened, self.is_held = cell, 0, False, False
        self.waiting.clear()

    def _serve(self, connection: Connection) -> None:
        _Http2Connection(self, connection.sock).serve()


@dataclass
class _Http2Connection:
    server: Http2Server
    sock: socket.socket
    bodies: dict[int, bytes] = field(default_factory=dict)
    held: int = 0  # the stream of a request that is let in as its cell says

    def serve(self) -> None:
        cell = self.server.cell
        assert cell is not None
        if self._read(len(PREFACE)) != PREFACE:
            return
        if cell.opening is None or self.server.is_opened:
            self.sock.sendall(settings())
        else:
            self.server.is_opened = True
            self.sock.sendall(cell.opening)
            self._end(cell)
        while top := self._read(FRAME_HEAD):
            payload = self._read(int.from_bytes(top[:3], "big"))
            self._take(top[3], int.from_bytes(top[5:9], "big"), payload, flags=top[4])

    def _read(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            piece = self.sock.recv(size - len(got))
            if not piece:
                raise ConnectionAbortedError
            got += piece
        return got

    def _take(self, kind: int, stream: int, payload: bytes, *, flags: int) -> None:
        if kind == SETTINGS and not flags & ACK:
            self.sock.sendall(frame(SETTINGS, 0, flags=ACK))
        elif kind == PING and not flags & ACK:
            self.sock.sendall(frame(PING, 0, payload, flags=ACK))
        elif kind == RST_STREAM:
            self.server.resets.append(int.from_bytes(payload, "big"))
            if stream == self.held:
                self._finish_waiting()
        elif kind == GOAWAY:
            self.server.goaways.append(int.from_bytes(payload[4:8], "big"))
        elif kind == HEADERS:
            self.bodies[stream] = b""
            self._let_in(stream)
        elif kind == DATA:
            self.bodies[stream] += payload
            if payload:
                self.sock.sendall(self._opened(stream, len(payload)))
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self._asked(stream, self.bodies.pop(stream))

    def _let_in(self, stream: int) -> None:
        """Take the head of a request; the first behind the stream beside it is the faulty one. Any other is let in."""
        cell = self.server.cell
        if cell is None or cell.windows is None:
            return
        if self.server.is_held or not self.server.waiting:
            self.sock.sendall(window(stream, OPEN))
            return
        self.held, self.server.is_held = stream, True
        self.sock.sendall(cell.windows.on_head(stream))
        if cell.windows.is_early:
            self._finish_waiting()

    def _opened(self, stream: int, size: int) -> bytes:
        """The frames that let in more, behind so many bytes of a body."""
        cell = self.server.cell
        if cell is None or cell.windows is None or stream != self.held:
            return window(0, size)
        return cell.windows.on_data(stream, size, len(self.bodies[stream]))

    def _asked(self, stream: int, body: bytes) -> None:
        cell = self.server.cell
        assert cell is not None
        mark = _MARK.findall(body)[-1]
        if BESIDE in body:
            before = b"" if cell.windows is None else USUAL + cell.windows.before
            self.sock.sendall(before + head(stream, *EVENTS) + data(stream, event(said(mark[:3].decode()))))
            self.server.waiting.append((self, stream, mark))
        elif FAULTY in body:
            self.server.plays += 1
            if self.server.plays > 1 or cell.opening is not None:
                self._answer(stream, mark, streamed=cell.stream)
                return
            self.sock.sendall(cell.sent(stream))
            self._end(cell)
            self._finish_waiting()
        else:
            self._answer(stream, mark, streamed=False)

    def _answer(self, stream: int, mark: bytes, *, streamed: bool) -> None:
        if streamed:
            told = event(said(mark.decode())) + event(said("", finish_reason="stop")) + DONE
            self.sock.sendall(head(stream, *EVENTS) + data(stream, told, end=True))
        else:
            body = b'{"id":"c","model":"m","choices":[{"message":{"content":"%b"},"finish_reason":"stop"}]}' % mark
            self.sock.sendall(head(stream, *JSON) + data(stream, body, end=True))

    def _finish_waiting(self) -> None:
        """Tell the streams beside it their rest, on whatever connection they are."""
        for connection, stream, mark in self.server.waiting:
            told = event(said(mark[3:].decode())) + event(said("", finish_reason="stop")) + DONE
            connection.sock.sendall(data(stream, told, end=True))
        self.server.waiting.clear()

    def _end(self, cell: Http2Cell) -> None:
        """End the connection, or fall silent on it, where the cell says so."""
        if cell.end == "silence":
            while self.sock.recv(65536):
                pass
        if cell.end == "RST":
            time.sleep(0.03)  # what was sent is there before the reset, which throws away what is not
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if cell.end == "FIN":
            self.sock.shutdown(socket.SHUT_WR)  # with no word of TLS; to close with something unread would be a reset
            self.sock.settimeout(MOST_LEFT_SECONDS)
            while self.sock.recv(65536):
                pass
        if cell.end != "stays":
            raise ConnectionAbortedError
