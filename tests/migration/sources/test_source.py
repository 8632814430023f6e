"""Tests of what a source keeps of the last good policy."""

from __future__ import annotations

from typing import Any

from shim.migration import Policy, Rollout
from shim.migration.sources.source import LastGood
from tests.migration.helpers.rollouts import SetPolicy

RAMP = Policy.parse({"stage": "ramp", "percent": 5})


class Looked(LastGood):
    """Notes, at each moment at which another thread sees a policy for the first time, who is said to have set it."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "policy" and hasattr(self, "health"):
            self.__dict__.setdefault("seen", []).append((value, self.health.by, self.health.since))


def test_who_sees_a_policy_sees_who_set_it() -> None:
    """From the moment at which a policy can be seen, it is told by whom it was set, and when."""
    kept: Any = Looked("a source", Policy())
    kept.read(RAMP, since=5.0, by="ann")
    assert kept.seen == [(RAMP, "ann", 5.0)]


def test_a_policy_read_again_is_the_same_object_and_holds_since_the_first_time() -> None:
    """An equal policy changes neither the object nor since when it holds, where the source does not say."""
    kept = LastGood("a source", Policy())
    kept.read(RAMP)
    policy, since = kept.policy, kept.health.since
    kept.read(Policy.parse({"stage": "ramp", "percent": 5}))
    assert kept.policy is policy
    assert kept.health.since == since


def test_closing_ends_the_source() -> None:
    """A rollout that is closed closes its source, whose threads nobody else would end."""
    source, closed = SetPolicy(RAMP), list[bool]()
    source.close = lambda: closed.append(True)  # type: ignore[method-assign]  # noted
    with Rollout(source):
        assert not closed
    assert closed == [True]
