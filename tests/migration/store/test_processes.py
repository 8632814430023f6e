"""Tests of stores shared by real processes: started apart, forked, and killed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shim.migration.store import Store
from tests.house.sources import ROOT
from tests.migration.store.hammer import FLAG, POLICIES, opened
from tests.migration.store.redis_process import RedisProcess

pytestmark = pytest.mark.slow

PROCESSES, TURNS = 8, 30

Place = tuple[str, str, str]


@pytest.fixture(params=["sqlite", "redis"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Kind, address and prefix of a store, as the programs take them."""
    if request.param == "sqlite":
        return "sqlite", str(tmp_path / "store.db"), "-"
    process: RedisProcess = request.getfixturevalue("redis_process")
    return "redis", process.url, f"processes-{tmp_path.name}"


@pytest.fixture
def left(where: Place) -> Iterator[Store]:
    """The store as the test looks at it."""
    with opened(*where) as store:
        yield store


def test_eight_processes_lose_no_update(where: Place, left: Store) -> None:
    """Of eight processes that write at once every sum, entry and policy is kept, and each unit counts and is pinned once."""
    program = run("hammer", *where, str(PROCESSES), str(TURNS))
    assert program.returncode == 0, program.stderr
    outputs = json.loads(program.stdout)
    assert len(outputs) == PROCESSES
    found = left.snapshot(FLAG)
    epoch = found.epochs["ramp 5"]
    written = PROCESSES * TURNS
    assert {name: epoch.sums[name] for name in ("n", "half", "log 7", "bad", "exposed")} == {
        "n": written,
        "half": written * 0.5,
        "log 7": written * 0.125,
        "bad": TURNS,
        "exposed": TURNS,
    }
    assert epoch.units == {"error": TURNS, "exposed.control": TURNS}
    assert found.position == len(left.read_history(FLAG)) == PROCESSES * TURNS / 10
    assert found.policy is not None
    assert found.policy.version == found.policy.mapping["count"] == PROCESSES * POLICIES
    assert all(each["arms"] == outputs[0]["arms"] for each in outputs)


def test_a_store_survives_forks_in_the_midst_of_writing(where: Place) -> None:
    """Children forked while threads of the parent write use the store they inherited, and nothing is lost on either side."""
    program = run("forking", *where)
    assert program.returncode == 0, program.stderr


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one of the programs beside this file."""
    return subprocess.run(  # noqa: S603 - our own programs
        [sys.executable, "-m", f"tests.migration.store.{program}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


KILLED = """
import sys
from shim.migration.store import Batch, SqliteStore
store = SqliteStore(sys.argv[1])
store.add("openai", Batch(batch_id="1", epoch="e", sums={"n": 1}))
def dies(connection):
    connection.execute("UPDATE sums SET value = 1000")
    print("within", flush=True)
    sys.stdin.readline()
store._backend._file.writing(dies)
"""


def test_a_process_killed_while_it_writes_leaves_all_or_nothing(tmp_path: Path) -> None:
    """What a process was writing when it was killed is not there, what it wrote before is, and nobody waits for it."""
    path = tmp_path / "store.db"
    process = subprocess.Popen(  # noqa: S603 - the program above
        [sys.executable, "-c", KILLED, str(path)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "within\n"
    finally:
        process.kill()
        process.communicate()
    with opened("sqlite", str(path), "-") as store:
        assert store.read_epoch(FLAG, "e").sums == {"n": 1}
        assert store.append_history(FLAG, {"after": "it"}) == 1
