"""GuardPort: what a rollout asks of its guard, so that the two can be read, and tested, apart.

Not the guard (`guard`), whose statistics nobody else needs to know. The rollout notes each request with it, on the caller's
thread; where there is a store, the rollout's own thread carries what the guard has gathered there, and brings back the sums of
all processes. The guard itself reads and writes no store.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from shim.migration.decision import Decision
from shim.migration.store import Batch, Snapshot

__all__ = ["Answer", "GuardPort"]

Answer: TypeAlias = Literal["fine", "hold", "roll_back"]


class GuardPort(Protocol):
    """What `Guard` does for a `Rollout`. Safe to use from several threads, and in a forked child.

    `Rollout` rolls back when `mode` is "enforce" and `answer` is "roll_back": it latches, in the store where there is one, and
    takes the stage one step back until `reset`.
    """

    @property
    def mode(self) -> Literal["observe", "enforce"]:
        """Whether its answer is acted on."""
        ...

    @property
    def answer(self) -> Answer:
        """What it says of the step that runs."""
        ...

    def note(self, decision: Decision, *, bad: Collection[str] = ()) -> Answer:
        """Take one request: an exposure of its unit, and its kinds of bad event. Never blocks, never raises.

        `decision.step` names the evidence it belongs to. Another note of the same request adds kinds, and no exposure.
        """
        ...

    def expose(self, decision: Decision) -> Answer:
        """Take a request that has begun: its unit was given to an arm. Never blocks, never raises."""
        ...

    def reset(self, reason: str) -> None:
        """Forget the trip and begin a fresh test."""
        ...

    def evidence(self) -> dict[str, Any]:
        """Plain data for `status()`, the CLI and the history: by kind of bad event its e-value, limit and counts per arm, the
        units per arm, the sample ratio, `why`: one sentence that explains the answer, and `epoch`: its name in a store.
        """
        ...

    def take(self) -> Sequence[Batch]:
        """What was noted since it was last asked, as batches for the store, bounded. Each counts once, by its `batch_id`.

        The rollout sends each until it has arrived, or drops it, counted, when too many wait.
        """
        ...

    def share(self, snapshot: Snapshot) -> None:
        """Take the sums of all processes, the latch and the resets, as they stand in the store after all that `take` gave."""
        ...

    def blind(self, reason: str) -> None:
        """The store cannot be reached: the answer is hold at best, until the next `share`."""
        ...
