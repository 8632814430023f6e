"""Tests of what a machine of a cluster does with a file: it keeps a part, or says why not and keeps nothing.

Not the cluster (`test_compare_cluster`): the function is called here as a worker calls it, with text, and gives text.
"""

from __future__ import annotations

import gc
import json
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from shim.cli.compare_part import PartAnswer, PartTask, compare_part
from shim.cli.compare_settings import CompareSettings
from shim.comparison.runs.inputs import identify
from shim.comparison.runs.parts import decode, encode, plan_of, settle
from shim.comparison.runs.parts_folder import LocalFolder
from tests.cli.recordings import DIFFERENT, GOOD, recorded


class Options:
    """The options of a run where none is given."""

    control, api, base_url, organization, project = "legacy", "recorded", None, None, None
    resplit = truncate = False
    ignore = rung = None


@pytest.fixture
def task(tmp_path: Path) -> PartTask:
    """A file to compare, the plan of its run in its folder."""
    file, folder = recorded(tmp_path / "a.jsonl", *GOOD, DIFFERENT), LocalFolder(str(tmp_path / "parts"))
    options: Any = Options()
    plan = plan_of([identify(file)], CompareSettings(options).options)
    settle(folder, plan)
    return PartTask(opened=file, file=plan.files[0], parts=folder.name, options=plan.options)


def answered(task: PartTask, **changes: Any) -> PartAnswer:
    """What comes of a task, with some of its members changed."""
    told = {**json.loads(encode(task)), **changes}
    return decode(PartAnswer, compare_part(json.dumps(told)).encode())


def parts_of(task: PartTask) -> list[Path]:
    """The parts that were kept."""
    return list(Path(task.parts).glob("*.part.gz"))


def test_a_file_is_compared_once(task: PartTask) -> None:
    """A file gets its part and is counted, and where it has one nothing is compared."""
    first, second = answered(task), answered(task)
    assert (first, second.kind) == (PartAnswer(kind="kept", exchanges=3, noted=1), "found")
    assert len(parts_of(task)) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema": "shim.task/9"}, "a worker has version"),
        ({"options": {"version": "9.9"}}, "and this run is of 9.9; install the same"),
        ({"file": 3}, "a worker has version"),
    ],
)
def test_a_worker_of_another_version_takes_no_part(task: PartTask, changes: dict[str, Any], words: str) -> None:
    """A task of another version is refused by name, and nothing is kept."""
    answer = answered(task, **changes)
    assert answer.kind == "unfit"
    assert words in answer.words
    assert not parts_of(task)


def test_a_folder_that_is_not_shared_is_named(task: PartTask, tmp_path: Path) -> None:
    """A folder that is empty on the worker's machine is refused, and not made there."""
    elsewhere = str(tmp_path / "elsewhere")
    answer = answered(task, parts=elsewhere)
    assert answer.kind == "unfit"
    assert f"{elsewhere} is empty here; give --parts a folder, or a URL, that all workers share (on " in answer.words
    assert not Path(elsewhere).exists()


def test_a_folder_of_another_run_is_named(task: PartTask) -> None:
    """A folder whose plan has other options is refused, and nothing is kept in it."""
    answer = answered(task, options={**task.options, "resplit": True})
    assert (answer.kind, "is of another run here" in answer.words) == ("unfit", True)
    assert not parts_of(task)


def test_a_file_that_changed_under_the_run_has_no_part(task: PartTask) -> None:
    """A file that is not what it was when the run began is named, and nothing is kept of it."""
    recorded(Path(task.opened), *GOOD, DIFFERENT, DIFFERENT)
    answer = answered(task)
    assert (answer.kind, "is not what it was when the run began" in answer.words) == ("complaint", True)
    assert not parts_of(task)


def test_a_file_that_a_worker_lacks_is_named(task: PartTask) -> None:
    """A file that is not there on the worker's machine is named, and the run may go on with the others."""
    Path(task.opened).unlink()
    answer = answered(task)
    assert (answer.kind, "No such file" in answer.words, task.opened in answer.words) == ("complaint", True, True)


def test_a_url_that_may_not_be_read_is_named_without_what_is_below(
    task: PartTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Credentials that a worker lacks are told in our words: those of the packages below may hold a signature."""
    memory = pytest.importorskip("fsspec").filesystem("memory")

    def refuse(*_given: Any, **_more: Any) -> Any:
        raise PermissionError("Signature=s3cr3t is not valid")

    monkeypatch.setattr(type(memory), "info", refuse)
    answer = answered(task, opened="memory://bucket/a.jsonl")
    assert (answer.kind, "s3cr3t" in answer.words) == ("complaint", False)
    assert "it may not be read; see to the credentials that fsspec uses for it" in answer.words


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="descriptors are counted in /proc")
def test_a_worker_keeps_nothing_of_the_files_it_compared(tmp_path: Path) -> None:
    """File after file compared in one process leaves its memory and its descriptors where they were."""
    files = [recorded(tmp_path / f"{number}.jsonl", *GOOD, DIFFERENT) for number in range(30)]
    options: Any = Options()
    plan, folder = (
        plan_of(list(map(identify, files)), CompareSettings(options).options),
        LocalFolder(str(tmp_path / "p")),
    )
    settle(folder, plan)
    tasks = [
        PartTask(opened=file, file=known, parts=folder.name, options=plan.options)
        for file, known in zip(files, plan.files, strict=True)
    ]
    held: list[tuple[int, int]] = []
    tracemalloc.start()
    try:
        for part in (tasks[:10], tasks[10:]):
            assert {answered(each).kind for each in part} == {"kept"}
            gc.collect()
            held.append((tracemalloc.get_traced_memory()[0], len(list(Path("/proc/self/fd").iterdir()))))
    finally:
        tracemalloc.stop()
    assert held[1][1] == held[0][1]
    assert held[1][0] - held[0][0] < 40_000  # 2 kB a file; a comparer that is kept is more than a hundred
