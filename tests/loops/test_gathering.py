"""Tests of shim.loops.gathering, and of both loops that let events gather."""

from __future__ import annotations

import asyncio
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shim.loops import select_loop
from shim.loops.asyncio_loop import AsyncioDriver
from shim.loops.gathering import gather_seconds, may_gather
from shim.model import InvalidRequestError, ModelRequest, StreamStart, TextDelta, user
from shim.native import NativeProvider
from shim.provider import Completion
from shim.testing.fake_openai import FakeOpenAI
from shim.testing.scripted import ScriptedProvider, text_stream
from tests.helpers.driving import HELLO, Heard, drive, start
from tests.helpers.providers import AnyProvider, Make, MakeLegacy, MakeNative

PACED = ModelRequest("fake-paced-50x40", (user("Hello"),))
GATHER_MS = 40
KINDS = [pytest.param(MakeLegacy(), id="legacy"), pytest.param(MakeNative(), id="native")]


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    """A server on loopback."""
    with FakeOpenAI() as running:
        yield running


@pytest.fixture(params=KINDS)
def provider(request: pytest.FixtureRequest, server: FakeOpenAI) -> Iterator[AnyProvider]:
    """A provider of each kind: one that waits by itself, one that does not."""
    make: Make = request.param
    with make(server.base_url) as made:
        yield made


class Middle:
    """Counts the turns that bring text between the first quarter of what is awaited and the last."""

    def __init__(self, awaited: int) -> None:
        self.turn = self.seen = 0
        self.moments: dict[int, float] = {}
        self._awaited = awaited

    def on_event(self, event: object) -> None:
        """Take an event."""
        if isinstance(event, TextDelta):
            self.seen += 1
            if self._awaited < 4 * self.seen < 3 * self._awaited:
                self.moments.setdefault(self.turn, time.monotonic())

    def most_turns(self) -> float:
        """How many such turns there may be where each has waited for `GATHER_MS`."""
        moments = list(self.moments.values())
        return (moments[-1] - moments[0]) * 1000 / GATHER_MS + 2


def fastest(act: Callable[[], object]) -> float:
    """The seconds it takes at best, of three times: a busy machine may hold up each of them, and hardly all."""
    seconds = []
    for _ in range(3):
        began = time.monotonic()
        act()
        seconds.append(time.monotonic() - began)
    return min(seconds)


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until a condition holds."""
    while not condition():  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0)


@pytest.mark.parametrize("wrong", [None, "2", True, -1, 1001, math.nan, math.inf, [2]])
def test_what_is_no_time_to_gather_is_refused_by_name(wrong: Any) -> None:
    """Both loops refuse it, and say which setting it is, what kind of value it has and what to give; the value is not shown."""
    with ScriptedProvider([]) as provider:
        for make in (select_loop.Watch, select_loop.run):
            with pytest.raises(InvalidRequestError, match=r"gather_ms is .*; give milliseconds") as caught:
                make(provider, gather_ms=wrong)
            assert caught.value.field == "gather_ms"

        async def drive_it() -> None:
            AsyncioDriver(provider, gather_ms=wrong)

        with pytest.raises(InvalidRequestError, match="gather_ms"):
            asyncio.run(drive_it())


@pytest.mark.parametrize(("given", "seconds"), [(0, 0), (2, 0.002), (0.5, 0.0005), (1000, 1)])
def test_milliseconds_are_taken(given: float, seconds: float) -> None:
    """Any number from 0 to 1000 is a time."""
    assert gather_seconds(given) == seconds


@pytest.mark.slow
def test_one_turn_brings_the_events_of_many(provider: AnyProvider) -> None:
    """While streams are all that runs, each turn that brings events has waited for more, and no event is lost."""
    middle, done = Middle(20 * 40), list[Completion]()
    for _ in range(20):
        provider.start_stream(PACED, middle.on_event, done.append)

    def over() -> bool:
        middle.turn += 1
        return len(done) == 20

    select_loop.run(provider, until=over, gather_ms=GATHER_MS)
    assert middle.seen == 20 * 40
    assert all(each.ok for each in done)
    assert len(middle.moments) <= middle.most_turns()


@pytest.mark.slow
def test_several_providers_gather_together(server: FakeOpenAI) -> None:
    """Two providers are waited for together, and what comes of both gathers."""
    with MakeNative()(server.base_url) as one, MakeLegacy()(server.base_url) as other:
        middle, done = Middle(2 * 40), list[Completion]()
        for each in (one, other):
            each.start_stream(PACED, middle.on_event, done.append)

        def over() -> bool:
            middle.turn += 1
            return len(done) == 2

        select_loop.run(one, other, until=over, gather_ms=GATHER_MS)
        assert len(middle.moments) <= middle.most_turns()


@pytest.mark.slow
def test_whole_answers_never_wait(provider: AnyProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a stream that gathers, no turn waits for more from the start of a whole answer to its completion."""
    whole = Heard()
    slept: list[bool] = []
    sleep = time.sleep

    def note(seconds: float) -> None:
        slept.append(whole.handle is not None and not whole.done)
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", note)
    streamed = start(provider, PACED, stream=True)
    select_loop.run(provider, until=lambda: len(slept) > 3, gather_ms=GATHER_MS)
    start(provider, HELLO, stream=False, heard=whole)
    select_loop.run(provider, until=lambda: whole.done and streamed.done, gather_ms=GATHER_MS)
    assert whole.completion.ok
    assert streamed.completion.ok
    assert not any(slept)


def test_a_request_on_its_way_out_never_waits(provider: AnyProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it has left, nothing gathers: a first event may wait once, when it has come, and no step before it."""
    server_side = isinstance(provider, NativeProvider)
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    heard = Heard()
    heard.handle = provider.start_stream(PACED, heard.on_event, heard.on_completion)
    if server_side:
        assert not may_gather([provider])
    select_loop.run(provider, until=lambda: bool(heard.events), gather_ms=1000)
    assert isinstance(heard.events[0], StreamStart)
    assert len(waits) <= 2  # the head and the first event may come apart


def test_what_the_program_watches_itself_never_waits(server: FakeOpenAI) -> None:
    """A descriptor of the program ends the gathering, and is told in the same turn."""
    ours, theirs = socket.socketpair()
    with ours, theirs, MakeNative()(server.base_url) as provider:
        heard = start(provider, PACED, stream=True)
        drive(provider, lambda: len(heard.events) > 2)
        watch = select_loop.Watch(provider, also=[ours], gather_ms=1000)

        def once() -> None:
            sending = threading.Timer(0.1, theirs.send, (b"x",))
            sending.start()
            while watch.turn().readable != (ours,):
                pass
            sending.join()
            ours.recv(1)

        assert fastest(once) < 0.9


def test_no_turn_waits_longer_than_it_is_told(server: FakeOpenAI) -> None:
    """`max_wait_ms` holds for waiting and gathering together; 0 waits for neither."""
    with MakeNative()(server.base_url) as provider:
        heard = start(provider, PACED, stream=True)
        drive(provider, lambda: len(heard.events) > 2)
        watch = select_loop.Watch(provider, gather_ms=1000)

        def once() -> None:
            for _ in range(5):
                assert watch.turn(max_wait_ms=0).readable == ()
            assert watch.turn(max_wait_ms=50).readable == ()

        assert fastest(once) < 0.9


def test_what_does_not_tell_what_runs_does_not_gather(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider without `may_gather` is driven as if nothing had been said."""
    monkeypatch.setattr(time, "sleep", lambda _seconds: pytest.fail("it waited"))
    with ScriptedProvider([text_stream("a", "b", every_ms=5)]) as provider:
        assert not may_gather([provider])
        heard = start(provider, HELLO, stream=True)
        select_loop.run(provider, gather_ms=1000)
        assert heard.text == "ab"


def test_a_provider_tells_when_events_may_gather(provider: AnyProvider) -> None:
    """With nothing but streams under way they may; while a whole answer is awaited, and closed, they may not."""
    streamed = start(provider, PACED, stream=True)
    drive(provider, lambda: streamed.text)
    assert provider.may_gather()
    whole = start(provider, stream=False)
    assert not provider.may_gather()
    provider.perform()
    assert not provider.may_gather()
    provider.cancel(whole.handle)
    assert not provider.may_gather()  # its completion waits
    provider.info_read()
    assert provider.may_gather()
    provider.cancel(streamed.handle)
    provider.close()
    assert not provider.may_gather()


def test_whoever_lets_events_gather_is_hurried_once(provider: AnyProvider) -> None:
    """What was given to be called is called by the next request that is started, once."""
    hurried: list[int] = []
    provider.may_gather(lambda: hurried.append(1))
    assert not hurried
    for _ in range(2):
        start(provider, stream=False)
    assert hurried == [1]


@pytest.mark.slow
def test_on_asyncio_one_turn_brings_the_events_of_many(provider: AnyProvider) -> None:
    """The driver looks away from the descriptor while events gather, and no event is lost."""
    middle, done = Middle(20 * 40), list[Completion]()

    async def main() -> None:
        driver = AsyncioDriver(provider, gather_ms=GATHER_MS)
        perform = provider.perform

        def counted() -> int:
            middle.turn += 1
            return perform()

        provider.perform = counted  # type: ignore[method-assign]  # to count
        for _ in range(20):
            provider.start_stream(PACED, middle.on_event, done.append)
        await until(lambda: len(done) == 20)
        driver.close()
        del provider.perform

    asyncio.run(main())
    assert middle.seen == 20 * 40
    # A turn by the timer, where a turn has left something, is one more; nearly none has.
    assert len(middle.moments) <= 1.5 * middle.most_turns()


def test_on_asyncio_a_request_that_is_started_ends_the_gathering(provider: AnyProvider) -> None:
    """A whole answer asked for while events gather is sent in the loop's next round."""

    async def main() -> None:
        driver = AsyncioDriver(provider, gather_ms=1000)
        streamed = start(provider, PACED, stream=True)
        await until(lambda: driver._gathering is not None)
        whole = start(provider, HELLO, stream=False)
        assert driver._gathering is None
        await until(lambda: whole.done or driver._gathering is not None)
        assert whole.done
        assert not streamed.done
        driver.close()
        provider.close()

    asyncio.run(main())


def test_a_driver_closed_while_events_gather_takes_no_turn(provider: AnyProvider) -> None:
    """Closing it then leaves nothing in the loop."""

    async def main() -> int:
        driver = AsyncioDriver(provider, gather_ms=50)
        heard = start(provider, PACED, stream=True)
        await until(lambda: driver._gathering is not None)
        driver.close()
        seen = len(heard.events)
        start(provider, HELLO, stream=False)
        await asyncio.sleep(0.2)
        provider.cancel()
        return len(heard.events) - seen

    assert asyncio.run(main()) == 0
