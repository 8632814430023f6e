"""Builds exchanges from what is observed of them, bounded, and hands each over once: it never raises into what it watches.

Not the watching (`session_tap`, `noted_body`; a native provider tells by itself) nor where exchanges go (`sinks`). While a
body is read, each piece costs one append; the rest is done when it has ended, on the thread that read the end. An
exchange nobody ends, because its response was dropped unread, is handed over with the next one: its end is noticed while
memory is freed, where no foreign code may run.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias, TypeVar

import msgspec

from shim.comparison.exchange import (
    Ended,
    Exchange,
    Headers,
    RecordedRequest,
    RecordedResponse,
    Role,
    Segment,
    TransportFault,
    sha256_of,
)
from shim.comparison.recording.redaction import Redaction
from shim.observation import SentRequest, TransferObserver

PAIR_HEADER: Final = "X-Shim-Pair-Id"
MAX_BODY: Final = 16 * 1024 * 1024
"""Bytes of a body that are kept unless told otherwise; longer than any answer in text."""
MOST_SEGMENTS: Final = 1 << 18
"""Pieces of a body that are kept: one costs some 150 bytes however short it is."""
_MOST_ABANDONED = 100
_MICROSECONDS = 6

Context: TypeAlias = "Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None"
OnError: TypeAlias = Callable[[Exception], object]

_log = logging.getLogger("shim.comparison")
_T = TypeVar("_T")


class Sink(Protocol):
    """Where exchanges go."""

    def put(self, exchange: Exchange) -> bool:
        """Take one; False where it had to be dropped."""
        ...


class PerProcess:
    """A value per process: after a fork the child begins with its own, as a lock of the parent's may be held for ever."""

    def __init__(self, make: Callable[[], _T]) -> None:
        self._make: Callable[[], Any] = make
        self._made: dict[int, Any] = {}

    def get(self) -> Any:
        """This process's."""
        pid = os.getpid()
        made = self._made.get(pid)
        return self._made.setdefault(pid, self._make()) if made is None else made


class _Tally:
    """What became of the exchanges, counted."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.recorded = 0
        self.dropped = 0
        self.failed = 0

    def count(self, name: str) -> int:
        with self.lock:
            value: int = getattr(self, name) + 1
            setattr(self, name, value)
        return value


class Recorder:
    """Makes recordings and hands over what they become. For any number of threads.

    Args:
        sink: where exchanges go.
        redaction: what is taken out of them before.
        max_body: bytes kept of a response; a longer request is left out but for its hash.
        context: what the application adds to each exchange: a dict, or what gives one when a request is sent.
        on_error: gets every exception that is ours or the sink's, on whatever thread it arose.
        role: whose records these are.
        client: what they say recorded them.
    """

    def __init__(
        self,
        sink: Sink,
        *,
        redaction: Redaction | None = None,
        max_body: int = MAX_BODY,
        context: Context = None,
        on_error: OnError | None = None,
        role: Role = "control",
        client: str = "tap",
    ) -> None:
        if isinstance(max_body, bool) or not isinstance(max_body, int) or max_body < 1:
            raise ValueError(f"max_body is {max_body!r}; give a positive number of bytes")
        self._sink = sink
        self._redaction = Redaction() if redaction is None else redaction
        self.max_body = max_body
        self._context = context
        self._on_error = on_error
        self.role: Role = role
        self.client = client
        self._tallies = PerProcess(_Tally)
        self._abandoned: deque[Recording] = deque()

    @property
    def tally(self) -> Any:
        """The counts of this process: `recorded`, `dropped`, `failed`."""
        return self._tallies.get()

    def begin(
        self, *, method: str, url: str, headers: Headers, body: object, pair_id: str | None = None
    ) -> Recording | None:
        """Begin to record a request that is about to be sent; None where that failed."""
        try:
            request = _request(method=method, url=url, headers=headers, body=body, max_body=self.max_body)
            return Recording(self, request=request, pair_id=pair_id or uuid.uuid4().hex, context=self._told_context())
        except Exception as error:  # noqa: BLE001 - whatever it is, the request is sent
            self.failed(error)
            return None

    def observe(self, sent: SentRequest) -> TransferObserver | None:
        """Begin to record a request of a transport that tells by itself: an `Observe`."""
        given = next((value for name, value in sent.headers if name.lower() == PAIR_HEADER.lower()), None)
        recording = self.begin(method=sent.method, url=sent.url, headers=sent.headers, body=sent.body, pair_id=given)
        return None if recording is None else _Watched(recording)

    def hand_over(self, exchange: Exchange) -> None:
        """Redact an exchange and give it to the sink; whatever goes wrong is counted and told."""
        try:
            taken = self._sink.put(self._redaction.apply(exchange))
        except Exception as error:  # noqa: BLE001 - the one place where what a sink raises is caught
            self.failed(error)
        else:
            self.tally.count("recorded" if taken else "dropped")

    def failed(self, error: Exception) -> None:
        """Count an exception of ours, say so once in the log, and tell who asked to be told. Never raises."""
        try:
            if self.tally.count("failed") == 1:
                _log.warning("an exchange could not be recorded (%s); more are counted, not logged", _shown(error))
            if self._on_error is not None:
                self._on_error(error)
        except Exception as again:  # noqa: BLE001 - nothing is left to be told but the log
            _log.debug("on_error failed too (%s)", _shown(again))

    def abandoned(self, recording: Recording) -> None:
        """Keep a recording whose response was dropped until it can be handed over; called while memory is freed."""
        if len(self._abandoned) < _MOST_ABANDONED:
            self._abandoned.append(recording)
        else:
            self.tally.dropped += 1  # without the lock, which this thread may hold

    def collect(self) -> None:
        """Hand over the exchanges whose responses were dropped."""
        while self._abandoned:
            try:
                recording = self._abandoned.popleft()
            except IndexError:
                return  # another thread was faster
            recording.conclude("aborted")

    def _told_context(self) -> dict[str, Any]:
        try:
            given = self._context() if callable(self._context) else self._context
            context = dict(given or {})
            msgspec.json.encode(context)  # refused here, where only the context is lost
        except Exception as error:  # noqa: BLE001 - the exchange is recorded without it
            self.failed(error)
            return {}
        return context


class Recording:
    """One exchange that is being recorded. Its methods never raise."""

    __slots__ = (
        "_context",
        "_headers",
        "_headers_at",
        "_left",
        "_once",
        "_overflowed",
        "_pair_id",
        "_pieces",
        "_process",
        "_reason",
        "_recorder",
        "_request",
        "_started_at",
        "_status",
        "decoded",
        "is_cancelled",
        "started",
    )

    def __init__(self, recorder: Recorder, *, request: RecordedRequest, pair_id: str, context: dict[str, Any]) -> None:
        self._once = [True]  # to pop it is to end: one thread alone can
        self._process = os.getpid()
        self._recorder = recorder
        self._request = request
        self._pair_id = pair_id
        self._context = context
        self._status: int | None = None
        self._reason = ""
        self._headers: Headers = ()
        self._headers_at = 0.0
        self._pieces: list[tuple[bytes, float]] = []
        self._left = recorder.max_body
        self._overflowed = False
        self.decoded = True
        self.is_cancelled = False
        self._started_at = time.time()
        self.started = time.monotonic()

    def __del__(self) -> None:
        if self._once and self._process == os.getpid():
            self._recorder.abandoned(self)

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return not self._once

    def elapsed(self) -> float:
        """Seconds since the request was handed to the transport."""
        return round(time.monotonic() - self.started, _MICROSECONDS)

    def head(self, status: int, *, reason: str, headers: Headers) -> None:
        """Take the head of the response."""
        self._status, self._reason, self._headers = status, reason, headers
        self._headers_at = self.elapsed()

    def note(self, data: bytes) -> None:
        """Take what was read of the body together; nothing is done with it yet."""
        self._left -= len(data)
        if self._left < 0 or len(self._pieces) >= MOST_SEGMENTS:
            self._overflow(data)
        elif data:
            self._pieces.append((data, time.monotonic()))

    def _overflow(self, data: bytes) -> None:
        if not (self._overflowed or self.is_over):
            fits = len(data) + min(self._left, 0)
            if fits > 0 and len(self._pieces) < MOST_SEGMENTS:
                self._pieces.append((data[:fits], time.monotonic()))
        self._overflowed = True
        self._left = -1

    def end(self, ended: Ended, *, fault: TransportFault | None = None) -> None:
        """Hand the exchange over, and those of dropped responses; only the first end counts."""
        self.conclude(ended, fault=fault)
        self._recorder.collect()

    def conclude(self, ended: Ended, *, fault: TransportFault | None = None) -> None:
        """Hand this exchange over; only the first end counts."""
        try:
            self._once.pop()
        except IndexError:
            return
        try:
            exchange = self._exchange(ended, fault)
        except Exception as error:  # noqa: BLE001 - whatever was observed, its reader must not suffer
            self._recorder.failed(error)
            return
        finally:
            self._left = -1  # what is still read is not kept
            self._pieces = []
        self._recorder.hand_over(exchange)

    def _exchange(self, ended: Ended, fault: TransportFault | None) -> Exchange:
        return Exchange(
            pair_id=self._pair_id,
            role=self._recorder.role,
            started_at=self._started_at,
            request=self._request,
            response=None if self._status is None else self._response(self._status),
            ended="overflow" if self._overflowed else ended,
            fault=fault,
            finished=self.elapsed(),
            client=self._recorder.client,
            context=self._context,
        )

    def _response(self, status: int) -> RecordedResponse:
        started = self.started
        return RecordedResponse(
            status=status,
            reason=self._reason,
            headers=self._headers,
            segments=tuple([Segment.of(bytes(data), round(at - started, _MICROSECONDS)) for data, at in self._pieces]),
            headers_at=self._headers_at,
            decoded=self.decoded,
        )


class _Watched:
    """The `TransferObserver` of one recording."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._has_head = False

    def on_head(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the head."""
        self._has_head = True
        self._recording.head(status, reason="", headers=tuple(headers.items()))

    def on_segments(self, segments: Sequence[bytes]) -> None:
        """Take body bytes."""
        for data in segments:
            self._recording.note(data)

    def on_end(self, kind: str, message: str = "") -> None:
        """Take the end, and hand the exchange over."""
        recording = self._recording
        if kind in _ENDS:
            recording.end(_ENDS[kind])
            return
        stage: Any = "body" if self._has_head else "connect" if _NOT_CONNECTED.search(message) else "headers"
        recording.end("failed", fault=TransportFault(stage=stage, kind=kind, message=message, at=recording.elapsed()))


_ENDS: dict[str, Ended] = {"complete": "complete", "cancelled": "aborted"}
# libcurl's words where no connection stood.
_NOT_CONNECTED = re.compile(
    r"(?i)n[o']t (connect|resolve)|to connect|connection (timed out|refused)|certificate|ssl|tls|proxy"
)


def _request(*, method: str, url: str, headers: Headers, body: object, max_body: int) -> RecordedRequest:
    data = _body_bytes(body)
    if data is None:
        return RecordedRequest(method=method, url=url, headers=headers)
    if len(data) > max_body:
        return RecordedRequest(method=method, url=url, headers=headers, length=len(data), sha256=sha256_of(data))
    return RecordedRequest(method=method, url=url, headers=headers, body=data, length=len(data))


def _body_bytes(body: object) -> bytes | None:
    """The body as it is sent; None for a file or a generator, which to read would be to consume."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray | memoryview) else None


def _shown(error: Exception) -> str:
    """The type alone: the words of an exception may quote a body."""
    return f"{type(error).__module__}.{type(error).__qualname__}"
