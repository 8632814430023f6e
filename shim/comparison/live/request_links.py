"""Which request an exchange belongs to: the application's `ModelRequest`, and the context it was started in.

Not the exchange's own pair id (`exchange`) nor who links the two (`experiment`). Bounded in every direction; a request that is no
longer known costs its exchange the link, and nothing else.
"""

from __future__ import annotations

import itertools
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING

from shim.model import ModelRequest

if TYPE_CHECKING:
    from shim.comparison.verdict import Rung
    from shim.recording.tap.session_tap import Watchable
    from shim.transfer_observer import Observe, SentRequest, TransferObserver

# More open requests than this on one provider are not linked: each may hold images.
MAX_OPEN = 10_000

# An exchange may come after its completion: a cancelled one is over when its thread has noticed.
MAX_LATE = 32
LATE_SECONDS = 10.0


class Pair:
    """One request on its way, as a copy of its own: what the application holds lives and dies as it likes.

    Attributes:
        id: by which its exchange is found; no other request has it meanwhile.
        given: the pair id that the application gave, which the exchange is to have; None where it gave none.
    """

    __slots__ = ("context", "ended_at", "given", "id", "request", "rungs", "seen")

    def __init__(
        self,
        pair_id: str,
        *,
        request: ModelRequest,
        context: Context,
        rungs: tuple[Rung, ...] | None = None,
        given: str | None = None,
    ) -> None:
        self.id = pair_id
        self.given = given
        self.request = request
        self.context = context
        self.rungs = rungs  # that compare it; None: all
        self.seen = False
        self.ended_at = 0.0


class Pairs:
    """The requests that an exchange may still come for. Used by the provider's thread and by those that read bodies."""

    def __init__(self) -> None:
        # Re-entrant: a response that dies in a garbage collection hands its exchange over on whatever thread that struck.
        self._lock = threading.RLock()
        self._open: dict[str, Pair] = {}
        self._late: OrderedDict[str, Pair] = OrderedDict()
        self._prefix = uuid.uuid4().hex[:16]
        self._numbers = itertools.count(1)

    def __len__(self) -> int:
        return len(self._open) + len(self._late)

    def new_id(self) -> str:
        """An id that no other request has, of this process or of another."""
        return f"{self._prefix}-{next(self._numbers)}"

    def holds(self, pair_id: str) -> bool:
        """Whether an exchange of that id may still come."""
        with self._lock:
            return pair_id in self._open or pair_id in self._late

    def add(self, pair: Pair) -> None:
        """Hold a request until its completion; one too many is not held."""
        with self._lock:
            if len(self._open) < MAX_OPEN:
                self._open[pair.id] = pair

    def remove(self, pair: Pair) -> None:
        """Forget a request that was refused."""
        with self._lock:
            self._open.pop(pair.id, None)

    def end(self, pair: Pair) -> None:
        """Note a completion: what its exchange has not come for yet is held a little longer."""
        with self._lock:
            held = self._open.pop(pair.id, None)
            if held is pair and not pair.seen:
                pair.ended_at = time.monotonic()
                self._late[pair.id] = pair
            self._forget_old()

    def find(self, pair_id: str) -> Pair | None:
        """The request of an exchange that has come."""
        with self._lock:
            pair = self._open.get(pair_id) or self._late.pop(pair_id, None)
            if pair is not None:
                pair.seen = True
            return pair

    def clear(self) -> None:
        """Forget them all."""
        with self._lock:
            self._open.clear()
            self._late.clear()

    def _forget_old(self) -> None:
        oldest = time.monotonic() - LATE_SECONDS
        while self._late:
            first = next(iter(self._late.values()))
            if len(self._late) <= MAX_LATE and first.ended_at >= oldest:
                break
            del self._late[first.id]


class WatchedPairs:
    """A watchable provider whose observer is told the pair id too: `told` puts it among the headers, the wire never sees it."""

    def __init__(self, target: Watchable, *, told: Callable[[SentRequest], SentRequest]) -> None:
        self._target = target
        self._told = told

    def watch(self, observe: Observe) -> Callable[[], None]:
        """Have `observe` asked once per request."""

        def observe_pair(sent: SentRequest) -> TransferObserver | None:
            return observe(self._told(sent))

        return self._target.watch(observe_pair)
