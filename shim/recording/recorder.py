"""Builds exchanges from what is observed of them, bounded, and hands each over once: it never raises into what it watches.

Not the watching (`session_tap` and what it uses; a native provider tells by itself), nor one exchange while it passes
(`exchange_builder`), nor where exchanges go (`sinks`). What has ended is handed over as it is; it is made into an exchange and
redacted when the sink asks for that: at once for a function, on the writing thread for a file. An exchange nobody ends, because
its response was dropped unread, is handed over with the next one: its end is noticed while memory is freed, where no foreign
code may run.
"""

from __future__ import annotations

import functools
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from shim.per_process import PerProcess
from shim.recording.exchange import (
    PAIR_HEADER,
    Ended,
    Exchange,
    Headers,
    RecordedRequest,
    Role,
    TransportFault,
    error_type,
    sha256_of,
)
from shim.recording.exchange_builder import OnKept, Recording
from shim.recording.finished_exchange import Finished
from shim.recording.redaction.redaction import Redaction
from shim.recording.redaction.redactor import Redactor
from shim.transfer_observer import SentRequest, TransferObserver

MAX_BODY: Final = 16 * 1024 * 1024
"""Bytes of a body that are kept unless told otherwise; longer than any answer in text."""
_MOST_ABANDONED = 100
_PAIR_NAME: Final = PAIR_HEADER.lower()
_PAIR_LENGTH: Final = len(_PAIR_NAME)

Context: TypeAlias = "Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None"
OnError: TypeAlias = Callable[[Exception], object]

_log = logging.getLogger("shim.recording")


class IsKept(Protocol):
    """Is told whether one exchange was kept, on the thread that brought it there."""

    def __call__(self, *, is_kept: bool) -> object:
        """Take it."""
        ...


class Sink(Protocol):
    """Where exchanges go."""

    def put(self, make: Callable[[], Exchange], *, weight: int, on_kept: IsKept | None = None) -> bool:
        """Take one by what makes it, redacted, at any time and on any thread; False where it had to be dropped.

        Args:
            make: raises whatever went wrong with it.
            weight: bytes of memory it holds, roughly.
            on_kept: is told whether one that was taken reached its place.
        """
        ...


class _Tally:
    """What became of the exchanges, counted."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.recorded = 0
        self.dropped = 0
        self.failed = 0

    def count(self, name: str) -> int:
        """Count one more of a name; the number of them now."""
        with self.lock:
            value: int = getattr(self, name) + 1
            setattr(self, name, value)
        return value


class Recorder:
    """Makes recordings and hands over what they become. For any number of threads.

    Args:
        sink: where exchanges go.
        redaction: what is taken out of them before they are written or given to a function.
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
        self._redactor = Redactor(Redaction() if redaction is None else redaction)
        self.max_body = max_body
        self._context = context
        self._on_error = on_error
        self.role: Role = role
        self.client = client
        self._tallies = PerProcess(_Tally)
        self._abandoned: deque[Recording] = deque()

    @property
    def tally(self) -> _Tally:
        """The counts of this process: `recorded`, `dropped`, `failed`."""
        return self._tallies.get()

    def begin(
        self, *, method: str, url: str, headers: Headers, body: object, pair_id: str | None = None
    ) -> Recording | None:
        """Begin to record a request that is about to be sent; None where that failed."""
        try:
            kept, length, sha256 = _kept_body(body, most=self.max_body)
            request = RecordedRequest(method=method, url=url, headers=headers, body=kept, length=length, sha256=sha256)
            return Recording(self, request=request, pair_id=pair_id, context=self._told_context())
        except Exception as error:  # noqa: BLE001 - whatever it is, the request is sent
            self.failed(error)
            return None

    def observe(self, sent: SentRequest) -> TransferObserver | None:
        """Begin to record a request of a transport that tells by itself: an `Observe`."""
        given = None
        for name, value in sent.headers:
            if len(name) == _PAIR_LENGTH and name.lower() == _PAIR_NAME:
                given = value
                break
        recording = self.begin(method=sent.method, url=sent.url, headers=sent.headers, body=sent.body, pair_id=given)
        return None if recording is None else _Watched(recording)

    def hand_over(self, finished: Finished, *, on_kept: OnKept | None) -> None:
        """Give an exchange to the sink; whatever goes wrong is counted and told."""
        told = None if on_kept is None else functools.partial(on_kept, finished)
        try:
            taken = self._sink.put(functools.partial(self._redacted, finished), weight=finished.weight, on_kept=told)
        except Exception as error:  # noqa: BLE001 - the one place where what a sink raises is caught
            self.failed(error)
        else:
            self.tally.count("recorded" if taken else "dropped")

    def _redacted(self, finished: Finished) -> Exchange:
        return self._redactor.redacted(finished.exchange())

    def failed(self, error: Exception) -> None:
        """Count an exception of ours, say so once in the log, and tell who asked to be told. Never raises."""
        try:
            if self.tally.count("failed") == 1:
                _log.warning("an exchange could not be recorded (%s); more are counted, not logged", error_type(error))
            if self._on_error is not None:
                self._on_error(error)
        except Exception as again:  # noqa: BLE001 - nothing is left to be told but the log
            _log.debug("on_error failed too (%s)", error_type(again))

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
        if self._context is None:
            return {}
        try:
            given = self._context() if callable(self._context) else self._context
            context = dict(given or {})
            msgspec.json.encode(context)  # refused here, where only the context is lost
        except Exception as error:  # noqa: BLE001 - the exchange is recorded without it
            self.failed(error)
            return {}
        return context


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
        if len(segments) == 1:
            self._recording.note(segments[0])
        else:
            self._recording.note_all(segments, at=time.monotonic())

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


def _kept_body(body: object, *, most: int) -> tuple[bytes | None, int, str | None]:
    """What is kept of a body, its length and, of one that is too long, its hash; a file or a generator is not read."""
    if body is None:
        return b"", 0, None
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes | bytearray | memoryview):
        return None, -1, None
    data = bytes(body)
    return (data, len(data), None) if len(data) <= most else (None, len(data), sha256_of(data))
