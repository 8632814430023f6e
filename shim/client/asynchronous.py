"""The async client: the client's questions with `await` and `async for`.

Not the asyncio driver (`shim.loops.asyncio_loop`), and not the keeping of one provider per loop (`shim.client.loop_providers`).
asyncio is imported when a loop is there to use it, so that `shim.client` stays cheap for those who have none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from shim.client.loop_providers import AsyncInbox, AsyncOpenRequest, LoopSeats
from shim.client.pool import ClientClosedError, StreamOutcome, error_of, result_of
from shim.factory import ProviderKind, name_of, provider_maker
from shim.loops.gathering import gather_seconds
from shim.model import (
    ErrorCategory,
    ModelRequest,
    ModelResponse,
    ProviderError,
    StreamDone,
    StreamError,
    StreamEvent,
    TextDelta,
)
from shim.per_process import PerProcess
from shim.provider import CallOptions, Completion, Deadlines, Provider, RequestHandle

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.layers import RetryPolicy, Telemetry

# A whole answer of the longest models today, a token an event, fits in; at about 100 bytes an event that is some 6 MB.
MAX_BUFFERED_EVENTS = 65536


class AsyncClient:
    """Asks models, from any number of event loops.

        async with AsyncClient(api_key=...) as client:
            response = await client.complete(request)

    Each loop has a provider of its own, made at its first request, which all its tasks share; several loops in several threads
    may use one client at the same time. Cancelling a task cancels its request.

    Args:
        kind: "legacy", "native", or a callable that takes `settings` and returns a provider.
        max_buffered_events: how many events may wait for a slow reader; past that, or past 1 MiB of their text, its server is
            held back until half is read. Of a provider that can hold none back the stream ends with category aborted.
        gather_ms: how long events of streams may wait for more, as `AsyncioDriver` takes it: never while a whole answer is under
            way in the same loop. 0 lets nothing wait.
        deadlines, retries, telemetry: limits of time, how often a request is tried, and what OpenTelemetry is told, as
            `shim.create_provider` takes them.
        settings: the provider's own. Names are checked here; no provider is made and no environment read before the first use.

    Raises:
        ValueError: no such kind, or `max_buffered_events` is not a positive integer.
        InvalidRequestError: `gather_ms` is no number from 0 to 1000.
        TypeError: a setting the provider does not take; the message names those it takes.
    """

    def __init__(
        self,
        kind: ProviderKind = "legacy",
        *,
        max_buffered_events: int = MAX_BUFFERED_EVENTS,
        gather_ms: float = 0,
        deadlines: Deadlines | None = None,
        retries: RetryPolicy | None = None,
        telemetry: Telemetry | None = None,
        **settings: Any,
    ) -> None:
        if not isinstance(max_buffered_events, int) or max_buffered_events < 1:
            raise ValueError(
                "max_buffered_events is not a positive integer; give how many events may wait for a slow reader"
            )
        gather_seconds(gather_ms)  # refused here, not at the first request
        make = provider_maker(kind, settings, deadlines=deadlines, retries=retries, telemetry=telemetry)
        self._kind = name_of(kind)
        self._limit = max_buffered_events
        self._closed = False
        self._seats = PerProcess(lambda: LoopSeats(make, gather_ms=gather_ms))

    async def complete(self, request: ModelRequest, *, options: CallOptions | None = None) -> ModelResponse:
        """Ask and wait for the whole answer.

        Args:
            request: what is asked.
            options: how this call goes out; None is as the provider has it.

        Raises:
            ProviderError: the request failed; `except` its subclasses, such as `RateLimitError`.
            InvalidRequestError, UnsupportedFeatureError, MissingCredentialsError: at once, nothing was sent.
            ClientClosedError: the client is closed.
        """
        return result_of(await self._asked(request, options).run())

    async def completion(self, request: ModelRequest, *, options: CallOptions | None = None) -> Completion:
        """Ask and wait; return how it ended, with status, headers and timing: a request that failed is one with an `error`.

        Raises:
            InvalidRequestError, UnsupportedFeatureError, MissingCredentialsError: at once, nothing was sent.
            ClientClosedError: the client is closed.
        """
        return await self._asked(request, options).run()

    def stream(self, request: ModelRequest, *, options: CallOptions | None = None) -> AsyncResponseStream:
        """Ask for the answer as a stream of events, which starts at once; call it with the loop running.

            async with client.stream(request) as stream:
                async for event in stream: ...

        Raises:
            InvalidRequestError, UnsupportedFeatureError, MissingCredentialsError, ClientClosedError: at once, nothing was sent.
        """

        def start(provider: Provider, inbox: AsyncInbox) -> RequestHandle:
            return provider.start_stream(request, inbox.put_event, inbox.put_completion, options=options)

        return AsyncResponseStream(self._begin(start))

    async def close(self) -> None:
        """Close every loop's provider. Requests under way, in whatever loop, end with `RequestCancelledError`."""
        self._closed = True
        await self._seats.get().close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"<AsyncClient {self._kind}{', closed' if self._closed else ''}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "an AsyncClient cannot be pickled: it holds connections, and may hold a key; make one in each process"
        )

    def _asked(self, request: ModelRequest, options: CallOptions | None) -> AsyncOpenRequest:
        def start(provider: Provider, inbox: AsyncInbox) -> RequestHandle:
            return provider.start_request(request, inbox.put_completion, options=options)

        return self._begin(start)

    def _begin(self, start: Callable[[Provider, AsyncInbox], RequestHandle]) -> AsyncOpenRequest:
        if self._closed:
            raise ClientClosedError
        seats = self._seats.get()
        seat = seats.of_running_loop()
        inbox = AsyncInbox(seat.loop, limit=self._limit)
        handle = start(seat.provider, inbox)
        return AsyncOpenRequest(seats, seat, inbox=inbox, handle=handle)


class AsyncResponseStream(StreamOutcome, AsyncIterator[StreamEvent]):
    """The events of one answer, as they come; also an async context manager.

    The last event is `StreamDone`. A failure is raised where it happened, as its `ProviderError`; no `StreamError` is yielded.
    Leaving the `async with` block, `aclose()`, dropping the stream before its end, or cancelling the task that waits for its next
    event cancels the request.
    """

    _inbox: AsyncInbox

    def __init__(self, opened: AsyncOpenRequest) -> None:
        self._request = opened
        self._inbox = opened.inbox
        self._over = False

    async def __anext__(self) -> StreamEvent:
        events = self._inbox.events
        while not events and self._inbox.completion is None and not self._over:
            await self._request.changed()
        event = self._inbox.take() if events else None
        if event is None or isinstance(event, StreamError):
            await self._end()
        if isinstance(event, StreamDone):
            await self._request.run()
        return event

    async def texts(self) -> AsyncIterator[str]:
        """The pieces of the first answer's text, as they come; everything else is passed over."""
        async for event in self:
            if isinstance(event, TextDelta) and event.choice == 0:
                yield event.text

    async def read(self) -> ModelResponse:
        """Read what is left, and return the whole answer."""
        async for _ in self:
            pass
        return self.response

    async def aclose(self) -> None:
        """Cancel the request unless it has ended, and drop what was not read."""
        self._over = True
        self._inbox.events.clear()
        self._request.cancel()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._request.cancel_from_anywhere()

    async def _end(self) -> NoReturn:
        if not self._over:
            self._over = True
            completion = await self._request.run()
            if self._inbox.overflowed:
                raise self._overflow(completion) from completion.error
            if not completion.ok:
                raise error_of(completion)
        raise StopAsyncIteration

    def _overflow(self, completion: Completion) -> ProviderError:
        message = (
            f"{self._inbox.limit} events were waiting to be read when more came, and the stream was ended; "
            "read it faster, or give AsyncClient a larger max_buffered_events"
        )
        return ProviderError(ErrorCategory.ABORTED, message, partial=error_of(completion).partial)
