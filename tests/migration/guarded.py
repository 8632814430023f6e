"""Guarded traffic for the tests of the guard: decisions made by hand, and conversations noted with a guard.

Not the made-up traffic of the simulation (`bench.guard_traffic`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import count

from shim.migration.decision import Arm, Decision
from shim.migration.guard import Guard
from shim.migration.policy import Stage

_NUMBERS = count()


def decision(unit: str | None, arm: Arm, *, share: float = 0.5, step: str = "ramp@50") -> Decision:
    """A decision as a rollout in stage ramp makes it."""
    return Decision(
        unit=unit, arm=arm, stage=Stage.RAMP, percent=share * 100, share=share, bucket=1, reason="bucket", step=step
    )


def units(number: int) -> Iterator[str]:
    """So many units that nobody had before."""
    return (f"unit-{next(_NUMBERS)}" for _ in range(number))


def note(
    guard: Guard, arm: Arm, number: int, *, bad: Collection[str] = (), share: float = 0.5, step: str = "ramp@50"
) -> str:
    """Note a request each of so many new conversations; the last answer."""
    answer: str = guard.answer
    for unit in units(number):
        answer = guard.note(decision(unit, arm, share=share, step=step), bad=bad)
    return answer


def note_both(guard: Guard, number: int, *, step: str = "ramp@50") -> str:
    """Note so many good conversations in each arm, in turns; the last answer."""
    answer: str = guard.answer
    for _ in range(number):
        note(guard, "control", 1, step=step)
        answer = note(guard, "candidate", 1, step=step)
    return answer


def trip(guard: Guard, *, step: str = "ramp@50") -> str:
    """Have a guard roll back: forty conversations in each arm, all of the candidate's failed; the last answer."""
    answer: str = guard.answer
    for _ in range(40):
        note(guard, "control", 1, step=step)
        answer = note(guard, "candidate", 1, bad=("error",), step=step)
    return answer


def why(guard: Guard) -> str:
    """The guard's sentence."""
    sentence: str = guard.evidence()["why"]
    return sentence


def counted(guard: Guard, kind: str = "error") -> tuple[int, int]:
    """Bad events of a kind that count, in control and candidate."""
    found = guard.evidence()["kinds"][kind]
    return found["control"], found["candidate"]
