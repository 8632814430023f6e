"""Tests of `shim compare --shard` and `--merge` as people type them: statuses, words, reports, and what goes with what.

Not what is in a part (`tests.comparison.runs.test_parts`) nor each way in which parts may not belong (`test_merging`).
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import RunShim
from tests.cli.recordings import DIFFERENT, GOOD, UNREADABLE, recorded

RULES = [
    {"path": "header.content-type", "reason": "the new path says it right", "owner": "us"},
    {"path": "body.nothing", "reason": "covers nothing", "owner": "us"},
]


@pytest.fixture
def files(tmp_path: Path) -> str:
    """A pattern of three files: a mismatch, a failed comparator, a line that is none."""
    recorded(tmp_path / "a.jsonl", *GOOD, DIFFERENT)
    recorded(tmp_path / "b.jsonl", *GOOD, UNREADABLE, more=b"{}\n")
    recorded(tmp_path / "c.jsonl", *GOOD, DIFFERENT)
    return str(tmp_path / "*.jsonl")


def without_times(text: str) -> str:
    """A report without what a second run would measure anew."""
    return re.sub(
        r'("seconds":|time=")[0-9.e-]+|[0-9.]+ s \([0-9,]+ a second\)|\d{4}-\d\d-\d\d \d\d:\d\d\S*', r"\1…", text
    )


@pytest.mark.slow
def test_merged_shards_are_told_as_one_run(files: str, tmp_path: Path, run_shim: RunShim) -> None:
    """Status, output, warnings, JSON and JUnit of merged shards are those of one run, but for the times it took."""
    (tmp_path / "rules.json").write_text(json.dumps(RULES))
    parts, options = str(tmp_path / "parts"), ["--ignore", str(tmp_path / "rules.json")]
    for index in (1, 0):
        ran = run_shim("compare", "--shard", f"{index}/2", "--parts", parts, *options, files)
        assert ran.status == 0, ran.err
        assert f"Shard {index}/2 has {2 - index} of 3 files: {2 - index} part" in ran.out
    told = []
    for given in ([*options, files], ["--merge", parts]):
        junit, page = tmp_path / "junit.xml", tmp_path / "page.html"
        ran = run_shim("compare", *given, "--junit", str(junit), "--html", str(page))
        as_json = run_shim("compare", *given, "--json", "--quiet")
        told.append(
            [ran.status, as_json.status, *map(without_times, (ran.out, ran.err, as_json.out, junit.read_text()))]
        )
    assert told[0] == told[1]
    assert told[0][0] == 2
    assert "'body.nothing' (owner: us) covered nothing" in str(told[0][3])


@pytest.mark.slow
def test_a_shard_that_is_done_does_nothing(files: str, tmp_path: Path, run_shim: RunShim) -> None:
    """A shard that runs again compares nothing, and one without a file says so; both are done."""
    parts = str(tmp_path / "parts")
    for index, said in (
        (0, "Shard 0/8 has 1 of 3 files: 1 part written now, 0 found."),
        (0, "Shard 0/8 has 1 of 3 files: 0 parts written now, 1 found."),
        (7, "Shard 7/8 has 0 of 3 files: 0 parts written now, 0 found."),
    ):
        ran = run_shim("compare", "--shard", f"{index}/8", "--parts", parts, files)
        assert (ran.status, ran.out.splitlines()[-1]) == (0, said)
    assert run_shim("compare", "--shard", "1/8", "--parts", parts, "--quiet", files)[:2] == (0, "")
    ran = run_shim("compare", "--merge", parts)
    assert ran.status == 2
    assert "lacks 1 of 3 parts" in ran.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--shard", "2/2", "--parts", "P", "a"], "'2/2' is out of range: the 2 shards are 0/2 to 1/2"),
        (["--shard", "0/0", "--parts", "P", "a"], "'0/0' is out of range: no shards"),
        (["--shard", "-1/2", "--parts", "P", "a"], "expected one argument"),
        (["--shard", "1", "--parts", "P", "a"], "'1' is no shard; give index and count, such as 0/4"),
        (["--shard", "0/2", "a"], "--shard needs --parts DIR"),
        (["--shard", "0/2", "--parts", "P"], "--shard needs the files of the whole run"),
        (["--shard", "0/2", "--parts", "P", "-"], "standard input cannot be shared out"),
        (["--shard", "0/2", "--parts", "P", "no-*"], "no-*: no file has such a name"),
        (["--shard", "0/2", "--parts", "P", "--json", "--limit", "3", "a"], "--json, --limit goes without --shard"),
        (["--shard", "0/2", "--parts", "P", "--merge", "P", "a"], "--merge goes without --shard"),
        (["--merge", "P", "a"], "--merge takes no FILE"),
        (["--merge", "P", "--api", "auto", "--workers", "2"], "--api, --workers goes without --merge"),
        (["--merge", "P"], "P holds no plan.json"),
        ([], "give files of recorded exchanges to compare"),
        (["no-*"], "no-*: no file has such a name"),
    ],
)
def test_what_does_not_go_together_is_refused(
    options: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_shim: RunShim
) -> None:
    """Options that cannot mean anything are status 2, named, and leave no file."""
    monkeypatch.chdir(tmp_path)
    ran = run_shim("compare", *options)
    assert ran.status == 2
    assert said in ran.err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_folder_of_another_run_is_told(files: str, tmp_path: Path, run_shim: RunShim) -> None:
    """A shard with other options than those before it is refused, and names them."""
    parts = str(tmp_path / "parts")
    assert run_shim("compare", "--shard", "0/3", "--parts", parts, "--rung", "wire", files).status == 0
    ran = run_shim("compare", "--shard", "1/3", "--parts", parts, files)
    assert ran.status == 2
    assert f"{parts} is of a run with other options (rungs); give another folder" in ran.err


@pytest.mark.slow
def test_recordings_and_parts_may_be_at_urls(tmp_path: Path, run_shim: RunShim) -> None:
    """Shards over a pattern of URLs, with their parts at a URL, merge as those on a disk do."""
    fsspec = pytest.importorskip("fsspec")
    memory, folder = fsspec.filesystem("memory"), f"memory://{tmp_path}"
    for name in ("a", "b"):
        file = recorded(tmp_path / name, *GOOD, DIFFERENT)
        memory.pipe_file(f"{tmp_path}/{name}.jsonl", Path(file).read_bytes())
    for index in (0, 1):
        ran = run_shim("compare", "--shard", f"{index}/2", "--parts", f"{folder}/parts", f"{folder}/*.jsonl")
        assert (ran.status, ran.err) == (0, "")
    ran = run_shim("compare", "--merge", f"{folder}/parts", "--json", "--quiet")
    told = json.loads(ran.out)
    assert (ran.status, told["exchanges"], told["mismatch"], told["failed"]) == (1, 6, 2, 0)
    assert {each["file"] for each in told["verdicts"]} == {f"{folder}/a.jsonl", f"{folder}/b.jsonl"}
    again = run_shim("compare", "--json", "--quiet", f"{folder}/*.jsonl")
    assert without_times(again.out) == without_times(ran.out)
