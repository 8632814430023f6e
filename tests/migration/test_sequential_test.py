"""Tests of the sequential test: its direction, its guarantee, sums that add up, and extreme values."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.migration.sequential_test import SequentialTest

RATIOS = (1.5, 2, 3, 5, 10, 30)
EVENTS = st.lists(st.tuples(st.booleans(), st.floats(0, 1)), max_size=60)


def sequential_test(*, tolerated_ratio: float = 1.25) -> SequentialTest:
    """A test with the guard's settings."""
    return SequentialTest(alpha=0.05, tolerated_ratio=tolerated_ratio)


def by_the_formula(events: list[tuple[bool, float]], *, tolerated_ratio: float) -> float:
    """The evidence as the formula states it, without logarithms."""

    def chance(ratio: float, share: float) -> float:
        return share * ratio / (share * ratio + 1 - share)

    products = []
    for multiple in RATIOS:
        product = 1.0
        for in_candidate, share in events:
            new, old = chance(tolerated_ratio * multiple, share), chance(tolerated_ratio, share)
            product *= new / old if in_candidate else (1 - new) / (1 - old)
        products.append(product)
    return sum(products) / len(products)


@pytest.mark.parametrize("tolerated_ratio", [1.0, 1.25, 3.0])
def test_it_is_the_published_formula(tolerated_ratio: float) -> None:
    """The evidence is the mean of the products of likelihood ratios."""
    chance = random.Random(7)  # noqa: S311 - chance, not secrets
    events = [(chance.random() < 0.3, chance.choice([0.01, 0.05, 0.25, 0.5])) for _ in range(40)]
    test = sequential_test(tolerated_ratio=tolerated_ratio)
    for in_candidate, share in events:
        test.add(in_candidate=in_candidate, share=share)
    assert test.e_value == pytest.approx(by_the_formula(events, tolerated_ratio=tolerated_ratio), rel=1e-7)
    assert (test.candidate, test.control) == (sum(c for c, _ in events), sum(not c for c, _ in events))


def test_no_event_is_no_evidence() -> None:
    """Before the first event the evidence is exactly 1, and nothing has tripped."""
    assert (sequential_test().e_value, sequential_test().tripped) == (1.0, False)


def test_arms_are_not_swapped() -> None:
    """Events in the candidate trip it, and as many in the control never do."""
    candidate, control = sequential_test(), sequential_test()
    for _ in range(500):
        candidate.add(in_candidate=True, share=0.5)
        control.add(in_candidate=False, share=0.5)
    assert candidate.tripped
    assert not control.tripped
    assert control.e_value < 0.01


def test_events_in_proportion_never_trip_it() -> None:
    """At a share of 5 %, one event in twenty is what equal arms give, and lowers the evidence."""
    test = sequential_test()
    for number in range(2000):
        test.add(in_candidate=number % 20 == 0, share=0.05)
        assert not test.tripped
    assert test.e_value < 0.01


def test_a_tolerated_ratio_is_tolerated() -> None:
    """Events just as much more frequent in the candidate as is tolerated lower the evidence."""
    test = sequential_test(tolerated_ratio=2.0)
    chance = random.Random(3)  # noqa: S311 - chance, not secrets
    for _ in range(3000):
        test.add(in_candidate=chance.random() < 2 / 3, share=0.5)
    assert test.e_value < 0.01


@given(
    share=st.floats(1e-9, 1 - 1e-9),
    part=st.floats(0, 1),
    tolerated_ratio=st.floats(1, 10),
    seen=st.lists(st.booleans(), max_size=20),
)
def test_no_event_raises_the_evidence_on_average(
    share: float, part: float, tolerated_ratio: float, seen: list[bool]
) -> None:
    """Whatever came before, the mean of the evidence over the next event's arms is at most what it is now, up to the tolerated
    ratio.
    """
    ratio = part * tolerated_ratio
    chance = share * ratio / (share * ratio + 1 - share)

    def evidence(*more: bool) -> float:
        test = sequential_test(tolerated_ratio=tolerated_ratio)
        for in_candidate in (*seen, *more):
            test.add(in_candidate=in_candidate, share=share)
        return test.e_value

    mean = chance * evidence(True) + (1 - chance) * evidence(False)  # noqa: FBT003 - the arm is what varies
    assert mean <= evidence() * (1 + 1e-9)


@pytest.mark.slow
def test_false_trips_are_rarer_than_alpha() -> None:
    """Of many runs without a difference, looked at after each event, at most alpha trip."""
    chance = random.Random(11)  # noqa: S311 - chance, not secrets
    tripped = 0
    for _ in range(400):
        test = SequentialTest(alpha=0.05, tolerated_ratio=1)
        for _ in range(200):
            test.add(in_candidate=chance.random() < 0.05, share=0.05)
            if test.tripped:
                tripped += 1
                break
    assert tripped <= 20


@given(parts=st.lists(EVENTS, max_size=5), order=st.randoms(use_true_random=False))
def test_sums_of_processes_are_the_sum_of_the_whole(
    parts: list[list[tuple[bool, float]]], order: random.Random
) -> None:
    """However events are spread over processes, and in whichever order the states are added, the sum is exactly the same."""
    whole = sequential_test()
    tests = []
    for events in parts:
        test = sequential_test()
        for in_candidate, share in events:
            for each in (whole, test):
                each.add(in_candidate=in_candidate, share=share)
        tests.append(test)
    order.shuffle(tests)
    merged = sequential_test()
    for test in tests:
        merged.merge(test)
    assert merged.state() == whole.state()
    assert merged.e_value == whole.e_value


def test_a_state_is_plain_and_comes_back() -> None:
    """A state survives JSON, and a database that keeps whole numbers as floats."""
    test = sequential_test()
    for number in range(500):
        test.add(in_candidate=number % 7 == 0, share=0.05)
    plain = json.loads(json.dumps(test.state()))
    assert all(int(float(value)) == value for value in plain.values())
    again = SequentialTest.from_state(plain, alpha=0.05, tolerated_ratio=1.25)
    assert (again.state(), again.e_value) == (test.state(), test.e_value)


def test_increments_are_what_an_event_adds() -> None:
    """Adding an event's increments is adding the event."""
    one, other = sequential_test(), sequential_test()
    one.add(in_candidate=True, share=0.25)
    other.add_state(other.increments(in_candidate=True, share=0.25))
    assert one.state() == other.state()


@pytest.mark.parametrize("in_candidate", [True, False])
@pytest.mark.parametrize("share", [0, 0.0, 1, 1.0, -0.0])
def test_a_certain_arm_tells_nothing(share: float, in_candidate: bool) -> None:  # noqa: FBT001 - a parameter
    """At a share of 0 or 1 nothing is counted."""
    test = sequential_test()
    test.add(in_candidate=in_candidate, share=share)
    assert test.state() == sequential_test().state()


@pytest.mark.parametrize("share", [5e-324, 1e-300, 1e-17, 1 - 2**-53, math.nextafter(1, 0)])
def test_extreme_shares_stay_finite(share: float) -> None:
    """A share as near to 0 or 1 as floats go gives finite factors within their bounds."""
    for in_candidate in (True, False):
        test = sequential_test()
        test.add(in_candidate=in_candidate, share=share)
        assert 1 / 31 < test.e_value < 31


def test_a_flood_overflows_nothing() -> None:
    """Hundreds of thousands of events in one arm keep the evidence finite, and JSON can hold it."""
    flood = sequential_test()
    for _ in range(1000):
        flood.add(in_candidate=True, share=0.01)
    state = flood.state()
    for _ in range(10):
        flood.add_state({name: value * 100 for name, value in state.items()})
    assert flood.candidate == 1_001_000
    assert 1e300 < flood.e_value < math.inf
    json.dumps(flood.e_value, allow_nan=False)
    calm = sequential_test()
    calm.add_state({name: -value * 1000 for name, value in state.items()})
    assert calm.e_value == 0.0
    assert not calm.tripped


def test_tests_of_other_ratios_do_not_merge() -> None:
    """Sums that mean something else are refused, with the reason."""
    with pytest.raises(ValueError, match="do not add up"):
        sequential_test().merge(sequential_test(tolerated_ratio=2.0))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": 1.0}, "alpha"),
        ({"alpha": math.nan}, "alpha"),
        ({"alpha": "0.05"}, "alpha"),
        ({"tolerated_ratio": 0.9}, "tolerated_ratio"),
        ({"tolerated_ratio": math.nan}, "tolerated_ratio"),
        ({"tolerated_ratio": "2"}, "tolerated_ratio"),
        ({"tolerated_ratio": math.inf}, "tolerated_ratio"),
        ({"ratios": ()}, "ratios"),
        ({"ratios": (1.0, 2.0)}, "ratios"),
        ({"ratios": (2.0, 2.0)}, "ratios"),
    ],
)
def test_settings_out_of_range_are_named(settings: dict[str, object], named: str) -> None:
    """A setting that cannot be is refused by its name."""
    with pytest.raises(ValueError, match=f"^{named} is"):
        SequentialTest(**{"alpha": 0.05, "tolerated_ratio": 1.25, **settings})  # type: ignore[arg-type]  # that is the point


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan, math.inf])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    """A share outside 0 to 1 is refused, and nothing is counted."""
    test = sequential_test()
    with pytest.raises(ValueError, match=r"^share is"):
        test.add(in_candidate=True, share=share)
    assert test.state() == sequential_test().state()
