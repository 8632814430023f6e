"""Work that sends nothing: what its scripts share. Each round of a job is one piece of it.

Not a script itself, nor what talks to a server (`provider_loop`, `concurrency`).
"""

from __future__ import annotations

from collections.abc import Callable

from bench.clients import measure


class InProcess:
    """Does one piece of work again and again; `piece` says how many events it was."""

    def __init__(self, piece: Callable[[], int]) -> None:
        self.piece = piece

    def stream(self, job: measure.Job) -> None:
        """Warm up."""
        job.events += self.piece()

    def ask(self, job: measure.Job) -> None:
        """Do it all."""
        for _ in range(job.rounds):
            job.events += self.piece()

    def close(self) -> None:
        """Nothing is open."""
