"""One exchange while it is recorded, and what is left of it when it has ended: enough to make the `Exchange` later.

Not who begins it and takes it over (`recorder`), nor who tells it what passes (`socket_file`, `response_body`, a native
transport). While a body is read each piece costs one append. At its end the parts are put aside as they are, in one object;
framing, content-encoding and secrets are still in it, so it shows none of its parts, and is made into an exchange on the
thread that writes it, or before a function gets it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from shim.recording.content_encoding import Damaged, undone
from shim.recording.exchange import (
    Ended,
    Exchange,
    Headers,
    RecordedRequest,
    RecordedResponse,
    Role,
    Segment,
    TransportFault,
)
from shim.recording.transfer_encoding import Framing, Piece, Unframed, unframed

if TYPE_CHECKING:
    from shim.recording.recorder import Recorder

MOST_SEGMENTS: Final = 1 << 18
"""Pieces of a body that are kept: one costs some 150 bytes however short it is."""
_SEGMENT_WEIGHT = 150
_EXCHANGE_WEIGHT = 2000
_MICROSECONDS = 6

Left: TypeAlias = Literal["closed", "dropped", "cancelled", "eof", "failed"]
"""Why a heard body was read no further: its reader closed it, forgot it or cut it off; or its connection ended, or broke."""


class Heard(Struct, frozen=True):
    """What is known of a body that was heard below its framing.

    Attributes:
        encoding: its content-encoding, one that can be undone.
        left: how its reading ended.
        unread: bytes that had come, and that its reader did not take.
    """

    framing: Framing
    encoding: str
    left: Left = "dropped"
    unread: int = 0


class Finished(Struct, frozen=True, kw_only=True):
    """The parts of an exchange that has ended, as they were observed."""

    pair_id: str
    role: Role
    client: str
    context: dict[str, Any]
    request: RecordedRequest
    response: RecordedResponse | None
    pieces: list[Piece]
    heard: Heard | None
    overflowed: bool
    max_body: int
    ended: Ended
    fault: TransportFault | None
    started_at: float
    started: float
    finished: float

    def __repr__(self) -> str:
        return f"<Finished {self.request.method} {self.ended}>"

    @property
    def weight(self) -> int:
        """Bytes of memory, roughly."""
        body = sum([len(data) for data, _ in self.pieces])
        return _EXCHANGE_WEIGHT + len(self.request.body or b"") + body + _SEGMENT_WEIGHT * len(self.pieces)

    def exchange(self) -> Exchange:
        """The exchange, its framing and content-encoding undone, its secrets still in it."""
        if self.heard is None or self.response is None:
            return self._made(self.pieces, ended=self.ended, fault=self.fault, encoding="")
        body = unframed(self.pieces, self.heard.framing, at_eof=self.heard.left == "eof")
        ended, fault = self._judged(self.heard, body)
        return self._made(body.pieces, ended=ended, fault=fault, encoding=self.heard.encoding)

    def _judged(self, heard: Heard, body: Unframed) -> tuple[Ended, TransportFault | None]:
        """How a heard body ended: its framing says whether it was whole, its reader whether it was wanted so."""
        if heard.left in ("cancelled", "dropped"):
            return "aborted", None
        if heard.left == "failed":
            return "failed", self.fault
        if body.state == "broken" and not self.overflowed:
            return "failed", self._fault("protocol", body.words)
        if heard.left == "eof":
            is_cut = body.state == "short" and not self.overflowed
            return ("failed", self._fault("truncated", _CUT)) if is_cut else ("complete", None)
        return ("complete" if body.state == "whole" and heard.unread <= body.excess else "aborted"), None

    def _fault(self, kind: str, words: str) -> TransportFault:
        return TransportFault(stage="body", kind=kind, message=words, at=self.finished)

    def _made(self, pieces: Sequence[Piece], *, ended: Ended, fault: TransportFault | None, encoding: str) -> Exchange:
        response, overflowed = self.response, self.overflowed
        if response is not None:
            segments, cut = _bounded(pieces, most=self.max_body, started=self.started)
            overflowed = overflowed or cut
            # Of the beginning of an encoded body nothing is undone: it is not compared, and may be anything.
            plain = None if overflowed else undone(segments, encoding, limit=self.max_body)
            if isinstance(plain, Damaged):
                ended, fault = "failed", fault or self._fault(_DAMAGED, plain.words)
                plain = plain.before
            is_plain = response.decoded and (plain is not None or encoding in ("", "identity"))
            response = replace(response, segments=segments if plain is None else plain, decoded=is_plain)
        return Exchange(
            pair_id=self.pair_id,
            role=self.role,
            started_at=self.started_at,
            request=self.request,
            response=response,
            ended="overflow" if overflowed else ended,
            fault=fault,
            finished=self.finished,
            client=self.client,
            context=self.context,
        )


_DAMAGED: Final = "urllib3.exceptions.DecodeError"  # what its reader meets, and no way of reading it goes past that
_CUT: Final = "the connection ended before the body did"


def _bounded(pieces: Sequence[Piece], *, most: int, started: float) -> tuple[tuple[Segment, ...], bool]:
    """The first so many bytes as segments, and whether there were more."""
    left, segments = most, []
    for data, at in pieces:
        if left > 0:
            segments.append(Segment.of(bytes(data[:left]), round(at - started, _MICROSECONDS)))
        left -= len(data)
    return tuple(segments), left < 0


class Recording:
    """One exchange that is being recorded. Its methods never raise."""

    __slots__ = (
        "_context",
        "_headers",
        "_headers_at",
        "_heard",
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
        self._pieces: list[Piece] = []
        self._left = recorder.max_body
        self._overflowed = False
        self._heard: Heard | None = None
        self.decoded = True
        self.is_cancelled = False
        self._started_at = time.time()
        self.started = time.monotonic()

    def __repr__(self) -> str:
        return f"<Recording of a {self._request.method}{', over' if self.is_over else ''}>"

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

    def hear(self, framing: Framing, *, encoding: str) -> None:
        """From now on what is noted is the body as it comes off the socket."""
        self._heard = Heard(framing, encoding)
        self._left = framing.most(self._recorder.max_body)

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

    def leave(self, left: Left, *, unread: int = 0, fault: TransportFault | None = None) -> None:
        """End a recording that hears; what its end was, its framing tells."""
        if self._heard is not None and not self.is_over:
            left = "cancelled" if self.is_cancelled else left
            self._heard = Heard(self._heard.framing, self._heard.encoding, left, unread)
        self.end("aborted", fault=fault)

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
            finished = self._finished(ended, fault)
        except Exception as error:  # noqa: BLE001 - whatever was observed, its reader must not suffer
            self._recorder.failed(error)
            return
        finally:
            self._left = -1  # what is still read is not kept
            self._pieces = []
        self._recorder.hand_over(finished)

    def _finished(self, ended: Ended, fault: TransportFault | None) -> Finished:
        return Finished(
            pair_id=self._pair_id,
            role=self._recorder.role,
            client=self._recorder.client,
            context=self._context,
            request=self._request,
            response=None if self._status is None else self._response(self._status),
            pieces=self._pieces,
            heard=self._heard,
            overflowed=self._overflowed,
            max_body=self._recorder.max_body,
            ended=ended,
            fault=fault,
            started_at=self._started_at,
            started=self.started,
            finished=self.elapsed(),
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
