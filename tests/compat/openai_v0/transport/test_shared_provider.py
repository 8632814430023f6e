"""Tests of a provider that any thread of the caller's may use."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from shim.client import Client
from shim.compat.openai_v0.transport.shared_provider import shared
from shim.native import NativeProvider
from shim.testing.fake_openai import FakeOpenAI, Slow
from tests.helpers.driving import HELLO


@pytest.mark.parametrize("name", ["poll", "wait", "wakeup", "may_gather"])
def test_nobody_waits_inside_a_shared_provider(name: str) -> None:
    """What one thread would do without the lock, or keep the others out by, a shared provider does not offer."""
    with NativeProvider(api_key="sk-test") as provider:
        assert hasattr(provider, name)
        assert not hasattr(shared(provider), name)


def test_threads_that_share_one_are_answered_while_others_wait() -> None:
    """A thread that waits for a slow answer keeps none of the others from theirs."""
    with FakeOpenAI() as server, NativeProvider(api_key="sk-test", base_url=server.base_url) as provider:
        server.plan(Slow(0.5))
        with Client(lambda: shared(provider)) as client, ThreadPoolExecutor(4) as threads:
            answered = threading.Semaphore(0)

            def ask(_number: int) -> str:
                text = client.complete(HELLO).text
                answered.release()
                return text

            assert all(threads.map(ask, range(8)))
            assert all(answered.acquire(timeout=0) for _ in range(8))
