"""Tests of the counts per arm."""

from __future__ import annotations

from shim.migration import Decision, Stage
from shim.migration.arms import Arms, arm_counts
from shim.model import ErrorCategory
from tests.migration.helpers.completions import answered, failed


def decided(step: str, arm: str = "candidate") -> Decision:
    """A decision of a step."""
    return Decision("unit", arm, Stage.RAMP, 5.0, 0.05, 7, "bucket", step)  # type: ignore[arg-type]  # an arm's name


def test_requests_are_counted_by_step_and_arm() -> None:
    """A late answer counts for the step it was decided in."""
    arms = Arms()
    arms.ended(decided("one"), answered(), bad=(), seconds=0.5)
    arms.ended(decided("one"), failed(ErrorCategory.TIMEOUT), bad=("error",), seconds=9.0)
    arms.ended(decided("two", "control"), answered(), bad=("slow",), seconds=0.25)
    one, two = arms.counts("one"), arms.counts("two")
    assert (one["candidate"].requests, one["candidate"].ok, one["candidate"].seconds) == (2, 1, 0.5)
    assert (one["candidate"].errors, one["candidate"].bad) == ({"timeout": 1}, {"error": 1})
    assert (one["control"].requests, two["control"].bad) == (0, {"slow": 1})


def test_what_is_sent_adds_up() -> None:
    """The parts that were taken for the store add up to the whole, and none is taken twice."""
    arms, total = Arms(), dict[str, float]()
    for _ in range(3):
        arms.ended(decided("one"), answered(), bad=(), seconds=0.5)
        for name, number in arms.take_unsent()["one"].items():
            total[name] = total.get(name, 0) + number
    assert arms.take_unsent() == {}
    assert arm_counts(total) == arms.counts("one")


def test_steps_are_bounded() -> None:
    """Of very many steps only the last are kept."""
    arms = Arms()
    for number in range(100):
        arms.ended(decided(str(number)), answered(), bad=(), seconds=0.5)
    assert len(arms.take_unsent()) == 16
    assert arms.counts("99")["candidate"].requests == 1
    assert arms.counts("1")["candidate"].requests == 0
