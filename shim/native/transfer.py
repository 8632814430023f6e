"""One transfer: what is sent, what comes back of it, and who receives that.

Not what moves it (`http_multi`) nor what it means (`receiver`). No I/O: libcurl's callbacks only append here (`handles`).
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, Final, Literal, Protocol, TypeAlias

from msgspec import Struct

from shim.calls import AnswerHeaders
from shim.transfer_observer import SentRequest

FaultKind: TypeAlias = Literal["timeout", "network", "truncated", "protocol", "invalid_request"]

_SWITCHING_PROTOCOLS: Final = 101
_END_OF_HEAD: Final = 2  # bytes of the line that ends a head, at most: CR LF
_STARTTRANSFER_TIME: Final = (
    0x300011  # CURLINFO_STARTTRANSFER_TIME(3): seconds from the start to the first byte received
)
_NO_HEADERS: Final = AnswerHeaders(b"")
_MOST_KEPT: Final = 32  # status lines: a server says few
_LONGEST_KEPT: Final = 64
_NO_BODY: Final = io.BytesIO()  # shared: nothing is written to it


def _pairs(lines: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Read header lines as libcurl does: `Name;` is an empty header, `Name:` none."""
    parts = [line.partition(":") for line in lines]
    return tuple(
        [
            (name, value.strip()) if colon else (name.removesuffix(";"), "")
            for name, colon, value in parts
            if value or not colon
        ]
    )


class SharedLines(tuple[str, ...]):
    """Header lines that many requests have in common: for those who watch them they are read once."""

    @cached_property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Their names and values."""
        return _pairs(self)


class HttpRequest(Struct, frozen=True, kw_only=True):
    """What is sent: `headers` as "Name: value" lines. Time limits in seconds; None leaves each to the client's settings."""

    url: str
    headers: Sequence[str]
    body: bytes

    connect_timeout: float | None = None
    read_timeout: float | None = None

    def __repr__(self) -> str:
        return f"<HttpRequest {self.url}, {len(self.body)} bytes>"  # a header holds the key

    def as_sent(self) -> SentRequest:
        """What libcurl sends for it, its own headers (host, content-length, …) aside; `Name:` has it leave one out."""
        headers = self.headers.pairs if isinstance(self.headers, SharedLines) else _pairs(self.headers)
        return SentRequest(method="POST", url=self.url, headers=headers, body=self.body)


class TransferFault(Struct, frozen=True):
    """Why a transfer got no complete response."""

    kind: FaultKind
    message: str


class Receiver(Protocol):
    """Who gets what a transfer receives; called from inside `HttpMulti.perform()`, outside libcurl.

    What leaves either method leaves `perform()`, and the call is repeated at the next one: an interrupt loses nothing.
    """

    def on_segments(self, transfer: Transfer, segments: list[bytes]) -> int:
        """Take body bytes, split as libcurl read them; none where the call is repeated.

        Returns:
            What was delivered, in the unit of `shim.calls.turn`. What was not sets `transfer.is_behind`: the call is repeated.
        """
        ...

    def on_end(self, transfer: Transfer, fault: TransferFault | None) -> int:
        """Take the end: of a complete response, or the fault; return as `on_segments` does."""
        ...

    def on_cancel(self, transfer: Transfer) -> None:
        """Take that it was stopped before its end was delivered; called from `HttpMulti.cancel()`, and must not raise."""
        ...


class SharedConnection:
    """A connection that several transfers may be on.

    Attributes:
        ca_file: how its requests name the certificates.
        streams: how many are on it.
        heard: when it last brought something for one of them, monotonic seconds.
    """

    __slots__ = ("ca_file", "heard", "streams")

    def __init__(self, ca_file: str) -> None:
        self.ca_file = ca_file
        self.streams = 0
        self.heard = 0.0


class Transfer(Struct, eq=False):
    """One exchange under way.

    Attributes:
        body: what is sent; its position is how much of it libcurl has taken. Empty once the answer's head was read.
        size: bytes of it.
        receiver: None once it is cancelled or has ended, and nothing more is delivered.
        patience: seconds of silence it is allowed, None for no limit.
        started: when libcurl first had it, monotonic seconds; its own times count from there.
        since: the last sign of life.
        head: lines of heads as libcurl has handed them on, not read yet; of its handle.
        status, headers, first_byte: there before the first segment; headers as they came, monotonic seconds.
        odd_status: of a head that can be no answer's, where one came.
        end_by: when it is ended, monotonic seconds: all there was to tell has been told; infinity before.
        connect_limit: seconds it may take to connect, where libcurl does not keep that limit; infinity where it does.
        held: the socket it was paused on, None while it is not paused.
        is_paused, is_slowed: why it is: its caller wants no more for now; what it has received waits to be delivered.
        is_behind: its receiver has not delivered all it was given, and is called again.
        connection, ends: the one it is or was on, where others may be too, and what that is known by while it is on it.
        easy, segments, looked_up, shares, alone, taken, head_bytes, started_over: the handle, what waits to be delivered, whether
            the lookup of its name has begun, whether others may be on its connection (HTTP/2), whether it makes one of its own,
            how much was taken, and had come of heads, when last asked, whether it was lost on a dead connection once;
            `HttpMulti`'s own.
    """

    body: io.BytesIO
    receiver: Receiver | None
    size: int
    patience: float | None
    started: float
    since: float
    head: list[bytes] = []
    status: int = 0
    headers: Mapping[str, str] = _NO_HEADERS
    first_byte: float | None = None
    odd_status: int | None = None
    end_by: float = math.inf
    connect_limit: float = math.inf
    connection: SharedConnection | None = None
    ends: tuple[str, str, int, int] | None = None
    held: int | None = None
    is_paused: bool = False
    is_slowed: bool = False
    is_behind: bool = False
    easy: Any = None
    segments: list[bytes] = []
    looked_up: bool = False
    shares: bool = False
    alone: bool = True
    taken: int = 0
    head_bytes: int = 0
    started_over: bool = False

    def __repr__(self) -> str:
        return (
            f"<Transfer, status {self.status}, {self.size} bytes sent>"  # its headers, as they came, may hold the key
        )

    @property
    def is_waiting(self) -> bool:
        """Whether something it has received is still to be delivered."""
        return bool(self.segments) or self.is_behind

    def read_head(self) -> None:
        """Read the heads that are complete; interim ones (1xx) may come before the final one, and no other is waited for."""
        lines = self.head
        if self.status:  # what follows are trailers
            return
        if lines and len(lines[-1]) <= _END_OF_HEAD and lines.count(lines[-1]) == 1:  # nearly always
            self._take_head(lines, is_first=True)
            lines.clear()
            return
        is_first = True
        while lines and not self.status:
            end = next((place for place, line in enumerate(lines, 1) if len(line) <= _END_OF_HEAD), 0)
            if not end:  # the rest is still to come
                return
            self._take_head(lines[:end], is_first=is_first)
            is_first = False
            del lines[:end]

    def _take_head(self, lines: list[bytes], *, is_first: bool) -> None:
        first = lines[0]
        status = _kept_status(first) if len(first) <= _LONGEST_KEPT else _status(first)
        if 200 <= status <= 999:
            self.status = status
            self.headers = AnswerHeaders(b"".join(lines))
            # Of a stream the head may have come long ago. Behind an interim one libcurl tells the time of that.
            after = self.easy.getinfo(_STARTTRANSFER_TIME) if is_first else 0
            self.first_byte = self.started + after if after else time.monotonic()
            if self.body.tell() == self.size:  # libcurl has all, and sends no request again whose answer has come
                self.body = _NO_BODY
        elif status == _SWITCHING_PROTOCOLS or not 100 <= status < 200:
            self.odd_status = status

    def begin(self, now: float) -> None:
        """Note that libcurl has it now, from its first byte."""
        self.body.seek(0)
        self.since = self.started = now

    def last_sign(self, now: float, *, sent_after: float) -> float:
        """When it last moved: bytes came, or the request left, `sent_after` seconds from its start (0: it is still leaving)."""
        taken = self.body.tell()
        if self.segments or (taken != self.taken and not sent_after):
            self.since = now
        self.taken = taken
        return max(self.since, self.first_byte or 0.0, self.started + sent_after)

    def let_go(self) -> None:
        """Keep nothing that is large: a stream is open for long, and a list may hold this transfer for a while after."""
        self.body = _NO_BODY


def _status(line: bytes) -> int:
    """What a status line says; 0 where it says no number."""
    words = line.split(None, 2)
    return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


_kept_status = lru_cache(maxsize=_MOST_KEPT)(_status)
