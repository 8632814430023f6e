"""Scenarios of cleanup: after success and after error the context is freed, and threads and descriptors are as before."""

from __future__ import annotations

import weakref

import pytest

from shim.testing.fake_openai import Cut, FakeOpenAI, Status
from tests.contract.test_leaks import held
from tests.helpers.driving import Heard, ask, drive, eventually, start
from tests.helpers.providers import AnyProvider, Make


def check_freed(provider: AnyProvider, *, ok: bool) -> None:
    """Make a stream whose callbacks are watched, let go of it, and see it die."""
    heard: Heard | None = ask(provider, stream=True)
    assert heard is not None
    assert heard.completion.ok == ok
    watched = weakref.ref(heard)
    heard = None
    eventually(lambda: watched() is None, seconds=2)


@pytest.mark.usefixtures("uncollected")
def test_the_context_is_freed_after_success(provider: AnyProvider) -> None:
    """After a stream that ended well its callbacks, and all they hold, are gone."""
    check_freed(provider, ok=True)


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize("plan", [Status(500), Cut(after_events=3)], ids=["status", "cut"])
def test_the_context_is_freed_after_an_error(provider: AnyProvider, server: FakeOpenAI, plan: Status | Cut) -> None:
    """After a stream that failed its callbacks, and all they hold, are gone."""
    server.plan(plan)
    check_freed(provider, ok=False)


def test_threads_and_descriptors_are_as_before(make: Make, server: FakeOpenAI) -> None:
    """A provider with thirty streams, some failing, some cancelled, leaves nothing open when it is closed."""
    before = held()
    with make(server.base_url) as provider:
        server.plan(*[Status(500)] * 10)
        heard = [start(provider, stream=True) for _ in range(20)]
        drive(provider, lambda: all(each.done for each in heard))
        for _ in range(10):
            provider.cancel(start(provider, stream=True).handle)
    eventually(lambda: held() <= before)


def test_no_thread_is_left_while_nothing_runs(provider: AnyProvider, server: FakeOpenAI) -> None:
    """An idle provider keeps its connections and no thread."""
    threads, _ = held()
    for _ in range(3):
        assert ask(provider, stream=True).completion.ok
        eventually(lambda: held()[0] == threads)
    assert server.connections_opened == 1
