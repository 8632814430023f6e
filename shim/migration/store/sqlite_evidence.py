"""Evidence in a SQLite file: batches added once, units counted once, sums added up, old epochs let go.

Not the transaction around it (`sqlite_file`), not the tables' definition (`sqlite_schema`). Every function runs inside a
transaction of its caller.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from shim.migration.store import units
from shim.migration.store.protocol import (
    BATCH_MEMORY,
    CROSSED,
    EXPOSED,
    KEPT_EPOCHS,
    MOST_UNITS,
    Batch,
    Exposure,
    StoredEpoch,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

# Rows that a batch removes of an epoch that was let go: a few milliseconds, so that no writer waits for a million rows.
_SWEPT_AT_ONCE = 2000

_OTHER = {"control": f"{EXPOSED}candidate", "candidate": f"{EXPOSED}control"}


def add(connection: sqlite3.Connection, flag: str, *, batch: Batch, key: bytes, now: float) -> bool:
    """Add a batch; False where its id is known."""
    connection.execute("DELETE FROM batches WHERE at < ?", (now - BATCH_MEMORY,))
    known = connection.execute("INSERT OR IGNORE INTO batches VALUES (?, ?, ?)", (flag, batch.batch_id, now))
    if known.rowcount == 0:
        return False
    counting = _Counting(connection, _epoch_id(connection, flag, name=batch.epoch, now=now))
    counting.add(batch.sums)
    for first in batch.firsts:
        if counting.is_new(first.kind, units.digest(first.unit, key)):
            counting.add(first.sums)
    for exposure in batch.exposures:
        counting.expose(exposure, units.digest(exposure.unit, key))
    counting.write(now)
    sweep(connection)
    return True


class _Counting:
    """One batch on its way into an epoch: what is new, and what it adds up to."""

    def __init__(self, connection: sqlite3.Connection, epoch: int) -> None:
        self._connection, self._epoch = connection, epoch
        self._before: dict[str, int] = dict(
            connection.execute("SELECT kind, count FROM counts WHERE epoch = ?", (epoch,)).fetchall()
        )
        self._new: Counter[str] = Counter()
        self._sums: dict[str, float] = {}
        self._dropped = 0

    def add(self, sums: Mapping[str, float]) -> None:
        for name, value in sums.items():
            self._sums[name] = self._sums.get(name, 0.0) + value

    def is_new(self, kind: str, unit: bytes) -> bool:
        row = (self._epoch, kind, unit)
        if self._before.get(kind, 0) + self._new[kind] >= MOST_UNITS:
            self._dropped += not self._has(kind, unit)
            return False
        inserted = self._connection.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", row).rowcount == 1
        self._new[kind] += inserted
        return inserted

    def expose(self, exposure: Exposure, unit: bytes) -> None:
        if self._has(_OTHER[exposure.arm], unit):
            self.is_new(CROSSED, unit)
        elif self.is_new(f"{EXPOSED}{exposure.arm}", unit):
            self.add(exposure.sums)

    def write(self, now: float) -> None:
        self._connection.executemany(
            "INSERT INTO sums VALUES (?, ?, ?) ON CONFLICT (epoch, name) DO UPDATE SET value = value + excluded.value",
            [(self._epoch, name, float(value)) for name, value in self._sums.items()],
        )
        self._connection.executemany(
            "INSERT INTO counts VALUES (?, ?, ?) ON CONFLICT (epoch, kind) DO UPDATE SET count = count + excluded.count",
            [(self._epoch, kind, count) for kind, count in self._new.items() if count],
        )
        self._connection.execute(
            "UPDATE epochs SET at = max(at, ?), dropped = dropped + ? WHERE id = ?", (now, self._dropped, self._epoch)
        )

    def _has(self, kind: str, unit: bytes) -> bool:
        row = (self._epoch, kind, unit)
        found = self._connection.execute("SELECT 1 FROM seen WHERE epoch = ? AND kind = ? AND unit = ?", row).fetchone()
        return found is not None


def _epoch_id(connection: sqlite3.Connection, flag: str, *, name: str, now: float) -> int:
    """The epoch's number; where it is new, the one that rested longest goes."""
    row = connection.execute("SELECT id FROM epochs WHERE flag = ? AND name = ?", (flag, name)).fetchone()
    if row is not None:
        return int(row[0])
    made = connection.execute(
        "INSERT INTO epochs (flag, name, began, at) VALUES (?, ?, ?, ?)", (flag, name, now, now)
    ).lastrowid
    # The new one stays, even where another host's clock is ahead of ours.
    old = connection.execute(
        "SELECT id FROM epochs WHERE flag = ? ORDER BY id = ? DESC, at DESC, id DESC LIMIT -1 OFFSET ?",
        (flag, made, KEPT_EPOCHS),
    ).fetchall()
    for (each,) in old:
        discard(connection, each)
    return made or 0


def discard(connection: sqlite3.Connection, epoch: int) -> None:
    """Let an epoch go at once, and leave its many rows to `sweep`."""
    for table in ("sums", "counts"):
        connection.execute(f"DELETE FROM {table} WHERE epoch = ?", (epoch,))  # noqa: S608 - a name of ours
    connection.execute("DELETE FROM epochs WHERE id = ?", (epoch,))
    connection.execute("INSERT INTO discarded VALUES (?)", (epoch,))


def discard_before(connection: sqlite3.Connection, flag: str, *, before: float) -> int:
    """Let go the epochs last added to before a time; how many."""
    old = connection.execute("SELECT id FROM epochs WHERE flag = ? AND at < ?", (flag, before)).fetchall()
    for (each,) in old:
        discard(connection, each)
    return len(old)


def sweep(connection: sqlite3.Connection) -> int:
    """Remove some rows of an epoch that was let go; how many."""
    row = connection.execute("SELECT epoch FROM discarded LIMIT 1").fetchone()
    if row is None:
        return 0
    swept = connection.execute(
        "DELETE FROM seen WHERE (epoch, kind, unit) IN (SELECT epoch, kind, unit FROM seen WHERE epoch = ? LIMIT ?)",
        (row[0], _SWEPT_AT_ONCE),
    ).rowcount
    if swept < _SWEPT_AT_ONCE:
        connection.execute("DELETE FROM discarded WHERE epoch = ?", row)
    return swept


def read(connection: sqlite3.Connection, flag: str, *, name: str | None = None) -> dict[str, StoredEpoch]:
    """The epochs of a flag, or the one of that name."""
    rows = connection.execute(
        "SELECT id, name, began, at, dropped FROM epochs WHERE flag = ? AND (? IS NULL OR name = ?) ORDER BY id",
        (flag, name, name),
    ).fetchall()
    return {
        found: StoredEpoch(
            sums=dict(connection.execute("SELECT name, value FROM sums WHERE epoch = ?", (epoch,)).fetchall()),
            units=dict(connection.execute("SELECT kind, count FROM counts WHERE epoch = ?", (epoch,)).fetchall()),
            dropped=dropped,
            began=began,
            at=at,
        )
        for epoch, found, began, at, dropped in rows
    }
