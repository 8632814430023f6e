"""Tests of shards and their merging: one run over everything comes out, and nothing else is merged into it."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest

from shim.comparison.report import render_html
from shim.comparison.rules import IgnoreRule
from shim.comparison.runs.inputs import identify
from shim.comparison.runs.json_report import JsonReport
from shim.comparison.runs.junit import JUnitReport
from shim.comparison.runs.lines import Source
from shim.comparison.runs.merging import MergedParts
from shim.comparison.runs.parts import PLAN, SUFFIX, PartsError, PartsPlan, plan_of, read_plan, settle
from shim.comparison.runs.parts_folder import LocalFolder
from shim.comparison.runs.run import Run
from shim.comparison.runs.shard import Shard
from tests.comparison.stand_ins import Obedient, recorded, refuse

OPTIONS = {"version": "1", "rungs": ("wire", "tee"), "ignore": []}
IGNORE = (IgnoreRule(path="header.user-agent", reason="named so", owner="us"),)
DETAILS = 4
WORDS = (("match-0", "mismatch-1", "failed-2"), ("ignored-3", "raise-4"), (), ("mismatch-\ud800", "match-6"))


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """Four files: one with a line that is no exchange, one cut off in its compressed data, one empty, one with odd text."""
    held = [
        recorded(tmp_path / f"{place}.jsonl.gz", *(each.encode("utf-8", "replace").decode() for each in words))
        for place, words in enumerate(WORDS)
    ]
    recorded(tmp_path / "plain", *WORDS[0])
    Path(held[0]).write_bytes(b"{}\n" + (tmp_path / "plain").read_bytes())
    Path(held[1]).write_bytes(Path(held[1]).read_bytes()[:-4])
    return held


def share(
    files: list[str], folder: LocalFolder, *, shard: tuple[int, int] = (0, 1), stop_after: int | None = None
) -> Shard:
    """Run one shard, to its end or to the middle."""
    plan = plan_of([identify(file) for file in files], OPTIONS)
    settle(folder, plan)
    held = Shard(files, index=shard[0], count=shard[1], plan=plan, folder=folder)
    run = Run(Obedient, details=DETAILS, ignore=IGNORE)
    try:
        for number, (line, judged) in enumerate(run.go_through(held)):
            if number == stop_after:
                return held
            last = run.details[-1] if run.details else None
            held.take(line, judged, closely=last is not None and (last.file, last.line) == (line.file, line.line))
        held.finish()
    finally:
        held.abandon()
    return held


def told(run: Run, source: Source) -> tuple[bytes, bytes, str]:
    """The JSON, the JUnit report and the page of a run, as the command line writes them."""
    json_form, junit_form = io.BytesIO(), io.BytesIO()
    json_report, junit = JsonReport(json_form), JUnitReport(junit_form)
    for line, judged in run.go_through(source):
        for verdict in judged.verdicts:
            json_report.add(verdict, file=line.file, line=line.line)
            junit.add(verdict, file=line.file, line=line.line)
    for fault in run.faults:
        junit.add_fault(str(fault), file=fault.file)
    json_report.finish(run.tally, unusable_input=[str(fault) for fault in run.faults])
    junit.finish(run.tally, seconds=0)
    page = render_html(run.tally, details=run.details, made_at=0, compared=", ".join(source.files))
    return json_form.getvalue(), junit_form.getvalue(), page


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_merged_shards_are_one_run(files: list[str], tmp_path: Path, count: int) -> None:
    """Tally, details, faults, JSON, JUnit and page of merged shards are those of one run over everything, byte for byte."""
    whole, source = Run(Obedient, details=DETAILS, ignore=IGNORE), Source(files)
    expected = told(whole, source)
    folder = LocalFolder(str(tmp_path / "parts"))
    for index in reversed(range(count)):
        share(files, folder, shard=(index, count))
    parts = MergedParts(folder)
    merged = Run(refuse, details=DETAILS, ignore=IGNORE, journal=parts)  # nothing is compared anew
    assert told(merged, parts) == expected
    assert (merged.tally, merged.details, merged.faults) == (whole.tally, whole.details, whole.faults)
    assert (merged.tally.exchanges, merged.tally.unusable) == (7, 2)
    assert len(merged.details) == DETAILS


def test_each_file_is_compared_by_one_shard(files: list[str], tmp_path: Path) -> None:
    """The shards of a run have each file once, in turn."""
    folder = LocalFolder(str(tmp_path / "parts"))
    held = [share(files, folder, shard=(index, 3)) for index in range(3)]
    assert [each.files for each in held] == [(files[0], files[3]), (files[1],), (files[2],)]
    assert [(each.own, each.found, each.kept) for each in held] == [(2, 0, 2), (1, 0, 1), (1, 0, 1)]


def test_an_interrupted_shard_goes_on(files: list[str], tmp_path: Path) -> None:
    """A shard that ended in a file leaves the parts before it and nothing of that one, and then goes on with it."""
    folder = LocalFolder(str(tmp_path / "parts"))
    share(files, folder, stop_after=5)
    assert [name.endswith(SUFFIX) for name in folder.names()] == [True, False]
    assert len(list((tmp_path / "parts").iterdir())) == 2
    again = share(files, folder)
    assert (again.found, again.kept, again.files) == (1, 3, tuple(files[1:]))
    assert share(files, folder, shard=(0, 2)).kept == 0
    MergedParts(folder)


def test_two_that_run_the_same_shard_do_no_harm(files: list[str], tmp_path: Path) -> None:
    """Two processes with the same shard at the same time leave each part once, and whole."""
    folder = LocalFolder(str(tmp_path / "parts"))
    threads = [threading.Thread(target=share, args=(files, folder)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(folder.names()) == len(files) + 1
    run = Run(refuse, journal=(parts := MergedParts(folder)))
    assert len(list(run.go_through(parts))) == 8


def test_the_same_shard_twice_is_the_same_bytes(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts depend on nothing but what was found."""
    monkeypatch.setattr("shim.comparison.runs.shard.time.monotonic", lambda: 0.0)
    for name in ("a", "b"):
        share(files, LocalFolder(str(tmp_path / name)))
    one, other = ({each.name: each.read_bytes() for each in (tmp_path / name).iterdir()} for name in ("a", "b"))
    assert one == other


def test_a_file_that_changes_under_its_shard_has_no_part(files: list[str], tmp_path: Path) -> None:
    """Of a file that is written to while it is compared nothing is kept, it is named, and the others have their parts."""
    folder = LocalFolder(str(tmp_path / "parts"))
    plan = plan_of([identify(file) for file in files], OPTIONS)
    settle(folder, plan)
    shard = Shard(files, index=0, count=1, plan=plan, folder=folder)
    for line, judged in Run(Obedient).go_through(shard):
        if line.number == 1:
            with Path(files[0]).open("ab") as file:
                file.write(b"\n")
        shard.take(line, judged, closely=False)
    shard.finish()
    assert (shard.kept, len(shard.complaints)) == (3, 1)
    assert shard.complaints[0].startswith(f"{files[0]} changed while it was compared: nothing is kept of it.")
    with pytest.raises(
        PartsError, match=r"0\.jsonl\.gz has changed since it began \(\d+ bytes, mtime \d+, now \d+ bytes"
    ):
        share(files, folder)
    with pytest.raises(PartsError, match=r"lacks 1 of 4 parts: .*0\.jsonl\.gz; run .* --shard 0/1"):
        MergedParts(folder)


def test_a_file_that_cannot_be_read_has_no_part(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a failing disk or network broke off is not taken for the recording's end."""
    folder = LocalFolder(str(tmp_path / "parts"))

    def failing(path: str) -> object:
        raise OSError(5, "Input/output error", path)

    monkeypatch.setattr("shim.comparison.runs.lines.read_lines", failing)
    shard = share(files[:1], folder)
    assert shard.kept == 0
    assert "cannot be read: Input/output error" in shard.complaints[0]
    assert folder.names() == [PLAN]


def other(plan: PartsPlan, **changed: object) -> dict[str, object]:
    """The options of a plan, one of them another."""
    return {**plan.options, **changed}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"version": "2"}, r"run with other options \(version\); give another folder"),
        ({"rungs": ["wire"], "api": "auto"}, r"run with other options \(api, rungs\)"),
    ],
)
def test_a_folder_of_another_run_is_refused(
    files: list[str], tmp_path: Path, options: dict[str, object], said: str
) -> None:
    """A shard with another version or other options leaves a folder as it is, and says what differs."""
    folder = LocalFolder(str(tmp_path / "parts"))
    share(files, folder)
    before = folder.names()
    with pytest.raises(PartsError, match=said):
        settle(folder, plan_of([identify(file) for file in files], {**OPTIONS, **options}))
    assert folder.names() == before


def test_other_files_are_refused(files: list[str], tmp_path: Path) -> None:
    """A run over more, fewer or otherwise ordered files is another one, and what differs is named."""
    folder = LocalFolder(str(tmp_path / "parts"))
    share(files[:3], folder)
    for given, said in (
        (files, r"3\.jsonl\.gz is not among them"),
        (files[:2], "was not given"),
        (files[2::-1], "another order"),
    ):
        with pytest.raises(PartsError, match=said):
            share(given, folder)
    with pytest.raises(PartsError, match="named more than once"):
        share([*files, files[0]], folder)


def test_parts_that_do_not_belong_are_not_merged(files: list[str], tmp_path: Path) -> None:
    """A part of another run, of an older file or of another name is named and refused, before anything is merged."""
    folder, strange = LocalFolder(str(tmp_path / "parts")), LocalFolder(str(tmp_path / "other"))
    share(files, folder)
    os.utime(files[0], ns=(1, 1))
    share(files, strange)
    (odd,) = set(strange.names()) - set(folder.names())
    (own,) = set(folder.names()) - set(strange.names())
    (tmp_path / "parts" / odd).write_bytes((tmp_path / "other" / odd).read_bytes())
    with pytest.raises(PartsError, match=f"not of this run: {odd};"):
        MergedParts(folder)
    (tmp_path / "parts" / odd).rename(tmp_path / "parts" / own)
    with pytest.raises(PartsError, match=f"{own} is not what its name says; remove it"):
        MergedParts(folder)


@pytest.mark.parametrize("cut", [1, 9, 60])
def test_a_part_that_is_not_whole_is_told(files: list[str], tmp_path: Path, cut: int) -> None:
    """A part that a copy cut short is named, and is not taken for a shorter one."""
    folder = LocalFolder(str(tmp_path / "parts"))
    share(files, folder)
    part = tmp_path / "parts" / read_plan(folder).part_of(read_plan(folder).files[0])
    part.write_bytes(part.read_bytes()[:-cut])

    def merge() -> None:
        list(Run(refuse, journal=(parts := MergedParts(folder))).go_through(parts))

    with pytest.raises(PartsError, match=rf"{part.name} is not whole.*remove it, and run its shard again"):
        merge()


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (None, r"holds no plan\.json; give a folder that shim compare --shard"),
        (b"[]", "no plan of shim compare"),
        (b"{", "no plan of shim compare"),
        (b'{"schema": "shim.part/9"}', r"is of shim\.part/9, and this version writes shim\.part/1"),
    ],
)
def test_a_folder_without_a_plan_is_refused(tmp_path: Path, plan: bytes | None, said: str) -> None:
    """A folder that is none of ours, or of another version's, is refused in words."""
    if plan is not None:
        (tmp_path / PLAN).write_bytes(plan)
    with pytest.raises(PartsError, match=said):
        MergedParts(LocalFolder(str(tmp_path)))
