"""Tests of how a guard tells its answers, and that no hook hurts a call."""

from __future__ import annotations

import json
import logging
import threading
from typing import Any

import pytest

from shim.migration.guard import Guard
from tests.migration.guarded import note_both, trip


def test_an_answer_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Each new answer is one event for the callback, one for telemetry, and one line in the log."""
    events: list[Any] = []
    spans: list[tuple[str, Any]] = []
    guard = Guard(on_answer=events.append, telemetry=lambda name, attributes: spans.append((name, attributes)))
    with caplog.at_level(logging.INFO, logger="shim.migration"):
        trip(guard)
        note_both(guard, 50)
    assert [event.answer for event in events] == ["hold", "roll_back"]
    assert events[-1].before == "hold"
    assert events[-1].e_value >= events[-1].limit == 20
    assert [attributes["answer"] for _, attributes in spans] == ["hold", "roll_back"]
    assert {name for name, _ in spans} == {"shim.migration.guard"}
    json.dumps(spans, allow_nan=False)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "only observed, nothing is done" in caplog.records[-1].getMessage()


def test_a_reset_is_told_with_its_reason() -> None:
    """The event of a reset holds what the person said."""
    events: list[Any] = []
    guard = Guard(on_answer=events.append)
    trip(guard)
    guard.reset("proxy mended")
    assert (events[-1].answer, events[-1].before, events[-1].why) == ("hold", "roll_back", "reset: proxy mended")


def test_a_hook_that_raises_hurts_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """What hooks raise is counted, logged once each without its message, and does not reach the call."""

    def broken(*_given: object) -> None:
        raise RuntimeError("sk-secret")

    guard = Guard(on_answer=broken, telemetry=broken)
    assert trip(guard) == "roll_back"
    guard.reset("again")
    trip(guard)
    assert guard.evidence()["faults"]["on_answer"] == guard.evidence()["faults"]["telemetry"] == 5
    complaints = [record.getMessage() for record in caplog.records if "goes on without" in record.getMessage()]
    assert len(complaints) == 2
    assert "sk-secret" not in caplog.text


def test_a_hook_may_use_the_guard() -> None:
    """No lock is held while a hook runs: it may ask, and reset."""
    answers: list[str] = []

    def ask(_event: object) -> None:
        found: list[str] = []
        thread = threading.Thread(target=lambda: found.append(guard.evidence()["answer"]))
        thread.start()
        thread.join(5)
        answers.extend(found)

    guard = Guard(on_answer=ask)
    trip(guard)
    assert answers == ["hold", "roll_back"]
