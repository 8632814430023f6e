"""Plan: the steps of a rollout, from a TOML file, and what still has to happen before the next one.

Not the doing (`shim rollout set`), not the evidence (`guard`). All here is a pure function of the plan and of what is known;
nothing goes forward by itself. A plan:

    [policy]                       # what every step has: salt, only, compare_percent
    compare_percent = 10

    [[step]]
    stage = "tee"
    minimum_time = "6h"            # seconds, or a number with s, m, h or d
    minimum_conversations = 1000

    [[step]]
    stage = "ramp"
    percent = 5
    approval = true                # somebody approves before this step begins
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct

from shim.migration.guard_port import Answer
from shim.migration.policy import Policy, PolicyError, Stage, shown
from shim.migration.policy_file import read_toml

__all__ = ["Needs", "PlanStep", "RolloutPlan", "Standing"]

# A plan has some ten steps; each is a line of the status, and a name in the store.
_MAX_STEPS = 100
_MAX_FILE_BYTES = 256 * 1024
_LONGEST_SECONDS = 366 * 86400
_MOST_CONVERSATIONS = 10**12

_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_TIME = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd]?)")

# Whether something that a step needs is there, and what it is, in words.
_Need: TypeAlias = "tuple[bool, str]"

_GATES = ("minimum_time", "minimum_conversations", "approval")
_PLAN_KEYS = ("policy", "step")


class PlanStep(Struct, frozen=True, kw_only=True):
    """One step of a plan.

    Attributes:
        policy: what holds in it.
        minimum_time: seconds it lasts at least.
        minimum_conversations: how many it sees at least before the next step: in ramp, distinct ones the candidate served; in
            the stages before, where all are the control's, requests.
        approval: whether somebody has to approve before it begins.
    """

    policy: Policy
    minimum_time: float = 0.0
    minimum_conversations: int = 0
    approval: bool = False

    @property
    def name(self) -> str:
        """As approvals name it: "tee", "ramp 5"."""
        policy = self.policy
        return f"{policy.stage} {policy.percent:g}" if policy.stage is Stage.RAMP else str(policy.stage)


class Standing(Struct, frozen=True, kw_only=True):
    """What is known of the rollout when the next step is asked for.

    Attributes:
        policy: that holds now.
        since: seconds since the epoch since when; None where nobody knows.
        conversations: seen in this step; see `PlanStep.minimum_conversations`.
        answer, why: the guard's, and the reason; None without a guard.
        latched: why the guard has taken the rollout back; empty where it has not.
        halted: why nothing may go forward: a kill switch, a store that cannot be reached; empty where nothing speaks against it.
        approved: names of the steps that somebody approved.
    """

    policy: Policy
    since: float | None = None
    conversations: int = 0
    answer: Answer | None = None
    why: str = ""
    latched: str = ""
    halted: str = ""
    approved: frozenset[str] = frozenset()


class Needs(Struct, frozen=True, kw_only=True):
    """What the next step needs.

    Attributes:
        current: the step of the plan that the policy is in; None before the first.
        next: None after the last.
        missing: a sentence for each thing that is missing.
        met: likewise for each that is there.
    """

    current: PlanStep | None
    next: PlanStep | None
    missing: tuple[str, ...]
    met: tuple[str, ...] = ()

    @property
    def ready(self) -> bool:
        """Whether the next step may begin."""
        return self.next is not None and not self.missing


class RolloutPlan(Struct, frozen=True, kw_only=True):
    """The steps, each further than the one before."""

    steps: tuple[PlanStep, ...]

    @classmethod
    def load(cls, path: str | Path) -> RolloutPlan:
        """Read a plan file.

        Raises:
            PolicyError: it cannot be read or holds no plan; `field` names the key, such as "step[2].percent".
        """
        try:
            with Path(path).open("rb") as file:
                content = file.read(_MAX_FILE_BYTES + 1)
        except OSError as error:
            raise PolicyError(f"plan {path} cannot be read: {error.strerror or error}", field="plan") from error
        if len(content) > _MAX_FILE_BYTES:
            raise PolicyError(f"plan {path} has over {_MAX_FILE_BYTES} bytes; give the plan's path", field="plan")
        try:
            return cls.parse(read_toml(content))
        except PolicyError as error:
            raise PolicyError(f"plan {path}: {error}", field=error.field) from None

    @classmethod
    def parse(cls, mapping: Mapping[str, Any]) -> RolloutPlan:
        """Read a plan from plain data.

        Raises:
            PolicyError: an unknown key, a value that cannot be, or a step that is not further than the one before.
        """
        for key in mapping:
            if key not in _PLAN_KEYS:
                raise PolicyError(f"a plan has no key {key!r}; its keys are [policy] and [[step]]", field=str(key))
        common, steps = mapping.get("policy", {}), mapping.get("step", [])
        if not isinstance(common, Mapping):
            raise PolicyError(f"policy is of type {type(common).__name__}; write [policy]", field="policy")
        if not isinstance(steps, list) or not 1 <= len(steps) <= _MAX_STEPS:
            raise PolicyError(f"a plan has from 1 to {_MAX_STEPS} steps; write [[step]] before each", field="step")
        parsed = tuple(_step(step, common, place=f"step[{number}]") for number, step in enumerate(steps))
        _check_order(parsed)
        return cls(steps=parsed)

    def needs(self, standing: Standing, *, now: float) -> Needs:
        """What the next step needs, given what is known at `now`, in seconds since the epoch."""
        reached = list(takewhile(lambda step: not step.policy.is_beyond(standing.policy), self.steps))
        current = reached[-1] if reached else None
        ahead = self.steps[len(reached) :]
        if not ahead:
            return Needs(current=current, next=None, missing=())
        needs = [*_of_health(standing), *_of_stay(current, standing, now=now), *_of_approval(ahead[0], standing)]
        return Needs(
            current=current,
            next=ahead[0],
            missing=tuple(said for is_met, said in needs if not is_met),
            met=tuple(said for is_met, said in needs if is_met),
        )


def _step(step: object, common: Mapping[str, Any], *, place: str) -> PlanStep:
    if not isinstance(step, Mapping):
        raise PolicyError(f"{place} is of type {type(step).__name__}; write [[step]] before each", field=place)
    try:
        policy = Policy.parse({**common, **{key: value for key, value in step.items() if key not in _GATES}})
    except PolicyError as error:
        raise PolicyError(f"{place}: {error}", field=f"{place}.{error.field}") from None
    return PlanStep(
        policy=policy,
        minimum_time=_seconds(step.get("minimum_time", 0), f"{place}.minimum_time"),
        minimum_conversations=_count(step.get("minimum_conversations", 0), f"{place}.minimum_conversations"),
        approval=_flag(step.get("approval", False), f"{place}.approval"),
    )


def _check_order(steps: tuple[PlanStep, ...]) -> None:
    for number, (before, step) in enumerate(pairwise(steps), 1):
        place = f"step[{number}]"
        if not step.policy.is_beyond(before.policy):
            raise PolicyError(f"{place} ({step.name}) is no further than {before.name}; put it in order", field=place)
        if step.policy.salt != before.policy.salt:
            raise PolicyError(
                f"{place} has another salt, which would draw other units; set it in [policy]", field=f"{place}.salt"
            )


def _seconds(value: object, field: str) -> float:
    seconds: float
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value  # compared before it is made a float: a whole number may be larger than any
    elif isinstance(value, str) and (match := _TIME.fullmatch(value.strip())):
        seconds = float(match[1]) * _UNITS[match[2]]
    else:
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST_SECONDS:
        raise PolicyError(
            f'{field} is {shown(value)}; give seconds, or a time such as "6h", at most a year', field=field
        )
    return float(seconds)


def _count(value: object, field: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST_CONVERSATIONS:
        raise PolicyError(f"{field} is {shown(value)}; give a whole number from 0 on", field=field)
    return value


def _flag(value: object, field: str) -> bool:
    if not isinstance(value, bool):
        raise PolicyError(f"{field} is {shown(value)}; give true or false", field=field)
    return value


def _of_health(standing: Standing) -> list[_Need]:
    needs = [(not standing.halted, standing.halted or "nothing halts the rollout")]
    if standing.latched:
        needs.append((False, f"the guard has rolled back and is not reset: {standing.latched}"))
    elif standing.answer is not None and standing.policy.stage >= Stage.RAMP:
        needs.append(
            (standing.answer == "fine", f"the guard says {standing.answer}: {standing.why or 'it does not say why'}")
        )
    return needs


def _of_stay(current: PlanStep | None, standing: Standing, *, now: float) -> list[_Need]:
    if current is None:
        return []
    needs = []
    if current.minimum_time:
        lasted = 0.0 if standing.since is None else max(0.0, now - standing.since)
        told = f"{current.name} has lasted {_told(lasted)} of {_told(current.minimum_time)}"
        needs.append(
            (lasted >= current.minimum_time, told + (", as far as is known" if standing.since is None else ""))
        )
    if current.minimum_conversations:
        what = "conversations" if current.policy.stage is Stage.RAMP else "requests"
        told = f"{current.name} has seen {standing.conversations} of {current.minimum_conversations} {what}"
        needs.append((standing.conversations >= current.minimum_conversations, told))
    return needs


def _of_approval(step: PlanStep, standing: Standing) -> list[_Need]:
    if not step.approval:
        return []
    is_approved = step.name in standing.approved
    return [(is_approved, f"{step.name} {'is approved' if is_approved else 'waits for an approval'}")]


def _told(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.0f} s"
