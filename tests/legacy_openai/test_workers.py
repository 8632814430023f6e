"""Tests of legacy_openai/workers.py."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from legacy_openai.connections import Cutoff
from legacy_openai.workers import Workers
from tests.legacy_openai.driving import eventually, threads


class Job:
    """Stands for a transfer: runs until it is told to end."""

    def __init__(self) -> None:
        self.cutoff = Cutoff()
        self.started, self.end = threading.Event(), threading.Event()

    def run(self) -> None:
        """Run, holding the thread."""
        self.started.set()
        assert self.end.wait(10)


def crew(limit: int) -> Any:
    """Workers for jobs."""
    run: Any = Job.run  # a Job stands for the transfer
    return Workers(limit, run)


def test_one_thread_for_each_running_job_and_none_when_idle() -> None:
    """Threads come with the jobs, are never more than the limit, and go with them."""
    workers, jobs = crew(2), [Job() for _ in range(5)]
    for job in jobs:
        workers.submit(job)
    assert jobs[0].started.wait(5)
    assert jobs[1].started.wait(5)
    assert threads() == 2
    for job, following in zip(jobs, jobs[2:], strict=False):
        assert not following.started.is_set()
        job.end.set()
        assert following.started.wait(5)
        assert threads() == 2
    jobs[3].end.set()
    jobs[4].end.set()
    workers.join(5)
    assert threads() == 0


def test_a_withdrawn_job_never_starts() -> None:
    """A job that waits can be taken back, one that runs cannot."""
    workers, first, second = crew(1), Job(), Job()
    workers.submit(first)
    workers.submit(second)
    assert first.started.wait(5)
    assert workers.withdraw(second)
    assert not workers.withdraw(second)
    assert not workers.withdraw(first)
    first.end.set()
    workers.join(5)
    assert not second.started.is_set()


def test_without_a_thread_the_job_is_refused_or_left_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the system gives no thread, the caller learns it, unless a running thread will take the job."""
    workers, first, second = crew(2), Job(), Job()

    def fail(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError, match="thread"):
            workers.submit(Job())
    workers.submit(first)
    assert first.started.wait(5)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        workers.submit(second)
    first.end.set()
    assert second.started.wait(5)
    second.end.set()
    assert eventually(lambda: threads() == 0)
