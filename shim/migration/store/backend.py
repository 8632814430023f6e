"""What a kind of store has to be able to do: keep texts, swap them, add up, pin, append.

Not what the texts mean, nor any check of arguments: `backed_store` does both for every kind. All times are epoch seconds of
the caller's clock. Every method may raise StoreError.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct, field

from shim.migration.store.protocol import Batch, PinPage, StoredEpoch, StoredPin

if TYPE_CHECKING:
    from shim.migration.decision import Arm


class KeptFlag(Struct, frozen=True, kw_only=True):
    """All of a flag as it is kept: documents by name, epochs by name, approvals in their order, the last entry's position."""

    documents: dict[str, str] = field(default_factory=dict)
    epochs: dict[str, StoredEpoch] = field(default_factory=dict)
    approvals: Sequence[str] = ()
    position: int = 0


class Backend(Protocol):
    """A kind of store. Safe to use from several threads and processes, and after a fork."""

    @property
    def where(self) -> str:
        """What an error calls it: its address, without a credential."""
        ...

    def everything(self, flag: str) -> KeptFlag:
        """All of one moment, in one round trip."""
        ...

    def documents(self, flag: str) -> dict[str, str]:
        """The documents by name."""
        ...

    def swap(self, flag: str, expected: Mapping[str, str | None], *, new: Mapping[str, str | None]) -> bool:
        """Write documents (None removes one) if those in `expected` stand there still; False, and nothing written, if not."""
        ...

    def add(self, flag: str, batch: Batch, *, now: float) -> bool:
        """Add a batch; False where its id is known."""
        ...

    def epoch(self, flag: str, name: str) -> StoredEpoch:
        """One epoch; empty where there is none."""
        ...

    def unit_key(self, unit: str) -> str:
        """The name under which a pin is kept; asks nobody."""
        ...

    def pin(
        self, flag: str, pins: Mapping[str, StoredPin], *, now: float, lapses_at: float
    ) -> dict[str, tuple[Arm, float]]:
        """Write pins where none holds, renew those that do; the arm and share that hold, by unit."""
        ...

    def pins(self, flag: str, wanted: Sequence[str], *, now: float) -> dict[str, tuple[Arm, float]]:
        """The arm and share of those that hold, by unit."""
        ...

    def pins_after(self, flag: str, *, after: int, limit: int, now: float) -> PinPage:
        """The pins after a position."""
        ...

    def append(self, flag: str, text: str, *, entry_id: str | None) -> int:
        """Append an entry; its position."""
        ...

    def entries(self, flag: str, *, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """Positions and entries after a position."""
        ...

    def approve(self, flag: str, *, step: str, by: str, text: str) -> None:
        """Keep an approval."""
        ...

    def withdraw(self, flag: str, *, step: str) -> int:
        """Remove a step's approvals; how many."""
        ...

    def purge(self, flag: str, *, now: float, before: float) -> int:
        """Remove lapsed pins, and epochs last added to before a time; how many."""
        ...

    def close(self) -> None:
        """Give up connections."""
        ...
