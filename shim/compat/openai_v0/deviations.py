"""Where this package does not do as openai 0.28.1 did, with the reason: the one table.

Not a list of bugs: each line is on purpose. `bench.parity_v0` counts the facts that differ by it, and finds none that is not here.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from msgspec import Struct

Way: TypeAlias = Literal["legacy", "native"]
_BOTH: tuple[Way, ...] = ("legacy", "native")


class Deviation(Struct, frozen=True, kw_only=True):
    """One difference.

    Attributes:
        name: short, for counting.
        there, here: what 0.28.1 does, and what this does.
        reason: why.
        modes: the providers of chat it holds for.
        measured: regular expressions of the calls of the parity suite and of the facts in which it shows.
    """

    name: str
    there: str
    here: str
    reason: str
    modes: tuple[Way, ...] = _BOTH
    measured: tuple[tuple[str, str], ...] = ()


DEVIATIONS: tuple[Deviation, ...] = ()
