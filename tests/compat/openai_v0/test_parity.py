"""Tests that ours does what was measured of the real openai 0.28.1: requests, values, exceptions, streams."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from shim.compat.openai_v0.deviations import DEVIATIONS
from tests.compat.openai_v0.calls import CALLS
from tests.compat.openai_v0.comparing import compare, leaves
from tests.compat.openai_v0.measuring import measured, told_by

GROUPS = 3
NAMES = sorted(CALLS)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("group", range(GROUPS))
@pytest.mark.parametrize("mode", ["legacy", "native"])
def test_ours_does_what_was_measured(mode: str, group: int) -> None:
    """Every fact of every call is that of openai 0.28.1, or differs as the table of deviations says."""
    names = NAMES[group::GROUPS]
    real = {name: told for name, told in measured().items() if name in names or name == "after all"}
    ours = told_by(Path(sys.executable), mode, names=names, seconds=170)
    ours = {name: told for name, told in ours.items() if name in real}  # a redirect ends at another call's address
    tally = compare(real, ours, mode=mode)
    assert not tally.unlisted, tally.unlisted[:10]
    assert tally.calls == len(names)
    assert tally.equal > 20 * tally.calls


def test_every_call_was_measured() -> None:
    """No call is without what the real one did."""
    assert set(CALLS) <= set(measured())


def test_deviations_are_of_calls_that_exist() -> None:
    """A deviation that is measured names calls, and facts of them, that are there."""
    real = measured()
    for deviation in DEVIATIONS:
        for calls, places in deviation.measured:
            found = [
                place
                for name, told in real.items()
                if re.search(calls, name)
                for place, _ in leaves(told)
                if re.search(places, place)
            ]
            assert found, f"{deviation.name}: {calls} {places}"


def test_each_deviation_has_its_reason_and_its_own_name() -> None:
    """The table says what is there, what is here and why, under a name of its own."""
    assert all(each.there and each.here and each.reason and each.modes for each in DEVIATIONS)
    assert len({each.name for each in DEVIATIONS}) == len(DEVIATIONS)


def test_a_difference_is_found() -> None:
    """A fact that differs and is not listed is told with its place and both values."""
    real = {"call": {"outcome": {"gave": 1, "same": [2]}}}
    tally = compare(real, {"call": {"outcome": {"gave": 3, "same": [2]}}}, mode="legacy")
    assert tally.unlisted == [("call", "/outcome/gave", 1, 3)]
    assert (tally.facts, tally.equal, tally.listed) == (2, 1, 0)
