"""One HTTP exchange as it was on the wire: what was asked, what came back piece by piece, how it ended.

Not its form in a file (`files`, `exchange_json`), not its making (`recorder`, `tap`), not what is taken out before it is kept
(`redaction`).
All times are seconds since the request was handed to the transport, except `Exchange.started_at`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, Literal, TypeAlias, TypeVar
from urllib.parse import SplitResult, urlsplit, urlunsplit

import msgspec
from msgspec import Struct

from shim.model.response import Api
from shim.recording.reading import Reading

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values in the order and case they had; a repeated header stands there as often as it was sent."""

_Made = TypeVar("_Made")

Role: TypeAlias = Literal["control", "candidate"]

Ended: TypeAlias = Literal["complete", "aborted", "failed", "overflow"]
"""complete: to the end of the body. aborted: the caller closed it before. failed: see `fault`. overflow: larger than is kept."""


PAIR_HEADER: Final = "X-Shim-Pair-Id"
"""A request header that is taken off before the request is sent, and becomes the exchange's `pair_id`."""


class UnreadableExchangeError(ValueError):
    """A recorded exchange cannot be compared: its body was left out, say. Never a difference between the two sides."""


class Segment(Struct, frozen=True, gc=False):
    """Bytes of a body that were read together. `data` is None where bodies are left out; the length stays."""

    data: bytes | None
    at: float
    length: int

    @classmethod
    def of(cls, data: bytes, at: float) -> Segment:
        """A segment that holds its bytes."""
        return cls(data, at, len(data))


class RecordedRequest(Struct, frozen=True, kw_only=True, gc=False):
    """The request as it was sent.

    Attributes:
        method, url: as sent; credentials and what looks like a key are taken out of the URL.
        headers: those the allow-list lets through.
        body: None where it was left out, or could not be read without consuming it (a file, a generator).
        length: of the body in bytes, -1 where it is not known.
        sha256: of a body that was left out, in hex; None otherwise.
    """

    method: str
    url: str
    headers: Headers = ()
    body: bytes | None = None
    length: int = -1
    sha256: str | None = None


class RecordedResponse(Struct, frozen=True, kw_only=True, gc=False):
    """The response as it was read.

    Attributes:
        status, reason: of the status line; the reason is "" where the protocol has none.
        headers: those the allow-list lets through.
        segments: the body, split exactly as it was read.
        headers_at: when the head was complete.
        sha256: of a body that was left out, in hex; None otherwise.
        decoded: whether the segments are the body after its content-encoding was undone, as most callers read it.
    """

    status: int
    reason: str = ""
    headers: Headers = ()
    segments: tuple[Segment, ...] = ()
    headers_at: float = 0.0
    sha256: str | None = None
    decoded: bool = True

    @property
    def body(self) -> bytes | None:
        """The whole body; None where it was left out."""
        pieces = [segment.data for segment in self.segments if segment.data is not None]
        return b"".join(pieces) if len(pieces) == len(self.segments) else None

    @property
    def length(self) -> int:
        """Bytes of the body."""
        return sum(segment.length for segment in self.segments)

    @property
    def is_event_stream(self) -> bool:
        """Whether its content type is that of an event stream, whatever the status."""
        return (self.header("content-type") or "").partition(";")[0].strip().lower() == "text/event-stream"

    def header(self, name: str) -> str | None:
        """The value of a header whatever its case, repeated ones joined by a comma; None where there is none."""
        return header_of(self.headers, name)


def error_type(error: BaseException) -> str:
    """The type of an exception with its module, which may be told where its words may not: they can quote a body."""
    return f"{type(error).__module__}.{type(error).__qualname__}"


class TransportFault(Struct, frozen=True, kw_only=True):
    """Why no complete response came.

    Attributes:
        stage: where it broke: before a connection stood, before the head was complete, or in the body.
        kind: of the exception, with its module: `requests.exceptions.ReadTimeout`; or the transport's own word.
        message: what the library said, keys taken out.
        at: when.
    """

    stage: Literal["connect", "headers", "body"]
    kind: str
    message: str = ""
    at: float = 0.0


OPENAI_V0: Final = "openai 0.28"
OPENAI_V0_STAND_IN: Final = "shim.compat.openai_v0"
"""`Exchange.client` of what was recorded of the real openai 0.28, and of what stands in its place."""


class Exchange(Struct, frozen=True, kw_only=True):
    """One exchange.

    Attributes:
        pair_id: the same on the control's and the candidate's record of one request.
        role: whose record this is.
        started_at: when, in seconds since the epoch.
        request, response: what was asked; what came, None where no head did.
        ended: how the body ended, or that none came.
        fault: why it failed; None where it did not.
        finished: when it was over.
        made: what the control made of it, where somebody told.
        client: what recorded it, such as "tap" or "proxy".
        context: what the application adds: plain JSON.
        redacted: the places that were taken out, such as `request.body.user` (headers outside the allow-list are not named).
    """

    pair_id: str
    role: Role = "control"
    started_at: float = 0.0
    request: RecordedRequest
    response: RecordedResponse | None = None
    ended: Ended = "complete"
    fault: TransportFault | None = None
    finished: float = 0.0
    made: Reading | None = None
    client: str = ""
    context: dict[str, Any] = {}
    redacted: tuple[str, ...] = ()


def account_of(exchange: Exchange) -> dict[str, str]:
    """The organization and the project of a call that has them with it, whoever serves it: one of openai 0.28.

    Of other clients they are settings, which the candidate is given in its own way or lacks.
    """
    if exchange.client not in (OPENAI_V0, OPENAI_V0_STAND_IN):
        return {}
    sent = {name.lower(): value for name, value in exchange.request.headers}
    return {name: value for name in ("organization", "project") if (value := sent.get(f"openai-{name}"))}


def api_of(exchange: Exchange) -> Api | None:
    """The API an exchange speaks, None where it is neither of the two."""
    return api_asked(exchange.request.method, exchange.request.url)


def api_asked(method: str, url: str) -> Api | None:
    """The API that a request speaks, None where it is neither of the two."""
    return _api_at(url) if method.upper() == "POST" else None


def base_url_of(exchange: Exchange) -> str:
    """The address an exchange went to, without the path of its API: what a client is given as its base URL."""
    return _base_of(exchange.request.url)


_MOST_KEPT = 256  # a recording has few addresses
_LONGEST_KEPT = 1024


def _kept(made: Callable[[str], _Made]) -> Callable[[str], _Made]:
    """The same function, which keeps what it made of the last addresses."""
    kept = lru_cache(maxsize=_MOST_KEPT)(made)
    return lambda url: kept(url) if len(url) <= _LONGEST_KEPT else made(url)


@_kept
def _api_at(url: str) -> Api | None:
    path = _split(url).path.rstrip("/")
    if path.endswith("/chat/completions"):
        return "chat_completions"
    return "responses" if path.endswith("/responses") else None


@_kept
def _base_of(url: str) -> str:
    parts = _split(url)
    path = parts.path.rstrip("/")
    for api_path in ("/chat/completions", "/responses"):
        path = path.removesuffix(api_path)
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


def _split(url: str) -> SplitResult:
    """The parts of a URL; of one that is none, such as `https://[::1`, as much as can be told."""
    try:
        return urlsplit(url)
    except ValueError:
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        return SplitResult(scheme, host, (slash + path).partition("#")[0].partition("?")[0], "", "")


def is_streamed(exchange: Exchange) -> bool:
    """Whether a stream was asked for; where the request's body was left out, whether one came."""
    body = exchange.request.body
    if body is None:
        return exchange.response is not None and exchange.response.is_event_stream
    if b'"stream"' not in body and b"\\" not in body:
        return False  # without escapes a name stands in JSON as it is
    try:
        asked = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(asked, dict) and asked.get("stream") is True


def header_of(headers: Headers, name: str) -> str | None:
    """The value of a header whatever its case, repeated ones joined by a comma (RFC 9110 5.3); None where there is none."""
    wanted, length = name.lower(), len(name)
    values = [value for each, value in headers if len(each) == length and each.lower() == wanted]
    return ", ".join(values) if values else None


def sha256_of(data: bytes) -> str:
    """The hash that stays of a body that is left out, in hex."""
    return hashlib.sha256(data).hexdigest()
