"""Tests of a real guard in a real rollout: its answer moves the stage in "enforce" and never in "observe", and only back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from shim.migration import Guard, Policy, Rollout
from shim.migration.store.sqlite_store import SqliteStore
from shim.model import ErrorCategory, ProviderError
from shim.provider import Completion, Timing
from tests.migration.guarded import units

RAMP = Policy(stage="ramp", percent=25)  # type: ignore[arg-type]  # its string value is taken too


def completion(*, ok: bool) -> Completion:
    """How a request ended."""
    error = None if ok else ProviderError(ErrorCategory.NETWORK, "connection reset")
    return Completion(cast(Any, None), None, error, timing=Timing(started=0.0, finished=1.0))


def serve(rollout: Rollout, number: int, *, fails: str = "candidate") -> None:
    """Serve so many conversations of one request each, in which one arm always fails."""
    for unit in units(number):
        decision = rollout.decide(unit)
        rollout.note(decision, completion(ok=decision.arm != fails))


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def test_a_failing_candidate_takes_the_rollout_one_stage_back() -> None:
    """In "enforce" the stage is shadow after some failed conversations, and control serves what comes."""
    with Rollout(RAMP, guard=Guard(mode="enforce")) as rollout:
        serve(rollout, 200)
        assert rollout.status().stage == "shadow"
        assert {rollout.decide(unit).arm for unit in units(100)} == {"control"}


def test_observing_moves_nothing() -> None:
    """In "observe" the same answer is told, and the candidate goes on serving."""
    with Rollout(RAMP, guard=Guard()) as rollout:
        serve(rollout, 200)
        status = rollout.status()
        assert (status.stage, status.answer) == ("ramp", "roll_back")
        assert {rollout.decide(unit).arm for unit in units(100)} == {"control", "candidate"}


def test_a_failing_control_moves_nothing_forward() -> None:
    """However bad the control is, the rollout stays where it is."""
    with Rollout(RAMP, guard=Guard(mode="enforce")) as rollout:
        serve(rollout, 300, fails="control")
        status = rollout.status()
        assert (status.stage, status.share, status.answer) == ("ramp", 0.25, "fine")


@pytest.mark.parametrize("stage", ["off", "wire", "tee", "shadow", "complete"])
def test_without_a_choice_of_arms_there_is_nothing_to_say(stage: Any) -> None:
    """Where one arm serves everything, no error is evidence and the answer stays hold."""
    with Rollout(Policy(stage=stage), guard=Guard(mode="enforce")) as rollout:
        serve(rollout, 100)
        assert (rollout.status().stage, rollout.status().answer) == (stage, "hold")


@pytest.mark.slow
def test_two_processes_find_together_what_neither_finds_alone(tmp_path: Path) -> None:
    """Rollouts that share a store go back together, and one made afterwards begins there, until a person resets."""

    def rollout(store: SqliteStore) -> Rollout:
        return Rollout(RAMP, guard=Guard(mode="enforce", minimum_units=100), store=store)

    path = tmp_path / "rollout.db"
    with SqliteStore(path) as store, rollout(store) as one, rollout(store) as other:
        serve(one, 60)
        assert one.status().stage == "ramp"
        serve(other, 60)
        until(lambda: {one.status().stage, other.status().stage} == {"shadow"})
    with SqliteStore(path) as store, rollout(store) as later:
        assert later.status().stage == "shadow"
        later.reset("the candidate is mended")
        assert later.status().stage == "ramp"
        assert later.status().answer == "hold"
