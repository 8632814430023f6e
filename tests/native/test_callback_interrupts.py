"""Tests of shim.native.callback_interrupts: what a signal's handler raises while libcurl calls back."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from shim.loops import select_loop
from shim.native import NativeProvider
from shim.native.transfer import Transfer
from shim.testing.fake_openai import FakeOpenAI
from tests.helpers.driving import HELLO, ask, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class TimeIsUpError(Exception):
    """What the handler of a time limit raises, as celery's does."""


@pytest.fixture
def strike(capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Any]]:
    """Has a signal strike once, in the midst of libcurl; what pycurl prints of it is expected."""

    def up(*_signal: object) -> None:
        raise TimeIsUpError

    previous = signal.signal(signal.SIGUSR1, up)

    def struck(function: Callable[..., Any]) -> Callable[..., Any]:
        left = [signal.SIGUSR1]

        def call(*args: Any) -> Any:
            if left:
                signal.raise_signal(left.pop())
            return function(*args)

        return call

    yield struck
    signal.signal(signal.SIGUSR1, previous)
    assert "TimeIsUpError" in capfd.readouterr().err


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this platform has no signal to spare")
@pytest.mark.parametrize("place", ["body", "socket"])
def test_a_time_limit_that_strikes_libcurl_is_not_lost(
    monkeypatch: pytest.MonkeyPatch, strike: Callable[..., Any], place: str
) -> None:
    """What the handler raised leaves the loop, each request has one completion all the same, and the provider is of use again."""
    assert threading.current_thread() is threading.main_thread()
    with FakeOpenAI() as server, NativeProvider(api_key="sk-test", base_url=server.base_url) as provider:
        streams = [start(provider, stream=True) for _ in range(2)]
        if place == "body":
            monkeypatch.setattr(Transfer, "segments", property(strike(lambda _: [])), raising=False)
        else:
            poller: Any = provider._multi._sockets._poller
            monkeypatch.setattr(poller, "watch", strike(poller.watch))
        with pytest.raises(TimeIsUpError):
            select_loop.run(provider)
        monkeypatch.undo()
        select_loop.run(provider)
        assert [len(stream.completions) for stream in streams] == [1, 1]
        assert any(not stream.completions[0].ok for stream in streams)
        assert ask(provider, HELLO, stream=True).completions[0].ok


def test_what_others_print_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception of another library, printed while libcurl works, does not leave the loop."""
    with FakeOpenAI() as server, NativeProvider(api_key="sk-test", base_url=server.base_url) as provider:
        move = provider._multi._move

        def moves_beside_another(now: float) -> int:
            with pytest.raises(ValueError, match="invalid literal") as raised:
                int("of another")
            monkeypatch.setattr(sys, "last_value", raised.value, raising=False)
            return move(now)

        monkeypatch.setattr(provider._multi, "_move", moves_beside_another)
        assert ask(provider, HELLO, stream=True).completions[0].ok
