"""StorePolicy: a policy that a store keeps, as `shim rollout set` writes it, for many processes or hosts.

Not the store (`shim.migration.store`). It is read on a thread of its own; a store that is down leaves the last good policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shim.migration.policy import Policy, PolicyError, checked_seconds
from shim.migration.refresher import Refresher
from shim.migration.sources.source import LastGood, SourceHealth
from shim.migration.store import StoreError, StoreUnavailableError

if TYPE_CHECKING:
    from shim.migration.store import Store

__all__ = ["StorePolicy"]


class StorePolicy:
    """The policy of a flag in a store; off where none was written yet, or none could be read yet.

    Args:
        store: shared by all that follow the rollout.
        flag: the rollout's name.
        max_age: seconds after which it is read again.

    Raises:
        PolicyError: an argument cannot be, or what stands in the store now is no policy. A store that cannot be reached now is
            no error, since a service has to start without it: the policy is off until it can.
        StoreError: the store cannot be used, and that will not pass by itself.
    """

    def __init__(self, store: Store, *, flag: str = "openai", max_age: float = 0.5) -> None:
        checked_seconds(max_age, field="max_age", least=0.01)
        self._store = store
        self._flag = flag
        self._kept = LastGood(f"store, flag {flag}", Policy())
        self._refresher = Refresher(self._refresh, every=max_age, name="shim-store-policy")
        try:
            self._read()
        except StoreUnavailableError as error:
            self._kept.failed(error)
        else:
            store.close()  # until it is asked: a master that forks in C, as uwsgi's does, takes nothing open along

    @property
    def health(self) -> SourceHealth:
        """How the last look went."""
        return self._kept.health

    def policy(self) -> Policy:
        """The policy in the store, or the last good one."""
        self._refresher.ensure()
        return self._kept.policy

    def tell(self, event: str, details: Mapping[str, Any]) -> None:
        """Nothing to tell here: a rollout with a store writes its history there."""

    def close(self) -> None:
        """End the thread; the store is its owner's to close."""
        self._refresher.close()

    def _refresh(self) -> None:
        try:
            self._read()
        except (StoreError, PolicyError) as error:
            self._kept.failed(error)

    def _read(self) -> None:
        stored = self._store.read_policy(self._flag)
        if stored is None:
            self._kept.read(Policy())
        else:
            self._kept.read(Policy.parse(stored.mapping), since=stored.at, by=stored.by)
