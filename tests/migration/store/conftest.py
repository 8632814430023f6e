"""The two kinds of store, made for one test each: a file in its folder, and a server of the run with a prefix of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shim.migration.store import RedisStore, SqliteStore, Store
from tests.migration.store.redis_process import REDIS_SERVER, RedisProcess

MakeStore = Callable[..., Store]
"""Makes a store over the same state each time; takes `clock`, `time_limit` and `hash_key`."""

_prefixes = itertools.count(1)


@pytest.fixture(scope="session")
def redis_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisProcess]:
    """A server for the whole run."""
    if REDIS_SERVER is None:
        pytest.skip("no redis-server is installed")
    with RedisProcess(tmp_path_factory.mktemp("redis")) as process:
        yield process


@pytest.fixture
def process(tmp_path: Path) -> Iterator[RedisProcess]:
    """A server of the test's own, which it may break."""
    with RedisProcess(tmp_path) as started:
        yield started


@pytest.fixture(params=["sqlite", "redis"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStore]:
    """Makes stores over the same state, and closes them."""
    made: list[Store] = []
    if request.param == "redis":
        process: RedisProcess = request.getfixturevalue("redis_process")
        prefix = f"test{next(_prefixes)}"

        def make(**options: object) -> Store:
            made.append(RedisStore(process.url, **{"prefix": prefix, "time_limit": 5.0, **options}))  # type: ignore[arg-type]  # a test's own options
            return made[-1]
    else:

        def make(**options: object) -> Store:
            made.append(SqliteStore(tmp_path / "store.db", **{"time_limit": 5.0, **options}))  # type: ignore[arg-type]  # a test's own options
            return made[-1]

    yield make
    for store in made:
        store.close()


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    """One store."""
    return make_store()
