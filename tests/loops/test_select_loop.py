"""Tests of shim.loops.select_loop."""

import os
import resource
import select
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from shim.loops import select_loop
from shim.model import ModelRequest, StreamEvent, user
from shim.provider import Completion
from shim.testing.fake_openai import FakeOpenAI, Stall, Where
from shim.testing.scripted import ScriptedProvider, answer, hang, text_stream
from tests.helpers.driving import Heard, start
from tests.helpers.providers import MakeNative

REQUEST = ModelRequest("m", (user("Hello"),))


@pytest.fixture
def slow() -> Iterator[ScriptedProvider]:
    """Answers after 30 ms."""
    provider = ScriptedProvider(lambda request: answer("slow", after_ms=30), name="slow")
    yield provider
    provider.close()


@pytest.fixture
def fast() -> Iterator[ScriptedProvider]:
    """Answers at once."""
    provider = ScriptedProvider(lambda request: answer("fast"), name="fast")
    yield provider
    provider.close()


@pytest.fixture
def idle() -> Iterator[ScriptedProvider]:
    """Never answers."""
    provider = ScriptedProvider(lambda request: hang(), name="idle")
    yield provider
    provider.close()


def texts(completions: list[Completion]) -> list[str]:
    return [completion.response.text for completion in completions if completion.response]


def test_it_runs_until_nothing_is_running(slow: ScriptedProvider, fast: ScriptedProvider) -> None:
    """Without `until`, the loop ends when every provider has delivered everything."""
    completions: list[Completion] = []
    slow.start_request(REQUEST, completions.append)
    fast.start_request(REQUEST, completions.append)
    select_loop.run(slow, fast)
    assert texts(completions) == ["fast", "slow"]


def test_it_returns_at_once_when_there_is_nothing_to_do(slow: ScriptedProvider) -> None:
    """A loop over idle providers, or none, ends."""
    select_loop.run(slow)
    select_loop.run()


def test_what_the_last_callback_starts_is_run_too(fast: ScriptedProvider) -> None:
    """A request started in the last completion keeps the loop going."""
    completions: list[Completion] = []

    def start_another(completion: Completion) -> None:
        completions.append(completion)
        fast.start_request(REQUEST, completions.append)

    fast.start_request(REQUEST, start_another)
    select_loop.run(fast)
    assert len(completions) == 2


def test_until_is_asked_after_every_turn(slow: ScriptedProvider, idle: ScriptedProvider) -> None:
    """With `until`, the loop ends as soon as it is true, whatever is still running."""
    completions: list[Completion] = []
    idle.start_request(REQUEST, completions.append)
    slow.start_request(REQUEST, completions.append)
    select_loop.run(slow, idle, until=lambda: bool(completions))
    assert texts(completions) == ["slow"]


def test_until_that_can_never_be_true_is_an_error(fast: ScriptedProvider) -> None:
    """A loop that would wait for ever raises instead."""
    fast.start_request(REQUEST, lambda completion: None)
    with pytest.raises(RuntimeError, match="wait for ever"):
        select_loop.run(fast, until=lambda: False)


def test_a_callback_may_close_any_provider(fast: ScriptedProvider, slow: ScriptedProvider) -> None:
    """A provider closed inside a callback, its own or another's, is driven no more, and the rest go on."""
    completions: list[Completion] = []
    doomed = ScriptedProvider(lambda request: hang())
    doomed.start_request(REQUEST, completions.append)

    def close_two(completion: Completion) -> None:
        doomed.close()
        fast.close()

    fast.start_request(REQUEST, close_two)
    slow.start_request(REQUEST, completions.append)
    select_loop.run(fast, doomed, slow)
    assert [completion.ok for completion in completions] == [False, True]


def test_closing_the_last_provider_ends_the_loop(fast: ScriptedProvider) -> None:
    """When every provider was closed the loop returns, `until` or not."""
    fast.start_request(REQUEST, lambda completion: fast.close())
    select_loop.run(fast, until=lambda: False)


def test_it_waits_without_polling(slow: ScriptedProvider) -> None:
    """A stream of ten events takes about ten turns, and the waits between them no processor time."""
    turns = 0
    provider = ScriptedProvider([text_stream(*"0123456789", every_ms=20)])
    provider.start_stream(REQUEST, lambda event: None, lambda completion: provider.close())

    def count() -> bool:
        nonlocal turns
        turns += 1
        return False

    began, used = time.monotonic(), time.thread_time()
    select_loop.run(provider, until=count)
    assert time.monotonic() - began >= 0.2
    assert time.thread_time() - used < 0.1
    assert turns <= 25


def test_an_exception_of_a_callback_leaves_the_loop_which_can_go_on(fast: ScriptedProvider) -> None:
    """What `on_completion` raises comes out of `run`, and a second `run` delivers the rest."""
    completions: list[Completion] = []

    def fail(completion: Completion) -> None:
        raise ZeroDivisionError

    fast.start_request(REQUEST, fail)
    fast.start_request(REQUEST, completions.append)
    with pytest.raises(ZeroDivisionError):
        select_loop.run(fast)
    select_loop.run(fast)
    assert texts(completions) == ["fast"]


def test_an_interrupt_passes_through(idle: ScriptedProvider) -> None:
    """KeyboardInterrupt ends a waiting loop."""
    idle.start_request(REQUEST, lambda completion: None)
    interrupt = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        select_loop.run(idle)
    interrupt.join()


def test_a_turn_names_the_readable_descriptors_of_the_program(idle: ScriptedProvider) -> None:
    """A program's own descriptor ends the wait, and `readable` holds the object that was given."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        idle.start_request(REQUEST, lambda completion: None)
        assert select_loop.turn([idle], also=[ours], max_wait_ms=0).readable == ()
        theirs.send(b"!")
        turn = select_loop.turn([idle], also=[ours])
    assert turn == select_loop.Turn(running=1, completed=0, readable=(ours,))


def test_a_turn_waits_at_most_as_long_as_it_is_told(idle: ScriptedProvider) -> None:
    """`max_wait_ms` bounds the wait when nothing happens."""
    idle.start_request(REQUEST, lambda completion: None)
    began = time.monotonic()
    select_loop.turn([idle], max_wait_ms=1)  # takes the first step, which hangs
    select_loop.turn([idle], max_wait_ms=50)
    assert 0.04 < time.monotonic() - began < 5


def test_a_regular_file_can_be_watched(idle: ScriptedProvider, tmp_path: Path) -> None:
    """Standard input redirected from a file is readable like any other."""
    path = tmp_path / "commands"
    path.write_text("quit\n")
    with path.open() as commands:
        assert select_loop.turn([idle], also=[commands]).readable == (commands,)


def test_descriptors_beyond_the_limit_of_select_work() -> None:
    """A provider whose descriptor is over FD_SETSIZE is driven, where `select.select` fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1200:
        pytest.skip("the system allows too few descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 1200), hard))
    fillers = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        provider = ScriptedProvider([answer("high")])
        assert provider.fileno() > 1024
        completions: list[Completion] = []
        provider.start_request(REQUEST, completions.append)
        select_loop.run(provider)
        provider.close()
        assert texts(completions) == ["high"]
    finally:
        for filler in fillers:
            os.close(filler)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_watch_serves_many_turns(slow: ScriptedProvider) -> None:
    """A `Watch` made once drives turn after turn, and forgets a provider closed between them."""
    events: list[StreamEvent] = []
    watch = select_loop.Watch(slow)
    slow.start_stream(REQUEST, events.append, lambda completion: None)
    while watch.turn(max_wait_ms=5000).running:
        pass
    assert events
    slow.close()
    assert watch.providers == ()
    assert watch.turn(max_wait_ms=0).running == 0


def test_a_provider_closed_between_turns_ends_no_wait(idle: ScriptedProvider, slow: ScriptedProvider) -> None:
    """What was closed since the last turn is not watched in the next, which waits as long as it was told."""
    watch = select_loop.Watch(idle, slow)
    slow.close()
    began = time.monotonic()
    watch.turn(max_wait_ms=40)
    assert time.monotonic() - began >= 0.035
    assert watch.providers == (idle,)


class Polls(ScriptedProvider):
    """Waits by itself, and counts how often it did."""

    polls = 0

    def poll(self, timeout_ms: int = -1) -> int:
        self.polls += 1
        waits = [each for each in (self.timeout(), timeout_ms) if each >= 0]
        select.select([self], [], [], min(waits) / 1000 if waits else None)
        return self.perform()


def test_a_provider_alone_that_can_wait_does_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """`run`, `turn` and a `Watch` have it poll, and wait for no descriptor."""
    provider = Polls([text_stream("a", "b", every_ms=5)] * 2)
    monkeypatch.setattr(select_loop, "make_selector", NeverAsked)
    completions: list[Completion] = []
    provider.start_stream(REQUEST, lambda event: None, completions.append)
    select_loop.run(provider)
    assert provider.polls >= 2
    provider.start_stream(REQUEST, lambda event: None, completions.append)
    while len(completions) < 2:
        assert select_loop.turn([provider], max_wait_ms=5000).readable == ()
    provider.close()
    assert texts(completions) == ["ab", "ab"]


class NeverAsked(selectors.SelectSelector):
    """Takes registrations, and waits for nothing."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        raise AssertionError("the loop waited for a descriptor")


def test_beside_others_nobody_waits_by_itself(idle: ScriptedProvider) -> None:
    """With a second provider, or a descriptor of the program, all are waited for together."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        provider = Polls([hang()])
        provider.start_request(REQUEST, lambda completion: None)
        theirs.send(b"!")
        assert select_loop.turn([provider], also=[ours]).readable == (ours,)
        select_loop.turn([provider, idle], max_wait_ms=0)
        assert provider.polls == 0
        provider.close()


def test_a_native_provider_beside_a_descriptor_is_driven() -> None:
    """A provider that could wait by itself is heard by its descriptor where others are watched, and so are they."""
    ours, theirs = socket.socketpair()
    with FakeOpenAI() as server, ours, theirs, MakeNative()(server.base_url) as provider:
        heard = start(provider, stream=True)
        watch = select_loop.Watch(provider, also=[ours])
        while not heard.done:
            assert watch.turn().readable == ()
        theirs.send(b"!")
        assert watch.turn().readable == (ours,)
        assert heard.completion.ok


def test_an_interrupt_passes_through_a_provider_that_waits_by_itself() -> None:
    """KeyboardInterrupt ends its wait, nothing is lost, and the loop can be run again."""
    with FakeOpenAI() as server, MakeNative()(server.base_url) as provider:
        server.plan(Stall(Where.BEFORE_HEADERS))
        stalled = start(provider, stream=True)
        interrupt = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
        interrupt.start()
        with pytest.raises(KeyboardInterrupt):
            select_loop.run(provider)
        interrupt.join()
        later = start(provider, stream=True)
        select_loop.run(provider, until=lambda: later.done)
        provider.cancel()
        select_loop.run(provider)
        assert stalled.done
        assert later.completion.ok


@pytest.mark.parametrize("plain", [False, True], ids=["best", "plain"])
def test_a_signal_handler_may_act_while_a_provider_waits_by_itself(*, plain: bool) -> None:
    """What a handler starts on the thread that waits is sent, and where it closes the provider the loop ends."""
    with FakeOpenAI() as server:
        provider = MakeNative()(server.base_url, plain_fdset=plain)
        server.plan(Stall(Where.BEFORE_HEADERS))
        stalled = start(provider, stream=True)
        begun: list[Heard] = []

        def act(*_signal: object) -> None:
            if begun:
                provider.close()
            else:
                begun.append(start(provider, stream=True))

        previous = signal.signal(signal.SIGUSR1, act)
        alarm = threading.Timer(0.2, signal.pthread_kill, (threading.get_ident(), signal.SIGUSR1))
        alarm.start()
        try:
            select_loop.run(provider, until=lambda: any(each.done for each in begun))
            alarm.join()
            alarm = threading.Timer(0.2, signal.pthread_kill, (threading.get_ident(), signal.SIGUSR1))
            alarm.start()
            select_loop.run(provider, until=lambda: False)
        finally:
            alarm.join()
            signal.signal(signal.SIGUSR1, previous)
            provider.close()
        assert begun[0].completion.ok
        assert stalled.done


def test_importing_the_loops_does_not_import_asyncio() -> None:
    """Only the asyncio driver brings asyncio in."""
    code = "import sys, shim.loops, shim.loops.select_loop, shim.client; sys.exit('asyncio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0  # noqa: S603 - our own interpreter and code
