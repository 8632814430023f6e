"""Tests of recordings and parts in an S3 bucket, as people type the commands: a process each, against moto's server.

Not other URLs (`tests.recording.test_remote`), nor what a shard or a merge does (`test_compare_shards`).
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from shim.recording.files import encode_exchange, read_lines
from tests.cli.recordings import DIFFERENT, GOOD, UNREADABLE, recorded
from tests.cli.running import environment, run, shim_command
from tests.cli.test_compare_shards import without_times
from tests.helpers.dask_processes import DaskProcesses
from tests.helpers.exchanges import exchange
from tests.helpers.s3_process import SECRET, S3Process

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

PATTERN = "s3://recordings/*.jsonl*"
PARTS = "s3://proof/run-7"
HELD = {"a.jsonl": [*GOOD, DIFFERENT], "b.jsonl.gz": [*GOOD, UNREADABLE], "c.jsonl": [*GOOD, DIFFERENT]}

Shim = Callable[..., CompletedProcess[str]]


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3Process]:
    """Two buckets, of three recordings and of nothing; the same recordings are on the disk."""
    with S3Process() as running:
        for bucket in ("recordings", "proof"):
            running.put(bucket)
        for name, exchanges in HELD.items():
            data = b"".join(map(encode_exchange, exchanges))
            (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
            running.put(f"recordings/{name}", (tmp_path / name).read_bytes())
        yield running


@pytest.fixture
def shim(s3: S3Process) -> Shim:
    """Run `shim` by somebody who may use the buckets."""
    return lambda *arguments: run(shim_command(*arguments), environment(**s3.environment))


def told(ran: CompletedProcess[str], folder: str) -> str:
    """What a run printed as JSON, without times and where its files were."""
    return without_times(ran.stdout).replace(folder, "…")


def test_shards_and_their_merge_are_as_one_run_over_the_disk(shim: Shim, tmp_path: Path) -> None:
    """Shards over a pattern, one with processes of its own, merge to what one run tells of the same files on the disk."""
    for index, more in ((1, []), (0, ["--workers", "2"])):
        ran = shim("compare", "--shard", f"{index}/2", "--parts", PARTS, *more, PATTERN)
        assert (ran.returncode, ran.stderr) == (0, "")
        assert f"Shard {index}/2 has {2 - index} of 3 files: {2 - index} part" in ran.stdout
    merged = shim("compare", "--merge", PARTS, "--json", "--quiet")
    at_once = shim("compare", PATTERN, "--json", "--quiet")
    on_the_disk = shim("compare", f"{tmp_path}/*.jsonl*", "--json", "--quiet")
    assert [ran.returncode for ran in (merged, at_once, on_the_disk)] == [1, 1, 1]
    assert told(merged, "s3://recordings") == told(at_once, "s3://recordings") == told(on_the_disk, str(tmp_path))
    assert '"mismatch":2' in merged.stdout


def test_a_shard_that_is_done_writes_nothing_and_a_changed_object_ends_it(shim: Shim, s3: S3Process) -> None:
    """A shard run again finds its parts; where an object has another ETag than at the run's begin, nothing goes on or merges."""
    shard = ("compare", "--shard", "0/1", "--parts", PARTS, PATTERN)
    assert "3 parts written now, 0 found" in shim(*shard).stdout
    assert "0 parts written now, 3 found" in shim(*shard).stdout
    s3.put("recordings/c.jsonl", b"".join(map(encode_exchange, [*GOOD, UNREADABLE])))
    ran = shim(*shard)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "s3://recordings/c.jsonl" in ran.stderr
    assert "ETag" in ran.stderr


def test_a_cluster_reads_and_writes_buckets(shim: Shim, s3: S3Process, tmp_path: Path) -> None:
    """Dask's workers sign in by their own environment; what they found is as one run's."""
    pytest.importorskip("distributed", reason="Dask is not installed: pip install 'legacy-openai-shim[cluster]'")
    with DaskProcesses(tmp_path, environment=s3.environment) as cluster:
        cluster.start_worker()
        ran = shim("compare", "--scheduler", cluster.address, "--parts", PARTS, PATTERN, "--json", "--quiet")
        at_once = shim("compare", PATTERN, "--json", "--quiet")
        assert without_times(ran.stdout) == without_times(at_once.stdout), cluster.said()


def test_two_recordings_are_compared(shim: Shim, s3: S3Process) -> None:
    """Control and candidate may both be in a bucket."""
    ran = shim("compare", "s3://recordings/a.jsonl", "--candidate", "s3://recordings/c.jsonl")
    assert ran.returncode == 0, ran.stderr
    assert "3 pairs" in ran.stdout


@pytest.mark.parametrize(
    ("action", "says"),
    [(["ls", "--json"], "s3://recordings/b.jsonl.gz"), (["stats"], "9 exchanges"), (["redact", "--check"], "")],
)
def test_recordings_tells_of_a_pattern(action: list[str], says: str, shim: Shim, tmp_path: Path) -> None:
    """What `shim recordings` tells of a pattern of objects is what it tells of the same files."""
    ran, local = shim("recordings", *action, PATTERN), shim("recordings", *action, f"{tmp_path}/*.jsonl*")
    assert ran.returncode == local.returncode
    assert ran.stdout.replace("s3://recordings", str(tmp_path)) == local.stdout
    assert says in ran.stdout


def test_recordings_are_made_of_a_pattern(shim: Shim, tmp_path: Path) -> None:
    """cat, merge, split and redact read objects and write files on the disk."""
    lines = [line.data for name in HELD for line in read_lines(tmp_path / name)]
    assert shim("recordings", "cat", PATTERN).stdout.encode() == b"".join(lines)
    made = tmp_path / "made"
    made.mkdir()
    for action in (["merge", "--duplicates", "keep"], ["split", "--count", "4"]):
        ran = shim("recordings", *action, "-o", str(made / f"{action[0]}-{{part}}.jsonl"), PATTERN)
        assert ran.returncode == 0, ran.stderr
    parts = [name for name in sorted(made.iterdir()) if "split" in name.name]
    assert [line.data for name in parts for line in read_lines(name)] == lines
    assert sorted(line.data for line in read_lines(made / "merge-{part}.jsonl")) == sorted(lines)


def test_an_object_of_many_ranges_is_read_whole(shim: Shim, s3: S3Process, tmp_path: Path) -> None:
    """An object larger than several of the ranges that are asked for is the file, line by line."""
    long = exchange({"model": "gpt-4o", "messages": [{"role": "user", "content": "x" * 1_000_000}]})
    file = recorded(tmp_path / "long.jsonl", *[*GOOD, long] * 20)
    data = Path(file).read_bytes()
    assert len(data) > 20_000_000
    s3.put("recordings/long", data)
    assert shim("recordings", "cat", "s3://recordings/long").stdout.encode() == data


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["compare", "s3://recordings/none.jsonl"], "s3://recordings/none.jsonl: there is no such file"),
        (["compare", "s3://no-bucket/a.jsonl"], "s3://no-bucket/a.jsonl: there is no such file"),
        (["compare", "s3://no-bucket/*"], "s3://no-bucket/*: no file has such a name"),
        (["recordings", "ls", "s3://recordings/no-*"], "s3://recordings/no-*: no file has such a name"),
        (["compare", "--merge", "s3://proof/none"], "s3://proof/none holds no plan.json"),
        (
            ["compare", "--shard", "0/1", "--parts", "s3://no-bucket/p", PATTERN],
            "there is no such bucket; make it first",
        ),
    ],
)
def test_what_is_not_there_is_told(arguments: list[str], says: str, shim: Shim, s3: S3Process) -> None:
    """A missing object, bucket, match or plan is status 2 and named; no bucket is made."""
    ran = shim(*arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert says in ran.stderr
    assert not s3.has("no-bucket")


def test_credentials_that_are_missing_or_refused_are_told(shim: Shim, s3: S3Process) -> None:
    """Without credentials, and with some that are refused, the words say so, and never show one."""
    for command in (["compare", PATTERN], ["recordings", "ls", "s3://recordings/a.jsonl"]):
        ran = run(shim_command(*command), environment(**s3.without_credentials))
        assert ran.returncode == 2
        assert "NoCredentialsError; see to the URL, the network and its credentials" in ran.stderr
    s3.refuse_everybody()
    for command in (
        ["compare", PATTERN],
        ["compare", "--merge", PARTS],
        ["recordings", "cat", "s3://recordings/a.jsonl"],
    ):
        ran = shim(*command)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert "it may not be read; see to the credentials" in ran.stderr
        assert SECRET not in ran.stderr
