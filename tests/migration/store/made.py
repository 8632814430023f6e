"""What the tests of stores are made of: a flag, pins, batches, a clock, and a look for secrets.

Not the stores themselves (`conftest`), not the server (`redis_process`).
"""

from __future__ import annotations

from typing import Any, Final

from shim.migration.store import Batch, StoredPin
from tests.migration.store.redis_process import PASSWORD

FLAG: Final = "openai"
CONTROL: Final = StoredPin(arm="control", share=0.25)
CANDIDATE: Final = StoredPin(arm="candidate", share=0.25)


class Clock:
    """Epoch seconds that go on when told."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def batch(batch_id: str = "1", *, epoch: str = "ramp 5", **parts: Any) -> Batch:
    """A batch for an epoch of its usual name."""
    return Batch(batch_id=batch_id, epoch=epoch, **parts)


def shows_no_secret(text: str) -> bool:
    """Whether neither the password nor its escaped form stands in a text."""
    return not any(secret in text for secret in (PASSWORD, "geheim"))


def chain(error: BaseException | None) -> str:
    """An error with all that hangs on it, as a log shows it and as an error tracker digs it out."""
    texts = []
    while error is not None:
        texts.append(f"{error!r} {error}")
        error = error.__cause__ or error.__context__
    return "\n".join(texts)
