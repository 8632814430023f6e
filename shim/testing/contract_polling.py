"""The provider contract's optional promises: what `poll`, `wait` and `wakeup` do where a provider offers them.

Not the invariants that hold for all (`shim.testing.contract`, whose class inherits these). Source: curl_multi_poll(3) and
curl_multi_wakeup(3), and `shim.provider.Polling`.
"""
# ruff: noqa: S101 - a pytest class asserts

from __future__ import annotations

import inspect
import math
import threading
import time
from typing import Any

import pytest

from shim.model import ErrorCategory
from shim.provider import Polling
from shim.testing.contract_parts import (
    PATIENCE_SECONDS,
    Behaviour,
    Build,
    CallbackRecorder,
    ContractBase,
    Loop,
    check_completion,
    check_events,
)

_POLLING = ("poll", "wait", "wakeup")
_LONG_MS = 1000 * int(PATIENCE_SECONDS)


class PollingLoop(Loop):
    """The shortest loop there is: poll, read completions. It asks for no descriptor and no timeout."""

    def turn(self, longest: float) -> None:
        """Have the provider wait at most `longest` seconds and do what it can."""
        self.turns += 1
        self.phase = "perform"
        polling(self).poll(math.ceil(longest * 1000))
        self.phase = "info_read"
        self.provider.info_read()
        self.phase = "outside"


def polling(loop: Loop) -> Any:
    """The provider with what it offers besides; a test of what it does not offer is skipped."""
    if not hasattr(loop.provider, "poll"):
        pytest.skip("this provider offers no poll()")
    return loop.provider


class PollingContract(ContractBase):
    """What a provider that offers `poll` promises of it, as tests."""

    def test_polling_is_offered_whole_or_not_at_all(self, build: Build) -> None:
        """A provider that offers one of `poll`, `wait` and `wakeup` offers all three."""
        provider = build(Behaviour.ANSWER)
        assert [name for name in _POLLING if hasattr(provider, name)] in ([], list(_POLLING))

    def test_poll_has_the_parameters_the_interface_writes(self, build: Build) -> None:
        """What is offered takes what `Polling` says."""
        provider = polling(Loop(build(Behaviour.ANSWER)))
        for name in _POLLING:
            expected = list(inspect.signature(getattr(Polling, name)).parameters.values())[1:]
            found = inspect.signature(getattr(provider, name)).parameters.values()
            assert [(each.name, each.default) for each in found] == [(each.name, each.default) for each in expected]

    def test_poll_is_a_loop_that_neither_stalls_nor_spins(self, build: Build) -> None:
        """Polling alone drives a slow stream to its end, in about one turn an event."""
        loop = PollingLoop(build(Behaviour.SLOW_STREAM))
        polling(loop)
        recorder = self.stream(loop, Behaviour.SLOW_STREAM)
        loop.until(lambda: recorder.done)
        check_completion(recorder, Behaviour.SLOW_STREAM)
        check_events(recorder, Behaviour.SLOW_STREAM)
        assert {phase for kind, phase, _ in recorder.calls if kind == "event"} == {"perform"}
        assert loop.turns <= 3 * len(recorder.events) + 30

    def test_poll_waits_as_long_as_it_is_told(self, build: Build) -> None:
        """While nothing comes a poll takes the time it was given and no more, and returns what is running."""
        loop = PollingLoop(build(Behaviour.STALL))
        polling(loop)
        recorder = self.start(loop, Behaviour.STALL)
        loop.run_for(0.2)
        loop.turns = 0
        loop.run_for(0.2)
        assert loop.turns <= 5
        began = time.monotonic()
        assert loop.provider.poll(0) == 1  # type: ignore[attr-defined]  # it is offered
        assert time.monotonic() - began < PATIENCE_SECONDS / 2
        assert not recorder.done

    def test_poll_does_not_wait_while_a_completion_waits(self, build: Build) -> None:
        """What was cancelled between turns is delivered after a poll without limit, which returns at once."""
        loop = PollingLoop(build(Behaviour.STALL))
        provider = polling(loop)
        recorder = self.start(loop, Behaviour.STALL)
        loop.run_for(0.1)
        provider.cancel(recorder.handle)
        began = time.monotonic()
        provider.poll()
        provider.info_read()
        assert time.monotonic() - began < PATIENCE_SECONDS
        assert recorder.failure is ErrorCategory.CANCELLED

    def test_poll_hears_what_callbacks_start_and_cancel(self, build: Build) -> None:
        """A stream started in an event, and one cancelled in a completion, need no descriptor to be polled to their ends."""
        loop = PollingLoop(build(Behaviour.TEXT_STREAM))
        polling(loop)
        started: list[CallbackRecorder] = []
        recorder = CallbackRecorder(loop)

        def start_once() -> None:
            if not started:
                started.append(self.stream(loop, Behaviour.TEXT_STREAM))

        recorder.hook("event", start_once)
        self.stream(loop, Behaviour.TEXT_STREAM, recorder=recorder)
        loop.until(lambda: recorder.done and started[0].done)
        later = self.stream(loop, Behaviour.TEXT_STREAM)
        last = CallbackRecorder(loop)
        last.hook("completion", lambda: loop.provider.cancel(later.handle))
        self.stream(loop, Behaviour.TEXT_STREAM, recorder=last)
        loop.until(lambda: last.done and later.done)

    def test_poll_inside_a_callback_is_refused(self, build: Build) -> None:
        """An event that polls gets a `RuntimeError`, which ends its stream alone."""
        loop = PollingLoop(build(Behaviour.TEXT_STREAM))
        provider = polling(loop)
        recorder = CallbackRecorder(loop)
        recorder.hook("event", lambda: provider.poll(0))
        self.stream(loop, Behaviour.TEXT_STREAM, recorder=recorder)
        loop.until(lambda: recorder.done)
        error = recorder.completion.error
        assert error is not None
        assert isinstance(error.__cause__, RuntimeError)

    def test_poll_of_a_closed_provider_ends_quietly(self, build: Build) -> None:
        """Closed, a provider does not wait, runs nothing, and takes a wake-up without a word."""
        loop = PollingLoop(build(Behaviour.ANSWER))
        provider = polling(loop)
        provider.close()
        began = time.monotonic()
        assert provider.poll() == 0
        assert time.monotonic() - began < PATIENCE_SECONDS / 2
        provider.wakeup()

    def test_wakeup_ends_a_wait_from_another_thread(self, build: Build) -> None:
        """A wake-up ends the wait of another thread, or its next one, and no further one."""
        loop = PollingLoop(build(Behaviour.STALL))
        provider = polling(loop)
        self.start(loop, Behaviour.STALL)
        loop.run_for(0.1)
        provider.wakeup()
        began = time.monotonic()
        provider.poll(_LONG_MS)
        other = threading.Timer(0.1, provider.wakeup)
        other.start()
        provider.poll(_LONG_MS)
        other.join()
        assert time.monotonic() - began < PATIENCE_SECONDS
        loop.turns = 0
        loop.run_for(0.2)
        assert loop.turns <= 5
