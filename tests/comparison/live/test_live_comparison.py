"""Tests of the live comparison: what is handed over is compared off the hot path, and never hurts who hands it over."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, ContextVar, copy_context
from typing import Any

import pytest

from shim.comparison.live.live_comparison import Counts, LiveComparison, size_of
from shim.comparison.verdict import Outcome, Verdict
from shim.model import ModelRequest, user
from tests.comparison.live_parts import Compares, Held, check_sum, eventually, raising
from tests.helpers.exchanges import exchange, streamed

TENANT: ContextVar[str] = ContextVar("tenant", default="nobody")


def test_an_exchange_is_compared_on_a_thread_of_its_own() -> None:
    """What compares is made, used and closed on one thread, which is not the caller's and is gone after `close()`."""
    compares = Compares(Outcome.MATCH, Outcome.MISMATCH, Outcome.IGNORED, Outcome.FAILED)
    before = threading.active_count()
    with LiveComparison(compares, max_share=1) as live:
        assert threading.active_count() == before  # none before the first exchange
        live(exchange())
        live(streamed())
        assert live.flush()
        assert live.counts == Counts(submitted=2, compared=2, match=2, mismatch=2, ignored=2, failed=2)
    assert len(compares.threads) == 1
    assert threading.get_ident() not in compares.threads
    assert (compares.made, compares.closed) == (1, 1)
    assert threading.active_count() == before


def test_the_request_of_the_application_goes_along() -> None:
    """A `ModelRequest` handed over with an exchange reaches what compares."""
    compares, request = Compares(), ModelRequest("gpt-4o", (user("Hi"),))
    with LiveComparison(compares) as live:
        live.submit(exchange(), request=request)
        live.submit(exchange())
    assert [asked for _, asked in compares.asked] == [request, None]


def test_verdicts_are_told_in_the_context_of_the_caller() -> None:
    """`on_verdict` runs in a copy of the caller's context, or of the one given, an empty one too, and changes neither."""
    seen: list[tuple[str, str]] = []

    def note(verdict: Verdict) -> None:
        seen.append((verdict.pair_id, TENANT.get()))
        TENANT.set("somebody else")

    with LiveComparison(Compares(), on_verdict=note) as live:
        TENANT.set("anna")
        other = copy_context()
        other.run(TENANT.set, "otto")
        live.submit(exchange(pair_id="a"))
        live.submit(exchange(pair_id="b"), context=other)
        live.submit(exchange(pair_id="c"), context=other)
        live.submit(exchange(pair_id="d"), context=Context())
    assert seen == [("a", "anna"), ("b", "otto"), ("c", "otto"), ("d", "nobody")]
    assert (TENANT.get(), other[TENANT]) == ("anna", "otto")


def test_a_context_that_is_entered_elsewhere_is_no_obstacle() -> None:
    """A request's context may be in use on its own thread while its verdict is told."""
    seen: list[Verdict] = []
    context = copy_context()

    def inside() -> None:
        with LiveComparison(Compares(), on_verdict=seen.append) as live:
            live.submit(exchange(), context=context)

    context.run(inside)
    assert len(seen) == 1


def test_what_does_not_fit_by_count_is_dropped_and_counted() -> None:
    """A full queue drops what comes, at once, and compares what it had taken."""
    held = Held()
    with LiveComparison(Compares(act=held), max_queue=3, max_share=1) as live:
        live(exchange())
        assert held.began.wait(10)
        began = time.monotonic()
        for _ in range(10):
            live(exchange())
        assert time.monotonic() - began < 5
        assert live.counts == Counts(submitted=11, waiting=4, dropped=7)
        held.let_go.set()
    assert live.counts == Counts(submitted=11, compared=4, match=4, dropped=7)


def test_what_does_not_fit_by_bytes_is_dropped_and_counted() -> None:
    """The queue holds so many bytes and no more, and has room again when they are compared."""
    held = Held()
    with LiveComparison(Compares(act=held), max_bytes=2 * size_of(exchange()), max_share=1) as live:
        live(exchange())
        assert held.began.wait(10)
        for _ in range(5):
            live(exchange())
        assert live.counts.dropped == 3
        held.let_go.set()
        assert live.flush()
        live(exchange())
        assert live.flush()
        assert live.counts.compared == 4
        check_sum(live)


def test_a_large_exchange_is_skipped() -> None:
    """An exchange over the limit, or over its recorder's, is counted as skipped and never waits."""
    with LiveComparison(Compares(), max_exchange_bytes=10_000) as live:
        live(exchange(b"x" * 10_000))
        live(exchange(ended="overflow"))
        live(exchange())
    assert live.counts == Counts(submitted=3, compared=1, match=1, skipped=2)


def test_only_a_sample_is_compared() -> None:
    """Of a tenth about a tenth is compared and the others are counted as skipped, and of none none."""
    with LiveComparison(Compares(), sample=0.1, max_queue=2000, max_share=1) as live:
        for _ in range(2000):
            live(exchange())
    assert 100 < live.counts.compared < 320
    assert live.counts.skipped == 2000 - live.counts.compared
    with LiveComparison(Compares(), sample=0) as live:
        live(exchange())
    assert live.counts == Counts(submitted=1, skipped=1)


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_whatever_the_comparing_raises_is_counted(error: BaseException) -> None:
    """Whatever is raised in comparing, exits too, is counted and told, and the next exchange is compared by a new comparer."""
    told: list[BaseException] = []
    seen: list[str] = []

    def act(found: Any) -> None:
        seen.append(found.pair_id)
        if found.pair_id == "bad":
            raise error

    compares = Compares(act=act)
    with LiveComparison(compares, on_error=told.append, max_share=1) as live:
        live(exchange(pair_id="bad"))
        live(exchange(pair_id="good"))
    assert seen == ["bad", "good"]
    assert told == [error]
    assert live.counts == Counts(submitted=2, compared=1, match=1, errors=1)
    assert (compares.made, compares.closed) == (2, 2)


def test_a_comparer_that_cannot_be_made_is_counted() -> None:
    """What `make_comparer` raises is counted as the error of each exchange, and nobody else hears of it."""
    told: list[BaseException] = []
    with LiveComparison(raising(RuntimeError("no")), on_error=told.append, max_share=1) as live:
        live(exchange())
        live(exchange())
    assert live.counts == Counts(submitted=2, errors=2)
    assert len(told) == 2


@pytest.mark.parametrize("name", ["on_verdict", "record_to"])
@pytest.mark.parametrize("error", [ZeroDivisionError("x"), SystemExit(3)])
def test_a_callback_that_raises_changes_no_verdict(name: str, error: BaseException) -> None:
    """What a callback raises is counted apart, told to `on_error`, and the comparing goes on."""
    told: list[BaseException] = []
    settings: dict[str, Any] = {name: raising(error), "on_error": told.append}
    with LiveComparison(Compares(Outcome.MISMATCH), max_share=1, **settings) as live:
        live(exchange())
        live(exchange())
    assert live.counts == Counts(submitted=2, compared=2, mismatch=2, callback_errors=2)
    assert told == [error, error]


def test_even_on_error_may_raise() -> None:
    """An `on_error` that raises is counted, and the comparing goes on."""
    with LiveComparison(raising(ValueError()), on_error=raising(SystemExit()), max_share=1) as live:
        live(exchange())
        live(exchange())
    assert live.counts == Counts(submitted=2, errors=2, callback_errors=2)


def test_handing_over_never_raises() -> None:
    """Something that is no exchange is counted and told, and the caller goes on."""
    told: list[BaseException] = []
    with LiveComparison(Compares(), on_error=told.append) as live:
        live(None)  # type: ignore[arg-type]  # what it is about
    assert live.counts == Counts(callback_errors=1)
    assert len(told) == 1


def test_a_system_without_threads_costs_the_comparison_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no thread can be started the exchange is dropped and counted."""
    monkeypatch.setattr(threading.Thread, "start", raising(RuntimeError("can't start new thread")))
    with LiveComparison(Compares()) as live:
        live(exchange())
        assert live.counts == Counts(submitted=1, dropped=1)


def test_a_slow_comparison_is_an_overrun() -> None:
    """A comparison over its time is counted and its verdict still told."""
    seen: list[Verdict] = []
    compares = Compares(act=lambda _: time.sleep(0.03))
    with LiveComparison(compares, max_seconds=0.01, on_verdict=seen.append) as live:
        live(exchange())
    assert live.counts == Counts(submitted=1, compared=1, match=1, overruns=1)
    assert len(seen) == 1


def test_the_comparing_rests_after_its_share_of_the_time() -> None:
    """Beside steady traffic the thread is at work for its share of the time and a burst, and what comes faster is dropped."""
    busy = [0.0]

    def work(_found: object) -> None:
        began = time.monotonic()
        time.sleep(0.05)
        busy[0] += time.monotonic() - began

    live = LiveComparison(Compares(act=work), max_share=0.1, max_queue=5)
    began = time.monotonic()
    while time.monotonic() - began < 1.2:
        live(exchange())
        time.sleep(0.002)
    passed, worked = time.monotonic() - began, busy[0]
    counts = live.counts
    live.close()
    assert 0.1 <= worked < 0.1 + 0.1 * passed + 2 * 0.1  # the burst, the share, one slow comparison at either end
    assert counts.dropped > counts.compared


def test_closing_compares_what_waits_without_rests() -> None:
    """`close()` compares the queue at once, however long the thread would have rested."""
    live = LiveComparison(Compares(act=lambda _: time.sleep(0.05)), max_share=0.0001)
    for _ in range(15):  # more than the burst, and one rest is minutes
        live(exchange())
    assert live.close(timeout=10)
    assert live.counts == Counts(submitted=15, compared=15, match=15)


def test_closing_has_a_time_limit() -> None:
    """What `close()` has no time for is dropped and counted, what comes later too, and a thread still at work is told of."""
    held = Held()
    live = LiveComparison(Compares(act=held))
    for _ in range(3):
        live(exchange())
    assert held.began.wait(10)
    assert not live.close(timeout=0.01)
    live(exchange())
    assert live.counts == Counts(submitted=4, waiting=1, dropped=3)
    held.let_go.set()
    assert live.close()
    assert live.counts == Counts(submitted=4, compared=1, match=1, dropped=3)


def test_flushing_and_closing_may_take_for_ever() -> None:
    """A time limit of infinity is none: what waits is compared, and nothing is raised."""
    live = LiveComparison(Compares(), max_share=1)
    live(exchange())
    assert live.flush(timeout=float("inf"))
    live(exchange())
    assert live.close(timeout=float("inf"))
    assert live.counts == Counts(submitted=2, compared=2, match=2)


def test_it_may_be_closed_from_its_own_callback() -> None:
    """`close()` in `on_verdict` returns, and what waits is still compared."""
    live: LiveComparison

    def close(_verdict: Verdict) -> None:
        live.close()

    live = LiveComparison(Compares(), on_verdict=close, max_share=1)
    live(exchange())
    eventually(lambda: live.counts.compared == 1)
    assert live.close()
    check_sum(live)


def test_many_threads_hand_over_at_once() -> None:
    """Nothing is lost and nothing counted twice where eight threads hand over at the same time."""

    def hand_over() -> None:
        for _ in range(200):
            live(exchange())

    with LiveComparison(Compares(), max_queue=50, max_share=1) as live, ThreadPoolExecutor(8) as threads:
        for _ in range(8):
            threads.submit(hand_over)
        threads.shutdown()
        assert live.flush()
        check_sum(live)
        assert live.counts.submitted == 1600


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"sample": 1.5}, "sample is 1.5; give a share from 0 to 1"),
        ({"sample": float("nan")}, "sample is nan; give 0 or more"),
        ({"max_share": 0}, "max_share is 0"),
        ({"max_share": 2}, "max_share is 2; give a share from 0 to 1"),
        ({"max_queue": 0}, "max_queue is 0; give 1 or more"),
        ({"max_seconds": -1}, "max_seconds is -1; give 0 or more"),
        ({"record": "some"}, "record is 'some'; give one of mismatches, all"),
    ],
)
def test_settings_are_checked(settings: dict[str, Any], error: str) -> None:
    """A setting out of its range is refused by name when the comparison is made."""
    with pytest.raises(ValueError, match=error):
        LiveComparison(Compares(), **settings)


@pytest.mark.parametrize("settings", [{"make_comparer": None}, {"on_verdict": 1}, {"on_error": "x"}])
def test_callbacks_are_checked(settings: dict[str, Any]) -> None:
    """What cannot be called is refused by name when the comparison is made."""
    (name,) = settings
    with pytest.raises(TypeError, match=f"{name} is of type"):
        LiveComparison(**{"make_comparer": Compares(), **settings})


def test_handing_over_is_cheap() -> None:
    """Handing an exchange over costs less processor time than one serialization of its body, many times over."""
    import json

    found, body = exchange(), {"messages": [{"role": "user", "content": "word " * 400}] * 20}
    with LiveComparison(Compares(), max_queue=10, max_share=0.001) as live:
        for _ in range(100):
            live(found)
        began = time.thread_time()
        for _ in range(1000):
            live(found)
        handing_over = time.thread_time() - began
    began = time.thread_time()
    for _ in range(1000):
        json.dumps(body)
    assert handing_over < time.thread_time() - began
