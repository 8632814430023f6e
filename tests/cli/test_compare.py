"""Tests of `shim compare`: exit statuses, what is shown and written, with the real comparer and files."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace

from shim.cli import compare_settings as settings_module
from shim.cli.compare_settings import suitable_workers
from shim.cli.compare_status import exit_status
from shim.comparison.runs.tally import Facts, Tally
from shim.comparison.verdict import Outcome, Verdict
from tests.cli.conftest import RunShim
from tests.cli.recordings import DIFFERENT, GOOD, UNREADABLE, recorded
from tests.helpers.exchanges import exchange

RULE = {"path": "header.*", "reason": "the gateway's", "owner": "team-llm"}


def ignoring(path: Path, *rules: dict[str, str]) -> str:
    """A file of these ignore rules."""
    path.write_text(json.dumps(rules))
    return str(path)


def test_all_match(run_shim: RunShim, tmp_path: Path) -> None:
    """Exchanges that match give status 0, a table by outcome and rung, and nothing on standard error."""
    ran = run_shim("compare", recorded(tmp_path / "a.jsonl", *GOOD))
    assert (ran.status, ran.err) == (0, "")
    assert "outcome            wire  tee" in ran.out
    assert "match              2     2" in ran.out
    assert "2 exchanges in" in ran.out


def test_a_mismatch_is_shown_and_is_status_1(run_shim: RunShim, tmp_path: Path) -> None:
    """A mismatch gives status 1, its message with the line it stands in, and a table by rule."""
    file = recorded(tmp_path / "a.jsonl", *GOOD, DIFFERENT)
    ran = run_shim("compare", file)
    assert ran.status == 1
    assert f"{file}:3 (exchange 2)\n  wire mismatch" in ran.out
    assert "header.content-type" in ran.out
    assert "wire.header  1         Headers a server acts on must be the same" in ran.out


def test_only_some_mismatches_are_shown(run_shim: RunShim, tmp_path: Path) -> None:
    """No more mismatches are printed than asked for, and how many more there are is said."""
    file = recorded(tmp_path / "a.jsonl", *[DIFFERENT] * 5)
    ran = run_shim("compare", "--show", "2", file)
    assert ran.out.count("(exchange ") == 2
    assert "… and 3 more; --show 5 prints them" in ran.out
    assert "… 5 verdicts to look at" in run_shim("compare", "--show", "0", file).out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (b'{"schema": "shim.exchange/1.0", "pai', ":3: the last line is cut short"),
        (b"no json\n", ":3: it is no JSON object"),
        (b'{"schema": "shim.exchange/2.0"}\n', ":3: its schema is 'shim.exchange/2.0'"),
    ],
)
def test_an_unusable_line_is_named_and_the_rest_compared(
    run_shim: RunShim, tmp_path: Path, more: bytes, said: str
) -> None:
    """A line that cannot be used gives status 2 with its place; the other lines are compared all the same."""
    ran = run_shim("compare", recorded(tmp_path / "a.jsonl", *GOOD, more=more))
    assert ran.status == 2
    assert said in ran.err
    assert "match              2     2" in ran.out


def test_many_unusable_lines_are_few_words(run_shim: RunShim, tmp_path: Path) -> None:
    """A file of another kind is not told line by line, and said to hold nothing."""
    ran = run_shim("compare", recorded(tmp_path / "a.jsonl", more=b"{}\n" * 500))
    assert ran.status == 2
    assert "and 490 more that cannot be used\nNothing was compared" in ran.err
    assert len(ran.err.splitlines()) == 12


@pytest.mark.parametrize("name", ["none.jsonl", "."])
def test_a_missing_file_is_refused(run_shim: RunShim, tmp_path: Path, name: str) -> None:
    """A file that is missing or a directory is refused before anything is compared, with what to give."""
    ran = run_shim("compare", recorded(tmp_path / "a.jsonl", *GOOD), str(tmp_path / name))
    assert (ran.status, ran.out) == (2, "")
    assert "give " in ran.err


def test_an_empty_file_proves_nothing(run_shim: RunShim, tmp_path: Path) -> None:
    """An input without any exchange is status 2, and said to be so."""
    ran = run_shim("compare", recorded(tmp_path / "a.jsonl"))
    assert ran.status == 2
    assert "Nothing was compared" in ran.err


def test_a_failed_comparator_proves_nothing(run_shim: RunShim, tmp_path: Path) -> None:
    """An exchange that could not be compared, among matches, is status 2 and shown with its reason."""
    ran = run_shim("compare", recorded(tmp_path / "a.jsonl", *GOOD, UNREADABLE))
    assert ran.status == 2
    assert "comparator-failed" in ran.out


@pytest.mark.parametrize(
    ("outcomes", "unusable", "status"),
    [
        ([], 0, 2),
        (["match"], 0, 0),
        (["ignored"], 0, 0),
        (["match", "mismatch", "comparator-failed"], 0, 1),
        (["match", "comparator-failed"], 0, 2),
        (["match", "mismatch"], 1, 2),
    ],
)
def test_exit_statuses(outcomes: list[str], unusable: int, status: int) -> None:
    """Unusable input is 2, else a mismatch is 1, else nothing proven is 2, else 0."""
    tally = Tally(unusable=unusable)
    for outcome in outcomes:
        tally.add(Facts(), [Verdict(rung="wire", outcome=Outcome(outcome))])
    assert exit_status(tally) == status


def test_other_apis_are_ignored_and_said(run_shim: RunShim, tmp_path: Path) -> None:
    """Exchanges of other APIs alone are status 0, with a warning that nothing was compared."""
    ran = run_shim("compare", recorded(tmp_path / "a.jsonl", exchange(url="https://api.openai.com/v1/embeddings")))
    assert ran.status == 0
    assert ran.err == "Nothing was compared: no exchange is of an API that can be.\n"


def test_ignored_differences_are_status_0(run_shim: RunShim, tmp_path: Path) -> None:
    """A difference that a rule covers gives status 0 with its reason and owner; a rule that covered nothing is told."""
    rules = ignoring(tmp_path / "rules.json", RULE, {**RULE, "path": "body.seed"})
    ran = run_shim("compare", "--ignore", rules, recorded(tmp_path / "a.jsonl", *GOOD, DIFFERENT))
    assert ran.status == 0
    assert "the gateway's (owner: team-llm)" in ran.out
    assert ran.err == (
        "The ignore rule 'body.seed' (owner: team-llm) covered nothing; correct its path, or remove it.\n"
    )


def test_a_rule_without_reason_is_refused(run_shim: RunShim, tmp_path: Path) -> None:
    """An ignore rule that lacks its reason is named, and nothing is compared."""
    rules = ignoring(tmp_path / "rules.json", {"path": "body.*", "owner": "me"})
    ran = run_shim("compare", "--ignore", rules, recorded(tmp_path / "a.jsonl", *GOOD))
    assert (ran.status, ran.out) == (2, "")
    assert "rule 1 ('body.*') has no reason" in ran.err


def test_json_is_one_object(run_shim: RunShim, tmp_path: Path) -> None:
    """Standard output is one JSON object with the counts and all verdicts; the tables are on standard error."""
    file = recorded(tmp_path / "a.jsonl", *GOOD, DIFFERENT, UNREADABLE, more=b"{}\n")
    ran = run_shim("compare", "--json", file)
    told = json.loads(ran.out)
    counts = {name: told[name] for name in ("match", "mismatch", "ignored", "failed", "exchanges", "unusable")}
    assert counts == {"match": 6, "mismatch": 1, "ignored": 0, "failed": 1, "exchanges": 4, "unusable": 1}
    assert [(each["rung"], each["line"]) for each in told["verdicts"]] == [
        (rung, line) for line in (1, 2, 3, 4) for rung in ("wire", "tee")
    ]
    assert (told["complete"], told["exit_status"], ran.status) == (True, 2, 2)
    assert told["unusable_input"][0].startswith(f"{file}:5: ")
    assert "wire mismatch" in ran.err


def test_junit_and_page_are_written(run_shim: RunShim, tmp_path: Path) -> None:
    """The JUnit report has a case per exchange and rung and one per unusable line; the page shows what differs."""
    file = recorded(tmp_path / "a.jsonl", *GOOD, DIFFERENT, more=b"{}\n")
    junit, page = tmp_path / "r.xml", tmp_path / "r.html"
    ran = run_shim("compare", "--junit", str(junit), "--html", str(page), file)
    suite = ET.parse(junit).getroot()[0]  # noqa: S314 - our own report
    assert ran.status == 2
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["7", "1", "1", "0"]
    assert len(suite) == 7
    assert "other-type" in page.read_text()
    assert "a.jsonl" in page.read_text()


@pytest.mark.parametrize("option", ["--junit", "--html", "--resume"])
def test_recordings_are_not_written_over(run_shim: RunShim, tmp_path: Path, option: str) -> None:
    """A report that would replace a recording, or stand in no directory, is refused before anything is done."""
    file = recorded(tmp_path / "a.jsonl", *GOOD)
    before = Path(file).read_bytes()
    ran = run_shim("compare", option, file, file)
    assert (ran.status, Path(file).read_bytes()) == (2, before)
    assert f"{option} {file} is one of the files to compare" in ran.err
    ran = run_shim("compare", option, str(tmp_path / "none" / "r"), file)
    assert ran.status == 2
    assert "cannot be written" in ran.err


def test_the_new_paths_settings_are_compared(run_shim: RunShim, tmp_path: Path) -> None:
    """Organization, project and address of the new path are what it would send; the recorded address is not compared else."""
    headers = (*GOOD[0].request.headers, ("OpenAI-Organization", "org-1"))
    asked = replace(GOOD[0].request, headers=headers, url="https://gateway.example/ai/v1/chat/completions")
    path = recorded(tmp_path / "a.jsonl", replace(GOOD[0], request=asked))
    without = run_shim("compare", "--rung", "wire", path)
    assert (without.status, "header.openai-organization" in without.out) == (1, True)
    assert run_shim("compare", "--rung", "wire", "--organization", "org-1", path).status == 0
    elsewhere = run_shim(
        "compare", "--rung", "wire", "--organization", "org-1", "--base-url", "https://gateway.example/v1", path
    )
    assert (elsewhere.status, "url.path" in elsewhere.out) == (1, True)
    unusable = run_shim("compare", "--base-url", "gateway", path)
    assert (unusable.status, "base_url is not an http(s) URL" in unusable.err) == (2, True)


@pytest.mark.parametrize("rung", ["wire", "tee"])
def test_one_rung_can_be_asked_for(run_shim: RunShim, tmp_path: Path, rung: str) -> None:
    """With --rung only that comparison is made."""
    ran = run_shim("compare", "--json", "--rung", rung, recorded(tmp_path / "a.jsonl", *GOOD))
    assert {each["rung"] for each in json.loads(ran.out)["verdicts"]} == {rung}


def test_the_limit_is_kept(run_shim: RunShim, tmp_path: Path) -> None:
    """With --limit no more exchanges are compared, over all files."""
    files = [recorded(tmp_path / name, *GOOD) for name in ("a", "b", "c")]
    assert json.loads(run_shim("compare", "--json", "--limit", "3", *files).out)["exchanges"] == 3


@pytest.mark.slow
def test_every_split_can_be_compared(run_shim: RunShim, tmp_path: Path) -> None:
    """With --resplit and --truncate many presentations of each answer are compared."""
    ran = run_shim("compare", "--json", "--resplit", "--truncate", "--rung", "tee", recorded(tmp_path / "a", GOOD[1]))
    assert json.loads(ran.out)["verdicts"][0]["variants"] > 100


def test_quiet_says_nothing(run_shim: RunShim, tmp_path: Path) -> None:
    """With --quiet the exit status says it all."""
    assert run_shim("compare", "--quiet", recorded(tmp_path / "a", DIFFERENT)) == (1, "", "")


def test_a_finished_journal_is_recalled(run_shim: RunShim, tmp_path: Path) -> None:
    """A second run with the same journal reports the same; other options are refused, the option named."""
    file, journal = recorded(tmp_path / "a", *GOOD, DIFFERENT), str(tmp_path / "journal")
    first, second = (json.loads(run_shim("compare", "--json", "--resume", journal, file).out) for _ in range(2))
    assert first["verdicts"] == second["verdicts"]
    ran = run_shim("compare", "--resume", journal, "--api", "responses", file)
    assert ran.status == 2
    assert "made with other options (api)" in ran.err
    Path(file).write_bytes(Path(file).read_bytes()[1:])
    assert "made from other files" in run_shim("compare", "--resume", journal, file).err


def test_the_page_needs_jinja2(run_shim: RunShim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where jinja2 is missing, --html is refused before the work, with what to install."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "jinja2" else find(name, *more)
    )
    ran = run_shim("compare", "--html", str(tmp_path / "r.html"), recorded(tmp_path / "a", *GOOD))
    assert ran.status == 2
    assert "legacy-openai-shim[cli]" in ran.err


@pytest.mark.slow
@pytest.mark.parametrize("workers", [[], ["--workers", "2"]])
def test_a_missing_extra_is_told(
    run_shim: RunShim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: list[str]
) -> None:
    """Where the new path cannot be made, that is said with what to install."""
    monkeypatch.setattr(settings_module, "create_comparer", _without_pycurl)
    ran = run_shim("compare", *workers, recorded(tmp_path / "a", *GOOD))
    assert ran.status == 2
    assert "needs pycurl" in ran.err


def _without_pycurl(**_options: Any) -> Any:
    raise ModuleNotFoundError("the native provider needs pycurl: install legacy-openai-shim[native]")


@pytest.mark.parametrize(
    ("size", "splits", "expected"),
    [(None, "every", (1, 1)), (999, "every", (1, 1)), (10 << 20, "", (4, 8)), (1 << 20, "every", (4, 8))],
)
def test_workers_are_used_where_they_pay(
    size: int | None, splits: str, expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Small input is compared in one process, large input in one per core, up to a bound."""
    found = []
    for cores in (4, 64):
        monkeypatch.setattr(settings_module, "usable_cores", lambda cores=cores: cores)
        found.append(suitable_workers(size, many=bool(splits)))
    assert tuple(found) == expected


def test_what_is_written_is_the_owners_alone(run_shim: RunShim, tmp_path: Path) -> None:
    """Page, JUnit report and journal hold what the recording holds: nobody else may read them, also where they were there."""
    pytest.importorskip("jinja2")
    (tmp_path / "page.html").write_text("before")
    (tmp_path / "page.html").chmod(0o644)
    names = {"--html": "page.html", "--junit": "report.xml", "--resume": "journal"}
    options = [each for option, name in names.items() for each in (option, str(tmp_path / name))]
    assert run_shim("compare", *options, recorded(tmp_path / "a.jsonl", *GOOD)).status == 0
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in names.values()} == {0o600}
