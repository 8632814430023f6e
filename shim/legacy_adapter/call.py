"""One call in flight: the wrapped callbacks of the legacy client, and the response transform.

Not the driving of calls (`provider`) nor the reading of bodies (`shim.wire`). A `Call` is told what the legacy client calls
back with, and makes of it the events and the one `Completion` its caller gets.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from msgspec.structs import replace

from legacy_openai import CompletionType, HttpCompletion
from shim.legacy_adapter.transport_faults import category_of
from shim.model import ErrorCategory, ModelResponse, ProviderError, StreamDone, StreamError, StreamEvent
from shim.provider import Completion, OnCompletion, OnEvent, RequestHandle, Timing
from shim.wire import chat, failure

_MASK = "[masked key]"


class StreamEndedSignal(Exception):  # noqa: N818 - a signal to the legacy client, nobody's error
    """Raised in `stream_cb` after a `StreamError`: nothing more of this stream is wanted."""


class Call:
    """A request answered whole. `over` says that its caller gets nothing more but, perhaps, its completion."""

    __slots__ = ("_first_byte", "_first_event", "_secret", "_started", "handle", "on_completion", "over")

    def __init__(self, provider: str, on_completion: OnCompletion, *, api_key: str) -> None:
        self.handle = RequestHandle(provider, 0)  # numbered by the legacy client, when it has accepted the request
        self.on_completion = on_completion
        self.over = False
        self._secret = api_key
        self._started = time.monotonic()
        self._first_byte: float | None = None
        self._first_event: float | None = None

    def complete(self, http: HttpCompletion) -> Completion:
        """Transform the legacy completion."""
        headers = {name.lower(): value for name, value in http.headers.items()}
        outcome = self._outcome(http)
        self.over = True
        if isinstance(outcome, ModelResponse):
            outcome = replace(outcome, request_id=headers.get("x-request-id"))
        elif outcome.request_id is None:
            outcome.request_id = headers.get("x-request-id")
        return self._completion(outcome, http_status=http.http_code or None, headers=headers)

    def cancelled(self, why: str) -> Completion:
        """End the call on its caller's behalf; a stream that has had its last event keeps its outcome."""
        self.over = True
        outcome = self._known() or ProviderError(ErrorCategory.CANCELLED, why, partial=self._partial())
        return self._completion(outcome)

    def _known(self) -> ModelResponse | ProviderError | None:
        """The outcome, where it is known before the answer has ended."""
        return None

    def _outcome(self, http: HttpCompletion) -> ModelResponse | ProviderError:
        """Read the answer."""
        if http.type is CompletionType.NETWORK_ERROR:
            return self._network_error(http)
        body = http.body.replace(self._secret.encode(), _MASK.encode())
        if http.type is not CompletionType.SUCCESS:
            return failure.parse_error(http.http_code, http.headers, body, partial=self._partial())
        try:
            return chat.parse_response(http.body)
        except ProviderError as error:
            error.http_status = http.http_code
            error.body = body
            return error.with_traceback(None)

    def _network_error(self, http: HttpCompletion) -> ProviderError:
        status = http.http_code or None
        message = failure.mask_keys(http.error_message.replace(self._secret, _MASK))
        return ProviderError(category_of(http), message, http_status=status, partial=self._partial())

    def _partial(self) -> ModelResponse | None:
        return None

    def _completion(
        self,
        outcome: ModelResponse | ProviderError,
        *,
        http_status: int | None = None,
        headers: dict[str, str] | None = None,
    ) -> Completion:
        timing = Timing(
            started=self._started,
            first_byte=self._first_byte,
            first_event=self._first_event,
            finished=time.monotonic(),
        )
        response, error = (None, outcome) if isinstance(outcome, ProviderError) else (outcome, None)
        return Completion(self.handle, response, error, http_status=http_status, headers=headers or {}, timing=timing)


class StreamCall(Call):
    """A request answered as a stream."""

    __slots__ = ("_aborted", "_decoder", "_end", "_on_event")

    def __init__(self, provider: str, on_completion: OnCompletion, *, on_event: OnEvent, api_key: str) -> None:
        super().__init__(provider, on_completion, api_key=api_key)
        self._on_event = on_event
        self._decoder = chat.StreamDecoder()
        self._end: ModelResponse | ProviderError | None = None
        self._aborted = False

    def on_payload(self, payload: bytes) -> None:
        """Be the legacy client's `stream_cb`: one payload in, its events out. Raising ends this request alone."""
        if self._first_byte is None:
            self._first_byte = time.monotonic()
        events = self._decoder.feed(payload)
        if events:
            self._deliver(events)
            if isinstance(self._end, ProviderError):
                raise StreamEndedSignal

    def _deliver(self, events: Sequence[StreamEvent]) -> None:
        if self._first_event is None:
            self._first_event = time.monotonic()
        on_event = self._on_event
        last = events[-1]
        try:
            for event in events:
                if event is last:
                    self._note_end(last)
                on_event(event)
                if self.over:
                    return
        except Exception:
            self._aborted = True
            raise

    def _note_end(self, event: StreamEvent) -> None:
        if isinstance(event, StreamDone):
            self._end = event.response
        elif isinstance(event, StreamError):
            self._end = event.error

    def _outcome(self, http: HttpCompletion) -> ModelResponse | ProviderError:
        """Read the end of the stream; its last event goes out before its completion."""
        if self._aborted:
            return self._abort(http.exception)
        if self._end is None:
            try:
                self._deliver(self._last_events(http))
            except Exception as error:  # noqa: BLE001 - whatever on_event raises ends its own stream, not the others
                return self._abort(error)
        return self._end or ProviderError(ErrorCategory.CANCELLED, "the request was cancelled", partial=self._partial())

    def _known(self) -> ModelResponse | ProviderError | None:
        return self._end

    def _last_events(self, http: HttpCompletion) -> Sequence[StreamEvent]:
        if http.type is CompletionType.SUCCESS and not http.body:
            return self._decoder.finish()
        outcome = super()._outcome(http)
        if isinstance(outcome, ModelResponse):  # a server that answers JSON although a stream was asked for
            return chat.events_of(outcome)
        return [StreamError(outcome)]

    def _abort(self, cause: BaseException | None) -> ProviderError:
        error = ProviderError(
            ErrorCategory.ABORTED,
            f"on_event raised {type(cause).__name__}; its stream was ended",
            partial=self._partial(),
        )
        error.__cause__ = cause
        return error

    def _partial(self) -> ModelResponse | None:
        return self._decoder.response if self._first_byte is not None else None
