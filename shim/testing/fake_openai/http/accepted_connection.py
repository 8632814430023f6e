"""Meets every new connection: counts it, plays what is planned for it, then hands it to TLS and to a version of HTTP.

Not what is spoken afterwards (`tls`, `http1`, `http2`). A fault at accept strikes here, before the first byte of a
TLS handshake: a stalled one leaves the client waiting for it. HTTP/2 is chosen by ALPN (RFC 7301), never assumed.
"""

import asyncio
import socket
from typing import cast

from shim.testing.fake_openai.behaviours import Point
from shim.testing.fake_openai.http.faults import at_accept
from shim.testing.fake_openai.http.http1 import Http1Connection
from shim.testing.fake_openai.http.player import ConnectionEnding, Player, Timeline
from shim.testing.fake_openai.http.shared import ALPN_HTTP2, Shared, Speaker, reset_on_close
from shim.testing.fake_openai.http.tls import TlsLayer


class AcceptedConnection(asyncio.Protocol):
    """One accepted connection, whatever is spoken on it."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._speaker: Speaker | None = None
        self._player: Player | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it, and meet whatever is planned for new connections."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)
        # asyncio does so for sockets it made itself; without it, Nagle's algorithm and delayed ACKs cost 40 ms an answer.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._shared.connections.add(self)
        self._id = self._shared.ledger.connected()
        plan = self._shared.plans.for_connection()
        faults = [fault for fault in plan.faults if isinstance(fault, Point)] if plan else []
        if faults:
            self._play(at_accept(faults[0]))
        else:
            self._speaker = self._spoken()
            self._speaker.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop everything this connection had under way."""
        for listener in (self._player, self._speaker):
            if isinstance(listener, Player):
                listener.cancel()
            elif listener is not None:
                listener.connection_lost(exc)
        self._shared.connections.discard(self)
        # asyncio closes the socket when this has returned: only then has the client been told, and is the connection gone.
        asyncio.get_running_loop().call_soon(self._shared.ledger.disconnected)

    def data_received(self, data: bytes) -> None:
        """Hand on what came; a connection struck at accept hears nothing."""
        if self._speaker is not None:
            self._speaker.data_received(data)

    def eof_received(self) -> bool:
        """The client has gone away: close."""
        return False

    def pause_writing(self) -> None:
        """The kernel's buffer is full."""
        if self._speaker is not None:
            self._speaker.pause_writing()

    def resume_writing(self) -> None:
        """Everything written so far is with the kernel."""
        if self._speaker is not None:
            self._speaker.resume_writing()

    def drop(self) -> None:
        """End the connection at once, whatever it is doing."""
        if self._speaker is not None and not self._transport.is_closing():
            self._speaker.farewell()
        self._transport.abort()

    def _spoken(self) -> Speaker:
        if self._shared.tls is None:
            return Http1Connection(self._shared, self._id)
        return TlsLayer(self._shared.tls, choose=self._by_agreement)

    def _by_agreement(self, protocol: str | None) -> Speaker:
        if protocol != ALPN_HTTP2:
            return Http1Connection(self._shared, self._id)
        from shim.testing.fake_openai.http.http2 import Http2Connection

        return Http2Connection(self._shared, self._id)

    def _play(self, timeline: Timeline) -> None:
        self._player = Player(self._transport, timeline, on_end=self._ended)
        self._player.advance()

    def _ended(self, ending: ConnectionEnding) -> None:
        if ending is ConnectionEnding.CLOSE:
            self._transport.close()
        elif ending is ConnectionEnding.RESET:
            reset_on_close(self._transport)
            self._transport.abort()
