"""Tests of the rule that weighs a failure, of the budget, and of what a policy refuses."""

from __future__ import annotations

import math
import os
import threading
from typing import Any

import pytest

from shim.layers import RetryBudget, RetryPolicy
from shim.layers.retry_policy import wait_before_retry, worth_retrying
from shim.model import ErrorCategory, InvalidRequestError, ProviderError
from shim.provider import Completion, RequestHandle, Timing


def failed(category: str, *, headers: dict[str, str] | None = None, status: int | None = None) -> Completion:
    """A completion with an error."""
    error = ProviderError(category, "failed", http_status=status)
    timing = Timing(started=0.0, finished=1.0)
    return Completion(RequestHandle("p", 1), None, error, headers=headers or {}, timing=timing)


@pytest.mark.parametrize("category", list(ErrorCategory))
def test_the_category_says_whether_it_is_worth_it(category: ErrorCategory) -> None:
    """Limits, servers, time, network and cuts are worth another try; what the caller or the account must mend is not."""
    worth = {"rate_limit", "server", "timeout", "network", "truncated"}
    assert worth_retrying(failed(category)) is (category.value in worth)


@pytest.mark.parametrize("status", [408, 409])
def test_two_statuses_are_worth_it_whatever_their_category(status: int) -> None:
    """408 and 409 are tried again."""
    assert worth_retrying(failed("invalid_request", status=status))


def test_the_server_has_the_last_word() -> None:
    """`x-should-retry` is obeyed in both directions, but never tries again what its caller has ended."""
    assert worth_retrying(failed("invalid_request", headers={"x-should-retry": "true"}))
    assert not worth_retrying(failed("server", headers={"x-should-retry": "False"}))
    assert worth_retrying(failed("server", headers={"x-should-retry": "perhaps"}))
    assert worth_retrying(failed("invalid_request", headers={"x-should-retry": "true, true"}))
    assert not worth_retrying(failed("server", headers={"x-should-retry": "true, false"}))
    assert not worth_retrying(failed("cancelled", headers={"x-should-retry": "true"}))
    assert not worth_retrying(failed("aborted", headers={"x-should-retry": "true"}))


def test_what_the_server_asks_is_waited_up_to_the_policys_most() -> None:
    """A wait that is asked for is taken as it is; one longer than `max_wait` ends the trying."""
    policy = RetryPolicy(max_wait=120)

    def wait(asked: int) -> float | None:
        error = ProviderError("server", "failed", retry_after_ms=asked)
        return wait_before_retry(error, policy, attempt=1, random=lambda: 0.9)

    assert (wait(1), wait(1500), wait(120_000), wait(120_001)) == (0.001, 1.5, 120.0, None)


def test_without_a_word_the_wait_is_random_under_a_growing_ceiling() -> None:
    """Full jitter: anything from 0 to a ceiling that doubles up to `max_backoff`, however many attempts there were."""
    policy, error = RetryPolicy(), ProviderError("server", "failed")
    ceilings = [wait_before_retry(error, policy, attempt=n, random=lambda: 1.0) for n in (1, 2, 3, 4, 5, 6, 10**9)]
    assert ceilings == [0.5, 1, 2, 4, 8, 8, 8]
    assert wait_before_retry(error, policy, attempt=3, random=lambda: 0.0) == 0


def test_a_budget_ends_retries_at_half_and_successes_refill_it() -> None:
    """As gRPC's retryThrottling: a failure takes a token, a success gives a part back, half of them is too few."""
    budget = RetryBudget(max_tokens=10, token_ratio=0.5)
    allowed = []
    for note in (*[budget.failed] * 5, budget.succeeded):
        note()
        allowed.append((budget.tokens, budget.allows_retry))
    assert allowed == [(9, True), (8, True), (7, True), (6, True), (5, False), (5.5, True)]
    for _ in range(100):
        budget.succeeded()
    assert budget.tokens == 10
    for _ in range(100):
        budget.failed()
    assert budget.tokens == 0


def test_a_budget_is_shared_by_threads() -> None:
    """Ten threads lose no token between them."""
    budget = RetryBudget(max_tokens=100_000)

    def fail() -> None:
        for _ in range(2000):
            budget.failed()

    threads = [threading.Thread(target=fail) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget.tokens == 80_000


def test_a_signal_handler_may_count_while_its_thread_does() -> None:
    """What strikes in the midst of counting, as a signal handler that asks does, waits for nobody."""
    budget = RetryBudget()

    def count() -> None:
        with budget._lock:
            budget.failed()

    thread = threading.Thread(target=count, daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_does_not_wait_for_its_parents_lock() -> None:
    """A budget whose lock another thread held when the process forked still counts in the child."""
    budget = RetryBudget(max_tokens=10)
    with budget._lock:
        child = os.fork()
        if child == 0:
            budget.failed()
            os._exit(0 if budget.tokens == 9 else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"attempts": 0}, r"retries\.attempts is 0; give how often"),
        ({"attempts": True}, r"retries\.attempts is a boolean|retries\.attempts is of type bool"),
        ({"attempts": 2.0}, r"retries\.attempts is "),
        ({"budget": 10}, r"retries\.budget is .*; give a RetryBudget"),
        ({"max_wait": 0}, r"retries\.max_wait is 0; give a number above 0"),
        ({"max_wait": math.nan}, r"retries\.max_wait is "),
        ({"max_wait": 10**400}, r"retries\.max_wait is of type int"),
        ({"first_backoff": "1"}, r"retries\.first_backoff is "),
    ],
)
def test_a_policy_that_cannot_be_used_is_refused(fields: dict[str, Any], told: str) -> None:
    """A wrong value is an error that names its field and the remedy."""
    with pytest.raises(InvalidRequestError, match=told) as caught:
        RetryPolicy(**fields)
    assert caught.value.field == f"retries.{next(iter(fields))}"


def test_a_budget_that_cannot_be_used_is_refused() -> None:
    """A budget without tokens, or with a ratio of none, is an error that names it."""
    with pytest.raises(InvalidRequestError, match=r"retries\.max_tokens"):
        RetryBudget(max_tokens=0)
    with pytest.raises(InvalidRequestError, match=r"retries\.token_ratio"):
        RetryBudget(token_ratio=-1)
