"""Tests of shim.client: what a caller sees of one thread."""

import asyncio
import contextlib
import copy
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from shim.client import Client, ClientClosedError
from shim.model import (
    ErrorCategory,
    InvalidRequestError,
    MissingCredentialsError,
    ModelRequest,
    ProviderError,
    RateLimitError,
    RequestCancelledError,
    StreamDone,
    StreamStart,
    TextDelta,
)
from shim.native import NativeProvider
from shim.provider import Provider
from shim.testing.fake_openai import FakeOpenAI, Stall, Where
from shim.testing.scripted import Emit, Fail, Hang, Play, Wait, answer, failure, hang, text_stream
from tests.client.scripts import REQUEST, Makes, Watched
from tests.helpers.driving import HELLO
from tests.helpers.raw_server import END, SSE, Action, RawServer, events, json_answer, read, wait_for

BROKEN = Play(
    (Emit(TextDelta("Hel")), Wait(1), Emit(TextDelta("lo")), Fail(ProviderError(ErrorCategory.TRUNCATED, "cut off")))
)
ENDLESS = text_stream(*"0123456789" * 3, every_ms=1)


def test_complete_returns_the_response() -> None:
    """`complete` waits for the answer and returns it."""
    with Client(Makes(answer("Hi", after_ms=5))) as client:
        assert client.complete(REQUEST).text == "Hi"


def test_complete_raises_the_error_of_its_category() -> None:
    """A failed request raises its `ProviderError`, as the subclass of its category."""
    kind = Makes(failure("rate_limit", "slow down", retry_after_ms=20))
    with Client(kind) as client, pytest.raises(RateLimitError) as caught:
        client.complete(REQUEST)
    assert caught.value.retry_after_ms == 20


def test_a_request_that_cannot_be_sent_is_refused_at_once() -> None:
    """`complete` and `stream` raise `InvalidRequestError` at the call, and the provider is used again."""
    kind = Makes(answer("Hi"))
    with Client(kind) as client:
        with pytest.raises(InvalidRequestError, match="messages"):
            client.complete(ModelRequest("m", ()))
        with pytest.raises(InvalidRequestError, match="messages"):
            client.stream(ModelRequest("m", ()))
        assert client.complete(REQUEST).text == "Hi"
    assert len(kind.made) == 1


def test_requests_one_after_the_other_share_a_provider() -> None:
    """A thread's requests use its one provider, whether they end well, badly or early."""
    plays = iter([answer("Hi"), failure("server", "oops"), text_stream("a", "b"), hang(), answer("Hi")])
    kind = Makes(lambda request: next(plays))
    with Client(kind) as client:
        client.complete(REQUEST)
        with pytest.raises(ProviderError):
            client.complete(REQUEST)
        client.stream(REQUEST).read()
        client.stream(REQUEST).close()
        client.complete(REQUEST)
    assert len(kind.made) == 1


def test_a_stream_yields_its_events_and_then_its_response() -> None:
    """The events come in order, `StreamDone` last, and the response and completion are there with it."""
    with Client(Makes(text_stream("Hel", "lo", every_ms=1))) as client, client.stream(REQUEST) as stream:
        with pytest.raises(RuntimeError, match="has not ended"):
            _ = stream.response
        events = []
        for event in stream:
            events.append(event)
            if isinstance(event, StreamDone):
                assert stream.completion is not None
    assert [type(event) for event in events] == [StreamStart, TextDelta, TextDelta, StreamDone]
    assert stream.response.text == "Hello"
    assert list(stream) == []


def test_a_failing_stream_raises_where_it_failed() -> None:
    """The events before a failure are yielded, then its error is raised once, and no `StreamError` is seen."""
    with Client(Makes(BROKEN)) as client:
        stream = client.stream(REQUEST)
        texts = stream.texts()
        assert [next(texts), next(texts)] == ["Hel", "lo"]
        with pytest.raises(ProviderError, match="cut off") as caught:
            next(texts)
        assert caught.value.partial is not None
        assert caught.value.partial.text == "Hello"
        assert stream.completion is not None
        assert stream.completion.error is caught.value
        assert list(stream) == []
        with pytest.raises(ProviderError, match="cut off"):
            _ = stream.response


def test_a_stream_can_be_read_as_text_or_whole() -> None:
    """`texts()` yields the pieces of text; `read()` reads what is left and returns the response."""
    with Client(Makes(text_stream("Hel", "lo"))) as client:
        assert list(client.stream(REQUEST).texts()) == ["Hel", "lo"]
        stream = client.stream(REQUEST)
        next(stream)
        assert stream.read().text == "Hello"


@pytest.mark.parametrize("leave", ["with", "close", "drop"])
def test_leaving_a_stream_cancels_its_request(leave: str) -> None:
    """Leaving the block, `close()`, or dropping the stream ends the request there and then."""
    kind = Makes(ENDLESS)
    with Client(kind) as client:
        stream = client.stream(REQUEST)
        next(stream)
        assert kind.made[0].perform() == 1
        if leave == "with":
            with stream:
                pass
        elif leave == "close":
            stream.close()
        else:
            del stream
        assert kind.made[0].perform() == 0
        if leave != "drop":
            assert list(stream) == []
            assert stream.completion is not None
            with pytest.raises(RequestCancelledError):
                _ = stream.response


def test_a_stream_nobody_reads_is_not_driven() -> None:
    """While another request of the thread is answered, an open stream's provider takes no turn."""
    kind = Makes(lambda request: answer("Hi", after_ms=20) if request.model == "other" else ENDLESS)
    with Client(kind) as client, client.stream(REQUEST) as stream:
        next(stream)
        turns = kind.made[0].turns
        assert client.complete(ModelRequest("other", REQUEST.messages)).text == "Hi"
        assert kind.made[0].turns == turns
        assert len(kind.made) == 2
        next(stream)


def test_a_thread_keeps_four_idle_providers() -> None:
    """Of many streams open at once, four providers stay for later and the others are closed."""
    kind = Makes(text_stream("a", "b"))
    with Client(kind) as client:
        streams = [client.stream(REQUEST) for _ in range(7)]
        for stream in streams:
            assert stream.read().text == "ab"
        assert [provider.closed for provider in kind.made] == [False] * 4 + [True] * 3
        client.complete(REQUEST)
        assert len(kind.made) == 7


def test_settings_are_checked_when_the_client_is_made() -> None:
    """An unknown setting is a TypeError that names it, the nearest, and those there are; no provider is made."""
    kind = Makes(answer("Hi"))
    with pytest.raises(TypeError, match=r"'flavor'; did you mean 'flavour'\? It takes: flavour, api_key"):
        Client(kind, flavor="mint")
    with pytest.raises(ValueError, match="'aboriginal'; give one of 'legacy', 'native'"):
        Client("aboriginal")
    Client(kind, flavour="mint")
    assert not kind.made


def test_the_environment_is_read_at_the_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key the client is made, and the first request raises `MissingCredentialsError`."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with Client() as client, pytest.raises(MissingCredentialsError):
        client.complete(REQUEST)


def test_a_closed_client_says_so() -> None:
    """After `close()`, which may be called again, every request raises `ClientClosedError` and every provider is closed."""
    kind = Makes(answer("Hi"))
    client = Client(kind)
    client.complete(REQUEST)
    client.close()
    client.close()
    assert kind.made[0].closed
    for ask in (client.complete, client.stream):
        with pytest.raises(ClientClosedError):
            ask(REQUEST)


def test_the_last_event_of_a_stream_gives_its_provider_back() -> None:
    """A stream read to its `StreamDone`, and not beyond, has ended: the next request of the thread takes its provider."""
    made: list[NativeProvider] = []
    go = threading.Event()
    done = b'{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}'
    answered = b'{"choices":[{"index":0,"message":{"content":"b"},"finish_reason":"stop"}]}'

    def kind(**settings: Any) -> Provider:
        made.append(NativeProvider(**settings))
        return made[-1]

    script: list[Action] = [read, SSE, events(done, b"[DONE]"), wait_for(go), END, read, json_answer(answered)]
    with RawServer([script]) as server, Client(kind, api_key="sk-test", base_url=server.url) as client:
        stream = client.stream(REQUEST)
        late = threading.Timer(0.05, go.set)  # the body ends behind the last event
        late.start()
        while not isinstance(next(stream), StreamDone):
            pass
        late.join()
        assert stream.completion is not None
        assert client.complete(REQUEST).text == "b"
    assert len(made) == 1


def test_a_client_closed_while_a_provider_is_made_closes_it() -> None:
    """A provider that was being made while its client was closed serves nobody and is closed."""
    kind = Makes(answer("Hi"))

    def slowly(**settings: Any) -> Provider:
        made = kind(**settings)
        client.close()
        return made

    client = Client(slowly)
    with pytest.raises(ClientClosedError):
        client.complete(REQUEST)
    assert [provider.closed for provider in kind.made] == [True]


def test_an_open_stream_outlives_a_dropped_client() -> None:
    """A stream of a client that nobody holds any more is read to its end, and then its provider is closed."""
    kind = Makes(text_stream("a", "b", every_ms=1))
    assert "".join(Client(kind).stream(REQUEST).texts()) == "ab"
    assert kind.made[0].closed


def test_a_dropped_client_closes_its_providers() -> None:
    """A client that was not closed closes its providers when it goes."""
    kind = Makes(answer("Hi"))
    client = Client(kind)
    client.complete(REQUEST)
    del client
    assert kind.made[0].closed


def test_an_interrupt_ends_the_wait_and_its_provider() -> None:
    """KeyboardInterrupt leaves `complete` at once; the provider it may have caught half-way is not used again."""
    kind = Makes(lambda request: hang() if request.model == "m" else answer("Hi"))
    with Client(kind) as client:
        interrupt = threading.Timer(0.05, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
        previous = signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupt.start()
        with pytest.raises(KeyboardInterrupt):
            client.complete(REQUEST)
        signal.signal(signal.SIGINT, previous)
        interrupt.join()
        assert kind.made[0].closed
        assert client.complete(ModelRequest("other", REQUEST.messages)).text == "Hi"


def test_a_signal_handler_may_close_the_client() -> None:
    """Closing from a signal handler, on the very thread that waits, cancels what it waits for."""
    with Client(Makes(hang())) as client:
        previous = signal.signal(signal.SIGUSR1, lambda number, frame: client.close())
        alarm = threading.Timer(0.05, signal.pthread_kill, (threading.get_ident(), signal.SIGUSR1))
        alarm.start()
        with pytest.raises(RequestCancelledError):
            client.complete(REQUEST)
        signal.signal(signal.SIGUSR1, previous)
        alarm.join()


def test_a_thread_waits_inside_a_provider_that_can() -> None:
    """Of a provider that polls and can be woken no descriptor is asked: it polls, for whole answers and for events."""
    polls: list[int] = []

    class Polls(Watched):
        def poll(self, timeout_ms: int = -1) -> int:
            polls.append(timeout_ms)
            time.sleep(0.001)
            return self.perform()

        def wakeup(self) -> None:
            """Nothing: it never waits long."""

        def fileno(self) -> int:
            raise AssertionError("its descriptor was asked for")

    with Client(lambda: Polls(lambda request: text_stream("a", "b", every_ms=2))) as client:
        assert client.complete(REQUEST).text == "ab"
        assert "".join(client.stream(REQUEST).texts()) == "ab"
    assert len(polls) >= 4
    assert set(polls) == {-1}


def test_an_interrupt_ends_a_wait_inside_the_provider() -> None:
    """KeyboardInterrupt leaves a native provider that waits for a server, which is closed, and the next answer comes."""
    with FakeOpenAI() as server, Client("native", api_key="sk-test", base_url=server.base_url) as client:
        server.plan(Stall(Where.BEFORE_HEADERS))
        interrupt = threading.Timer(0.2, signal.pthread_kill, (threading.get_ident(), signal.SIGINT))
        previous = signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupt.start()
        with pytest.raises(KeyboardInterrupt):
            client.complete(HELLO)
        signal.signal(signal.SIGINT, previous)
        interrupt.join()
        assert client.complete(HELLO).text


def test_a_signal_handler_may_close_the_client_while_its_provider_waits() -> None:
    """Closing from a handler, on the very thread that waits inside a native provider, cancels what it waits for."""
    with FakeOpenAI() as server, Client("native", api_key="sk-test", base_url=server.base_url) as client:
        server.plan(Stall(Where.BEFORE_HEADERS))
        previous = signal.signal(signal.SIGUSR1, lambda number, frame: client.close())
        alarm = threading.Timer(0.2, signal.pthread_kill, (threading.get_ident(), signal.SIGUSR1))
        alarm.start()
        with pytest.raises(RequestCancelledError):
            client.complete(HELLO)
        signal.signal(signal.SIGUSR1, previous)
        alarm.join()


def test_it_works_inside_a_running_event_loop() -> None:
    """The blocking client may be called from a coroutine; it blocks the loop and returns the answer."""

    async def main() -> str:
        with Client(Makes(answer("Hi", after_ms=1))) as client:
            return client.complete(REQUEST).text

    assert asyncio.run(main()) == "Hi"


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.copy, copy.deepcopy])
def test_it_cannot_be_pickled_or_copied_and_shows_no_setting(duplicate: Callable[[object], object]) -> None:
    """Pickling or copying is a TypeError with the reason, and neither it nor any repr shows a key."""
    client = Client(Makes(answer("Hi")), api_key="sk-secret")
    with pytest.raises(TypeError, match="make one in each process") as caught:
        duplicate(client)
    shown = f"{caught.value}{client!r}{vars(client)!r}"
    assert "sk-secret" not in shown
    assert repr(client) == "<Client Makes>"


@pytest.mark.slow
def test_memory_stays_flat() -> None:
    """Thousands of answers, failures and streams left early leave nothing behind."""
    plays = [answer("Hi"), failure("server", "oops"), Play((Emit(TextDelta("a")), Hang()))]
    turn = iter(range(10**9))
    with Client(Makes(lambda request: plays[next(turn) % 3])) as client:

        def use() -> None:
            client.complete(REQUEST)
            with contextlib.suppress(ProviderError):
                client.complete(REQUEST)
            next(client.stream(REQUEST))

        for _ in range(500):
            use()
        before = sys.getallocatedblocks()
        for _ in range(3000):
            use()
        assert sys.getallocatedblocks() - before < 3000  # less than one block for three requests
