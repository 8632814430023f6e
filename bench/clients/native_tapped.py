"""The native provider with a tap to a file, the recorder's own rules.

Not the tap that covers the conversation (`native_covered`), nor the provider without one (`native`).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench.clients import measure
from bench.clients.provider_loop import ProviderLoop
from shim.comparison import Redaction, tap
from shim.native import NativeProvider


class TappedLoop(ProviderLoop):
    """A provider whose traffic is recorded; what a run costs has the writing in it."""

    def __init__(self, job: measure.Job, *, redaction: Redaction | None = None) -> None:
        provider = NativeProvider(api_key=job.api_key, base_url=job.base_url, api="chat_completions")
        super().__init__(provider)
        self.folder = tempfile.TemporaryDirectory()
        self.tap = tap(provider, Path(self.folder.name, "recorded.jsonl"), redaction=redaction)

    def stream(self, job: measure.Job) -> None:
        """Stream all at once, and wait until it is written."""
        super().stream(job)
        self.tap.flush()

    def ask(self, job: measure.Job) -> None:
        """Ask for all, and wait until it is written."""
        super().ask(job)
        self.tap.flush()

    def close(self) -> None:
        """Release everything; a recording that is not whole is no figure."""
        self.tap.remove()
        measure.expect_none(["an exchange was not recorded"] * (self.tap.dropped + self.tap.failed))
        super().close()
        self.folder.cleanup()


if __name__ == "__main__":
    measure.run(TappedLoop)
