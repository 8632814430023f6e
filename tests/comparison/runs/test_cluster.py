"""Tests of a cluster's loss: of its scheduler, of all workers, for a while or for good; each answer comes once.

Not Dask itself, whose place a stand-in takes here: `tests.cli.test_compare_cluster` kills real processes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest

from shim.comparison.runs import cluster as cluster_module
from shim.comparison.runs.cluster import Cluster, ClusterError, TaskAnswer

TASKS = {f"part-{number}": f"text {number}" for number in range(30)}


class StandIn:
    """A session with a scheduler that answers one task at each look, is lost when `losses` says so, and has `workers`."""

    losses: list[int] = []  # noqa: RUF012 - a script that each test gives anew
    refusals = 0  # connections that are refused, after the first
    workers = 1
    opened = 0
    most = 0  # tasks that a session had at once

    def __init__(self, _address: str, *, timeout: float) -> None:
        cls = type(self)
        cls.opened += 1
        if cls.opened > 1 and cls.refusals:
            cls.refusals -= 1
            raise cluster_module._SchedulerLostError("OSError")
        self.room = 4
        self._waiting: list[tuple[str, str, Callable[[str], str]]] = []
        self._left = cls.losses.pop(0) if cls.losses else 1000

    @property
    def under_way(self) -> int:
        return len(self._waiting)

    def count(self) -> int:
        return self.workers

    def submit(self, function: Callable[[str], str], *, name: str, text: str) -> None:
        self._waiting.append((name, text, function))
        type(self).most = max(self.most, len(self._waiting))

    def answers(self) -> list[TaskAnswer]:
        if not self._left:
            raise cluster_module._SchedulerLostError("the connection ended")
        self._left -= 1
        if not self._waiting or not self.workers:
            return []
        name, text, function = self._waiting.pop()
        return [TaskAnswer(name, function(text))]

    def close(self) -> None:
        self._waiting.clear()


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> type[StandIn]:
    """A stand-in of its own for each test; nothing is waited for long."""
    made: type[StandIn] = type("ScriptedSession", (StandIn,), {"losses": []})
    monkeypatch.setattr(cluster_module, "_Session", made)
    for name in ("_EVERY", "_COUNT_EVERY", "_AGAIN_EVERY"):
        monkeypatch.setattr(cluster_module, name, 0.001)
    return made


def answers_of(*, patience: float = 5.0) -> tuple[list[TaskAnswer], list[str]]:
    """What comes of the tasks, and what was said on the way."""
    told: list[str] = []
    with Cluster("tcp://127.0.0.1:1", patience=patience, tell=told.append) as cluster:
        return [answer for answer in cluster.map(str.upper, TASKS) if answer is not None], told


def test_each_task_is_answered_once(stand_in: type[StandIn]) -> None:
    """Every text comes back once with what the function made of it, and the scheduler never has more than there is room for."""
    found, told = answers_of()
    assert {each.name: each.text for each in found} == {name: text.upper() for name, text in TASKS.items()}
    assert (len(found), told, stand_in.most) == (len(TASKS), [], 4)


def test_a_scheduler_that_is_lost_and_returns_loses_nothing(stand_in: type[StandIn]) -> None:
    """A scheduler that is lost three times, and away for a while, costs nothing that was answered, and asks for the rest anew."""
    stand_in.losses, stand_in.refusals = [5, 7, 9], 4
    found, told = answers_of()
    assert sorted(each.name for each in found) == sorted(TASKS)
    assert "is gone (the connection ended), with 25 to do. What is done is kept; waiting up to 5 s" in told[0]
    assert [words.split(" after")[0] for words in told[1::2]] == ["The scheduler is there again"] * 3


def test_a_scheduler_that_stays_away_ends_the_run(stand_in: type[StandIn]) -> None:
    """A scheduler that does not return within the patience is an error that says what to do."""
    stand_in.losses, stand_in.refusals = [5], 10**9
    with pytest.raises(ClusterError, match=r"did not return within 0 s; start it again, with its workers"):
        answers_of(patience=0.05)


def test_a_scheduler_that_is_lost_again_and_again_ends_the_run(stand_in: type[StandIn]) -> None:
    """Schedulers that are lost one after the other without an answer in between end the run, however patient."""
    stand_in.losses = [0] * 1000
    with pytest.raises(ClusterError, match=r"was lost 11 times without an answer in between"):
        answers_of()


def test_a_cluster_without_workers_ends_the_run(stand_in: type[StandIn]) -> None:
    """A scheduler without a worker is told, waited for, and an error once patience ends."""
    stand_in.workers = 0
    told: list[str] = []
    with pytest.raises(ClusterError, match=r"had no worker for 0 s; start some \(dask worker tcp://127.0.0.1:1\)"):
        list(Cluster("tcp://127.0.0.1:1", patience=0.05, tell=told.append).map(str.upper, TASKS))
    assert told == ["tcp://127.0.0.1:1 has no worker; waiting up to 0 s for one (dask worker)."]


def test_what_dask_raises_without_an_answer_is_bounded(
    stand_in: type[StandIn], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No scheduler at all is an error at once, which names the address and the kind of failure."""

    def refuse(*_given: Any, **_more: Any) -> None:
        raise cluster_module._SchedulerLostError("OSError")

    monkeypatch.setattr(stand_in, "__init__", refuse)
    with pytest.raises(
        ClusterError, match=r"no scheduler answers at tcp://127.0.0.1:1 within 30 s \(OSError\); start one"
    ):
        answers_of()


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Dask is not installed, the error says what to install."""
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"install legacy-openai-shim\[cluster\]"):
        Cluster("tcp://127.0.0.1:1", tell=print)
