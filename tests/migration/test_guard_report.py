"""Tests of the figures behind an answer: complete, plain, and writable whatever was counted."""

from __future__ import annotations

import json

from shim.migration.guard import Guard
from shim.migration.guard_port import GuardPort
from tests.migration.guarded import note, note_both, trip


def test_the_figures_explain_the_answer() -> None:
    """Each kind has its evidence beside its limit and its counts per arm, and the sample ratio both shares."""
    guard = Guard()
    trip(guard)
    found = guard.evidence()
    assert found["kinds"]["error"] == {
        "role": "guardrail",
        "e_value": found["guardrails"],
        "limit": 20.0,
        "control": 0,
        "candidate": 40,
    }
    assert found["kinds"]["slow"]["role"] == "signal"
    assert found["guardrails"] > found["limit"] == 20.0
    assert (found["sample_ratio"]["told"], found["sample_ratio"]["real"]) == (0.5, 0.5)
    assert found["latched"]["step"] == found["step"] == "ramp@50"


def test_the_figures_are_plain_json_at_any_extreme() -> None:
    """Before the first request, after a flood of errors and with strange kinds they can be written as JSON."""
    flooded = Guard(guardrails=("error",), signals=())
    note(flooded, "candidate", 3000, bad=("error",), share=0.001)
    for guard in (Guard(), flooded):
        json.dumps(guard.evidence(), allow_nan=False)
        json.dumps(guard.state(), allow_nan=False)


def test_a_guard_is_what_a_rollout_asks_for() -> None:
    """A guard fits the protocol that the rollout was written against."""
    port: GuardPort = Guard()
    assert port.answer == "hold"
    assert set(port.evidence()) >= {"answer", "why", "kinds", "units", "sample_ratio", "epoch"}


def test_reading_the_figures_changes_nothing() -> None:
    """A status may be asked for after each request."""
    asked, other = Guard(), Guard()
    for _ in range(50):
        note_both(asked, 1)
        asked.evidence()
        note_both(other, 1)
    assert asked.state() == other.state()
