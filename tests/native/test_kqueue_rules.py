"""Tests of the native provider over a poller that keeps kqueue's rules, on a platform that has none."""

from __future__ import annotations

import select
from collections.abc import Iterator

import pytest

from shim.model import ErrorCategory, ModelRequest, user
from shim.native import NativeProvider
from shim.poller import KqueuePoller, Poller
from shim.testing.fake_openai import FakeOpenAI, Stall
from tests.helpers.driving import Heard, ask, drive, start

pytestmark = pytest.mark.skipif(not hasattr(select, "epoll"), reason="the stand-in is made of epoll")


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    """A fake API."""
    with FakeOpenAI() as running:
        yield running


@pytest.fixture
def provider(server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> Iterator[NativeProvider]:
    """A provider that was made where kqueue is what there is."""
    from tests.helpers import kqueue_stand_in  # imports what only epoll's platforms have

    def make(*, plain: bool = False) -> Poller:
        assert not plain
        return KqueuePoller(kqueue_stand_in)

    monkeypatch.setattr("shim.native.sockets.make_poller", make)
    with NativeProvider(api_key="sk-test-key", base_url=server.base_url) as made:
        yield made


def test_answers_and_streams_come(provider: NativeProvider, server: FakeOpenAI) -> None:
    """Whole answers and streams arrive, one after the other on one connection."""
    for stream in (False, True, True, False):
        assert (
            ask(provider, ModelRequest("gpt-4o-mini", [user("Count to 3")]), stream=stream).response.text == "1, 2, 3."
        )
    assert server.connections_opened == 1


def test_many_streams_run_at_once(provider: NativeProvider) -> None:
    """Fifty streams behind the one descriptor all come to their end."""
    streams = [Heard() for _ in range(50)]
    for heard in streams:
        start(provider, ModelRequest("fake-paced-50x5", [user("Go")]), stream=True, heard=heard)
    drive(provider, lambda: all(heard.done for heard in streams))
    assert all(heard.completion.ok for heard in streams)


def test_a_stalled_request_is_cancelled(provider: NativeProvider, server: FakeOpenAI) -> None:
    """A request under way is cancelled and completes so."""
    server.plan(Stall())
    heard = start(provider, stream=True)
    drive(provider, lambda: server.request_count == 1)
    provider.cancel(heard.handle)
    drive(provider, lambda: heard.done)
    assert heard.error.category is ErrorCategory.CANCELLED
