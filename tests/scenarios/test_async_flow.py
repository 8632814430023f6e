"""Scenarios of driving: a select() loop with a program's own descriptors, poll, epoll, selectors, asyncio."""

from __future__ import annotations

import asyncio
import os
import select
import selectors
import time
from collections.abc import Callable, Iterator

import pytest

from shim.loops import select_loop
from shim.loops.asyncio_loop import AsyncioDriver
from shim.testing.fake_openai import FakeOpenAI, Paced, Stall
from tests.helpers.driving import HELLO, Heard, arrive, drive, start
from tests.helpers.providers import AnyProvider, Make

Wait = Callable[[AnyProvider, float], object]


def by_select(provider: AnyProvider, seconds: float) -> object:
    """Wait with select() on the provider itself."""
    return select.select([provider], [], [], seconds)


def by_poll(provider: AnyProvider, seconds: float) -> object:
    """Wait with poll()."""
    poll = select.poll()
    poll.register(provider, select.POLLIN)
    return poll.poll(seconds * 1000)


def by_selectors(provider: AnyProvider, seconds: float) -> object:
    """Wait with whatever the system's best selector is: epoll or kqueue."""
    with selectors.DefaultSelector() as selector:
        selector.register(provider, selectors.EVENT_READ)
        return selector.select(seconds)


@pytest.mark.parametrize("wait", [by_select, by_poll, by_selectors])
def test_every_way_to_wait_takes_the_provider(provider: AnyProvider, wait: Wait) -> None:
    """select, poll and epoll wait on the provider as on any socket, and a loop around each carries a stream."""
    heard = start(provider, stream=True)
    deadline = time.monotonic() + 10
    while not heard.done:
        assert time.monotonic() < deadline
        wait(provider, 5 if provider.timeout() < 0 else provider.timeout() / 1000)
        provider.perform()
        provider.info_read()
    assert heard.response.text


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe, standing in for a keyboard."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_a_program_reads_its_own_descriptors_while_an_answer_streams(
    provider: AnyProvider, server: FakeOpenAI, pipe: tuple[int, int]
) -> None:
    """In one select() loop a line typed during a stream is read at once, and the stream goes on."""
    server.plan(Paced(events=20, per_second=100))
    reading, writing = pipe
    typed: list[tuple[bytes, str]] = []
    heard = Heard(lambda _: os.write(writing, b"x") if len(heard.events) == 5 else None)
    start(provider, stream=True, heard=heard)
    while not heard.done:
        readable, writable, exceptional = provider.fdset()
        wait = provider.timeout()
        ready, _, _ = select.select([*readable, reading], writable, exceptional, 5 if wait < 0 else wait / 1000)
        if reading in ready:
            typed.append((os.read(reading, 10), heard.text))
        provider.perform()
        provider.info_read()
    assert [line for line, _ in typed] == [b"x"]
    assert 0 < len(typed[0][1]) < len(heard.response.text)


def test_two_providers_in_one_loop(make: Make, server: FakeOpenAI) -> None:
    """Two providers share a select() loop, each with its own descriptor, and neither waits for the other."""
    server.plan(Stall(after_events=1))
    with (
        make(server.base_url) as first,
        make(server.base_url) as second,
    ):
        stalled = start(first, stream=True)
        arrive(first, server, 1)
        quick = start(second, stream=True)
        select_loop.run(first, second, until=lambda: quick.done)
        assert quick.completion.ok
        assert not stalled.done
        assert first.fileno() != second.fileno()


def test_the_loop_of_the_package_carries_a_conversation(provider: AnyProvider) -> None:
    """`select_loop.run` returns when everything has completed."""
    heard = [start(provider, stream=stream) for stream in (True, False)]
    select_loop.run(provider)
    assert all(each.completion.ok for each in heard)


@pytest.mark.slow
def test_asyncio_drives_the_provider(make: Make, server: FakeOpenAI) -> None:
    """On an asyncio loop fifty streams run side by side while other tasks go on, and the loop is never blocked."""
    server.plan(*[Paced(events=10, per_second=100)] * 50)

    async def main() -> tuple[list[Heard], float]:
        with make(server.base_url) as provider:
            driver = AsyncioDriver(provider)
            heard = [start(provider, stream=True) for _ in range(50)]
            worst = 0.0
            while not all(each.done for each in heard):
                before = time.thread_time()
                await asyncio.sleep(0.005)
                worst = max(worst, time.thread_time() - before)
            driver.close()
        return heard, worst

    heard, worst = asyncio.run(asyncio.wait_for(main(), 10))
    assert {each.response.text for each in heard} == {" word" * 10}
    assert worst < 0.5


@pytest.mark.slow
def test_a_hundred_and_fifty_streams_at_once(provider: AnyProvider) -> None:
    """More streams than run at a time all complete, with every event of each in order."""
    heard = [start(provider, HELLO, stream=True) for _ in range(150)]
    drive(provider, lambda: all(each.done for each in heard))
    assert {tuple(each.kinds) for each in heard} == {tuple(heard[0].kinds)}
    assert {each.text for each in heard} == {heard[0].response.text}
