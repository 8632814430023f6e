"""A fine-tuning job on its way, whichever of the two APIs it was made by: its stages, and what it says at each.

Not how a job is described (`fine_tunes`, `fine_tuning_jobs`). No clock moves it: each look at a job moves it on by one stage,
so that whoever asks until it is done sees every stage and never waits.
"""

from collections.abc import Callable
from dataclasses import dataclass

from shim.testing.fake_openai.answers import ApiError

# Per epoch and in all; nothing is trained.
RESULTS = "step,train_loss,train_accuracy\n1,0.5,0.75\n2,0.25,0.875\n"


@dataclass
class Training:
    """The progress of a job through its `stages`, the last of which is success. `on_success` makes what it leaves behind."""

    stages: tuple[str, ...]
    on_success: Callable[[], None]
    place: int = 0
    cancelled: bool = False

    @property
    def status(self) -> str:
        """The stage, or "cancelled"."""
        return "cancelled" if self.cancelled else self.stages[self.place]

    @property
    def succeeded(self) -> bool:
        """Whether there is a model now."""
        return self.place == len(self.stages) - 1

    @property
    def ended(self) -> bool:
        """Whether it moves no further."""
        return self.cancelled or self.succeeded

    def advance(self) -> None:
        """Move on by a stage, unless it has ended."""
        if self.ended:
            return
        self.place += 1
        if self.succeeded:
            self.on_success()

    def finish(self) -> None:
        """Move on to the end."""
        while not self.ended:
            self.advance()

    def cancel(self, identifier: str) -> None:
        """Stop; ApiError 400 for a job that has ended."""
        if self.ended:
            raise ApiError(
                400, f"Job {identifier} has already {self.status}.", param="fine_tune_id", code="invalid_state"
            )
        self.cancelled = True


def no_job(identifier: str) -> ApiError:
    """The error for a job that does not exist."""
    message = f"Could not find fine tune: {identifier}"
    return ApiError(404, message, param="fine_tune_id", code="fine_tune_not_found")
