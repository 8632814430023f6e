"""Tests that the real library with something beside it does what was measured of it alone, by either arm."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.compat.openai_v0.calls import CALLS
from tests.compat.openai_v0.comparing import compare
from tests.compat.openai_v0.measuring import measured, told_by

GROUPS = 5
NAMES = sorted(CALLS)


@pytest.mark.parametrize("group", range(GROUPS))
@pytest.mark.parametrize("arm", ["control", "candidate"])
def test_an_arm_does_what_was_measured(real: Any, arm: str, group: int) -> None:
    """By control every fact of every call is the same; by the candidate some differ as the table of deviations says."""
    del real
    names = NAMES[group::GROUPS]
    alone = {name: told for name, told in measured().items() if name in names or name == "after all"}
    beside = told_by(Path(sys.executable), arm, names=names, seconds=18)
    beside = {name: told for name, told in beside.items() if name in alone}  # a redirect ends at another call's address
    tally = compare(alone, beside, mode="native" if arm == "candidate" else "")
    assert not tally.unlisted, tally.unlisted[:10]
    assert tally.calls == len(names)
    assert arm == "candidate" or tally.listed == 0
