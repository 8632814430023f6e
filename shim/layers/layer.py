"""A layer that changes nothing: forwards the nine calls of the interface to the provider it wraps.

Not a layer with a purpose: those subclass it and override what they change. The invariants of `shim.provider` hold for a layer
when they hold for the provider below.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from shim.provider import CallOptions, OnCompletion, OnEvent, Provider, RequestHandle

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.model import ModelRequest


_OF_A_TAP: Final = frozenset({"session", "watch"})  # what `shim.recording.tap` looks for


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

    def close(self) -> None:
        """Close the wrapped provider; see `Provider`."""
        self._provider.close()

    def __getattr__(self, name: str) -> Any:
        """Offer a tap what the wrapped provider offers one; it sees each attempt, and the time limits of none."""
        if name in _OF_A_TAP:
            return getattr(self._provider, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on {self._provider!r}>"
