"""The tables of a store in one SQLite file, and how a new file gets them.

Not what is read from and written to them (`sqlite_store`, `sqlite_evidence`). `application_id` and `user_version` tell whose
file it is and of which schema (https://sqlite.org/pragma.html#pragma_application_id).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shim.migration.store import units
from shim.migration.store.protocol import StoreError

if TYPE_CHECKING:
    import sqlite3

SCHEMA = 1
_APPLICATION = 0x5368696D  # "Shim"

_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (flag TEXT, name TEXT, value TEXT NOT NULL, PRIMARY KEY (flag, name)) WITHOUT ROWID;
CREATE TABLE approvals (flag TEXT, step TEXT, by TEXT, value TEXT NOT NULL, PRIMARY KEY (flag, step, by)) WITHOUT ROWID;
CREATE TABLE history (
    flag TEXT, position INTEGER, entry TEXT NOT NULL, entry_id TEXT, PRIMARY KEY (flag, position)
) WITHOUT ROWID;
CREATE UNIQUE INDEX history_ids ON history (flag, entry_id) WHERE entry_id IS NOT NULL;
CREATE TABLE epochs (
    id INTEGER PRIMARY KEY AUTOINCREMENT, flag TEXT NOT NULL, name TEXT NOT NULL,
    began REAL NOT NULL, at REAL NOT NULL, dropped INTEGER NOT NULL DEFAULT 0, UNIQUE (flag, name)
);
CREATE TABLE sums (epoch INTEGER, name TEXT, value REAL NOT NULL, PRIMARY KEY (epoch, name)) WITHOUT ROWID;
CREATE TABLE counts (epoch INTEGER, kind TEXT, count INTEGER NOT NULL, PRIMARY KEY (epoch, kind)) WITHOUT ROWID;
CREATE TABLE seen (epoch INTEGER, kind TEXT, unit BLOB, PRIMARY KEY (epoch, kind, unit)) WITHOUT ROWID;
CREATE TABLE discarded (epoch INTEGER PRIMARY KEY);
CREATE TABLE batches (flag TEXT, id TEXT, at REAL NOT NULL, PRIMARY KEY (flag, id)) WITHOUT ROWID;
CREATE INDEX batches_at ON batches (at);
CREATE TABLE pins (
    position INTEGER PRIMARY KEY AUTOINCREMENT, flag TEXT NOT NULL, unit BLOB NOT NULL,
    arm TEXT NOT NULL, share REAL NOT NULL, lapses_at REAL NOT NULL, UNIQUE (flag, unit)
);
CREATE INDEX pins_lapse ON pins (lapses_at);
"""


def set_up(connection: sqlite3.Connection, key: bytes, *, keep_key: bool, where: str) -> None:
    """Give a new file its tables and the key of its units; leave one that has them. Inside a writing transaction.

    `keep_key` is False where the caller brings the key each time: the file then holds its name alone.

    Raises:
        StoreError: it is another program's, or of a newer schema.
    """
    if not is_ours(connection, where):
        for statement in _TABLES.split(";"):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {SCHEMA}")
        connection.execute("INSERT INTO meta VALUES ('key_name', ?)", (units.name_of_key(key),))
        if keep_key:
            connection.execute("INSERT INTO meta VALUES ('key', ?)", (key,))


def is_ours(connection: sqlite3.Connection, where: str) -> bool:
    """Whether a file has the tables already; False for an empty one.

    Raises:
        StoreError: as `set_up`.
    """
    version, application = _number(connection, "user_version"), _number(connection, "application_id")
    if application == _APPLICATION:
        if version > SCHEMA:
            remedy = "update legacy-openai-shim in this process, or give a store of its own"
            raise StoreError(f"{where} has schema {version}, and this version knows schema {SCHEMA}; {remedy}")
        return True
    if version or application or connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
        raise StoreError(f"{where} is another program's database; give a file of the store's own")
    return False


def hash_key(connection: sqlite3.Connection, given: bytes | None, *, where: str) -> bytes:
    """The key of the units' hashes: the one given, else the file's own.

    Raises:
        StoreError: the file's units were hashed with another key.
    """
    kept = dict(connection.execute("SELECT name, value FROM meta WHERE name LIKE 'key%'").fetchall())
    key: bytes | None = given or kept.get("key")
    if key is None or kept.get("key_name") != units.name_of_key(key):
        remedy = "give each process the same hash_key (or none), or a new store"
        raise StoreError(f"{where} was made with another hash_key; {remedy}")
    return key


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
