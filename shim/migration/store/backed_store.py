"""What both stores have in common: arguments checked, documents written and read, over a backend that keeps texts.

Not how texts are kept (`sqlite_store`, `redis_store`), not the meaning of a policy. Documents change by compare-and-swap: read,
decide, write if nothing changed meanwhile, else once more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from msgspec import Struct

from shim.migration.store import checks
from shim.migration.store.protocol import (
    Batch,
    PinPage,
    Snapshot,
    StoreConflictError,
    StoredApproval,
    StoredEntry,
    StoredEpoch,
    StoredKillSwitch,
    StoredLatch,
    StoredPin,
    StoredPolicy,
    StoredReset,
    StoreUnavailableError,
)

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.migration.store.backend import Backend

T = TypeVar("T", bound=Struct)

# Kind of document -> the name it is kept under.
_NAMES: dict[type[Struct], str] = {
    StoredPolicy: "policy",
    StoredKillSwitch: "kill_switch",
    StoredLatch: "latch",
    StoredReset: "reset",
}

# Documents are written by people and by tripping guards: so many of them at the same moment are none.
_MOST_TRIES = 50


class _Entry(Struct, frozen=True, kw_only=True):
    at: float
    entry: dict[str, Any]


class BackedStore:
    """A `Store` over a backend. It closes at the end of a `with` block, and cannot be pickled: it holds connections."""

    def __init__(self, backend: Backend, *, clock: Callable[[], float] = time.time) -> None:
        self._backend = backend
        self._clock = clock

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._backend.where}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        kind = type(self).__name__
        raise TypeError(f"a {kind} cannot be pickled or copied; make a {kind} in each process, from the same address")

    def close(self) -> None:
        """See `Store.close`."""
        self._backend.close()

    def snapshot(self, flag: str) -> Snapshot:
        """See `Store.snapshot`."""
        kept = self._backend.everything(checks.name("flag", flag))
        return Snapshot(
            policy=self._read(kept.documents, StoredPolicy),
            kill_switch=self._read(kept.documents, StoredKillSwitch),
            latch=self._read(kept.documents, StoredLatch),
            reset=self._read(kept.documents, StoredReset),
            epochs=kept.epochs,
            approvals=self._approvals(kept.approvals),
            position=kept.position,
        )

    # Documents.

    def read_policy(self, flag: str) -> StoredPolicy | None:
        """See `Store.read_policy`."""
        return self._document(flag, StoredPolicy)

    def write_policy(self, flag: str, mapping: Mapping[str, Any], *, expected: int | None, by: str) -> StoredPolicy:
        """See `Store.write_policy`."""
        plain = checks.plain("the policy", mapping)
        wanted = None if expected is None else checks.whole("expected", expected, least=0)
        checks.name("by", by)

        def change(documents: Mapping[str, str]) -> StoredPolicy:
            current = self._read(documents, StoredPolicy)
            version = 0 if current is None else current.version
            if wanted not in {None, version}:
                raise _conflict(self._backend.where, wanted=wanted, current=current)
            return StoredPolicy(mapping=plain, version=version + 1, at=self._clock(), by=by)

        return self._change(flag, change)

    def read_kill_switch(self, flag: str) -> StoredKillSwitch | None:
        """See `Store.read_kill_switch`."""
        return self._document(flag, StoredKillSwitch)

    def write_kill_switch(self, flag: str, *, on: bool, by: str, reason: str) -> StoredKillSwitch:
        """See `Store.write_kill_switch`."""
        if not isinstance(on, bool):
            raise TypeError(f"on is {checks.kind_of(on)}; give True or False")
        checks.name("by", by)
        checks.words("reason", reason)
        switch = StoredKillSwitch(on=on, by=by, reason=reason, at=self._clock())
        # Without a look at what stands there: it works also where that cannot be read.
        self._backend.swap(checks.name("flag", flag), {}, new={_NAMES[StoredKillSwitch]: checks.written(switch)})
        return switch

    def latch(
        self, flag: str, *, epoch: str, reason: str, by: str, evidence: Mapping[str, Any] | None = None
    ) -> StoredLatch:
        """See `Store.latch`."""
        checks.name("epoch", epoch)
        checks.reason(reason)
        checks.name("by", by)
        plain = checks.figures("evidence", {} if evidence is None else evidence)

        def change(documents: Mapping[str, str]) -> StoredLatch:
            standing = self._read(documents, StoredLatch)
            return standing or StoredLatch(epoch=epoch, reason=reason, by=by, at=self._clock(), evidence=plain)

        return self._change(flag, change)

    def read_latch(self, flag: str) -> StoredLatch | None:
        """See `Store.read_latch`."""
        return self._document(flag, StoredLatch)

    def reset(self, flag: str, *, reason: str, by: str) -> StoredReset:
        """See `Store.reset`."""
        checks.reason(reason)
        checks.name("by", by)

        def change(documents: Mapping[str, str]) -> StoredReset:
            before = self._read(documents, StoredReset)
            count = 1 if before is None else before.count + 1
            return StoredReset(count=count, reason=reason, by=by, at=self._clock())

        return self._change(flag, change, removed=_NAMES[StoredLatch])

    # Evidence.

    def add(self, flag: str, batch: Batch) -> bool:
        """See `Store.add`."""
        return self._backend.add(checks.name("flag", flag), checks.batch(batch), now=self._clock())

    def read_epoch(self, flag: str, epoch: str) -> StoredEpoch:
        """See `Store.read_epoch`."""
        return self._backend.epoch(checks.name("flag", flag), checks.name("epoch", epoch))

    # Pins.

    def unit_key(self, flag: str, unit: str) -> str:  # noqa: ARG002 - the protocol's: another store may hash by flag
        """See `Store.unit_key`."""
        return self._backend.unit_key(unit)

    def pin(self, flag: str, pins: Mapping[str, StoredPin], *, max_age: float) -> dict[str, StoredPin]:
        """See `Store.pin`."""
        age, now = checks.pins(pins, max_age), self._clock()
        checks.name("flag", flag)
        if not pins:
            return {}
        held = self._backend.pin(flag, pins, now=now, lapses_at=now + age)
        return {unit: StoredPin(arm=arm, share=share) for unit, (arm, share) in held.items()}

    def read_pins(self, flag: str, units: Sequence[str]) -> dict[str, StoredPin]:
        """See `Store.read_pins`."""
        checks.units(units)
        held = self._backend.pins(checks.name("flag", flag), units, now=self._clock())
        return {unit: StoredPin(arm=arm, share=share) for unit, (arm, share) in held.items()}

    def read_pins_after(self, flag: str, *, after: int = 0, limit: int = 10_000) -> PinPage:
        """See `Store.read_pins_after`."""
        checks.whole("after", after, least=0)
        checks.whole("limit", limit, least=1)
        return self._backend.pins_after(checks.name("flag", flag), after=after, limit=limit, now=self._clock())

    # History and approvals.

    def append_history(self, flag: str, entry: Mapping[str, Any], *, entry_id: str | None = None) -> int:
        """See `Store.append_history`."""
        if entry_id is not None:
            checks.name("entry_id", entry_id)
        text = checks.written(_Entry(at=self._clock(), entry=checks.plain("the entry", entry)))
        return self._backend.append(checks.name("flag", flag), text, entry_id=entry_id)

    def read_history(self, flag: str, *, after: int = 0, limit: int = 1000) -> tuple[StoredEntry, ...]:
        """See `Store.read_history`."""
        checks.whole("after", after, least=0)
        checks.whole("limit", limit, least=1)
        found = []
        for position, text in self._backend.entries(checks.name("flag", flag), after=after, limit=limit):
            entry = checks.read(text, _Entry, where=self._backend.where)
            found.append(StoredEntry(position=position, at=entry.at, entry=entry.entry))
        return tuple(found)

    def approve(self, flag: str, *, step: str, by: str, reason: str = "") -> StoredApproval:
        """See `Store.approve`."""
        checks.name("step", step)
        checks.name("by", by)
        checks.words("reason", reason)
        approval = StoredApproval(step=step, by=by, reason=reason, at=self._clock())
        self._backend.approve(checks.name("flag", flag), step=step, by=by, text=checks.written(approval))
        return approval

    def read_approvals(self, flag: str) -> tuple[StoredApproval, ...]:
        """See `Store.read_approvals`."""
        return self._approvals(self._backend.everything(checks.name("flag", flag)).approvals)

    def withdraw_approvals(self, flag: str, *, step: str) -> int:
        """See `Store.withdraw_approvals`."""
        return self._backend.withdraw(checks.name("flag", flag), step=checks.name("step", step))

    def purge(self, flag: str, *, older_than: float) -> int:
        """See `Store.purge`."""
        age = checks.seconds("older_than", older_than, most=float("inf"))
        now = self._clock()
        return self._backend.purge(checks.name("flag", flag), now=now, before=now - age)

    # The documents underneath.

    def _document(self, flag: str, kind: type[T]) -> T | None:
        return self._read(self._backend.documents(checks.name("flag", flag)), kind)

    def _read(self, documents: Mapping[str, str], kind: type[T]) -> T | None:
        text = documents.get(_NAMES[kind])
        return None if text is None else checks.read(text, kind, where=f"the {_NAMES[kind]} in {self._backend.where}")

    def _approvals(self, texts: Sequence[str]) -> tuple[StoredApproval, ...]:
        where = f"an approval in {self._backend.where}"
        found = [checks.read(text, StoredApproval, where=where) for text in texts]
        return tuple(sorted(found, key=lambda approval: (approval.step, approval.by)))

    def _change(self, flag: str, change: Callable[[Mapping[str, str]], T], *, removed: str | None = None) -> T:
        """Write the document that `change` makes of those that stand there, and remove another with it."""
        checks.name("flag", flag)
        for _ in range(_MOST_TRIES):
            documents = self._backend.documents(flag)
            made = change(documents)
            name, text = _NAMES[type(made)], checks.written(made)
            new: dict[str, str | None] = {name: text, **({} if removed is None else {removed: None})}
            expected = {each: documents.get(each) for each in new}
            if expected == new or self._backend.swap(flag, expected, new=new):
                return made
        raise StoreUnavailableError(f"{self._backend.where} is written by too many at once; try again")


def _conflict(where: str, *, wanted: int | None, current: StoredPolicy | None) -> StoreConflictError:
    found = "none stands there" if current is None else f"version {current.version} by {current.by} stands there"
    message = f"the policy in {where} was expected at version {wanted}, and {found}; read it, and decide anew"
    return StoreConflictError(message, current=current)
