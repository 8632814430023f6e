"""One exchange while it is recorded: what is observed of it, added up, bounded, and handed over once.

Not who begins it and takes it over (`recorder`), nor who tells it what passes (`socket_file`, `response_body`, a native
transport, the proxy), nor what is made of it (`finished_exchange`). While a body is read each piece costs one append.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from typing import Any, Final, Protocol

from msgspec.structs import replace

from shim.recording.exchange import Ended, Headers, RecordedRequest, RecordedResponse, Role, TransportFault
from shim.recording.finished_exchange import MICROSECONDS, Finished, HeardBody, Left
from shim.recording.transfer_encoding import Framing, Piece

MOST_SEGMENTS: Final = 1 << 18
"""Pieces of a body that are kept: one costs some 150 bytes however short it is."""


class OnKept(Protocol):
    """Is told of an exchange whether it was kept, on the thread that writes."""

    def __call__(self, finished: Finished, *, is_kept: bool) -> object:
        """Take it."""
        ...


class RecordingOwner(Protocol):
    """What a recording needs of who began it; a `Recorder` is one."""

    role: Role
    client: str
    max_body: int

    def hand_over(self, finished: Finished, *, on_kept: OnKept | None) -> None:
        """Take what is left of an exchange that has ended."""
        ...

    def abandoned(self, recording: Recording) -> None:
        """Take a recording that nobody has ended, while memory is freed."""
        ...

    def collect(self) -> None:
        """Hand over those that nobody has ended."""
        ...

    def failed(self, error: Exception) -> None:
        """Take an exception of ours."""
        ...


class SentBody:
    """A request's body as it is sent: kept up to a bound; of a longer one the length and the hash stay."""

    __slots__ = ("_hash", "_length", "_most", "_pieces", "is_whole")

    def __init__(self, *, most: int) -> None:
        self.is_whole = False
        self._most = most
        self._length = 0
        self._pieces: list[bytes] = []
        self._hash: hashlib._Hash | None = None

    def add(self, pieces: Sequence[bytes]) -> None:
        """Take pieces that follow."""
        self._length += sum(map(len, pieces))
        self._pieces += pieces
        if self._length > self._most:  # a shorter one is kept whole, and needs no hash
            self._hash = self._hash or hashlib.sha256()
            for piece in self._pieces:
                self._hash.update(piece)
            self._pieces.clear()

    def of(self, head: RecordedRequest) -> RecordedRequest:
        """The request with this body; one that never became whole has none, and no length."""
        if not self.is_whole:
            return head
        if self._hash is not None:
            return replace(head, length=self._length, sha256=self._hash.hexdigest())
        return replace(head, body=b"".join(self._pieces), length=self._length)


def _new_pair_id() -> str:
    """A random UUID in hex (RFC 9562 5.4), as `uuid4` makes it in three times the time."""
    made = bytearray(os.urandom(16))
    made[6] = made[6] & 0x0F | 0x40
    made[8] = made[8] & 0x3F | 0x80
    return made.hex()


class Recording:
    """One exchange that is being recorded. Its methods never raise.

    Args:
        owner: who began it, and takes it over.
        request: with its body, as far as that is known.
        body: of a request whose body is sent bit by bit.
        pair_id: None makes one.
        context: what the application adds.
        on_kept: is told whether it was kept, where it goes to be written in the background.
    """

    __slots__ = (
        "_context",
        "_encoding",
        "_end",
        "_headers",
        "_headers_at",
        "_heard",
        "_left",
        "_most",
        "_on_kept",
        "_once",
        "_overflowed",
        "_owner",
        "_pair_id",
        "_pieces",
        "_process",
        "_reason",
        "_request",
        "_sent",
        "_started_at",
        "_status",
        "decoded",
        "is_cancelled",
        "started",
    )

    def __init__(
        self,
        owner: RecordingOwner,
        *,
        request: RecordedRequest,
        body: SentBody | None = None,
        pair_id: str | None = None,
        context: dict[str, Any] | None = None,
        on_kept: OnKept | None = None,
    ) -> None:
        self._once = [True]  # to pop it is to end: one thread alone can
        self._process = os.getpid()
        self._owner = owner
        self._request = request
        self._sent = body
        self._pair_id = pair_id or _new_pair_id()
        self._context = context or {}
        self._on_kept = on_kept
        self._end: tuple[Ended, TransportFault | None, float] | None = None
        self._status: int | None = None
        self._reason = ""
        self._headers: Headers = ()
        self._headers_at = 0.0
        self._pieces: list[Piece] = []
        self._most = self._left = owner.max_body
        self._overflowed = False
        self._heard: HeardBody | None = None
        self._encoding = ""
        self.decoded = True
        self.is_cancelled = False
        self._started_at = time.time()
        self.started = time.monotonic()

    def __repr__(self) -> str:
        return f"<Recording of a {self._request.method}{', over' if self.is_over else ''}>"

    def __del__(self) -> None:
        if self._once and self._process == os.getpid():
            self._owner.abandoned(self)

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return not self._once

    def elapsed(self) -> float:
        """Seconds since the request was handed to the transport."""
        return round(time.monotonic() - self.started, MICROSECONDS)

    @property
    def has_head(self) -> bool:
        """Whether the head of the response has come."""
        return self._status is not None

    def ask(self, pieces: Sequence[bytes]) -> None:
        """Take pieces of the request's body, where that is sent bit by bit."""
        if self._sent is not None:
            self._sent.add(pieces)

    def asked_all(self) -> None:
        """Note that the request is complete."""
        if self._sent is not None:
            self._sent.is_whole = True

    def head(self, status: int, *, reason: str, headers: Headers, encoding: str = "") -> None:
        """Take the head of the response; `encoding`: the content-encoding in which its body will be noted."""
        self._status, self._reason, self._headers = status, reason, headers
        self._encoding = encoding
        self._headers_at = self.elapsed()

    def hear(self, framing: Framing, *, encoding: str) -> None:
        """From now on what is noted is the body as it comes off the socket."""
        self._heard = HeardBody(framing)
        self._encoding = encoding
        self._most = self._left = framing.most(self._owner.max_body)

    def note(self, data: bytes) -> None:
        """Take what was read of the body together; nothing is done with it yet."""
        self._left -= len(data)
        if self._left < 0 or len(self._pieces) >= MOST_SEGMENTS:
            self._overflow(data, time.monotonic())
        elif data:
            self._pieces.append((data, time.monotonic()))

    def note_all(self, pieces: Sequence[bytes], *, at: float) -> None:
        """Take pieces that were read together, and when, by `time.monotonic`."""
        size = sum(map(len, pieces))
        if size <= self._left and len(self._pieces) + len(pieces) <= MOST_SEGMENTS:
            self._left -= size
            self._pieces += [(data, at) for data in pieces if data]
            return
        for data in pieces:
            self._left -= len(data)
            if self._left < 0 or len(self._pieces) >= MOST_SEGMENTS:
                self._overflow(data, at)
            elif data:
                self._pieces.append((data, at))

    def _overflow(self, data: bytes, at: float) -> None:
        if not (self._overflowed or self.is_over):
            fits = len(data) + min(self._left, 0)
            if fits > 0 and len(self._pieces) < MOST_SEGMENTS:
                self._pieces.append((data[:fits], at))
        self._overflowed = True

    def leave(self, left: Left, *, unread: int = 0, fault: TransportFault | None = None) -> None:
        """End a recording that hears; what its end was, its framing tells."""
        if self._heard is not None and not self.is_over:
            left = "cancelled" if self.is_cancelled else left
            self._heard = HeardBody(self._heard.framing, left, unread)
        self.end("aborted", fault=fault)

    def settle(self, ended: Ended, *, fault: TransportFault | None = None) -> None:
        """Note how it ended, and when, without handing it over yet; only the first end counts."""
        if self._end is None:
            self._end = (ended, fault, self.elapsed())

    def end(self, ended: Ended, *, fault: TransportFault | None = None) -> None:
        """Hand the exchange over, and those of dropped responses; only the first end counts."""
        self.conclude(ended, fault=fault)
        self._owner.collect()

    def conclude(self, ended: Ended, *, fault: TransportFault | None = None) -> None:
        """Hand this exchange over; only the first end counts."""
        try:
            self._once.pop()
        except IndexError:
            return
        try:
            finished = self._finished(ended, fault)
        except Exception as error:  # noqa: BLE001 - whatever was observed, its reader must not suffer
            self._owner.failed(error)
            return
        finally:
            self._left = -1  # what is still read is not kept
            self._pieces = []
        self._owner.hand_over(finished, on_kept=self._on_kept)

    def _finished(self, ended: Ended, fault: TransportFault | None) -> Finished:
        ended, fault, at = self._end or (ended, fault, self.elapsed())
        owner = self._owner
        return Finished(
            pair_id=self._pair_id,
            role=owner.role,
            client=owner.client,
            context=self._context,
            request=self._request if self._sent is None else self._sent.of(self._request),
            response=None if self._status is None else self._response(self._status),
            pieces=self._pieces,
            passed=self._most - self._left,
            heard=self._heard,
            encoding=self._encoding,
            overflowed=self._overflowed,
            max_body=owner.max_body,
            ended=ended,
            fault=fault,
            started_at=self._started_at,
            started=self.started,
            finished=at,
        )

    def _response(self, status: int) -> RecordedResponse:
        """The head alone; the body waits until somebody asks for the exchange."""
        return RecordedResponse(
            status=status,
            reason=self._reason,
            headers=self._headers,
            headers_at=self._headers_at,
            decoded=self.decoded,
        )
