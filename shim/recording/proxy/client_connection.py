"""A client's connection: its requests go up as they come, and it meets every end that the upstream makes.

Not the upstream's connection (`upstream_connection`), not the reading of messages (`message_reader`). Each client connection
has an upstream connection of its own, made with its first request: both live and die together, so the client meets a closed,
cut or reset connection as it would without the proxy. asyncio's protocols, rather than its streams or threads: they say when a
peer does not keep up, see a client go away while nothing is written to it, and pass bytes on in the order they came in.

A client that ends its sending side behind a whole request gets its answer (RFC 9112 9.6); in the middle of one it has gone
away. A client may send requests ahead: each waits until the one before is answered.
"""

from __future__ import annotations

import asyncio
import select
import socket
import struct
from typing import cast

import h11

from shim.recording.proxy import error_responses
from shim.recording.proxy.error_responses import ErrorResponse
from shim.recording.proxy.message_reader import Fed, MessageReader
from shim.recording.proxy.peer_state import has_gone
from shim.recording.proxy.transaction import HoldReason, ProxyServices, Transaction, send_at_once
from shim.recording.proxy.upstream_connection import MAX_AHEAD, UpstreamConnection

# How long a client is still read whose upload nobody wants any more, so that its answer is not lost to a reset
# (RFC 9112 section 9.6).
LINGER_SECONDS = 1.0
# How often a client that is not read is looked at, as only a read tells of its end.
LOOK_SECONDS = 0.5
_ENDED = getattr(select, "POLLRDHUP", 0)  # Linux's alone
_BROKEN = select.POLLHUP | select.POLLERR


class ClientConnection(asyncio.Protocol):
    """One client connection, with the upstream connection that belongs to it."""

    def __init__(self, proxy: ProxyServices) -> None:
        self._proxy = proxy
        self._loop = asyncio.get_running_loop()
        self._upstream = UpstreamConnection(proxy, self)
        self._request = MessageReader.of_request()
        self._transaction: Transaction | None = None
        self._ahead = bytearray()
        self._holds: set[HoldReason] = set()
        self._leaving = False  # nothing is passed on any more
        self._reset_when_sent = False
        self._has_ended = False  # the client sends nothing more
        self._has_asked = (
            False  # a request has come; from then on how long an idle connection stays is the upstream's affair
        )
        self._heard_at = self._loop.time()  # when the client was connected, began its head, or sent more of its body
        self._patience: asyncio.TimerHandle | None = None
        self._linger: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None

    # --- told by asyncio --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for a request."""
        self._transport = cast("asyncio.Transport", transport)
        send_at_once(transport)
        response = self._proxy.admit(self)
        if response is not None:
            self._refuse(response)
        else:
            self._patience = self._loop.call_later(self._proxy.request_timeout, self._look_for_progress)

    def data_received(self, data: bytes) -> None:
        """Pass on what belongs to the request; what is behind it waits."""
        if self._leaving:
            self._take_unwanted(data)
        elif self._transaction is not None and self._transaction.asked and self._transaction.opaque:
            self._transport.abort()  # where its answer ends is unknown, so no other can be asked for here
        elif self._ahead or (self._transaction is not None and self._transaction.asked):
            self._ahead += data
            if len(self._ahead) > MAX_AHEAD:
                self.hold("ahead")
        else:
            self._take(data)

    def eof_received(self) -> bool:
        """The client sends nothing more; that may be all of it, or it may still want its answer."""
        self._has_ended = True
        if self._leaving or not self._awaits_answer() or self._is_gone():
            self._transport.abort()
            return False
        self._look_soon()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the upstream connection at once."""
        del exc
        self._leaving = True
        if self._transaction is not None:
            self._transaction.end()
        for timer in (self._linger, self._look, self._patience):
            if timer is not None:
                timer.cancel()
        self._upstream.abort()
        self._proxy.gone(self)

    def pause_writing(self) -> None:
        """Read no more of the upstream than the client takes."""
        self._upstream.pause()

    def resume_writing(self) -> None:
        """Go on."""
        if self._reset_when_sent:
            # Not from in here: a selector transport that is closed while it says "resume" loses its connection twice.
            self._loop.call_soon(self._reset_now)
        else:
            self._upstream.resume()

    # --- told by the upstream's connection ---------------------------------------------------------------------------------

    def deliver(self, data: bytes) -> None:
        """Pass bytes to the client."""
        if data and not self._transport.is_closing():
            self._transport.write(data)

    def hold(self, why: HoldReason) -> None:
        """Read no more of the client."""
        self._holds.add(why)
        self._transport.pause_reading()
        self._look_soon()

    def unhold(self, why: HoldReason) -> None:
        """Read on, unless there is another reason not to."""
        self._holds.discard(why)
        if not self._holds:
            self._transport.resume_reading()

    def settle(self, transaction: Transaction) -> None:
        """Go on to the next request, if both messages are complete."""
        if not transaction.over:
            return
        transaction.end()
        if transaction.opaque:  # more came than belongs to the answer: how that ends is up to the upstream
            return
        if transaction.last:
            self.close()
            return
        self._transaction = None
        self._upstream.end_transaction()
        self._request = MessageReader.of_request()
        if self._ahead:
            self._loop.call_soon(self._take_ahead)  # not from in here, so that many of them cannot nest
        elif self._has_ended:
            self.close()
            return
        self.unhold("ahead")

    def close(self) -> None:
        """End both connections in order, after what is still to be sent to the client."""
        if self._transaction is not None and not self._transaction.asked:
            self._farewell()
        else:
            self._leave()
            self._transport.close()

    def reset(self) -> None:
        """End the client's connection with a reset, after what is still to be sent to it."""
        self._leave()
        if self._transport.get_write_buffer_size():
            self._reset_when_sent = True
            self._transport.set_write_buffer_limits(high=0)
        else:
            self._reset_now()

    def unreachable(self, response: ErrorResponse) -> None:
        """Answer in the upstream's place, or reset the connection where it has begun to answer."""
        if self._transaction is not None and self._transaction.told:
            self.reset()
            return
        self.deliver(response.encode())
        self.close()

    # --- told by the proxy ------------------------------------------------------------------------------------------

    def drop(self) -> None:
        """End both connections at once."""
        if self._transaction is not None:
            self._transaction.fail("proxy_stopped", "the recording proxy was stopped")
        self._transport.abort()

    # --- requests ---------------------------------------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        if self._transaction is not None or not self._request.begun:
            self._heard_at = self._loop.time()
        fed = self._request.feed(data)
        self._request.read_on(fed)
        head = b""
        for request in fed.heads:
            if not isinstance(request, h11.Request):
                raise TypeError("a reader of requests gave another head")
            response = self._proxy.unfit(request)
            if response is not None:
                self._refuse(response)
                return
            self._transaction, head = Transaction.begin(self._proxy, request)
            self._has_asked = True
            self._upstream.begin_transaction(self._transaction)
        if fed.broken:
            self._refuse(error_responses.unreadable(fed.broken, too_long=fed.too_long))
        elif self._transaction is not None:
            self._ask(self._transaction, fed, head=head)

    def _ask(self, transaction: Transaction, fed: Fed, *, head: bytes) -> None:
        transaction.ask(fed.pieces, complete=fed.complete)
        self._ahead += fed.beyond
        if head or fed.body:
            self._upstream.send(head + fed.body)
        self.settle(transaction)

    def _take_unwanted(self, data: bytes) -> None:
        """Note the rest of a request that has been answered already; when it has come, nothing is left to wait for."""
        transaction = self._transaction
        if transaction is None or transaction.asked:
            return
        fed = self._request.feed(data)
        self._request.read_on(fed)
        transaction.ask(fed.pieces, complete=fed.complete)
        if fed.complete:
            self._transport.close()

    def _take_ahead(self) -> None:
        if self._transaction is None and not self._leaving:
            data, self._ahead = bytes(self._ahead), bytearray()
            self._take(data)
            if self._has_ended and not (self._leaving or self._awaits_answer()):
                self._transport.abort()  # half a request, and no more will come

    def _awaits_answer(self) -> bool:
        return self._transaction is not None and self._transaction.asked

    # --- endings ----------------------------------------------------------------------------------------------------

    def _refuse(self, response: ErrorResponse) -> None:
        """Answer that this is no request to be passed on."""
        self._proxy.refused(response)
        if self._transaction is not None:
            self._transaction.end()
            self.unreachable(response)
        else:
            self.deliver(response.encode())
            self._farewell()

    def _farewell(self) -> None:
        """Say that nothing more follows, and read away for a moment what the client is still sending."""
        self._leave()
        if self._transport.is_closing():
            return
        self._transport.write_eof()
        self._holds.clear()
        self._transport.resume_reading()
        self._linger = self._loop.call_later(LINGER_SECONDS, self._transport.abort)

    def _look_soon(self) -> None:
        if self._look is None:
            self._look = self._loop.call_later(LOOK_SECONDS, self._look_for_end)

    def _look_for_end(self) -> None:
        """See whether a client that is not read, or sends nothing more, and so cannot be heard, has gone away."""
        self._look = None
        if (self._holds or self._has_ended) and not self._transport.is_closing():
            if self._is_gone():
                self._transport.abort()
            else:
                self._look_soon()

    def _is_gone(self) -> bool:
        """Whether nobody is there to take an answer, as far as that can be known without writing."""
        sock = self._transport.get_extra_info("socket")
        poll = select.poll()
        poll.register(sock.fileno(), _ENDED | _BROKEN)
        seen = dict(poll.poll(0)).get(sock.fileno(), 0)
        return bool(seen & _BROKEN) or (bool(self._has_ended or seen & _ENDED) and has_gone(sock) is True)

    def _look_for_progress(self) -> None:
        """See whether a request has come to a standstill: a connection costs two descriptors, and they are not many."""
        limit = self._proxy.request_timeout
        is_awaited = not self._holds and (
            not self._transaction.asked if self._transaction is not None else self._request.begun or not self._has_asked
        )
        left = self._heard_at + limit - self._loop.time() if is_awaited else limit
        if left > 0:
            self._patience = self._loop.call_later(left, self._look_for_progress)
        elif self._transaction is None and not self._request.begun:
            self._transport.abort()
        else:
            self._refuse(error_responses.late(limit))

    def _leave(self) -> None:
        self._leaving = True
        self._upstream.abort()

    def _reset_now(self) -> None:
        if not self._transport.is_closing():
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
