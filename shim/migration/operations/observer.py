"""Observer: reads how a rollout stands from outside the service: policy, switches, evidence, history, approvals.

Not the changing of anything (`operator`, `switching_off`): nothing is written here, and the guard that reads the evidence never
acts. What a service counts is seen where a store shares it; without one only policy, switches and history are known.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from shim.migration.history import Entry, Event, HistoryFile, KeepsHistory, StoreHistory
from shim.migration.kill_switch import KillSwitch
from shim.migration.operations.place import RolloutPlace
from shim.migration.plan import Needs, RolloutPlan
from shim.migration.policy import PolicyError
from shim.migration.rollout import Rollout
from shim.migration.sources.file import FilePolicy
from shim.migration.sources.stored import StorePolicy
from shim.migration.standing import standing_of
from shim.migration.status import RolloutStatus
from shim.migration.store import Snapshot, StoreError, StoreUnavailableError

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.migration.sources.source import PolicySource

__all__ = ["Observer"]

# What takes approvals back: they were given for a candidate that was not known to fail.
_TAKES_BACK: tuple[Event, ...] = ("roll_back", "reset")


class Observer:
    """Looks at a rollout. A context manager.

    Args:
        place: where it is.

    Raises:
        PolicyError: something of the place cannot be used; `field` names it.
        StoreError: the store cannot be used, and that will not pass by itself.
    """

    def __init__(self, place: RolloutPlace) -> None:
        if place.policy is None and place.store is None:
            raise PolicyError(
                "where the rollout is, is not known; give --policy FILE or --store PATH, or name them in shim-rollout.toml",
                field="policy",
            )
        self.place = place
        self._store = place.open_store()
        self._plan = None if place.plan is None else RolloutPlan.load(place.plan)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Give up what is open."""
        if self._store is not None:
            self._store.close()

    @property
    def plan(self) -> RolloutPlan | None:
        """The plan, where there is one."""
        return self._plan

    def status(self) -> RolloutStatus:
        """How the rollout stands, seen from here; nothing is written, and the guard that reads the evidence never acts.

        Raises:
            PolicyError: the policy, or another place, cannot be read.
            StoreError: the store cannot be used.
        """
        guard = self.place.make_guard()
        with Rollout(
            self._source(),
            flag=self.place.flag,
            guard=guard,
            store=self._store,
            # The environment of whoever looks is not the service's.
            kill_switch=KillSwitch(file=self.place.kill_switch, environ={}),
            history=_ReadOnly(self._history()),
        ) as rollout:
            snapshot = self._snapshot()
            if snapshot is not None:
                guard.begin(rollout.policy.step)
                guard.share(snapshot)
            status = rollout.status()
        if self._store is None or self.place.guard.mode == "none":  # what no guard has seen, or one that nobody can ask
            status = replace(status, answer=None, evidence={})
        return replace(status, mode=self.place.guard.mode, **self._since(status, snapshot))

    def needs(self, status: RolloutStatus) -> Needs | None:
        """What the next step of the plan needs; None without a plan."""
        if self._plan is None:
            return None
        return self._plan.needs(standing_of(status, approved=self.approved()), now=time.time())

    def history(self) -> Iterator[Entry]:
        """The entries of this rollout, oldest first.

        Raises:
            PolicyError: there is no history.
            StoreError, OSError: it cannot be read.
        """
        history = self._history()
        if history is None:
            raise PolicyError("there is no history; give --history FILE or --store", field="history")
        return (entry for entry in history.read() if entry.flag == self.place.flag)

    def approved(self) -> frozenset[str]:
        """Names of the steps that somebody approved, since the last rollback or reset."""
        told = self._approvals()
        since = max((at for step, at in told if not step), default=0.0)
        return frozenset(step for step, at in told if step and at > since)

    def _approvals(self) -> Iterator[tuple[str, float]] | list[tuple[str, float]]:
        """(step, when) for each approval, ("", when) for what takes them back."""
        if self._store is None:
            history = self._history()
            entries = [] if history is None else [each for each in history.read() if each.flag == self.place.flag]
            return [
                (entry.to if entry.event == "approved" else "", entry.at)
                for entry in entries
                if entry.event in ("approved", *_TAKES_BACK)
            ]
        snapshot = self._snapshot() or Snapshot()
        ends = [each.at for each in (snapshot.latch, snapshot.reset) if each is not None]
        return list(chain(((each.step, each.at) for each in snapshot.approvals), (("", at) for at in ends)))

    def _snapshot(self) -> Snapshot | None:
        if self._store is None:
            return None
        try:
            return self._store.snapshot(self.place.flag)
        except StoreUnavailableError:  # the status tells it, from the rollout's own look
            return None

    def _source(self) -> PolicySource:
        if self.place.policy is not None:
            return FilePolicy(self.place.policy)
        assert self._store is not None  # noqa: S101 - checked at set-up
        return StorePolicy(self._store, flag=self.place.flag)

    def _history(self) -> HistoryFile | StoreHistory | None:
        if self.place.history is not None:
            return HistoryFile(self.place.history)
        return None if self._store is None else StoreHistory(self._store, flag=self.place.flag)

    def _since(self, status: RolloutStatus, snapshot: Snapshot | None) -> dict[str, Any]:
        """Since when, and by whom, the policy in force is what it is: the history's word, else that of file or store."""
        history = self._history()
        try:
            entries = [] if history is None else [each for each in history.read() if each.flag == self.place.flag]
        except StoreError:
            entries = []
        last = next((each for each in reversed(entries) if each.event in _MOVES), None)
        if last is not None and _led_to(last, status.step):
            return {"since": last.at, "by": last.by}
        if status.latch is not None:
            return {"since": status.latch.at, "by": status.latch.by}
        if self.place.policy is not None:
            found = Path(self.place.policy).stat()
            # A copy may keep a time of long ago, at which nothing of this held; the time of its last change it cannot.
            return {"since": max(found.st_mtime, found.st_ctime), "by": f"file {self.place.policy}"}
        stored = None if snapshot is None else snapshot.policy
        return {} if stored is None else {"since": stored.at, "by": stored.by}


_MOVES: tuple[Event, ...] = ("changed", "killed", "released", "roll_back")


def _led_to(entry: Entry, step: str) -> bool:
    """Whether a step is what an entry tells; a rollback names the stage it went back to, without its share."""
    if entry.event == "roll_back":
        return entry.to == step.partition("@")[0]
    return entry.to == step


class _ReadOnly(HistoryFile):
    """A history that a rollout reads its latch from and writes nothing to."""

    def __init__(self, history: KeepsHistory | None) -> None:
        self.path = history.path if isinstance(history, HistoryFile) else Path(os.devnull)

    def append(self, entry: Entry, *, always: bool = False) -> bool:
        """Keep nothing: whoever looks is no process of the service."""
        del entry, always
        return False
