"""Tests of shim.client.asynchronous and shim.client.loop_providers."""

import asyncio
import contextlib
import copy
import gc
import pickle
import sys
import threading
from collections.abc import Callable

import pytest

from shim.client import AsyncClient, ClientClosedError
from shim.model import (
    ErrorCategory,
    InvalidRequestError,
    ModelRequest,
    ProviderError,
    RateLimitError,
    RequestCancelledError,
    StreamDone,
    StreamStart,
    TextDelta,
)
from shim.testing.fake_openai import FakeOpenAI
from shim.testing.scripted import Emit, Fail, Hang, Play, Wait, answer, failure, hang, text_stream
from tests.client.scripts import REQUEST, Makes

BROKEN = Play((Emit(TextDelta("Hel")), Wait(1), Fail(ProviderError(ErrorCategory.TRUNCATED, "cut off"))))
ENDLESS = text_stream(*"0123456789" * 30, every_ms=1)


def running(kind: Makes) -> int:
    """Requests still running on the first provider."""
    return kind.made[0].perform()


def test_complete_returns_the_response_and_tasks_share_a_provider() -> None:
    """Many tasks ask at the same time over the loop's one provider, and each gets its answer."""
    kind = Makes(lambda request: answer(str(request.model), after_ms=2))

    async def main() -> list[str]:
        async with AsyncClient(kind) as client:
            requests = [ModelRequest(str(number), REQUEST.messages) for number in range(20)]
            responses = await asyncio.gather(*map(client.complete, requests))
        return [response.text for response in responses]

    assert asyncio.run(main()) == list(map(str, range(20)))
    assert [provider.closed for provider in kind.made] == [True]


def test_it_works_over_the_real_provider() -> None:
    """Answers and streams come from a real server through the legacy client, many at once, and leave no connection."""
    request = ModelRequest("gpt-4o-mini", REQUEST.messages)

    async def main(server: FakeOpenAI) -> None:
        async with AsyncClient(api_key="sk-test", base_url=server.base_url) as client:
            responses = await asyncio.gather(*(client.complete(request) for _ in range(10)))
            assert all(response.text for response in responses)
            streams = await asyncio.gather(*(client.stream(request).read() for _ in range(10)))
            assert all(response.text for response in streams)
        await asyncio.to_thread(server.wait_for_open_connections, 0)

    with FakeOpenAI() as server:
        asyncio.run(main(server))


def test_without_asyncio_it_says_what_to_do() -> None:
    """In a coroutine that a loop of another kind runs, as trio's is, the error names what is needed, and the way out."""
    client = AsyncClient(Makes(answer("Hi")))
    with pytest.raises(RuntimeError, match=r"no running event loop of asyncio's.*shim\.Client"):
        client.complete(REQUEST).send(None)
    with pytest.raises(RuntimeError, match=r"trio\.to_thread"):
        client.stream(REQUEST)


def test_complete_raises_the_error_of_its_category() -> None:
    """A failed request raises its `ProviderError`; one that cannot be sent raises at once."""

    async def main() -> None:
        async with AsyncClient(Makes(failure("rate_limit", "slow down"))) as client:
            with pytest.raises(RateLimitError):
                await client.complete(REQUEST)
            with pytest.raises(InvalidRequestError):
                await client.complete(ModelRequest("m", ()))
            with pytest.raises(InvalidRequestError):
                client.stream(ModelRequest("m", ()))

    asyncio.run(main())


def test_a_stream_yields_its_events_and_then_its_response() -> None:
    """The events come in order, `StreamDone` last with the response; after its end there is StopAsyncIteration, always."""

    async def main() -> None:
        async with AsyncClient(Makes(text_stream("Hel", "lo", every_ms=1))) as client:
            async with client.stream(REQUEST) as stream:
                with pytest.raises(RuntimeError, match="has not ended"):
                    _ = stream.response
                kinds = [type(event) async for event in stream]
                assert kinds == [StreamStart, TextDelta, TextDelta, StreamDone]
                assert stream.response.text == "Hello"
                for _ in range(2):
                    with pytest.raises(StopAsyncIteration):
                        await anext(stream)
            assert [text async for text in client.stream(REQUEST).texts()] == ["Hel", "lo"]
            assert (await client.stream(REQUEST).read()).text == "Hello"

    asyncio.run(main())


def test_a_failing_stream_raises_where_it_failed() -> None:
    """The events before a failure are yielded, then its error is raised, and no `StreamError` is seen."""

    async def main() -> None:
        async with AsyncClient(Makes(BROKEN)) as client:
            stream = client.stream(REQUEST)
            assert [type(await anext(stream)) for _ in range(2)] == [StreamStart, TextDelta]
            with pytest.raises(ProviderError, match="cut off"):
                await anext(stream)
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

    asyncio.run(main())


@pytest.mark.parametrize("leave", ["with", "aclose", "drop"])
def test_leaving_a_stream_cancels_its_request(leave: str) -> None:
    """Leaving the block, `aclose()`, or dropping the stream ends the request."""
    kind = Makes(ENDLESS)

    async def main() -> None:
        async with AsyncClient(kind) as client:
            stream = client.stream(REQUEST)
            await anext(stream)
            assert running(kind) == 1
            if leave == "with":
                async with stream:
                    pass
            elif leave == "aclose":
                await stream.aclose()
            else:
                del stream
                await asyncio.sleep(0.01)
            assert running(kind) == 0
            if leave != "drop":
                assert [event async for event in stream] == []

    asyncio.run(main())


@pytest.mark.parametrize("ask", ["complete", "stream", "bare stream"])
def test_cancelling_a_task_cancels_its_request(ask: str) -> None:
    """A cancelled task's request is ended before the task is, and nothing of it is left."""
    kind = Makes(hang())

    async def wait(client: AsyncClient) -> None:
        if ask == "complete":
            await client.complete(REQUEST)
        elif ask == "stream":
            async with client.stream(REQUEST) as stream:
                await anext(stream)
        else:
            await anext(client.stream(REQUEST))

    async def main() -> None:
        async with AsyncClient(kind) as client:
            task = asyncio.create_task(wait(client))
            await asyncio.sleep(0.01)
            assert running(kind) == 1
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert running(kind) == 0
            assert kind.made[0].info_read() == 0

    asyncio.run(main())


def test_events_for_a_slow_reader_are_bounded() -> None:
    """Past `max_buffered_events` that stream alone ends: what was buffered is read, then an error names the remedy."""
    kind = Makes(text_stream(*"abcdefgh", every_ms=0))

    async def main() -> None:
        async with AsyncClient(kind, max_buffered_events=4) as client:
            slow, fast = client.stream(REQUEST), client.stream(REQUEST)
            assert (await fast.read()).text == "abcdefgh"
            buffered = [type(await anext(slow)) for _ in range(4)]
            assert buffered == [StreamStart, TextDelta, TextDelta, TextDelta]
            with pytest.raises(ProviderError, match="larger max_buffered_events") as caught:
                await anext(slow)
            assert caught.value.category is ErrorCategory.ABORTED
            assert caught.value.partial is not None

    asyncio.run(main())


def test_a_stream_that_just_fits_is_read_whole() -> None:
    """As many events as the bound allows wait without loss, the last one not counted."""

    async def main() -> None:
        async with AsyncClient(Makes(text_stream("a", "b", "c")), max_buffered_events=4) as client:
            stream = client.stream(REQUEST)
            await asyncio.sleep(0.02)
            assert (await stream.read()).text == "abc"

    asyncio.run(main())


@pytest.mark.parametrize("bound", [0, -1, "many"])
def test_the_bound_is_checked_when_the_client_is_made(bound: int) -> None:
    """A `max_buffered_events` that is no positive integer is a ValueError that says so."""
    with pytest.raises(ValueError, match="positive integer"):
        AsyncClient(Makes(hang()), max_buffered_events=bound)


def test_settings_are_checked_when_the_client_is_made() -> None:
    """An unknown setting is a TypeError at once; no provider is made, and no loop is needed."""
    kind = Makes(answer("Hi"))
    with pytest.raises(TypeError, match="did you mean 'flavour'"):
        AsyncClient(kind, flavor="mint")
    AsyncClient(kind, flavour="mint")
    assert not kind.made


def test_loops_in_several_threads_work_at_the_same_time() -> None:
    """Two loops in two threads use one client at once, each with its own provider; closing from one closes the other's."""
    kind = Makes(lambda request: hang() if request.model == "stay" else answer("Hi"))
    client = AsyncClient(kind)
    waiting = threading.Event()
    outcomes: list[object] = []

    async def stay() -> None:
        assert (await client.complete(REQUEST)).text == "Hi"
        asyncio.get_running_loop().call_later(0.02, waiting.set)
        try:
            await client.complete(ModelRequest("stay", REQUEST.messages))
        except ProviderError as error:
            outcomes.append(error)

    async def close() -> None:
        assert (await client.complete(REQUEST)).text == "Hi"
        assert await asyncio.to_thread(waiting.wait, 5)
        await client.close()

    other = threading.Thread(target=lambda: asyncio.run(stay()))
    other.start()
    asyncio.run(close())
    other.join(10)
    assert [type(outcome) for outcome in outcomes] == [RequestCancelledError]
    assert [provider.closed for provider in kind.made] == [True, True]


def test_a_close_that_is_cancelled_leaves_nothing_open() -> None:
    """Where one loop is too busy to close, and whoever closes gives up, the requests of the other loops end all the same."""
    kind = Makes(hang())
    client = AsyncClient(kind)
    is_closing, outcomes = threading.Event(), []

    async def stay(begun: threading.Event, *, busy: bool) -> None:
        asking = asyncio.ensure_future(client.completion(REQUEST))
        await asyncio.sleep(0.01)
        begun.set()
        while busy and not is_closing.wait(5):
            pass  # in the loop's way
        outcomes.append((await asyncio.wait_for(asking, 5)).error)

    async def close() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(client.close(), 0.1)

    threads = []
    for busy in (True, False):
        begun = threading.Event()
        threads.append(threading.Thread(target=lambda busy=busy, begun=begun: asyncio.run(stay(begun, busy=busy))))
        threads[-1].start()
        assert begun.wait(5)
    asyncio.run(close())
    is_closing.set()
    for thread in threads:
        thread.join(10)
    assert [type(error) for error in outcomes] == [RequestCancelledError] * 2
    assert all(provider.closed for provider in kind.made)


def test_one_loop_after_another_leaves_no_provider_open() -> None:
    """A client used from one `asyncio.run` after another closes the providers of loops that are gone."""
    kind = Makes(answer("Hi"))
    client = AsyncClient(kind)
    for _ in range(3):
        asyncio.run(client.complete(REQUEST))
    assert [provider.closed for provider in kind.made] == [True, True, False]
    asyncio.run(client.close())
    assert all(provider.closed for provider in kind.made)


def test_a_loop_that_ended_with_requests_open_can_be_cleaned_up() -> None:
    """A loop closed under a waiting task costs no later loop anything, and its provider is closed."""
    kind = Makes(lambda request: hang() if request.model == "stay" else answer("Hi"))
    client = AsyncClient(kind)
    loop = asyncio.new_event_loop()
    waiting = client.complete(ModelRequest("stay", REQUEST.messages))
    task = loop.create_task(waiting)
    loop.run_until_complete(asyncio.sleep(0.01))
    loop.close()
    asyncio.run(client.complete(REQUEST))
    assert [provider.closed for provider in kind.made] == [True, False]
    asyncio.run(client.close())
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's own complaint about what this test does on purpose
    waiting.close()


def test_a_dropped_client_closes_its_providers() -> None:
    """A client that was not closed closes its provider when it goes, while the loop still runs."""
    kind = Makes(answer("Hi"))

    async def main() -> None:
        client = AsyncClient(kind)
        await client.complete(REQUEST)
        del client
        gc.collect()
        await asyncio.sleep(0.01)
        assert kind.made[0].closed

    asyncio.run(main())


def test_a_closed_client_says_so() -> None:
    """After `close()`, which may be called again, every request raises `ClientClosedError`."""

    async def main() -> None:
        client = AsyncClient(Makes(answer("Hi")))
        await client.close()
        await client.close()
        with pytest.raises(ClientClosedError):
            await client.complete(REQUEST)
        with pytest.raises(ClientClosedError):
            client.stream(REQUEST)

    asyncio.run(main())


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy])
def test_it_cannot_be_pickled_and_shows_no_setting(duplicate: Callable[[object], object]) -> None:
    """Pickling or copying is a TypeError with the reason, and neither it nor any repr shows a key."""
    client = AsyncClient(Makes(answer("Hi")), api_key="sk-secret")
    with pytest.raises(TypeError, match="make one in each process") as caught:
        duplicate(client)
    assert "sk-secret" not in f"{caught.value}{client!r}{vars(client)!r}"


@pytest.mark.slow
def test_memory_stays_flat() -> None:
    """Thousands of answers, failures and streams left early leave nothing behind."""
    plays = [answer("Hi"), failure("server", "oops"), Play((Emit(TextDelta("a")), Hang()))]
    turn = iter(range(10**9))

    async def use(client: AsyncClient) -> None:
        await client.complete(REQUEST)
        with contextlib.suppress(ProviderError):
            await client.complete(REQUEST)
        async with client.stream(REQUEST) as stream:
            await anext(stream)

    async def main() -> int:
        async with AsyncClient(Makes(lambda request: plays[next(turn) % 3])) as client:
            for _ in range(500):
                await use(client)
            before = sys.getallocatedblocks()
            for _ in range(3000):
                await use(client)
            return sys.getallocatedblocks() - before

    assert asyncio.run(main()) < 3000  # less than one block for three requests
