"""One request under a migrating provider: which arm has it, and what its caller is told of it.

Not which arm it goes to (`provider`, by the rollout's decision), and no driving.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from shim.layers.holding import told_failure
from shim.model import ErrorCategory, ModelRequest, StreamError, StreamEvent

if TYPE_CHECKING:
    from shim.migration.decision import Decision
    from shim.provider import CallOptions, Completion, OnCompletion, OnEvent, Provider, RequestHandle

# Failures after which control would fare no better, or that its caller wanted.
_NO_FALLBACK: Final = frozenset(
    {
        ErrorCategory.CANCELLED,  # its caller has ended it
        ErrorCategory.ABORTED,  # its caller's callback raised
        ErrorCategory.RATE_LIMIT,  # the same account: one more request makes it worse
        ErrorCategory.QUOTA,
        ErrorCategory.CONTENT_FILTER,  # the server has judged what was asked, whoever asks
    }
)

Ended: TypeAlias = "Callable[[Serving, Completion], object]"


class Serving:
    """A request, its caller's callbacks, and the arm that has it.

    Attributes:
        handle: the caller's; an arm has a handle of its own.
        provider: the arm that has it.
        has_fallen_back: control has taken it over from the candidate.
        is_over: its caller has ended it; it gets no further event, and nobody serves it after all.
        completion: how it ended, while that waits to be delivered.
    """

    __slots__ = (
        "_ended",
        "_fallback",
        "_has_begun",
        "_inner",
        "_is_held",
        "_on_event",
        "completion",
        "decision",
        "handle",
        "has_fallen_back",
        "is_over",
        "is_withheld",
        "on_completion",
        "options",
        "provider",
        "request",
    )

    handle: RequestHandle
    decision: Decision
    provider: Provider
    completion: Completion
    _inner: RequestHandle
    _ended: Ended

    def __init__(
        self,
        request: ModelRequest,
        on_completion: OnCompletion,
        *,
        on_event: OnEvent | None,
        options: CallOptions | None,
        fallback: bool,
    ) -> None:
        self.request = request
        self.on_completion = on_completion
        self.options = options
        self.has_fallen_back = False
        self._on_event = on_event
        self._fallback = fallback
        self._has_begun = False
        self._is_held = False
        self.is_over = False
        self.is_withheld = False  # its `StreamError`, while it is open whether control serves it

    @property
    def is_streamed(self) -> bool:
        """Whether a stream was asked for."""
        return self._on_event is not None

    def accept(self, handle: RequestHandle, decision: Decision, *, ended: Ended) -> None:
        """Take what was decided of it, and who is told its end."""
        self.handle = handle
        self.decision = decision
        self._ended = ended

    def start(self, provider: Provider, *, through: Provider) -> None:
        """Start it in an arm.

        Args:
            provider: the arm, which drives it.
            through: what it is started on: the arm, or one that watches the arm.
        """
        on_completion = self._on_completion if callable(self.on_completion) else self.on_completion
        if self._on_event is None:
            self._inner = through.start_request(self.request, on_completion, options=self.options)
        else:
            withholds = self._fallback and not self.has_fallen_back and self.decision.arm == "candidate"
            on_event = self._watch_first if withholds and callable(self._on_event) else self._on_event
            self._inner = through.start_stream(self.request, on_event, on_completion, options=self.options)
        self.provider = provider
        if self._is_held:
            self.pause()

    def pause(self) -> bool:
        """Hold it back in its arm, where that can; one that control takes over later is held back there."""
        pause = getattr(self.provider, "pause", None)
        self._is_held = pause is not None and bool(pause(self._inner))
        return self._is_held

    def resume(self) -> None:
        """Go on with it, where it was held back."""
        if self._is_held:
            self._is_held = False
            self.provider.resume(self._inner)  # type: ignore[attr-defined]  # it could be paused: see `Pausing`

    def cancel(self) -> None:
        """Cancel it in its arm; where it has failed there by now, that is how it ends."""
        self.is_over = True
        self.provider.cancel(self._inner)

    def may_fall_back(self, completion: Completion) -> bool:
        """Whether control may serve it after all: it failed before its first event, in a way that may be the candidate's."""
        error = completion.error
        if not self._fallback or self.has_fallen_back or self._has_begun or self.is_over or error is None:
            return False
        return error.category not in _NO_FALLBACK

    def fall_back(self) -> None:
        """Note that control takes it over."""
        self.has_fallen_back = True

    def tell_withheld(self) -> None:
        """Give its caller the error event that was held back; what its callback raises is how the stream ends."""
        if not self.is_over:
            self.is_over = True
            self.completion = told_failure(self._on_event, self.completion)

    def _on_completion(self, completion: Completion) -> object:
        return self._ended(self, completion)

    def _watch_first(self, event: StreamEvent) -> object:
        """Be `on_event` of the candidate's stream: an error that comes first is held back until the completion."""
        if self._on_event is None:
            return None
        if not self._has_begun and isinstance(event, StreamError) and event.error.category not in _NO_FALLBACK:
            self.is_withheld = True
            return None
        self._has_begun = True
        return self._on_event(event)
