"""Tests of shim.client and shim.client.pool: threads, processes, and closing from elsewhere."""

import _thread
import gc
import select
import selectors
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from urllib3.util import wait

from shim.client import Client, ResponseStream
from shim.model import ModelRequest, ProviderError, RequestCancelledError, user
from shim.testing.fake_openai import Drip, FakeOpenAI
from shim.testing.scripted import ScriptedProvider, answer, hang, text_stream
from tests.client.scripts import REQUEST, Makes, eventually
from tests.helpers.driving import HELLO

ROOT = Path(__file__).parents[2]
ENDLESS = text_stream(*"0123456789" * 1000, every_ms=1)


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOpenAI]:
    """A server that answers whatever comes."""
    with FakeOpenAI() as running:
        yield running


def in_thread(act: Callable[[], object]) -> list[object]:
    """What `act` returned or raised on a thread of its own."""
    outcome: list[object] = []

    def run() -> None:
        try:
            outcome.append(act())
        except ProviderError as error:
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()
    return outcome


def test_each_thread_has_a_provider_of_its_own() -> None:
    """Eight threads that ask at the same time use eight providers and get eight answers."""
    kind = Makes(answer("Hi", after_ms=5))
    together = threading.Barrier(8)

    def ask(client: Client) -> str:
        together.wait(5)
        return client.complete(REQUEST).text

    with Client(kind) as client, ThreadPoolExecutor(8) as threads:
        assert [future.result() for future in [threads.submit(ask, client) for _ in range(8)]] == ["Hi"] * 8
        assert len(kind.made) == 8


def test_a_thread_that_ends_closes_its_providers() -> None:
    """When a thread ends its provider is closed, and nobody else's."""
    kind = Makes(answer("Hi"))
    with Client(kind) as client:
        client.complete(REQUEST)
        in_thread(lambda: client.complete(REQUEST))
        eventually(lambda: [provider.closed for provider in kind.made] == [False, True])


def test_closing_after_a_thread_ended_invents_no_thread() -> None:
    """A provider that joins threads when it is closed does so on a real thread, of which nothing is left either."""

    class Joins(ScriptedProvider):
        def close(self) -> None:
            worker = threading.Thread(target=int)
            worker.start()
            worker.join()
            closed_on.append(threading.current_thread().name)
            super().close()

    closed_on: list[str] = []
    before = threading.active_count()
    with Client(lambda: Joins(lambda request: answer("Hi"))) as client:
        in_thread(lambda: client.complete(REQUEST))
        eventually(lambda: bool(closed_on) and threading.active_count() == before)
    assert not closed_on[0].startswith("Dummy")


def test_closing_where_nothing_may_wait_begins_no_thread_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Providers that are freed on gevent's event loop are closed, and that waits there for no thread to begin or to end."""
    complaints: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: complaints.append(told.exc_value))
    kind = Makes(answer("Hi"))
    client = Client(kind)
    freeing: list[int] = []
    start = threading.Thread.start

    def start_elsewhere(thread: threading.Thread) -> None:
        if threading.get_ident() in freeing:
            raise AssertionError("Impossible to call blocking function in the event loop callback")
        start(thread)

    def ask_and_end() -> None:
        client.complete(REQUEST)
        freeing.append(threading.get_ident())  # what this thread has is freed at its end, past all that is listed

    monkeypatch.setattr(threading.Thread, "start", start_elsewhere)
    _thread.start_new_thread(ask_and_end, ())
    eventually(lambda: bool(kind.made) and kind.made[0].closed)
    client.close()
    assert complaints == []


@pytest.mark.parametrize("kind", ["legacy", "native"])
def test_it_waits_with_what_is_left_of_select(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Where epoll and poll were taken away, as eventlet does at any time, answers and streams come over TLS all the same."""
    with FakeOpenAI(tls=True) as server:
        monkeypatch.delattr(select, "poll", raising=False)
        monkeypatch.delattr(select, "epoll", raising=False)
        monkeypatch.delattr(selectors, "PollSelector", raising=False)
        monkeypatch.setattr(
            wait, "wait_for_socket", wait.select_wait_for_socket
        )  # urllib3 looks once, at its first wait
        trusts: dict[str, Any] = {"verify": server.ca_file} if kind == "legacy" else {"ca_file": server.ca_file}
        with Client(kind, api_key="sk-test", base_url=server.base_url, **trusts) as client:
            for _ in range(2):
                assert client.complete(HELLO).text == client.stream(HELLO).read().text


def test_threads_that_come_and_go_leave_no_thread(server: FakeOpenAI) -> None:
    """After many short threads over the real provider there are as many threads as before, and no connection."""
    before = threading.active_count()
    with Client(api_key="sk-test", base_url=server.base_url) as client:
        for _ in range(5):
            in_thread(lambda: client.complete(ModelRequest("gpt-4o-mini", (user("Hello"),))))
        eventually(lambda: threading.active_count() == before)
        server.wait_for_open_connections(0)


def test_a_stream_may_outlive_its_thread() -> None:
    """A stream handed to another thread is read there to its end; its provider is then closed, as its own thread is gone."""
    kind = Makes(text_stream("a", "b"))
    with Client(kind) as client:
        (stream,) = in_thread(lambda: client.stream(REQUEST))
        assert isinstance(stream, ResponseStream)
        assert stream.read().text == "ab"
        assert kind.made[0].closed


def test_a_stream_dropped_on_another_thread_is_cancelled() -> None:
    """A stream that the garbage collector finds on another thread ends its request all the same."""
    kind = Makes(ENDLESS)
    with Client(kind) as client:
        stream = client.stream(REQUEST)
        next(stream)
        cycle: list[object] = [stream]
        cycle.append(cycle)
        del stream, cycle
        in_thread(gc.collect)
        assert kind.made[0].closed


@pytest.mark.parametrize("ask", ["complete", "stream"])
def test_closing_elsewhere_cancels_a_thread_that_waits(ask: str) -> None:
    """A thread that waits for an answer or an event gets a `RequestCancelledError` when another closes the client."""
    kind = Makes(hang())
    client = Client(kind)

    def wait() -> object:
        return client.complete(REQUEST) if ask == "complete" else list(client.stream(REQUEST))

    def close_when_it_waits() -> None:
        eventually(lambda: bool(kind.made) and kind.made[0].turns > 0)
        client.close()

    closing = threading.Thread(target=close_when_it_waits)
    closing.start()
    (outcome,) = in_thread(wait)
    closing.join()
    assert isinstance(outcome, RequestCancelledError)
    assert kind.made[0].closed


@pytest.mark.parametrize("kind", ["legacy", "native"])
@pytest.mark.parametrize("ask", ["complete", "stream"])
def test_closing_elsewhere_cancels_threads_that_wait_for_a_server(server: FakeOpenAI, kind: str, ask: str) -> None:
    """Threads that wait for sockets, inside their provider or for its descriptor, are woken by another that closes the client."""
    client = Client(kind, api_key="sk-test", base_url=server.base_url)
    before = server.request_count
    server.plan(*[Drip(delay=0.2)] * 3)

    def wait(_number: int) -> object:
        try:
            return client.complete(HELLO) if ask == "complete" else list(client.stream(HELLO))
        except ProviderError as error:
            return error

    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(wait, number) for number in range(3)]
        eventually(lambda: server.request_count == before + 3)
        client.close()
        assert all(isinstance(each.result(10), RequestCancelledError) for each in waiting)


def test_a_client_that_dies_with_its_open_stream_raises_nothing(
    server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the collector finds a native client and a generator in the midst of its stream together, both end without a word."""
    complaints: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: complaints.append(told.exc_value))

    def texts(client: Client) -> Iterator[str]:
        with client.stream(ModelRequest("fake-paced-20x100", (user("Hello"),))) as stream:
            yield from stream.texts()

    def leave() -> None:
        client = Client("native", api_key="sk-test", base_url=server.base_url)
        client.complete(HELLO)  # whose handle serves the stream too: it is older than the generator
        streaming = texts(client)
        next(streaming)
        cycle: list[object] = [client, streaming]
        cycle.append(cycle)

    gc.disable()
    try:
        leave()
        gc.collect()
    finally:
        gc.enable()
    assert complaints == []
    server.wait_for_open_connections(0)


def test_closing_elsewhere_while_streams_are_read() -> None:
    """Closing among busy readers gives each of them a `RequestCancelledError`, no crash and no hang."""
    kind = Makes(ENDLESS)
    client = Client(kind)

    def read(_: int) -> object:
        try:
            return client.stream(REQUEST).read()
        except ProviderError as error:
            return error

    with ThreadPoolExecutor(4) as threads:
        readers = threads.map(read, range(4))
        eventually(lambda: sum(provider.turns > 5 for provider in kind.made) == 4)
        client.close()
        outcomes = list(readers)
    assert all(isinstance(outcome, RequestCancelledError) for outcome in outcomes)
    assert all(provider.closed for provider in kind.made)


def test_closing_elsewhere_ends_a_stream_that_is_not_being_read() -> None:
    """A stream whose reader is busy elsewhere is cancelled too; what it had already brought is read first."""
    kind = Makes(text_stream("a", "b", every_ms=0))
    client = Client(kind)
    stream = client.stream(REQUEST)
    first = next(stream)
    in_thread(client.close)
    assert kind.made[0].closed
    with pytest.raises(RequestCancelledError):
        list(stream)
    assert first is not None


def test_closing_closes_the_idle_providers_of_every_thread() -> None:
    """Providers that idle on other threads are closed with the client."""
    kind = Makes(answer("Hi"))
    client = Client(kind)
    asked, leave = threading.Event(), threading.Event()

    def ask_and_stay() -> None:
        client.complete(REQUEST)
        asked.set()
        leave.wait(10)

    thread = threading.Thread(target=ask_and_stay)
    thread.start()
    asked.wait(10)
    client.close()
    assert kind.made[0].closed
    leave.set()
    thread.join()


FORKING = """
import os, sys
from shim.client import Client
from tests.client.scripts import REQUEST, Makes
from shim.testing.scripted import text_stream

kind = Makes(text_stream("a", "b", every_ms=1))
client = Client(kind)
client.complete(REQUEST)
stream = client.stream(REQUEST)
next(stream), next(stream)
child = os.fork()
if not child:
    try:
        next(stream)
        os._exit(2)
    except RuntimeError as error:
        assert "parent process" in str(error)
    del stream
    text = client.complete(REQUEST).text
    client.close()
    closed = [provider.closed for provider in kind.made]
    os._exit(0 if (text, closed) == ("ab", [False, True]) else 1)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
same = stream.read().text == "ab" and client.complete(REQUEST).text == "ab" and len(kind.made) == 1
client.close()
sys.exit(status or not same)
"""


def test_a_forked_child_makes_its_own_and_leaves_its_parents_alone() -> None:
    """After a fork the child answers through a provider of its own, and the parent's stream goes on undisturbed."""
    command = [sys.executable, "-c", FORKING]
    done = subprocess.run(command, check=False, timeout=15, cwd=ROOT)  # noqa: S603 - our own interpreter and code
    assert done.returncode == 0


@pytest.mark.parametrize("end", ["drop", "close"])
def test_nothing_is_waited_for_while_the_interpreter_ends(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """A stream that is there when the interpreter ends is let go without its lock, which a thread at a standstill may hold."""
    with Client(Makes(ENDLESS)) as client:
        streams = [client.stream(REQUEST)]
        next(streams[0])
        lease = streams[0]._request._lease
        assert lease is not None
        held, over = threading.Event(), threading.Event()

        def hold() -> None:
            with lease.lock:
                held.set()
                over.wait(10)

        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(5)
        monkeypatch.setattr(sys, "is_finalizing", lambda: True)
        ending = threading.Thread(target=streams.clear if end == "drop" else streams[0].close)
        ending.start()
        ending.join(2)
        was_over = not ending.is_alive()
        monkeypatch.undo()
        over.set()
        thread.join(5)
        ending.join(5)
        assert was_over
