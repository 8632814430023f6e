"""Tests of shim.testing.contract itself: a provider that breaks a promise fails the test of that promise."""

import os
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from shim.model import ModelRequest, StreamStart
from shim.provider import CallOptions, Completion, OnCompletion, OnEvent, RequestHandle
from shim.testing.contract import Behaviour, ProviderContract
from shim.testing.scripted import ScriptedProvider
from tests.contract.test_scripted import PLAYS


class CallsBackAtOnce(ScriptedProvider):
    """Delivers inside `start_request`."""

    def start_request(
        self, request: ModelRequest, on_completion: OnCompletion, *, options: CallOptions | None = None
    ) -> RequestHandle:
        handle = super().start_request(request, on_completion, options=options)
        while self.perform():
            time.sleep(0.001)
        self.info_read()
        return handle


class DeliversInPerform(ScriptedProvider):
    """Reads its completions out inside `perform()`."""

    def perform(self) -> int:
        super().perform()
        self.info_read()
        return len(self._running)


class CompletesTwice(ScriptedProvider):
    """Delivers each completion twice."""

    def start_request(
        self, request: ModelRequest, on_completion: OnCompletion, *, options: CallOptions | None = None
    ) -> RequestHandle:
        def twice(completion: Completion) -> None:
            on_completion(completion)
            on_completion(completion)

        return super().start_request(request, twice, options=options)


class StartsTwice(ScriptedProvider):
    """Emits each stream's start twice."""

    def start_stream(
        self,
        request: ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: CallOptions | None = None,
    ) -> RequestHandle:
        def twice(event: object) -> None:
            on_event(event)  # type: ignore[arg-type]  # passed on as it came
            if isinstance(event, StreamStart):
                on_event(event)

        return super().start_stream(request, twice, on_completion, options=options)


class ForgetsOnClose(ScriptedProvider):
    """Closes without a word to those who wait."""

    def close(self) -> None:
        self._running.clear()
        self._ended.clear()
        super().close()


class SwallowsExceptions(ScriptedProvider):
    """Keeps what callbacks raise to itself."""

    def info_read(self) -> int:
        try:
            return super().info_read()
        except ZeroDivisionError:
            return 1


class Spins(ScriptedProvider):
    """Asks for a turn when there is nothing to do."""

    def timeout(self) -> int:
        return -1 if self._closed else 0


class Sleeps(ScriptedProvider):
    """Does not make its descriptor readable for what happens between turns."""

    def cancel(self, handle: RequestHandle | None = None) -> None:
        super().cancel(handle)
        self._wakeup.hear()


class Hoards(ScriptedProvider):
    """Keeps every callback it was ever given."""

    def __init__(self, *arguments: object, **settings: object) -> None:
        super().__init__(*arguments, **settings)  # type: ignore[arg-type]  # passed on as they came
        self.hoard: list[OnCompletion] = []

    def start_stream(
        self,
        request: ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: CallOptions | None = None,
    ) -> RequestHandle:
        self.hoard.append(on_completion)
        return super().start_stream(request, on_event, on_completion, options=options)


class NeverWaits(ScriptedProvider):
    """Offers to poll, and comes back at once."""

    def poll(self, timeout_ms: int = -1) -> int:
        return self.perform()


class PollsAnotherWay(ScriptedProvider):
    """Offers to poll, in seconds."""

    def poll(self, seconds: float) -> int:  # type: ignore[override]  # the mistake it is here to show
        return self.perform()


class TakesMore(ScriptedProvider):
    """Has another signature than the interface."""

    def cancel(self, handle: RequestHandle | None = None, reason: str = "") -> None:
        super().cancel(handle)


class IgnoresOptions(ScriptedProvider):
    """Takes anything for options."""

    def start_request(
        self, request: ModelRequest, on_completion: OnCompletion, *, options: CallOptions | None = None
    ) -> RequestHandle:
        del options
        return super().start_request(request, on_completion)


class SilentAsItCloses(ScriptedProvider):
    """Keeps what callbacks raise to itself as it closes."""

    def close(self) -> None:
        with suppress(Exception):
            super().close()


class Reenters(ScriptedProvider):
    """Lets `perform()` be called from inside."""

    def perform(self) -> int:
        self._performing = False
        return super().perform()


class SilentOnceCancelled(ScriptedProvider):
    """Keeps to itself what a callback raises that has cancelled its stream."""

    def perform(self) -> int:
        with suppress(Exception):
            return super().perform()
        return len(self._running)


class ForgetsItsProcess(ScriptedProvider):
    """Works on in a forked child."""

    def _check_process(self) -> None:
        self._process = os.getpid()


BROKEN: list[tuple[type[ScriptedProvider], str, tuple[Behaviour, ...]]] = [
    (CallsBackAtOnce, "test_1_a_start_neither_blocks_nor_calls_back", ()),
    (DeliversInPerform, "test_2_callbacks_come_from_their_own_method_on_its_thread", ()),
    (CompletesTwice, "test_3_a_request_has_one_completion", (Behaviour.ANSWER,)),
    (StartsTwice, "test_4_a_stream_has_its_events_in_order_and_one_completion", (Behaviour.TEXT_STREAM,)),
    (ForgetsOnClose, "test_5_close_delivers_what_is_open_and_then_nothing", ()),
    (SwallowsExceptions, "test_7_on_completion_raising_leaves_the_others_queued", ()),
    (Spins, "test_8_a_loop_neither_stalls_nor_spins", ()),
    (Sleeps, "test_8_cancelling_between_turns_wakes_the_loop", ()),
    (Hoards, "test_9_nothing_is_kept_alive_after_its_completion", (Behaviour.TEXT_STREAM,)),
    (Hoards, "test_9_memory_stays_flat", ()),
    (NeverWaits, "test_poll_is_a_loop_that_neither_stalls_nor_spins", ()),
    (NeverWaits, "test_poll_waits_as_long_as_it_is_told", ()),
    (PollsAnotherWay, "test_poll_has_the_parameters_the_interface_writes", ()),
    (TakesMore, "test_it_has_every_method_as_the_interface_writes_it", ()),
    (IgnoresOptions, "test_1_options_that_are_none_are_refused_at_once", ()),
    (SilentAsItCloses, "test_5_close_calls_all_though_one_raises", ()),
    (Reenters, "test_6_perform_is_refused_inside_a_callback", ()),
    (SilentOnceCancelled, "test_7_what_a_callback_raises_after_it_cancelled_leaves_perform", ()),
    (ForgetsItsProcess, "test_10_a_forked_child_is_told_and_closes_quietly", ()),
]


@pytest.mark.slow
@pytest.mark.parametrize(("broken", "test", "behaviours"), BROKEN)
def test_a_broken_promise_is_found(
    broken: type[ScriptedProvider], test: str, behaviours: tuple[Behaviour, ...]
) -> None:
    """The contract's test of a promise fails for a provider that breaks it."""
    made: list[ScriptedProvider] = []

    class Contract(ProviderContract):
        leak_count = 500

        def make(self, behaviour: Behaviour) -> ScriptedProvider:
            made.append(broken(lambda request: PLAYS[behaviour], remember=0))
            return made[-1]

    contract = Contract()
    check: Callable[..., None] = getattr(contract, test)
    try:
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            check(contract.make, *behaviours)
    finally:
        for provider in made:
            provider.close()


def test_make_must_be_overridden() -> None:
    """A subclass that makes no provider is told what to do."""
    with pytest.raises(NotImplementedError, match="override make"):
        ProviderContract().make(Behaviour.ANSWER)
