"""Tests of the last resort, poll and select, chosen where there is better: the contract and what every provider promises."""

from __future__ import annotations

import select
import time
from typing import Any

import pytest

from shim.model import ErrorCategory
from shim.native import NativeProvider
from shim.provider import Provider
from shim.testing.fake_openai import FakeOpenAI, Paced, Stall, Where
from tests.contract.served import ServedContract, misbehaving, plain_server, refusing_url
from tests.contract.test_callbacks import (
    test_a_chain_of_requests_started_in_completions,
    test_an_aborted_stream_gives_its_connection_up,
    test_an_interrupt_inside_an_event_loses_no_request,
)
from tests.contract.test_leaks import test_threads_and_descriptors_are_as_before
from tests.contract.test_phases import (
    test_a_connection_is_free_for_the_next_after_a_cancel,
    test_a_provider_is_closed_in_any_phase,
    test_a_request_is_cancelled_in_any_phase,
    test_cancelling_one_leaves_the_others,
)
from tests.helpers.driving import ask, drive, start
from tests.helpers.providers import Make, MakeNative
from tests.native.test_isolation import (
    test_a_connection_kept_by_one_is_no_matter_to_another,
    test_a_handshake_that_stalls_harms_no_other_request,
    test_a_server_that_says_nothing_harms_no_other_stream,
)

__all__ = [
    "misbehaving",
    "plain_server",
    "refusing_url",
    "test_a_chain_of_requests_started_in_completions",
    "test_a_connection_is_free_for_the_next_after_a_cancel",
    "test_a_connection_kept_by_one_is_no_matter_to_another",
    "test_a_handshake_that_stalls_harms_no_other_request",
    "test_a_provider_is_closed_in_any_phase",
    "test_a_request_is_cancelled_in_any_phase",
    "test_a_server_that_says_nothing_harms_no_other_stream",
    "test_an_aborted_stream_gives_its_connection_up",
    "test_an_interrupt_inside_an_event_loses_no_request",
    "test_cancelling_one_leaves_the_others",
    "test_threads_and_descriptors_are_as_before",
]


class TestPlainFdset(ServedContract):
    """What the contract promises of every provider; its loop waits for `fileno()` alone."""

    leak_count = 40

    def provider(self, base_url: str) -> Provider:
        """Make one with a key."""
        return NativeProvider(api_key="sk-test", base_url=base_url, plain_fdset=True)


class MakePlain(MakeNative):
    """Makes the native provider as it is where there is neither epoll nor kqueue."""

    def __call__(self, base_url: str, **settings: Any) -> NativeProvider:
        return super().__call__(base_url, plain_fdset=True, **settings)


@pytest.fixture
def make() -> Make:
    """Makes it for the tests that hold for every provider."""
    return MakePlain()


def test_a_loop_on_every_socket_is_woken_by_each_event(make: Make, server: FakeOpenAI) -> None:
    """A loop that selects on all of `fdset()` hears of each event of a stream at once, however long it was willing to wait."""
    server.plan(Paced(events=6, per_second=20))
    with make(server.base_url) as provider:
        heard = start(provider, stream=True)
        drive(provider, lambda: heard.text)
        while not heard.done:
            reading, writing, exceptional = provider.fdset()
            assert provider.fileno() in reading
            began = time.monotonic()
            if len(reading) > 1:
                assert select.select(reading, writing, exceptional, 10)[0]
            assert time.monotonic() - began < 5
            provider.perform()
            provider.info_read()
        assert heard.response.text == " word" * 6


def test_nothing_that_was_closed_is_named(make: Make, server: FakeOpenAI) -> None:
    """Once requests have completed, were cancelled or timed out, `fdset()` names the one descriptor again."""
    server.plan(Stall(Where.BEFORE_HEADERS), Stall(Where.BEFORE_HEADERS))
    with make(server.base_url, read_timeout=0.2) as provider:
        cancelled, late = start(provider, stream=True), start(provider, stream=True)
        drive(provider, lambda: server.request_count == 2)
        named = len(provider.fdset()[0])  # libcurl may have one of its own to wait for
        assert named >= 3
        provider.cancel(cancelled.handle)
        assert len(provider.fdset()[0]) == named - 1
        drive(provider, lambda: late.done)
        assert late.error.category is ErrorCategory.TIMEOUT
        assert ask(provider).completion.ok
        assert provider.fdset() == ([provider.fileno()], [], [])
