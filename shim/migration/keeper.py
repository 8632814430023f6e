"""RolloutKeeper: what a rollout remembers, here and beyond: state, latch, store, history, and the thread for them.

Not the decisions (`deciding`), not the statistics (`guard`). It acts on the guard's answer: it latches, and only ever goes back.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shim.migration.governor import Governor, InForce, Latch, stage_before
from shim.migration.history import Entry, Event, HistoryFile, KeepsHistory, latch_told
from shim.migration.kill_switch import CLEAR, KillSwitch, SwitchState
from shim.migration.local_state import LocalState
from shim.migration.pins import PinSettings
from shim.migration.policy import PolicyError
from shim.migration.refresher import Refresher
from shim.migration.sources.source import PolicySource
from shim.migration.store import StoreError, StoreUnavailableError, checks
from shim.migration.store_sync import StoreSync

if TYPE_CHECKING:
    from shim.migration.guard_port import GuardPort
    from shim.migration.store import Store

__all__ = ["REFRESH_SECONDS", "RolloutKeeper"]

LOGGER = logging.getLogger("shim.migration")

# How often a process writes and reads what is shared: a kill switch is to be followed within a second.
REFRESH_SECONDS = 0.4

# Characters of a guard's reason, which is a sentence.
_MOST_WHY = 1000


class RolloutKeeper:
    """Keeps one rollout's state; arguments as `Rollout` has them.

    Attributes:
        governor: says which policy is in force.
    """

    def __init__(
        self,
        source: PolicySource,
        kill_switch: KillSwitch,
        *,
        flag: str,
        guard: GuardPort | None,
        store: Store | None,
        history: KeepsHistory | None,
        pins: PinSettings | None,
    ) -> None:
        self._source = source
        self._flag = flag
        self._guard = guard
        self._store = store
        self._history = history
        self._history_seen: object = None
        self._pins = pins
        self._locals: dict[int, LocalState] = {}  # by process
        self._syncs: dict[int, StoreSync] = {}  # by process
        self._untold: tuple[Latch, dict[str, Any]] | None = None  # a latch that the store does not know yet
        self._resets = 0  # of this process: what was read from the store before one is out of date
        self._observed: str | None = None  # the step in which a guard that observes would have gone back
        self._refresher = Refresher(self._keep, every=REFRESH_SECONDS, name="shim-rollout", finish=True)
        self._has_work = store is not None or history is not None
        self.governor = Governor(
            source,
            switches=kill_switch.looks if store is None else (*kill_switch.looks, self._store_switch),
            on_change=self._changed,
            settle_seconds=3 * REFRESH_SECONDS if store is not None and pins is not None else 0.0,
        )
        if self._has_work:
            self._first_look()
        if store is not None and pins is not None:
            self.ensure()  # a worker that is forked later is to know the pins of that moment, not of this one

    def ensure(self) -> None:
        """Have the thread running in this process, where there is work for one; cheap, never raises."""
        if self._has_work:
            self._refresher.ensure()

    def local(self) -> LocalState:
        """What this process keeps."""
        process = os.getpid()
        local = self._locals.get(process)
        if local is None:
            fresh = LocalState(self._pins, key_of=self._key_of())
            for inherited in list(self._locals.values()):  # of the process this one was forked from: what it knew holds
                fresh.pins = inherited.pins
            local = self._locals.setdefault(process, fresh)  # one step: another thread may be here too
        return local

    def sync(self) -> StoreSync | None:
        """The store's side; None without a store."""
        if self._store is None:
            return None
        process = os.getpid()
        sync = self._syncs.get(process)
        if sync is None:
            fresh = StoreSync(self._store, flag=self._flag, guard=self._guard, pins=self._pins)
            for inherited in list(self._syncs.values()):  # as with what is local
                fresh.inherit(inherited)
            sync = self._syncs.setdefault(process, fresh)
        return sync

    def fault(self, what: str, error: Exception) -> None:
        """Count what went wrong inside, and log the first of each kind."""
        if self.local().fault(what, error):
            LOGGER.warning("rollout %s: %s failed: %s: %s", self._flag, what, type(error).__name__, error)

    def heed(self, step: str) -> None:
        """Act on the guard's answer: latch where it says so, and is to be heeded."""
        if self._guard is None or self._guard.answer != "roll_back" or self.governor.latch is not None:
            return
        if self._guard.mode == "enforce":
            self._trip(step, evidence=_plain(self._guard.evidence()))
        elif self._observed is None:
            self._observed = step
            evidence = _plain(self._guard.evidence())
            self._record("would_roll_back", step=step, evidence=evidence)
            self._source.tell("would_roll_back", _details(self._flag, step, why=evidence["why"]))

    def reset(self, reason: str, *, by: str | None) -> None:
        """Lift the latch; see `Rollout.reset`."""
        if not isinstance(reason, str) or not reason.strip():
            raise ValueError("reason is empty; say what was found and done, such as 'proxy of the candidate fixed'")
        who, latch = by or _machine(), self.governor.latch
        if self._store is not None:
            self._store.reset(self._flag, reason=reason, by=who)
        self._write_history(self.local())  # what happened before comes before
        with self.local().writing:  # and nobody reads the history in between
            if self._history is not None:
                step = "" if latch is None else latch.step
                self._history.append(Entry(event="reset", flag=self._flag, by=who, came_from=step, reason=reason))
            if self._guard is not None:
                self._guard.reset(reason)
            self._untold = self._observed = None
            self._resets += 1
            self.governor.latch = None

    def close(self) -> None:
        """Write what waits, and end the thread."""
        self._refresher.close()

    def _key_of(self) -> Any:
        store, flag = self._store, self._flag
        return None if store is None else lambda unit: store.unit_key(flag, unit)

    def _store_switch(self) -> SwitchState:
        sync = self.sync()
        return CLEAR if sync is None else sync.switch

    def _first_look(self) -> None:
        """Read what holds, at set-up, so that a restarted process does not begin with something else."""
        if self._store is not None:
            error = self._exchange(self.local())
            if error is None:
                self._store.close()  # a master that forks in C, as uwsgi's does, has nothing open; a later call opens it
            elif not isinstance(error, StoreUnavailableError):
                raise error  # it will not pass by itself
        elif self._history is not None:
            try:
                self._follow_history()
            except OSError as error:
                raise PolicyError(f"history cannot be read: {error}", field="history") from error

    # What happens on the caller's thread.

    def _changed(self, before: InForce | None, after: InForce) -> None:
        if before is None or self._history is None:
            return
        event: Event = "changed"
        if after.reason == "kill_switch":
            event = "killed"
        elif before.reason == "kill_switch":
            event = "released"
        elif after.reason == "rolled_back" or (before.reason == "rolled_back" and self.governor.latch is None):
            return  # told as roll_back and reset
        by = self.governor.switch().why if event == "killed" else self._source.health.by
        self.local().entries.append(
            Entry(event=event, flag=self._flag, by=by, came_from=before.step, to=after.step, reason=by)
        )

    def _trip(self, step: str, *, evidence: dict[str, Any]) -> None:
        step = str(evidence.get("step") or step or self.governor.now().step)
        latch = Latch(step=step, stage=stage_before(step), why=evidence["why"], by=_machine(), at=time.time())
        with self.local().lock:
            if self.governor.latch is not None:
                return
            self.governor.latch = latch
            self._untold = (latch, evidence)
        LOGGER.warning("rollout %s goes back from %s to %s: %s", self._flag, step, latch.stage, latch.why)
        self._record("roll_back", step=step, evidence=evidence, at=latch.at)
        self._source.tell("roll_back", _details(self._flag, step, why=latch.why))
        self._refresher.wake()

    def _record(self, event: Event, *, step: str, evidence: dict[str, Any], at: float | None = None) -> None:
        if self._history is not None:
            self.local().entries.append(
                Entry(
                    at=time.time() if at is None else at,
                    event=event,
                    flag=self._flag,
                    by=_machine(),
                    came_from=step,
                    to=str(stage_before(step)),
                    reason=evidence["why"],
                    evidence=evidence,
                )
            )

    # What happens on the thread of its own.

    def _keep(self) -> None:
        local = self.local()
        if self._store is not None:
            self._keep_store(local)
            self._write_history(local)
        elif self._write_history(local):
            with local.writing:
                if not local.entries:  # else a rollback of just now is not told yet
                    self._follow_history()

    def _keep_store(self, local: LocalState) -> None:
        self._exchange(local)
        self.heed("")
        if self._untold is not None:  # what was brought back has tripped the guard: the others are to know at once
            self._exchange(local)

    def _exchange(self, local: LocalState) -> StoreError | None:
        """Write what waits and read what holds; the error where the store failed."""
        sync, untold, resets = self.sync(), self._untold, self._resets
        if sync is None:
            return None
        try:
            latch = sync.run(
                local,
                tripped=None if untold is None else untold[0],
                evidence={} if untold is None else untold[1],
            )
        except StoreError as error:
            local.fault("store", error)  # told in the log by the sync
            return error
        with local.lock:
            # Unless this process has tripped, or was reset, since the latch that holds for all was asked for.
            if self._untold is untold and self._resets == resets:
                self._untold = None
                self._take_latch(latch)
        return None

    def _take_latch(self, latch: Latch | None) -> None:
        if latch != self.governor.latch:
            self.governor.latch = latch
            self._observed = None

    def _write_history(self, local: LocalState) -> bool:
        """Write the entries that wait; False where that failed, and they wait on."""
        with local.writing:
            while self._history is not None and local.entries:
                entry = local.entries[0]
                try:
                    self._history.append(entry)
                except (OSError, StoreError) as error:
                    self.fault("history", error)
                    return False
                if local.entries and local.entries[0] is entry:  # else it was given up for lack of room meanwhile
                    local.entries.popleft()
        return True

    def _follow_history(self) -> None:
        """Take the latch from the history's file, where that has changed: another process's, or a person's reset."""
        if not isinstance(self._history, HistoryFile) or (seen := self._history.signature()) == self._history_seen:
            return
        found = latch_told(self._history.read(), flag=self._flag)
        held = self.governor.latch
        self._history_seen = seen
        if found is None:
            if held is not None:  # the file was moved away or cut off, which is no reset: that needs a reason
                self.fault("history", LookupError("it does not tell of the rollback any more; it is told again"))
                self._record("roll_back", step=held.step, evidence={"why": held.why}, at=held.at)
        elif found.event == "reset":
            if held is not None and self._guard is not None:
                self._guard.reset("reset by another process, as the history tells")
            self.governor.latch = None
        elif held is None:
            self.governor.latch = Latch(
                step=found.came_from,
                stage=stage_before(found.came_from),
                why=found.reason,
                by=found.by,
                at=found.at,
            )


def _machine() -> str:
    return f"{socket.gethostname()[:100]}, process {os.getpid()}"


def _plain(evidence: Mapping[str, Any]) -> dict[str, Any]:
    """A guard's evidence as every store and history can keep it, with a `why`: a rollback is to be known to all."""
    why = str(evidence.get("why") or "the guard does not say why")[:_MOST_WHY].encode("utf-8", "replace").decode()
    try:
        return {**checks.figures("evidence", evidence), "why": why}
    except (TypeError, ValueError) as error:
        names = {name: evidence[name] for name in ("step", "epoch") if isinstance(evidence.get(name), str)}
        return {**names, "why": why, "left_out": str(error)[:_MOST_WHY]}


def _details(flag: str, step: str, *, why: str) -> dict[str, str]:
    """What a source is told of a rollback."""
    return {"flag": flag, "from": step, "to": str(stage_before(step)), "reason": why}
