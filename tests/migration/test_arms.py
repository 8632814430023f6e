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


def test_quantiles_add_up_over_processes() -> None:
    """A quantile of the sums of two processes is that of all requests, at most a fifth too high."""
    one, two = Arms(), Arms()
    for number in range(1, 101):
        (one if number % 3 else two).ended(decided("s"), answered(), bad=(), seconds=number / 100)
    sums = one.take_unsent()["s"]
    for name, count in two.take_unsent()["s"].items():
        sums[name] = sums.get(name, 0) + count
    candidate = arm_counts(sums)["candidate"]
    for share in (0.5, 0.95):
        found = candidate.quantile(share)
        assert found is not None
        assert share <= found <= share * 1.2
    assert arm_counts(sums)["control"].quantile(0.5) is None


def test_classes_of_durations_are_bounded() -> None:
    """No duration, however short or long, makes a class of its own."""
    arms = Arms()
    for seconds in (0.0, -1.0, 1e-9, 1e9):
        arms.ended(decided("s"), answered(), bad=(), seconds=seconds)
    assert arms.counts("s")["candidate"].within == {"-40": 3, "48": 1}
