"""Tests of async calls: the loop goes on, a cancelled call ends, nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import types
from collections.abc import Callable
from typing import Any

import pytest

from shim.compat.openai_v0.transport import asynchronous
from shim.testing.fake_openai import FakeOpenAI, Stall, Where
from tests.helpers.loopback import Loopback

HI = [{"role": "user", "content": "hi"}]


@pytest.fixture(params=["legacy", "native"])
def carried(openai: Any, request: pytest.FixtureRequest) -> Any:
    """The library, chat through each provider."""
    openai.use(request.param)
    return openai


def achat(openai: Any, **params: Any) -> Any:
    """A chat call to be awaited."""
    return openai.ChatCompletion.acreate(**{"model": "gpt-4", "messages": HI, **params})


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, at most ten seconds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        gc.collect()
        await asyncio.sleep(0.02)


def own_threads() -> list[str]:
    """The threads that the library has now."""
    return [each.name for each in threading.enumerate() if each.name.startswith(("legacy-openai", "shim-"))]


def nothing_left() -> bool:
    """Whether neither a provider nor a thread is left of any call."""
    return not own_threads() and not any(asynchronous._seats.values())


def test_a_call_may_have_all_the_time_there_is(carried: Any, fake: FakeOpenAI) -> None:
    """`request_timeout=(5, None)` limits the connecting alone, as it did for aiohttp."""

    async def main() -> list[Any]:
        chunks = [each async for each in await achat(carried, stream=True, request_timeout=(5, None))]
        return [(await achat(carried, request_timeout=(5, None))).object, chunks[0].object]

    assert asyncio.run(main()) == ["chat.completion", "chat.completion.chunk"]


def test_many_at_once(carried: Any, fake: FakeOpenAI) -> None:
    """Gathered calls all come back, streamed and whole, and leave nothing behind."""

    async def count() -> int:
        return len([each async for each in await achat(carried, model="fake-burst-20", stream=True)])

    async def main() -> None:
        answers = await asyncio.gather(*(achat(carried) for _ in range(30)))
        assert len({each.id for each in answers}) == 30
        assert set(await asyncio.gather(*(count() for _ in range(10)))) == {22}
        await until(nothing_left)

    asyncio.run(main())


def test_the_loop_is_not_blocked(carried: Any, fake: FakeOpenAI) -> None:
    """Other tasks run while calls wait for a silent server: chat, and what goes through requests."""

    async def main() -> None:
        fake.plan(*[Stall(Where.BEFORE_HEADERS)] * 2)
        waiting = [asyncio.ensure_future(achat(carried)), asyncio.ensure_future(carried.Model.alist())]
        await until(lambda: len(fake.requests) == 2)
        turns = 0
        for _ in range(20):
            await asyncio.sleep(0)
            turns += 1
        assert turns == 20
        assert not any(each.done() for each in waiting)
        for each in waiting:
            each.cancel()
        assert all(
            isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*waiting, return_exceptions=True)
        )
        await until(nothing_left)

    asyncio.run(main())


@pytest.mark.slow
@pytest.mark.parametrize("read", [0, 1])
def test_a_stream_that_is_left_ends(carried: Any, fake: FakeOpenAI, read: int) -> None:
    """A stream that is closed, or dropped before its first chunk, ends its request."""

    async def main() -> None:
        chunks = await achat(carried, model="fake-paced-50x100000", stream=True)
        if read:
            await chunks.__anext__()
            await chunks.aclose()
        del chunks
        await until(nothing_left)

    asyncio.run(main())


@pytest.mark.slow
def test_a_cancelled_reader_ends_its_stream(carried: Any, fake: FakeOpenAI) -> None:
    """Cancelling the task that reads a stream ends the request."""

    async def main() -> None:
        async def read() -> None:
            async for _ in await achat(carried, model="fake-paced-20x100000", stream=True):
                started.set()

        started = asyncio.Event()
        task = asyncio.ensure_future(read())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(nothing_left)

    asyncio.run(main())


def test_settings_are_read_before_the_first_suspension(openai: Any, loopback: Loopback) -> None:
    """A call goes out with the settings of the moment it was first run, chat and others."""

    async def main() -> None:
        openai.api_key = "sk-first-first"
        calls = [asyncio.ensure_future(achat(openai)), asyncio.ensure_future(openai.Model.alist())]
        await asyncio.sleep(0)
        openai.api_key, openai.api_base = "sk-second-second", "http://127.0.0.1:9"
        await asyncio.gather(*calls)

    asyncio.run(main())
    assert {each.header("Authorization") for each in loopback.received} == {"Bearer sk-first-first"}


def test_coroutines_are_known_as_such(openai: Any) -> None:
    """`acreate` is a coroutine function, as code that wraps it asks."""
    import inspect

    assert inspect.iscoroutinefunction(openai.ChatCompletion.acreate)
    assert str(inspect.signature(openai.ChatCompletion.create)) == "(*args, **kwargs)"


@pytest.mark.slow
def test_a_broken_stream_satisfies_the_catchers_of_aiohttp(
    openai: Any, loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where aiohttp is loaded, a cut stream is its ClientPayloadError too; a late one is a TimeoutError."""
    import requests

    class ClientPayloadError(Exception):
        pass

    module = types.SimpleNamespace(ClientPayloadError=ClientPayloadError)
    monkeypatch.setitem(sys.modules, "aiohttp", module)

    async def read(name: str, **params: Any) -> None:
        openai.api_base = f"{loopback.url}/s/{name}/v1"
        async for _ in await achat(openai, stream=True, **params):
            pass

    for catcher in (ClientPayloadError, requests.exceptions.ConnectionError, openai.error.APIConnectionError):
        with pytest.raises(catcher):
            asyncio.run(read("stream_cut"))
    for late in (asyncio.TimeoutError, TimeoutError, openai.error.APIConnectionError):
        with pytest.raises(late):
            asyncio.run(read("stream_stall", request_timeout=0.2))


def test_threads_for_other_calls_are_bounded(openai: Any, loopback: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that go through requests take so many threads at a time, and the others wait."""
    monkeypatch.setattr(asynchronous, "MAX_THREADS", 3)
    most = 0

    async def main() -> None:
        nonlocal most
        calls = [asyncio.ensure_future(openai.Model.alist()) for _ in range(12)]
        while not all(each.done() for each in calls):
            most = max(most, len(own_threads()))
            await asyncio.sleep(0)
        await asyncio.gather(*calls)

    asyncio.run(main())
    assert len(loopback.received) == 12
    assert 0 < most <= 4  # one that has ended may still be listed


def test_a_file_is_downloaded(openai: Any, loopback: Loopback) -> None:
    """`File.adownload` gives the content, which it never did in 0.28."""
    openai.api_base = f"{loopback.url}/s/download/v1"
    assert asyncio.run(openai.File.adownload("file-1")) == b'{"a": 1}\n{"a": 2}\n'
