"""Operator: reads how a rollout stands from outside the service, and sets, approves and resets it.

Not the emergency stop, which needs none of this (`switching_off`), not how it is shown (`shim.cli`, `shim.migration.report`).
What a service counts is seen where a store shares it; without one only policy, switches and history are known here.
"""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from shim.migration.history import Entry, Event, HistoryFile, KeepsHistory, StoreHistory
from shim.migration.kill_switch import KillSwitch
from shim.migration.operations.place import RolloutPlace
from shim.migration.operations.policy_writing import read_policy_bytes, write_policy_file
from shim.migration.plan import Needs, PlanStep, RolloutPlan
from shim.migration.policy import Policy, PolicyError, Stage
from shim.migration.rollout import Rollout
from shim.migration.sources.file import FilePolicy
from shim.migration.sources.stored import StorePolicy
from shim.migration.standing import standing_of
from shim.migration.status import RolloutStatus
from shim.migration.store import Snapshot, StoreError, StoreUnavailableError
from shim.model import ShimError

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.migration.sources.source import PolicySource

__all__ = ["Change", "Operator", "RefusedError", "who"]

# What takes approvals back: they were given for a candidate that was not known to fail.
_TAKES_BACK: tuple[Event, ...] = ("roll_back", "reset")


class RefusedError(ShimError):
    """A step forward that has not what it needs; `missing` has a sentence for each thing."""

    def __init__(self, message: str, *, missing: tuple[str, ...]) -> None:
        super().__init__(message)
        self.missing = missing


class Change(Struct, frozen=True, kw_only=True):
    """What was changed.

    Attributes:
        came_from, to: steps, as `Policy.step` names them.
        where: the file or store that holds the policy.
        comments_kept: False where a file had to be written anew.
        history_fault: why the history has no entry of it; empty where it has.
    """

    came_from: str
    to: str
    where: str
    comments_kept: bool = True
    history_fault: str = ""


class Operator:
    """One person's look at a rollout. A context manager.

    Args:
        place: where it is.
        by: who acts; None is the user's name.

    Raises:
        PolicyError: something of the place cannot be used; `field` names it.
        StoreError: the store cannot be used, and that will not pass by itself.
    """

    def __init__(self, place: RolloutPlace, *, by: str | None = None) -> None:
        if place.policy is None and place.store is None:
            raise PolicyError(
                "where the rollout is, is not known; give --policy FILE or --store PATH, or name them in shim-rollout.toml",
                field="policy",
            )
        self.place = place
        self._by = by or who()
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
        if self._store is None:  # nothing is known here of what the service's guard has seen
            status = replace(status, answer=None, evidence={})
        return replace(status, mode=self.place.guard.mode, **self._since(status, snapshot))

    def needs(self, status: RolloutStatus) -> Needs | None:
        """What the next step of the plan needs; None without a plan."""
        if self._plan is None:
            return None
        return self._plan.needs(standing_of(status, approved=self.approved()), now=time.time())

    def set(self, stage: str, *, percent: float | None = None, anyway: str | None = None) -> Change:
        """Write another stage; forward only where the plan's needs are met, back at any time.

        Args:
            stage: a `Stage`.
            percent: for ramp.
            anyway: a reason goes forward though something is missing; it stands in the history.

        Raises:
            RefusedError: a step forward that has not what it needs.
            PolicyError: the stage or percentage cannot be, or the file cannot be written.
            StoreError: the store cannot be written, or somebody else has written meanwhile.
        """
        before, version = self._read_policy()
        target = self._target(stage, percent=percent, current=before)
        status = self.status()
        missing = self._missing(status, target)
        if missing and not anyway:
            raise RefusedError(f"{target.step} has not what it needs", missing=missing)
        kept = self._write(target, version=version)
        reason = anyway or ""
        if missing:
            reason = f"{reason} (though {'; '.join(missing)})"
        fault = self._tell("changed", came_from=status.step, to=target.step, reason=reason, evidence=_shown(status))
        return Change(
            came_from=status.step,
            to=target.step,
            where=self.place.policy or f"store, flag {self.place.flag}",
            comments_kept=kept,
            history_fault=fault,
        )

    def approve(self, step: str, *, reason: str = "") -> str:
        """Approve a step of the plan; the step's name.

        Raises:
            PolicyError: there is no plan, no such step, none that waits for an approval, or no place to keep it.
            StoreError, OSError: it cannot be kept.
        """
        if self._plan is None:
            raise PolicyError("there is no plan, so nothing waits for an approval; give --plan FILE", field="plan")
        wanted = " ".join(step.replace("@", " ").split())
        waiting = [each.name for each in self._plan.steps if each.approval]
        if wanted not in waiting:
            told = ", ".join(waiting) or "none"
            raise PolicyError(f"{wanted!r} is no step that waits for an approval; those are: {told}", field="step")
        history = self._history()
        if self._store is not None:
            self._store.approve(self.place.flag, step=wanted, by=self._by, reason=reason)
        elif history is None:
            raise PolicyError("an approval has no place to stand; give --store or --history", field="history")
        if history is not None:
            history.append(self._entry("approved", to=wanted, reason=reason), always=True)
        return wanted

    def reset(self, reason: str) -> bool:
        """Lift the guard's latch and have fresh tests begin; whether there was a latch.

        Raises:
            PolicyError: the reason is empty, or there is no place that keeps a latch.
            StoreError, OSError: it cannot be written; the latch holds.
        """
        if not reason.strip():
            raise PolicyError(
                "the reason is empty; say what was found and done, such as 'proxy of the candidate fixed'",
                field="reason",
            )
        history = self._history()
        if self._store is None and history is None:
            raise PolicyError("nothing keeps the guard's latch but the service itself; give --store or --history")
        status = self.status()
        latch = status.latch
        if self._store is not None:
            self._store.reset(self.place.flag, reason=reason, by=self._by)
        if history is not None:
            history.append(
                self._entry("reset", came_from="" if latch is None else latch.step, reason=reason), always=True
            )
        return latch is not None

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
            return {"since": Path(self.place.policy).stat().st_mtime, "by": f"file {self.place.policy}"}
        stored = None if snapshot is None else snapshot.policy
        return {} if stored is None else {"since": stored.at, "by": stored.by}

    def _read_policy(self) -> tuple[Policy, bytes | int | None]:
        """The policy that stands there, and what it is recognised by when it is written."""
        if self.place.policy is not None:
            if not Path(self.place.policy).exists():
                raise PolicyError(
                    f'policy {self.place.policy} is not there; make it, with the line stage = "off"', field="policy"
                )
            content = read_policy_bytes(self.place.policy)
            return FilePolicy(self.place.policy).policy(), content
        assert self._store is not None  # noqa: S101 - checked at set-up
        stored = self._store.read_policy(self.place.flag)
        return (Policy(), 0) if stored is None else (Policy.parse(stored.mapping), stored.version)

    def _target(self, stage: str, *, percent: float | None, current: Policy) -> Policy:
        wanted = Policy.parse({"stage": stage})
        if wanted.stage is Stage.RAMP and percent is None:
            raise PolicyError("ramp needs a share: give --percent, from 0 to 100", field="percent")
        if wanted.stage is not Stage.RAMP and percent is not None:
            raise PolicyError(f"--percent goes with ramp, and not with {stage}", field="percent")
        share = current.percent if percent is None else percent
        step = self._step_at(Policy(stage=wanted.stage, percent=share))
        if step is None:
            return replace(current, stage=wanted.stage, percent=share)
        if current.salt not in ("", step.policy.salt):
            raise PolicyError(
                f"the plan's salt is {step.policy.salt!r} and that of the policy {current.salt!r}: other units would be"
                " drawn; give both the same",
                field="salt",
            )
        return replace(step.policy, percent=share)

    def _step_at(self, policy: Policy) -> PlanStep | None:
        steps = () if self._plan is None else self._plan.steps
        same = (each for each in steps if (each.policy.stage, each.policy.share) == (policy.stage, policy.share))
        return next(same, None)

    def _missing(self, status: RolloutStatus, target: Policy) -> tuple[str, ...]:
        """What a step forward lacks; nothing where it is none, seen from what is served or from what was asked for."""
        if not (target.is_beyond(status.policy) and target.is_beyond(status.wanted)):
            return ()
        plan = self._plan or RolloutPlan(steps=(PlanStep(policy=target),))
        needs = plan.needs(standing_of(status, approved=self.approved()), now=time.time())
        beyond = needs.next is None or target.is_beyond(needs.next.policy)
        if beyond:
            told = "nothing, it is at its end" if needs.next is None else needs.next.name
            return (*needs.missing, f"the plan's next step is {told}")
        return needs.missing

    def _write(self, target: Policy, *, version: bytes | int | None) -> bool:
        if self.place.policy is not None:
            return write_policy_file(self.place.policy, target, before=version if isinstance(version, bytes) else None)
        assert self._store is not None  # noqa: S101 - checked at set-up
        expected = version if isinstance(version, int) else None
        self._store.write_policy(self.place.flag, target.to_dict(), expected=expected, by=self._by)
        return True

    def _tell(self, event: Event, *, came_from: str, to: str, reason: str, evidence: Mapping[str, Any]) -> str:
        """Write the history; what is set stays set where that fails, and why is given back."""
        history = self._history()
        if history is None:
            return "there is none; give --history FILE"
        try:
            history.append(
                self._entry(event, came_from=came_from, to=to, reason=reason, evidence=dict(evidence)), always=True
            )
        except (OSError, StoreError) as error:
            return str(error)
        return ""

    def _entry(self, event: Event, **told: Any) -> Entry:
        return Entry(event=event, flag=self.place.flag, by=self._by, **told)


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


def who() -> str:
    """Who acts: the user's name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container's user without a name
        return "unknown"


def _shown(status: RolloutStatus) -> dict[str, Any]:
    """The figures of the step that is left, for the history: short, since people read them."""
    arms = {arm: {"requests": each.requests, "ok": each.ok} for arm, each in status.arms.items()}
    names = ("answer", "why", "guardrails", "limit", "units")
    return {"arms": arms, **{name: status.evidence[name] for name in names if name in status.evidence}}
