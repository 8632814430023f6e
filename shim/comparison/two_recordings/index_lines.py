"""What the index of a recording makes of a line: the keys by which its exchange finds a partner, in whatever process.

Not the index (`indexed_recording`) nor the keys themselves (`keys`). Making keys costs a third of comparing, so it goes where the
comparing goes: a line is judged, by a comparer of no rung, and what comes of it is its keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shim.comparison.runs.judge import Judged, ReadsExchanges
from shim.comparison.two_recordings.answer_hashes import hashes_of
from shim.comparison.two_recordings.keys import keys_as_read, request_of
from shim.comparison.verdict import Rung, Verdict

if TYPE_CHECKING:
    from shim.comparison.runs.judge import Readings
    from shim.comparison.runs.lines import Line
    from shim.recording.exchange import Exchange


class ReadsKeys(ReadsExchanges):
    """Of a recording that is to be indexed: a line is an exchange, and its keys are told."""

    def left_out(self, _held: Exchange) -> str:
        """Nothing is: the index knows whose records are wanted."""
        return ""

    def told(self, line: Line, held: Exchange, *, verdicts: tuple[Verdict, ...]) -> Judged:
        """Its keys, its role, and what it says and repeats."""
        request = request_of(held)
        keys, hashes = keys_as_read(held, request), hashes_of(held, request)
        return Judged(
            number=line.number, pair_id=held.pair_id, verdicts=verdicts, keys=keys, role=held.role, hashes=hashes
        )


class NoComparer:
    """Compares nothing."""

    rungs: tuple[Rung, ...] = ()
    at_once = 1

    def compare(self, _exchange: Exchange) -> list[Verdict]:
        """Give no verdict."""
        return []

    def compare_all(self, exchanges: Sequence[Exchange]) -> list[list[Verdict]]:
        """Give none for each."""
        return [self.compare(each) for each in exchanges]

    def readings(self, _exchange: Exchange) -> Readings:
        """None."""
        return None, None

    def close(self) -> None:
        """Release nothing."""
