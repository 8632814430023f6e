"""Tests of the sample-ratio test: shares that are told and not kept are found, in either direction, and kept ones are not."""

from __future__ import annotations

import random

import pytest

from shim.migration.sample_ratio import SampleRatioTest


def units_until_failed(*, told: float, real: float, seed: int, most: int = 20_000) -> int | None:
    """Units until the test fails; None where it does not."""
    chance = random.Random(seed)  # noqa: S311 - chance, not secrets
    test = SampleRatioTest()
    for number in range(1, most + 1):
        test.add(in_candidate=chance.random() < real, share=told)
        if test.failed:
            return number
    return None


@pytest.mark.parametrize(
    ("told", "real", "most"),
    [(0.05, 0.10, 1500), (0.05, 0.0, 200), (0.5, 0.4, 1500), (0.25, 0.5, 300), (0.5, 0.6, 1500)],
)
def test_a_wrong_share_is_found(told: float, real: float, most: int) -> None:
    """A share that is told and not kept fails the test within a bounded number of units, too high or too low."""
    found = [units_until_failed(told=told, real=real, seed=seed) for seed in range(10)]
    assert all(number is not None and number <= most for number in found), found


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.01, 0.05, 0.5])
def test_a_kept_share_is_believed(share: float) -> None:
    """Of runs in which the told share is kept hardly any fails, though it is looked at after each unit."""
    failed = [units_until_failed(told=share, real=share, seed=seed, most=2000) for seed in range(30)]
    assert sum(number is not None for number in failed) <= 1


def test_fewer_than_a_hundred_units_do_not_fail() -> None:
    """Ninety-nine units in one arm are not judged, and the hundredth fails the test."""
    test = SampleRatioTest()
    for _ in range(99):
        test.add(in_candidate=True, share=0.05)
        assert not test.failed
    test.add(in_candidate=True, share=0.05)
    assert test.failed


def test_shares_may_change_on_the_way() -> None:
    """Each unit is judged by its own told share, so a ramp that is kept does not fail."""
    chance = random.Random(5)  # noqa: S311 - chance, not secrets
    test = SampleRatioTest()
    for number in range(6000):
        share = (0.05, 0.25, 0.5)[number // 2000]
        test.add(in_candidate=chance.random() < share, share=share)
        assert not test.failed
    assert test.told_share == pytest.approx(0.8 / 3, abs=1e-6)
    assert test.real_share == pytest.approx(0.8 / 3, abs=0.03)


def test_states_add_up() -> None:
    """The states of two halves are exactly that of the whole, the told share included."""
    chance = random.Random(9)  # noqa: S311 - chance, not secrets
    whole, halves = SampleRatioTest(), (SampleRatioTest(), SampleRatioTest())
    for number in range(1000):
        in_candidate = chance.random() < 0.25
        for test in (whole, halves[number % 2]):
            test.add(in_candidate=in_candidate, share=0.25)
    merged = halves[0].merge(halves[1])
    assert merged.state() == whole.state()
    assert SampleRatioTest.from_state(whole.state()).told_share == whole.told_share == 0.25


def test_certain_arms_are_left_out() -> None:
    """Units whose arm was certain count neither as told nor as given."""
    test = SampleRatioTest()
    for _ in range(1000):
        test.add(in_candidate=False, share=0.0)
        test.add(in_candidate=True, share=1.0)
    assert (test.told_share, test.real_share, test.e_value) == (None, None, 1.0)
