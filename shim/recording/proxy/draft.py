"""The record of one exchange while it passes: cheap to add to, bounded, and an `Exchange` at its end.

Not what is taken out of it (`shim.recording.redaction.redaction`), not its writing (`keeper`). It holds credentials until it is
redacted, so it has no repr of them.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from typing import Literal, TypeAlias

import h11

from shim.recording.content_encoding import decoded
from shim.recording.exchange import (
    Ended,
    Exchange,
    Headers,
    RecordedRequest,
    RecordedResponse,
    Segment,
    TransportFault,
)
from shim.recording.proxy.headers import recorded
from shim.recording.recorder import MOST_SEGMENTS

Stage: TypeAlias = Literal["connect", "headers", "body"]

CLIENT = "proxy"
_MICROSECONDS = 6


class Draft:
    """One exchange under way, kept by the connection it passes through; read by the keeper once it has ended.

    Args:
        method, url, headers: of the request as the upstream gets it.
        pair_id: None makes one.
        max_body: bytes kept of a response; a longer request is left out but for its length and hash.
    """

    def __init__(self, *, method: str, url: str, headers: Headers, pair_id: str | None, max_body: int) -> None:
        self.method = method
        self.status: int | None = None
        self.passed = 0
        self.finished = 0.0
        self._url = url
        self._headers = headers
        self._pair_id = pair_id or uuid.uuid4().hex
        self._max_body = max_body
        self._started_at = time.time()
        self._began = time.perf_counter()
        self._asked: list[bytes] = []
        self._asked_length = 0
        self._asked_all = False
        self._asked_hash = hashlib.sha256()
        self._response: RecordedResponse | None = None
        self._segments: list[Segment] = []
        self._overflow = False
        self._ended: Ended | None = None
        self._fault: TransportFault | None = None

    def __repr__(self) -> str:
        return f"<Draft {self.method} {self.ended or 'under way'}>"

    @property
    def path(self) -> str:
        """The path that was asked for, without its query."""
        return "/" + self._url.partition("://")[2].partition("/")[2].partition("?")[0]

    @property
    def ended(self) -> Ended | None:
        """How it ended, None as long as it has not."""
        return "overflow" if self._overflow and self._ended else self._ended

    @property
    def fault(self) -> str:
        """What broke it, "" where nothing did."""
        return "" if self._fault is None else self._fault.kind

    @property
    def kept(self) -> int:
        """How many bytes of bodies it holds."""
        return min(self._asked_length, self._max_body) + min(self.passed, self._max_body)

    def ask(self, pieces: list[bytes]) -> None:
        """Take pieces of the request's body."""
        self._asked_length += sum(map(len, pieces))
        self._asked += pieces
        if self._asked_length > self._max_body:  # a shorter one is kept whole, and needs no hash
            for piece in self._asked:
                self._asked_hash.update(piece)
            self._asked.clear()

    def asked_all(self) -> None:
        """Note that the request is complete."""
        self._asked_all = True

    def answer(self, head: h11.Response) -> None:
        """Take the head of the response."""
        self.status = head.status_code
        self._response = RecordedResponse(
            status=head.status_code,
            reason=bytes(head.reason).decode("latin-1"),
            headers=recorded(head),
            headers_at=self.now(),
        )

    def receive(self, pieces: list[bytes], *, at: float) -> None:
        """Take pieces of the response's body that were read together, and when."""
        for piece in pieces:
            if not self._overflow:
                self._keep(piece, at)
            self.passed += len(piece)

    def now(self) -> float:
        """Seconds since the request's head had come."""
        return round(time.perf_counter() - self._began, _MICROSECONDS)

    def _keep(self, piece: bytes, at: float) -> None:
        fits = self._max_body - self.passed if len(self._segments) < MOST_SEGMENTS else 0
        self._overflow = len(piece) > fits
        if fits > 0:
            self._segments.append(Segment.of(piece[:fits], at))

    def complete(self) -> None:
        """Note that the response is whole."""
        self._end("complete")

    def abort(self) -> None:
        """Note that the client went away before its end."""
        self._end("aborted")

    def fail(self, stage: Stage, *, kind: str, message: str = "") -> None:
        """Note that it broke off. Only the first end counts."""
        if self._ended is None:
            self._fault = TransportFault(stage=stage, kind=kind, message=message, at=self.now())
        self._end("failed")

    def exchange(self) -> Exchange:
        """The exchange, with its secrets still in it; the content-encoding is undone where that is possible."""
        return Exchange(
            pair_id=self._pair_id,
            started_at=self._started_at,
            request=self._request(),
            response=self._decoded_response(),
            ended=self.ended or "failed",
            fault=self._fault,
            finished=self.finished,
            client=CLIENT,
        )

    def _request(self) -> RecordedRequest:
        whole = self._asked_all and self._asked_length <= self._max_body
        return RecordedRequest(
            method=self.method,
            url=self._url,
            headers=self._headers,
            body=b"".join(self._asked) if whole else None,
            length=self._asked_length if self._asked_all else -1,
            sha256=self._asked_hash.hexdigest() if self._asked_all and not whole else None,
        )

    def _decoded_response(self) -> RecordedResponse | None:
        response = self._response
        if response is None:
            return None
        encoding = response.header("content-encoding") or ""
        plain = None if self._overflow else decoded(self._segments, encoding, limit=self._max_body)
        return RecordedResponse(
            status=response.status,
            reason=response.reason,
            headers=response.headers,
            segments=tuple(self._segments) if plain is None else plain,
            headers_at=response.headers_at,
            decoded=plain is not None or not encoding,
        )

    def _end(self, ended: Ended) -> None:
        if self._ended is None:
            self._ended = ended
            self.finished = self.now()
