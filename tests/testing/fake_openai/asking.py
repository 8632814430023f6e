"""Asking the fake server: with http.client for well-formed exchanges, with a bare socket for the others.

Not a test.
"""

import http.client
import json
import socket
import ssl
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shim.testing.fake_openai import FakeOpenAI

KEY = "sk-test-0123456789abcdef"
TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


@dataclass(frozen=True)
class Got:
    """A response as received."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        error: dict[str, Any] = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}
        return error

    @property
    def choice(self) -> dict[str, Any]:
        choice: dict[str, Any] = self.json["choices"][0]
        return choice

    @property
    def chunks(self) -> list[dict[str, Any]]:
        """The payloads of a complete event stream."""
        assert self.headers["content-type"].startswith("text/event-stream")
        *events, done, rest = self.body.split(b"\n\n")
        assert (done, rest) == (b"data: [DONE]", b"")
        return [json.loads(event.removeprefix(b"data: ")) for event in events]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The payloads of an event stream of the Responses API, each of which stands under its own type."""
        assert self.headers["content-type"].startswith("text/event-stream")
        *events, rest = self.body.split(b"\n\n")
        assert rest == b""
        pairs = [event.split(b"\n") for event in events]
        payloads: list[dict[str, Any]] = [json.loads(data.removeprefix(b"data: ")) for _, data in pairs]
        assert [name.decode() for name, _ in pairs] == [f"event: {payload['type']}" for payload in payloads]
        assert [payload["sequence_number"] for payload in payloads] == list(range(len(payloads)))
        return payloads


def chat(text: str = "Tell me about the tides.", **fields: Any) -> dict[str, Any]:
    """A request body with one user message."""
    return {"model": "gpt-4o", "messages": [{"role": "user", "content": text}], **fields}


def ask(
    server: FakeOpenAI, body: Any, *, path: str = "/v1/chat/completions", method: str = "POST", key: str | None = KEY
) -> Got:
    """One request on a connection of its own; bytes are sent as they are, anything else as JSON."""
    connection = connection_to(server)
    try:
        return ask_on(connection, body, path=path, method=method, key=key)
    finally:
        connection.close()


def connection_to(server: FakeOpenAI, *, context: ssl.SSLContext | None = None) -> http.client.HTTPConnection:
    """A connection over TLS where the server speaks it, with its authority trusted unless a context says what is."""
    if server.base_url.startswith("http:"):
        return http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    trusting = context or ssl.create_default_context(cafile=server.ca_file)
    return http.client.HTTPSConnection("127.0.0.1", server.port, timeout=5, context=trusting)


def ask_on(
    connection: http.client.HTTPConnection,
    body: Any,
    *,
    path: str = "/v1/chat/completions",
    method: str = "POST",
    key: str | None = KEY,
) -> Got:
    """One request on a connection that may be used again."""
    sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"} | ({} if key is None else {"authorization": f"Bearer {key}"})
    connection.request(method, path, sent, headers)
    response = connection.getresponse()
    return Got(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


def request_bytes(body: dict[str, Any], *, last: bool = False) -> bytes:
    """A whole HTTP request as bytes; after the `last` one the server is to close the connection."""
    payload = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: {len(payload)}\r\n"
    return head.encode() + (b"connection: close\r\n" if last else b"") + b"\r\n" + payload


@dataclass
class Exchange:
    """What a bare socket received, piece by piece, and how it ended: "fin", "reset" or "open"."""

    pieces: list[bytes]
    ending: str

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)


def exchange(server: FakeOpenAI, body: dict[str, Any], *, patience: float = 5.0) -> Exchange:
    """Send a request on a bare socket and read until the end, or until nothing comes for `patience` seconds."""
    try:
        sock = socket.create_connection(("127.0.0.1", server.port), timeout=5)
    except ConnectionResetError:  # a reset at accept can be as early as this
        return Exchange([], "reset")
    with sock:
        try:
            sock.sendall(request_bytes(body, last=True))
        except ConnectionError:
            return Exchange([], "reset")
        return read_all(sock, patience=patience)


def read_all(sock: socket.socket, *, patience: float = 5.0) -> Exchange:
    """Read until the peer ends, or until nothing comes for `patience` seconds."""
    sock.settimeout(patience)
    pieces: list[bytes] = []
    while True:
        try:
            data = sock.recv(65536)
        except TimeoutError:
            return Exchange(pieces, "open")
        except ConnectionResetError:
            return Exchange(pieces, "reset")
        if not data:
            return Exchange(pieces, "fin")
        pieces.append(data)


def reset(sock: socket.socket) -> None:
    """Close with RST, as a crashed client does."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def wait_until(condition: Callable[[], bool], *, seconds: float = 5.0) -> None:
    """Wait for a condition that no notification announces, with a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.002)
