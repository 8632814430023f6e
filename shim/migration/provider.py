"""The migrating provider: one `Provider` over control and candidate; a rollout says which of them serves each request.

Not the deciding (`rollout`), not the providers themselves, which arrive as arguments, and no comparison of its own
(`watching`). Theory of operation. One decision per request, kept for its whole life: it is started in its arm and stays there,
whatever the policy does meanwhile. Two ways lead from the candidate to control, and both are counted: a request that the
candidate refuses before anything is sent, and, with `fallback`, one that failed before its first event. Nothing leads the other
way. Both arms are driven by every turn; one descriptor tells of both, and of who wakes this up from another thread.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, NoReturn, final

from msgspec import Struct
from msgspec.structs import replace

from shim.layers.layer import sooner
from shim.migration.serving import Serving
from shim.migration.watching import Watching, decided
from shim.model import ModelRequest
from shim.poller import READ, as_wait, make_poller
from shim.provider import (
    CallOptions,
    Completion,
    ForkedProviderError,
    OnCompletion,
    OnEvent,
    Provider,
    ProviderClosedError,
    RequestHandle,
)
from shim.wakeup import Wakeup

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.comparison import LiveComparison, ShadowComparison
    from shim.migration.decision import Decision
    from shim.migration.rollout import Rollout

__all__ = ["MigratingCounts", "MigratingProvider"]

# Where the system has no descriptor that tells of others, a loop that waits for one arm's alone looks at the other so often.
_LOOK_MILLISECONDS = 50


class MigratingCounts(Struct, frozen=True, kw_only=True):
    """What this provider did with its requests so far.

    Attributes:
        control, candidate: requests that the arm accepted first.
        refused: of those meant for the candidate, those it refused before anything was sent; control served them.
        fallbacks: of those the candidate accepted, those that failed before their first event and that control served then.
    """

    control: int = 0
    candidate: int = 0
    refused: int = 0
    fallbacks: int = 0


@final
class MigratingProvider:
    """A provider over two; `shim.provider` has the invariants.

    A request is decided on by its `conversation_id`: all of a conversation go one way. Without one, control serves it. The
    values of its `metadata` are the attributes that a policy's `only` asks for. What a caller gets is the arm's own, but for
    the handle.

    Args:
        control: the path that serves today.
        candidate: the path that is to take over. Both belong to this provider, and are closed with it.
        rollout: decides, and hears how each request ended; it stays its owner's to close.
        live: compares the control's exchanges with what the candidate would do, from stage wire on, `compare_percent` of them.
        live_candidate: compares the candidate's exchanges with what control would do, in ramp and complete: a comparison made the
            other way round, as `create_comparer(control="native", candidate="legacy")` makes one.
        shadow: has the candidate asked a second time, from stage shadow on, `shadow_percent` of what control served.
        fallback: have control serve, once, a request of the candidate's that failed before its first event. Not one that was
            cancelled, limited in rate, or refused by a content filter: control would fare no better. The server may have run it
            by then, so its tokens may be paid for twice.
        name: told by handles and in messages.
    """

    def __init__(
        self,
        control: Provider,
        candidate: Provider,
        rollout: Rollout,
        *,
        live: LiveComparison | None = None,
        live_candidate: LiveComparison | None = None,
        shadow: ShadowComparison | None = None,
        fallback: bool = False,
        name: str = "migrating",
    ) -> None:
        if control is candidate:
            raise ValueError("control and candidate are the same provider; give two")
        self.name = name
        self._control = control
        self._candidate = candidate
        self._rollout = rollout
        self._watching = Watching(
            control, candidate, rollout=rollout, live=live, live_candidate=live_candidate, shadow=shadow
        )
        self._fallback = fallback
        self._open: dict[int, Serving] = {}
        # Streams of the candidate's that control would not start either: their `StreamError` waits for perform(), and then their
        # completion for info_read().
        self._failing: deque[Serving] = deque()
        self._failed: deque[Serving] = deque()
        self._numbers = itertools.count(1)
        self._counts = dict.fromkeys(MigratingCounts.__struct_fields__, 0)
        self._closed = False
        self._performing = False
        self._process = os.getpid()
        self._poller = make_poller()
        self._wakeup = Wakeup()
        for each in (control, candidate, self._wakeup):
            self._poller.watch(each.fileno(), READ)

    @property
    def counts(self) -> MigratingCounts:
        """What it did with its requests so far."""
        return MigratingCounts(**self._counts)

    def start_request(
        self, request: ModelRequest, on_completion: OnCompletion, *, options: CallOptions | None = None
    ) -> RequestHandle:
        """Accept a request; see `Provider`."""
        return self._begin(Serving(request, on_completion, on_event=None, options=options, fallback=self._fallback))

    def start_stream(
        self,
        request: ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: CallOptions | None = None,
    ) -> RequestHandle:
        """Accept a streamed request; see `Provider`."""
        return self._begin(Serving(request, on_completion, on_event=on_event, options=options, fallback=self._fallback))

    def fileno(self) -> int:
        """One descriptor for both arms; see `Provider`."""
        self._check_open()
        descriptor = self._poller.fileno()
        return self._control.fileno() if descriptor is None else descriptor

    def fdset(self) -> tuple[list[int], list[int], list[int]]:
        """The descriptors to select on; see `Provider`. Those of both arms, where an arm has more than one to tell of."""
        one = self.fileno()
        (read, write, odd), (more_read, more_write, more_odd) = self._control.fdset(), self._candidate.fdset()
        if self._poller.fileno() is not None and len(read) == len(more_read) == 1 and not (write or more_write):
            return [one], [], []
        return [*read, *more_read, self._wakeup.fileno()], write + more_write, odd + more_odd

    def timeout(self) -> int:
        """Milliseconds until `perform()` wants to be called; see `Provider`."""
        if self._closed:
            return -1
        if self._failing or self._failed:
            return 0
        waits = [each for each in (self._control.timeout(), self._candidate.timeout()) if each >= 0]
        if self._poller.fileno() is None and self._open:
            waits.append(_LOOK_MILLISECONDS)
        return min(waits, default=-1)

    def poll(self, timeout_ms: int = -1) -> int:
        """Wait for both arms, then drive them; see `Polling`."""
        self.wait(timeout_ms)
        return self.perform()

    def wait(self, timeout_ms: int = -1) -> bool:
        """Wait for either arm on the descriptor for both, whether or not an arm could wait itself; see `Polling`."""
        if self._performing:
            raise RuntimeError("poll() was called from inside perform(): a callback must not call it")
        milliseconds = sooner(timeout_ms, self.timeout())  # which refuses a forked child, as the arms do
        return not self._closed and bool(self._poller.ready(as_wait(milliseconds)))

    def wakeup(self) -> None:
        """End a wait for either arm, from any thread; see `Polling`."""
        self._check_process()
        self._wakeup.ring_from_anywhere()

    def may_gather(self, hurry: Callable[[], object] | None = None) -> bool:
        """Whether events may gather, where both arms can tell; see `Gathering`."""
        told = [getattr(arm, "may_gather", None) for arm in (self._control, self._candidate)]
        return all(may_gather is not None and may_gather(hurry) for may_gather in told)

    def perform(self) -> int:
        """Drive both arms; see `Provider`."""
        if self._performing:
            raise RuntimeError("perform() was called from inside perform(): a callback must not call it")
        self._check_process()  # a child would hear what is rung for its parent
        self._performing = True
        self._wakeup.hear_others()
        try:
            running = self._control.perform() + self._candidate.perform()
            self._tell_withheld()
        finally:
            self._performing = False
        return running

    def info_read(self) -> int:
        """Deliver the completions of both arms; see `Provider`."""
        count = self._control.info_read() + self._candidate.info_read()
        while self._failed:
            count += 1
            self._deliver_waiting(self._failed.popleft())
        return count

    def cancel(self, handle: RequestHandle | None = None) -> None:
        """Cancel one request, or all; see `Provider`."""
        self._check_process()
        if handle is None:
            for each in self._open.values():
                each.is_over = True
            self._control.cancel()
            self._candidate.cancel()
            return
        serving = self._serving_of(handle)
        if serving is not None:
            serving.cancel()

    def pause(self, handle: RequestHandle) -> bool:
        """Hold one stream back, where its arm can; see `Pausing`."""
        serving = self._serving_of(handle)
        return serving is None or serving.pause()

    def resume(self, handle: RequestHandle) -> None:
        """Go on with it; see `Pausing`."""
        serving = self._serving_of(handle)
        if serving is not None:
            serving.resume()

    def close(self) -> None:
        """Cancel and deliver what is open in both arms, release everything; see `Provider`. The rollout is left open."""
        if self._closed:
            return
        self._closed = True
        with ExitStack() as closing:
            closing.callback(self._poller.close)
            closing.callback(self._wakeup.close if os.getpid() == self._process else self._wakeup.release)
            if os.getpid() == self._process:
                closing.callback(self._deliver_failed)
            closing.callback(self._watching.end)  # after the arms: what waited there carries our header
            closing.callback(self._candidate.close)
            closing.callback(self._control.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "closed" if self._closed else f"{len(self._open)} open"
        return f"<MigratingProvider {self.name!r}: {state}, control {self._control!r}, candidate {self._candidate!r}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a MigratingProvider cannot be pickled: its arms hold sockets and keys; make one where it is needed"
        )

    def _serving_of(self, handle: RequestHandle) -> Serving | None:
        """The request of a handle, while it is open."""
        serving = self._open.get(handle.id)
        return serving if serving is not None and serving.handle is handle else None

    def _check_open(self) -> None:
        if self._closed:
            raise ProviderClosedError(f"provider {self.name!r}")
        self._check_process()

    def _check_process(self) -> None:
        if os.getpid() != self._process and not self._closed:
            raise ForkedProviderError(f"provider {self.name!r}", self._process)

    def _begin(self, serving: Serving) -> RequestHandle:
        self._check_open()
        decision = self._rollout.decide(_unit_of(serving.request), attributes=_attributes_of(serving.request))
        handle = RequestHandle(self.name, next(self._numbers))
        serving.accept(handle, decision, ended=self._ended)
        if decision.arm == "candidate":
            self._start_in_candidate(serving, decision)
        else:
            self._start_in_control(serving, decision)
            self._counts["control"] += 1
        self._open[handle.id] = serving
        return handle

    def _start_in_control(self, serving: Serving, decision: Decision) -> None:
        with decided(decision):
            serving.start(self._control, through=self._watching.control(decision))

    def _start_in_candidate(self, serving: Serving, decision: Decision) -> None:
        try:
            with decided(decision):
                serving.start(self._candidate, through=self._watching.candidate(decision))
        except Exception:  # noqa: BLE001 - whatever keeps the candidate from accepting it, control may still serve it
            self._start_in_control(
                serving, decision
            )  # what control refuses too is its caller's mistake, and leaves here
            self._counts["refused"] += 1
            self._rollout.note_bad(decision, "refused")
        else:
            self._counts["candidate"] += 1

    def _ended(self, serving: Serving, completion: Completion) -> object:
        """Take how a request ended in its arm: have control serve it after all, or tell its caller."""
        decision = serving.decision
        if serving.provider is self._candidate and serving.may_fall_back(completion) and not self._closed:
            self._rollout.note(decision, completion)
            if self._is_served_by_control(serving, decision):
                self._counts["fallbacks"] += 1
                return None
        else:
            if not serving.has_fallen_back:
                self._rollout.note(decision, completion)
            if decision.arm == "control":
                self._watching.ask_again(decision, serving, control=completion)
        if serving.is_withheld and not serving.is_over:
            serving.completion = completion
            self._failing.append(serving)
            return None
        return self._deliver(serving, completion)

    def _tell_withheld(self) -> None:
        while self._failing:
            serving = self._failing.popleft()
            self._failed.append(serving)  # before the event: its callback may close the provider
            serving.tell_withheld()

    def _deliver_failed(self) -> None:
        """Deliver what waits, as the provider is closed: no stream gets a further event."""
        waiting = [*self._failed, *self._failing]
        self._failed.clear()
        self._failing.clear()
        with ExitStack() as deliveries:  # where one raises, the others are called all the same
            for serving in reversed(waiting):
                deliveries.callback(self._deliver_waiting, serving)

    def _deliver_waiting(self, serving: Serving) -> None:
        completion = serving.completion
        del serving.completion  # an error whose traceback holds the serving would keep both alive
        self._deliver(serving, completion)

    def _deliver(self, serving: Serving, completion: Completion) -> object:
        del self._open[serving.handle.id]
        return serving.on_completion(replace(completion, handle=serving.handle))

    def _is_served_by_control(self, serving: Serving, decision: Decision) -> bool:
        try:
            serving.fall_back()
            self._start_in_control(serving, decision)
        except Exception:  # noqa: BLE001 - the candidate's own failure is what its caller is told then
            return False
        serving.is_withheld = False
        return True


def _unit_of(request: object) -> str | None:
    """The unit a request is decided by; what is no request has none, and is refused by its arm."""
    return request.conversation_id if isinstance(request, ModelRequest) else None


def _attributes_of(request: object) -> Mapping[str, object] | None:
    metadata = request.metadata if isinstance(request, ModelRequest) else None
    return metadata if isinstance(metadata, Mapping) else None
