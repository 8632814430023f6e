"""Operator: sets, approves and resets a rollout from outside the service, and leaves a history of who did.

Not the looking (`observer`), not the emergency stop, which needs none of this (`switching_off`), not how it is shown
(`shim.cli`).
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

from shim.migration.history import Entry, Event
from shim.migration.operations.observer import Observer
from shim.migration.operations.place import RolloutPlace
from shim.migration.operations.policy_writing import read_policy_bytes, write_policy_file
from shim.migration.operations.words import kept_name, kept_words
from shim.migration.plan import PlanStep, RolloutPlan
from shim.migration.policy import Policy, PolicyError, Stage
from shim.migration.sources.file import FilePolicy
from shim.migration.standing import standing_of
from shim.migration.status import RolloutStatus
from shim.migration.store import StoreError
from shim.model import ShimError

if TYPE_CHECKING:
    pass

__all__ = ["Operator", "PolicyChange", "RefusedError", "who"]


class RefusedError(ShimError):
    """A step forward that has not what it needs; `missing` has a sentence for each thing."""

    def __init__(self, message: str, *, missing: tuple[str, ...]) -> None:
        super().__init__(message)
        self.missing = missing


class PolicyChange(Struct, frozen=True, kw_only=True):
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


class Operator(Observer):
    """One person who acts on a rollout. A context manager.

    Args:
        place: where it is.
        by: who acts; None is the user's name.

    Raises:
        PolicyError: something of the place cannot be used; `field` names it.
        StoreError: the store cannot be used, and that will not pass by itself.
    """

    def __init__(self, place: RolloutPlace, *, by: str | None = None) -> None:
        super().__init__(place)
        self._by = kept_name(by or who())

    def set(self, stage: str, *, percent: float | None = None, anyway: str | None = None) -> PolicyChange:
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
        where = self.place.policy or f"store, flag {self.place.flag}"
        if target == before and version != 0:  # nothing was asked for that is not asked for already
            return PolicyChange(came_from=before.step, to=target.step, where=where)
        missing = self._missing(status, target)
        if missing and not anyway:
            raise RefusedError(f"{target.step} has not what it needs", missing=missing)
        kept = self._write(target, version=version)
        reason = kept_words(anyway or "")
        if missing:
            reason = f"{reason} (though {'; '.join(missing)})"
        fault = self._tell("changed", came_from=status.step, to=target.step, reason=reason, evidence=_shown(status))
        return PolicyChange(
            came_from=status.step,
            to=target.step,
            where=where,
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
        reason = kept_words(reason)
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
        reason = kept_words(reason)
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
