"""A layer that changes nothing: forwards the nine calls of the interface to the provider it wraps.

Not a layer with a purpose: those subclass it and override what they change. The invariants of `shim.provider` hold for a layer
when they hold for the provider below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from shim.provider import CallOptions, OnCompletion, OnEvent, Provider, RequestHandle

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.model import ModelRequest


_OF_A_TAP: Final = frozenset({"session", "watch"})  # what `shim.recording.tap` looks for
_POLLING: Final = {
    "poll": "_poll_below",
    "wait": "_wait_below",
    "wakeup": "_wakeup_below",
}  # of `Polling`: the layer's own


def sooner(one: int, other: int) -> int:
    """The shorter of two timeouts in milliseconds, of which -1 is none."""
    return max(one, other) if one < 0 or other < 0 else min(one, other)


class Layer:
    """A `Provider` on top of another.

    Args:
        provider: what is wrapped. It belongs to the layer, and is closed with it.
        name: told by handles and in messages; None is the wrapped provider's.
    """

    def __init__(self, provider: Provider, *, name: str | None = None) -> None:
        self.name = provider.name if name is None else name
        self._provider = provider

    def start_request(
        self, request: ModelRequest, on_completion: OnCompletion, *, options: CallOptions | None = None
    ) -> RequestHandle:
        """Accept a request; see `Provider`."""
        return self._provider.start_request(request, on_completion, options=options)

    def start_stream(
        self,
        request: ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: CallOptions | None = None,
    ) -> RequestHandle:
        """Accept a streamed request; see `Provider`."""
        return self._provider.start_stream(request, on_event, on_completion, options=options)

    def fileno(self) -> int:
        """One readable descriptor; see `Provider`."""
        return self._provider.fileno()

    def fdset(self) -> tuple[list[int], list[int], list[int]]:
        """The descriptors to select on; see `Provider`."""
        return self._provider.fdset()

    def timeout(self) -> int:
        """Milliseconds until `perform()` wants to be called; see `Provider`."""
        return self._provider.timeout()

    def perform(self) -> int:
        """Do what can be done now; see `Provider`."""
        return self._provider.perform()

    def info_read(self) -> int:
        """Deliver completions; see `Provider`."""
        return self._provider.info_read()

    def cancel(self, handle: RequestHandle | None = None) -> None:
        """Cancel one request, or all; see `Provider`."""
        self._provider.cancel(handle)

    def pause(self, handle: RequestHandle) -> bool:
        """Hold one stream back, where the wrapped provider can; see `Pausing`."""
        pause = getattr(self._provider, "pause", None)
        return pause is not None and bool(pause(handle))

    def resume(self, handle: RequestHandle) -> None:
        """Go on with it; see `Pausing`."""
        resume = getattr(self._provider, "resume", None)
        if resume is not None:
            resume(handle)

    def may_gather(self, hurry: Callable[[], object] | None = None) -> bool:
        """Whether events may gather, where the wrapped provider can tell; see `Gathering`."""
        may_gather = getattr(self._provider, "may_gather", None)
        return may_gather is not None and bool(may_gather(hurry))

    def close(self) -> None:
        """Close the wrapped provider; see `Provider`."""
        self._provider.close()

    def _poll_below(self, timeout_ms: int = -1) -> int:
        """Wait, then perform, where the wrapped provider can wait; see `Polling`."""
        self._wait_below(timeout_ms)
        return self.perform()

    def _wait_below(self, timeout_ms: int = -1) -> bool:
        """Wait below; a layer that has moments of its own waits no longer than until the first."""
        return bool(self._below.wait(timeout_ms))

    def _wakeup_below(self) -> None:
        """End a wait from any thread."""
        self._below.wakeup()

    @property
    def _below(self) -> Any:
        """The wrapped provider with what it offers besides."""
        return self._provider

    def __getattr__(self, name: str) -> Any:
        """Offer what the wrapped provider offers: polling to a loop; to a tap, which sees each attempt and no limits, itself."""
        if name in _OF_A_TAP:
            return getattr(self._provider, name)
        if name in _POLLING and hasattr(self._provider, name) and hasattr(self._provider, "wait"):
            return getattr(self, _POLLING[name])
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self._provider!r}>"
