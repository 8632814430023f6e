"""Replay: a `requests` transport adapter that answers with recorded exchanges, through real urllib3 and requests objects.

Not a provider on such a session (`session_reader`) nor a player of its own sockets (`shim.testing.fake_openai`). A segment
is one read of its reader, never joined with the next; what broke off breaks off in the same way, by the exception that
urllib3 or requests raises for it.
"""

from __future__ import annotations

import functools
import http.client
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import IO, Any, NoReturn, cast

import requests
from requests.adapters import BaseAdapter
from requests.cookies import RequestsCookieJar
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3 import HTTPResponse
from urllib3 import exceptions as raw_errors
from urllib3._collections import HTTPHeaderDict  # urllib3 itself names it since 2.0 only

from shim.recording.exchange import Exchange, Headers
from shim.recording.recorded_answer import Break, FaultFamily, Presented, presented

_READ_SIZE = 65536


class ReplayAdapter(BaseAdapter):
    """Answers every request with a recorded exchange; mount it on a `requests.Session`. Any thread may send.

    Args:
        answer: the exchange, or what chooses one for a request.
    """

    def __init__(self, answer: Exchange | Callable[[requests.PreparedRequest], Exchange]) -> None:
        super().__init__()
        self._answer = answer

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - the signature of requests
        timeout: Any = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002 - the signature of requests
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Answer; nothing is sent anywhere.

        Raises:
            requests.RequestException: the recorded exchange failed before its head was complete.
            UnreadableExchangeError: the exchange cannot be replayed.
        """
        del stream, timeout, verify, cert, proxies
        answer = self._answer if isinstance(self._answer, Exchange) else self._answer(request)
        return respond(request, presented(answer), adapter=self)

    def close(self) -> None:
        """Hold nothing."""


def respond(request: requests.PreparedRequest, answer: Presented, *, adapter: BaseAdapter) -> requests.Response:
    """The response of `requests` to a request, whose body will be read piece by piece.

    Raises:
        requests.RequestException: the exchange failed before its head was complete.
    """
    broken = answer.broken
    if broken is not None and broken.stage != "body":
        raise _before_the_body(broken, request)
    pieces = _Pieces(answer)
    raw = ReplayedResponse(
        body=cast("IO[bytes]", pieces),  # as much of a file as urllib3 asks for
        headers=HTTPHeaderDict(answer.headers),
        status=answer.status,
        version=11,
        reason=answer.reason,
        preload_content=False,
        decode_content=False,
        enforce_content_length=False,  # the framing was left behind; urllib3 knows lengths by status too
        request_method=request.method,
        request_url=request.url,
    )
    raw.replayed = pieces
    return _response(request, answer, raw=raw, adapter=adapter)


def respond_in_short(
    request: requests.PreparedRequest, answer: Presented, *, adapter: BaseAdapter
) -> requests.Response:
    """The same for a reader that asks `requests` alone for the body: urllib3, which has no part in a whole one, is left out.

    Raises:
        requests.RequestException: the exchange failed before its head was complete.
    """
    if answer.broken is not None:
        return respond(request, answer, adapter=adapter)
    return _response(request, answer, raw=_Raw(answer), adapter=adapter, kind=_WithoutCookies)


class _WithoutCookies(requests.Response):
    """A response whose jar of cookies is made when somebody asks for it: a replay keeps none."""

    def __init__(self) -> None:
        self.__dict__.update(_BLANK)
        self.history = []

    def __getattr__(self, name: str) -> Any:
        if name != "cookies":
            raise AttributeError(name)
        self.cookies = RequestsCookieJar()
        return self.cookies


_BLANK = {name: value for name, value in vars(requests.Response()).items() if name not in ("cookies", "history")}


def _response(
    request: requests.PreparedRequest,
    answer: Presented,
    *,
    raw: ReplayedResponse | _Raw,
    adapter: BaseAdapter,
    kind: type[requests.Response] = requests.Response,
) -> requests.Response:
    """What `HTTPAdapter.build_response` makes of it, less the search for cookies, of which a replay keeps none."""
    response = kind()
    response.status_code, response.headers = answer.status, CaseInsensitiveDict(_by_name(answer.headers))
    response.url, response.request = request.url or "", request
    said: Any = response  # its types know of no adapter but requests' own, nor of an answer without reason or encoding
    said.raw, said.connection = raw, adapter
    said.reason, said.encoding = answer.reason, get_encoding_from_headers(response.headers)
    return response


def _by_name(headers: Headers) -> Mapping[str, str]:
    """The fields by name, a repeated one's values joined, as urllib3 has them."""
    fields = dict(headers)
    return fields if len({name.lower() for name in fields}) == len(headers) else HTTPHeaderDict(headers)


class ReplayedResponse(HTTPResponse):
    """A response of urllib3 whose `stream` gives what one read gives, as that of a chunked answer does."""

    replayed: _Pieces

    def stream(self, amt: int | None = _READ_SIZE, decode_content: Any = None) -> Generator[bytes]:
        """Give the pieces one by one, none longer than `amt`."""
        del decode_content  # the content-encoding is undone before
        # With neither decoding nor a length to watch, urllib3's own reading gives a piece that is there as it is, at several
        # times the cost. Only the end says more: it is read through urllib3, which makes its own exception of a body's breaking.
        piece = self.replayed.piece
        while data := piece(amt) or self.read(_READ_SIZE if amt is None else amt):
            yield data

    if not hasattr(HTTPResponse, "read1"):  # before urllib3 2.1; readers of ours ask for it

        def read1(self, amt: int | None = None, decode_content: Any = None) -> bytes:
            """One piece, at most `amt` bytes of it."""
            return self.read(_READ_SIZE if amt is None or amt < 0 else amt, decode_content)

    def tell(self) -> int:
        """How many bytes have been read."""
        return self.replayed.position


class _Raw:
    """Stands for a response of urllib3 below one of requests, which asks it for a whole body."""

    def __init__(self, answer: Presented) -> None:
        self._pieces = _Pieces(answer)

    def stream(self, amt: int, decode_content: Any = None) -> Iterator[bytes]:
        """Give the pieces one by one, none longer than `amt`."""
        del decode_content  # the content-encoding is undone before
        return iter(functools.partial(self._pieces.piece, amt), b"")

    def close(self) -> None:
        """Give nothing more."""
        self._pieces.close()


class _Pieces:
    """The file below the response: each read gives one piece, then nothing, or what broke the body off."""

    def __init__(self, answer: Presented) -> None:
        self._pieces = iter(answer.pieces)
        self._rest = b""
        self._broken = answer.broken
        self.closed = False
        self.position = 0

    def read1(self, size: int | None = -1) -> bytes:
        """At most `size` bytes of one piece."""
        data = self.piece(size)
        if not data and not self._rest and self._broken is not None:
            _break_off(self._broken)
        return data

    def piece(self, size: int | None = -1) -> bytes:
        """The same, and nothing where none is left, however the body ends."""
        data = self._rest or next(self._pieces, b"")
        if size is None or size < 0 or size >= len(data):
            self._rest = b""
        else:
            data, self._rest = data[:size], data[size:]
        self.position += len(data)
        return data

    def read(self, size: int | None = -1) -> bytes:
        """One piece, or all of them where no size is given."""
        if size is not None and size >= 0:
            return self.read1(size)
        pieces = []
        while data := self.read1():
            pieces.append(data)
        return b"".join(pieces)

    def close(self) -> None:
        """Give nothing more."""
        self.closed = True
        self._pieces = iter(())
        self._rest = b""
        self._broken = None


_IN_THE_BODY: dict[FaultFamily, Callable[[str], Exception]] = {
    "timeout": TimeoutError,
    "network": ConnectionResetError,
    "truncated": lambda _words: http.client.IncompleteRead(b""),
    "protocol": http.client.HTTPException,
}
"""What http.client or the socket raises, for urllib3 to make its own of."""


def _break_off(broken: Break) -> NoReturn:
    if broken.kind.rpartition(".")[2] in ("DecodeError", "ContentDecodingError"):
        raise raw_errors.DecodeError(_words(broken))
    raise _IN_THE_BODY[broken.family](_words(broken))


_IN_THE_HEADERS: dict[FaultFamily, Callable[[str], Exception]] = {
    "timeout": TimeoutError,
    "network": http.client.RemoteDisconnected,
    "truncated": lambda _words: http.client.IncompleteRead(b""),
    "protocol": http.client.BadStatusLine,
}
_AS_THEMSELVES: dict[str, type[requests.RequestException]] = {
    each.__name__: each
    for each in (
        requests.exceptions.SSLError,
        requests.exceptions.ProxyError,
        requests.exceptions.ConnectTimeout,
        requests.exceptions.ReadTimeout,
    )
}


def _before_the_body(broken: Break, request: requests.PreparedRequest) -> requests.RequestException:
    words = _words(broken)
    exact = _AS_THEMSELVES.get(broken.kind.rpartition(".")[2])
    if exact is not None:
        return exact(words, request=request)
    if broken.family == "timeout":
        kind = requests.ConnectTimeout if broken.stage == "connect" else requests.ReadTimeout
        return kind(words, request=request)
    if broken.stage == "connect" and broken.family == "network":
        return requests.ConnectionError(words, request=request)
    cause = _IN_THE_HEADERS[broken.family](words)
    return requests.ConnectionError(raw_errors.ProtocolError("Connection aborted.", cause), request=request)


def _words(broken: Break) -> str:
    return broken.message or broken.kind or broken.family
