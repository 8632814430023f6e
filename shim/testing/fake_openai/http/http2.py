"""One client connection in HTTP/2: many requests at once, in and out through h2, each answered on its own stream.

Not one stream's answer (`http2_streams`) nor what is answered (`choosing`). RFC 9113: streams end with RST_STREAM where
HTTP/1.1 would end its connection, and the connection with GOAWAY. Only imported where HTTP/2 was agreed on.
"""

import asyncio
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import h2.settings
from h2.errors import ErrorCodes

from shim.model.exhaustive import assert_never
from shim.testing.fake_openai.answers import Answer, ApiError, error_answer
from shim.testing.fake_openai.behaviours import Fault, Plan, RawResponse
from shim.testing.fake_openai.choosing import answer_for
from shim.testing.fake_openai.http.http2_streams import Stream, Wire
from shim.testing.fake_openai.http.player import ConnectionEnding
from shim.testing.fake_openai.http.shared import MAX_BODY, Received, Shared, broken, recorded, too_large

MAX_STREAMS = 1000
# How much may be framed before it is handed to the transport, which says when to stop.
FRAMED_AHEAD = 64 * 1024


_EVEN_WHEN_RESET = (h2.events.StreamReset, h2.events.DataReceived)


@dataclass
class _Incoming:
    """A request that is still coming."""

    fields: list[tuple[str, str]]
    body: bytearray = field(default_factory=bytearray)


class Http2Connection:
    """Serves one connection until either side ends it."""

    def __init__(self, shared: Shared, number: int) -> None:
        self._shared = shared
        self._id = number
        config = h2.config.H2Configuration(client_side=False, header_encoding=None)
        self._http = h2.connection.H2Connection(config)
        self._incoming: dict[int, _Incoming] = {}
        self._streams: dict[int, Stream] = {}
        self._held_back = False
        self._framed = 0
        self._flushing: asyncio.Handle | None = None
        self._wire = Wire(self._http, self._flush_soon, lambda: self._held_back)
        self._handlers: dict[type, Callable[[Any], None]] = {
            h2.events.RequestReceived: self._begin,
            h2.events.DataReceived: self._collect,
            h2.events.StreamEnded: self._answer,
            h2.events.StreamReset: self._forget,
            h2.events.WindowUpdated: self._widen,
            h2.events.RemoteSettingsChanged: self._resume_all,
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send our settings."""
        self._transport = cast("asyncio.Transport", transport)
        self._http.update_settings({h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS})
        self._http.initiate_connection()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop every stream."""
        del exc
        if self._flushing is not None:
            self._flushing.cancel()
        for stream in self._streams.values():
            stream.cancel()
        self._streams.clear()

    def data_received(self, data: bytes) -> None:
        """Feed the state machine; what is no HTTP/2 ends the connection with the reason in a GOAWAY."""
        try:
            events = self._http.receive_data(data)
        except h2.exceptions.ProtocolError:
            self._flush()
            self._transport.close()
            return
        if any(isinstance(event, h2.events.ConnectionTerminated) for event in events):
            self._transport.close()
            return
        self._handle(events)
        self._flush()

    def pause_writing(self) -> None:
        """The kernel's buffer is full: every stream waits."""
        self._held_back = True

    def resume_writing(self) -> None:
        """The kernel has taken everything: go on."""
        self._held_back = False
        self._resume_all(None)

    def farewell(self) -> None:
        """Say GOAWAY."""
        self._http.close_connection()
        self._flush()

    def _handle(self, events: Sequence[h2.events.Event]) -> None:
        # Of a stream that was reset further on in the same bytes, nothing is left but what counts for the connection.
        reset = {event.stream_id for event in events if isinstance(event, h2.events.StreamReset)}
        for event in events:
            handler = self._handlers.get(type(event))
            moot = getattr(event, "stream_id", None) in reset and not isinstance(event, _EVEN_WHEN_RESET)
            if handler is not None and not moot:
                handler(event)

    def _begin(self, event: h2.events.RequestReceived) -> None:
        fields = [(_text(name), _text(value)) for name, value in event.headers or ()]
        self._incoming[event.stream_id] = _Incoming(fields)
        if any(name == "expect" and value.lower() == "100-continue" for name, value in fields):
            self._http.send_headers(event.stream_id, [(":status", "100")])

    def _collect(self, event: h2.events.DataReceived) -> None:
        self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        incoming = self._incoming.get(event.stream_id)
        if incoming is None:  # refused already, and still sending
            return
        incoming.body += event.data or b""
        if len(incoming.body) > MAX_BODY:
            del self._incoming[event.stream_id]
            self._play(event.stream_id, error_answer(too_large()), faults=())

    def _answer(self, event: h2.events.StreamEnded) -> None:
        incoming = self._incoming.pop(event.stream_id, None)
        if incoming is None:
            return
        plan = self._shared.plans.for_request() or Plan()
        try:
            answer = self._answer_to(incoming, plan)
        except ApiError as error:
            self._play(event.stream_id, error_answer(error), faults=())
        except Exception as failure:  # noqa: BLE001 - a bug here, or a planned function that raised: reported on leaving
            self._shared.ledger.fail(failure)
            self._play(event.stream_id, error_answer(broken(failure)), faults=())
        else:
            self._play(event.stream_id, answer, faults=plan.faults)

    def _answer_to(self, incoming: _Incoming, plan: Plan) -> Answer:
        pseudo = {name: value for name, value in incoming.fields if name.startswith(":")}
        received = Received(
            method=pseudo.get(":method", ""),
            target=pseudo.get(":path", ""),
            fields=[pair for pair in incoming.fields if not pair[0].startswith(":")],
            body=bytes(incoming.body),
            http_version="2",
        )
        request = recorded(received, connection_id=self._id)
        self._shared.ledger.record(request)
        if isinstance(plan.answering, RawResponse):
            raise TypeError("RawResponse is HTTP/1.1, which this connection does not speak")
        return answer_for(plan.answering, request, api=self._shared.api)

    def _play(self, number: int, answer: Answer, *, faults: tuple[Fault, ...]) -> None:
        stream = self._streams[number] = Stream(number, answer, wire=self._wire)
        stream.play(faults, on_end=functools.partial(self._ended, number))

    def _ended(self, number: int, ending: ConnectionEnding) -> None:
        if ending is ConnectionEnding.STALL:
            return
        stream = self._streams.pop(number)
        if ending is ConnectionEnding.KEEP or stream.ended:
            return
        if ending is ConnectionEnding.CLOSE:
            self._http.reset_stream(number, ErrorCodes.CANCEL)
        elif ending is ConnectionEnding.RESET:
            self._http.reset_stream(number, ErrorCodes.INTERNAL_ERROR)
        else:
            assert_never(ending)
        self._flush_soon(0)

    def _forget(self, event: h2.events.StreamReset) -> None:
        """The client wants no more of a stream."""
        self._incoming.pop(event.stream_id, None)
        stream = self._streams.pop(event.stream_id, None)
        if stream is not None:
            stream.cancel()

    def _widen(self, event: h2.events.WindowUpdated) -> None:
        if not event.stream_id:
            self._resume_all(event)
        elif event.stream_id in self._streams:
            self._streams[event.stream_id].resume()

    def _resume_all(self, _event: object) -> None:
        for stream in tuple(self._streams.values()):
            stream.resume()

    def _flush_soon(self, size: int) -> None:
        """Gather frames into few writes; but not too much of them, so that a full kernel is noticed in time."""
        self._framed += size
        if self._framed >= FRAMED_AHEAD:
            self._flush()
        elif self._flushing is None:
            self._flushing = asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
        self._framed = 0
        data = self._http.data_to_send()
        if data and not self._transport.is_closing():
            self._transport.write(data)


def _text(value: bytes | str) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
