"""What shadow calls may spend: calls and tokens, per minute and per day, and how many at a time.

Not the making of calls (`shadow_thread`) nor the counting of what was refused. Windows roll: at no time are more than a day's
calls within the last 24 hours. Each process keeps its own account, and a restart begins a new one: share a budget out over the
processes.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Literal, TypeAlias

from msgspec import Struct

Refusal: TypeAlias = Literal["calls_per_minute", "calls_per_day", "tokens_per_minute", "tokens_per_day"]

_MINUTE, _DAY = 60.0, 86_400.0

# A window is kept in so many slots, so that its memory is bounded: it forgets a minute a second late, a day two minutes.
_SLOTS: Final = 720


class ShadowBudget(Struct, frozen=True, kw_only=True):
    """How much the shadow calls of one process may spend. The defaults are what nobody misses.

    Attributes:
        calls_per_minute, calls_per_day: calls, those of a baseline included.
        tokens_per_minute, tokens_per_day: tokens of question and answer, as the server counts them; what is under way counts
            by an estimate.
        concurrency: shadowed requests at a time; further ones wait in the queue.

    Raises:
        ValueError: one is no whole number above 0; the message names it.
    """

    calls_per_minute: int = 10
    calls_per_day: int = 1_000
    tokens_per_minute: int = 50_000
    tokens_per_day: int = 1_000_000
    concurrency: int = 2

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value: object = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} of the budget is {value!r}; give a whole number above 0")


class Spending:
    """What one process has spent of a budget. Not locked: its owner is."""

    def __init__(self, budget: ShadowBudget) -> None:
        self._limits: tuple[tuple[Refusal, int], ...] = (
            ("calls_per_minute", budget.calls_per_minute),
            ("calls_per_day", budget.calls_per_day),
            ("tokens_per_minute", budget.tokens_per_minute),
            ("tokens_per_day", budget.tokens_per_day),
        )
        self._calls = (_Window(_MINUTE), _Window(_DAY))
        self._tokens = (_Window(_MINUTE), _Window(_DAY))
        self._reserved = 0

    def reserve(self, calls: int, tokens: int, *, now: float) -> Refusal | None:
        """Take calls and an estimate of their tokens, or say what limit they would pass; `now` in monotonic seconds."""
        spent = [each.total(now) + calls for each in self._calls]
        spent += [each.total(now) + self._reserved + tokens for each in self._tokens]
        for (name, limit), would_be in zip(self._limits, spent, strict=True):
            if would_be > limit:
                return name
        for each in self._calls:
            each.add(calls, now)
        self._reserved += tokens
        return None

    def settle(self, reserved: int, used: int, *, now: float) -> None:
        """Put what a call used in the place of its estimate."""
        self._reserved -= reserved
        for each in self._tokens:
            each.add(used, now)

    def tokens(self, now: float) -> int:
        """Tokens of the last day, with the estimates of what is under way."""
        return self._tokens[1].total(now) + self._reserved


class _Window:
    """A sum over the last so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._slot = seconds / _SLOTS
        self._sums: deque[tuple[int, int]] = deque()  # number of the slot, sum
        self._total = 0

    def add(self, amount: int, now: float) -> None:
        self._total += amount
        number = int(now / self._slot)
        if self._sums and self._sums[-1][0] == number:
            amount += self._sums.pop()[1]
        self._sums.append((number, amount))

    def total(self, now: float) -> int:
        oldest = int((now - self._seconds) / self._slot)
        while self._sums and self._sums[0][0] < oldest:
            self._total -= self._sums.popleft()[1]
        return self._total
