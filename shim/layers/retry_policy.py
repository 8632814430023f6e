"""When a request is tried again, and how long before: policy, budget, and the rule that weighs a failure.

Not the trying (`retries`), and not the reading of what a server asks (`shim.wire.retry_after`).
Sources: gRPC's A6, "Throttling Retry Attempts and Hedged RPCs" (the budget); openai-python (`x-should-retry`, and a wait asked
for that is longer than two minutes is not sat out); AWS Architecture Blog, "Exponential Backoff And Jitter" (full jitter).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from msgspec import UNSET, Struct, UnsetType

from shim.model import ErrorCategory, InvalidRequestError, ProviderError
from shim.model.checks import is_positive, kind_of
from shim.provider import Completion

__all__ = ["RetryBudget", "RetryPolicy", "wait_before_retry", "worth_retrying"]

_SHOWN = 1e15  # what is written as a number in a message; a longer one is a mistake of another kind
# Its caller has ended it.
_NEVER = frozenset({ErrorCategory.CANCELLED, ErrorCategory.ABORTED})


class RetryBudget:
    """Tokens that failures use up, so that a broken upstream is not hammered: retryThrottling, as gRPC has it.

    It begins full. A failure that is worth another try takes one token, a success gives `token_ratio` back; while no more than
    half of them are left, nothing is tried again. May be shared by any providers and threads. A process that forks has its own.

    Args:
        max_tokens: the most there are. With 100, fifty failures more than successes pay for end the retries.
        token_ratio: what a success gives back: with 0.1, one retry for ten successes in the long run.

    Raises:
        InvalidRequestError: one is no number above 0.
    """

    def __init__(self, *, max_tokens: float = 100.0, token_ratio: float = 0.1) -> None:
        _check_positive("max_tokens", max_tokens)
        _check_positive("token_ratio", token_ratio)
        self._most = float(max_tokens)
        self._ratio = float(token_ratio)
        self._tokens = self._most
        self._lock = threading.RLock()  # re-entrant: a signal handler that asks may strike while its own thread is here
        self._process = os.getpid()

    @property
    def tokens(self) -> float:
        """How many are left."""
        return self._tokens

    @property
    def allows_retry(self) -> bool:
        """Whether more than half are left."""
        return self._tokens > self._most / 2

    def succeeded(self) -> None:
        """Note an attempt that was answered."""
        self._add(self._ratio)

    def failed(self) -> None:
        """Note an attempt that failed and was worth another."""
        self._add(-1.0)

    def __repr__(self) -> str:
        return f"<RetryBudget {self._tokens:g} of {self._most:g}>"

    def _add(self, tokens: float) -> None:
        if self._process != os.getpid():  # another thread of the parent's may have held the lock at the fork
            self._lock, self._process = threading.RLock(), os.getpid()
        with self._lock:
            self._tokens = min(self._most, max(0.0, self._tokens + tokens))


class RetryPolicy(Struct, frozen=True, kw_only=True):
    """How often a request is tried, and how long is waited between.

    Attributes:
        attempts: in all, the first among them; 1 tries once.
        budget: what ends the retries of all requests together; left out, it is the provider's own, None sets none.
        max_wait: seconds; a server that asks for a longer wait is not asked again.
        first_backoff: seconds; where the server asks for no wait, the first one is random, at most this long, and each further
            one at most twice as long as the one before.
        max_backoff: seconds; the most a random wait grows to.

    Raises:
        InvalidRequestError: one cannot be used; the message names it.
    """

    attempts: int = 3
    budget: RetryBudget | UnsetType | None = UNSET
    max_wait: float = 120.0
    first_backoff: float = 0.5
    max_backoff: float = 8.0

    def __post_init__(self) -> None:
        if not isinstance(self.attempts, int) or isinstance(self.attempts, bool) or self.attempts < 1:
            shown = self.attempts if type(self.attempts) is int else kind_of(self.attempts)
            raise _wrong("attempts", f"is {shown}; give how often to try in all, 1 or more")
        if not (self.budget is None or self.budget is UNSET or isinstance(self.budget, RetryBudget)):
            raise _wrong("budget", f"is {kind_of(self.budget)}; give a RetryBudget, or None for none")
        for name in ("max_wait", "first_backoff", "max_backoff"):
            _check_positive(name, getattr(self, name))


def worth_retrying(completion: Completion) -> bool:
    """Whether an attempt failed in a way that another may not: as the server says, else by its category."""
    error = completion.error
    if error is None or error.category in _NEVER:
        return False
    said = {each.strip().lower() for each in completion.headers.get("x-should-retry", "").split(",")}
    if "false" in said:  # whichever of those that passed it on says so
        return False
    return "true" in said or error.retryable


def wait_before_retry(
    error: ProviderError, policy: RetryPolicy, *, attempt: int, random: Callable[[], float]
) -> float | None:
    """Seconds to wait after the failed `attempt` (from 1); None where the server asks for longer than is waited.

    What the server asks for is taken as it is: `retry-after-ms`, `retry-after`, the reset of the limit that is used up.
    """
    if error.retry_after_ms is not None:
        asked = error.retry_after_ms / 1000
        return asked if asked <= policy.max_wait else None
    # Not by a power: of a large one there would be no float.
    longest = policy.first_backoff
    for _ in range(min(attempt - 1, 64)):
        longest = min(longest * 2, policy.max_backoff)
    return random() * min(longest, policy.max_backoff)


def _check_positive(name: str, value: object) -> None:
    if not is_positive(value):
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _SHOWN
        raise _wrong(name, f"is {value if number else kind_of(value)}; give a number above 0")


def _wrong(name: str, told: str) -> InvalidRequestError:
    return InvalidRequestError(f"retries.{name} {told}", field=f"retries.{name}")
