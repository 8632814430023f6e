"""The provider contract in moments nobody plans: forks, callbacks that raise as it closes, perform in perform.

Not the ordinary course of a request (`shim.testing.contract`, whose class inherits these).
"""
# ruff: noqa: S101 - a pytest class asserts

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from shim.model import ErrorCategory, InvalidRequestError
from shim.provider import ForkedProviderError, Provider
from shim.testing.contract_parts import Behaviour, Build, CallbackRecorder, ContractBase, Loop, check_completion

_DRIVING: tuple[Callable[[Provider], object], ...] = (
    lambda provider: provider.fileno(),
    lambda provider: provider.fdset(),
    lambda provider: provider.timeout(),
    lambda provider: provider.perform(),
    lambda provider: provider.info_read(),
    lambda provider: provider.cancel(),
)


class OwnershipContract(ContractBase):
    """Parts of invariants 1, 5, 6, 7 and 10, as tests."""

    def test_1_options_that_are_none_are_refused_at_once(self, build: Build) -> None:
        """What is given as options and is no `CallOptions` raises `InvalidRequestError`: it is not ignored."""
        loop = Loop(build(Behaviour.ANSWER))
        recorder, wrong = CallbackRecorder(loop), _anything({"api_key": "sk-contract"})
        request = self.request(Behaviour.ANSWER)
        with pytest.raises(InvalidRequestError, match="options"):
            loop.provider.start_request(request, recorder.on_completion, options=wrong)
        with pytest.raises(InvalidRequestError, match="options"):
            loop.provider.start_stream(request, recorder.on_event, recorder.on_completion, options=wrong)
        assert (loop.provider.perform(), loop.provider.info_read()) == (0, 0)

    def test_5_close_calls_all_though_one_raises(self, build: Build) -> None:
        """Where a callback raises as the provider is closed the others are called all the same, and the exception leaves."""
        loop = Loop(build(Behaviour.STALL))
        recorders = [CallbackRecorder(loop) for _ in range(3)]
        recorders[1].hook("completion", _raise)
        for each in recorders:
            self.start(loop, Behaviour.STALL, recorder=each)
        with pytest.raises(_CallersError):
            loop.provider.close()
        assert {each.failure for each in recorders} == {ErrorCategory.CANCELLED}
        loop.provider.close()

    def test_6_perform_is_refused_inside_a_callback(self, build: Build) -> None:
        """`perform()` called by an `on_event` raises RuntimeError, and the stream goes on."""
        loop = Loop(build(Behaviour.TEXT_STREAM))
        recorder, refused = CallbackRecorder(loop), list[str]()

        def perform() -> None:
            with pytest.raises(RuntimeError) as error:
                loop.provider.perform()
            refused.append(str(error.value))

        recorder.hook("event", perform)
        self.stream(loop, Behaviour.TEXT_STREAM, recorder=recorder)
        loop.until(lambda: recorder.done)
        check_completion(recorder, Behaviour.TEXT_STREAM)
        assert len(refused) == len(recorder.events)

    def test_7_what_a_callback_raises_after_it_cancelled_leaves_perform(self, build: Build) -> None:
        """An `on_event` that has cancelled its own stream and raises is not silenced: no completion can carry it."""
        loop = Loop(build(Behaviour.TEXT_STREAM))
        recorder = CallbackRecorder(loop)

        def cancel_and_raise() -> None:
            loop.provider.cancel(recorder.handle)
            _raise()

        recorder.hook("event", cancel_and_raise)
        self.stream(loop, Behaviour.TEXT_STREAM, recorder=recorder)
        with pytest.raises(_CallersError):
            loop.until(lambda: recorder.done)
        loop.until(lambda: recorder.done)
        assert (len(recorder.events), recorder.failure) == (1, ErrorCategory.CANCELLED)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
    def test_10_a_forked_child_is_told_and_closes_quietly(self, build: Build) -> None:
        """In a forked child all but `close()` raises `ForkedProviderError`; that calls nothing, and requests here go on."""
        loop = Loop(build(Behaviour.SLOW_STREAM))
        recorder = self.stream(loop, Behaviour.SLOW_STREAM)

        def in_child() -> None:
            provider, request = loop.provider, self.request(Behaviour.SLOW_STREAM)
            starts: tuple[Callable[[Provider], object], ...] = (
                lambda provider: provider.start_request(request, recorder.on_completion),
                lambda provider: provider.start_stream(request, recorder.on_event, recorder.on_completion),
            )
            for act in (*starts, *_DRIVING):
                with pytest.raises(ForkedProviderError):
                    act(provider)
            provider.close()
            assert not recorder.calls

        assert _status_of_child(in_child) == 0, "the forked child failed; see what it wrote to standard error"
        loop.until(lambda: recorder.done)
        check_completion(recorder, Behaviour.SLOW_STREAM)


class _CallersError(Exception):
    """What a callback of these tests raises."""


def _raise() -> None:
    raise _CallersError


def _anything(value: Any) -> Any:
    """A value whose kind no type checker knows."""
    return value


def _status_of_child(act: Callable[[], object]) -> int:
    """Do it in a forked child, which ends without cleaning up; 0 where nothing was raised."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # of forking beside threads, from Python 3.12: this child starts none
        child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        act()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the child tells it and ends
        os.write(2, f"{type(error).__name__}: {error}\n".encode(errors="replace"))
        os._exit(1)
    os._exit(0)
