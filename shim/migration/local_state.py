"""LocalState: what a rollout keeps in one process: counts, pins, the control's pace, and what waits to be written.

Not what is shared (`store_sync`), not the policy (`governor`). A forked child gets one of its own, so that nothing is written
twice, and no lock that a thread of the parent held at the fork is waited for.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable

from shim.migration.arms import Arms
from shim.migration.decision import Arm, Decision, Reason
from shim.migration.history import Entry
from shim.migration.pins import Pins, PinSettings
from shim.migration.slowness import Slowness

__all__ = ["LocalState"]

# Requests that have begun, and that the guard was not told of yet; it is, when the next one ends. So many begin at a time at
# most; of more, the guard hears when they end.
_MAX_BEGUN = 10_000

# History entries that wait: a rollout has some a day. While its file or store is away, the oldest are given up.
_MAX_ENTRIES = 1000


class LocalState:
    """What one process keeps. `lock` is held for microseconds, and never while anything blocks; `writing` while `entries` are
    written, and never on the request's path.

    Args:
        pins: settings, None for no pins.
        key_of: see `Pins`.
    """

    def __init__(self, pins: PinSettings | None, *, key_of: Callable[[str], str] | None) -> None:
        # Re-entrant: a signal handler that decides on a request may strike while its own thread is here.
        self.lock = threading.RLock()
        self.writing = threading.Lock()
        self.arms = Arms()
        self.slowness = Slowness()
        self.pins = None if pins is None else Pins(pins, key_of=key_of)
        self.decided: Counter[tuple[Arm, Reason]] = Counter()
        self.faults: Counter[str] = Counter()
        self.last_fault: str | None = None
        self.begun: deque[Decision] = deque(maxlen=_MAX_BEGUN)
        self.entries: deque[Entry] = deque(maxlen=_MAX_ENTRIES)

    def fault(self, what: str, error: Exception) -> bool:
        """Count what went wrong inside; whether it is the first of its kind."""
        with self.lock:
            self.faults[what] += 1
            self.last_fault = f"{what}: {type(error).__name__}: {error}"[:300]
            return self.faults[what] == 1
