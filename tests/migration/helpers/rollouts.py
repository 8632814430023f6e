"""Rollouts for tests: a source that is set by hand, units of each arm, and a guard that trips soon."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from shim.migration import Guard, Policy, Rollout, SourceHealth, Stage, bucket_v1
from tests.migration.helpers.completions import answered, failed

RAMP = Policy(stage=Stage.RAMP, percent=5)
HALF = Policy(stage=Stage.RAMP, percent=50)


class SetPolicy:
    """A source whose policy a test sets."""

    def __init__(self, policy: Policy) -> None:
        self.value = policy
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.health = SourceHealth(source="the test", by="the test", since=1.0)

    def policy(self) -> Policy:
        """What was set."""
        return self.value

    def tell(self, event: str, details: Mapping[str, Any]) -> None:
        """Remember an event."""
        self.told.append((event, dict(details)))

    def close(self) -> None:
        """Nothing to close."""


def units(low: float, high: float, *, flag: str = "openai") -> Iterator[str]:
    """Units whose bucket is from `low` to below `high` percent."""
    for number in itertools.count():
        unit = f"unit-{number}"
        if low * 100 <= bucket_v1(unit, flag=flag) < high * 100:
            yield unit


def unit_in(low: float, high: float) -> str:
    """One of them."""
    return next(units(low, high))


def quick_guard(**settings: Any) -> Guard:
    """A guard that acts, after few conversations."""
    return Guard(**{"mode": "enforce", "minimum_units": 4, **settings})


def break_arm(rollout: Rollout, arm: str, *, most: int = 400) -> int:
    """Let every request of one arm fail, each a conversation of its own, until the guard says to roll back; how many it took."""
    for number in range(most):
        decision = rollout.decide(f"broken-{number}")
        rollout.note(decision, failed() if decision.arm == arm else answered())
        if rollout.status().answer == "roll_back":
            return number
    return most
