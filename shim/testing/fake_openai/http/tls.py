"""TLS on a connection, without I/O of its own: bytes from the transport below, cleartext to the speaker above.

Not asyncio's TLS, which owns a connection from its first byte and knows no faults before or below it. Certificates come
from `certificates`. The standard library's `ssl` over memory buffers does all of the cryptography.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any, cast

from shim.testing.fake_openai.http.shared import Speaker

_READ_SIZE = 256 * 1024


class TlsLayer:
    """Shakes hands, then carries the speaker that `choose` makes for the protocol agreed on by ALPN (None: none was)."""

    def __init__(self, context: ssl.SSLContext, *, choose: Callable[[str | None], Speaker]) -> None:
        self._choose = choose
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._speaker: Speaker | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the client: it speaks first."""
        self._below = cast("asyncio.Transport", transport)
        self._above = TlsTransport(self._below, tls=self._tls, outgoing=self._outgoing)

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass it on."""
        if self._speaker is not None:
            self._speaker.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take ciphertext: go on with the handshake, or hand up what it says."""
        self._incoming.write(data)
        try:
            if self._speaker is None:
                self._speaker = self._shaken()
            while not self._below.is_closing():
                cleartext = self._tls.read(_READ_SIZE)
                if not cleartext:
                    break
                self._speaker.data_received(cleartext)
        except ssl.SSLWantReadError:
            self._above.flush()
        except ssl.SSLError:
            # The client ended TLS, or does not accept us, or speaks something else: ours is to send the alert and go.
            self._above.flush()
            self._below.close()
        else:
            self._above.close()

    def pause_writing(self) -> None:
        """Pass it on."""
        if self._speaker is not None:
            self._speaker.pause_writing()

    def resume_writing(self) -> None:
        """Pass it on."""
        if self._speaker is not None:
            self._speaker.resume_writing()

    def farewell(self) -> None:
        """Pass it on."""
        if self._speaker is not None:
            self._speaker.farewell()

    def _shaken(self) -> Speaker:
        """The speaker, once the handshake is done; SSLWantReadError until then."""
        self._tls.do_handshake()
        self._above.flush()
        speaker = self._choose(self._tls.selected_alpn_protocol())
        speaker.connection_made(self._above)
        return speaker


class TlsTransport(asyncio.Transport):
    """The transport a speaker writes cleartext to. Pausing comes from the transport below, whose limits it shares."""

    def __init__(self, below: asyncio.Transport, *, tls: ssl.SSLObject, outgoing: ssl.MemoryBIO) -> None:
        super().__init__()
        self._below = below
        self._tls = tls
        self._outgoing = outgoing

    def flush(self) -> None:
        """Send what TLS has to say."""
        if self._outgoing.pending and not self._below.is_closing():
            self._below.write(self._outgoing.read())

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send all of it."""
        rest = memoryview(data)
        while rest and not self._below.is_closing():
            rest = rest[self._tls.write(rest) :]
        self.flush()

    def write_eof(self) -> None:
        """Say that nothing more follows: in TLS first, then in TCP."""
        self._say_goodbye()
        self._below.write_eof()

    def close(self) -> None:
        """Close in order: with a TLS close alert, then FIN."""
        self._say_goodbye()
        self._below.close()

    def abort(self) -> None:
        """Close at once."""
        self._below.abort()

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._below.is_closing()

    def pause_reading(self) -> None:
        """Take no more from the client."""
        self._below.pause_reading()

    def resume_reading(self) -> None:
        """Take more from the client."""
        self._below.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the limits of the transport below."""
        self._below.set_write_buffer_limits(high, low)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the transport below knows."""
        return self._below.get_extra_info(name, default)

    def _say_goodbye(self) -> None:
        if self._below.is_closing():
            return
        try:
            self._tls.unwrap()
        except ssl.SSLWantReadError:
            self.flush()  # our alert is written; the client's own is not waited for
        except ssl.SSLError:
            self.flush()  # it has ended TLS already
