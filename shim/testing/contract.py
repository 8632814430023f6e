"""The provider contract: a pytest class that checks every invariant of `shim.provider` on a provider of yours.

Not a test of what a provider says on the wire, nor of one API. Subclass it, make a provider for each `Behaviour`, and pytest does
the rest; the numbers in the tests' names are the invariants'::

    class TestMyProvider(ProviderContract):
        def make(self, behaviour: Behaviour) -> Provider:
            return MyProvider(base_url=server_that_behaves(behaviour))

For assertions that show their values, call `pytest.register_assert_rewrite("shim.testing.contract")` before importing it.
"""
# ruff: noqa: S101 - a pytest class asserts

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable

import pytest

from shim.model import ErrorCategory, InvalidRequestError, ModelRequest, TextDelta
from shim.provider import Provider, ProviderClosedError
from shim.testing.contract_leaks import LeakContract
from shim.testing.contract_ownership import OwnershipContract
from shim.testing.contract_parts import (
    PATIENCE_SECONDS,
    REQUESTS,
    STREAMS,
    Behaviour,
    Build,
    CallbackRecorder,
    Loop,
    check_completion,
    check_events,
)
from shim.testing.contract_polling import PollingContract

__all__ = ["Behaviour", "ProviderContract"]

_METHODS = (
    *("start_request", "start_stream", "fileno", "fdset", "timeout"),
    *("perform", "info_read", "cancel", "close"),
)


class ProviderContract(LeakContract, OwnershipContract, PollingContract):
    """Every invariant of `shim.provider`, and of one that polls, as tests. Override `make`, and what else differs.

    Attributes:
        leak_count: how many requests the memory test makes at most, in ten rounds; two rounds that leave nothing end it.
            Lower it for a provider that takes more than a few seconds for them.
        leak_blocks: how many of the interpreter's memory blocks a request may leave behind, on average.
    """

    def test_it_has_every_method_as_the_interface_writes_it(self, build: Build) -> None:
        """Every method takes the parameters the interface names, and `name` is a string."""
        provider = build(Behaviour.ANSWER)
        assert isinstance(provider, Provider)
        assert isinstance(provider.name, str)
        for name in _METHODS:
            assert _parameters(type(provider), name) == _parameters(Provider, name)

    def test_1_a_start_neither_blocks_nor_calls_back(self, build: Build) -> None:
        """Starting returns at once, and calls nothing back however long the loop is not run."""
        loop = Loop(build(Behaviour.ANSWER))
        began = time.monotonic()
        recorders = [self.start(loop, Behaviour.ANSWER) for _ in range(10)]
        assert time.monotonic() - began < PATIENCE_SECONDS / 2
        loop.wait(0.5)
        assert not any(recorder.calls for recorder in recorders)

    def test_1_a_request_that_cannot_be_sent_is_refused_at_once(self, build: Build) -> None:
        """A request without messages raises `InvalidRequestError`, and nothing of it remains."""
        loop = Loop(build(Behaviour.ANSWER))
        recorder = CallbackRecorder(loop)
        request = ModelRequest("contract", ())
        with pytest.raises(InvalidRequestError, match="messages"):
            loop.provider.start_request(request, recorder.on_completion)
        with pytest.raises(InvalidRequestError, match="messages"):
            loop.provider.start_stream(request, recorder.on_event, recorder.on_completion)
        assert loop.provider.perform() == 0
        assert loop.provider.info_read() == 0
        assert not recorder.calls

    def test_2_callbacks_come_from_their_own_method_on_its_thread(self, build: Build) -> None:
        """Events come from inside `perform()` and completions from inside `info_read()`, on the thread that calls them."""
        loop = Loop(build(Behaviour.TEXT_STREAM))
        recorder = self.stream(loop, Behaviour.TEXT_STREAM)
        loop.until(lambda: recorder.done)
        here = threading.get_ident()
        assert set(recorder.calls) == {("event", "perform", here), ("completion", "info_read", here)}

    @pytest.mark.parametrize("behaviour", REQUESTS)
    def test_3_a_request_has_one_completion(self, build: Build, behaviour: Behaviour) -> None:
        """A request that is not streamed ends once, with what became of it."""
        loop = Loop(build(behaviour))
        recorder = self.start(loop, behaviour)
        loop.until(lambda: recorder.done)
        loop.settle()
        check_completion(recorder, behaviour)
        assert not recorder.events

    @pytest.mark.parametrize("behaviour", STREAMS)
    def test_4_a_stream_has_its_events_in_order_and_one_completion(self, build: Build, behaviour: Behaviour) -> None:
        """A stream has one start first, one done or error last, its deltas between, and then one completion."""
        loop = Loop(build(behaviour))
        recorder = self.stream(loop, behaviour)
        loop.until(lambda: recorder.done)
        loop.settle()
        check_completion(recorder, behaviour)
        check_events(recorder, behaviour)
        assert [kind for kind, _, _ in recorder.calls][-1] == "completion"

    def test_3_many_requests_at_once_each_have_one_completion(self, build: Build) -> None:
        """Fifty streams at once end once each, whatever order they end in."""
        loop = Loop(build(Behaviour.TEXT_STREAM))
        recorders = [self.stream(loop, Behaviour.TEXT_STREAM) for _ in range(50)]
        loop.until(lambda: all(recorder.done for recorder in recorders))
        for recorder in recorders:
            check_completion(recorder, Behaviour.TEXT_STREAM)
            check_events(recorder, Behaviour.TEXT_STREAM)

    def test_3_a_cancelled_request_has_a_completion_too(self, build: Build) -> None:
        """Cancelling one request ends that one as cancelled and leaves the others; cancelling all ends the rest."""
        loop = Loop(build(Behaviour.STALL))
        first, second, third = (self.start(loop, Behaviour.STALL) for _ in range(3))
        loop.run_for(0.05)
        loop.provider.cancel(first.handle)
        loop.until(lambda: first.done)
        assert not second.done
        loop.provider.cancel()
        loop.until(lambda: second.done and third.done)
        assert {each.failure for each in (first, second, third)} == {ErrorCategory.CANCELLED}

    def test_3_cancelling_what_has_completed_changes_nothing(self, build: Build) -> None:
        """A request already completed is left alone by `cancel`."""
        loop = Loop(build(Behaviour.ANSWER))
        recorder = self.start(loop, Behaviour.ANSWER)
        loop.until(lambda: recorder.done)
        loop.provider.cancel(recorder.handle)
        loop.settle()
        check_completion(recorder, Behaviour.ANSWER)

    def test_4_a_cancelled_stream_has_no_further_event(self, build: Build) -> None:
        """A stream cancelled between turns gets no further event, and its error holds what had arrived."""
        loop = Loop(build(Behaviour.SLOW_STREAM))
        recorder = self.stream(loop, Behaviour.SLOW_STREAM)
        loop.until(lambda: any(isinstance(event, TextDelta) for event in recorder.events))
        loop.provider.cancel(recorder.handle)
        seen = list(recorder.events)
        loop.until(lambda: recorder.done)
        assert recorder.events == seen
        error = recorder.completion.error
        assert error is not None
        assert error.category is ErrorCategory.CANCELLED
        assert error.partial is not None
        assert error.partial.text == recorder.text

    def test_5_close_delivers_what_is_open_and_then_nothing(self, build: Build) -> None:
        """Closing ends every open request as cancelled before it returns, and may be called again."""
        loop = Loop(build(Behaviour.STALL))
        recorders = [self.start(loop, Behaviour.STALL), self.stream(loop, Behaviour.STALL)]
        loop.run_for(0.05)
        loop.provider.close()
        loop.provider.close()
        for recorder in recorders:
            assert recorder.failure is ErrorCategory.CANCELLED
            assert not recorder.events

    def test_5_close_delivers_what_had_already_ended(self, build: Build) -> None:
        """A completion that waits for `info_read()` when the provider is closed is delivered once, as it is."""
        loop = Loop(build(Behaviour.ANSWER))
        recorder = self.start(loop, Behaviour.ANSWER)
        while loop.provider.perform():
            loop.wait(1)
        loop.provider.close()
        check_completion(recorder, Behaviour.ANSWER)

    def test_5_a_closed_provider_starts_nothing_and_drives_quietly(self, build: Build) -> None:
        """After `close()` starting and the descriptor raise `ProviderClosedError`; driving and cancelling do nothing."""
        loop = Loop(build(Behaviour.ANSWER))
        provider, recorder, request = loop.provider, CallbackRecorder(loop), self.request(Behaviour.ANSWER)
        provider.close()
        with pytest.raises(ProviderClosedError):
            provider.start_request(request, recorder.on_completion)
        with pytest.raises(ProviderClosedError):
            provider.start_stream(request, recorder.on_event, recorder.on_completion)
        with pytest.raises(ProviderClosedError):
            provider.fileno()
        with pytest.raises(ProviderClosedError):
            provider.fdset()
        provider.cancel()
        assert (provider.perform(), provider.info_read(), provider.timeout()) == (0, 0, -1)
        assert not recorder.calls

    @pytest.mark.parametrize("moment", ["event", "completion"])
    def test_6_a_callback_may_start_a_request(self, build: Build, moment: str) -> None:
        """A request started inside a callback runs like any other."""
        loop = Loop(build(Behaviour.TEXT_STREAM))
        started: list[CallbackRecorder] = []
        recorder = CallbackRecorder(loop)

        def start_once() -> None:
            if not started:
                started.append(self.stream(loop, Behaviour.TEXT_STREAM))

        recorder.hook(moment, start_once)
        self.stream(loop, Behaviour.TEXT_STREAM, recorder=recorder)
        loop.until(lambda: recorder.done and started[0].done)
        check_completion(recorder, Behaviour.TEXT_STREAM)
        check_completion(started[0], Behaviour.TEXT_STREAM)

    def test_6_a_callback_may_cancel_its_own_stream(self, build: Build) -> None:
        """A stream cancelled inside `on_event` gets no further event and ends as cancelled."""
        loop = Loop(build(Behaviour.TEXT_STREAM))
        recorder = CallbackRecorder(loop)
        recorder.hook("event", lambda: loop.provider.cancel(recorder.handle))
        self.stream(loop, Behaviour.TEXT_STREAM, recorder=recorder)
        loop.until(lambda: recorder.done)
        assert len(recorder.events) == 1
        assert recorder.failure is ErrorCategory.CANCELLED

    def test_6_a_callback_may_cancel_another_stream(self, build: Build) -> None:
        """A stream cancelled from another's callback ends as cancelled, and the other goes on."""
        loop = Loop(build(Behaviour.SLOW_STREAM))
        victim = self.stream(loop, Behaviour.SLOW_STREAM)
        recorder = CallbackRecorder(loop)
        recorder.hook("event", lambda: loop.provider.cancel(victim.handle))
        self.stream(loop, Behaviour.SLOW_STREAM, recorder=recorder)
        loop.until(lambda: recorder.done and victim.done)
        check_completion(recorder, Behaviour.SLOW_STREAM)
        assert victim.failure is ErrorCategory.CANCELLED

    @pytest.mark.parametrize("moment", ["event", "completion"])
    def test_6_a_callback_may_close_the_provider(self, build: Build, moment: str) -> None:
        """Closing inside a callback ends every other request there and then; nothing is called after it."""
        loop = Loop(build(Behaviour.TEXT_STREAM))
        recorder = CallbackRecorder(loop)
        recorder.hook(moment, loop.provider.close)
        others = [self.stream(loop, Behaviour.TEXT_STREAM) for _ in range(2)]
        self.stream(loop, Behaviour.TEXT_STREAM, recorder=recorder)
        loop.until(lambda: loop.closed)
        calls = [list(each.calls) for each in (recorder, *others)]
        assert all(each.done for each in (recorder, *others))
        assert all([kind for kind, _, _ in each].count("completion") == 1 for each in calls)

    def test_7_on_event_raising_aborts_that_stream_alone(self, build: Build) -> None:
        """A stream whose `on_event` raises ends as aborted with the exception as cause; its neighbour ends well."""
        loop = Loop(build(Behaviour.TEXT_STREAM))
        neighbour = self.stream(loop, Behaviour.TEXT_STREAM)
        recorder = CallbackRecorder(loop)
        mistake = ZeroDivisionError("the caller's own")
        recorder.hook("event", _raiser(mistake))
        self.stream(loop, Behaviour.TEXT_STREAM, recorder=recorder)
        loop.until(lambda: recorder.done and neighbour.done)
        check_completion(neighbour, Behaviour.TEXT_STREAM)
        assert len(recorder.events) == 1
        error = recorder.completion.error
        assert error is not None
        assert error.category is ErrorCategory.ABORTED
        assert error.__cause__ is mistake

    def test_7_on_completion_raising_leaves_the_others_queued(self, build: Build) -> None:
        """What `on_completion` raises comes out of `info_read()`, and the other completions come with the next call."""
        loop = Loop(build(Behaviour.STALL))
        recorder = CallbackRecorder(loop)
        recorder.hook("completion", _raiser(ZeroDivisionError("the caller's own")))
        self.start(loop, Behaviour.STALL, recorder=recorder)
        others = [self.start(loop, Behaviour.STALL) for _ in range(3)]
        loop.provider.cancel()
        with pytest.raises(ZeroDivisionError):
            loop.until(lambda: all(each.done for each in others))
        loop.until(lambda: all(each.done for each in others))
        assert len(recorder.completions) == 1


def _raiser(error: Exception) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def _parameters(owner: type, name: str) -> list[tuple[str, object]]:
    return [(each.name, each.default) for each in inspect.signature(getattr(owner, name)).parameters.values()]
