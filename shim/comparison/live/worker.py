"""The thread that compares live exchanges, and the bounded queue before it: one of each in a process.

Not the settings and the way in (`live_comparison`), not what becomes of verdicts (`notifier`). Whoever puts an exchange in never
waits: what does not fit is dropped and counted. The thread starts with the first exchange and ends with `close()`, or by itself
when the main thread has ended without that. It is a daemon, as what compares may never return, and has a keeper that is none:
Python waits for that one when the program ends, and the keeper waits for the thread, but not for ever.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from shim.comparison.live.notifier import Telling, TellingSettings
from shim.comparison.live.throttle import Throttle, bounded
from shim.comparison.verdict import Outcome, Rung, Verdict
from shim.fork import forks_held_up

if TYPE_CHECKING:
    from shim.model import ModelRequest
    from shim.recording.exchange import Exchange

# How soon a thread that nobody closed sees that the program has ended.
_LOOK_UP_SECONDS = 0.5

# How long a program that ends waits for the exchange that is being compared.
_LAST_SECONDS = 5.0

# Work that may come together after a quiet time: some dozen exchanges, and too little to be felt.
_BURST_SECONDS = 0.1

_OUTCOMES: dict[Outcome, str] = {
    Outcome.MATCH: "match",
    Outcome.MISMATCH: "mismatch",
    Outcome.IGNORED: "ignored",
    Outcome.FAILED: "failed",
}


class ComparesExchanges(Protocol):
    """What compares: `shim.comparison.Comparer`, or something like it."""

    def compare(self, exchange: Exchange, *, request: ModelRequest | None = None) -> Sequence[Verdict]:
        """Give the verdicts on one exchange."""
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


class Counts(Struct, frozen=True, kw_only=True):
    """What became of the exchanges of this process so far.

    `submitted` is the sum of `waiting`, `compared`, `skipped`, `dropped` and `errors`.

    Attributes:
        submitted: exchanges handed in.
        waiting: in the queue, or being compared.
        compared: exchanges with verdicts.
        match, mismatch, ignored, failed: verdicts by outcome; an exchange has one for each rung.
        skipped: not compared by choice: not sampled, or larger than is compared.
        dropped: not compared because the queue was full, or the comparison closed.
        errors: not compared because comparing raised.
        overruns: comparisons that took longer than they should.
        callback_errors: what `on_verdict`, `on_error`, `record_to`, the logger or the linking of a request raised.
        unlogged: warnings held back, as there were too many in a minute.
    """

    submitted: int = 0
    waiting: int = 0
    compared: int = 0
    match: int = 0
    mismatch: int = 0
    ignored: int = 0
    failed: int = 0
    skipped: int = 0
    dropped: int = 0
    errors: int = 0
    overruns: int = 0
    callback_errors: int = 0
    unlogged: int = 0


class Item(Struct, frozen=True):
    """One exchange that waits, and what is known of it."""

    exchange: Exchange
    request: ModelRequest | None
    context: Context
    size: int
    rungs: tuple[Rung, ...] | None = None


class WorkerSettings(Struct, frozen=True, kw_only=True):
    """How much is taken, and how fast; see `LiveComparison`."""

    make_comparer: Callable[[], ComparesExchanges]
    max_queue: int
    max_bytes: int
    max_seconds: float
    max_share: float
    telling: TellingSettings


class Worker:
    """The queue and the thread of one process."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        # Re-entrant: a response that dies in a garbage collection hands its exchange over on whatever thread that struck.
        self._lock = threading.RLock()
        self._arrived = threading.Condition(self._lock)  # the thread has nothing to do until then
        self._closing = threading.Condition(self._lock)  # the thread rests, whatever arrives, but for this
        self._settled = threading.Condition(self._lock)  # nothing waits and nothing is at work
        self._queue: deque[Item] = deque()
        self._bytes = 0
        self._at_work = False
        self._counts: Counter[str] = Counter()
        self._pace = Throttle(settings.max_share, burst=_BURST_SECONDS)
        self._thread: threading.Thread | None = None
        self._keeper: threading.Thread | None = None
        self._comparer: ComparesExchanges | None = None
        self._deadline: float | None = None  # set by close()
        self.telling = Telling(settings.telling, count=self.count)

    @property
    def counts(self) -> Counts:
        """The counters as they are now."""
        with self._lock:
            return Counts(waiting=len(self._queue) + self._at_work, **self._counts)

    def count(self, name: str) -> None:
        """Add one to a counter."""
        with self._lock:
            self._counts[name] += 1

    def put(self, item: Item) -> None:
        """Take an exchange, or drop it; never waits for the comparing."""
        with self._lock:
            self._counts["submitted"] += 1
            if self._has_room(item) and self._has_thread():
                self._queue.append(item)
                self._bytes += item.size
                self._arrived.notify()
            else:
                self._counts["dropped"] += 1

    def skip(self) -> None:
        """Count an exchange that is not to be compared."""
        with self._lock:
            self._counts.update(("submitted", "skipped"))

    def flush(self, timeout: float) -> bool:
        """Wait until everything taken is compared; False where it was not within `timeout` seconds."""
        with self._lock:
            return self._settled.wait_for(lambda: not (self._queue or self._at_work), bounded(timeout))

    def close(self, timeout: float) -> bool:
        """Take no more, compare what waits for at most `timeout` seconds, drop the rest; False where the thread goes on."""
        timeout = bounded(timeout)
        with self._lock:
            if self._deadline is None:
                self._deadline = time.monotonic() + timeout
            self._arrived.notify()
            self._closing.notify()
            thread, keeper = self._thread, self._keeper
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout + _LOOK_UP_SECONDS)
        self._drop_rest()
        if thread is None or thread.is_alive():
            return thread is None
        if keeper is not None:
            keeper.join(_LOOK_UP_SECONDS)  # it has seen the thread end
        return True

    def abandon(self) -> None:
        """Free what waits, in a process forked from this one's: its thread is not there, so nothing is locked."""
        self._queue.clear()

    def _has_room(self, item: Item) -> bool:
        fits = len(self._queue) < self._settings.max_queue and self._bytes + item.size <= self._settings.max_bytes
        return fits and self._deadline is None

    def _has_thread(self) -> bool:
        if self._thread is None:
            if sys.is_finalizing():  # a thread that is started now never begins, and who starts it waits for ever
                return False
            thread = threading.Thread(target=self._run, name="shim-live-comparison", daemon=True)
            keeper = threading.Thread(
                target=self._keep, args=(thread,), name="shim-live-comparison-keeper", daemon=False
            )
            try:
                keeper.start()  # it waits for our lock
                thread.start()
            except RuntimeError:  # the system gives no more threads, or the program is ending
                return False
            self._thread, self._keeper = thread, keeper
        return self._thread.is_alive()

    def _keep(self, thread: threading.Thread) -> None:
        """Have a program that ends wait for the thread: until it has told what it dropped, at most for one comparison."""
        with self._lock:
            if self._thread is not thread:  # it could not be started
                return
        while thread.is_alive() and threading.main_thread().is_alive():
            thread.join(_LOOK_UP_SECONDS)
        closing = self._deadline
        left = _LAST_SECONDS if closing is None else closing - time.monotonic() + _LOOK_UP_SECONDS
        thread.join(max(0.0, left))
        if thread.is_alive():
            self.telling.warn("hung", "the program ends, though a comparison has not returned")
            self._drop_rest()

    def _run(self) -> None:
        try:
            while (item := self._take()) is not None:
                self._work(item)
        finally:
            self._drop_rest()
            self._close_comparer()
            self.telling.close()

    def _take(self) -> Item | None:
        """Wait for the next exchange, and for the time to compare it; None when there is no more to do."""
        with self._lock:
            while not self._is_over():
                rest = 0.0 if self._deadline is not None else self._pace.rest(time.monotonic())
                if rest:
                    self._closing.wait(min(rest, _LOOK_UP_SECONDS))
                elif not self._queue:
                    self._arrived.wait(_LOOK_UP_SECONDS)
                else:
                    return self._next()
        return None

    def _next(self) -> Item:
        item = self._queue.popleft()
        self._bytes -= item.size
        self._at_work = True
        return item

    def _is_over(self) -> bool:
        if self._deadline is not None:
            return not self._queue or time.monotonic() >= self._deadline
        return not threading.main_thread().is_alive()

    def _work(self, item: Item) -> None:
        began = time.monotonic()
        try:
            verdicts = self._compare(item)
            self._note(verdicts, seconds=time.monotonic() - began)
            self.telling.verdicts(verdicts, exchange=item.exchange, context=item.context.copy())
        except BaseException as error:  # noqa: BLE001 - a candidate may raise anything, and must not end the comparing
            self.count("errors")
            self.telling.error(error, what="comparing")
            self._close_comparer()  # it does not raise when it is well
        finally:
            now = time.monotonic()
            self._pace.worked(now - began, now=now)
            with self._lock:
                self._at_work = False
                self._settled.notify_all()

    def _compare(self, item: Item) -> Sequence[Verdict]:
        if self._comparer is None:
            with forks_held_up():  # modules are imported
                self._comparer = self._settings.make_comparer()
        verdicts = self._comparer.compare(item.exchange, request=item.request)
        return [each for each in verdicts if item.rungs is None or each.rung in item.rungs]

    def _note(self, verdicts: Sequence[Verdict], *, seconds: float) -> None:
        names = [_OUTCOMES[verdict.outcome] for verdict in verdicts]
        overran = seconds > self._settings.max_seconds
        with self._lock:
            self._counts.update(["compared", *names, *["overruns"] * overran])
        if overran:
            self.telling.warn("overrun", "a comparison took %.1f s, over its %g s", seconds, self._settings.max_seconds)

    def _close_comparer(self) -> None:
        comparer, self._comparer = self._comparer, None
        if comparer is not None:
            try:
                comparer.close()
            except BaseException as error:  # noqa: BLE001 - as in _work
                self.count("callback_errors")
                self.telling.error(error, what="closing the comparer")

    def _drop_rest(self) -> None:
        with self._lock:
            left = len(self._queue)
            self._counts["dropped"] += left
            self._queue.clear()
            self._bytes = 0
            closed = self._deadline is not None
            self._settled.notify_all()
        if left:
            why = "closing took its time" if closed else "the program ended without close()"
            self.telling.warn("dropped", "%d exchanges were not compared: %s", left, why)
