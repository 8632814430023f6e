"""Tests of the shadow's limits: its budget is kept, its queue is bounded, and the first sign of a server's limit ends it."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from shim.comparison import ShadowBudget
from shim.model import Choice, ErrorCategory, FinishReason, ModelRequest, ModelResponse, TextPart, Usage, user
from shim.testing.scripted import Answer, Play, failure, hang
from tests.comparison.live_parts import eventually
from tests.comparison.shadow_rung.asking import hand_over, scripted, shadow_of
from tests.comparison.shadow_rung.parts import REQUEST, completed


def costing(tokens: int) -> Play:
    """An answer that costs so many tokens."""
    choice = Choice(0, (TextPart("Hello."),), finish_reason=FinishReason.STOP)
    return Play((Answer(ModelResponse(choices=(choice,), usage=Usage(tokens, 0))),))


def test_the_budget_is_kept() -> None:
    """What would pass a limit is not asked, and counted under its name; tokens are those the server counted."""
    make, made = scripted(costing(400))
    with shadow_of(make, budget=ShadowBudget(calls_per_minute=3)) as shadow:
        hand_over(shadow, 5)
        assert (shadow.counts.compared, shadow.counts.refused) == (3, {"calls_per_minute": 2})
        assert shadow.counts.tokens == 3 * 400
    with shadow_of(make, budget=ShadowBudget(tokens_per_day=3_000, calls_per_minute=50, concurrency=1)) as shadow:
        hand_over(shadow, 5)  # each is reserved for with some 2,000
        assert (shadow.counts.compared, shadow.counts.refused) == (3, {"tokens_per_day": 2})
    assert sum(len(each.requests) for each in made) == 6


def test_a_baseline_counts_against_the_budget() -> None:
    """A pair with a baseline takes two calls, together or not at all."""
    make, made = scripted()
    again, _ = scripted()
    with shadow_of(make, baseline=again, budget=ShadowBudget(calls_per_minute=5)) as shadow:
        hand_over(shadow, 3)
        assert (shadow.counts.calls, shadow.counts.compared, shadow.counts.refused) == (4, 2, {"calls_per_minute": 1})
        assert all(pair.baseline is not None and pair.baseline.answered for pair in shadow.pairs)
    assert len(made[0].requests) == 2


def test_few_run_at_a_time() -> None:
    """No more calls are under way than the budget allows; what waits too long is let go."""
    make, made = scripted(hang())
    with shadow_of(make, budget=ShadowBudget(concurrency=2), deadline=0.4, max_wait=0.2) as shadow:
        for _ in range(5):
            shadow.submit(REQUEST, streamed=False, control=completed())
        eventually(lambda: shadow.counts.running == 2)
        assert shadow.counts.waiting == 3
        assert shadow.flush(10)
        assert (shadow.counts.compared, shadow.counts.refused) == (2, {"waited": 3})
    assert len(made[0].requests) == 2


def test_a_full_queue_drops() -> None:
    """What does not fit by count or by size is dropped and counted."""
    make, _ = scripted(hang())
    with shadow_of(make, budget=ShadowBudget(concurrency=1), deadline=5, max_queue=3) as shadow:
        shadow.submit(REQUEST, streamed=False, control=completed())
        eventually(lambda: shadow.counts.running == 1)
        for _ in range(10):
            shadow.submit(REQUEST, streamed=False, control=completed())
        assert (shadow.counts.waiting, shadow.counts.dropped) == (3, 7)
        shadow.close(timeout=0)
    assert shadow.counts.dropped == 11
    with shadow_of(make, max_waiting_characters=10) as shadow:
        shadow.submit(ModelRequest("m", [user("x" * 20)]), streamed=False, control=completed())
        assert shadow.counts.dropped == 1


@pytest.mark.parametrize(
    "play",
    [
        failure(ErrorCategory.RATE_LIMIT, "slow down", http_status=429),
        failure(ErrorCategory.QUOTA, "no credit", http_status=429),
        failure(ErrorCategory.QUOTA, "no credit", http_status=402),
        failure(ErrorCategory.UNKNOWN, "?", http_status=429),
    ],
)
@pytest.mark.parametrize("arm", ["candidate", "baseline"])
def test_it_stops_at_the_first_limit(play: Play, arm: str, caplog: pytest.LogCaptureFixture) -> None:
    """The first 429 or quota error of either arm ends all calls, is said once, and nothing is tried again until it is resumed."""
    limited, made = scripted(play)
    other, _ = scripted()
    makers = (limited, None) if arm == "candidate" else (other, limited)
    with caplog.at_level(logging.INFO), shadow_of(makers[0], baseline=makers[1]) as shadow:
        hand_over(shadow)
        stopped = shadow.stopped
        assert stopped is not None
        assert stopped.reason.startswith(f"the {arm} met a limit")
        assert not shadow.wants(REQUEST)
        hand_over(shadow, 3)
        assert shadow.counts.refused == {"stopped": 3}
        assert len(made[0].requests) == 1
        with pytest.raises(ValueError, match="reason"):
            shadow.resume(" ")
        shadow.resume("the limit was raised")
        assert shadow.wants(REQUEST)
        hand_over(shadow)
        assert len(made[0].requests) == 2
    said = [record.getMessage() for record in caplog.records if record.name == "shim.comparison.shadow"]
    assert [line.split(":")[0] for line in said] == [
        "the shadow makes no more calls",
        "the shadow makes calls again",
        "the shadow makes no more calls",
    ]


def test_no_other_error_stops_it() -> None:
    """A candidate that fails in any other way is what the shadow is there to show, and is asked once for each request."""
    for category in set(ErrorCategory) - {ErrorCategory.RATE_LIMIT, ErrorCategory.QUOTA}:
        make, made = scripted(failure(category, "no", http_status=500))
        with shadow_of(make) as shadow:
            hand_over(shadow, 2)
            assert shadow.stopped is None
            assert [pair.candidate.category for pair in shadow.pairs] == [category.value] * 2
            assert len(made[0].requests) == 2


def test_many_threads_hand_over_at_once() -> None:
    """From eight threads at once nothing is lost, nothing is asked twice, and no limit is passed."""
    make, made = scripted()
    budget = ShadowBudget(calls_per_minute=300, tokens_per_minute=10**7, concurrency=4)
    with shadow_of(make, budget=budget, max_queue=50) as shadow:

        def hand_over_some(_number: int) -> None:
            for _ in range(100):
                if shadow.wants(REQUEST):
                    shadow.submit(REQUEST, streamed=False, control=completed())

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(hand_over_some, range(8)))
        assert shadow.flush(15), shadow.counts
        counts = shadow.counts
        assert counts.sampled == 800 == counts.compared + counts.dropped + sum(counts.refused.values())
        assert counts.compared == counts.calls == len(made[0].requests) <= 300
        assert len({pair.pair_id for pair in shadow.pairs}) == counts.compared
