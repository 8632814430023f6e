"""Tests of shim.loops.asyncio_loop."""

import asyncio
import math
import socket
import time
from typing import Any

import pytest

from shim.loops.asyncio_loop import AsyncioDriver
from shim.model import ErrorCategory, ModelRequest, StreamEvent, user
from shim.provider import Completion
from shim.testing.scripted import Play, ScriptedProvider, answer, hang, text_stream

REQUEST = ModelRequest("m", (user("Hello"),))


class CountingProvider(ScriptedProvider):
    """Counts its turns."""

    turns = 0

    def perform(self) -> int:
        self.turns += 1
        return super().perform()


def always(play: Play) -> CountingProvider:
    return CountingProvider(lambda request: play)


def test_it_drives_a_stream_to_its_end() -> None:
    """Attached to a loop, a provider delivers its events and its completion."""
    events: list[StreamEvent] = []

    async def main() -> Completion:
        provider = always(text_stream("a", "b", every_ms=5))
        driver = AsyncioDriver(provider)
        done: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        provider.start_stream(REQUEST, events.append, done.set_result)
        try:
            return await done
        finally:
            driver.close()
            provider.close()

    assert asyncio.run(main()).ok
    assert len(events) == 4


def test_an_idle_provider_takes_no_turns() -> None:
    """Nothing is polled: a request that waits costs a turn at its start and none after."""

    async def main() -> int:
        provider = always(hang())
        driver = AsyncioDriver(provider)
        provider.start_request(REQUEST, lambda completion: None)
        await asyncio.sleep(0.05)
        before = provider.turns
        await asyncio.sleep(0.2)
        driver.close()
        provider.close()
        assert before <= 5
        return provider.turns - before

    assert asyncio.run(main()) == 0


def test_the_timeout_is_armed_anew_after_every_turn() -> None:
    """A provider with a timer and no traffic is called when its timer is due, a turn or two for each wait."""

    async def main() -> None:
        provider = always(text_stream(*"0123456789", every_ms=10))
        driver = AsyncioDriver(provider)
        done: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        began = time.monotonic()
        provider.start_stream(REQUEST, lambda event: None, done.set_result)
        await done
        assert time.monotonic() - began >= 0.1
        assert provider.turns <= 30
        driver.close()
        provider.close()

    asyncio.run(main())


def test_a_moment_that_moved_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timer whose provider wants its turn later by then takes none, and the turn comes at the later moment."""

    async def main() -> float:
        turned = asyncio.Event()
        provider = always(hang())
        ours, theirs = socket.socketpair()  # nothing comes on it: what takes turns is the timer
        began = time.monotonic()
        due = began + 0.02
        monkeypatch.setattr(provider, "fileno", ours.fileno)
        monkeypatch.setattr(provider, "timeout", lambda: -1 if turned.is_set() else max(0, wait_until(due)))
        monkeypatch.setattr(provider, "perform", turned.set)
        with ours, theirs:
            driver = AsyncioDriver(provider)
            due = began + 0.06
            await asyncio.wait_for(turned.wait(), 2)
            late = time.monotonic() - began
            driver.close()
        provider.close()
        return late

    def wait_until(due: float) -> int:
        return math.ceil((due - time.monotonic()) * 1000)

    assert asyncio.run(main()) >= 0.06


def test_cancelling_outside_a_callback_is_noticed() -> None:
    """A cancelled request's completion comes without anybody waking the driver."""

    async def main() -> Completion:
        provider = always(hang())
        driver = AsyncioDriver(provider)
        done: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        handle = provider.start_request(REQUEST, done.set_result)
        await asyncio.sleep(0.01)
        provider.cancel(handle)
        completion = await done
        driver.close()
        provider.close()
        return completion

    error = asyncio.run(main()).error
    assert error is not None
    assert error.category is ErrorCategory.CANCELLED


def test_an_exception_of_a_callback_goes_to_the_loop_handler() -> None:
    """What `on_completion` raises is reported to the loop's exception handler, and the next completion still comes."""
    reported: list[dict[str, Any]] = []
    mistake = ZeroDivisionError("the caller's own")

    def fail(completion: Completion) -> None:
        raise mistake

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda loop, context: reported.append(context))
        provider = always(answer("Hi"))
        driver = AsyncioDriver(provider)
        done: asyncio.Future[Completion] = loop.create_future()
        provider.start_request(REQUEST, fail)
        provider.start_request(REQUEST, done.set_result)
        assert (await done).ok
        driver.close()
        provider.close()

    asyncio.run(main())
    assert [context["exception"] for context in reported] == [mistake]
    assert "scripted" in reported[0]["message"]


def test_a_provider_closed_in_its_callback_is_detached() -> None:
    """Closing the provider inside a callback ends the driving without a word to the exception handler."""
    reported: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
        provider = always(answer("Hi"))
        driver = AsyncioDriver(provider)
        called = asyncio.Event()

        def close(completion: Completion) -> None:
            provider.close()
            called.set()

        provider.start_request(REQUEST, close)
        await asyncio.wait_for(called.wait(), 5)
        await asyncio.sleep(0)
        assert "detached" in repr(driver)
        driver.close()

    asyncio.run(main())
    assert not reported


def test_closing_the_driver_leaves_the_provider_open() -> None:
    """A closed driver takes no more turns, may be closed again, and the provider can be attached anew."""

    async def main() -> None:
        provider = always(answer("Hi"))
        driver = AsyncioDriver(provider)
        driver.close()
        driver.close()
        driver.wake()
        done: asyncio.Future[Completion] = asyncio.get_running_loop().create_future()
        provider.start_request(REQUEST, done.set_result)
        await asyncio.sleep(0.02)
        assert not done.done()
        second = AsyncioDriver(provider)
        assert (await done).ok
        second.close()
        provider.close()

    asyncio.run(main())


def test_waking_takes_one_turn() -> None:
    """`wake()` brings a turn in the loop's next round, once however often it was called."""

    async def main() -> None:
        provider = always(hang())
        driver = AsyncioDriver(provider)
        for _ in range(3):
            driver.wake()
        await asyncio.sleep(0.02)
        assert provider.turns == 1
        driver.close()
        provider.close()

    asyncio.run(main())


def test_the_driver_can_be_closed_after_its_loop() -> None:
    """Closing a driver whose loop is gone is no error."""
    provider = always(hang())
    loop = asyncio.new_event_loop()
    driver = AsyncioDriver(provider, loop=loop)
    loop.close()
    driver.close()
    provider.close()


def test_without_a_loop_it_says_so() -> None:
    """Outside asyncio and without `loop` there is a RuntimeError, and the provider is as it was."""
    provider = always(answer("Hi"))
    with pytest.raises(RuntimeError, match="no running event loop"):
        AsyncioDriver(provider)
    provider.close()
