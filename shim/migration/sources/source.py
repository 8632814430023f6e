"""PolicySource: what every source of a policy does, its health, and the simplest one, a constant.

Not a source that changes: those are the other modules here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct
from msgspec.structs import replace

from shim.migration.policy import Policy, PolicyError

__all__ = ["ConstantPolicy", "LastGood", "PolicySource", "SourceHealth"]

LOGGER = logging.getLogger("shim.migration")


class SourceHealth(Struct, frozen=True, kw_only=True):
    """How a source is.

    Attributes:
        source: what and where it is, for people.
        fault: why the last look failed, so that the last good policy is kept; None where it did not.
        read_at: seconds since the epoch of the last good look; None where there was none yet.
        failed_at: since when it fails, seconds since the epoch; None where it does not.
        since, by: since when its policy is what it is, seconds since the epoch, and who set it, as far as is known.
    """

    source: str
    fault: str | None = None
    read_at: float | None = None
    failed_at: float | None = None
    since: float | None = None
    by: str = ""


@runtime_checkable
class PolicySource(Protocol):
    """Where a policy comes from. Use it from any thread, and in a forked child."""

    def policy(self) -> Policy:
        """The policy that holds now: never blocks, never raises, keeps the last good one."""
        ...

    @property
    def health(self) -> SourceHealth:
        """How the last look went."""
        ...

    def tell(self, event: str, details: Mapping[str, Any]) -> None:
        """Take note of what happened to the rollout ("roll_back", say): never blocks, never raises."""
        ...

    def close(self) -> None:
        """End its thread, where it has one; `policy()` still gives the last good one."""
        ...


class LastGood:
    """The last good policy of a source, and the fault since, told once in the log.

    Args:
        source: what and where, for people.
        policy: what holds until a good one was read.
    """

    def __init__(self, source: str, policy: Policy) -> None:
        self.policy = policy
        self.health = SourceHealth(source=source)

    def read(self, policy: Policy, *, since: float | None = None, by: str | None = None) -> None:
        """Take a policy that was read without fault, since when it holds, and who set it, where that is known."""
        before, now = self.health, time.time()
        if before.fault is not None:
            LOGGER.warning("%s can be read again: %s", before.source, policy.step)
        if since is None:
            since = before.since if before.since is not None and policy == self.policy else now
        # Before the policy: other threads look at both, and who sees the new one is told who set it, and since when.
        self.health = SourceHealth(source=before.source, read_at=now, since=since, by=by or before.source)
        self.policy = (
            policy if policy != self.policy else self.policy
        )  # the same object, so that a change is seen at once

    def failed(self, error: Exception) -> None:
        """Note a fault; the policy stays."""
        fault, before = describe(error), self.health
        if before.fault is None:
            LOGGER.warning("%s cannot be read, its last policy holds (%s): %s", before.source, self.policy.step, fault)
        self.health = replace(before, fault=fault, failed_at=before.failed_at or time.time())


class ConstantPolicy:
    """A policy that does not change.

    Raises:
        PolicyError: `policy` is no Policy.
    """

    def __init__(self, policy: Policy) -> None:
        if not isinstance(policy, Policy):
            raise PolicyError(
                f"policy is of type {type(policy).__name__}; give a Policy, or Policy.parse(...)", field="policy"
            )
        self._policy = policy
        now = time.time()
        self.health = SourceHealth(source="constant", read_at=now, since=now, by="constant")

    def policy(self) -> Policy:
        """The policy given."""
        return self._policy

    def tell(self, event: str, details: Mapping[str, Any]) -> None:
        """Nothing to tell a constant."""

    def close(self) -> None:
        """Nothing to close."""


def describe(error: Exception) -> str:
    """One line for a person; an error without words is named by its kind."""
    text = " ".join(str(error).split())
    return text[:300] if isinstance(error, PolicyError) and text else f"{type(error).__name__}: {text}"[:300]
