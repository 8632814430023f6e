"""Tests of the retry layer over scripts, on a clock moved by hand: what is tried again, when, and what is told of it."""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any

import pytest

from shim.layers import DeadlineLayer, RetryBudget, RetryLayer, RetryPolicy
from shim.model import ErrorCategory, InvalidRequestError, ModelRequest, ProviderError, TextDelta, user
from shim.provider import CallOptions, Deadlines, Provider
from shim.testing.scripted import (
    Emit,
    Fail,
    Play,
    ScriptedProvider,
    Wait,
    answer,
    failure,
    hang,
    text_stream,
)
from tests.helpers.driving import HELLO, Heard
from tests.layers.hand_clock import HandClock

DOWN = failure(ErrorCategory.SERVER, "down", http_status=503)


class Layered:
    """A retry layer over a script, with a clock and no luck: every random wait is the longest."""

    def __init__(
        self, *plays: Play, below: Callable[[Provider, HandClock], Provider] | None = None, **settings: Any
    ) -> None:
        self.clock = HandClock()
        self.script = ScriptedProvider(plays, clock=self.clock)
        provider: Provider = below(self.script, self.clock) if below else self.script
        total = settings.pop("total", None)
        policy = RetryPolicy(**settings)
        self.layer = RetryLayer(provider, policy, total=total, clock=self.clock, random=lambda: 1.0)

    def start(
        self, *, stream: bool, act: Any = None, options: CallOptions | None = None, request: ModelRequest = HELLO
    ) -> Heard:
        """Start a request."""
        heard = Heard(act)
        if stream:
            heard.handle = self.layer.start_stream(request, heard.on_event, heard.on_completion, options=options)
        else:
            heard.handle = self.layer.start_request(request, heard.on_completion, options=options)
        self.clock.turn(self.layer)
        return heard

    def to_its_end(self, heard: Heard) -> float:
        """Sleep and turn until a call has ended; return the seconds that took."""
        return self.clock.sleep_until(lambda: heard.done, provider=self.layer)


both_kinds = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@both_kinds
def test_a_failure_is_tried_again_and_the_caller_sees_the_answer(*, stream: bool) -> None:
    """Two failures and an answer are one completion with the answer, after the waits, and three attempts to see."""
    layered = Layered(DOWN, DOWN, text_stream("Hi"))
    heard = layered.start(stream=stream)
    assert layered.to_its_end(heard) == 1.5
    assert heard.response.text == "Hi"
    assert heard.completion.handle is heard.handle
    told = [(each.number, each.http_status, each.waited, each.error is None) for each in heard.completion.attempts]
    assert told == [(1, 503, 0.0, False), (2, 503, 0.5, False), (3, 200, 1.0, True)]
    assert heard.kinds == (["StreamStart", "TextDelta", "StreamDone"] if stream else [])
    timing = heard.completion.timing
    assert timing.finished - timing.started == 1.5


@both_kinds
def test_the_last_failure_is_told_once_all_attempts_are_used_up(*, stream: bool) -> None:
    """After the last attempt its failure is the completion's, for a stream with one `StreamError`."""
    layered = Layered(DOWN, DOWN, failure("rate_limit", "slow down", http_status=429))
    heard = layered.start(stream=stream)
    layered.to_its_end(heard)
    assert heard.error.category is ErrorCategory.RATE_LIMIT
    assert heard.completion.http_status == 429
    assert len(heard.completion.attempts) == 3
    assert heard.completion.attempts[-1].error is heard.error
    assert heard.kinds == (["StreamError"] if stream else [])
    assert layered.layer.timeout() == -1


@both_kinds
def test_what_no_try_can_mend_is_told_at_once(*, stream: bool) -> None:
    """A request the server refuses is tried once, and says so."""
    layered = Layered(failure("invalid_request", "no such parameter", http_status=400))
    heard = layered.start(stream=stream)
    assert layered.to_its_end(heard) == 0
    assert len(heard.completion.attempts) == 1


def test_a_stream_that_has_spoken_is_not_tried_again() -> None:
    """Once its caller has seen an event, a stream's failure is its caller's, with what had come."""
    layered = Layered(Play((Emit(TextDelta("Hel")), Wait(10), Fail(ProviderError("network", "cut")))))
    heard = layered.start(stream=True)
    layered.to_its_end(heard)
    assert heard.kinds == ["StreamStart", "TextDelta", "StreamError"]
    assert heard.error.partial is not None
    assert len(heard.completion.attempts) == 1


def test_cancelling_at_a_failure_tells_the_others_nothing() -> None:
    """A callback that cancels another stream which failed in the same turn gets no event of that one any more."""
    layered = Layered(DOWN, DOWN, attempts=1)
    due = Heard()
    heard = Heard(lambda _event: layered.layer.cancel(due.handle))
    for each in (heard, due):
        each.handle = layered.layer.start_stream(HELLO, each.on_event, each.on_completion)
    layered.to_its_end(due)
    assert (heard.kinds, due.events) == (["StreamError"], [])
    assert due.error.message == "down"


def test_a_wait_the_server_names_is_kept() -> None:
    """The time between two attempts is what the server asked for."""
    layered = Layered(failure("rate_limit", "slow down", retry_after_ms=7000), answer("Hi"))
    assert layered.to_its_end(layered.start(stream=False)) == 7


def test_a_wait_that_is_too_long_is_not_sat_out() -> None:
    """A server that asks for more than `max_wait` has its failure told at once."""
    layered = Layered(failure("rate_limit", "come back tomorrow", retry_after_ms=86_400_000))
    heard = layered.start(stream=True)
    assert layered.to_its_end(heard) == 0
    assert heard.error.retry_after_ms == 86_400_000


@both_kinds
def test_a_call_that_waits_can_be_cancelled(*, stream: bool) -> None:
    """Cancelling between two attempts wakes the loop and ends the call as cancelled, without an event."""
    layered = Layered(DOWN, answer("never"))
    heard = layered.start(stream=stream)
    assert not heard.done
    assert not select.select([layered.layer], [], [], 0)[0]
    layered.layer.cancel(heard.handle)
    assert select.select([layered.layer], [], [], 1)[0]
    assert layered.layer.timeout() == 0
    layered.clock.turn(layered.layer)
    assert heard.error.category is ErrorCategory.CANCELLED
    assert not heard.events
    assert [each.number for each in heard.completion.attempts] == [1]
    assert not select.select([layered.layer], [], [], 0)[0]
    assert layered.layer.perform() == 0


def test_cancelling_all_ends_what_waits_too() -> None:
    """One that runs and one that waits both end as cancelled."""
    layered = Layered(DOWN, hang())
    waiting, running = layered.start(stream=True), layered.start(stream=True)
    layered.layer.cancel()
    layered.clock.turn(layered.layer)
    assert waiting.error.category is running.error.category is ErrorCategory.CANCELLED


def test_closing_ends_the_wait() -> None:
    """A call that waits for its next attempt is cancelled by `close()`, before that returns, and never sent again."""
    layered = Layered(DOWN, answer("never"))
    heard = layered.start(stream=True)
    layered.layer.close()
    assert heard.error.category is ErrorCategory.CANCELLED
    assert not heard.events
    assert len(layered.script.requests) == 1


def test_what_waits_counts_as_running() -> None:
    """`perform()` counts a call between two attempts, and the loop sleeps until its moment."""
    layered = Layered(DOWN, answer("Hi"))
    heard = layered.start(stream=False)
    assert layered.layer.perform() == 1
    assert layered.layer.timeout() == 500
    layered.to_its_end(heard)


def test_one_key_for_all_attempts() -> None:
    """Every attempt carries the same `Idempotency-Key`, another request another one, and a given one is kept."""
    layered = Layered(DOWN, answer("Hi"), answer("Hi"), DOWN, answer("Hi"))
    layered.to_its_end(layered.start(stream=False))
    layered.to_its_end(layered.start(stream=False))
    layered.to_its_end(layered.start(stream=False, options=CallOptions(idempotency_key="mine")))
    keys = [options.idempotency_key for options in layered.script.options if options is not None]
    assert keys[0] == keys[1] != keys[2]
    assert keys[3] == keys[4] == "mine"
    assert all(keys)


def test_a_key_among_the_headers_is_the_given_one() -> None:
    """A request that brings the header itself gets no second one; neither does one that is tried once."""
    layered = Layered(answer("Hi"), answer("Hi"))
    request = ModelRequest("m", (user("Hello"),), extra_headers={"idempotency-key": "mine"})
    layered.start(stream=False, request=request)
    layered.start(stream=False, options=CallOptions(retries=RetryPolicy(attempts=1)))
    assert [options and options.idempotency_key for options in layered.script.options] == [None, None]


def test_a_calls_own_policy_takes_the_place_of_the_providers() -> None:
    """`attempts=1` tries a call once, a larger number more often than the provider would; below there is no policy."""
    layered = Layered(*[DOWN] * 6)
    once = layered.start(stream=False, options=CallOptions(retries=RetryPolicy(attempts=1)))
    layered.to_its_end(once)
    often = layered.start(stream=False, options=CallOptions(retries=RetryPolicy(attempts=5)))
    layered.to_its_end(often)
    assert (len(once.completion.attempts), len(often.completion.attempts)) == (1, 5)
    assert all(options is None or options.retries is None for options in layered.script.options)


def test_a_policy_that_is_none_is_refused() -> None:
    """What is no `RetryPolicy` is an error that says what to give, as a setting and in a call's options."""
    layered = Layered(answer("Hi"))
    with pytest.raises(InvalidRequestError, match=r"options\.retries is .*; give RetryPolicy"):
        layered.start(stream=False, options=CallOptions(retries=3))
    with pytest.raises(InvalidRequestError, match=r"retries is .*; give RetryPolicy"):
        RetryLayer(layered.script, 3)  # type: ignore[arg-type]  # a wrong kind
    assert not layered.script.requests


def test_a_budget_that_is_spent_ends_the_retries() -> None:
    """With half of its tokens gone nothing is tried again, a call's own policy or not, until successes have paid for it."""
    budget = RetryBudget(max_tokens=4, token_ratio=1)
    layered = Layered(DOWN, DOWN, DOWN, answer("Hi"), answer("Hi"), answer("Hi"), DOWN, answer("Hi"), budget=budget)
    first = layered.start(stream=False)
    layered.to_its_end(first)
    assert len(first.completion.attempts) == 2
    own = layered.start(stream=False, options=CallOptions(retries=RetryPolicy(attempts=5)))
    assert len(own.completion.attempts) == 1
    for _ in range(3):
        layered.start(stream=False)
    mended = layered.start(stream=False)
    layered.to_its_end(mended)
    assert len(mended.completion.attempts) == 2


def test_total_holds_for_all_attempts_together() -> None:
    """The time for the whole call is that for all attempts and waits; a wait that would pass it is not begun."""

    def limited(provider: Provider, clock: HandClock) -> Provider:
        return DeadlineLayer(provider, Deadlines(total=3), clock=clock)

    layered = Layered(DOWN, hang(), hang(), below=limited, total=3)
    heard = layered.start(stream=True)
    assert layered.to_its_end(heard) == 3
    assert heard.error.category is ErrorCategory.TIMEOUT
    assert len(heard.completion.attempts) == 2
    assert heard.kinds == ["StreamError"]

    layered = Layered(failure("server", "down", retry_after_ms=4000), below=limited, total=3)
    assert layered.to_its_end(layered.start(stream=False)) == 0


def test_a_timeout_of_an_attempt_is_tried_again() -> None:
    """A stream without a first word in time is tried again, and the next one's is the answer."""

    def limited(provider: Provider, clock: HandClock) -> Provider:
        return DeadlineLayer(provider, Deadlines(first_event=2), clock=clock)

    layered = Layered(hang(), text_stream("Hi"), below=limited)
    heard = layered.start(stream=True)
    assert layered.to_its_end(heard) == 2.5
    assert heard.response.text == "Hi"
    assert "first_event" in str(heard.completion.attempts[0].error)


def test_an_attempt_that_cannot_be_started_leaves_the_last_failure() -> None:
    """Where the next attempt is refused before it is sent, the failure before it is told, with the refusal as its cause."""
    layered = Layered(DOWN)
    heard = layered.start(stream=True)
    layered.to_its_end(heard)
    assert heard.error.category is ErrorCategory.SERVER
    assert "no play left" in str(heard.error.__cause__) or "all are taken" in str(heard.error.__cause__)
    assert heard.kinds == ["StreamError"]


def test_a_callback_that_cancels_at_the_start_gets_no_content() -> None:
    """A stream cancelled at its `StreamStart` gets no further event, although its content had come already."""
    layered = Layered(text_stream("Hi"))
    heard = Heard(lambda _event: layered.layer.cancel(heard.handle))
    heard.handle = layered.layer.start_stream(HELLO, heard.on_event, heard.on_completion)
    layered.clock.turn(layered.layer)
    assert heard.kinds == ["StreamStart"]
    assert heard.error.category is ErrorCategory.CANCELLED
