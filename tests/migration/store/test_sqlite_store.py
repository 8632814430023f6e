"""Tests of what is a file's own: how it is made, what is wrong with it, who holds it, and what becomes of it."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shim.migration.store import (
    BATCH_MEMORY,
    Batch,
    First,
    SqliteStore,
    Store,
    StoreError,
    StoreUnavailableError,
)
from shim.migration.store.sqlite_file import SqliteFile
from tests.house.sources import ROOT
from tests.migration.store.made import CONTROL, FLAG

NOBODY = 65534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


def file_of(store: SqliteStore) -> SqliteFile:
    """The file beneath, where a test has to look."""
    file: SqliteFile = store._backend._file  # type: ignore[attr-defined]  # of the SQLite backend
    return file


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Another program that writes, and does not end."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def unprivileged(folder: Path) -> Iterator[None]:
    """As a user who owns the folder and nothing else, since permissions do not bind root."""
    if os.geteuid() != 0:
        yield
        return
    opened = [each for each in folder.parents if each.is_relative_to("/tmp") and each != Path("/tmp")]  # noqa: S108 - looked at
    modes = {each: each.stat().st_mode for each in opened}
    for each in modes:
        each.chmod(0o711)
    for each in (folder, *folder.iterdir()):
        os.chown(each, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        for each, mode in modes.items():
            each.chmod(stat.S_IMODE(mode))


def test_it_is_the_protocol(path: Path) -> None:
    """A SqliteStore is a Store to the type checker, and names its file."""
    store: Store = SqliteStore(path)
    assert repr(store) == f"<SqliteStore {path}>"


def test_only_its_owner_reads_the_file(path: Path) -> None:
    """The file and the two beside it have mode 0600, whatever the umask allows."""
    before = os.umask(0)
    try:
        with SqliteStore(path) as store:
            store.append_history(FLAG, {"a": 1})
            files = sorted(path.parent.iterdir())
            modes = [stat.S_IMODE(each.stat().st_mode) for each in files]
    finally:
        os.umask(before)
    assert [each.name for each in files] == ["store.db", "store.db-shm", "store.db-wal"]
    assert modes == [0o600] * 3


def test_units_do_not_stand_in_the_file(path: Path) -> None:
    """No conversation's id is found in the file's bytes."""
    with SqliteStore(path) as store:
        first = First(kind="error", unit="conversation-of-ann", sums={"e": 1})
        store.add(FLAG, Batch(batch_id="1", epoch="e", firsts=[first]))
        store.pin(FLAG, {"conversation-of-ann": CONTROL}, max_age=60)
    assert b"conversation-of-ann" not in path.read_bytes()


def test_making_a_store_opens_nothing_for_long(path: Path) -> None:
    """A process that only makes a store, and forks, has no connection open."""
    store = SqliteStore(path)
    assert file_of(store)._writing.connection is file_of(store)._reading.connection is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (7, "path is of type int"),
        (None, "path is None"),
        ("", "path is empty"),
        ("a\0b", "NUL"),
        (b"a", "of type bytes"),
    ],
)
def test_a_bad_path_is_refused(value: Any, words: str) -> None:
    """What is no path is refused by a mistake's error, not a store's."""
    with pytest.raises((TypeError, ValueError), match=words):
        SqliteStore(value)


@pytest.mark.parametrize("value", [0, -1, 61, float("nan"), True, "1", None])
def test_a_bad_time_limit_is_refused(path: Path, value: Any) -> None:
    """A time limit that bounds nothing is refused."""
    with pytest.raises((TypeError, ValueError), match="time_limit is"):
        SqliteStore(path, time_limit=value)


def test_a_directory_is_refused(tmp_path: Path) -> None:
    """A directory is told apart from a file."""
    with pytest.raises(StoreError, match="is a directory; give the path of a file"):
        SqliteStore(tmp_path)


def test_what_is_no_regular_file_is_refused(path: Path) -> None:
    """A pipe, on which reading would wait for ever, is told apart from a file."""
    os.mkfifo(path)
    with pytest.raises(StoreError, match="is no regular file; give the path of a file"):
        SqliteStore(path)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """A folder that is not there is not made up, and the remedy says what is needed."""
    with pytest.raises(
        StoreError, match=r"cannot be made \(No such file or directory\); let this process read and write"
    ):
        SqliteStore(tmp_path / "none" / "store.db")


def test_a_read_only_file_is_refused(path: Path) -> None:
    """A file that may not be written is an error at once, with the remedy, and not at the first flush."""
    with SqliteStore(path) as store:
        store.append_history(FLAG, {"a": 1})
    path.chmod(0o400)
    with (
        unprivileged(path.parent),
        pytest.raises(StoreError, match=r"is read-only .*let this process write the file") as raised,
    ):
        SqliteStore(path)
    assert not isinstance(raised.value, StoreUnavailableError)


def test_a_file_that_may_not_be_read_is_refused(path: Path) -> None:
    """A file without any permission is an error that names it, with the remedy."""
    SqliteStore(path).close()
    path.chmod(0)
    with (
        unprivileged(path.parent),
        pytest.raises(StoreError, match=r"store\.db cannot be opened .*let this process read"),
    ):
        SqliteStore(path)


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    """Something else at the path is refused, and left as it was."""
    path.write_bytes(b"precious " * 1000)
    with pytest.raises(StoreError, match=r"is no SQLite database .*give another path"):
        SqliteStore(path)
    assert path.read_bytes() == b"precious " * 1000


def test_an_empty_file_becomes_a_store(path: Path) -> None:
    """An empty file, as `mktemp` makes it, is taken for a new store."""
    path.touch()
    with SqliteStore(path) as store:
        assert store.append_history(FLAG, {"a": 1}) == 1


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE theirs (a)", "PRAGMA user_version = 3", "PRAGMA application_id = 7"]
)
def test_another_programs_database_is_refused(path: Path, statement: str) -> None:
    """Another program's database is refused, and left as it was."""
    other = sqlite3.connect(path)
    other.execute(statement)
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="is another program's database; give a file of the store's own"):
        SqliteStore(path)


def test_a_newer_schema_is_refused(path: Path) -> None:
    """A file of a newer version is refused, with both versions and the remedy."""
    SqliteStore(path).close()
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 2")
    other.commit()
    other.close()
    with pytest.raises(StoreError, match="has schema 2, and this version knows schema 1; update legacy-openai-shim"):
        SqliteStore(path)


def test_a_damaged_file_is_an_error(path: Path) -> None:
    """A file damaged in its midst is an error of ours with the remedy, whatever is asked of it."""
    with SqliteStore(path) as store:
        firsts = [First(kind="error", unit=str(number)) for number in range(2000)]
        store.add(FLAG, Batch(batch_id="1", epoch="e", firsts=firsts))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    with pytest.raises(StoreError, match="move it and its -wal and -shm files away"):
        SqliteStore(path).snapshot(FLAG)


def test_a_document_that_somebody_else_wrote_is_an_error(path: Path) -> None:
    """A document that is not what was written is an error that names it, and `off` can still be written over it."""
    with SqliteStore(path) as store:
        store.write_kill_switch(FLAG, on=False, by="ann", reason="")
        other = sqlite3.connect(path)
        other.execute("UPDATE documents SET value = '{\"on\": 7}'")
        other.commit()
        other.close()
        with pytest.raises(StoreError, match=r"the kill_switch in .* does not hold what was written"):
            store.snapshot(FLAG)
        store.write_kill_switch(FLAG, on=True, by="ann", reason="off at once")
        found = store.read_kill_switch(FLAG)
    assert found is not None
    assert found.on


def test_a_full_disk_loses_only_what_did_not_fit(path: Path) -> None:
    """Where the disk is full the batch is refused whole, what was there is there still, and it fits when there is room again."""
    with SqliteStore(path) as store:
        store.add(FLAG, Batch(batch_id="1", epoch="e", sums={"n": 1}))
        connection = file_of(store)._writing.connection
        assert connection is not None
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        firsts = [First(kind="error", unit=str(number), sums={"n": 1}) for number in range(2000)]
        large = Batch(batch_id="2", epoch="e", sums={"n": 1}, firsts=firsts)
        with pytest.raises(StoreUnavailableError, match=r"has no room left .*make room on its disk"):
            store.add(FLAG, large)
        assert store.read_epoch(FLAG, "e").sums == {"n": 1}
        assert store.add(FLAG, large)  # on a connection without the bound
        assert store.read_epoch(FLAG, "e").sums == {"n": 2002}


def test_a_file_that_is_held_costs_the_time_limit(path: Path) -> None:
    """While another program holds the file, a write ends at its time limit with the remedy, and a read is not held up."""
    with SqliteStore(path, time_limit=0.2) as store:
        store.append_history(FLAG, {"a": 1})
        with held(path):
            begin = time.monotonic()
            with pytest.raises(StoreUnavailableError, match=r"held by another process .*give more time_limit"):
                store.append_history(FLAG, {"a": 2})
            took = time.monotonic() - begin
            assert store.snapshot(FLAG).position == 1
        assert 0.2 <= took < 5
        assert store.append_history(FLAG, {"a": 2}) == 2


def test_a_service_starts_while_the_file_is_held(path: Path) -> None:
    """A store can be made while another program holds the file, fails within the limit, and works as soon as it is let go."""
    path.touch()
    with held(path):
        store = SqliteStore(path, time_limit=0.1)
        with pytest.raises(StoreUnavailableError, match="is held by another process"):
            store.snapshot(FLAG)
    assert store.snapshot(FLAG).position == 0
    store.close()


def test_threads_that_wait_for_each_other_wait_no_longer_than_the_limit(path: Path) -> None:
    """A thread that cannot have its turn within the limit is told so."""
    with SqliteStore(path, time_limit=0.2) as store:
        entered, leave = threading.Event(), threading.Event()

        def stay(connection: sqlite3.Connection) -> None:
            entered.set()
            leave.wait(10)

        thread = threading.Thread(target=file_of(store).writing, args=(stay,))
        thread.start()
        assert entered.wait(10)
        with pytest.raises(StoreUnavailableError, match="in use by other threads"):
            store.append_history(FLAG, {"a": 1})
        assert store.snapshot(FLAG).position == 0
        leave.set()
        thread.join()
        assert store.append_history(FLAG, {"a": 1}) == 1


def test_a_replaced_file_is_followed(path: Path) -> None:
    """Where the file is moved away or replaced, the next call uses what stands at the path, as every other process does."""
    with SqliteStore(path) as one, SqliteStore(path) as two:
        one.append_history(FLAG, {"a": 1})
        assert two.snapshot(FLAG).position == 1
        for each in path.parent.iterdir():
            each.rename(each.with_name(f"old-{each.name}"))
        assert one.snapshot(FLAG).position == 0
        one.write_kill_switch(FLAG, on=True, by="ann", reason="")
        assert two.read_kill_switch(FLAG) == one.read_kill_switch(FLAG)


def test_memory_is_shared_by_threads() -> None:
    """A store in memory is one store to all threads of a process, and outlives `close`."""
    store = SqliteStore(":memory:")
    threads = [
        threading.Thread(target=store.add, args=(FLAG, Batch(batch_id=str(number), epoch="e", sums={"n": 1})))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()
    assert store.read_epoch(FLAG, "e").sums == {"n": 8}


def test_a_connection_that_crossed_a_fork_is_refused(path: Path) -> None:
    """Where a fork that Python did not see took an open connection along, the child is told what to do, and touches nothing."""
    with SqliteStore(path) as store:
        store.append_history(FLAG, {"a": 1})
        seat = file_of(store)._writing
        seat.pid += 1
        with pytest.raises(StoreError, match="was open when this process was forked; make the store in each process"):
            store.append_history(FLAG, {"a": 2})
        seat.pid -= 1
        assert store.append_history(FLAG, {"a": 2}) == 2


def test_old_rows_are_swept_in_bites(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The many rows of an epoch that was let go are removed by the batches that follow, some by each, until none is left."""
    monkeypatch.setattr("shim.migration.store.sqlite_evidence.KEPT_EPOCHS", 1)
    monkeypatch.setattr("shim.migration.store.sqlite_evidence._SWEPT_AT_ONCE", 40)
    with SqliteStore(path) as store:
        firsts = [First(kind="error", unit=str(number)) for number in range(100)]
        store.add(FLAG, Batch(batch_id="0", epoch="old", firsts=firsts))
        left = []
        for number in range(1, 5):
            store.add(FLAG, Batch(batch_id=str(number), epoch="new"))
            left.append(file_of(store).reading(lambda each: each.execute("SELECT count(*) FROM seen").fetchone()[0]))
    assert left == [60, 20, 0, 0]


def test_a_batch_id_is_forgotten_in_time(path: Path) -> None:
    """A file forgets a batch's id after a time, so that ids do not pile up."""
    now = [1000.0]
    with SqliteStore(path, clock=lambda: now[0]) as store:
        assert store.add(FLAG, Batch(batch_id="1", epoch="e"))
        now[0] += BATCH_MEMORY
        assert not store.add(FLAG, Batch(batch_id="1", epoch="e"))
        now[0] += 1
        assert store.add(FLAG, Batch(batch_id="1", epoch="e"))


LIGHT = """
import sys
import shim.migration.store
print([each for each in ("sqlite3", "redis", "requests", "pycurl") if each in sys.modules])
"""


def test_the_stores_load_nothing_before_they_are_asked_for() -> None:
    """Importing the room loads neither SQLite nor the Redis client."""
    probe = subprocess.run(  # noqa: S603 - our own interpreter on the text above
        [sys.executable, "-c", LIGHT], cwd=ROOT, capture_output=True, text=True, check=True, timeout=15
    )
    assert probe.stdout.strip() == "[]"
