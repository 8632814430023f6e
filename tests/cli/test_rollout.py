"""Tests of `shim rollout` as people use it: what it prints, its exit statuses, and what it does with bad input."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from pathlib import Path

import pytest

from shim.cli.rollout_watch import line_of
from shim.migration import HistoryFile, Policy, Rollout, RolloutPlan, SqliteStore
from shim.migration.standing import standing_of
from tests.cli.conftest import RunShim
from tests.cli.running import Running, environment, shim_command
from tests.migration.store.redis_process import RedisProcess, needs_redis

PLAN = """
[[step]]
stage = "wire"

[[step]]
stage = "ramp"
percent = 5
approval = true
"""
CONFIG = """
policy = "policy.toml"
plan = "plan.toml"
history = "history.jsonl"
kill_switch = "kill"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a rollout in files, which is the working directory."""
    (tmp_path / "policy.toml").write_text('stage = "off"  # ours\n')
    (tmp_path / "plan.toml").write_text(PLAN)
    (tmp_path / "shim-rollout.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("SHIM_"):
            monkeypatch.delenv(name)
    return tmp_path


def test_a_rollout_is_moved_from_the_command_line(run_shim: RunShim, folder: Path) -> None:
    """Status, plan, set, approve and history tell one story, each with its exit status."""
    assert run_shim("rollout", "plan").status == 0
    assert run_shim("rollout", "set", "wire", "--by", "ann").status == 0
    assert (folder / "policy.toml").read_text() == 'stage = "wire"  # ours\n'
    refused = run_shim("rollout", "set", "ramp", "--percent", "5")
    assert refused.status == 3
    assert "ramp 5 waits for an approval" in refused.err
    assert "--anyway" in refused.err
    assert run_shim("rollout", "plan").status == 3
    assert run_shim("rollout", "approve", "ramp", "5", "--reason", "looked at it").status == 0
    planned = run_shim("rollout", "plan")
    assert planned.status == 0
    assert "shim rollout set ramp --percent 5" in planned.out
    assert run_shim("rollout", "set", "ramp", "--percent", "5").status == 0
    status = run_shim("rollout", "status")
    assert "ramp, candidate's share 5.00%" in status.out
    told = run_shim("rollout", "history").out
    assert [word in told for word in ("ann", "approved", "looked at it", "ramp@5")] == [True] * 4


def test_everything_is_there_for_programs(run_shim: RunShim, folder: Path) -> None:
    """With --json each action prints objects of one line, refusals too."""
    run_shim("rollout", "set", "wire")
    status = json.loads(run_shim("rollout", "status", "--json").out)
    assert (status["stage"], status["kill_switch"]["position"], status["answer"]) == ("wire", "clear", None)
    refused = run_shim("rollout", "set", "ramp", "--percent", "5", "--json")
    assert json.loads(refused.out)["missing"] == ["ramp 5 waits for an approval"]
    plan = json.loads(run_shim("rollout", "plan", "--json").out)
    assert (plan["current"], plan["next"], plan["ready"]) == ("wire", "ramp 5", False)
    assert json.loads(run_shim("rollout", "approve", "ramp 5", "--json").out) == {"approved": "ramp 5"}
    changed = json.loads(run_shim("rollout", "set", "off", "--json").out)
    assert (changed["came_from"], changed["to"]) == ("wire@0", "off@0")
    assert json.loads(run_shim("rollout", "reset", "fixed", "--json").out) == {"was_latched": False}
    assert json.loads(run_shim("rollout", "off", "--json").out)["done"] is True
    events = [json.loads(line)["event"] for line in run_shim("rollout", "history", "--json").out.splitlines()]
    assert events == ["changed", "approved", "changed", "reset", "killed"]
    assert len(run_shim("rollout", "history", "--json", "--limit", "2").out.splitlines()) == 2


def test_a_step_without_its_evidence_needs_a_reason(run_shim: RunShim, folder: Path) -> None:
    """--anyway goes past what is missing with a reason, and not with an empty one."""
    assert run_shim("rollout", "set", "ramp", "--percent", "5", "--anyway", " ").status == 2
    assert run_shim("rollout", "set", "ramp", "--percent", "5", "--anyway", "fire drill").status == 0
    entry = list(HistoryFile(folder / "history.jsonl").read())[-1]
    assert entry.reason.startswith("fire drill (though ")


@pytest.mark.parametrize("broken", ["policy.toml", "plan.toml", "shim-rollout.toml"])
@pytest.mark.parametrize("content", ["brok\0en = [", f"percent = {'9' * 5000}"], ids=["broken", "huge"])
def test_off_works_when_the_rest_is_broken(run_shim: RunShim, folder: Path, broken: str, content: str) -> None:
    """With a policy, plan or configuration that cannot be read the switches are thrown all the same."""
    (folder / broken).write_text(content)
    ran = run_shim("rollout", "off", "--kill-switch", str(folder / "kill"), "--policy", str(folder / "policy.toml"))
    assert ran.status == 0
    assert (folder / "kill").exists()
    assert 'stage = "off"' in (folder / "policy.toml").read_text()
    assert "Off: control serves all" in ran.out


def test_where_the_rollout_is_may_be_said_before_the_action(
    run_shim: RunShim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options stand before the action or after it, where they win: nobody has to know the order when it burns."""
    monkeypatch.chdir(tmp_path)
    assert run_shim("rollout", "--kill-switch", "before", "off").status == 0
    assert run_shim("rollout", "--kill-switch", "before", "off", "--kill-switch", "after").status == 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["after", "before"]


def test_off_without_a_switch_says_so(run_shim: RunShim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no switch is known, or none could be reached, the status says that nothing is off."""
    monkeypatch.chdir(tmp_path)
    assert run_shim("rollout", "off").status == 2
    ran = run_shim("rollout", "off", "--kill-switch", str(tmp_path / "no" / "folder" / "kill"))
    assert ran.status == 1
    assert "SHIM_KILL_SWITCH=1" in ran.out
    assert run_shim("rollout", "off", "--store", "redis://127.0.0.1:1/0").status == 1


def test_switches_are_lifted(run_shim: RunShim, folder: Path) -> None:
    """--release takes the file away and leaves the stage off."""
    run_shim("rollout", "off")
    assert "kill switch thrown" in run_shim("rollout", "set", "wire").err
    assert run_shim("rollout", "off", "--release", "--reason", "fixed").status == 0
    assert not (folder / "kill").exists()
    assert '"off"' in (folder / "policy.toml").read_text()
    assert run_shim("rollout", "set", "wire").status == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("set", "rampp"), "give one of off, wire"),
        (("set", "ramp", "--percent", "101"), "from 0 to 100"),
        (("set", "ramp", "--percent", "nan"), "from 0 to 100"),
        (("set", "ramp"), "give --percent"),
        (("set", "ramp", "--percent", "0.001", "--anyway", "x"), "two decimals"),
        (("approve", "ramp 7"), "those are: ramp 5"),
        (("reset", " "), "the reason is empty"),
        (("status", "--policy", "none.toml"), "none.toml cannot be read"),
        (("set", "wire", "--policy", "none.toml"), 'make it, with the line stage = "off"'),
        (("status", "--policy", "."), "cannot be read"),
        (("status", "--plan", "."), "cannot be read"),
        (("status", "--history", "."), "no regular file"),
        (("status", "--kill-switch", "."), "kill switch"),
        (("status", "--store", "none.db"), "is not there"),
        (("status", "--store", "redis://host/one"), "store:"),
        (("status", "--config", "none.toml"), "none.toml cannot be read"),
        (("status", "--flag", "\n"), "flag"),
        (("history", "--limit", "0"), "give 1 or more"),
        (("watch", "--every", "0"), "from 0.1 to 3600"),
        ((), "ACTION"),
    ],
)
def test_bad_input_is_told(run_shim: RunShim, folder: Path, arguments: tuple[str, ...], told: str) -> None:
    """What cannot be used ends with status 2 and words that say what to do, and nothing is written."""
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    ran = run_shim("rollout", *arguments)
    assert ran.status == 2, ran
    assert told in ran.err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    "content",
    ['stage = "rampp"', 'stage = "ramp"\npercent = 101', 'stage = "ramp"\npercent = nan', "stge = 1", "", "\0"],
    ids=["stage", "percent", "nan", "key", "empty", "binary"],
)
@pytest.mark.parametrize("arguments", [("status",), ("plan",), ("set", "wire")], ids=" ".join)
def test_a_policy_that_cannot_be_is_told(
    run_shim: RunShim, folder: Path, content: str, arguments: tuple[str, ...]
) -> None:
    """Every command says what is wrong with the policy's file, and leaves it as it is."""
    (folder / "policy.toml").write_text(content)
    ran = run_shim("rollout", *arguments)
    assert ran.status == 2
    assert "policy.toml" in ran.err
    assert (folder / "policy.toml").read_text() == content


def test_a_store_of_a_newer_schema_is_told(run_shim: RunShim, folder: Path) -> None:
    """A store that a newer version wrote is neither read nor written, and the words say so."""
    SqliteStore(folder / "rollout.db").close()
    with sqlite3.connect(folder / "rollout.db") as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE name = 'schema'")
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    for arguments in (("status",), ("set", "wire")):
        ran = run_shim("rollout", *arguments, "--store", "rollout.db")
        assert ran.status == 1
        assert "newer" in ran.err


@needs_redis
def test_a_redis_that_answers_errors_is_told(run_shim: RunShim, folder: Path, tmp_path: Path) -> None:
    """A server that refuses the password is an error without the password in it, and the policy stays."""
    with RedisProcess(tmp_path) as server:
        address = server.url.replace("redis://", "redis://somebody:hidden@")
        ran = run_shim("rollout", "set", "wire", "--store", address)
    assert ran.status == 1
    assert "hidden" not in ran.err + ran.out
    assert (folder / "policy.toml").read_text() == 'stage = "off"  # ours\n'


def test_watching_once_shows_status_and_plan(run_shim: RunShim, folder: Path) -> None:
    """One look shows both, and is kept as a sample where a file is named."""
    ran = run_shim("rollout", "watch", "--once", "--samples", "samples.jsonl")
    assert ran.status == 0
    assert "off, candidate's share" in ran.out
    assert "next wire" in ran.out
    assert json.loads((folder / "samples.jsonl").read_text())["stage"] == "off"


@pytest.mark.parametrize(
    ("stage", "says"),
    [("off", "; next step ready"), ("wire", "; missing 1"), ("complete", "; the plan is at its end")],
)
def test_a_line_of_watching_ends_with_the_next_step(folder: Path, stage: str, says: str) -> None:
    """Whether the next step may begin stands at the end of each line, and behind the last step that there is none."""
    plan = RolloutPlan.load(folder / "plan.toml")
    status = Rollout(Policy.parse({"stage": stage})).status()
    needs = plan.needs(standing_of(status, approved=()), now=time.time())
    assert line_of(status, needs).endswith(says)
    assert line_of(status, None).endswith("0 errors")


@pytest.mark.slow
def test_watching_ends_with_ctrl_c(folder: Path) -> None:
    """Without a terminal it prints a line each time, and Ctrl-C ends it well."""
    command = shim_command("rollout", "watch", "--every", "0.1", "--config", str(folder / "shim-rollout.toml"))
    with Running(command, environment()) as watching:
        watching.expect("off@0 guard not known here")
        (folder / "policy.toml").write_text("broken")
        watching.expect("cannot look")
        (folder / "policy.toml").write_text('stage = "wire"')
        watching.expect("wire@0")
        watching.interrupt()
        assert watching.status() == 0
        assert watching.errors() == ""


@pytest.mark.slow
def test_watching_on_a_terminal_is_a_live_table(folder: Path) -> None:
    """On a terminal the table is drawn in place, and follows what is set."""
    command = shim_command("rollout", "watch", "--every", "0.1", "--config", str(folder / "shim-rollout.toml"))
    with Running(command, environment(), terminal=True) as watching:
        watching.expect("next: wire")
        (folder / "policy.toml").write_text('stage = "wire"')
        watching.expect("next: ramp 5")
        watching.interrupt()
        assert watching.status() == 0


def test_strangers_text_does_nothing_to_a_terminal(run_shim: RunShim, folder: Path) -> None:
    """Control characters in a history are written out."""
    run_shim("rollout", "set", "wire", "--by", "ev\x1b[2Jil")
    assert "\x1b" not in run_shim("rollout", "history").out
    assert "\x1b" not in run_shim("rollout", "status").out


def test_the_report_is_one_page(run_shim: RunShim, folder: Path) -> None:
    """The page is written where it was asked for, with the history in it."""
    run_shim("rollout", "set", "wire", "--by", "ann")
    ran = run_shim("rollout", "report", "--html", "report.html")
    assert (ran.status, ran.out) == (0, "Written: report.html\n")
    page = (folder / "report.html").read_text()
    assert [each in page for each in ("Control serves all; stage wire", "ann", "ramp 5 waits")] == [True] * 3
    assert run_shim("rollout", "report", "--html", ".").status == 2
