"""What one request is answered: status, headers and body pieces, and the error bodies of the OpenAI API.

Not how it travels: framing is in `http.framing`, misbehaviour in `http.faults`. Shapes: the API's error object
`{"error": {message, type, param, code}}`, pretty-printed JSON bodies ending in a line feed, one SSE event per piece.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

Header = tuple[str, str]

JSON_TYPE = "application/json"
STREAM_TYPE = "text/event-stream; charset=utf-8"
TEXT_TYPE = "text/plain; charset=utf-8"
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Answer:
    """A response before framing.

    `pieces` are the body in order: a stream has one event in each, and each becomes one HTTP chunk. `interval` is the
    time between two pieces in seconds; `times` says instead when each is due. `shared` says that the same pieces serve
    many requests, so that they are framed once and may be gathered into few writes. Without a `content-length` header
    the body is sent chunked.
    """

    status: int
    headers: tuple[Header, ...]
    pieces: tuple[bytes, ...]
    interval: float = 0.0
    shared: bool = False
    times: tuple[float, ...] | None = None

    def due(self, number: int) -> float:
        """When a piece is due, in seconds after the response began."""
        return number * self.interval if self.times is None else self.times[number]


class ApiError(Exception):
    """A request the API refuses: carries everything its error body says. `body` takes the place of the usual error object."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        kind: str = "invalid_request_error",
        headers: tuple[Header, ...] = (),
        body: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = body or {"error": {"message": message, "type": kind, "param": param, "code": code}}
        self.headers = headers


def json_answer(value: object, *, status: int = 200, headers: Iterable[Header] = ()) -> Answer:
    """Answer with a JSON body; `bytes` are sent as they are. A header given here replaces a standard one of that name."""
    body = value if isinstance(value, bytes) else pretty(value)
    standard = [("content-type", JSON_TYPE), ("content-length", str(len(body)))]
    return Answer(status, merged(standard, headers), (body,) if body else ())


def text_answer(said: str) -> Answer:
    """Answer with plain text."""
    body = said.encode()
    return Answer(200, (("content-type", TEXT_TYPE), ("content-length", str(len(body)))), (body,))


def stream_answer(
    payloads: Sequence[object],
    *,
    done: bool = True,
    headers: Iterable[Header] = (),
    interval: float = 0.0,
    shared: bool = False,
) -> Answer:
    """Answer with an event stream: one event per payload (encoded as JSON), then `[DONE]` unless `done` is false."""
    return _stream(map(sse, payloads), done=done, headers=headers, interval=interval, shared=shared)


def events_answer(payloads: Iterable[dict[str, Any]], *, interval: float = 0.0) -> Answer:
    """Answer with an event stream as the Responses API frames it: each event under its `type`, and no `[DONE]`."""
    return events_answer_of(map(named_sse, payloads), interval=interval)


def events_answer_of(pieces: Iterable[bytes], *, interval: float = 0.0, shared: bool = False) -> Answer:
    """The same with the events framed already."""
    return _stream(pieces, done=False, headers=(), interval=interval, shared=shared)


def _stream(events: Iterable[bytes], *, done: bool, headers: Iterable[Header], interval: float, shared: bool) -> Answer:
    pieces = list(events)
    if done:
        pieces.append(DONE)
    standard = [("content-type", STREAM_TYPE), ("cache-control", "no-cache")]
    return Answer(200, merged(standard, headers), tuple(pieces), interval=interval, shared=shared)


def error_answer(error: ApiError) -> Answer:
    """Answer with the error's status and body."""
    return json_answer(error.body, status=error.status, headers=error.headers)


def sse(payload: object) -> bytes:
    """One event as the API frames it: `data: {json}`, a blank line, and no `event:` line."""
    return b"data: " + msgspec.json.encode(payload) + b"\n\n"


def named_sse(payload: dict[str, Any]) -> bytes:
    """One event of the Responses API: an `event:` line with its type, then its data."""
    return b"event: " + str(payload["type"]).encode() + b"\n" + sse(payload)


def pretty(value: object) -> bytes:
    """JSON as the API writes it: indented by two and ended by a line feed."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def merged(standard: Iterable[Header], given: Iterable[Header]) -> tuple[Header, ...]:
    """The standard headers without those whose name is given, then the given ones."""
    kept = tuple((name.lower(), value) for name, value in given)
    names = {name for name, _ in kept}
    return tuple(header for header in standard if header[0] not in names) + kept


def status_answer(status: int, *, body: object = None, headers: Iterable[Header] = ()) -> Answer:
    """Answer a bare status with the body given, or with the error body the API sends for that status."""
    value = _default_error(status).body if body is None else body
    return json_answer(value, status=status, headers=headers)


def _default_error(status: int) -> ApiError:
    known = _ERRORS.get(status)
    if known is not None:
        return ApiError(status, **known)
    kind = "invalid_request_error" if status < 500 else "server_error"
    return ApiError(status, f"The fake server was told to answer {status}.", kind=kind)


_ERRORS: dict[int, dict[str, Any]] = {
    401: {"message": "Incorrect API key provided.", "code": "invalid_api_key"},
    403: {
        "message": "Your project has no access to this model.",
        "code": "model_not_found",
    },
    404: {"message": "The model does not exist or you have no access to it.", "code": "model_not_found"},
    429: {
        "message": "Rate limit reached for requests per minute: limit 3, used 3, requested 1. Please try again in 20s.",
        "kind": "requests",
        "code": "rate_limit_exceeded",
    },
    500: {"message": "The server had an error while it processed your request.", "kind": "server_error"},
    503: {"message": "The engine is overloaded at the moment, please try again later.", "kind": "server_error"},
}
