"""The reading of one answer, without I/O: the bytes of its body in, events and one completion out.

Not a transport, which hands it what it receives (`shim.native.receiver`) or what was recorded (`shim.comparison`): both read with
this very code. Not the framing and content-encoding of HTTP, undone before, and no codec (`shim.wire`): the call brings its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from shim.calls.call import Call, Ending, StreamCall
from shim.calls.turn import LINE, PAYLOAD
from shim.model import ErrorCategory, ProviderError
from shim.provider import Completion
from shim.wire.bodies import BodyKind, body_kind
from shim.wire.json_events import JsonEventDecoder

BODY_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of a body that is collected whole; the legacy client's limit."""

# Segments joined: the join of thousands is a block that malloc maps anew each time, page fault by page fault.
_AT_ONCE: Final = 64

Wanted: TypeAlias = Literal["more", "end", "nothing"]
"""What is wanted of the body after a piece of it: more; its end alone, since the stream has had its last event; or nothing, the
call has ended and the transfer can be stopped."""


class AnswerFault(Struct, frozen=True):
    """Why an answer did not come whole."""

    category: ErrorCategory
    message: str


class AnswerReader:
    """Reads an answer that is wanted whole.

    Attributes:
        fed: what the last `feed` delivered, in the unit of `shim.calls.turn`.

    What `feed` or `conclude` raises is an interrupt (KeyboardInterrupt and its like): call again, with no further bytes, and it
    goes on where it was.
    """

    __slots__ = ("_at", "_body", "_call", "_headers", "_raised", "_size", "_status", "_stopped", "fed")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._status = 0
        self._headers: Mapping[str, str] = {}
        self._at: float | None = None
        self._body: list[bytes] = []
        self._size = 0
        self._stopped: AnswerFault | None = None
        self._raised: BaseException | None = None
        self.fed = 0

    @property
    def collected(self) -> int:
        """Bytes of a body that is read when it has ended."""
        return self._size

    def head(self, status: int, headers: Mapping[str, str], *, at: float | None = None) -> None:
        """Take the head of the final response, before any byte of its body.

        Args:
            status: of the status line.
            headers: names in lower case, repeated ones joined (RFC 9110 5.3).
            at: when it had come, in monotonic seconds.
        """
        self._status = status
        self._headers = headers
        self._at = at

    def feed(self, segments: Sequence[bytes]) -> Wanted:
        """Take bytes of the body, split as they were read; events are delivered before it returns."""
        if self._call.first_byte is None:
            self._call.first_byte = self._at
        return self._collect(segments)

    def stop(self, fault: AnswerFault) -> Wanted:
        """Take that the body cannot be read on."""
        self._stopped = fault
        return "nothing"

    def conclude(self, fault: AnswerFault | None = None) -> Completion:
        """Take the end of the body; the last event of a stream is delivered before it returns.

        Args:
            fault: why the answer did not come whole, None where it did.
        """
        fault = self._stopped or fault
        told = None if fault is None else (fault.category, fault.message)
        body = b"".join(self._body)
        ending = Ending(status=self._status, headers=self._headers, body=body, fault=told, raised=self._raised)
        completion = self._call.conclude(ending)
        self._raised = None  # its traceback leads back here: it would keep what the stream held alive
        return completion

    def _collect(self, segments: Sequence[bytes]) -> Wanted:
        self.fed = len(segments[0]) if len(segments) == 1 else sum(map(len, segments))
        self._size += self.fed
        if self._size > BODY_LIMIT:
            return self.stop(AnswerFault(ErrorCategory.PROTOCOL, f"the body is longer than {BODY_LIMIT} bytes"))
        self._body += segments
        return "more"


class _Failures(list[bytes]):
    """Failures that GPUStack tells of in a field called `error`, which the standard says to ignore: they are read as payloads."""

    __slots__ = ()

    def note(self, name: bytes, value: bytes) -> None:
        """Take a field that is no part of an event."""
        if name == b"error":
            self.append(value)


class StreamReader(AnswerReader):
    """Reads an answer that is wanted as a stream; one that is no event stream is collected whole."""

    __slots__ = ("_failures", "_finished", "_held", "_is_stream", "_payloads", "_sse")

    _call: StreamCall

    def __init__(self, call: StreamCall) -> None:
        super().__init__(call)
        self._payloads: list[bytes] = []  # cut, and not yet read, for an interrupt came between; the first stands last
        # Not a method of this: the decoder would keep the reader alive, and so its caller's callbacks.
        self._failures = _Failures()
        self._sse = JsonEventDecoder(on_unknown_field=self._failures.note)
        self._held: Sequence[bytes] = ()  # the first bytes, while they do not tell what the body is
        self._is_stream: bool | None = None
        self._finished = False

    def feed(self, segments: Sequence[bytes]) -> Wanted:
        """Take bytes of the body, and deliver the events they complete."""
        if self._stopped is not None or self._raised is not None:  # said again, after an interrupt
            return "nothing"
        if self._is_stream and len(segments) == 1 and not self._payloads:
            data = segments[0]
            self.fed = len(data) + PAYLOAD
            try:
                if self._sse.is_between_events and self._call.feed_event(data):
                    return "more"  # nearly always, where events come one by one
                payload = self._sse.usual_payload(data)
                if payload is not None:
                    return self._wanted_at_end() if self._call.feed(payload) else "more"
            except Exception as raised:
                if self._call.over:
                    raise
                return self._end_by(raised)
        return self._feed_any(segments)

    def _feed_any(self, segments: Sequence[bytes]) -> Wanted:
        if self._is_stream is None and not self._is_told(segments := [*self._held, *segments]):
            return "more"
        if not self._is_stream:
            return self._collect(segments)  # an error: no byte of the stream has come
        payloads = too_large = None
        if len(segments) == 1 and not self._payloads:
            payloads = self._sse.usual_payloads(segments[0])
        if payloads is None:
            payloads, too_large = self._cut(segments)
        else:
            self.fed = len(segments[0]) + PAYLOAD * len(payloads)
        payloads.reverse()
        self._payloads = payloads + self._payloads if self._payloads else payloads
        try:
            has_ended = self._call.feed_all(self._payloads)
        except Exception as raised:
            if self._call.over:  # it has ended its call besides, whose completion can no longer carry this
                raise
            return self._end_by(raised)
        if has_ended:
            return self._wanted_at_end()
        return "more" if too_large is None or self._call.over else self.stop(too_large)

    def _end_by(self, raised: Exception) -> Wanted:
        """Take what `on_event` raised: it ends its own stream, not the others."""
        self._raised = raised
        return "nothing"

    def _wanted_at_end(self) -> Wanted:
        return "nothing" if self._call.failed and not self._call.over else "end"

    def conclude(self, fault: AnswerFault | None = None) -> Completion:
        """Take the end of the body; see `AnswerReader.conclude`."""
        if self._held:  # all there was: no event, but perhaps the beginning of a stream
            self._is_stream = self._kind_of(self._held, ended=True) == "event_stream"
            self._body, self._held = [] if self._is_stream else list(self._held), ()
        if fault is None and self._is_stream and self._stopped is None and not self._finished:
            self._payloads = self._sse.last_payloads() + self._payloads
            if self._payloads:
                self.feed(())
            self._finished = True  # an interrupt in the last event repeats this call
            try:
                self._sse.finish()
            except ProviderError as error:
                self._stopped = AnswerFault(error.category, error.message)
        return super().conclude(fault)

    def _is_told(self, segments: Sequence[bytes]) -> bool:
        """Whether its first bytes tell what the body is; else they are held."""
        kind = self._kind_of(segments)
        self._held = () if kind else segments
        self._is_stream = None if kind is None else kind == "event_stream"
        return kind is not None

    def _kind_of(self, segments: Sequence[bytes], *, ended: bool = False) -> BodyKind | None:
        """What the body is, None while its first bytes do not tell; an error's is collected whatever it is."""
        if not 200 <= self._status < 300:
            return "other"
        return body_kind(b"".join(segments), content_type=self._headers.get("content-type", ""), ended=ended)

    def _cut(self, segments: Sequence[bytes]) -> tuple[list[bytes], AnswerFault | None]:
        """Cut payloads; and why that goes no further, where an event is larger than is taken: those before it are delivered."""
        sse = self._sse
        found: list[bytes] = []
        fed, lines = 0, sse.lines
        try:
            for data in segments if len(segments) == 1 else _joined(segments):
                payloads = sse.payloads(data)
                fed += len(data) + PAYLOAD * len(payloads)
                if found:
                    found += payloads
                else:
                    found = payloads
                if self._failures:  # noted while the events before it were still being cut
                    found += self._failures
                    self._failures.clear()
        except ProviderError as error:
            return found, AnswerFault(error.category, error.message)
        finally:
            self.fed = fed + LINE * (sse.lines - lines)
        return found, None


def reader_of(call: Call) -> AnswerReader:
    """The reader for a call: of a stream where one was asked for."""
    return StreamReader(call) if isinstance(call, StreamCall) else AnswerReader(call)


def _joined(segments: Sequence[bytes]) -> Iterator[bytes]:
    """Join segments, some at a time."""
    return (b"".join(segments[start : start + _AT_ONCE]) for start in range(0, len(segments), _AT_ONCE))
