"""The upstream's connection: what comes from it reaches the client as it came, read along so that its end is known.

Not the client's connection (`client`). Bytes that are no HTTP are passed on too; nothing is read along from then on, and
they are the last that pass. An upstream that is silent is the client's business, unless a timeout is set.
"""

from __future__ import annotations

import asyncio
import time
from typing import cast

import h11

from shim.recording.proxy import error_responses, headers
from shim.recording.proxy.message_reader import Fed, Head
from shim.recording.proxy.transaction import Downstream, ProxyServices, Transaction, send_at_once

# What may wait of a client: for the connection to the upstream, or behind a request that is being answered.
MAX_AHEAD = 64 * 1024


class UpstreamConnection(asyncio.Protocol):
    """The connection that belongs to one client's; made when the first request is sent."""

    def __init__(self, proxy: ProxyServices, client: Downstream) -> None:
        self._proxy = proxy
        self._client = client
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._waiting = bytearray()
        self._transaction: Transaction | None = None
        self._paused = False
        self._over = False
        self._watch: asyncio.TimerHandle | None = None
        self._moved = 0.0

    # --- told by the client's connection -----------------------------------------------------------------------------

    def begin_transaction(self, transaction: Transaction) -> None:
        """The next answer belongs to this request."""
        self._transaction = transaction
        self._moved = self._loop.time()
        if self._proxy.timeout is not None:
            self._watch = self._loop.call_later(self._proxy.timeout, self._look, self._proxy.timeout)

    def end_transaction(self) -> None:
        """No answer is awaited."""
        self._transaction = None
        self._stop_watch()

    def send(self, data: bytes) -> None:
        """Send bytes up, when there is a connection."""
        if self._over:
            return
        self._moved = self._loop.time()
        if self._transport is not None:
            self._transport.write(data)
            return
        self._waiting += data
        if len(self._waiting) > MAX_AHEAD:
            self._client.hold("uploading")
        if self._connecting is None:
            self._connecting = self._loop.create_task(self._connect())

    def pause(self) -> None:
        """Read no more."""
        self._paused = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        self._paused = False
        self._moved = self._loop.time()
        if self._transport is not None:
            self._transport.resume_reading()

    def abort(self) -> None:
        """Close the connection at once."""
        self._over = True
        self._stop_watch()
        if self._connecting is not None:
            self._connecting.cancel()
        if self._transport is not None:
            self._transport.abort()

    # --- told by asyncio --------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send what has waited."""
        self._transport = cast("asyncio.Transport", transport)
        if self._over:
            self._transport.abort()
            return
        send_at_once(transport)
        if self._paused:
            self._transport.pause_reading()
        waiting, self._waiting = bytes(self._waiting), bytearray()
        self._client.unhold("uploading")
        self._moved = self._loop.time()
        self._transport.write(waiting)

    def data_received(self, data: bytes) -> None:
        """Pass it on, and note it."""
        self._moved = self._loop.time()
        transaction = self._transaction
        if self._over:
            return
        if transaction is None:  # nobody has asked: the client is to see it, and no request may take it for its answer
            self._client.deliver(data)
            self._client.close()
        elif transaction.opaque or transaction.answered:
            self._client.deliver(data)
            transaction.opaque = True
        else:
            self._answer(transaction, transaction.reader.feed(data))

    def eof_received(self) -> bool:
        """The upstream has ended the connection: so do we, with the answer whole or not."""
        if self._over:
            return False
        transaction = self._transaction
        if transaction is not None and not transaction.opaque and not transaction.answered:
            began = transaction.reader.begun
            fed = transaction.reader.feed(b"")
            transaction.reader.read_on(fed)
            transaction.last = True
            if fed.complete:
                self._complete(transaction, fed)
            else:
                kind = "truncated" if began else "RemoteDisconnected"
                transaction.fail(kind, "the upstream closed the connection without sending complete answer")
                self._client.deliver(fed.body)
        if not self._over:
            self._client.close()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, in order or broken."""
        if self._transport is not None:
            self._transport.abort()  # asyncio before 3.11 leaves that of a lost TLS connection open
        self._transport = None
        if self._over:
            return
        if exc is None:
            self.eof_received()
            return
        if self._transaction is not None:
            self._transaction.fail(kind_of(exc), str(exc))
            if not self._transaction.opaque:
                self._client.deliver(self._transaction.reader.untold)
        self._client.reset()

    def pause_writing(self) -> None:
        """Read no more of the client than the upstream takes."""
        self._client.hold("uploading")

    def resume_writing(self) -> None:
        """Go on."""
        self._moved = self._loop.time()
        self._client.unhold("uploading")

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _connect(self) -> None:
        try:
            await self._proxy.connect(lambda: self)
        except (OSError, ValueError) as error:  # ssl.SSLError and socket.gaierror; UnicodeError for an odd host name
            if self._over:
                return
            self._connecting = None
            if self._transaction is not None:  # kept when its request, which may still be on its way, has come
                self._transaction.unconnected(kind_of(error), str(error))
            self._client.unreachable(error_responses.unreachable(error, self._proxy.upstream))

    def _answer(self, transaction: Transaction, fed: Fed) -> None:
        told = b"".join(self._head(transaction, head) for head in fed.heads)
        plain = transaction.unframed and not fed.broken
        self._client.deliver(told if plain else told + fed.body)
        at = time.monotonic()
        transaction.reader.read_on(fed)
        if plain:
            self._client.deliver(b"".join(fed.pieces))
        transaction.recording.note_all(fed.pieces, at=at)
        if fed.broken:
            transaction.fail("protocol", fed.broken)
            transaction.opaque = True
        elif fed.complete:
            self._complete(transaction, fed)

    def _complete(self, transaction: Transaction, fed: Fed) -> None:
        transaction.opaque = bool(fed.beyond)
        transaction.complete()
        self._stop_watch()
        self._client.settle(transaction)

    def _head(self, transaction: Transaction, head: Head) -> bytes:
        if isinstance(head, h11.Response):
            transaction.last = transaction.last or headers.is_last(head)
            transaction.answer(head)
        elif isinstance(head, h11.Request) or transaction.unframed:  # HTTP/1.0 knows no 1xx (RFC 9110 section 15.2)
            return b""
        last = transaction.last and isinstance(head, h11.Response)
        return headers.sent_to_client(head, last=last, unframed=transaction.unframed)

    def _look(self, timeout: float) -> None:
        """See whether anything has moved; a client that does not read is no fault of the upstream."""
        left = self._moved + timeout - self._loop.time()
        if self._paused or left > 0:
            self._watch = self._loop.call_later(left if left > 0 else timeout, self._look, timeout)
            return
        self._watch = None
        if self._transaction is not None:
            self._transaction.fail("TimeoutError", f"nothing came from the upstream for {timeout:g} s")
        self._client.unreachable(error_responses.silent(timeout, self._proxy.upstream))

    def _stop_watch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None


def kind_of(error: BaseException) -> str:
    """The name of an exception's class, with its module unless it is a builtin."""
    kind = type(error)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
