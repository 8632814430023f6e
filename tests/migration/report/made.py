"""Rollouts made for the report's tests: one that really served and was looked at, and one full of hostile text."""

from __future__ import annotations

import time
from pathlib import Path

from shim.migration import Rollout, SqliteStore, StorePolicy
from shim.migration.operations.operator import Operator
from shim.migration.operations.place import GuardOptions, RolloutPlace
from shim.migration.operations.samples import add_sample
from tests.migration.helpers.completions import answered, failed
from tests.migration.helpers.rollouts import quick_guard
from tests.migration.helpers.waiting import wait_until

MADE_AT = 1_790_000_000.0
EVIL = "<img src=x onerror=window.hurt=1>\"'&{{7*7}}</script></style>\u202e"
PLAN = """
[[step]]
stage = "ramp"
percent = 50
minimum_conversations = 10

[[step]]
stage = "complete"
approval = true
"""


def served(folder: Path) -> RolloutPlace:
    """A rollout at 50 % that served 120 conversations with a few errors, and three looks at it."""
    place = RolloutPlace(
        store=str(folder / "rollout.db"),
        plan=str(folder / "plan.toml"),
        samples=str(folder / "samples.jsonl"),
        guard=GuardOptions(minimum_units=4),
    )
    (folder / "plan.toml").write_text(PLAN)
    with SqliteStore(folder / "rollout.db", time_limit=5.0) as store:
        store.write_policy("openai", {"stage": "ramp", "percent": 50}, expected=0, by="ann")
        with (
            Rollout(StorePolicy(store), store=store, guard=quick_guard()) as rollout,
            Operator(place, by="ann") as operator,
        ):
            for number in range(120):
                decision = rollout.decide(f"conversation-{number}")
                rollout.note(decision, failed() if number % 30 == 7 else answered())
                rollout.note_verdict(decision, rung="tee", outcome="mismatch" if number == 3 else "match")
                if number % 40 == 39:
                    wait_until(lambda seen=number + 1: _seen(operator) == seen)  # type: ignore[misc]  # bound now
                    add_sample(str(place.samples), operator.status())
    return place


def hostile(folder: Path) -> RolloutPlace:
    """A rollout whose every name and reason is markup."""
    policy, history = folder / "policy.toml", folder / "history.jsonl"
    policy.write_text('stage = "wire"\n')
    place = RolloutPlace(flag=EVIL.replace("\u202e", ""), policy=str(policy), history=str(history))
    with Operator(place, by=EVIL) as operator:
        for _ in range(3):
            operator.set("tee", anyway=EVIL)
            operator.set("wire")
    return place


def _seen(operator: Operator) -> int:
    time.sleep(0.02)  # a look opens the store: not as often as can be
    return sum(counts.requests for counts in operator.status().arms.values())
