"""Where a message begins and ends in the bytes of a connection, while those bytes pass unchanged.

Not the connection (`client`), not the headers (`headers`). h11 reads along and says where the head and the body end; the body
keeps the framing it came with, so that a chunk of one side is a chunk of the other. Framing: RFC 9112 sections 6 and 7.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TypeAlias

import h11
from msgspec import Struct

Head: TypeAlias = h11.Request | h11.InformationalResponse | h11.Response

# Of a head, or of one line of chunk framing. Tomcat takes 8 KiB, node 16 KiB; long cookies and tracing headers need more.
MAX_HEAD = 64 * 1024


class Fed(Struct):
    """What came of some bytes.

    Attributes:
        heads: those that became complete.
        body: what belongs to the body, in the framing it came with; of a broken message everything that was not told before.
        pieces: the body without its framing, cut where a chunk or a read ended.
        complete: the message ends with these bytes.
        beyond: what came behind its end.
        broken: why this is no HTTP message; "" where it is one so far.
        too_long: what is broken is that a head is longer than `MAX_HEAD`.
    """

    heads: list[Head]
    body: bytes
    pieces: list[bytes]
    complete: bool = False
    beyond: bytes = b""
    broken: str = ""
    too_long: bool = False


class MessageReader:
    """Reads one message, a request or a response; what follows is another reader's."""

    def __init__(self, http: h11.Connection) -> None:
        self._http = http
        self._head_read = False
        self._untold = bytearray()  # of a head that is not complete

    @classmethod
    def of_request(cls) -> MessageReader:
        """For the next request of a client."""
        return cls(h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD))

    @classmethod
    def of_response(cls, request: h11.Request) -> tuple[MessageReader, bytes]:
        """For the answer to a request, with the head of the request as it is to be written.

        Raises:
            h11.LocalProtocolError: the request cannot be written in HTTP/1.1.
        """
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        return cls(http), http.send(request)

    @property
    def begun(self) -> bool:
        """Whether anything of the message has come."""
        return self._head_read or bool(self._untold)

    @property
    def untold(self) -> bytes:
        """What has come of a head that is not complete."""
        return bytes(self._untold)

    def feed(self, data: bytes) -> Fed:
        """Take bytes as they were read, b"" for the end of the connection, and tell `headers` and `body`.

        What is beyond the message is still with the body. `read_on` tells the rest: to read along a body of many chunks
        takes milliseconds that nobody needs to wait for.
        """
        fed = Fed(heads=[], body=b"", pieces=[])
        self._http.receive_data(data)
        if self._head_read:
            fed.body = data
            return fed
        self._untold += data
        with _broken(fed, ended=not data):
            while not self._head_read and (event := self._next()) is not None:
                self._take_head(event, fed)
        if fed.broken:
            fed.body = bytes(self._untold)
        return fed

    def read_on(self, fed: Fed) -> None:
        """Read along the body that `feed` has just told."""
        if not self._head_read or fed.broken:
            return
        with _broken(fed, ended=not fed.body):
            while not fed.complete and (event := self._next()) is not None:
                if isinstance(event, h11.Data):
                    fed.pieces.append(bytes(event.data))
                elif isinstance(event, h11.EndOfMessage):
                    fed.complete = True
                    fed.beyond = self._http.trailing_data[0]
                    fed.body = fed.body[: len(fed.body) - len(fed.beyond)]

    def _next(self) -> object:
        event = self._http.next_event()
        return None if event is h11.NEED_DATA or event is h11.PAUSED else event

    def _take_head(self, event: object, fed: Fed) -> None:
        if isinstance(event, h11.InformationalResponse):
            fed.heads.append(event)
            self._untold = bytearray(self._http.trailing_data[0])
        elif isinstance(event, h11.Request | h11.Response):
            fed.heads.append(event)
            self._head_read = True
            self._untold.clear()
            fed.body = self._http.trailing_data[0]


@contextlib.contextmanager
def _broken(fed: Fed, *, ended: bool) -> Iterator[None]:
    """Note what h11 refuses: that alone may come of bytes, whatever they are."""
    try:
        yield
    except h11.RemoteProtocolError as error:
        fed.broken = _reason(error, ended=ended)
        fed.too_long = error.error_status_hint == 431


def _reason(error: h11.RemoteProtocolError, *, ended: bool) -> str:
    """Say what is wrong. h11 quotes the bytes at fault, which may be anything, a key too: they are left out."""
    if ended:
        return "the connection was closed without sending complete message"
    return str(error).partition(": bytearray(")[0].partition(": b'")[0].partition(': b"')[0][:200]
