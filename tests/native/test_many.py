"""Tests of many: thousands of requests, half of them cancelled, leave nothing; thousands of streams share a descriptor."""

from __future__ import annotations

import gc
import resource
import socket
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from shim.testing.fake_openai import FakeOpenAI, Paced
from tests.helpers.canned import canned_server
from tests.helpers.driving import HELLO, Heard, drive, start
from tests.helpers.places import url_of
from tests.helpers.providers import AnyProvider, Make

pytestmark = pytest.mark.slow

AT_ONCE = 100
PROC = Path("/proc/self")
ROOMS = ("shim/native", "shim/calls", "shim/wire", "shim/model")


def held() -> tuple[int, int]:
    """Threads of the process, libcurl's own too, and its descriptors."""
    return len(list((PROC / "task").iterdir())), len(list((PROC / "fd").iterdir()))


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int((PROC / "statm").read_text().split()[1]) * resource.getpagesize()


def half_cancelled(provider: AnyProvider, count: int) -> None:
    """Make so many requests, some at a time, and cancel every other one in whatever phase it is."""
    for _ in range(0, count, AT_ONCE):
        batch = [start(provider, HELLO, stream=number % 4 < 2) for number in range(AT_ONCE)]
        for number, each in enumerate(batch):
            if number % 2:
                provider.cancel(each.handle)
            if number % 10 == 0:
                provider.perform()
        drive(provider, all_done(batch))


def all_done(batch: list[Heard]) -> Callable[[], bool]:
    """Whether every one of a batch has completed."""
    return lambda: all(each.done for each in batch)


@pytest.mark.skipif(not (PROC / "task").exists(), reason="needs /proc, to count libcurl's threads")
def test_thousands_of_requests_half_of_them_cancelled_leave_nothing(make: Make) -> None:
    """Threads, descriptors and memory are after 3,000 requests what they were after 1,000, and after closing as before."""
    with canned_server() as url:
        gc.collect()  # what an earlier test left to the collector
        unopened = held()
        with make(url.replace("127.0.0.1", "localhost"), at_a_time=20) as provider:
            half_cancelled(provider, 1_000)
            gc.collect()
            threads, descriptors = held()
            blocks = sys.getallocatedblocks()
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            half_cancelled(provider, 2_000)
            gc.collect()
            # Ports whose connections have ended are remembered for five seconds. One object left of each request would be 2,000.
            assert sys.getallocatedblocks() - blocks < 1_500
            assert held()[0] <= threads
            assert held()[1] <= descriptors + 20
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 8 * 1024
        assert held() == unopened


def test_a_thousand_streams_on_one_descriptor(make: Make, server: FakeOpenAI) -> None:
    """1,000 slow streams open at once, each with its events in order, are waited for on one descriptor."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 1_000
    if hard != resource.RLIM_INFINITY and hard < 3 * wanted:
        pytest.skip("too few descriptors are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 3 * wanted), hard))
    try:
        server.plan(*[Paced(events=3, per_second=2)] * wanted)
        with make(server.base_url) as provider:
            heard = [start(provider, stream=True) for _ in range(wanted)]
            assert provider.fdset() == ([provider.fileno()], [], [])
            drive(provider, lambda: all(each.text for each in heard), seconds=50)
            open_now = sum(not each.done for each in heard)
            drive(provider, all_done(heard), seconds=50)
            assert {each.response.text for each in heard} == {" word" * 3}
        assert open_now > 0.9 * wanted
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.skipif(not (PROC / "statm").exists(), reason="needs /proc, to measure the memory of this process")
def test_an_open_stream_holds_little_memory(make: Make) -> None:
    """Each of 500 streams that wait for their server holds less than 40 KiB, which was 60 with libcurl's own upload buffer."""
    streams = 500
    with socket.create_server(("127.0.0.1", 0), backlog=2 * streams) as silent, make(url_of(silent)) as provider:
        for count in (50, streams):  # what is made once is made with the first
            before = resident()
            waiting = [start(provider, stream=True) for _ in range(count)]
            for _ in range(20):
                provider.perform()
            assert not any(each.done for each in waiting)
        assert (resident() - before) / streams < 40 * 1024


def test_an_open_stream_holds_few_objects(make: Make, server: FakeOpenAI) -> None:
    """Of what an open stream holds, at most 8 KiB are Python's, once its first words have come; they were 10.6."""
    streams = 200
    server.plan(*[Paced(events=3, per_second=1)] * (streams + 5))
    with make(server.base_url) as provider:
        first = [start(provider, stream=True) for _ in range(5)]
        drive(provider, lambda: all(each.text for each in first))
        tracemalloc.start()
        try:
            heard = [start(provider, stream=True) for _ in range(streams)]
            drive(provider, lambda: all(each.text for each in heard), seconds=50)
            taken = tracemalloc.take_snapshot().filter_traces(
                [tracemalloc.Filter(inclusive=True, filename_pattern=f"*/{part}/*") for part in ROOMS]
            )
        finally:
            tracemalloc.stop()
        provider.cancel()
    assert sum(each.size for each in taken.traces) / streams < 8 * 1024
