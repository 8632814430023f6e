"""A call in flight: from an accepted request to its events and its one completion, whatever carries it.

Not the bytes of an answer (`answer_reader`), no transport (`shim.legacy_adapter`, `shim.native`) and no codec (`shim.wire`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from shim.calls.answer_headers import MaskedHeaders
from shim.model import (
    ErrorCategory,
    ModelResponse,
    ProviderError,
    StreamDone,
    StreamError,
    StreamEvent,
)
from shim.model.caps import DEFAULT_CAPS, Caps
from shim.model.checks import kind_of
from shim.model.headers import Headers
from shim.provider import Completion, OnCompletion, OnEvent, RequestHandle, Timing
from shim.wire import failure
from shim.wire.bodies import PieceTeller, events_in, outcome_of, payloads_in
from shim.wire.masking import Secret, credentials_in

_WITHOUT_CONTENT = frozenset({204, 205})  # RFC 9110, 15.3.5 and 15.3.6


class CallDecoder(PieceTeller, Protocol):
    """What `shim.wire.chat.StreamDecoder` and `shim.wire.responses.StreamDecoder` have in common."""

    @property
    def response(self) -> ModelResponse:
        """The response as far as it has come."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the last event was given."""
        ...


class Codec(Protocol):
    """The reading half of `shim.wire.chat` or `shim.wire.responses`."""

    def parse_response(self, body: bytes) -> ModelResponse:
        """Read a whole answer."""
        ...

    def events_of(self, response: ModelResponse) -> list[StreamEvent]:
        """Tell a whole answer as a stream would have."""
        ...

    def StreamDecoder(self, *, caps: Caps = DEFAULT_CAPS) -> CallDecoder:  # noqa: N802 - a class of the codec, called to make one
        """Make the reader of one stream."""
        ...


class Ending(Struct, frozen=True, kw_only=True):
    """How a transport ended a request.

    Attributes:
        status: of the response, 0 where none came.
        headers: of the response; found by a name in lower case.
        body: whole; of a stream only where the answer was no event stream.
        fault: where no complete answer came: the category, and what to say.
        raised: what `on_event` raised, where that ended the stream.
    """

    status: int = 0
    headers: Mapping[str, str] = {}
    body: bytes = b""
    fault: tuple[ErrorCategory, str] | None = None
    raised: BaseException | None = None


class Call:
    """A request answered whole.

    Attributes:
        wants_whole: whether its answer is wanted whole, and not as a stream.
        over: its caller gets nothing more but, perhaps, its completion.

    The key, and the credentials among the request's `extra_headers`, are masked in all that is told of it; what masks them may be
    given as `api_key`, made for several calls.
    """

    __slots__ = ("_codec", "_first_event", "_secret", "_started", "first_byte", "handle", "on_completion", "over")

    wants_whole: ClassVar[bool] = True

    def __init__(
        self,
        handle: RequestHandle,
        on_completion: OnCompletion,
        *,
        codec: Codec,
        api_key: str | Secret,
        extra_headers: object = None,
    ) -> None:
        check_callback("on_completion", on_completion)
        self.handle = handle
        self.on_completion = on_completion
        self.over = False
        self.first_byte: float | None = None
        self._codec = codec
        self._secret = (
            api_key if isinstance(api_key, Secret) else Secret(api_key, *credentials_in(extra_headers or None))
        )
        self._started = time.monotonic()
        self._first_event: float | None = None

    def conclude(self, ending: Ending) -> Completion:
        """Read how it ended; the last event of a stream goes out here, before its completion.

        Only an interrupt (KeyboardInterrupt and its like) leaves; call it again then, and it goes on where it was.
        """
        headers = MaskedHeaders(ending.headers, self._secret)
        outcome = self._outcome(ending)
        self.over = True
        if isinstance(outcome, ModelResponse):
            request_id = headers.get("x-request-id")
            outcome = outcome if request_id is None else self._named(outcome, request_id)
        else:
            outcome.request_id = outcome.request_id or headers.get("x-request-id")
            outcome.headers = Headers(headers)
            self._secret.mask_error(outcome)
        return self._completion(outcome, http_status=ending.status or None, headers=headers)

    def _named(self, response: ModelResponse, request_id: str) -> ModelResponse:
        force_setattr(response, "request_id", request_id)  # it was made for this call, and nobody has been told of it
        return response

    def cancelled(self, why: str) -> Completion:
        """End it on its caller's behalf; a stream that has had its last event keeps its outcome."""
        self.over = True
        known = self._known()
        return self._completion(known or ProviderError(ErrorCategory.CANCELLED, why, partial=self._partial()))

    def _known(self) -> ModelResponse | ProviderError | None:
        """The outcome, where it is known before the answer has ended."""
        return None

    def _partial(self) -> ModelResponse | None:
        """What has arrived, None before the answer began."""
        return None

    def _outcome(self, ending: Ending) -> ModelResponse | ProviderError:
        """Read the answer."""
        outcome = self._error(ending) or self._read(ending.body)
        if isinstance(outcome, ProviderError) and ending.fault is None:
            outcome.http_status = ending.status
        return outcome

    def _read(self, body: bytes) -> ModelResponse | ProviderError:
        """Read a body that came whole: as the one answer it should be, else as the event stream it may be."""
        try:
            return self._codec.parse_response(body)
        except ProviderError as refused:
            error = refused.with_traceback(None)
        try:
            payloads = payloads_in(body) if error.category is ErrorCategory.PROTOCOL else None
        except ProviderError as too_large:
            return too_large.with_traceback(None)
        return error if payloads is None else self._read_payloads(payloads)

    def _read_payloads(self, payloads: list[bytes]) -> ModelResponse | ProviderError:
        """Read the payloads of a stream nobody asked for."""
        return outcome_of(events_in(self._codec.StreamDecoder(), payloads)[-1])

    def _error(self, ending: Ending) -> ProviderError | None:
        if ending.fault is not None:
            category, message = ending.fault
            return ProviderError(category, message, http_status=ending.status or None, partial=self._partial())
        if ending.status in _WITHOUT_CONTENT and not ending.body:
            message = f"the server answered {ending.status}, which has no content, where an answer should be"
            return ProviderError(ErrorCategory.PROTOCOL, message)
        if not 200 <= ending.status < 300:
            return failure.parse_error(ending.status, ending.headers, ending.body, partial=self._partial())
        return None

    def _completion(
        self,
        outcome: ModelResponse | ProviderError,
        *,
        http_status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Completion:
        response, error = (None, outcome) if isinstance(outcome, ProviderError) else (outcome, None)
        timing = Timing(
            started=self._started,
            first_byte=self.first_byte,
            first_event=self._first_event,
            finished=time.monotonic(),
        )
        told = {} if headers is None else headers
        return Completion(self.handle, response, error, http_status=http_status, headers=told, timing=timing)


class StreamCall(Call):
    """A request answered as a stream."""

    __slots__ = ("_aborted", "_decoder", "_end", "_late", "_owed", "on_event", "on_events")

    wants_whole: ClassVar[bool] = False

    def __init__(
        self,
        handle: RequestHandle,
        on_completion: OnCompletion,
        *,
        on_event: OnEvent,
        codec: Codec,
        api_key: str | Secret,
        extra_headers: object = None,
        caps: Caps = DEFAULT_CAPS,
        on_events: Callable[[list[StreamEvent]], object] | None = None,
    ) -> None:
        check_callback("on_event", on_event)
        super().__init__(handle, on_completion, codec=codec, api_key=api_key, extra_headers=extra_headers)
        self.on_event = on_event
        self.on_events = on_events  # as `shim.wire.bodies.Listener` has it
        self._decoder = codec.StreamDecoder(caps=caps)
        self._end: ModelResponse | ProviderError | None = None
        # Read, and not yet delivered: an interrupt came between. None nearly always: an empty one is as large as for sixty.
        self._owed: deque[StreamEvent] | None = None
        self._late: Sequence[StreamEvent] = ()  # of a stream that was collected as a whole body
        self._aborted = False

    @property
    def failed(self) -> bool:
        """Whether its last event was a `StreamError`: nothing more of the stream is wanted."""
        return isinstance(self._end, ProviderError)

    def feed(self, payload: bytes) -> bool:
        """Take one payload and deliver its events; what `on_event` raises leaves, and the stream is aborted.

        Returns:
            Whether the stream has had its last event.
        """
        if self._end is not None or self.over:
            return self._end is not None
        event = self._decoder.piece(payload) if self._owed is None else None
        if event is None:
            if self.first_byte is None:
                self.first_byte = time.monotonic()
            self._deliver(self._decoder.feed(payload))
            return self._end is not None
        try:  # the hot path: nothing to note
            self.on_event(event)
        except Exception:
            self._aborted = True
            raise
        return False

    def feed_event(self, event: bytes) -> bool:
        """Take a whole event as it came, and deliver it, where that is a mere piece; what `on_event` raises leaves, as in `feed`.

        Returns:
            Whether it was taken.
        """
        if self._end is not None or self.over or self._owed is not None:
            return False
        piece = self._decoder.piece_of_event(event)
        if piece is None:
            return False
        try:  # the hot path: nothing to note
            self.on_event(piece)
        except Exception:
            self._aborted = True
            raise
        return True

    def feed_all(self, payloads: list[bytes]) -> bool:
        """Take payloads from the end of a list, where the first stands, as `feed` does each, and return what it does."""
        if payloads and self.first_byte is None:
            self.first_byte = time.monotonic()
        while payloads and self._end is None and not self.over:
            if self._owed is None:
                try:
                    self._decoder.tell_pieces(payloads, self)
                except Exception:
                    self._aborted = True
                    raise
                if not payloads or self.over:
                    break
            self._deliver(self._decoder.feed(payloads.pop()))
        return self._end is not None

    def _deliver(self, events: Sequence[StreamEvent]) -> None:
        if not (events or self._owed):
            return
        owed = self._owed = self._owed or deque()
        owed.extend(events)
        if self._first_event is None:
            self._first_event = time.monotonic()
        try:
            while owed and not self.over:
                event = owed.popleft()
                self._note_end(event)
                self.on_event(event)
        except Exception:
            self._aborted = True
            raise
        if not owed:
            self._owed = None

    def _note_end(self, event: StreamEvent) -> None:
        if isinstance(event, StreamDone):
            self._end = event.response
        elif isinstance(event, StreamError):
            self._secret.mask_error(event.error)
            self._end = event.error

    def _named(self, response: ModelResponse, request_id: str) -> ModelResponse:
        return replace(response, request_id=request_id)  # it was told with the last event

    def _known(self) -> ModelResponse | ProviderError | None:
        return self._end

    def _outcome(self, ending: Ending) -> ModelResponse | ProviderError:
        if self._aborted:
            return self._abort(ending.raised)
        try:
            self._deliver(())
            if self._end is None and not self.over:
                self._deliver(self._last_events(ending))
        except Exception as error:  # whatever on_event raises ends its own stream, not the others
            if self.over:  # it has ended its call besides, whose completion can no longer carry this
                raise
            return self._abort(error)
        return self._end or ProviderError(ErrorCategory.CANCELLED, "the request was cancelled", partial=self._partial())

    def _last_events(self, ending: Ending) -> Sequence[StreamEvent]:
        if self._error(ending) is None and not ending.body:
            return [_with_status(event, ending.status) for event in self._decoder.finish()]
        outcome = super()._outcome(ending)
        if self._late:
            return self._late
        if isinstance(outcome, ModelResponse):  # a server that answers JSON although a stream was asked for
            return self._codec.events_of(outcome)
        return [StreamError(outcome)]

    def _read_payloads(self, payloads: list[bytes]) -> ModelResponse | ProviderError:
        """Read an event stream that was called something else, and so collected."""
        self._late = events_in(self._decoder, payloads)
        return outcome_of(self._late[-1])

    def _abort(self, cause: BaseException | None) -> ProviderError:
        message = f"on_event raised {type(cause).__name__}; its stream was ended"
        error = ProviderError(ErrorCategory.ABORTED, message, partial=self._partial())
        error.__cause__ = cause
        return error

    def _partial(self) -> ModelResponse | None:
        return self._decoder.response if self.first_byte is not None else None


def _with_status(event: StreamEvent, status: int) -> StreamEvent:
    """The codec does not know the status of the answer, and takes it for 200."""
    if isinstance(event, StreamError):
        event.error.http_status = status
    return event


def check_callback(name: str, callback: object) -> None:
    """Raise TypeError unless a callback can be called; an error of the program, found when it is made."""
    if not callable(callback):
        raise TypeError(f"{name} is {kind_of(callback)}; give a function")
