"""Tests of the rollout under load: few requests go all the way, none is lost, and what would be wrong is counted."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from bench.rollout_load import Count, Row, _count, main, measure, table
from bench.rollout_scene import Load, Pace
from shim.testing.scripted import ScriptedProvider, answer

# A dozen changes, each followed within half a second: some fifteen seconds. On a machine that is busy a change may take up to
# the bench's own patience, and what is more is a hang.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

LEGS = ["off", "wire", "tee", "ramp 5", "ramp 25", "kill switch thrown", "kill switch lifted", "ramp 50"]


@pytest.fixture(scope="module")
def measured() -> tuple[list[Row], Count, dict[str, float]]:
    """A dozen conversations in each of the large legs, and a thousand or two requests that are sent while changes are awaited."""
    return measure(600, tick=lambda _ended: None, pace=Pace(at_once=2, pause=0.01))


@pytest.mark.slow
def test_no_request_is_lost_twice_served_or_moved(measured: tuple[list[Row], Count, dict[str, float]]) -> None:
    """Through every stage, switch, trip and lost store each request ends once, where it began."""
    rows, count, _ = measured
    assert count.good, count
    assert count.requests > 600
    assert [row.name for row in rows][: len(LEGS)] == LEGS


def test_each_leg_is_served_by_whom_it_should(measured: tuple[list[Row], Count, dict[str, float]]) -> None:
    """Control serves all before the ramp, the candidate a share in it; errors come of the trip alone."""
    rows = {row.name: row for row in measured[0]}
    assert rows["tee"].candidate == 0
    assert rows["ramp 50"].candidate > 2
    assert rows["complete"].candidate > rows["complete"].control
    assert all(row.errors == 0 for row in measured[0] if row.name not in ("guard trips", "reset"))


def test_the_table_tells_all(measured: tuple[list[Row], Count, dict[str, float]]) -> None:
    """Each leg is a line, and the counts stand below."""
    rows, count, costs = measured
    told = table(rows, count, costs=costs)
    assert all(row.name in told for row in rows)
    assert "0 lost, 0 completed twice, 0 served twice, 0 changed arm, 0 unexpected errors" in told
    assert json.loads(json.dumps(costs)) == costs


def test_what_is_wrong_is_counted() -> None:
    """A request that came twice, by both arms, that got another's answer, or that never ended is counted as such."""
    provider = ScriptedProvider(lambda _: answer("99 control 99 candidate"))
    load = Load(provider)
    load.go(lambda: load.ended >= 1)
    load.drain()
    load.next += 1  # one that never ended
    load.completions[0] += 1
    count = _count([load], Counter({(0, "control"): 1, (0, "candidate"): 1, (1, "control"): 2}))
    assert (count.lost, count.completed_twice, count.served_twice, count.good) == (1, 1, 2, False)
    assert count.changed_arm == 1 + load.ended - 1


def test_a_number_that_cannot_be_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """Too few requests to measure are an error that says how many."""
    with pytest.raises(SystemExit):
        main(["--requests", "3"])
    assert "from 500" in capsys.readouterr().err
