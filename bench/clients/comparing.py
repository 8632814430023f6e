"""Compares recorded exchanges by wire and tee in one process, as `shim compare` does: half of them streams.

Not the figures of each rung and of several processes (`bench.compare_rate`).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.clients import measure
from bench.clients.in_process import InProcess
from bench.compare_rate import judged, record, write
from shim.comparison.comparer import RUNGS

EXCHANGES = 100


class Comparing(InProcess):
    """A recording, compared again and again."""

    def __init__(self, _job: measure.Job) -> None:
        super().__init__(self.compare)
        self.folder = tempfile.TemporaryDirectory()
        self.path = write(Path(self.folder.name, "recorded.jsonl"), record(), count=EXCHANGES)

    def compare(self) -> int:
        """Compare them all; how many there are."""
        judged(self.path, rungs=RUNGS)
        return EXCHANGES

    def close(self) -> None:
        """Release everything."""
        self.folder.cleanup()


if __name__ == "__main__":
    measure.run(Comparing)
