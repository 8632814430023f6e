"""What the shadow's thread and everybody else share: the queue, the counters, the pairs, and whether it has stopped.

Not the thread (`shadow_thread`) nor the calls. One lock, held for moments only. Everything is bounded: the queue by count and by
size, the pairs by count; the counters by the kinds there are.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from contextvars import Context

from msgspec import Struct

from shim.comparison.live.throttle import bounded
from shim.comparison.shadow_rung.budget import ShadowBudget, Spending
from shim.comparison.shadow_rung.observation import CallObservation, ShadowPair
from shim.model import ModelRequest
from shim.provider import Completion


class ShadowItem(Struct, frozen=True, kw_only=True):
    """One request that waits to be asked again.

    Attributes:
        request, streamed: what the control was asked, and how.
        control: its answer; of a failure what was seen of it, since an exception keeps alive whatever its frames hold.
        context: what `on_pair` runs in.
        size: characters that it keeps in memory, about.
        tokens: what one call may cost.
        taken_at: in monotonic seconds.
    """

    request: ModelRequest
    streamed: bool
    control: Completion | CallObservation
    context: Context
    pair_id: str
    size: int
    tokens: int
    taken_at: float


class QueueSettings(Struct, frozen=True, kw_only=True):
    """How much waits and is kept; see `ShadowComparison`."""

    budget: ShadowBudget
    max_queue: int
    max_size: int
    max_wait: float
    max_pairs: int


class Stopped(Struct, frozen=True):
    """Why no more calls are made, and since when, in seconds since the epoch."""

    reason: str
    at: float


class ShadowCounts(Struct, frozen=True, kw_only=True):
    """What became of the sampled requests of this process so far.

    `sampled` is the sum of `waiting`, `running`, `compared`, `dropped`, and of all in `skipped` and `refused`.

    Attributes:
        sampled: requests that were to be asked again.
        waiting, running: in the queue, and under way.
        compared: pairs with an observation of each call, broken ones included.
        dropped: the queue was full, or the comparison closed.
        skipped: kind -> not asked again by their nature: "stateful", "server_tools", "too_large"; "cancelled", as the control's
            caller ended it and there is nothing to compare with.
        refused: kind -> not asked again to save: "calls_per_minute" and the other limits, "waited" (too long), "stopped".
        calls, tokens: made, those of the baseline included; what they cost as far as servers said, else as estimated.
        faults: place -> what a provider, a callback, a sink or the shadow itself raised.
        rests: how often the thread rested to keep its share of the time.
    """

    sampled: int = 0
    waiting: int = 0
    running: int = 0
    compared: int = 0
    dropped: int = 0
    skipped: dict[str, int] = {}
    refused: dict[str, int] = {}
    calls: int = 0
    tokens: int = 0
    faults: dict[str, int] = {}
    rests: int = 0


class ShadowState:
    """The shared state of one process."""

    def __init__(self, settings: QueueSettings) -> None:
        self._settings = settings
        # Re-entrant: a callback of ours may be called from a garbage collection that struck within.
        self._lock = threading.RLock()
        self._settled = threading.Condition(self._lock)
        self._queue: deque[ShadowItem] = deque()
        self._size = 0
        self._running = 0
        self._plain: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._pairs: deque[ShadowPair] = deque(maxlen=settings.max_pairs)
        self._spending = Spending(settings.budget)
        self.stopped: Stopped | None = None
        self.closed = False

    def put(self, item: ShadowItem, *, begin: Callable[[], bool]) -> None:
        """Take a request, or drop it; `begin` makes sure of the thread, and says whether there is one."""
        with self._lock:
            self._plain["sampled"] += 1
            if self.stopped is not None:
                self._refused["stopped"] += 1
            elif self._has_room(item) and begin():
                self._queue.append(item)
                self._size += item.size
            else:
                self._plain["dropped"] += 1

    def skip(self, kind: str) -> None:
        """Count a request that is not asked again by its nature."""
        with self._lock:
            self._plain["sampled"] += 1
            self._skipped[kind] += 1

    def take(self, calls: int, *, now: float) -> ShadowItem | None:
        """The next request that the budget allows, with room reserved for its calls; None for none."""
        with self._lock:
            while self._queue and self._running < self._settings.budget.concurrency:
                item = self._queue.popleft()
                self._size -= item.size
                refused = self._refusal(item, calls, now=now)
                if refused is None:
                    self._running += 1
                    return item
                self._refused[refused] += 1
                self._settled.notify_all()
        return None

    def settle(self, reserved: int, used: int, *, made: bool) -> None:
        """Note the end of one call: what was reserved for it and what it used; `made`, whether it was made at all."""
        with self._lock:
            self._spending.settle(reserved, used, now=time.monotonic())
            self._plain["tokens"] += used
            self._plain["calls"] += made

    def end(self, pair: ShadowPair | None) -> None:
        """Note the end of what `take` gave; None where it was given up."""
        with self._lock:
            self._running -= 1
            self._plain["dropped" if pair is None else "compared"] += 1
            if pair is not None:
                self._pairs.append(pair)
            self._settled.notify_all()

    def count_fault(self, place: str) -> None:
        """Count what was raised."""
        with self._lock:
            self._faults[place] += 1

    def count_rest(self) -> None:
        """Count a rest."""
        with self._lock:
            self._plain["rests"] += 1

    def stop(self, reason: str) -> bool:
        """Make no more calls; False where it had stopped already. What waits is refused."""
        with self._lock:
            if self.stopped is not None:
                return False
            self.stopped = Stopped(reason, time.time())
            self._refused["stopped"] += len(self._queue)
            self._clear()
            return True

    def resume(self) -> None:
        """Make calls again."""
        with self._lock:
            self.stopped = None

    def close(self) -> None:
        """Take no more; what waits is dropped."""
        with self._lock:
            self.closed = True
            self._plain["dropped"] += len(self._queue)
            self._clear()

    def wait(self, timeout: float) -> bool:
        """Wait until nothing waits and nothing is under way; False where that was not within `timeout` seconds."""
        with self._lock:
            return self._settled.wait_for(lambda: not (self._queue or self._running), bounded(timeout))

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits and nothing is under way."""
        with self._lock:
            return not (self._queue or self._running)

    @property
    def has_next(self) -> bool:
        """Whether a request waits that may be taken now."""
        with self._lock:
            return bool(self._queue) and self._running < self._settings.budget.concurrency

    @property
    def pairs(self) -> tuple[ShadowPair, ...]:
        """The latest pairs, oldest first."""
        with self._lock:
            return tuple(self._pairs)

    @property
    def counts(self) -> ShadowCounts:
        """The counters as they are now."""
        with self._lock:
            return ShadowCounts(
                waiting=len(self._queue),
                running=self._running,
                skipped=dict(self._skipped),
                refused=dict(self._refused),
                faults=dict(self._faults),
                **self._plain,
            )

    def _has_room(self, item: ShadowItem) -> bool:
        settings = self._settings
        fits = len(self._queue) < settings.max_queue and self._size + item.size <= settings.max_size
        return fits and not self.closed

    def _refusal(self, item: ShadowItem, calls: int, *, now: float) -> str | None:
        if now - item.taken_at > self._settings.max_wait:
            return "waited"
        return self._spending.reserve(calls, item.tokens * calls, now=now)

    def _clear(self) -> None:
        self._queue.clear()
        self._size = 0
        self._settled.notify_all()
