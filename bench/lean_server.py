"""A server that costs next to nothing: prepared bytes on one epoll, each stream's events at moments of its own.

Not an API (`shim.testing.fake_openai`): it reads the model and no more, and answers well whatever was asked. What it is for are
loads where the server's own pace would show in the client's figures: events that come one by one, and answers at once.
"""

from __future__ import annotations

import heapq
import itertools
import json
import re
import select
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self

_MODEL = re.compile(rb'"model": ?"([^"]*)"')
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_PACED = re.compile(r"fake-paced-(\d+)x(\d+)")
_BURST = re.compile(r"fake-burst-(\d+)")
_PHASE = 0.6180339887  # of a period, from one stream to the next: no two streams near each other
_LONGEST_WAIT = 0.2  # seconds
_HEAD = b"HTTP/1.1 200 OK\r\nServer: lean\r\nX-Request-Id: req_0123456789abcdef\r\nOpenAI-Processing-Ms: 12\r\n"
_STREAM_HEAD = _HEAD + b"Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_DONE = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"


@dataclass
class _Connection:
    socket: socket.socket
    received: bytes = b""
    unsent: bytes = b""
    left: int = 0  # events of its stream
    period: float = 0.0


@dataclass
class LeanServer:
    """Serves on a thread of its own between `with` and its end. One event is one segment."""

    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0), backlog=1024))
    _connections: dict[int, _Connection] = field(default_factory=dict)
    _due: list[tuple[float, int, _Connection]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._poller = select.epoll()
        self._order = itertools.count()
        self._streams = itertools.count()
        self._is_ending = False
        self._thread = threading.Thread(target=self._serve, name="lean-server")

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def __enter__(self) -> Self:
        self._listener.setblocking(False)  # noqa: FBT003 - has no name
        self._poller.register(self._listener, select.EPOLLIN)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_ending = True
        self._thread.join()
        for connection in self._connections.values():
            connection.socket.close()
        self._poller.close()
        self._listener.close()

    def _serve(self) -> None:
        listener = self._listener.fileno()
        while not self._is_ending:
            wait = min(max(self._due[0][0] - time.monotonic(), 0), _LONGEST_WAIT) if self._due else _LONGEST_WAIT
            select.select([self._poller], [], [], wait)  # in microseconds; epoll waits in milliseconds
            for fd, mask in self._poller.poll(0):
                if fd == listener:
                    self._accept()
                else:
                    self._turn(self._connections[fd], mask)
            self._send_due()

    def _accept(self) -> None:
        accepted, _ = self._listener.accept()
        accepted.setblocking(False)  # noqa: FBT003 - has no name
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections[accepted.fileno()] = _Connection(accepted)
        self._poller.register(accepted, select.EPOLLIN)

    def _turn(self, connection: _Connection, mask: int) -> None:
        try:
            if mask & select.EPOLLOUT:
                self._send(connection, b"")
            received = connection.socket.recv(65_536) if mask & ~select.EPOLLOUT else None
        except OSError:
            received = b""
        if received:
            connection.received += received
            self._answer(connection)
        elif received is not None:
            self._forget(connection)

    def _forget(self, connection: _Connection) -> None:
        del self._connections[connection.socket.fileno()]
        connection.socket.close()
        connection.left = 0

    def _answer(self, connection: _Connection) -> None:
        """Answer the request that has been received, if it is whole."""
        head, found, body = connection.received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or (length and len(body) < int(length[1])):
            return
        connection.received = b""
        model = _MODEL.search(body)
        name = model[1].decode() if model else ""
        if paced := _PACED.fullmatch(name):
            connection.period, connection.left = 1 / int(paced[1]), int(paced[2])
            self._send(connection, _STREAM_HEAD + _event(_chunk({"role": "assistant", "content": ""})))
            # By the clock, not from when it was asked: else who asks at another pace is sent other bunches of events.
            phase = next(self._streams) * _PHASE % 1
            periods = time.monotonic() // connection.period + 2 + phase
            self._wait(connection, periods * connection.period)
        elif burst := _BURST.fullmatch(name):
            self._send(connection, _STREAM_HEAD + _event(_chunk({"content": " word"})) * int(burst[1]) + _END)
        else:
            self._send(connection, _ANSWER)

    def _wait(self, connection: _Connection, until: float) -> None:
        heapq.heappush(self._due, (until, next(self._order), connection))

    def _send_due(self) -> None:
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            until, _, connection = heapq.heappop(self._due)
            if connection.left:
                connection.left -= 1
                self._send(connection, _WORD if connection.left else _WORD + _END)
                if connection.left:
                    self._wait(connection, until + connection.period)

    def _send(self, connection: _Connection, what: bytes) -> None:
        """Send what can be sent now; the rest once there is room."""
        unsent = connection.unsent + what
        try:
            sent = connection.socket.send(unsent)
        except BlockingIOError:
            sent = 0
        was_waiting, connection.unsent = bool(connection.unsent), unsent[sent:]
        if was_waiting != bool(connection.unsent):
            writing = select.EPOLLOUT if connection.unsent else 0
            self._poller.modify(connection.socket, select.EPOLLIN | writing)


def _chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    told = {"id": "chatcmpl-0123456789", "object": "chat.completion.chunk", "created": 1_715_367_049, "model": "gpt-4o"}
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    return {**told, "service_tier": "default", "system_fingerprint": "fp_0123456789", "choices": [choice]}


def _event(payload: dict[str, Any]) -> bytes:
    data = b"data: " + json.dumps(payload).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


def _answer() -> bytes:
    message: dict[str, Any] = {"role": "assistant", "content": "word " * 80, "refusal": None, "annotations": []}
    usage = {"prompt_tokens": 9, "completion_tokens": 80, "total_tokens": 89}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    told = {"id": "chatcmpl-0123456789", "object": "chat.completion", "created": 1_715_367_049, "model": "gpt-4o"}
    body = json.dumps({**told, "choices": [choice], "usage": usage, "system_fingerprint": "fp_0123456789"}).encode()
    return _HEAD + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


_WORD = _event(_chunk({"content": " word"}))
_END = _event(_chunk({}, finish="stop")) + _DONE
_ANSWER = _answer()
