"""Tests of the guard's simulation: few runs of it keep its aims, it repeats by its seed, and it tells a miss."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from bench.guard_simulation import Row, Run, main, run, simulate, summary, table
from bench.guard_traffic import DETECTION, NULL, Leg, Scenario, Traffic, scenarios
from shim.migration.bad_events import ERROR

ROOT = Path(__file__).resolve().parents[2]


def some(only: str, *, runs: int, requests: int, seed: int = 1, workers: int = 1) -> list[Row]:
    """The rows of the scenarios whose name holds `only`."""
    return simulate(runs=runs, requests=requests, seed=seed, workers=workers, only=only, tick=lambda _ended: None)


def scenario(name: str, *, requests: int = 20_000) -> Scenario:
    """A scenario by its name."""
    return next(each for each in scenarios(requests) if each.name == name)


def test_what_is_logged_is_left_as_it_was() -> None:
    """A simulation in this process is quiet, and nothing else is from then on."""
    logger = logging.getLogger("shim.migration")
    before = logger.level
    some("A/A at 1 %, 50% share", runs=1, requests=50)
    assert logger.level == before


@pytest.mark.parametrize(
    "name",
    [
        "A/A at 1 %, 50% share",
        "clustered conversations of ten, a = 0.005, 50% share",
        "half without a conversation",
        "ramp 5/25/50 %",
        "outage of both arms",
        "wrong share: told 5 %, really 10%",
    ],
)
def test_equal_arms_are_hardly_ever_rolled_back(name: str) -> None:
    """Of six short runs in which the arms do not differ, at most one is rolled back."""
    (row,) = some(name, runs=6, requests=1500)
    assert row.rolled_back <= 1 / 6


def test_a_worse_candidate_is_found() -> None:
    """Ten times the errors at a quarter of the conversations are found in each run, within a few hundred requests."""
    (row,) = some("1 -> 10 %, 25% share", runs=10, requests=4000)
    assert row.rolled_back == 1.0
    assert row.median is not None
    assert row.median < 600


def test_a_slower_candidate_holds_and_is_not_rolled_back() -> None:
    """Half as slow again is found as a signal."""
    (row,) = some("1.5 times slower (holds), 25% share", runs=5, requests=5000)
    assert (row.rolled_back, row.held) == (0.0, 1.0)


def test_a_wrong_share_is_held() -> None:
    """A share that is told as half of what it is ends in doubt in each run."""
    (row,) = some("wrong share: told 5 %, really 10%", runs=5, requests=3000)
    assert row.held == 1.0


@pytest.mark.slow
def test_a_seed_gives_the_same_however_many_processes() -> None:
    """The same seed gives the same figures with one process and with two, and another seed other figures."""
    one = some("1 -> 10 %, 50% share", runs=12, requests=1000)
    assert one == some("1 -> 10 %, 50% share", runs=12, requests=1000, workers=2)
    assert one != some("1 -> 10 %, 50% share", runs=12, requests=1000, seed=2)


def test_traffic_is_what_its_scenario_says() -> None:
    """Shares, error rates of both arms and the part without a conversation come out as told."""
    told = Scenario("made up", DETECTION, (Leg(0, 0.25, "step"),), base=0.05, times=4, without_unit=0.2, their_rate=0.5)
    requests = list(Traffic(told, seed="7", requests=20_000))
    unnamed = [bad for decision, bad in requests if decision.unit is None]
    candidate = [bad for decision, bad in requests if decision.unit and decision.arm == "candidate"]
    control = [bad for decision, bad in requests if decision.unit and decision.arm == "control"]
    assert len(unnamed) / 20_000 == pytest.approx(0.2, abs=0.02)
    assert len(candidate) / (len(candidate) + len(control)) == pytest.approx(0.25, abs=0.02)
    for found, rate in ((unnamed, 0.5), (candidate, 0.2), (control, 0.05)):
        assert sum(ERROR in bad for bad in found) / len(found) == pytest.approx(rate, abs=0.03)


def test_conversations_keep_their_arm_and_length() -> None:
    """Each conversation has ten requests, all in one arm."""
    told = Scenario("made up", NULL, (Leg(0, 0.5, "step"),), length=10, open_at_once=7)
    arms: dict[str, list[str]] = {}
    for decision, _ in Traffic(told, seed="7", requests=5000):
        arms.setdefault(decision.unit or "", []).append(decision.arm)
    assert all(len(set(found)) == 1 for found in arms.values())
    assert max(map(len, arms.values())) == 10


def test_steps_follow_their_legs() -> None:
    """The ramp goes through its three steps in order."""
    steps = [
        decision.step
        for decision, _ in Traffic(
            scenario("ramp 5/25/50 % while errors rise 1 -> 3 %", requests=300), seed="7", requests=300
        )
    ]
    assert [steps[0], steps[100], steps[200]] == ["ramp@5", "ramp@25", "ramp@50"]
    assert steps == sorted(steps, key=["ramp@5", "ramp@25", "ramp@50"].index)


def test_requests_are_counted_from_when_the_candidate_is_worse() -> None:
    """What a regression takes is counted from its beginning."""
    late = scenario("1 -> 10 % after a clean half, as a step begins", requests=4000)
    ended = run(late, seed="3", requests=4000)
    assert ended.rolled_back is not None
    assert 0 < ended.rolled_back <= 2000


def test_a_missed_aim_is_told() -> None:
    """An aim is missed by a median above it, by runs that found nothing, and by too many false rollbacks."""
    aimed = scenario("1 -> 10 %, 5% share")
    assert summary(aimed, [Run(rolled_back=700, held=None)] * 3).met is True
    assert summary(aimed, [Run(rolled_back=900, held=None)] * 3).met is False
    assert summary(aimed, [Run(rolled_back=None, held=None)] * 3).met is False
    null = scenario("A/A at 1 %, 5% share")
    calm, false = Run(rolled_back=None, held=None), Run(rolled_back=5, held=None)
    assert summary(null, [calm] * 95 + [false] * 5).met is True
    assert summary(null, [calm] * 94 + [false] * 6).met is False
    assert "MISSED" in table([summary(null, [false])])


def test_json_holds_what_the_table_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file gets the rows as JSON while the table is printed, and `--json` alone prints it."""
    file = tmp_path / "rows.json"
    asked = ["--runs", "2", "--requests", "300", "--workers", "1", "--only", "50% share"]
    main([*asked, "--json", str(file)])
    printed = capsys.readouterr().out
    document = json.loads(file.read_text(encoding="utf-8"))
    assert document["runs"] == 2
    assert all(row["name"] in printed for row in document["scenarios"])
    main([*asked, "--json"])
    assert json.loads(capsys.readouterr().out) == document


@pytest.mark.parametrize("asked", [["--runs", "0"], ["--only", "no such scenario"], ["--workers", "0"]])
def test_what_cannot_be_run_is_refused(asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to run is a mistake of the command line, told with the remedy."""
    with pytest.raises(SystemExit) as ended:
        main(asked)
    assert ended.value.code == 2
    assert "--only is part of a scenario's name" in capsys.readouterr().err


@pytest.mark.slow
def test_it_runs_as_a_command() -> None:
    """`python -m bench.guard_simulation` prints a row for each scenario and nothing else."""
    command = [sys.executable, "-m", "bench.guard_simulation", "--runs", "1", "--requests", "200", "--workers", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)  # noqa: S603 - our own
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == len(scenarios(200)) + 3
