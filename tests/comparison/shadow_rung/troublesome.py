"""Candidates that do all that a provider must not, for the tests that show that the control does not notice.

Not a provider that keeps the interface: `shim.testing.scripted`. Each waits for nothing longer than `RELEASE`, which the tests
set at their end.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from typing import Any

from shim.layers import Layer
from shim.model import ModelRequest, ModelResponse, StreamStart, TextDelta
from shim.provider import CallOptions, Completion, OnCompletion, OnEvent, Provider, RequestHandle, Timing
from shim.testing.scripted import ScriptedProvider, answer, hang

RELEASE = threading.Event()


class BadlyBehavedError(Exception):
    """What these raise."""


def well_behaved() -> Provider:
    """Answers every request."""
    return ScriptedProvider(lambda _request: answer("Hello."))


class Silent(Layer):
    """Never answers; completes what is cancelled."""

    def __init__(self) -> None:
        super().__init__(ScriptedProvider(lambda _request: hang()))


class Deaf(Silent):
    """Never answers, and does not hear that it is cancelled; keeps all it was ever given, and a megabyte for each."""

    kept: list[Any]

    def __init__(self) -> None:
        super().__init__()
        self.kept = []

    def start_stream(
        self,
        request: ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: CallOptions | None = None,
    ) -> RequestHandle:
        """Keep it."""
        self.kept.append((request, on_event, on_completion, bytearray(1_000_000)))
        return super().start_stream(request, on_event, on_completion, options=options)

    def cancel(self, handle: RequestHandle | None = None) -> None:
        """Do not hear."""

    def close(self) -> None:
        """Release the descriptors, and complete nothing."""
        below: Any = self._provider
        below._running.clear()
        super().close()


class Flooding(Layer):
    """Sends without end inside one `perform()`, whatever its callback raises."""

    def __init__(self) -> None:
        super().__init__(ScriptedProvider(lambda _request: hang()))
        self._on_event: OnEvent | None = None
        self.sent = 0

    def start_stream(
        self,
        request: ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: CallOptions | None = None,
    ) -> RequestHandle:
        """Begin the flood with the next `perform()`."""
        self._on_event = on_event
        return super().start_stream(request, lambda _event: None, on_completion, options=options)

    def timeout(self) -> int:
        """Want to be called at once."""
        return 0

    def perform(self) -> int:
        """Flood."""
        while self._on_event is not None and not RELEASE.is_set():
            self.sent += 1
            try:
                self._on_event(TextDelta("x" * 1000))
            except Exception:  # noqa: BLE001, S112 - that is the misbehaviour
                continue
        return super().perform()


class Blocking(Layer):
    """Does not return from `perform()` until it is released."""

    def __init__(self) -> None:
        super().__init__(well_behaved())

    def perform(self) -> int:
        """Block."""
        assert RELEASE.wait(15)
        return super().perform()


class Twice(Layer):
    """Completes each request twice, and first from inside `start_stream`."""

    def __init__(self) -> None:
        super().__init__(well_behaved())

    def start_stream(
        self,
        request: ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: CallOptions | None = None,
    ) -> RequestHandle:
        """Complete at once."""
        early = RequestHandle("twice", 0)
        on_event(StreamStart("", ""))
        on_completion(Completion(early, ModelResponse(), None, timing=Timing(started=0.0, finished=1.0)))
        return super().start_stream(request, on_event, on_completion, options=options)


class Garbage(Layer):
    """Completes with what is no completion, and names no descriptor."""

    def __init__(self) -> None:
        super().__init__(well_behaved())

    def start_stream(
        self,
        request: ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: CallOptions | None = None,
    ) -> RequestHandle:
        """Have the completion replaced by a string."""
        on_garbage: Any = on_completion
        return super().start_stream(request, on_event, lambda _completion: on_garbage("done"), options=options)

    def fileno(self) -> int:
        """Name a descriptor that is none."""
        return 99_999

    def timeout(self) -> int:
        """Want to be called at once, always."""
        return 0


class ClosesItself(Layer):
    """Closes itself with its first completion."""

    def __init__(self) -> None:
        super().__init__(well_behaved())

    def info_read(self) -> int:
        """Close after the first completion."""
        delivered = super().info_read()
        if delivered:
            self._provider.close()
        return delivered


def raising(
    method: str, error: BaseException, *, play: Callable[[], Provider] = well_behaved
) -> Callable[[], Provider]:
    """Makes providers that raise in a method, from its first call on."""

    def make() -> Provider:
        provider = Layer(play())

        def act(*_arguments: Any, **_options: Any) -> Any:
            raise error

        if method == "close":  # what is below is closed all the same, or its descriptors would be ours to lose
            inner = provider.close

            def act_after(*_arguments: Any) -> None:
                inner()
                raise error

            provider.close = act_after  # type: ignore[method-assign]  # that is the misbehaviour
        else:
            setattr(provider, method, act)
        return provider

    return make


def unmakeable(error: BaseException) -> Callable[[], Provider]:
    """Raises where it should make a provider."""

    def make() -> Provider:
        raise error

    return make


_METHODS = ("start_stream", "perform", "info_read", "fileno", "timeout", "close")
_ERRORS: tuple[BaseException, ...] = (BadlyBehavedError("no"), SystemExit(3), KeyboardInterrupt())

TROUBLES: dict[str, Callable[[], Provider]] = {
    **{
        f"{method} raises {type(error).__name__}": raising(method, error)
        for method, error in itertools.product(_METHODS, _ERRORS)
    },
    **{f"make raises {type(error).__name__}": unmakeable(error) for error in _ERRORS},
    "cancel raises": raising("cancel", BadlyBehavedError("no"), play=Silent),
    "never answers": Silent,
    "never answers, hears nothing and leaks": Deaf,
    "floods": Flooding,
    "blocks": Blocking,
    "closes itself": ClosesItself,
    "completes twice": Twice,
    "completes with garbage": Garbage,
}
