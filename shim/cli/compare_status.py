"""The exit statuses of `shim compare`: what a run came to, as one number.

Not those all commands have in common (`main`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shim.comparison.verdict import Outcome

if TYPE_CHECKING:
    from shim.comparison.runs.tally import Tally

MATCH, MISMATCH, UNUSABLE = 0, 1, 2


def exit_status(tally: Tally) -> int:
    """How a run came out, as a status. Unusable input comes first: what it would have said is not known."""
    if tally.unusable or not tally.exchanges:
        return UNUSABLE
    if tally.count(Outcome.MISMATCH):
        return MISMATCH
    return UNUSABLE if tally.count(Outcome.FAILED) else MATCH
