"""The provider interface: start requests, drive them from any event loop, get each one's completion exactly once.

Not an implementation: `shim.legacy_adapter` and `shim.native` are the providers, `shim.layers` wrap one in another,
`shim.loops` drive them, `shim.client` hides all of it. The shape follows libcurl's multi interface
(curl_multi_fdset, curl_multi_timeout, curl_multi_perform, curl_multi_info_read).

Invariants, which `shim.testing.contract` checks on every provider:

1.  `start_request` and `start_stream` never block and never call back. They raise at once, and nothing is sent, for a missing
    key (`MissingCredentialsError`), a request that cannot be sent (`InvalidRequestError`), or what the API cannot express
    (`UnsupportedFeatureError`); an option the provider cannot honour is refused so too, never ignored.
2.  Events come only from inside `perform()`, completions only from inside `info_read()`, on the thread that calls them.
3.  Every accepted request gets exactly one completion, after its last event; a cancelled one too (category cancelled). The
    response of a stream's completion is that of its `StreamDone`, with the `request_id` that came in the headers.
4.  The events of a stream are one `StreamStart`, first, and one `StreamDone` or `StreamError`, last. A request that fails before
    its stream began has the `StreamError` alone. A stream its own caller ends (`cancel`, `close`, `on_event` raising) gets no
    further event.
5.  `close()` delivers what is still open as cancelled before it returns (the one exception to 2); after it nothing is called.
    Where a callback raises in it, the others are called all the same, and the exception leaves at the end.
    It may be called again. `start_request`, `start_stream`, `fileno` and `fdset` then raise `ProviderClosedError`; `perform` and
    `info_read` return 0, `timeout` -1 and `cancel` does nothing, so a loop whose callback closed the provider ends quietly.
6.  A callback may start or cancel requests, and may call `close()`; where it calls `perform()`, that raises RuntimeError.
7.  `on_event` raising aborts that stream alone: its completion has category aborted and the exception as `__cause__`. Where it
    has cancelled its own request before, no completion can carry what it raises: that leaves `perform()`.
    `on_completion` raising propagates out of `info_read()`; the other completions stay queued.
8.  A loop that waits for `fileno()` to be readable, at most `timeout()` milliseconds, then calls `perform()` and `info_read()`,
    neither stalls nor spins. That holds also for what happens outside the callbacks: starting and cancelling make it readable.
    One `perform()` does a bounded part of what there is, and of each stream a share; where it leaves some, `timeout()` is 0.
    A provider may do the waiting itself, too: `Polling`.
9.  Nothing is kept alive after its completion.
10. A provider belongs to one thread, as a curl multi handle does, and to one process. In a forked child everything but `close()`
    raises `ForkedProviderError`; `close()` calls nothing there, and leaves the parent's requests and connections as they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Protocol, TypeAlias, runtime_checkable

from msgspec import Struct

from shim.call_options import ApiKey, CallOptions, Deadlines
from shim.endpoint import Endpoint
from shim.model import ModelRequest, ModelResponse, ProviderError, ShimError, StreamEvent

__all__ = [
    "ApiKey",
    "Attempt",
    "CallOptions",
    "Completion",
    "Deadlines",
    "Endpoint",
    "ForkedProviderError",
    "Gathering",
    "OnCompletion",
    "OnEvent",
    "Pausing",
    "Polling",
    "Provider",
    "ProviderClosedError",
    "RequestHandle",
    "Timing",
]


class ProviderClosedError(ShimError, RuntimeError):
    """The provider was closed; make a new one."""

    def __init__(self, name: str = "the provider") -> None:
        super().__init__(f"{name} is closed; make a new provider, or close it later")
        self.name = name

    def __reduce__(self) -> tuple[type[ProviderClosedError], tuple[str]]:
        return type(self), (self.name,)


class ForkedProviderError(ShimError, RuntimeError):
    """The provider belongs to the process that made it, and this is a child forked from that."""

    def __init__(self, name: str = "the provider", process: int = 0) -> None:
        super().__init__(
            f"{name} belongs to process {process}, and this is process {os.getpid()}, forked from it: "
            "make a provider of its own here; the parent's goes on there"
        )
        self.name = name
        self.process = process

    def __reduce__(self) -> tuple[type[ForkedProviderError], tuple[str, int]]:
        return type(self), (self.name, self.process)


class RequestHandle:
    """Names one accepted request, to cancel it or to recognise its completion. Compares by identity; holds nothing alive."""

    __slots__ = ("__weakref__", "id", "provider")

    def __init__(self, provider: str, id: int) -> None:  # noqa: A002 - the name users see
        self.provider = provider
        self.id = id

    def __repr__(self) -> str:
        return f"<RequestHandle {self.provider}#{self.id}>"


class Timing(Struct, frozen=True, kw_only=True):
    """When a request reached each stage, in `time.monotonic()` seconds; None for a stage not reached or not seen.

    Attributes:
        started: accepted by `start_request` or `start_stream`.
        first_byte: the first byte of the response was seen.
        first_event: the first stream event was delivered.
        finished: the outcome was known.
    """

    started: float
    first_byte: float | None = None
    first_event: float | None = None
    finished: float


class Attempt(Struct, frozen=True, kw_only=True):
    """One try of a request that a retry layer has tried, perhaps several times.

    Attributes:
        number: from 1.
        error: how it failed; None for the one that was answered.
        http_status: None where no response came.
        waited: seconds before it, 0 for the first.
        started, finished: in `time.monotonic()` seconds.
    """

    number: int
    error: ProviderError | None = None
    http_status: int | None = None
    waited: float = 0.0
    started: float
    finished: float


class _HandleAndOutcome(Struct, frozen=True):
    handle: RequestHandle
    response: ModelResponse | None
    error: ProviderError | None


class Completion(_HandleAndOutcome, frozen=True, kw_only=True):
    """How one request ended: with a `response` or an `error`, never both, never neither.

    Attributes:
        handle: which request.
        response: the answer; for a stream the accumulated one.
        error: what went wrong; `error.partial` holds what had arrived.
        http_status: None where no response came.
        headers: of the response, names in lower case.
        timing: when it reached each stage; of several attempts, from the start of the first.
        attempts: each try of it, where a retry layer made them; the last is the one told here.
    """

    http_status: int | None = None
    headers: Mapping[str, str] = {}
    timing: Timing
    attempts: tuple[Attempt, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether there is a response."""
        return self.error is None


OnEvent: TypeAlias = Callable[[StreamEvent], object]
OnCompletion: TypeAlias = Callable[[Completion], object]


class Polling(Protocol):
    """What a provider may offer besides: wait inside, as curl_multi_poll does. A turn is then one system call less.

    It offers all three, or none.
    """

    def poll(self, timeout_ms: int = -1) -> int:
        """Wait, then `perform()`, and return what that does.

        It waits until `perform()` or `info_read()` has something to do, at most `timeout()` and at most so many milliseconds; -1
        sets no limit of the caller's. Closed it does not wait.
        """
        ...

    def wait(self, timeout_ms: int = -1) -> bool:
        """The waiting alone, for a loop that does something between; return whether anything came, as far as it is known.

        What it found is done by the next `perform()`. Called again before that, it looks again.
        """
        ...

    def wakeup(self) -> None:
        """End a wait, or the next one, as curl_multi_wakeup does; the one method for any thread. Closed it does nothing."""
        ...


class Gathering(Protocol):
    """What a provider may offer besides: tell whether a loop may let what comes gather for some milliseconds (`gather_ms`)."""

    def may_gather(self, hurry: Callable[[], object] | None = None) -> bool:
        """Whether all that is under way are streams whose requests have left, so that what comes next are their events.

        Not while an answer is wanted whole, a request is still on its way out, or a completion waits.

        Args:
            hurry: called when the next request is started, once, unless this is asked again before: for a loop in which
                something may be started while events gather.
        """
        ...


class Pausing(Protocol):
    """What a provider may offer besides: hold back one stream, and so its server, while others go on."""

    def pause(self, handle: RequestHandle) -> bool:
        """Receive no more of a stream than is on its way; return whether it is so, as of one whose answer has come whole."""
        ...

    def resume(self, handle: RequestHandle) -> None:
        """Go on; a stream that was not paused is left alone."""
        ...


@runtime_checkable
class Provider(Protocol):
    """What every provider does; the module's docstring has the invariants."""

    name: str

    def start_request(
        self, request: ModelRequest, on_completion: OnCompletion, *, options: CallOptions | None = None
    ) -> RequestHandle:
        """Accept a request; `on_completion` gets its `Completion` from a later `info_read()`.

        Args:
            request: what is asked.
            on_completion: gets the outcome, once.
            options: how this call goes out; None is as the provider has it.
        """
        ...

    def start_stream(
        self,
        request: ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: CallOptions | None = None,
    ) -> RequestHandle:
        """Accept a streamed request; `on_event` gets each `StreamEvent` from a later `perform()`."""
        ...

    def fileno(self) -> int:
        """One readable descriptor: select, poll, epoll and asyncio's add_reader all take the provider itself."""
        ...

    def fdset(self) -> tuple[list[int], list[int], list[int]]:
        """The descriptors to select on: for reading, for writing, for exceptional conditions."""
        ...

    def timeout(self) -> int:
        """Milliseconds until `perform()` wants to be called; -1 for none, 0 for now."""
        ...

    def perform(self) -> int:
        """Do what can be done now, deliver stream events; return how many requests are still running."""
        ...

    def info_read(self) -> int:
        """Deliver completions; return how many."""
        ...

    def cancel(self, handle: RequestHandle | None = None) -> None:
        """Cancel one request, or all; a request already completed is left alone."""
        ...

    def close(self) -> None:
        """Cancel and deliver what is open, release everything."""
        ...
