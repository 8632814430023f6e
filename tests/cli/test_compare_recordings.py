"""Tests of `shim compare CONTROL --candidate FILE`: exit statuses, what is shown and written, and what is refused."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from shim.cli.compare_recordings import status_of
from shim.comparison.runs.tally import Facts, Tally
from shim.comparison.runs.workers import WorkerError
from shim.comparison.shadow_rung.shadow_report import report_of
from shim.comparison.verdict import Outcome, Verdict
from tests.cli.conftest import RunShim
from tests.comparison.shadow_rung.parts import pair, seen
from tests.comparison.two_recordings.asked import ask, recording

SAME = tuple(ask(f"q{number}") for number in range(40))
LOST = (*SAME[:-1], ask("q39", temperature=None))


@pytest.fixture
def two(tmp_path: Path) -> list[str]:
    """The arguments for two recordings that are alike."""
    return [recording(tmp_path / "old.jsonl", *SAME), "--candidate", recording(tmp_path / "new.jsonl", *SAME)]


@pytest.fixture
def differing(tmp_path: Path) -> list[str]:
    """The arguments for two recordings that are not."""
    control = recording(tmp_path / "old.jsonl", *SAME, ask("q0"))
    return [control, "--candidate", recording(tmp_path / "new.jsonl", *LOST, ask("extra"))]


def test_two_that_are_alike(run_shim: RunShim, two: list[str]) -> None:
    """Alike recordings give status 0, the table of requests, the pairing, the table of answers, and a sentence."""
    ran = run_shim("compare", *two)
    assert (ran.status, ran.err) == (0, "")
    for words in (
        "match              40",
        "40     the same request",
        "same finish reason",
        "No difference beyond the noise",
    ):
        assert words in ran.out
    assert "baseline  " not in ran.out
    assert "40 exchanges in" in ran.out


def test_differences_are_shown_and_status_1(run_shim: RunShim, differing: list[str]) -> None:
    """A lost parameter, and what has no partner on either side, are status 1 and shown with their places."""
    ran = run_shim("compare", *differing)
    assert ran.status == 1
    old, new = differing[0], differing[2]
    for words in (
        "body.temperature",
        f"partner    {new}:40, by the same messages",
        f"{old}:41 (exchange 40)",
        f"{new}:41 (exchange 41)",
        "1      without a partner: the control's",
        "wire.missing  1",
        "wire.added    1",
    ):
        assert words in ran.out


def test_a_baseline_has_a_column(run_shim: RunShim, two: list[str], tmp_path: Path) -> None:
    """With a baseline its values are shown, and how many have a partner there."""
    ran = run_shim("compare", *two, "--baseline", recording(tmp_path / "again.jsonl", *SAME[:35]))
    assert ran.status == 0
    assert "candidate                baseline" in ran.out
    assert "35     with a partner in the baseline, too" in ran.out


def test_the_json_has_pairing_and_answers(run_shim: RunShim, differing: list[str]) -> None:
    """The JSON has each verdict with its partner's place, how they were paired, and what answers came to."""
    ran = run_shim("compare", "--json", *differing)
    read: dict[str, Any] = json.loads(ran.out)
    assert (read["exit_status"], read["match"], read["mismatch"], read["complete"]) == (1, 39, 3, True)
    assert read["verdicts"][0]["partner"] == f"{differing[2]}:1"
    assert read["verdicts"][-1]["partner"] == ""
    assert (read["pairing"]["pairs"], read["pairing"]["missing"], read["pairing"]["added"]) == (40, 1, 1)
    assert read["answers"]["outcome"] == "match"
    names = {row["name"] for row in read["answers"]["report"]["rows"]}
    assert {"answered", "same tools", "time, p50", "characters, p50"} <= names


def test_the_junit_report_has_a_case_for_each_field_of_answers(
    run_shim: RunShim, differing: list[str], tmp_path: Path
) -> None:
    """The report has a case for each pair, each exchange without a partner, and each field of answers, and counts them."""
    run_shim("compare", *differing, "--junit", str(tmp_path / "j.xml"))
    suite = ET.parse(tmp_path / "j.xml").getroot()[0]  # noqa: S314 - we wrote it
    cases = list(suite)
    answers = [case for case in cases if case.get("classname") == "answers"]
    assert {"answered", "time, p95"} <= {case.get("name") for case in answers}
    assert int(suite.get("tests", 0)) == len(cases)
    assert int(suite.get("failures", 0)) == len(suite.findall("testcase/failure")) == 3
    assert int(suite.get("skipped", 0)) == len(suite.findall("testcase/skipped")) > 0


@pytest.mark.skipif(importlib.util.find_spec("jinja2") is None, reason="the page needs jinja2")
def test_the_page_has_both(run_shim: RunShim, differing: list[str], tmp_path: Path) -> None:
    """The page has the differences, the section on answers and how the recordings were paired."""
    run_shim("compare", *differing, "--html", str(tmp_path / "p.html"))
    page = (tmp_path / "p.html").read_text(encoding="utf-8")
    for words in (
        "old.jsonl · new.jsonl",
        "3 of 42 exchanges differ",
        "Answers</h2>",
        "wire.missing",
        "Paired by the same request",
    ):
        assert words in page
    assert "Calls made" not in page


def test_the_statuses() -> None:
    """Unusable input comes first, then a mismatch of requests or answers, then what proved nothing."""
    worse = report_of([pair(seen(finish_reason="length")) for _ in range(200)], source="recordings")
    same = report_of([pair() for _ in range(200)], source="recordings")
    few = report_of([], source="recordings")

    def tally(*outcomes: Outcome, unusable: int = 0) -> Tally:
        made = Tally(unusable=unusable)
        for outcome in outcomes:
            made.add(Facts(), [Verdict(rung="wire", outcome=outcome)])
        return made

    assert status_of(tally(Outcome.MATCH), same) == status_of(tally(Outcome.MATCH), few) == 0
    assert status_of(tally(Outcome.MATCH), worse) == status_of(tally(Outcome.MISMATCH), same) == 1
    assert status_of(tally(Outcome.FAILED), same) == status_of(tally(Outcome.MATCH, unusable=1), worse) == 2


def test_half_a_line_is_told(run_shim: RunShim, two: list[str]) -> None:
    """A last line that was cut short is status 2, with its file and line, and the others are compared."""
    path = Path(two[2])
    path.write_bytes(path.read_bytes() + b'{"schema": "shim.exchange/1.0", "pai')
    ran = run_shim("compare", *two)
    assert ran.status == 2
    assert f"{path}:41: the last line is cut short" in ran.err
    assert "match              40" in ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["old", "--candidate", "old"], "old is given twice: compared with itself a recording proves nothing"),
        (["old", "--candidate", "empty"], "the candidate, empty, holds no exchange that can be used"),
        (["empty", "--candidate", "old"], "the control, empty, holds no exchange that can be used"),
        (["old", "--candidate", "half"], "(half:1: the last line is cut short"),
        (["old", "--candidate", "other"], "no exchange of the control has a partner in the candidate"),
        (["old", "--candidate", "none"], "none: No such file"),
        (["old", "--baseline", "other"], "--baseline is for two recordings; give --candidate FILE, too"),
        (["old", "--candidate", "other", "--rung", "tee"], "leave out --rung"),
        (["old", "--candidate", "other", "--base-url", "http://x"], "leave out --base-url"),
        (["old", "--candidate", "other", "--resplit"], "leave out --resplit"),
        (["old", "--candidate", "other", "--junit", "other"], "--junit other is one of the files to compare"),
        (["old", "--candidate", "oth*", "--resume", "other"], "--resume other is one of the files to compare"),
        (["old", "--candidate", "no-such-*"], "no-such-*: no file has such a name"),
        (["o*", "--candidate", "old"], "old is given twice"),
        (["old", "--candidate", "other", "--shard", "0/2"], "--shard shares files out, and the partner of an exchange"),
        (["old", "--candidate", "other", "--parts", "p"], "shim recordings split --shards COUNT"),
        (["--candidate", "other", "--merge", "p"], "--merge shares files out"),
        (["old", "--candidate", "other", "--scheduler", "tcp://h:1"], "leave out --scheduler and give --workers and"),
        (["old", "--candidate", "like", "--resume", "half"], "half is no journal of shim compare"),
        (["old", "--candidate", "like", "--resume", "none/journal"], "give a file in a directory that exists"),
    ],
)
def test_what_is_refused(
    run_shim: RunShim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, arguments: list[str], said: str
) -> None:
    """What cannot be compared is status 2 with the reason and what to do, and nothing on standard output."""
    monkeypatch.chdir(tmp_path)
    recording(tmp_path / "old", *SAME)
    recording(tmp_path / "empty")
    recording(tmp_path / "half", more=b'{"schema": ')
    recording(tmp_path / "other", ask("something else"))
    recording(tmp_path / "like", *SAME)
    ran = run_shim("compare", "--json", *arguments)
    assert (ran.status, ran.out) == (2, "")
    assert said in ran.err
    assert len(ran.err.splitlines()) == 1


def test_patterns_and_repeated_options_are_one_recording(run_shim: RunShim, tmp_path: Path) -> None:
    """Files and patterns on either side are paired across all of them, whichever stands in which."""
    recording(tmp_path / "old-1.jsonl", *SAME[:15])
    recording(tmp_path / "old-2.jsonl", *SAME[15:])
    for name, part in (("new-a.jsonl", SAME[30:]), ("new-b.jsonl", SAME[:10]), ("more.jsonl", SAME[10:30])):
        recording(tmp_path / name, *part)
    candidate = ["--candidate", str(tmp_path / "new-*.jsonl"), "--candidate", str(tmp_path / "more.jsonl")]
    ran = run_shim("compare", "--json", str(tmp_path / "old-*.jsonl"), *candidate)
    told = json.loads(ran.out)
    assert (ran.status, told["match"], told["pairing"]["pairs"]) == (0, 40, 40)
    places = [(Path(each["file"]).name, Path(each["partner"]).name) for each in told["verdicts"]]
    assert (places[0], places[12], places[39]) == (
        ("old-1.jsonl", "new-b.jsonl:1"),
        ("old-1.jsonl", "more.jsonl:3"),
        ("old-2.jsonl", "new-a.jsonl:10"),
    )


def without_times(text: str) -> str:
    """A report without what a second run would measure anew."""
    measured = (
        r'("seconds":|time="|<dt>Spent comparing</dt><dd>)[0-9.e-]+( µs| ms| s| min)?'
        r"|[0-9.]+ s \([0-9,]+ a second(, \d workers)?\)|\d{4}-\d\d-\d\d \d\d:\d\d\S*"
    )
    return re.sub(measured, r"\1…", text)


def told_by(run_shim: RunShim, folder: Path, *arguments: str) -> list[Any]:
    """All that a run shows and writes, but for times."""
    junit, page = folder / "junit.xml", folder / "page.html"
    shown = run_shim("compare", *arguments, "--junit", str(junit), "--html", str(page))
    as_json = run_shim("compare", *arguments, "--json", "--quiet")
    texts = (shown.out, shown.err, as_json.out, as_json.err, junit.read_text(), page.read_text())
    return [shown.status, as_json.status, *map(without_times, texts)]


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jinja2") is None, reason="the page needs jinja2")
def test_workers_and_a_journal_change_nothing(run_shim: RunShim, differing: list[str], tmp_path: Path) -> None:
    """Table, JSON, JUnit, page and status of several processes, and of a journal's end, are those of one, but for times."""
    expected = told_by(run_shim, tmp_path, *differing, "--workers", "1")
    assert expected[0] == 1
    assert told_by(run_shim, tmp_path, *differing, "--workers", "2") == expected
    journal = tmp_path / "journal"
    again = [*differing, "--resume", str(journal)]
    assert told_by(run_shim, tmp_path, *again) == expected
    whole = journal.read_bytes()
    journal.write_bytes(b"".join(whole.splitlines(keepends=True)[:20]) + b'{"line":"torn')
    assert told_by(run_shim, tmp_path, *again) == expected
    assert journal.read_bytes().count(b"\n") == whole.count(b"\n")


def test_a_journal_of_other_recordings_is_named(run_shim: RunShim, two: list[str], tmp_path: Path) -> None:
    """A journal that another candidate, other rules or one recording made is status 2 and named, and stays as it is."""
    journal = tmp_path / "journal"
    assert run_shim("compare", *two, "--resume", str(journal)).status == 0
    kept = journal.read_bytes()
    (tmp_path / "rules.json").write_text('[{"path": "body.seed", "reason": "known", "owner": "us"}]')
    other = recording(tmp_path / "other.jsonl", *LOST)
    for arguments, named in (
        ([two[0], "--candidate", other], "(the candidate's recording)"),
        ([*two, "--ignore", str(tmp_path / "rules.json")], "(ignore)"),
        ([*two, "--limit", "39"], "(the control's recording, the candidate's recording)"),
        ([two[0]], "with other options ("),
    ):
        ran = run_shim("compare", *arguments, "--resume", str(journal))
        assert (ran.status, ran.out) == (2, "")
        assert named in ran.err
        assert str(journal) in ran.err
        assert journal.read_bytes() == kept


def test_workers_that_cannot_read_are_told(run_shim: RunShim, two: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no worker can read the recordings, that is status 2 in a line, with the reason."""

    def refuse(*_arguments: object, **_settings: object) -> None:
        raise WorkerError("worker 1 cannot be started: no more processes; give fewer --workers")

    monkeypatch.setattr("shim.cli.compare_recordings.TwoRecordings", refuse)
    ran = run_shim("compare", *two, "--workers", "2")
    assert (ran.status, ran.out) == (2, "")
    assert "the recordings cannot be read: worker 1 cannot be started" in ran.err
    assert len(ran.err.splitlines()) == 1


@pytest.mark.parametrize(("size", "workers"), [(None, 1), (1 << 20, 1), (1 << 30, 3)])
def test_workers_are_used_where_they_pay(
    two: list[str], monkeypatch: pytest.MonkeyPatch, run_shim: RunShim, size: int | None, workers: int
) -> None:
    """Without --workers small recordings, and those of which nobody knows the size, are compared in one process."""
    taken: list[int] = []

    def note(*_arguments: object, workers: int, **_settings: object) -> None:
        taken.append(workers)
        raise WorkerError("enough")

    monkeypatch.setattr("shim.cli.compare_recordings.TwoRecordings", note)
    monkeypatch.setattr("shim.cli.compare_recordings.Source.size", size, raising=False)
    monkeypatch.setattr("shim.cli.compare_recordings.Source.__init__", lambda *_: None)
    monkeypatch.setattr("shim.cli.compare_settings.usable_cores", lambda: 3)
    run_shim("compare", *two)
    assert taken == [workers]
