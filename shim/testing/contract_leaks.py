"""The provider contract's invariants 8 and 9: a loop sleeps when it can, and nothing stays behind.

Not the others (`shim.testing.contract`, whose class inherits these).
"""
# ruff: noqa: S101 - a pytest class asserts

from __future__ import annotations

import gc
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shim.model import ModelRequest, StreamEvent
from shim.provider import Completion
from shim.testing.contract_parts import Behaviour, Build, CallbackRecorder, ContractBase, Loop

LEAK_ROUNDS = 10


class TrackedRequest(ModelRequest, frozen=True, kw_only=True, weakref=True):
    """A request whose end of life can be seen."""


class LeakContract(ContractBase):
    """Invariants 8 and 9, as tests."""

    leak_count = 10_000
    leak_blocks = 0.5

    def test_8_a_loop_neither_stalls_nor_spins(self, build: Build) -> None:
        """A slow stream takes about one turn an event, and an idle provider none."""
        loop = Loop(build(Behaviour.SLOW_STREAM))
        recorder = self.stream(loop, Behaviour.SLOW_STREAM)
        loop.until(lambda: recorder.done)
        assert loop.turns <= 3 * len(recorder.events) + 30
        loop.settle()
        assert loop.provider.timeout() == -1
        loop.turns = 0
        loop.run_for(0.2)
        assert loop.turns <= 2

    def test_8_waiting_for_an_answer_takes_no_turns(self, build: Build) -> None:
        """While a request waits for its answer the loop sleeps."""
        loop = Loop(build(Behaviour.STALL))
        self.stream(loop, Behaviour.STALL)
        loop.run_for(0.2)
        loop.turns = 0
        loop.run_for(0.2)
        assert loop.turns <= 5

    def test_8_cancelling_between_turns_wakes_the_loop(self, build: Build) -> None:
        """Cancelling outside a callback makes the descriptor readable."""
        loop = Loop(build(Behaviour.STALL))
        recorder = self.start(loop, Behaviour.STALL)
        loop.run_for(0.1)
        loop.provider.cancel(recorder.handle)
        assert loop.is_readable()
        assert loop.provider.fdset() == ([loop.provider.fileno()], [], [])

    @pytest.mark.parametrize("behaviour", [Behaviour.TEXT_STREAM, Behaviour.HTTP_ERROR])
    def test_9_nothing_is_kept_alive_after_its_completion(self, build: Build, behaviour: Behaviour) -> None:
        """What belongs to a completed request dies without a garbage collection, once a thread that looks on lets go."""
        loop = Loop(build(behaviour))
        warm = self.stream(loop, behaviour)
        loop.until(lambda: warm.done)
        gc.collect()
        gc.disable()
        try:
            left = self._watched_stream(loop, behaviour)
            loop.settle()
            _eventually(lambda: [reference() for reference in left] == [None] * len(left))
        finally:
            gc.enable()

    def test_9_threads_and_descriptors_are_given_back(self, build: Build) -> None:
        """After `close()` no thread and no descriptor is left, however its requests ended."""
        build(Behaviour.TEXT_STREAM)  # what is made once, such as a server, is made now
        before = _held()
        for behaviour in (Behaviour.TEXT_STREAM, Behaviour.STALL, Behaviour.HTTP_ERROR):
            loop = Loop(self.make(behaviour))
            recorders = [self.stream(loop, behaviour) for _ in range(5)]
            if behaviour is not Behaviour.STALL:
                loop.until(lambda recorders=recorders: all(each.done for each in recorders))  # type: ignore[misc]  # bound now
            loop.provider.close()
        _eventually(lambda: all(now <= then for now, then in zip(_held(), before, strict=True)))

    def test_9_memory_stays_flat(self, build: Build) -> None:
        """Thousands of requests leave no memory behind."""
        if sys.gettrace() is not None:
            pytest.skip("a tracer is at work, such as coverage, and it allocates memory of its own")
        loop = Loop(build(Behaviour.TEXT_STREAM))
        growth: list[float] = []
        for _ in range(LEAK_ROUNDS):
            growth.append(self._growth(loop, self.leak_count // LEAK_ROUNDS))
            # What is made once or cached grows in some rounds; a leak grows in all of them.
            if sum(each < self.leak_blocks for each in growth) == 2:
                return
        pytest.fail(
            f"every round of {self.leak_count // LEAK_ROUNDS} requests left memory behind: {growth} blocks a request"
        )

    def _growth(self, loop: Loop, count: int) -> float:
        """The memory blocks that `count` streams leave behind, per stream."""
        request = self.request(Behaviour.TEXT_STREAM)
        done: set[int] = set()
        gc.collect()
        before = sys.getallocatedblocks()
        for number in range(count):
            # Callbacks of its own for each, so that one kept is one seen.
            loop.provider.start_stream(request, _Ignore(), _Tick(done, number))
            if number % 10 == 9:
                loop.until(lambda number=number: number in done)  # type: ignore[misc]  # bound now
        loop.until(lambda: len(done) == count)
        done.clear()
        gc.collect()
        return (sys.getallocatedblocks() - before) / count

    def _watched_stream(self, loop: Loop, behaviour: Behaviour) -> list[weakref.ref[Any]]:
        request = TrackedRequest(**msgspec.structs.asdict(self.request(behaviour)))
        recorder = CallbackRecorder(loop)
        recorder.handle = loop.provider.start_stream(request, recorder.on_event, recorder.on_completion)
        loop.until(lambda: recorder.done)
        return [weakref.ref(each) for each in (request, recorder, recorder.handle)]


class _Ignore:
    def __call__(self, event: StreamEvent) -> None:
        """An `on_event` for those who want only the completion."""


class _Tick:
    """Ticks off its number when its request has ended well."""

    def __init__(self, done: set[int], number: int) -> None:
        self._done = done
        self._number = number

    def __call__(self, completion: Completion) -> None:
        assert completion.ok
        self._done.add(self._number)


def _held() -> tuple[int, int]:
    """Threads, and descriptors where the system lists them."""
    listing = Path("/proc/self/fd")
    return threading.active_count(), len(list(listing.iterdir())) if listing.exists() else 0


def _eventually(condition: Callable[[], bool], *, seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()
