"""Compares what two libraries told of the same calls, fact by fact, and knows which differences are listed.

Not the telling (`telling`). A fact is one leaf of the JSON that is told, by its path.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from shim.compat.openai_v0.deviations import DEVIATIONS, Deviation

_ABSENT = "(absent)"


@dataclass
class Tally:
    """The counts of one comparison.

    Attributes:
        calls, facts, equal, listed: how many.
        by_deviation: facts that differ as a listed deviation says, by its name.
        unlisted: the others: call, place, what the real one told, what ours did.
    """

    calls: int = 0
    facts: int = 0
    equal: int = 0
    by_deviation: Counter[str] = field(default_factory=Counter)
    unlisted: list[tuple[str, str, Any, Any]] = field(default_factory=list)

    @property
    def listed(self) -> int:
        """Facts that differ as is listed."""
        return sum(self.by_deviation.values())


def compare(real: Mapping[str, Any], ours: Mapping[str, Any], *, mode: str) -> Tally:
    """Compare every call that either told of."""
    tally = Tally()
    for name in sorted({*real, *ours}):
        tally.calls += "outcome" in real.get(name, ours.get(name, {}))
        expected, got = dict(leaves(real.get(name, {}))), dict(leaves(ours.get(name, {})))
        for place in sorted({*expected, *got}):
            tally.facts += 1
            pair = expected.get(place, _ABSENT), got.get(place, _ABSENT)
            if pair[0] == pair[1]:
                tally.equal += 1
            elif (deviation := _listed(name, place, mode=mode)) is not None:
                tally.by_deviation[deviation.name] += 1
            else:
                tally.unlisted.append((name, place, *pair))
    return tally


def leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf with its path; an empty list or object is a leaf too."""
    if isinstance(value, dict) and value:
        for name, each in value.items():
            yield from leaves(each, f"{place}/{name}")
    elif isinstance(value, list) and value:
        for position, each in enumerate(value):
            yield from leaves(each, f"{place}/{position}")
    else:
        yield place, str(value) if isinstance(value, float) and value != value else value


def _listed(name: str, place: str, *, mode: str) -> Deviation | None:
    for deviation in DEVIATIONS:
        if mode in deviation.modes and any(
            re.search(calls, name) and re.search(places, place) for calls, places in deviation.measured
        ):
            return deviation
    return None
