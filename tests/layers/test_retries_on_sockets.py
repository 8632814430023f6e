"""Tests of retries over both providers and real sockets, and through the factory and the clients."""

from __future__ import annotations

import asyncio
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from shim import AsyncClient, Client, create_provider
from shim.layers import RetryPolicy
from shim.migration import MigratingProvider, Policy, Rollout
from shim.model import ErrorCategory, ModelRequest, user
from shim.provider import CallOptions, Deadlines
from shim.testing.fake_openai import Cut, FakeOpenAI, Reset, Stall, Status, Where, error_event
from tests.helpers.driving import HELLO, ask, start
from tests.helpers.providers import MakeNative

if TYPE_CHECKING:
    from tests.helpers.providers import Make

QUICK = RetryPolicy(first_backoff=0.01)
both_kinds = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@both_kinds
@pytest.mark.parametrize("fault", [Reset(Where.BEFORE_HEADERS), Cut(Where.BEFORE_HEADERS), Status(503), Status(429)])
def test_what_breaks_before_the_answer_is_mended(
    *, make: Make, server: FakeOpenAI, fault: Reset | Cut | Status, stream: bool
) -> None:
    """A connection that breaks and a server that is overloaded are tried again, with one idempotency key."""
    server.plan(fault, fault)
    with create_provider(make, base_url=server.base_url, retries=QUICK) as provider:  # type: ignore[attr-defined]  # a layer
        heard = ask(provider, stream=stream)
    assert heard.response.text
    assert len(heard.completion.attempts) == 3
    keys = {each.headers["idempotency-key"] for each in server.requests}
    assert len(keys) == 1


def test_a_kept_connection_the_server_has_closed_is_mended(make: Make, server: FakeOpenAI) -> None:
    """A request that meets a connection closed a moment before is answered all the same."""
    with create_provider(make, base_url=server.base_url, retries=QUICK) as provider:  # type: ignore[attr-defined]  # a layer
        assert ask(provider).completion.ok
        for _ in range(5):
            server.plan(Reset(Where.BEFORE_HEADERS))
            assert ask(provider).completion.ok


@pytest.mark.parametrize("after", [0, 1])
def test_an_error_inside_a_stream_of_status_200_is_mended(*, make: Make, server: FakeOpenAI, after: int) -> None:
    """A failure that is told inside a stream before its first content, begun or not, is tried again."""
    server.plan(error_event(after_events=after))
    with create_provider(make, base_url=server.base_url, retries=QUICK) as provider:  # type: ignore[attr-defined]  # a layer
        heard = ask(provider, stream=True)
    assert heard.response.text == heard.text != ""
    assert heard.kinds.count("StreamStart") == 1
    assert len(heard.completion.attempts) == 2


def test_the_server_names_the_wait(make: Make, server: FakeOpenAI) -> None:
    """`retry-after-ms` is the wait between the attempts, and `x-should-retry` ends them."""
    server.plan(Status(429, headers=(("retry-after-ms", "40"),)), Status(503, headers=(("x-should-retry", "false"),)))
    with create_provider(make, base_url=server.base_url, retries=QUICK) as provider:  # type: ignore[attr-defined]  # a layer
        heard = ask(provider)
    assert heard.error.category is ErrorCategory.SERVER
    assert [each.waited for each in heard.completion.attempts] == [0, 0.04]


def test_layers_are_stacked(make: Make, server: FakeOpenAI) -> None:
    """A stream that stalls before its first word runs into its deadline, is tried again, and is answered."""
    server.plan(Stall(Where.BEFORE_HEADERS))
    limits = Deadlines(first_event=0.2, total=10)
    with create_provider(make, base_url=server.base_url, deadlines=limits, retries=QUICK) as provider:  # type: ignore[attr-defined]  # a layer
        heard = ask(provider, stream=True)
    assert heard.response.text
    assert [each.error is None for each in heard.completion.attempts] == [False, True]


def test_the_client_tries_again(server: FakeOpenAI) -> None:
    """`Client("native", retries=…)` answers what a single try would not, and a call can say otherwise."""
    with Client("native", api_key="sk-test", base_url=server.base_url, retries=QUICK) as client:
        server.plan(Status(503))
        assert client.complete(HELLO).text
        server.plan(Status(503))
        once = CallOptions(retries=RetryPolicy(attempts=1))
        assert client.completion(HELLO, options=once).http_status == 503
        server.plan(Status(503))
        with client.stream(HELLO) as stream:
            assert stream.read().text


def test_the_async_client_tries_again(server: FakeOpenAI) -> None:
    """`AsyncClient(retries=…)` waits without holding up its loop."""

    async def asked() -> list[str]:
        settings = {"api_key": "sk-test", "base_url": server.base_url}
        async with AsyncClient("native", retries=QUICK, **settings) as client:  # type: ignore[arg-type]  # its settings
            server.plan(Status(503), Status(503))
            answers = await asyncio.gather(*[client.complete(HELLO) for _ in range(3)])
            return [each.text for each in answers]

    assert all(asyncio.run(asked()))


def test_the_threads_of_a_client_share_a_budget(server: FakeOpenAI) -> None:
    """The providers of all threads draw on one budget: a broken upstream is soon asked once a request."""
    server.plan(*[Status(503)] * 400)
    with Client("native", api_key="sk-test", base_url=server.base_url, retries=QUICK) as client:
        threads = [threading.Thread(target=lambda: [client.completion(HELLO) for _ in range(15)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert 60 < server.request_count <= 60 + 50


def test_a_rollout_counts_the_logical_request_once(server: FakeOpenAI) -> None:
    """Under a migrating provider a request that took three attempts is one request, and no error."""
    request = ModelRequest("gpt-4o-mini", (user("Hello"),), conversation_id="c1")
    settings = {"api_key": "sk-test", "base_url": server.base_url}
    arms = [create_provider(kind, retries=QUICK, **settings) for kind in ("legacy", "native")]  # type: ignore[arg-type]  # their settings
    with Rollout(Policy(stage="complete")) as rollout, MigratingProvider(arms[0], arms[1], rollout) as provider:  # type: ignore[arg-type]  # a stage's own value
        server.plan(Status(503), Status(503))
        heard = ask(provider, request, stream=True)
        assert provider.counts.candidate == 1
        counts = rollout.status().arms
    assert len(heard.completion.attempts) == 3
    assert counts["candidate"].requests == 1
    assert counts["candidate"].errors == {}


def test_the_next_try_ends_a_wait_inside_the_provider(server: FakeOpenAI) -> None:
    """Polled without a limit of the caller's, a call that failed is tried again when its wait is over."""
    server.plan(Status(503), Status(503))
    with create_provider(MakeNative(), base_url=server.base_url, retries=QUICK) as provider:  # type: ignore[attr-defined]  # a layer
        heard = start(provider, stream=True)
        while not heard.done:
            provider.poll()
            provider.info_read()
        assert len(heard.completion.attempts) == 3


def test_a_call_that_waits_for_its_next_try_can_be_cancelled_while_it_is_polled(server: FakeOpenAI) -> None:
    """A signal's handler that cancels it ends the poll, which waits for the layer's own descriptor meanwhile."""
    server.plan(
        Status(503, headers=(("retry-after", "60"),))
    )  # a wait of its own would be random, and perhaps over before
    with create_provider(MakeNative(), base_url=server.base_url, retries=RetryPolicy()) as provider:  # type: ignore[attr-defined]  # a layer
        heard = start(provider, stream=True)
        while not provider._waiting:
            provider.poll()
            provider.info_read()
        previous = signal.signal(signal.SIGUSR1, lambda *_: provider.cancel())
        alarm = threading.Timer(0.2, signal.pthread_kill, (threading.get_ident(), signal.SIGUSR1))
        alarm.start()
        while not heard.done:
            provider.poll(15_000)
            provider.info_read()
        alarm.join()
        signal.signal(signal.SIGUSR1, previous)
        assert heard.error.category in (ErrorCategory.CANCELLED, ErrorCategory.SERVER)
