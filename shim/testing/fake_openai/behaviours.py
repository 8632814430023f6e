"""The ways a planned response can differ from the default: what is answered, and what goes wrong while it travels.

Values only: `choosing` turns an answering behaviour into a response, `http.faults` applies the rest. One request takes one
behaviour, or several given as a tuple: at most one of the answering kind, and any faults. A fault at `Where.ACCEPT` is
taken by the next connection, everything else by the next request.
"""

import enum
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import get_args

from shim.testing.fake_openai.answers import Answer, Header
from shim.testing.fake_openai.ledger import RecordedRequest
from shim.testing.fixtures import Fixture


class Where(enum.Enum):
    """The phase in which a fault strikes."""

    ACCEPT = "accept"
    BEFORE_HEADERS = "before headers"
    AFTER_HEADERS = "after headers"


# --- answers -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Status:
    """Answer with a status. `body`: a JSON value, exact bytes, or None for the API's own error body of that status."""

    code: int
    body: object = None
    headers: tuple[Header, ...] = ()


@dataclass(frozen=True)
class Respond:
    """Answer with what a function makes of the request. It runs on the server's thread: it must not block."""

    function: Callable[[RecordedRequest], Answer]


@dataclass(frozen=True)
class RawResponse:
    """Send exactly these bytes, status line and all, `gap` seconds between segments, then close."""

    segments: Sequence[bytes]
    gap: float = 0.0


@dataclass(frozen=True)
class Replay:
    """Send a recorded case, one write per recorded segment; `timed` keeps the recorded times too."""

    fixture: Fixture
    timed: bool = False


@dataclass(frozen=True)
class JsonToStream:
    """Answer as usual, but with one JSON body although a stream was asked for."""


@dataclass(frozen=True)
class Burst:
    """Stream `events` text events at once, precomputed: about 250 bytes each, one HTTP chunk each."""

    events: int
    text: str = " word"


@dataclass(frozen=True)
class Paced:
    """Stream `events` text events on a fixed schedule of `per_second`, precomputed like `Burst`."""

    events: int
    per_second: float
    text: str = " word"


class FailureForm(enum.Enum):
    """How a stream says that it failed. Chat Completions has one way: an error object in place of a chunk."""

    FAILED = "response.failed"
    FLAT = "error, as documented"
    NESTED = "error with an error object, then response.failed: as the live API sends it"


@dataclass(frozen=True)
class StreamFailure:
    """Answer as usual, but after so many events say that it failed, and end the response properly. The status stays 200.

    A JSON answer fails in its own way: a Responses object with status "failed", or an error object for Chat Completions.
    """

    code: str
    message: str
    form: FailureForm
    after_events: int = 3


# --- faults ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Point:
    """Where a fault strikes. After the headers it may wait for so many body pieces (events of a stream), or body bytes.

    A count beyond the body's end means: after all of it, but before the end of the message.
    """

    where: Where = Where.AFTER_HEADERS
    after_events: int = field(default=0, kw_only=True)
    after_bytes: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        counted = self.after_events != 0 or self.after_bytes is not None
        if counted and self.where is not Where.AFTER_HEADERS:
            raise ValueError(f"after_events and after_bytes count the body: leave them out with where={self.where}")
        if self.after_events and self.after_bytes is not None:
            raise ValueError("give after_events or after_bytes, not both")
        if self.after_events < 0 or (self.after_bytes or 0) < 0:
            raise ValueError("after_events and after_bytes must not be negative")


@dataclass(frozen=True)
class Cut(Point):
    """End the connection cleanly (FIN) with the response unfinished."""


@dataclass(frozen=True)
class Reset(Point):
    """Reset the connection (RST) with the response unfinished. At `Where.ACCEPT` the client may meet it in connect already."""


@dataclass(frozen=True)
class Stall(Point):
    """Send nothing more and keep the connection open, until the client goes away."""


@dataclass(frozen=True)
class Garbage(Point):
    """Insert bytes that do not belong there, then go on as if nothing had happened, and close.

    `framed` makes them an HTTP chunk of their own: a broken payload rather than broken HTTP. At `Where.ACCEPT` they are
    all that is sent.
    """

    data: bytes = field(default=b"\x00\xff<garbage>\r\n", kw_only=True)
    framed: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Slow:
    """Wait so many seconds before the first byte."""

    first_byte_delay: float


@dataclass(frozen=True)
class Drip:
    """Send the whole response in pieces of `size` bytes, `delay` seconds apart."""

    size: int = 1
    delay: float = 0.001

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1 byte, not {self.size}")


Answering = Status | Respond | RawResponse | Replay | JsonToStream | Burst | Paced | StreamFailure
Striking = Cut | Reset | Stall | Garbage
Fault = Striking | Slow | Drip
Behaviour = Answering | Fault


@dataclass(frozen=True)
class Plan:
    """What one request (or one connection) is to meet: at most one answering behaviour, and the faults."""

    answering: Answering | None = None
    faults: tuple[Fault, ...] = ()

    @property
    def at_accept(self) -> bool:
        """Whether the next connection takes this, rather than the next request."""
        return any(isinstance(fault, Point) and fault.where is Where.ACCEPT for fault in self.faults)


def plan_of(given: Behaviour | Iterable[Behaviour]) -> Plan:
    """Read one behaviour or a group of them as a plan; TypeError or ValueError say what does not fit."""
    behaviours = tuple(given) if isinstance(given, Iterable) else (given,)
    for one in behaviours:
        if not isinstance(one, get_args(Behaviour)):
            raise TypeError(f"a behaviour must be one of shim.testing.fake_openai's, not {type(one).__name__}")
    answering = [one for one in behaviours if isinstance(one, get_args(Answering))]
    faults = tuple(one for one in behaviours if isinstance(one, get_args(Fault)))
    if len(answering) > 1:
        names = ", ".join(type(one).__name__ for one in answering)
        raise ValueError(f"one request gets one answer, but {names} were given together; plan them one after another")
    plan = Plan(answering[0] if answering else None, faults)
    if plan.at_accept and len(behaviours) > 1:
        raise ValueError("a fault at Where.ACCEPT meets a connection, not a request: plan it alone")
    return plan


# --- helper constructors -----------------------------------------------------------------------------------------


def rate_limited(*, retry_after: float | None = 1) -> Status:
    """A 429 for too many requests, with `retry-after` in seconds unless that is None."""
    headers = () if retry_after is None else (("retry-after", f"{retry_after:g}"),)
    return Status(429, headers=headers)


def quota_exceeded() -> Status:
    """A 429 for an exhausted quota, which no waiting cures."""
    kind = "insufficient_quota"
    message = "You exceeded your current quota, please check your plan and billing details."
    return Status(429, body={"error": {"message": message, "type": kind, "param": None, "code": kind}})


def server_error() -> Status:
    """A 500."""
    return Status(500)


def overloaded(*, retry_after: float | None = None) -> Status:
    """A 503, with `retry-after` in seconds if given."""
    headers = () if retry_after is None else (("retry-after", f"{retry_after:g}"),)
    return Status(503, headers=headers)


_FAILURE = "The server had an error while it processed your request."


def stream_failed(code: str = "server_error", message: str = _FAILURE, *, after_events: int = 3) -> StreamFailure:
    """A stream that ends in `response.failed` after so many events (for Chat Completions: in an error object)."""
    return StreamFailure(code, message, FailureForm.FAILED, after_events)


def error_event(
    code: str = "server_error", message: str = _FAILURE, *, nested: bool = True, after_events: int = 3
) -> StreamFailure:
    """A stream with an `error` event after so many events.

    `nested`: as the live API sends it, its fields in an error object, and `response.failed` after it. Otherwise as it is
    documented: flat, and last.
    """
    form = FailureForm.NESTED if nested else FailureForm.FLAT
    return StreamFailure(code, message, form, after_events)
