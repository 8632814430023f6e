"""What is left of an exchange when it has ended, as it was observed, and how the `Exchange` is made of it.

Not the observing (`exchange_builder`) nor the taking out of secrets (`redaction`). Framing, content-encoding and secrets are
still in the parts, so they are not shown. They are made into an exchange on the thread that writes it, or before a function
gets it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from shim.recording.content_encoding import Undone, undone
from shim.recording.exchange import (
    Ended,
    Exchange,
    RecordedRequest,
    RecordedResponse,
    Role,
    Segment,
    TransportFault,
    UnreadableExchangeError,
)
from shim.recording.transfer_encoding import Framing, Piece, Unframed, unframed
from shim.wire.content_encoding import is_identity

_SEGMENT_WEIGHT = 150
_EXCHANGE_WEIGHT = 2000
MICROSECONDS: Final = 6
"""Digits of a second that are kept."""

Left: TypeAlias = Literal["closed", "dropped", "cancelled", "eof", "failed"]
"""Why a heard body was read no further: its reader closed it, forgot it or cut it off; or its connection ended, or broke."""


class HeardBody(Struct, frozen=True):
    """What is known of a body that was heard below its framing.

    Attributes:
        left: how its reading ended.
        unread: bytes that had come, and that its reader did not take.
    """

    framing: Framing
    left: Left = "dropped"
    unread: int = 0


class Finished(Struct, frozen=True, kw_only=True):
    """The parts of an exchange that has ended, as they were observed.

    Attributes:
        pieces: of the response's body, with the times they were read at.
        passed: bytes of the body that were read, those that were not kept too.
        heard: what is known of its framing, which is in the pieces then.
        encoding: the content-encoding that is in the pieces; "" where none is, or it cannot be undone.
        started, pieces: by the clock that never goes back; `finished` counts from `started`.
    """

    pair_id: str
    role: Role
    client: str
    context: dict[str, Any]
    request: RecordedRequest
    response: RecordedResponse | None
    pieces: list[Piece]
    passed: int
    heard: HeardBody | None
    encoding: str
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
        body = sum([len(data) for data, _ in self.pieces]) if self.overflowed else self.passed
        return _EXCHANGE_WEIGHT + len(self.request.body or b"") + body + _SEGMENT_WEIGHT * len(self.pieces)

    def exchange(self) -> Exchange:
        """The exchange, its framing and content-encoding undone, its secrets still in it."""
        if self.heard is None or self.response is None:
            return self._made(self.pieces, ended=self.ended, fault=self.fault)
        body = unframed(self.pieces, self.heard.framing, at_eof=self.heard.left == "eof")
        ended, fault = self._judged(self.heard, body)
        return self._made(body.pieces, ended=ended, fault=fault)

    def _judged(self, heard: HeardBody, body: Unframed) -> tuple[Ended, TransportFault | None]:
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

    def _made(self, pieces: Sequence[Piece], *, ended: Ended, fault: TransportFault | None) -> Exchange:
        response, overflowed = self.response, self.overflowed
        if response is not None:
            segments, cut = _bounded(pieces, most=self.max_body, started=self.started)
            overflowed = overflowed or cut
            # Of the beginning of an encoded body nothing is undone: it is not compared, and may be anything.
            plain = None if overflowed or not self.encoding else self._undone(segments)
            if plain is not None:
                segments = plain.segments
                damage = plain.damage or self._misnamed(plain)
                if damage:
                    ended, fault = "failed", fault or self._fault(_DAMAGED, damage)
            is_plain = not self.encoding or plain is not None or is_identity(self.encoding)
            response = replace(response, segments=segments, decoded=response.decoded and is_plain)
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

    def _undone(self, segments: tuple[Segment, ...]) -> Undone | None:
        """The body without its content-encoding; None where it cannot be undone, and the body is kept as it came."""
        try:
            return undone(segments, self.encoding, limit=self.max_body)
        except UnreadableExchangeError:
            return None

    def _misnamed(self, plain: Undone) -> str:
        """What the reader of a heard body met, where the body is not encoded as its header says; "" where it is."""
        is_odd = self.heard is not None and not is_identity(self.encoding)
        return "incorrect header check" if is_odd and plain.segments and not plain.was_encoded else ""


_DAMAGED: Final = "urllib3.exceptions.DecodeError"  # what its reader meets, and no way of reading it goes past that
_CUT: Final = "the connection ended before the body did"


def _in_microseconds(seconds: float) -> float:
    return int(seconds * 1e6 + 0.5) / 1e6  # a third of the time of `round`


def _since(started: float, times: Iterable[float]) -> Iterator[float]:
    """Each as seconds from the start, in whole microseconds; many stand there often, since they were read together."""
    before, seconds = started, 0.0
    for at in times:
        if at != before:
            before, seconds = at, _in_microseconds(at - started)
        yield seconds


def _bounded(pieces: Sequence[Piece], *, most: int, started: float) -> tuple[tuple[Segment, ...], bool]:
    """The first so many bytes as segments, and whether there were more."""
    if not pieces:
        return (), False
    if len(pieces) == 1 and len(pieces[0][0]) <= most:  # nearly every whole answer
        data, at = pieces[0]
        return (Segment.of(bytes(data), _in_microseconds(at - started)),), False
    datas, times = zip(*pieces, strict=True)
    lengths = [*map(len, datas)]
    if sum(lengths) <= most:
        return tuple(map(Segment, map(bytes, datas), _since(started, times), lengths)), False
    left, segments = most, []
    for data, at in pieces:
        if left > 0:
            segments.append(Segment.of(bytes(data[:left]), round(at - started, MICROSECONDS)))
        left -= len(data)
    return tuple(segments), left < 0
