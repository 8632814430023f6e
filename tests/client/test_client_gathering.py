"""Tests that the async client lets events gather where it is told to, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from shim.client import AsyncClient
from shim.layers import Layer
from shim.model import InvalidRequestError
from shim.provider import CallOptions, OnCompletion, OnEvent, Provider, RequestHandle
from shim.testing.fake_openai import FakeOpenAI
from tests.helpers.driving import HELLO
from tests.helpers.providers import Make, MakeLegacy, MakeNative
from tests.loops.test_gathering import GATHER_MS, PACED, Middle

KINDS = [pytest.param(MakeLegacy(), id="legacy"), pytest.param(MakeNative(), id="native")]
STREAMS, EVENTS = 20, 40


class Counted(Layer):
    """Counts the turns that bring events, and when it was asked whether events may gather."""

    def __init__(self, provider: Provider, middle: Middle) -> None:
        super().__init__(provider)
        self.middle = middle
        self.may = list[bool]()

    def start_stream(
        self, request: Any, on_event: OnEvent, on_completion: OnCompletion, *, options: CallOptions | None = None
    ) -> RequestHandle:
        """Show each event to the counter first."""

        def seen(event: Any) -> None:
            self.middle.on_event(event)
            on_event(event)

        return super().start_stream(request, seen, on_completion, options=options)

    def perform(self) -> int:
        """Count the turn."""
        self.middle.turn += 1
        return super().perform()

    def may_gather(self, hurry: Callable[[], object] | None = None) -> bool:
        """Note the answer."""
        self.may.append(super().may_gather(hurry))
        return self.may[-1]


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    """A server on loopback."""
    with FakeOpenAI() as running:
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("make", KINDS)
def test_one_turn_of_the_client_brings_the_events_of_many(make: Make, server: FakeOpenAI) -> None:
    """With `gather_ms=` each turn that brings events has waited for more, and every stream is whole."""
    middle = Middle(STREAMS * EVENTS)

    async def main() -> list[str]:
        async with AsyncClient(lambda: Counted(make(server.base_url), middle), gather_ms=GATHER_MS) as client:
            streams = [client.stream(PACED) for _ in range(STREAMS)]
            return [response.text for response in await asyncio.gather(*(stream.read() for stream in streams))]

    assert all(asyncio.run(main()))
    assert middle.seen == STREAMS * EVENTS
    assert len(middle.moments) <= 1.5 * middle.most_turns()


@pytest.mark.slow
@pytest.mark.parametrize("make", KINDS)
def test_the_client_lets_nothing_wait_unless_told(make: Make, server: FakeOpenAI) -> None:
    """Without `gather_ms=` no provider is even asked whether events may gather."""
    made = list[Counted]()

    def kind() -> Counted:
        made.append(Counted(make(server.base_url), Middle(EVENTS)))
        return made[-1]

    async def main() -> str:
        async with AsyncClient(kind) as client:
            return (await client.stream(PACED).read()).text

    assert asyncio.run(main())
    assert [counted.may for counted in made] == [[]]


@pytest.mark.parametrize("make", KINDS)
def test_a_whole_answer_ends_the_clients_gathering(make: Make, server: FakeOpenAI) -> None:
    """A request started while events gather is sent in the loop's next round, not after the second they may wait."""
    made = list[Counted]()

    def kind() -> Counted:
        made.append(Counted(make(server.base_url), Middle(EVENTS)))
        return made[-1]

    async def main() -> None:
        async with AsyncClient(kind, gather_ms=1000) as client:
            stream = client.stream(PACED)
            while not (made[0].may and made[0].may[-1]):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0)
            turns, asked = made[0].middle.turn, len(made[0].may)
            asking = asyncio.ensure_future(client.complete(HELLO))
            while made[0].middle.turn == turns:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0)
            assert made[0].may[asked:]  # asked again: it was not the second's end that brought the turn
            assert not any(made[0].may[asked:])
            assert (await asking).text
            await stream.aclose()

    asyncio.run(main())


@pytest.mark.parametrize("wrong", [None, "2", True, -1, 1001])
def test_what_is_no_time_to_gather_is_refused_when_the_client_is_made(wrong: Any) -> None:
    """The setting is refused by name before any loop is there."""
    with pytest.raises(InvalidRequestError, match=r"gather_ms is .*; give milliseconds") as caught:
        AsyncClient("native", gather_ms=wrong)
    assert caught.value.field == "gather_ms"
