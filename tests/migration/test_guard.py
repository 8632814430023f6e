"""Tests of the guard: modes, latch and reset, threads and forks, and that nothing noted hurts the call."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Collection
from typing import Any

import pytest

from shim.migration.guard import Guard, GuardMode
from tests.migration.guarded import counted, decision, note_both, trip, units, why


def test_both_modes_answer_alike() -> None:
    """Observe says what it would have done, in the same words; whether it is done is told in the event."""
    told: dict[str, list[Any]] = {"observe": [], "enforce": []}
    modes: tuple[GuardMode, ...] = ("observe", "enforce")
    for mode in modes:
        guard = Guard(mode=mode, on_answer=told[mode].append)
        assert trip(guard) == "roll_back"
        assert guard.mode == mode
    assert Guard().mode == "observe"
    assert [event.enforced for event in (told["observe"][-1], told["enforce"][-1])] == [False, True]


def test_a_trip_is_latched() -> None:
    """Neither good conversations nor another step lift a rollback."""
    guard = Guard()
    trip(guard)
    assert note_both(guard, 300) == "roll_back"
    assert note_both(guard, 300, step="ramp@5") == "roll_back"
    guard.begin("complete@100")
    assert guard.answer == "roll_back"


def test_a_trip_outlives_a_restart() -> None:
    """A state written as JSON brings latch, sums and step into another guard."""
    guard = Guard()
    trip(guard)
    again = Guard()
    again.restore(json.loads(json.dumps(guard.state())))
    assert again.answer == "roll_back"
    assert why(again) == why(guard)
    assert again.state() == guard.state()


def test_evidence_outlives_a_restart() -> None:
    """What was counted before a restart counts after it."""
    guard, again = Guard(), Guard()
    guard.reset("tried anew")
    note_both(guard, 29)
    again.restore(guard.state())
    assert again.state() == guard.state()
    assert note_both(again, 1) == "fine"


@pytest.mark.parametrize(
    "state", [{}, {"version": 2}, {"version": 1, "sums": []}, {**Guard().state(), "more": 1}, [], None]
)
def test_a_state_that_is_none_is_refused(state: Any) -> None:
    """Anything but a guard's state is refused, and the guard is as it was."""
    guard = Guard()
    with pytest.raises(ValueError, match="no guard's state"):
        guard.restore(state)
    assert guard.state() == Guard().state()


def test_a_state_of_another_setting_is_refused() -> None:
    """Sums of another tolerated ratio mean something else, and are refused by the setting's name."""
    with pytest.raises(ValueError, match="tolerated_ratio"):
        Guard().restore(Guard(tolerated_ratio=2.0).state())


def test_reset_begins_anew() -> None:
    """A reset lifts the latch and forgets the evidence: the same conversations may count again."""
    guard = Guard()
    trip(guard)
    guard.reset("the candidate's proxy is mended")
    assert (guard.answer, guard.reason) == ("hold", "not_enough")
    assert counted(guard) == (0, 0)
    assert guard.evidence()["epoch"] != Guard().evidence()["epoch"]
    assert trip(guard) == "roll_back"


@pytest.mark.parametrize("reason", ["", "  \n", None])
def test_reset_needs_a_reason(reason: Any) -> None:
    """A reset without a reason is refused, and the latch holds."""
    guard = Guard()
    trip(guard)
    with pytest.raises(ValueError, match="reason is empty"):
        guard.reset(reason)
    assert guard.answer == "roll_back"


@pytest.mark.parametrize("bad", [("typo",), "error", ("error", "typo")])
def test_an_unknown_kind_is_told_and_hurts_nothing(bad: Collection[str], caplog: pytest.LogCaptureFixture) -> None:
    """A kind that is none is counted and logged once, and the request counts without it."""
    guard = Guard()
    for unit in units(3):
        guard.note(decision(unit, "candidate"), bad=bad)
    assert sum(guard.evidence()["faults"].values()) == 3
    assert caplog.text.count("kind of bad event") == 1
    assert counted(guard)[1] == (3 if isinstance(bad, tuple) and "error" in bad else 0)


def test_a_decision_that_is_none_hurts_nothing() -> None:
    """Whatever is noted, the answer comes back and nothing is raised."""
    guard = Guard()
    strange: Any
    for strange in (None, object(), decision("unit", "elsewhere")):  # type: ignore[arg-type]  # that is the point
        assert guard.note(strange) == "hold"
        assert guard.expose(strange) == "hold"
    assert sum(guard.evidence()["faults"].values()) >= 4


@pytest.mark.parametrize("unit", ["\ud800", "\0", "x" * 1_000_000])
def test_strange_units_are_units(unit: str) -> None:
    """Half a surrogate, a NUL and a megabyte are names of conversations like others."""
    guard = Guard()
    for _ in range(3):
        guard.note(decision(unit, "candidate"), bad=("error",))
    assert counted(guard) == (0, 1)


def test_many_threads_lose_nothing() -> None:
    """Eight threads that note the same conversations count each once, and none of them is lost."""
    guard = Guard()
    shared = [decision(unit, "candidate" if number % 2 else "control") for number, unit in enumerate(units(2000))]
    barrier = threading.Barrier(8)

    def hammer() -> None:
        barrier.wait(5)
        for each in shared:
            guard.expose(each)
            guard.note(each, bad=("error",))

    threads = [threading.Thread(target=hammer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    assert guard.evidence()["units"] == {"control": 1000, "candidate": 1000}
    assert counted(guard) == (1000, 1000)
    assert not guard.evidence()["faults"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the platform has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_inside_the_lock_does_not_hang_the_child() -> None:
    """A child forked while another thread held the lock notes its own requests."""
    guard = Guard()
    note_both(guard, 5)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with guard._held():
            held.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(5)
    child = os.fork()
    if child == 0:
        signal.alarm(5)
        note_both(guard, 40)
        os._exit(0 if guard.answer == "fine" else 1)
    done.set()
    thread.join(5)
    deadline = time.monotonic() + 10
    found = os.waitpid(child, os.WNOHANG)
    while found[0] == 0 and time.monotonic() < deadline:
        time.sleep(0.01)
        found = os.waitpid(child, os.WNOHANG)
    assert os.waitstatus_to_exitcode(found[1]) == 0
    assert note_both(guard, 1) == "hold"


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"alpha": 0}, "alpha"),
        ({"alpha": 1}, "alpha"),
        ({"tolerated_ratio": 0.5}, "tolerated_ratio"),
        ({"minimum_units": 0}, "minimum_units"),
        ({"minimum_units": 1.5}, "minimum_units"),
        ({"minimum_units": True}, "minimum_units"),
        ({"mode": "both"}, "mode"),
        ({"guardrails": ()}, "guardrails"),
        ({"guardrails": ("error", "slow")}, "guardrails and signals"),
        ({"signals": ("two words",)}, "guardrails and signals"),
    ],
)
def test_settings_out_of_range_are_named(settings: dict[str, Any], named: str) -> None:
    """A setting that cannot be is refused by its name when the guard is made."""
    with pytest.raises(ValueError, match=f"^{named}"):
        Guard(**settings)


def test_it_shows_itself() -> None:
    """Its repr tells mode, answer and reason."""
    assert repr(Guard(mode="enforce")) == "<Guard enforce: hold (not_enough)>"
