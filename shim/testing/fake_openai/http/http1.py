"""One client connection in HTTP/1.1: requests in through h11, planned or default responses out through a player.

Not what is answered (`api`, `choosing`), what goes wrong (`faults`) or how a connection begins (`accepted_connection`);
`http2` speaks the other version. RFC 9112: keep-alive, chunked and sized request bodies,
`Expect: 100-continue`; a pipelined request waits until its turn. The end of the client's sending side counts as the client
having gone away, so that a stalled response ends with it.
"""

import asyncio
from typing import cast

import h11

from shim.model.exhaustive import assert_never
from shim.testing.fake_openai.answers import ApiError, error_answer
from shim.testing.fake_openai.behaviours import Answering, Plan, RawResponse
from shim.testing.fake_openai.choosing import answer_for
from shim.testing.fake_openai.http.faults import stage, timeline_of
from shim.testing.fake_openai.http.framing import Script, frame, raw
from shim.testing.fake_openai.http.player import ConnectionEnding, Player, Timeline
from shim.testing.fake_openai.http.shared import MAX_BODY, Received, Shared, broken, recorded, reset_on_close, too_large
from shim.testing.fake_openai.ledger import RecordedRequest

# What may wait unread behind a request that is being answered.
MAX_AHEAD = 64 * 1024
# How long a refused upload is still read, so that its answer is not lost to a reset (RFC 9112 section 9.6).
LINGER_SECONDS = 1.0


class Http1Connection:
    """Serves one connection until either side ends it."""

    def __init__(self, shared: Shared, number: int) -> None:
        self._shared = shared
        self._id = number
        self._http = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None
        self._body = bytearray()
        self._player: Player | None = None
        self._deaf = False
        self._reading_paused = False
        self._linger: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop everything this connection had under way."""
        del exc
        if self._player is not None:
            self._player.cancel()
        if self._linger is not None:
            self._linger.cancel()

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

    def pause_writing(self) -> None:
        """The kernel's buffer is full."""
        if self._player is not None:
            self._player.pause()

    def resume_writing(self) -> None:
        """Everything written so far is with the kernel."""
        if self._player is not None:
            self._player.resume()

    def farewell(self) -> None:
        """Nothing: HTTP/1.1 has no word for it."""

    def _guarded_pump(self) -> None:
        try:
            self._pump()
        except h11.RemoteProtocolError as error:
            self._refuse(ApiError(error.error_status_hint, f"We could not parse your HTTP request: {error}."))
        except ApiError as error:
            self._refuse(error)
        except Exception as failure:  # noqa: BLE001 - a bug here, or a planned function that raised: reported on leaving
            self._shared.ledger.fail(failure)
            self._refuse(broken(failure))

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
            raise too_large()
        if self._http.they_are_waiting_for_100_continue:
            go_on = self._http.send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))
            self._transport.write(go_on or b"")

    def _collect(self, data: h11.Data) -> None:
        if len(self._body) + len(data.data) > MAX_BODY:
            raise too_large()
        self._body += data.data

    def _answer(self) -> None:
        request = self._recorded()
        plan = self._shared.plans.for_request() or Plan()
        self._shared.ledger.record(request)
        self._play(stage(self._script(plan.answering, request), plan.faults))

    def _script(self, answering: Answering | None, request: RecordedRequest) -> Script:
        if isinstance(answering, RawResponse):
            return raw(answering.segments, gap=answering.gap)
        return frame(self._http, answer_for(answering, request, api=self._shared.api))

    def _recorded(self) -> RecordedRequest:
        if self._request is None:
            raise RuntimeError("a request ended that had not begun")
        received = Received(
            method=self._request.method.decode("ascii"),
            target=self._request.target.decode("ascii"),
            fields=[(name.decode("ascii"), value.decode("latin-1")) for name, value in self._request.headers],
            body=bytes(self._body),
            http_version="1.1",
        )
        return recorded(received, connection_id=self._id)

    def _play(self, timeline: Timeline) -> None:
        self._player = Player(self._transport, timeline, on_end=self._ended)
        self._player.advance()

    def _ended(self, ending: ConnectionEnding) -> None:
        if ending is ConnectionEnding.KEEP:
            self._next_cycle()
        elif ending is ConnectionEnding.CLOSE:
            self._transport.close()
        elif ending is ConnectionEnding.RESET:
            reset_on_close(self._transport)
            self._transport.abort()
        elif ending is ConnectionEnding.STALL:
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

    def _farewell(self, _ending: ConnectionEnding) -> None:
        self._transport.write_eof()
        self._linger = asyncio.get_running_loop().call_later(LINGER_SECONDS, self._transport.abort)
