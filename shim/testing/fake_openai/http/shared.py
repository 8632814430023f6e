"""What all connections of a server have in common, and what both versions of HTTP do alike with a request.

Not a connection: `accepted_connection` meets each new one, `http1` speaks HTTP/1.1 on it and `http2` HTTP/2.
"""

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from shim.testing.fake_openai.answers import ApiError
from shim.testing.fake_openai.api import Api
from shim.testing.fake_openai.ledger import Ledger, ReceivedHeaders, RecordedRequest
from shim.testing.fake_openai.plans import Plans

MAX_BODY = 32 * 1024 * 1024
# Names of RFC 7301.
ALPN_HTTP1 = "http/1.1"
ALPN_HTTP2 = "h2"


class DroppableConnection(Protocol):
    """A connection as the server sees it on leaving."""

    def drop(self) -> None:
        """End it at once."""
        ...


class Speaker(Protocol):
    """What speaks on a connection: told by the transport below, as an asyncio protocol is."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The transport is ready."""
        ...

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        ...

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        ...

    def pause_writing(self) -> None:
        """Hold back: something is still unsent."""
        ...

    def resume_writing(self) -> None:
        """Go on: everything was sent."""
        ...

    def farewell(self) -> None:
        """Say what is to be said before the server drops the connection."""
        ...


@dataclass
class Shared:
    """What all connections of a server have in common. `tls`: how to speak TLS on them, None for plain HTTP."""

    api: Api
    plans: Plans
    ledger: Ledger
    tls: ssl.SSLContext | None = None
    connections: set[DroppableConnection] = field(default_factory=set)


@dataclass(frozen=True)
class Received:
    """A request as a version of HTTP has read it."""

    method: str
    target: str
    fields: Iterable[tuple[str, str]]
    body: bytes
    http_version: str


def recorded(received: Received, *, connection_id: int) -> RecordedRequest:
    """The request as the ledger keeps it, complete as of now."""
    path, _, query = received.target.partition("?")
    headers = ReceivedHeaders()
    for name, value in received.fields:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return RecordedRequest(
        received.method,
        path,
        headers,
        received.body,
        _decoded(received.body),
        connection_id,
        time.monotonic(),
        query,
        received.http_version,
    )


def too_large() -> ApiError:
    """The error for a request body beyond the bound."""
    return ApiError(413, f"The request body is larger than {MAX_BODY} bytes.")


def broken(failure: Exception) -> ApiError:
    """The error for a request that made this server fail, or a planned function."""
    return ApiError(500, f"The fake server failed with {type(failure).__name__}.", kind="server_error")


def reset_on_close(transport: asyncio.BaseTransport) -> None:
    """Make closing send RST: a linger time of zero (POSIX `SO_LINGER`)."""
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
