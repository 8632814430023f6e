"""Stand-ins for what compares live, for the tests of `shim.comparison.live.live_comparison` and its parts.

Not the real one: `shim.comparison.Comparer`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from shim.comparison.live.live_comparison import LiveComparison
from shim.comparison.verdict import Outcome, Verdict
from shim.model import ModelRequest
from shim.recording.exchange import Exchange


class Compares:
    """Gives the outcomes it was made with for every exchange, or does what it is told; remembers what it was asked.

    Called itself it is what makes it: `LiveComparison(Compares())`.
    """

    def __init__(self, *outcomes: Outcome, act: Callable[[Exchange], object] | None = None) -> None:
        self.outcomes = outcomes or (Outcome.MATCH,)
        self.act = act
        self.asked: list[tuple[Exchange, ModelRequest | None]] = []
        self.made = 0
        self.closed = 0
        self.threads: set[int] = set()

    def __call__(self) -> Compares:
        self.made += 1
        self.threads.add(threading.get_ident())
        return self

    def compare(self, exchange: Exchange, *, request: ModelRequest | None = None) -> Sequence[Verdict]:
        """Give a verdict for each outcome."""
        self.threads.add(threading.get_ident())
        if self.act is not None:
            self.act(exchange)
        self.asked.append((exchange, request))
        return [verdict(outcome, exchange.pair_id) for outcome in self.outcomes]

    def close(self) -> None:
        """Be closed."""
        self.closed += 1
        self.threads.add(threading.get_ident())


class Held:
    """An act that waits until it is let go, so that a queue fills behind it."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.let_go = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        self.began.set()
        assert self.let_go.wait(10)


def verdict(outcome: Outcome = Outcome.MATCH, pair_id: str = "p1", **fields: Any) -> Verdict:
    """A verdict with words."""
    return Verdict(
        rung="wire", outcome=outcome, pair_id=pair_id, message=f"what it says of {pair_id}", reason="r", **fields
    )


def raising(error: BaseException) -> Callable[..., Any]:
    """A callback that raises."""

    def act(*_arguments: object) -> None:
        raise error

    return act


def check_sum(live: LiveComparison) -> None:
    """Nothing handed in is unaccounted for."""
    counts = live.counts
    told = counts.waiting + counts.compared + counts.skipped + counts.dropped + counts.errors
    assert counts.submitted == told, counts


def eventually(condition: Callable[[], bool], *, seconds: float = 10) -> None:
    """Wait for a condition, and fail where it does not come."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    assert condition()
