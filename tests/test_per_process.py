"""Tests of one value for each process: made once, by whichever thread comes first, and anew in a child."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shim.per_process import PerProcess


def test_each_process_has_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value per process is made once in each."""
    values = PerProcess(object)
    mine = values.get()
    assert values.get() is mine
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert values.get() is not mine


def test_threads_that_come_first_at_once_share_it() -> None:
    """However many threads ask first at the same time, they get the same one."""
    together = threading.Barrier(8)
    mine = PerProcess(object)

    def get() -> object:
        together.wait(5)
        return mine.get()

    with ThreadPoolExecutor(8) as threads:
        assert len({id(future.result()) for future in [threads.submit(get) for _ in range(8)]}) == 1
