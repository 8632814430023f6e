"""The blocking client: a question asked from any thread, its answer whole or as an iterator of events.

Not a provider (`shim.provider`): it makes them through `shim.factory` and drives them, each thread its own (`shim.client.pool`).
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from shim.client.pool import ClientClosedError, Inbox, OpenRequest, Pool, StreamOutcome, error_of, result_of
from shim.factory import ProviderKind, name_of, provider_maker
from shim.model import ModelRequest, ModelResponse, StreamDone, StreamError, StreamEvent, TextDelta
from shim.per_process import PerProcess
from shim.provider import CallOptions, Completion, Deadlines, Provider, RequestHandle

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.layers import RetryPolicy, Telemetry


class Client:
    """Asks models, from any number of threads.

        with Client(api_key=...) as client:
            print(client.complete(ModelRequest("gpt-4o-mini", [shim.user("Hello")])).text)

    Each thread has a provider of its own, made at its first request, made anew after a fork, and closed when the thread ends or
    the client is closed. Beside a stream that is still open, a thread's next request takes a further provider; up to four idle
    ones are kept. Inside a running event loop the client works and blocks the loop; `AsyncClient` does not.

    Args:
        kind: "legacy", "native", or a callable that takes `settings` and returns a provider.
        deadlines, retries, telemetry: limits of time, how often a request is tried, and what OpenTelemetry is told, as
            `shim.create_provider` takes them.
        settings: the provider's own. Names are checked here; no provider is made and no environment read before the first use.

    Raises:
        ValueError: no such kind.
        TypeError: a setting the provider does not take; the message names those it takes.
    """

    def __init__(
        self,
        kind: ProviderKind = "legacy",
        *,
        deadlines: Deadlines | None = None,
        retries: RetryPolicy | None = None,
        telemetry: Telemetry | None = None,
        **settings: Any,
    ) -> None:
        make = provider_maker(kind, settings, deadlines=deadlines, retries=retries, telemetry=telemetry)
        self._kind = name_of(kind)
        self._closed = False
        self._pools = PerProcess(lambda: Pool(make))

    def complete(self, request: ModelRequest, *, options: CallOptions | None = None) -> ModelResponse:
        """Ask and wait for the whole answer.

        Args:
            request: what is asked.
            options: how this call goes out; None is as the provider has it.

        Raises:
            ProviderError: the request failed; `except` its subclasses, such as `RateLimitError`.
            InvalidRequestError, UnsupportedFeatureError, MissingCredentialsError: at once, nothing was sent.
            ClientClosedError: the client is closed.
            RequestCancelledError: it was closed meanwhile, by another thread.
        """
        # Nothing of the request stands in this frame: the traceback of its error would hold it, and it the error.
        return result_of(self.completion(request, options=options))

    def completion(self, request: ModelRequest, *, options: CallOptions | None = None) -> Completion:
        """Ask and wait; return how it ended, with status, headers and timing: a request that failed is one with an `error`.

        Raises:
            InvalidRequestError, UnsupportedFeatureError, MissingCredentialsError: at once, nothing was sent.
            ClientClosedError: the client is closed.
        """

        def start(provider: Provider, inbox: Inbox) -> RequestHandle:
            return provider.start_request(request, inbox.put_completion, options=options)

        return self._pool().begin(start).run()

    def stream(self, request: ModelRequest, *, options: CallOptions | None = None) -> ResponseStream:
        """Ask for the answer as a stream of events, which starts at once.

            with client.stream(request) as stream:
                for event in stream: ...

        Raises:
            InvalidRequestError, UnsupportedFeatureError, MissingCredentialsError, ClientClosedError: at once, nothing was sent.
        """

        def start(provider: Provider, inbox: Inbox) -> RequestHandle:
            return provider.start_stream(request, inbox.events.append, inbox.put_completion, options=options)

        return ResponseStream(self._pool().begin(start))

    def close(self) -> None:
        """Close every thread's providers. Requests under way, in whatever thread, end with `RequestCancelledError`."""
        self._closed = True
        self._pools.get().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client {self._kind}{', closed' if self._closed else ''}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a Client cannot be pickled: it holds connections, and may hold a key; make one in each process"
        )

    def _pool(self) -> Pool:
        if self._closed:
            raise ClientClosedError
        return self._pools.get()


class ResponseStream(StreamOutcome, Iterator[StreamEvent]):
    """The events of one answer, as they come; also a context manager.

    The last event is `StreamDone`. A failure is raised where it happened, as its `ProviderError`; no `StreamError` is yielded.
    Nothing is read ahead of you beyond what one turn of the provider brought: a stream that is not read holds the server back.
    Leaving the `with` block, `close()`, or dropping the stream before its end cancels the request.

    One thread at a time may read it.
    """

    def __init__(self, opened: OpenRequest) -> None:
        self._request = opened
        self._inbox = opened.inbox
        self._over = False

    def __next__(self) -> StreamEvent:
        events = self._inbox.events
        while not events and self._inbox.completion is None and not self._over:
            self._request.advance()
        event = events.popleft() if events else None
        if event is None or isinstance(event, StreamError):
            self._end()
        if isinstance(event, StreamDone):
            self._request.run()
        return event

    def texts(self) -> Iterator[str]:
        """The pieces of the first answer's text, as they come; everything else is passed over."""
        for event in self:
            if isinstance(event, TextDelta) and event.choice == 0:
                yield event.text

    def read(self) -> ModelResponse:
        """Read what is left, and return the whole answer."""
        for _ in self:
            pass
        return self.response

    def close(self) -> None:
        """Cancel the request unless it has ended, and drop what was not read."""
        self._over = True
        self._inbox.events.clear()
        self._request.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def _end(self) -> NoReturn:
        if not self._over:
            self._over = True
            completion = self._request.run()
            if not completion.ok:
                raise error_of(completion)
        raise StopIteration
