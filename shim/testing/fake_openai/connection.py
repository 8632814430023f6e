"""One client connection: requests in through h11, planned or default responses out through a player.

Not what is answered (`api`, `choosing`) nor what goes wrong (`faults`). HTTP/1.1 per RFC 9112: keep-alive, chunked and
sized request bodies, `Expect: 100-continue`; a pipelined request waits until its turn. The end of the client's sending
side counts as the client having gone away, so that a stalled response ends with it.
"""

import asyncio
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import cast

import h11
import msgspec

from shim.model.exhaustive import assert_never
from shim.testing.fake_openai.answers import ApiError, error_answer
from shim.testing.fake_openai.api import Api
from shim.testing.fake_openai.behaviours import Plan, Point
from shim.testing.fake_openai.choosing import script_for
from shim.testing.fake_openai.faults import at_accept, stage, timeline_of
from shim.testing.fake_openai.framing import frame
from shim.testing.fake_openai.ledger import Headers, Ledger, RecordedRequest
from shim.testing.fake_openai.plans import Plans
from shim.testing.fake_openai.player import Ending, Player, Timeline

MAX_BODY = 32 * 1024 * 1024
# What may wait unread behind a request that is being answered.
MAX_AHEAD = 64 * 1024
# How long a refused upload is still read, so that its answer is not lost to a reset (RFC 9112 section 9.6).
LINGER_SECONDS = 1.0


@dataclass
class Shared:
    """What all connections of a server have in common."""

    api: Api
    plans: Plans
    ledger: Ledger
    connections: set["Connection"] = field(default_factory=set)


class Connection(asyncio.Protocol):
    """Serves one connection until either side ends it."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._http = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._player: Player | None = None
        self._deaf = False
        self._reading_paused = False
        self._linger: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Count it, and meet whatever is planned for new connections."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)
        # asyncio does so for sockets it made itself; without it, Nagle's algorithm and delayed ACKs cost 40 ms an answer.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._shared.connections.add(self)
        self._id = self._shared.ledger.connected()
        plan = self._shared.plans.for_connection()
        for fault in plan.faults if plan else ():
            if isinstance(fault, Point):
                self._deaf = True
                self._play(at_accept(fault))

    def connection_lost(self, _exc: Exception | None) -> None:
        """Stop everything this connection had under way."""
        if self._player is not None:
            self._player.cancel()
        if self._linger is not None:
            self._linger.cancel()
        self._shared.connections.discard(self)
        self._shared.ledger.disconnected()

    def data_received(self, data: bytes) -> None:
        """Feed the parser; a fault of ours becomes a 500 and is kept for the test to see."""
        if self._deaf:
            return
        self._http.receive_data(data)
        if self._player is None:
            self._guarded_pump()
        elif len(self._http.trailing_data[0]) > MAX_AHEAD:
            self._transport.pause_reading()
            self._reading_paused = True

    def eof_received(self) -> bool:
        """The client has gone away: close."""
        return False

    def pause_writing(self) -> None:
        """The kernel's buffer is full."""
        if self._player is not None:
            self._player.pause()

    def resume_writing(self) -> None:
        """Everything written so far is with the kernel."""
        if self._player is not None:
            self._player.resume()

    def drop(self) -> None:
        """End the connection at once, whatever it is doing."""
        self._transport.abort()

    def _guarded_pump(self) -> None:
        try:
            self._pump()
        except h11.RemoteProtocolError as error:
            self._refuse(ApiError(error.error_status_hint, f"We could not parse your HTTP request: {error}."))
        except ApiError as error:
            self._refuse(error)
        except Exception as failure:  # noqa: BLE001 - a bug here, or a planned function that raised: reported on leaving
            self._shared.ledger.fail(failure)
            kind = type(failure).__name__
            self._refuse(ApiError(500, f"The fake server failed with {kind}.", kind="server_error"))

    def _pump(self) -> None:
        while self._player is None:
            event = self._http.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                return
            if isinstance(event, h11.Request):
                self._begin(event)
            elif isinstance(event, h11.Data):
                self._collect(event)
            elif isinstance(event, h11.EndOfMessage):
                self._answer()
            else:  # ConnectionClosed: eof is never fed to the parser, the transport closes instead
                return

    def _begin(self, request: h11.Request) -> None:
        self._request = request
        self._body.clear()
        announced = dict(request.headers).get(b"content-length", b"0")
        if int(announced) > MAX_BODY:
            raise _too_large()
        if self._http.they_are_waiting_for_100_continue:
            go_on = self._http.send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))
            self._transport.write(go_on or b"")

    def _collect(self, data: h11.Data) -> None:
        if len(self._body) + len(data.data) > MAX_BODY:
            raise _too_large()
        self._body += data.data

    def _answer(self) -> None:
        request = self._recorded()
        plan = self._shared.plans.for_request() or Plan()
        self._shared.ledger.record(request)
        script = script_for(plan.answering, request, api=self._shared.api, connection=self._http)
        self._play(stage(script, plan.faults))

    def _recorded(self) -> RecordedRequest:
        if self._request is None:
            raise RuntimeError("a request ended that had not begun")
        path, _, query = self._request.target.decode("ascii").partition("?")
        headers = Headers()
        for name, value in self._request.headers:
            key, text = name.decode("ascii"), value.decode("latin-1")
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
        body = bytes(self._body)
        return RecordedRequest(
            self._request.method.decode("ascii"),
            path,
            headers,
            body,
            _decoded(body),
            self._id,
            time.monotonic(),
            query,
        )

    def _play(self, timeline: Timeline) -> None:
        self._player = Player(self._transport, timeline, on_end=self._ended)
        self._player.advance()

    def _ended(self, ending: Ending) -> None:
        if ending is Ending.KEEP:
            self._next_cycle()
        elif ending is Ending.CLOSE:
            self._transport.close()
        elif ending is Ending.RESET:
            _reset_on_close(self._transport)
            self._transport.abort()
        elif ending is Ending.STALL:
            self._deaf = True
        else:
            assert_never(ending)

    def _next_cycle(self) -> None:
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            self._transport.close()
            return
        self._player = None
        self._http.start_next_cycle()
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()
        # A pipelined request waits already; not answered from in here, so that many of them cannot nest.
        asyncio.get_running_loop().call_soon(self._continue)

    def _continue(self) -> None:
        if self._player is None and not self._transport.is_closing():
            self._guarded_pump()

    def _refuse(self, error: ApiError) -> None:
        """Answer an error, then close; the rest of what the client is sending is read away for a moment."""
        self._deaf = True
        if self._http.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self._transport.close()
            return
        script = frame(self._http, error_answer(error))
        self._player = Player(self._transport, timeline_of(script), on_end=self._farewell)
        self._player.advance()

    def _farewell(self, _ending: Ending) -> None:
        self._transport.write_eof()
        self._linger = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.abort)


def _too_large() -> ApiError:
    return ApiError(413, f"The request body is larger than {MAX_BODY} bytes.")


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None


def _reset_on_close(transport: asyncio.Transport) -> None:
    """Make closing send RST: a linger time of zero (POSIX `SO_LINGER`)."""
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
