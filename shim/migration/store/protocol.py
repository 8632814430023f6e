"""The store: what of a rollout outlives a process and is shared by several, as one protocol.

Not the stores themselves (`sqlite_store`, `redis_store`), not what is decided from it (`rollout`, `guard`, `plan`). A store
keeps and adds up; it judges nothing. Any call may raise `StoreError`, and takes at most about the store's time limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol

from msgspec import Struct, field

from shim.model import ShimError

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.migration.decision import Arm


class StoreError(ShimError):
    """A store that cannot be used as it is; the message says where it is, what is wrong and what to do. No credential in it."""


class StoreUnavailableError(StoreError):
    """A store that cannot be used just now: down, locked, full, too slow. It may pass; `StoreError` alone will not by itself."""


class StoreConflictError(StoreError):
    """A policy that somebody else has written meanwhile: nothing was written. `current` is what stands there (None: nothing)."""

    def __init__(self, message: str, *, current: StoredPolicy | None) -> None:
        super().__init__(message)
        self.current = current


EXPOSED: Final = "exposed."
"""Begins the kinds under which exposures are counted: `exposed.control`, `exposed.candidate`."""

CROSSED: Final = "crossed"
"""The kind under which units are counted that were exposed to both arms in one epoch."""


class StoredPolicy(Struct, frozen=True, kw_only=True):
    """A policy as it was written.

    Attributes:
        mapping: what `Policy.parse` takes; plain JSON. The store does not judge it.
        version: 1 for the first that was written for the flag, and one more with each.
        at: when, epoch seconds.
        by: who wrote it.
    """

    mapping: dict[str, Any]
    version: int
    at: float
    by: str


class StoredKillSwitch(Struct, frozen=True, kw_only=True):
    """The kill switch as it was last set: `on` is thrown, control serves all. `at` is epoch seconds."""

    on: bool
    by: str
    reason: str
    at: float


class StoredLatch(Struct, frozen=True, kw_only=True):
    """A guard that has tripped, until somebody resets it.

    Attributes:
        epoch: whose evidence tripped it.
        reason: in words for people.
        by: which process or person.
        at: epoch seconds.
        evidence: figures behind the reason; plain JSON.
    """

    epoch: str
    reason: str
    by: str
    at: float
    evidence: dict[str, Any] = field(default_factory=dict)


class StoredReset(Struct, frozen=True, kw_only=True):
    """The last reset of the guard. `count` is how many there were: with it an epoch's name is new after each."""

    count: int
    reason: str
    by: str
    at: float


class StoredApproval(Struct, frozen=True, kw_only=True):
    """That somebody approved a step of the plan; the same person's later approval of the same step replaces it."""

    step: str
    by: str
    reason: str
    at: float


class StoredEntry(Struct, frozen=True, kw_only=True):
    """An entry of the history. `position` is 1 for the first and grows by one; `entry` is plain JSON."""

    position: int
    at: float
    entry: dict[str, Any]


class StoredPin(Struct, frozen=True, kw_only=True):
    """The arm a running conversation stays in, and the share under which it was given to it."""

    arm: Arm
    share: float


class PinPage(Struct, frozen=True, kw_only=True):
    """Pins in the order in which they were written. `pins`: `Store.unit_key` -> pin; `position`: of the last, to go on from."""

    pins: dict[str, StoredPin]
    position: int


class First(Struct, frozen=True, kw_only=True):
    """An event that is counted once per unit, kind and epoch, whichever process tells it first.

    Attributes:
        kind: of the event, as "error". Not `crossed`, and nothing that begins with `exposed.`: those are counted by `Exposure`.
        unit: the conversation. The store keeps a keyed hash of it.
        sums: added to the epoch's sums where the event counts, and dropped where it does not.
    """

    kind: str
    unit: str
    sums: Mapping[str, float] = field(default_factory=dict)


class Exposure(Struct, frozen=True, kw_only=True):
    """That a unit was served by an arm: counted once per unit and epoch, with its sums, for the arm that came first.

    Where the same unit meets the other arm in the same epoch, it is counted under `crossed`, once, without sums.
    """

    unit: str
    arm: Arm
    sums: Mapping[str, float] = field(default_factory=dict)


class Batch(Struct, frozen=True, kw_only=True):
    """What is added together, or not at all.

    Attributes:
        batch_id: makes it count once, however often it is sent: a flush that timed out is sent again as it is. A uuid will do.
        epoch: names the assignment the evidence belongs to, as the guard's step.
        sums: what is added to the epoch's sums in any case; finite numbers, below zero too.
        firsts, exposures: what is counted once per unit. At most `MOST_FIRSTS` of both together.
    """

    batch_id: str
    epoch: str
    sums: Mapping[str, float] = field(default_factory=dict)
    firsts: Sequence[First] = ()
    exposures: Sequence[Exposure] = ()


class StoredEpoch(Struct, frozen=True, kw_only=True):
    """The evidence of one epoch, of all processes.

    Attributes:
        sums: name -> sum of all that was added under it.
        units: kind -> how many distinct units were counted under it (`exposed.control`, `crossed`, and the kinds of `First`).
        dropped: firsts and exposures left out because their kind was full (`MOST_UNITS`).
        began, at: when it was first and last added to, epoch seconds.
    """

    sums: dict[str, float] = field(default_factory=dict)
    units: dict[str, int] = field(default_factory=dict)
    dropped: int = 0
    began: float = 0.0
    at: float = 0.0

    @property
    def exposed(self) -> dict[Arm, int]:
        """Distinct units per arm; a unit that met both counts for the arm it met first."""
        return {
            "control": self.units.get(f"{EXPOSED}control", 0),
            "candidate": self.units.get(f"{EXPOSED}candidate", 0),
        }

    @property
    def crossed(self) -> int:
        """Distinct units that met both arms."""
        return self.units.get(CROSSED, 0)


class Snapshot(Struct, frozen=True, kw_only=True):
    """All that is kept of a flag but pins and the history's entries, as it stood at one moment.

    Attributes:
        policy, kill_switch, latch, reset: None where none was ever written (the latch: or where it was reset).
        epochs: name -> evidence; the `KEPT_EPOCHS` last added to.
        approvals: in the order of their steps' names, then of who approved.
        position: of the history's last entry; 0 where there is none.
    """

    policy: StoredPolicy | None = None
    kill_switch: StoredKillSwitch | None = None
    latch: StoredLatch | None = None
    reset: StoredReset | None = None
    epochs: dict[str, StoredEpoch] = field(default_factory=dict)
    approvals: tuple[StoredApproval, ...] = ()
    position: int = 0


KEPT_EPOCHS: Final = 16
"""So many epochs per flag are kept, those added to last: of the step that runs, of those before it, and for late answers."""

MOST_UNITS: Final = 1_000_000
"""So many units are known again per epoch and kind: any verdict has long been given by then, and it is some 100 MB."""

MOST_FIRSTS: Final = 2_000
"""So many firsts and exposures go in one batch: some ten milliseconds in which nobody else writes."""

MOST_PINS: Final = 10_000
"""So many pins are written, or asked for, at a time: they are rarely so many but when a process begins."""

BATCH_MEMORY: Final = 3600.0
"""So many seconds a batch is known again by its id: a flush that timed out is sent again within minutes, or never."""

LONGEST_PIN: Final = 30 * 86400.0
"""So many seconds may a pin's age be: a bound on how many there are, and no conversation rests longer."""

MOST_TEXT: Final = 64 * 1024
"""So many bytes of JSON has one policy, history entry or evidence: they are read by people, and by each refresh."""

MOST_NAME: Final = 200
"""So many characters has a name: of a flag, an epoch, a kind, a sum, a step, a batch, a person."""


class Store(Protocol):
    """What a rollout keeps beyond a process. Safe to use from several threads, processes, and after a fork.

    Every method may raise StoreError (StoreUnavailableError where it may pass), and ValueError or TypeError, naming the
    argument, before anything is sent. `flag` names the rollout; flags share nothing.
    """

    def snapshot(self, flag: str) -> Snapshot:
        """All that a refresher needs, in one round trip and of one moment."""
        ...

    def read_policy(self, flag: str) -> StoredPolicy | None:
        """The policy, None where none was written."""
        ...

    def write_policy(self, flag: str, mapping: Mapping[str, Any], *, expected: int | None, by: str) -> StoredPolicy:
        """Write a policy if `expected` is the version that stands there: 0 for none, None for whatever it is.

        Raises:
            StoreConflictError: another version stands there; nothing was written.
        """
        ...

    def read_kill_switch(self, flag: str) -> StoredKillSwitch | None:
        """The kill switch, None where it was never set."""
        ...

    def write_kill_switch(self, flag: str, *, on: bool, by: str, reason: str) -> StoredKillSwitch:
        """Set the kill switch; the last one to write wins."""
        ...

    def add(self, flag: str, batch: Batch) -> bool:
        """Add a batch, all of it or nothing; False, and nothing done, where its id was added before (within `BATCH_MEMORY`)."""
        ...

    def read_epoch(self, flag: str, epoch: str) -> StoredEpoch:
        """The evidence of one epoch; empty where there is none."""
        ...

    def latch(
        self, flag: str, *, epoch: str, reason: str, by: str, evidence: Mapping[str, Any] | None = None
    ) -> StoredLatch:
        """Latch the guard. The first one holds: where it is latched already, that latch is given back, and nothing changes.

        A figure in `evidence` that is not finite is kept as a string ("inf"): no figure keeps a guard from latching.
        """
        ...

    def read_latch(self, flag: str) -> StoredLatch | None:
        """The latch, None where the guard has not tripped or was reset."""
        ...

    def reset(self, flag: str, *, reason: str, by: str) -> StoredReset:
        """Lift the latch, if any, and count the reset. The evidence stays under its epoch's name; begin another."""
        ...

    def pin(self, flag: str, pins: Mapping[str, StoredPin], *, max_age: float) -> dict[str, StoredPin]:
        """Pin units, and give back for each the pin that holds: the first one written holds until it lapses.

        A pin lapses `max_age` seconds after it was last asked for by this method, so that a conversation that goes on stays.
        """
        ...

    def read_pins(self, flag: str, units: Sequence[str]) -> dict[str, StoredPin]:
        """The pins that hold; units without one are left out. Reading keeps no pin alive."""
        ...

    def read_pins_after(self, flag: str, *, after: int = 0, limit: int = 10_000) -> PinPage:
        """The pins first written after a position, oldest first, lapsed ones left out, at most `limit` of them.

        A rollout reads on with each refresh, so that every process knows what is pinned elsewhere before a request asks: asking
        the store during a request would block it. Where nothing is left, `position` is `after`. A position that the store never
        gave, as one of a store that was emptied since, reads from the beginning.
        """
        ...

    def unit_key(self, flag: str, unit: str) -> str:
        """The name under which a unit's pin is kept: pure and fast, asks nobody, raises nothing for a string.

        Before a store that others made was reached for the first time, the name is one that no pin has; afterwards it stays,
        also where the store is emptied.
        """
        ...

    def append_history(self, flag: str, entry: Mapping[str, Any], *, entry_id: str | None = None) -> int:
        """Append an entry and give its position. With an `entry_id`, one that was appended before is not appended again."""
        ...

    def read_history(self, flag: str, *, after: int = 0, limit: int = 1000) -> tuple[StoredEntry, ...]:
        """The entries after a position, oldest first, at most `limit` of them."""
        ...

    def approve(self, flag: str, *, step: str, by: str, reason: str = "") -> StoredApproval:
        """Approve a step of the plan."""
        ...

    def read_approvals(self, flag: str) -> tuple[StoredApproval, ...]:
        """Every approval, in the order of the steps' names, then of who approved."""
        ...

    def withdraw_approvals(self, flag: str, *, step: str) -> int:
        """Take back every approval of a step, as after a rollback; how many there were."""
        ...

    def purge(self, flag: str, *, older_than: float) -> int:
        """Drop lapsed pins, and epochs last added to more than `older_than` seconds ago; how many rows went.

        Never needed for correctness: what has lapsed is not given back. It frees room.
        """
        ...

    def close(self) -> None:
        """Give up connections; a later call opens them again. Never raises."""
        ...

    def __enter__(self) -> Self:
        """Itself."""
        ...

    def __exit__(self, *exc_info: object) -> None:
        """Close it."""
        ...
