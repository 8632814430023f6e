"""Reading by the codecs alone: what the native provider would tell, with no transport under it.

Not the codecs (`shim.wire`) nor the provider (`shim.native.exchange` does the same for bytes from libcurl; a test holds the two
to the same readings).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from shim.calls import Call, Ending, StreamCall
from shim.comparison.exchange import Headers
from shim.comparison.presented import BODY_LIMIT, REPLAY_KEY, Break, FaultFamily, Presented, api_of, presented
from shim.comparison.reading import Reading
from shim.comparison.sides import UnreadableExchangeError
from shim.comparison.tee.told import Heard, reading_of
from shim.model import ErrorCategory, ProviderError, StreamEvent
from shim.model.response import Api
from shim.provider import Completion, RequestHandle
from shim.wire import chat, responses
from shim.wire.bodies import body_kind
from shim.wire.sse import SSEDecoder

if TYPE_CHECKING:
    from shim.comparison.exchange import Exchange

_CODECS: dict[Api, Any] = {"chat_completions": chat, "responses": responses}
_CATEGORIES: dict[FaultFamily, ErrorCategory] = {
    "timeout": ErrorCategory.TIMEOUT,
    "network": ErrorCategory.NETWORK,
    "truncated": ErrorCategory.TRUNCATED,
    "protocol": ErrorCategory.PROTOCOL,
}


class CodecReader:
    """Reads by the codec of the exchange's API. Holds nothing; any number may share it."""

    name = "native"
    apis: tuple[Api, ...] = ("chat_completions", "responses")

    def read(self, exchange: Exchange) -> Reading:
        """Read one exchange; see `Reader`."""
        completion, events = self.hear(exchange)
        return reading_of(completion, events)

    def read_all(self, exchanges: Sequence[Exchange]) -> list[Reading]:
        """Read many."""
        return [self.read(exchange) for exchange in exchanges]

    def hear_all(self, exchanges: Sequence[Exchange]) -> list[Heard]:
        """What a caller is told of many."""
        return [Heard(*self.hear(exchange)) for exchange in exchanges]

    def hear(self, exchange: Exchange) -> tuple[Completion, list[StreamEvent] | None]:
        """What a caller of the native provider would get: the completion, and the events where it asked for a stream.

        Raises:
            UnreadableExchangeError: the exchange speaks neither API, or was not kept whole.
        """
        api = api_of(exchange)
        if api is None:
            raise UnreadableExchangeError("it is neither Chat Completions nor Responses; only those are read")
        answer = presented(exchange)
        handle = RequestHandle(self.name, 0)
        if answer.streamed:
            events: list[StreamEvent] = []
            call = StreamCall(handle, _ignore, on_event=events.append, codec=_CODECS[api], api_key=REPLAY_KEY)
            return call.conclude(_Stream(call, answer).ending()), events
        return Call(handle, _ignore, codec=_CODECS[api], api_key=REPLAY_KEY).conclude(_ending(answer)), None

    def close(self) -> None:
        """Hold nothing."""


class _Stream:
    """Reads a stream's pieces into its call."""

    def __init__(self, call: StreamCall, answer: Presented) -> None:
        self._call = call
        self._answer = answer
        self._failures: list[bytes] = []
        self._sse = SSEDecoder(on_unknown_field=_error_fields_into(self._failures))

    def ending(self) -> Ending:
        """Read to the end."""
        if not _is_event_stream(self._answer):
            return _ending(self._answer)
        # Cut out piece by piece, as they were read, and delivered together: the call takes one payload after the other either
        # way, and none after its last event. So what cannot be cut counts only where the payloads before did not end the stream.
        payloads, fault = self._payloads()
        if self._call.feed_all(payloads):
            return _ending(self._answer, body=b"", fault=None)
        return _ending(self._answer, body=b"", fault=_UNSAID if fault is None else fault)

    def _payloads(self) -> tuple[deque[bytes], tuple[ErrorCategory, str] | None]:
        """The data of the events, and why there is no more where an event is larger than the decoder takes."""
        payloads: deque[bytes] = deque()
        try:
            for piece in self._answer.pieces:
                payloads.extend(self._sse.payloads(piece))
                if self._failures:  # noted while the events before it were still being cut
                    payloads.extend(self._failures)
                    self._failures.clear()
            if self._answer.broken is None and self._answer.pieces:
                self._sse.finish()
        except ProviderError as error:
            return payloads, (error.category, error.message)
        return payloads, None


_UNSAID: Any = object()


def _ending(answer: Presented, *, body: bytes | None = None, fault: Any = _UNSAID) -> Ending:
    """How it ended: with the whole body, or the fault that broke it off."""
    if fault is _UNSAID:
        fault = None if answer.broken is None else _fault(answer.broken)
    body = b"".join(answer.pieces) if body is None else body
    if len(body) > BODY_LIMIT:
        fault = (ErrorCategory.PROTOCOL, f"the body is longer than {BODY_LIMIT} bytes")
    return Ending(status=answer.status, headers=_joined(answer.headers), body=body, fault=fault)


def _fault(broken: Break) -> tuple[ErrorCategory, str]:
    return _CATEGORIES[broken.family], broken.message or broken.kind or f"the answer broke off ({broken.family})"


def _joined(headers: Headers) -> dict[str, str]:
    """The fields by name; the values of a repeated one are joined by a comma (RFC 9110 5.3)."""
    joined: dict[str, str] = {}
    for name, value in ((name.lower(), value) for name, value in headers):
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    return joined


def _error_fields_into(failures: list[bytes]) -> Callable[[bytes, bytes], None]:
    """GPUStack tells of a failure in a field called `error`, which the standard says to ignore: it is read as a payload."""

    def note(name: bytes, value: bytes) -> None:
        if name == b"error":
            failures.append(value)

    return note


def _is_event_stream(answer: Presented) -> bool:
    content_type = _joined(answer.headers).get("content-type", "")
    kind = body_kind(b"".join(answer.pieces), content_type=content_type, ended=True)
    return kind == "event_stream" and 200 <= answer.status < 300


def _ignore(_completion: Completion) -> None:
    """Stand in for `on_completion`; the completion is what `conclude` returns."""
