"""One exchange: what libcurl receives for a call, made payloads, body and ending.

Not the transfer (`http_multi`) nor what becomes of the answer (`shim.calls`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeAlias

from shim.calls import Call, Ending, StreamCall
from shim.model import ErrorCategory, ProviderError
from shim.native.http_multi import HttpMulti
from shim.native.transfer import Fault, FaultKind, Transfer
from shim.wire.bodies import BodyKind, body_kind
from shim.wire.sse import SSEDecoder

BODY_LIMIT = 64 * 1024 * 1024  # bytes of a body that is collected whole; the legacy client's limit
# How long a server may take between the last event and the end of the body; the legacy client's limit.
DRAIN_SECONDS = 2.0

# Segments joined: the join of thousands is a block that malloc maps anew each time, page fault by page fault.
_AT_ONCE = 64

OnEnding: TypeAlias = Callable[[Call, Ending], None]
Told: TypeAlias = "tuple[ErrorCategory, str]"

_CATEGORIES: dict[FaultKind, ErrorCategory] = {
    "timeout": ErrorCategory.TIMEOUT,
    "network": ErrorCategory.NETWORK,
    "truncated": ErrorCategory.TRUNCATED,
    "protocol": ErrorCategory.PROTOCOL,
}


class Exchange:
    """Collects the body of an answer, and tells `end` how it ended."""

    __slots__ = ("_body", "_end", "_multi", "_size", "call")

    def __init__(self, call: Call, *, multi: HttpMulti, end: OnEnding) -> None:
        self.call = call
        self._multi = multi
        self._end = end
        self._body: list[bytes] = []
        self._size = 0

    def on_segments(self, transfer: Transfer, segments: list[bytes]) -> None:
        """Take body bytes."""
        if self.call.first_byte is None:
            self.call.first_byte = transfer.first_byte
        self._collect(transfer, segments)

    def _collect(self, transfer: Transfer, segments: list[bytes]) -> None:
        self._size += sum(map(len, segments))
        self._body += segments
        if self._size > BODY_LIMIT:
            self._stop(transfer, fault=(ErrorCategory.PROTOCOL, f"the body is longer than {BODY_LIMIT} bytes"))

    def on_end(self, transfer: Transfer, fault: Fault | None) -> None:
        """Take the end."""
        self._conclude(transfer, fault=None if fault is None else (_CATEGORIES[fault.kind], fault.message))

    def on_cancel(self, transfer: Transfer) -> None:
        """Nothing to do: who stops a transfer tells its call."""

    def _stop(self, transfer: Transfer, *, fault: Told | None = None, raised: BaseException | None = None) -> None:
        """End the transfer before its answer has ended; cancelled last, so that an interrupt in its last event leaves it."""
        self._conclude(transfer, fault=fault, raised=raised)
        self._multi.cancel(transfer)

    def _conclude(self, transfer: Transfer, *, fault: Told | None, raised: BaseException | None = None) -> None:
        body = b"".join(self._body)
        ending = Ending(status=transfer.status, headers=transfer.headers, body=body, fault=fault, raised=raised)
        self._end(self.call, ending)


class StreamExchange(Exchange):
    """Reads an event stream; an answer that is none is collected."""

    __slots__ = ("_failures", "_finished", "_held", "_is_stream", "_payloads", "_sse")

    call: StreamCall

    def __init__(self, call: StreamCall, *, multi: HttpMulti, end: OnEnding) -> None:
        super().__init__(call, multi=multi, end=end)
        self._payloads: deque[bytes] = deque()
        self._failures: list[bytes] = []
        # Not a method: the decoder would keep this exchange alive, and so its caller's callbacks.
        self._sse = SSEDecoder(on_unknown_field=_error_fields_into(self._failures))
        self._held: list[bytes] = []  # the first bytes, while they do not tell what the body is
        self._is_stream: bool | None = None
        self._finished = False

    def on_segments(self, transfer: Transfer, segments: list[bytes]) -> None:
        """Take body bytes, and deliver the events they complete."""
        if self._is_stream is None:
            segments = [*self._held, *segments]
            kind = _kind_of(transfer, segments)
            self._held = segments if kind is None else []
            if kind is None:
                return
            self._is_stream = kind == "event_stream"
        if not self._is_stream:
            self._collect(transfer, segments)  # an error: no byte of the stream has come
            return
        too_large: ProviderError | None = None
        try:
            for data in segments if len(segments) == 1 else _joined(segments):
                self._payloads.extend(self._sse.payloads(data))
                if self._failures:  # noted while the events before it were still being cut
                    self._payloads.extend(self._failures)
                    self._failures.clear()
        except ProviderError as error:  # an event larger than the decoder takes; those before it are delivered
            too_large = error
        self._deliver(transfer)
        if too_large is not None and not self.call.over:
            self._stop(transfer, fault=(too_large.category, too_large.message))

    def on_end(self, transfer: Transfer, fault: Fault | None) -> None:
        """Take the end."""
        if self._held:  # all there was: no event, but perhaps the beginning of a stream
            self._is_stream = _kind_of(transfer, self._held, ended=True) == "event_stream"
            self._body, self._held = [] if self._is_stream else self._held, []
        if fault is None and self._is_stream and not self._finished:
            self._finished = True  # an interrupt in the last event repeats this call
            try:
                self._sse.finish()
            except ProviderError as error:
                self._conclude(transfer, fault=(error.category, error.message))
                return
        super().on_end(transfer, fault)

    def _deliver(self, transfer: Transfer) -> None:
        call = self.call
        try:
            settled = call.feed_all(self._payloads)
        except Exception as raised:  # noqa: BLE001 - whatever on_event raises ends its own stream, not the others
            self._stop(transfer, raised=raised)
            return
        if not settled:
            return
        if call.failed and not call.over:
            self._stop(transfer)
        else:
            self._multi.expect_end(transfer, within=DRAIN_SECONDS)


def _error_fields_into(failures: list[bytes]) -> Callable[[bytes, bytes], None]:
    """GPUStack tells of a failure in a field called `error`, which the standard says to ignore: it is read as a payload."""

    def note(name: bytes, value: bytes) -> None:
        if name == b"error":
            failures.append(value)

    return note


def _joined(segments: list[bytes]) -> Iterator[bytes]:
    """Join segments, some at a time."""
    return (b"".join(segments[start : start + _AT_ONCE]) for start in range(0, len(segments), _AT_ONCE))


def _kind_of(transfer: Transfer, segments: list[bytes], *, ended: bool = False) -> BodyKind | None:
    """What the body is, None while its first bytes do not tell; an error's is collected whatever it is."""
    if not 200 <= transfer.status < 300:
        return "other"
    return body_kind(b"".join(segments), content_type=transfer.headers.get("content-type", ""), ended=ended)
