"""A store in one SQLite file, for the processes of one host.

Not for several hosts (`redis_store`), and not on a network file system, where SQLite's locks cannot be trusted. How the file
is opened and locked is in `sqlite_file`, the evidence in `sqlite_evidence`, arguments and documents in `backed_store`.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from shim.migration.store import checks, sqlite_evidence, units
from shim.migration.store.backed_store import BackedStore
from shim.migration.store.backend import KeptFlag
from shim.migration.store.protocol import Batch, PinPage, StoredEpoch, StoredPin, StoreUnavailableError
from shim.migration.store.sqlite_file import SqliteFile
from shim.model.checks import kind_of

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from shim.migration.decision import Arm

# Lapsed pins that one call removes: more than it can add in the long run, and a millisecond or two.
_LAPSED_AT_ONCE = 200


class SqliteStore(BackedStore):
    """What a rollout keeps beyond a process, in one file: `Store` says what each method does.

    Any number of threads and processes of one host may use the same path, before and after a fork. The file is made where it is
    missing, with mode 0600; SQLite keeps two more beside it while it is open (`-wal`, `-shm`). ":memory:" shares nothing
    with other processes, and dies with this one. Waits for others are bounded: a disk that hangs, hangs the call.

    Args:
        path: of the file; its folder must exist, and be no network file system.
        time_limit: seconds a call may wait for others: above 0, at most 60.
        hash_key: 32 bytes that units are hashed with, if the key shall not lie in the file (`units`); None for one of its own.
        clock: gives epoch seconds.

    Raises:
        StoreError: the file cannot be used, and that will not pass by itself. What may pass is left to the first call.
        TypeError, ValueError: an argument cannot be used.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        time_limit: float = 0.5,
        hash_key: bytes | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        limit = checks.seconds("time_limit", time_limit, most=checks.LONGEST_TIME_LIMIT)
        file = SqliteFile(_checked_path(path), time_limit=limit, hash_key=units.checked_key(hash_key))
        super().__init__(SqliteBackend(file), clock=clock)


class SqliteBackend:
    """The texts, sums and pins of a store in a file."""

    def __init__(self, file: SqliteFile) -> None:
        self._file = file
        try:
            # What may pass does not keep a service from starting: the first call asks again.
            with contextlib.suppress(StoreUnavailableError):
                file.writing(self._try_to_write)
        finally:
            file.close()  # a process that only makes the store, and forks, has nothing open

    def _try_to_write(self, connection: sqlite3.Connection) -> None:
        self._file.learn_key(connection)
        connection.execute("DELETE FROM meta WHERE name = ''")  # there is none; a read-only file says so

    @property
    def where(self) -> str:
        """The path."""
        return self._file.path

    def everything(self, flag: str) -> KeptFlag:
        """See `Backend.everything`."""

        def read(connection: sqlite3.Connection) -> KeptFlag:
            approvals = connection.execute("SELECT value FROM approvals WHERE flag = ?", (flag,)).fetchall()
            return KeptFlag(
                documents=_documents(connection, flag),
                epochs=sqlite_evidence.read(connection, flag),
                approvals=[text for (text,) in approvals],
                position=_last_position(connection, flag),
            )

        return self._file.reading(read)

    def documents(self, flag: str) -> dict[str, str]:
        """See `Backend.documents`."""
        return self._file.reading(lambda connection: _documents(connection, flag))

    def swap(self, flag: str, expected: Mapping[str, str | None], *, new: Mapping[str, str | None]) -> bool:
        """See `Backend.swap`."""

        def write(connection: sqlite3.Connection) -> bool:
            standing = _documents(connection, flag)
            if any(standing.get(name) != text for name, text in expected.items()):
                return False
            for name, text in new.items():
                if text is None:
                    connection.execute("DELETE FROM documents WHERE flag = ? AND name = ?", (flag, name))
                else:
                    connection.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?)", (flag, name, text))
            return True

        return self._file.writing_through(write)

    def add(self, flag: str, batch: Batch, *, now: float) -> bool:
        """See `Backend.add`."""
        return self._file.writing(
            lambda connection: sqlite_evidence.add(
                connection, flag, batch=batch, key=self._file.learn_key(connection), now=now
            )
        )

    def epoch(self, flag: str, name: str) -> StoredEpoch:
        """See `Backend.epoch`."""
        found = self._file.reading(lambda connection: sqlite_evidence.read(connection, flag, name=name))
        return found.get(name, StoredEpoch())

    def unit_key(self, unit: str) -> str:
        """See `Backend.unit_key`."""
        return units.text_of(units.digest(unit, self._file.key))

    def pin(
        self, flag: str, pins: Mapping[str, StoredPin], *, now: float, lapses_at: float
    ) -> dict[str, tuple[Arm, float]]:
        """See `Backend.pin`."""

        def write(connection: sqlite3.Connection) -> dict[str, tuple[Arm, float]]:
            key = self._file.learn_key(connection)
            _drop_lapsed(connection, now)
            rows = [
                (flag, units.digest(unit, key), pin.arm, float(pin.share), lapses_at, now) for unit, pin in pins.items()
            ]
            return {unit: _pinned(connection, row) for unit, row in zip(pins, rows, strict=True)}

        return self._file.writing(write)

    def pins(self, flag: str, wanted: Sequence[str], *, now: float) -> dict[str, tuple[Arm, float]]:
        """See `Backend.pins`."""

        def read(connection: sqlite3.Connection) -> dict[str, tuple[Arm, float]]:
            key = self._file.learn_key(connection)
            rows = {
                unit: connection.execute(
                    "SELECT arm, share FROM pins WHERE flag = ? AND unit = ? AND lapses_at > ?",
                    (flag, units.digest(unit, key), now),
                ).fetchone()
                for unit in wanted
            }
            return {unit: row for unit, row in rows.items() if row is not None}

        return self._file.reading(read)

    def pins_after(self, flag: str, *, after: int, limit: int, now: float) -> PinPage:
        """See `Backend.pins_after`."""

        def read(connection: sqlite3.Connection) -> PinPage:
            self._file.learn_key(connection)
            given = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'pins'").fetchone()
            begin = after if given is not None and after <= given[0] else 0
            rows = connection.execute(
                "SELECT position, unit, arm, share, lapses_at FROM pins WHERE flag = ? AND position > ?"
                " ORDER BY position LIMIT ?",
                (flag, begin, limit),
            ).fetchall()
            held = [row[1:4] for row in rows if row[4] > now]
            pins = {units.text_of(unit): StoredPin(arm=arm, share=share) for unit, arm, share in held}
            return PinPage(pins=pins, position=rows[-1][0] if rows else begin)

        return self._file.reading(read)

    def append(self, flag: str, text: str, *, entry_id: str | None) -> int:
        """See `Backend.append`."""

        def write(connection: sqlite3.Connection) -> int:
            known = connection.execute(
                "SELECT position FROM history WHERE flag = ? AND entry_id = ?", (flag, entry_id)
            ).fetchone()
            if known is not None:
                return int(known[0])
            position = _last_position(connection, flag) + 1
            connection.execute("INSERT INTO history VALUES (?, ?, ?, ?)", (flag, position, text, entry_id))
            return position

        return self._file.writing_through(write)

    def entries(self, flag: str, *, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """See `Backend.entries`."""
        return self._file.reading(
            lambda connection: connection.execute(
                "SELECT position, entry FROM history WHERE flag = ? AND position > ? ORDER BY position LIMIT ?",
                (flag, after, limit),
            ).fetchall()
        )

    def approve(self, flag: str, *, step: str, by: str, text: str) -> None:
        """See `Backend.approve`."""
        row = (flag, step, by, text)
        self._file.writing_through(
            lambda connection: connection.execute("INSERT OR REPLACE INTO approvals VALUES (?, ?, ?, ?)", row)
        )

    def withdraw(self, flag: str, *, step: str) -> int:
        """See `Backend.withdraw`."""
        return self._file.writing_through(
            lambda connection: (
                connection.execute("DELETE FROM approvals WHERE flag = ? AND step = ?", (flag, step)).rowcount
            )
        )

    def purge(self, flag: str, *, now: float, before: float) -> int:
        """See `Backend.purge`."""
        gone = self._file.writing(lambda connection: sqlite_evidence.discard_before(connection, flag, before=before))
        for bite in (lambda connection: _drop_lapsed(connection, now), sqlite_evidence.sweep):
            # In bites, so that others come in between.
            while dropped := self._file.writing(bite):
                gone += dropped
        return gone

    def close(self) -> None:
        """See `Backend.close`."""
        self._file.close()


def _checked_path(path: object) -> str:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path is {kind_of(path)}; give the path of a file")
    text = os.fspath(path)
    if not isinstance(text, str) or not text or "\0" in text:
        raise ValueError("path is empty, bytes, or has a NUL character in it; give the path of a file as a string")
    return text


def _documents(connection: sqlite3.Connection, flag: str) -> dict[str, str]:
    return dict(connection.execute("SELECT name, value FROM documents WHERE flag = ?", (flag,)).fetchall())


def _last_position(connection: sqlite3.Connection, flag: str) -> int:
    found = connection.execute("SELECT max(position) FROM history WHERE flag = ?", (flag,)).fetchone()[0]
    return int(found or 0)


def _pinned(connection: sqlite3.Connection, row: tuple[str, bytes, str, float, float, float]) -> tuple[Arm, float]:
    """The pin that holds; `row` is flag, unit, arm, share, when it lapses, and now."""
    flag, unit, _, _, lapses_at, now = row
    connection.execute("DELETE FROM pins WHERE flag = ? AND unit = ? AND lapses_at <= ?", (flag, unit, now))
    connection.execute(
        "INSERT INTO pins (flag, unit, arm, share, lapses_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (flag, unit) DO UPDATE SET lapses_at = max(lapses_at, excluded.lapses_at)",
        (*row[:4], lapses_at),
    )
    found: tuple[Arm, float] = connection.execute(
        "SELECT arm, share FROM pins WHERE flag = ? AND unit = ?", (flag, unit)
    ).fetchone()
    return found


def _drop_lapsed(connection: sqlite3.Connection, now: float) -> int:
    return connection.execute(
        "DELETE FROM pins WHERE position IN (SELECT position FROM pins WHERE lapses_at <= ? LIMIT ?)",
        (now, _LAPSED_AT_ONCE),
    ).rowcount
