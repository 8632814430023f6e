"""A SQLite file that several processes write: connections, transactions, the time limit, forks, and errors in our words.

Not what stands in it (`sqlite_schema`, `sqlite_evidence`, `sqlite_store`). Write-ahead logging (https://sqlite.org/wal.html):
readers never wait for a writer, and a commit waits for no disk. Two connections per process, made at first use: one reads,
one writes. None crosses a fork, since SQLite's locks belong to a process (https://sqlite.org/howtocorrupt.html, 2.6): they
are closed before it.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from shim.migration.store import sqlite_schema, units
from shim.migration.store.protocol import StoreError, StoreUnavailableError

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

MEMORY = ":memory:"

# Between two tries for a lock, in seconds. SQLite's own waits grow to 100 ms, which is long beside a transaction of 0.2 ms.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.0005, 0.004
# Bytes to which the log is cut when it was written back: it grows in a burst, and need not stay so.
_LOG_BYTES = 4 * 1024 * 1024

# Part of SQLite's message -> whether it may pass, what is wrong, what to do. The words are SQLite's own (sqlite3ErrStr), and
# the only sign of the kind before Python 3.11.
_FAULTS: tuple[tuple[str, bool, str, str], ...] = (
    (
        "is locked",
        True,
        "is held by another process for longer than the time limit",
        "try again, or give more time_limit",
    ),
    ("locking protocol", True, "could not be locked", "try again; on a network file system give a RedisStore"),
    ("is full", True, "has no room left", "make room on its disk"),
    ("disk I/O error", True, "cannot be read or written", "look at its disk: room, quota, health"),
    ("readonly", False, "is read-only", "let this process write the file and its folder"),
    ("unable to open", False, "cannot be opened", "let this process read and write the file and its folder"),
    ("not a database", False, "is no SQLite database", "give another path, or move that file away"),
    ("malformed", False, "is damaged", "move it and its -wal and -shm files away; a new one is begun, at stage off"),
    (
        "no such",
        False,
        "lacks part of its tables",
        "move it and its -wal and -shm files away; a new one is begun, at stage off",
    ),
)


# While a new file is open other than by SQLite, no thread of ours opens it by SQLite.
_making = threading.Lock()


class _Seat:
    """A connection, and the lock of whoever uses it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.connection: sqlite3.Connection | None = None
        self.pid = 0
        self.file: tuple[int, int] | None = None

    def close(self) -> None:
        connection, self.connection = self.connection, None
        if connection is not None:
            connection.close()

    def __del__(self) -> None:
        if self.pid == os.getpid():  # a store that nobody closed, as one in memory
            self.close()


class SqliteFile:
    """The file of one store, and what this process has open of it.

    Args:
        path: of the file; made, readable by its owner alone, where it is missing. ":memory:" is one process's own.
        time_limit: seconds that a call may wait for locks.
        hash_key: what units are hashed with, None for a key of the file's own.

    Raises:
        StoreError: it cannot be used, and that will not pass by itself.
    """

    def __init__(self, path: str, *, time_limit: float, hash_key: bytes | None) -> None:
        self.path = path if path == MEMORY else str(Path(path).absolute())
        self.where = f"the store {self.path}"
        self._time_limit = time_limit
        self._given_key = hash_key
        self.key = hash_key or units.new_key()  # what a file gets that has none
        self._writing = _Seat()
        self._reading = self._writing if path == MEMORY else _Seat()
        self._held: list[_Seat] = []
        _close_before_forks(self)

    def learn_key(self, connection: sqlite3.Connection) -> bytes:
        """The key of the units' hashes as the file has it, and `key` from now on. Inside a transaction."""
        self.key = sqlite_schema.hash_key(connection, self._given_key, where=self.where)
        return self.key

    def reading(self, work: Work[T]) -> T:
        """What `work` reads, all of one moment."""
        return self._run(self._reading, work, begin="BEGIN")

    def writing(self, work: Work[T]) -> T:
        """Do `work` as a whole or not at all."""
        return self._run(self._writing, work, begin="BEGIN IMMEDIATE")

    def writing_through(self, work: Work[T]) -> T:
        """The same, and on the disk before it returns: what a person or the guard decided outlives a power cut."""
        return self._run(self._writing, work, begin="BEGIN IMMEDIATE", synchronous="FULL")

    def close(self) -> None:
        """Close what this process has open; a later call opens it again. What stands in memory alone is kept."""
        if self.path == MEMORY:
            return
        for seat in (self._reading, self._writing):
            if seat.lock.acquire(timeout=self._time_limit):
                try:
                    if seat.pid == os.getpid():
                        seat.close()
                finally:
                    seat.lock.release()

    def _run(self, seat: _Seat, work: Work[T], *, begin: str, synchronous: str = "NORMAL") -> T:
        deadline = time.monotonic() + self._time_limit
        if not seat.lock.acquire(timeout=self._time_limit):
            raise StoreUnavailableError(
                f"{self.where} is in use by other threads for longer than {self._time_limit:g} s; try again"
            )
        try:
            while True:
                try:
                    return _transaction(self._connected(seat), work, begin=begin, synchronous=synchronous)
                except sqlite3.Error as error:
                    if not _is_locked(error) or time.monotonic() >= deadline:
                        if seat.pid == os.getpid() and self.path != MEMORY:
                            seat.close()
                        self._fail(error)
                # Spreads the tries of several processes; no secret.
                time.sleep(random.uniform(_SHORTEST_PAUSE, _LONGEST_PAUSE))  # noqa: S311 - see above
        finally:
            seat.lock.release()

    def _connected(self, seat: _Seat) -> sqlite3.Connection:
        if seat.connection is not None and seat.pid != os.getpid():
            raise StoreError(f"{self.where} was open when this process was forked; make the store in each process")
        if seat.connection is not None and self.path != MEMORY and seat.file != _identity(self.path):
            seat.close()  # replaced or moved away: whoever comes now shares the new one
        return seat.connection or self._opened(seat)

    def _opened(self, seat: _Seat) -> sqlite3.Connection:
        if self.path != MEMORY:
            self._make_file()
        connection = sqlite3.connect(self.path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {_LOG_BYTES}")
            if not sqlite_schema.is_ours(connection, self.where):
                _transaction(connection, self._set_up, begin="BEGIN IMMEDIATE")
        except BaseException:
            connection.close()
            raise
        seat.connection, seat.pid, seat.file = connection, os.getpid(), _identity(self.path)
        return connection

    def _set_up(self, connection: sqlite3.Connection) -> None:
        sqlite_schema.set_up(connection, self.key, keep_key=self._given_key is None, where=self.where)

    def _make_file(self) -> None:
        """Where the file is missing, make it before SQLite does, who would let everybody read it.

        A file that is there is opened by SQLite alone: closing any other descriptor of it would drop every lock that this process
        has on it, and updates would be lost (https://sqlite.org/howtocorrupt.html, 2.2).
        """
        found = Path(self.path)
        if found.exists() and not found.is_file():
            what = "a directory" if found.is_dir() else "no regular file"
            raise StoreError(f"{self.where} is {what}; give the path of a file")
        with _making:
            try:
                descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            except FileExistsError:
                return
            except OSError as error:
                remedy = "let this process read and write the file and its folder"
                raise StoreError(f"{self.where} cannot be made ({error.strerror}); {remedy}") from None
            os.close(descriptor)

    def _fail(self, error: sqlite3.Error) -> NoReturn:
        for words, may_pass, wrong, remedy in _FAULTS:
            if words in str(error):
                kind = StoreUnavailableError if may_pass else StoreError
                raise kind(f"{self.where} {wrong} ({error}); {remedy}") from error
        raise StoreError(f"{self.where} cannot be used ({error})") from error

    def before_fork(self) -> None:
        """Let nobody into a transaction, and leave no connection open, until the fork is done."""
        self._held = [
            seat for seat in {self._reading, self._writing} if seat.lock.acquire(timeout=2 * self._time_limit)
        ]
        for seat in self._held:
            if self.path != MEMORY:
                seat.close()

    def after_fork(self) -> None:
        """Go on."""
        for seat in self._held:
            seat.lock.release()
        self._held = []

    def after_fork_in_child(self) -> None:
        """Go on, without the threads that the child has not."""
        for seat in {self._reading, self._writing}.difference(self._held):
            seat.lock = threading.Lock()  # its holder is not in this process; its connection is refused by `_connected`
        self.after_fork()


def _transaction(connection: sqlite3.Connection, work: Work[T], *, begin: str, synchronous: str = "NORMAL") -> T:
    if synchronous != "NORMAL":
        connection.execute(f"PRAGMA synchronous = {synchronous}")
    try:
        connection.execute(begin)
        found = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    finally:
        if synchronous != "NORMAL":
            connection.execute("PRAGMA synchronous = NORMAL")
    return found


def _is_locked(error: sqlite3.Error) -> bool:
    return "is locked" in str(error) or "locking protocol" in str(error)


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - on every call, and a Path costs more than the call itself
    except OSError:
        return None
    return found.st_dev, found.st_ino


# Hooks around a fork cannot be taken back, so there is one set for all stores, and it knows them weakly; set with the first.
_open_files: weakref.WeakSet[SqliteFile] = weakref.WeakSet()
_hooks = threading.Lock()
_hooked: list[bool] = []


def _close_before_forks(file: SqliteFile) -> None:
    with _hooks:
        _open_files.add(file)
        if not _hooked and hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=lambda: _each(SqliteFile.before_fork),
                after_in_parent=lambda: _each(SqliteFile.after_fork),
                after_in_child=lambda: _each(SqliteFile.after_fork_in_child),
            )
            _hooked.append(True)


def _each(step: Callable[[SqliteFile], None]) -> None:
    for file in list(_open_files):
        step(file)
