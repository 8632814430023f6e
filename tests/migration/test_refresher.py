"""Tests of the refresher: one thread a process, ended by close, and nothing that its work raises ends it."""

from __future__ import annotations

import threading
import time

import pytest

from shim.migration.refresher import Refresher
from tests.migration.helpers.waiting import in_child, wait_until


def threads() -> list[str]:
    """The refreshers' threads that run."""
    return [thread.name for thread in threading.enumerate() if thread.name == "refreshing"]


def test_nothing_runs_before_it_is_needed() -> None:
    """A refresher that nobody asked has no thread, and however often it is asked it has one."""
    done: list[float] = []
    refresher = Refresher(lambda: done.append(time.monotonic()), every=0.01, name="refreshing")
    assert not threads()
    for _ in range(100):
        refresher.ensure()
    wait_until(lambda: len(done) >= 3)
    assert threads() == ["refreshing"]
    assert refresher.close()
    assert not threads()
    refresher.ensure()
    assert not threads(), "closed is closed"


def test_what_the_work_raises_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """An error does not end the thread, and the same one again is not told again."""
    calls = 0

    def work() -> None:
        nonlocal calls
        calls += 1
        raise ValueError("made up")

    refresher = Refresher(work, every=0.001, name="refreshing")
    refresher.ensure()
    wait_until(lambda: calls > 5)
    assert refresher.close()
    assert [record.message for record in caplog.records] == ["refreshing: ValueError: made up"]


def test_a_provider_that_wants_to_exit_ends_no_thread(caplog: pytest.LogCaptureFixture) -> None:
    """SystemExit from the work, which ends a thread without a word, is told as any error, and the work goes on."""
    calls = 0

    def work() -> None:
        nonlocal calls
        calls += 1
        raise SystemExit(3)

    refresher = Refresher(work, every=0.001, name="refreshing")
    refresher.ensure()
    wait_until(lambda: calls > 2)
    assert refresher.close()
    assert [record.message for record in caplog.records] == ["refreshing: SystemExit: 3"]


def test_a_thread_that_the_system_refuses_is_asked_for_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that had no thread left follows switch and policy once it has one, and says once that it does not."""
    monkeypatch.setattr("shim.migration.refresher._AGAIN_SECONDS", 0.02)
    start, asked, done = threading.Thread.start, 0, threading.Event()

    def refuse(_thread: threading.Thread) -> None:
        nonlocal asked
        asked += 1
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    refresher = Refresher(done.set, every=0.01, name="refreshing")
    for _ in range(1000):
        refresher.ensure()
    assert asked < 50, "not at every request"
    wait_until(lambda: refresher.wait(0.0) or asked > 2)
    monkeypatch.setattr(threading.Thread, "start", start)
    wait_until(lambda: refresher.wait(0.0) and done.is_set())
    assert refresher.close()
    assert [record.message[:24] for record in caplog.records] == ["no thread for refreshing"]


def test_it_finishes_what_it_has() -> None:
    """Where that is asked for, the work is done once more after the close began."""
    waiting, written = ["first"], []

    def work() -> None:
        written.extend(waiting)
        waiting.clear()

    refresher = Refresher(work, every=60.0, name="refreshing", finish=True)
    assert refresher.wait(5.0)
    waiting.append("last")
    assert refresher.close()
    assert written == ["first", "last"]


def test_work_that_blocks_holds_nobody() -> None:
    """Closing waits no longer than it is told for work that does not end."""
    release = threading.Event()

    def work() -> None:
        release.wait(10.0)

    refresher = Refresher(work, every=1.0, name="refreshing")
    assert not refresher.wait(0.01)
    began = time.monotonic()
    assert not refresher.close(timeout=0.05)
    assert time.monotonic() - began < 2.0
    release.set()
    wait_until(lambda: not threads())


def test_waking_does_it_now() -> None:
    """A refresher that rests for long works at once when it is woken."""
    done: list[int] = []
    refresher = Refresher(lambda: done.append(1), every=60.0, name="refreshing")
    assert refresher.wait(5.0)
    refresher.wake()
    wait_until(lambda: len(done) == 2)
    assert refresher.close()


def test_a_forked_child_has_a_thread_of_its_own() -> None:
    """A child begins anew, even where the parent's thread was at work, or resting, at the fork."""
    done: list[int] = []
    refresher = Refresher(lambda: done.append(1), every=0.001, name="refreshing")
    assert refresher.wait(5.0)

    def work() -> str:
        done.clear()
        refresher.ensure()
        wait_until(lambda: len(done) > 2)
        return f"{threads()} {refresher.close()}"

    assert in_child(work) == "['refreshing'] True"
    assert refresher.close()
