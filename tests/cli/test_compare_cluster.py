"""Tests of `shim compare --scheduler`: options, and a real Dask cluster on loopback that loses workers and its scheduler.

Not the going on by itself (`tests.comparison.runs.test_cluster`), nor what a worker does with a file (`test_compare_part`).
"""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import RunShim
from tests.cli.recordings import DIFFERENT, GOOD, recorded
from tests.cli.running import Running, environment, run, shim_command
from tests.cli.test_compare_shards import without_times
from tests.helpers.dask_processes import DaskProcesses, wait_until

PATIENCE = 300.0  # seconds: the processes of a cluster take some to start, and a busy machine takes many times as long
ADDRESS = "tcp://127.0.0.1:1"
FILES = 8
ODD_WORKER = {"DASK_DISTRIBUTED__WORKER__PRELOAD": str(Path(__file__).with_name("odd_worker.py"))}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--scheduler", "10.0.0.1", "--parts", "P", "a"], "--scheduler takes the address that dask scheduler prints"),
        (["--scheduler", "tcp://u:secret@h:1", "--parts", "P", "a"], "such as tcp://127.0.0.1:8786, or tls://"),
        (["--scheduler", ADDRESS, "a"], "--scheduler needs --parts DIR: a folder, or a URL, that all workers share"),
        (["--scheduler", ADDRESS, "--parts", "P"], "--scheduler needs the files to compare"),
        (["--scheduler", ADDRESS, "--parts", "P", "no-*"], "no-*: no file has such a name"),
        (["--scheduler", ADDRESS, "--parts", "P", "-"], "standard input"),
        (["--scheduler", ADDRESS, "--parts", "P", "--workers", "2", "a"], "--workers goes without --scheduler"),
        (["--scheduler", ADDRESS, "--parts", "P", "--limit", "2", "a"], "--limit goes without --scheduler"),
        (["--scheduler", ADDRESS, "--shard", "0/2", "--parts", "P", "a"], "--shard goes without --scheduler"),
        (
            ["--scheduler", ADDRESS, "--candidate", "b", "a"],
            "--scheduler shares files out, and the partner of an exchange may",
        ),
        (["--patience", "3", "a"], "--patience is for a cluster; give --scheduler ADDRESS, too"),
        (["--scheduler", ADDRESS, "--parts", "P", "s3://u:secret@b/a"], "FILE s3://b/a holds what may be a credential"),
        (["--scheduler", ADDRESS, "--parts", "s3://b/p?X-Signature=secret", "a"], "--parts s3://b/p holds what may be"),
    ],
)
def test_what_does_not_go_together_is_refused(
    options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_shim: RunShim
) -> None:
    """Options that cannot mean anything, and URLs with credentials, are status 2, named without secrets, and leave no file."""
    monkeypatch.chdir(tmp_path)
    ran = run_shim("compare", *options)
    assert (ran.status, "secret" in ran.err) == (2, False)
    assert said in ran.err
    assert not list(tmp_path.iterdir())


@pytest.fixture
def files(tmp_path: Path) -> str:
    """A pattern of files, one difference in every other."""
    for number in range(FILES):
        recorded(tmp_path / f"{number}.jsonl", *GOOD, *[DIFFERENT] * (number % 2))
    return str(tmp_path / "*.jsonl")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[DaskProcesses]:
    """A scheduler with two workers, which each file takes a second."""
    pytest.importorskip("distributed", reason="Dask is not installed: pip install 'legacy-openai-shim[cluster]'")
    logs = tmp_path / "logs"
    logs.mkdir()
    with DaskProcesses(logs, environment=ODD_WORKER) as running:
        running.start_worker()
        running.start_worker()
        yield running


def on(cluster: DaskProcesses, tmp_path: Path, *options: str) -> list[str]:
    """The options that compare on a cluster."""
    return ["compare", "--scheduler", cluster.address, "--parts", str(tmp_path / "parts"), *options]


def parts_in(tmp_path: Path) -> int:
    """How many parts are there."""
    return len(list((tmp_path / "parts").glob("*.part.gz")))


def told(text: str) -> object:
    """What a report says, but for the times."""
    return json.loads(without_times(text).replace("…", "0"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_worker_that_is_killed_loses_nothing(cluster: DaskProcesses, files: str, tmp_path: Path) -> None:
    """A worker ended by kill -9 in mid-run costs nothing: what is told is what one run without a cluster tells."""
    with Running(shim_command(*on(cluster, tmp_path, "--json", "--quiet", files)), environment()) as driver:
        wait_until(lambda: parts_in(tmp_path), what="the first part", deadline=PATIENCE)
        os.kill(cluster.workers[0].pid, signal.SIGKILL)
        assert parts_in(tmp_path) < FILES
        status = driver.status()
        report = driver.output
        errors = driver.errors()
    assert (status, parts_in(tmp_path)) == (1, FILES), errors
    one = run(shim_command("compare", "--json", "--quiet", files), environment(), deadline=PATIENCE)
    assert told(report) == told(one.stdout)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_scheduler_that_ends_and_starts_again_loses_nothing(
    cluster: DaskProcesses, files: str, tmp_path: Path
) -> None:
    """A scheduler ended by kill -9 in mid-run is waited for, what goes on is told, and its successor does what is left."""
    with Running(shim_command(*on(cluster, tmp_path, "--show", "0", files)), environment()) as driver:
        wait_until(lambda: parts_in(tmp_path), what="the first part", deadline=PATIENCE)
        cluster.kill_scheduler()
        cluster.kill_workers()
        done = parts_in(tmp_path)
        assert 0 < done < FILES
        cluster.start_scheduler()
        cluster.start_worker()
        status = driver.status()
        said, errors = driver.output, driver.errors()
    assert (status, parts_in(tmp_path)) == (1, FILES), errors
    assert f"The scheduler at {cluster.address} is gone" in errors
    assert "What is done is kept; waiting up to 300 s for its return." in errors
    assert "The scheduler is there again after" in errors
    assert "Traceback" not in errors
    assert f"{FILES * 2 + FILES // 2} exchanges in" in said


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_line_that_ends_its_workers_ends_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that ends every worker that compares it is compared by the driver itself, and all others by workers."""
    pytest.importorskip("distributed", reason="Dask is not installed: pip install 'legacy-openai-shim[cluster]'")
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "1")
    logs = tmp_path / "logs"
    logs.mkdir()
    for name in ("a", "b", "ends-its-worker"):
        recorded(tmp_path / f"{name}.jsonl", *GOOD)
    with DaskProcesses(logs, nanny=True, environment=ODD_WORKER) as cluster:
        cluster.start_worker()
        command = on(cluster, tmp_path, str(tmp_path / "*.jsonl"))
        ran = run(shim_command(*command), environment(), deadline=PATIENCE)
    assert ran.returncode == 0, ran.stderr
    assert "ended the workers that compared" in ran.stderr
    assert "6 exchanges in" in ran.stdout


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_scheduler_that_is_not_there_is_an_error(files: str, tmp_path: Path) -> None:
    """An address where nothing listens is status 2 within the time that a start may take, and leaves nothing merged."""
    pytest.importorskip("distributed", reason="Dask is not installed: pip install 'legacy-openai-shim[cluster]'")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # taken, and nobody listens
        address = f"tcp://127.0.0.1:{bound.getsockname()[1]}"
        command = ["compare", "--scheduler", address, "--parts", str(tmp_path / "parts"), files]
        ran = run(shim_command(*command), environment(), deadline=PATIENCE)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert f"no scheduler answers at {address} within 30 s (" in ran.stderr
    assert "Nothing was merged. Run it again: what has its part is not compared anew." in ran.stderr
    assert "Traceback" not in ran.stderr


@pytest.mark.slow
def test_what_does_not_belong_is_not_merged(tmp_path: Path, run_shim: RunShim) -> None:
    """Parts of other options, and a part that is strange to the run, are named, and nothing is merged or sent anywhere."""
    file, parts = recorded(tmp_path / "a.jsonl", *GOOD), str(tmp_path / "parts")
    assert run_shim("compare", "--shard", "0/1", "--parts", parts, file).status == 0
    given = ["compare", "--scheduler", ADDRESS, "--parts", parts, file]
    assert run_shim(*given).status == 0, "all parts are there: no scheduler is needed"
    other = run_shim(*given, "--rung", "wire")
    assert (other.status, other.out) == (2, "")
    assert "is of a run with other options (rungs); give another folder" in other.err
    (tmp_path / "parts" / "strange.part.gz").write_bytes(b"of another version")
    strange = run_shim(*given)
    assert (strange.status, strange.out) == (2, "")
    assert "holds parts that are not of this run: strange.part.gz" in strange.err
    recorded(tmp_path / "a.jsonl", *GOOD, DIFFERENT)
    changed = run_shim(*given)
    assert (changed.status, changed.out) == (2, "")
    assert "a.jsonl has changed since it began" in changed.err
