"""One request and its answer on a client's connection, as far as they have come; and what connections need of their proxy.

Not the connections: `client` is the client's, `upstream_connection` the other.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeAlias

import h11

from shim.recording.exchange import RecordedRequest, TransportFault, header_of
from shim.recording.exchange_builder import Recording
from shim.recording.proxy import headers
from shim.recording.proxy.error_responses import ErrorResponse
from shim.recording.proxy.message_reader import MessageReader
from shim.recording.proxy.upstream import Upstream

Stage: TypeAlias = Literal["connect", "headers", "body"]

HoldReason: TypeAlias = Literal["uploading", "ahead"]
"""Why a client is not read: its upload waits for the upstream, or it has sent requests ahead."""


class Droppable(Protocol):
    """A client connection as the proxy sees it."""

    def drop(self) -> None:
        """End it at once."""
        ...


class Downstream(Protocol):
    """A client connection as its upstream connection sees it."""

    def deliver(self, data: bytes) -> None:
        """Pass bytes to the client."""
        ...

    def hold(self, why: HoldReason) -> None:
        """Read no more of the client."""
        ...

    def unhold(self, why: HoldReason) -> None:
        """Read on, unless there is another reason not to."""
        ...

    def settle(self, transaction: Transaction) -> None:
        """Go on to the next request, if both messages are complete."""
        ...

    def close(self) -> None:
        """End both connections in order."""
        ...

    def reset(self) -> None:
        """End the client's connection with a reset."""
        ...

    def unreachable(self, response: ErrorResponse) -> None:
        """Answer in the upstream's place, or reset the connection where it has begun to answer."""
        ...


class ProxyServices(Protocol):
    """What connections need of the proxy they are part of."""

    @property
    def upstream(self) -> Upstream:
        """Where requests go."""
        ...

    @property
    def timeout(self) -> float | None:
        """How long the upstream may be silent, in seconds; None for ever."""
        ...

    @property
    def request_timeout(self) -> float:
        """How long a request may make no progress, in seconds."""
        ...

    async def connect(self, protocol: Callable[[], asyncio.Protocol]) -> None:
        """Make a connection to the upstream; OSError where there is none."""
        ...

    def admit(self, client: Droppable) -> ErrorResponse | None:
        """Take a new client connection in, or say why not."""
        ...

    def gone(self, client: Droppable) -> None:
        """Forget a client connection."""
        ...

    def record(self, request: RecordedRequest, *, pair_id: str | None) -> Recording:
        """Begin to record an exchange, of whose request the head is known."""
        ...

    def unfit(self, request: h11.Request) -> ErrorResponse | None:
        """Why a request is not passed on, None where it is."""
        ...

    def refused(self, response: ErrorResponse) -> None:
        """Note a request that was not passed on."""
        ...


class Transaction:
    """One request and its answer.

    Attributes:
        last: the connections end with it.
        unframed: the client is one of HTTP/1.0, which knows no chunks and no 1xx.
        asked, answered: the request, the answer is complete.
        opaque: what comes is no HTTP, and is passed on until the upstream closes.
        recording: what is taken down of it.
    """

    __slots__ = ("answered", "asked", "last", "opaque", "reader", "recording", "unframed")

    def __init__(self, request: h11.Request, *, recording: Recording, reader: MessageReader) -> None:
        self.recording = recording
        self.reader = reader
        self.last = headers.is_last(request)
        self.unframed = request.http_version < b"1.1"
        self.asked = False
        self.answered = False
        self.opaque = False

    @classmethod
    def begin(cls, proxy: ProxyServices, request: h11.Request) -> tuple[Transaction, bytes]:
        """Begin an exchange; with the head as the upstream is to get it."""
        outgoing = headers.sent_upstream(request, proxy.upstream, last=headers.is_last(request))
        reader, head = MessageReader.of_response(outgoing)
        recorded = RecordedRequest(
            method=outgoing.method.decode("ascii"),
            url=proxy.upstream.origin + outgoing.target.decode("ascii"),
            headers=headers.recorded(outgoing),
        )
        recording = proxy.record(recorded, pair_id=headers.value_of(request, headers.PAIR_ID))
        return cls(request, recording=recording, reader=reader), head

    @property
    def over(self) -> bool:
        """Whether both messages are complete."""
        return self.asked and self.answered

    @property
    def told(self) -> bool:
        """Whether the client has been told something that nothing else may be said after."""
        return self.opaque or self.recording.has_head

    @property
    def stage(self) -> Stage:
        """What is awaited."""
        return "body" if self.recording.has_head else "headers"

    def ask(self, pieces: Sequence[bytes], *, complete: bool) -> None:
        """Take pieces of the request's body; `complete`: it ends with them."""
        self.recording.ask(pieces)
        if complete:
            self.asked = True
            self.recording.asked_all()

    def answer(self, head: h11.Response) -> None:
        """Take the head of the answer."""
        recorded = headers.recorded(head)
        self.recording.head(
            head.status_code,
            reason=bytes(head.reason).decode("latin-1"),
            headers=recorded,
            encoding=header_of(recorded, "content-encoding") or "",
        )

    def complete(self) -> None:
        """Note that the answer is whole; the record is handed over when the request is, too."""
        self.answered = True
        self.recording.settle("complete")

    def unconnected(self, kind: str, message: str) -> None:
        """Note that there is no connection to ask on; the record is handed over when the request is whole, or given up."""
        self.recording.settle("failed", fault=self._fault("connect", kind=kind, message=message))

    def fail(self, kind: str, message: str) -> None:
        """End the record with a fault, and hand it over."""
        self.recording.end("failed", fault=self._fault(self.stage, kind=kind, message=message))

    def end(self) -> None:
        """Hand the record over, once; unless it has ended, as one whose client went away."""
        self.recording.end("aborted")

    def _fault(self, stage: Stage, *, kind: str, message: str) -> TransportFault:
        return TransportFault(stage=stage, kind=kind, message=message, at=self.recording.elapsed())


def send_at_once(transport: asyncio.BaseTransport) -> None:
    """Turn Nagle's algorithm off: with delayed acknowledgements it holds small pieces back for 40 ms."""
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
