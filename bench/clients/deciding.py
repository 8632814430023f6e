"""Decides which arm a request takes, as a rollout does: a policy in a file, and the file of a kill switch.

Not the figures of every setup (`bench.decision_cost`).
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

from bench.clients import measure
from bench.clients.in_process import InProcess
from bench.decision_cost import plain
from shim.migration import Rollout

BATCH = 100


class Deciding(InProcess):
    """A rollout, asked for ever new conversations."""

    def __init__(self, _job: measure.Job) -> None:
        super().__init__(self.decide)
        self.folder = tempfile.TemporaryDirectory()
        settings = plain(Path(self.folder.name))
        self.rollout = Rollout(settings.pop("policy"), **settings)
        self.units = map("conversation-{:08d}".format, itertools.count())

    def decide(self) -> int:
        """Decide for some conversations; how many."""
        return sum(bool(self.rollout.decide(unit).arm) for unit in itertools.islice(self.units, BATCH))

    def close(self) -> None:
        """Release everything."""
        self.rollout.close()
        self.folder.cleanup()


if __name__ == "__main__":
    measure.run(Deciding)
