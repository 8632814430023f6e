"""The legacy client through the shim: the same select() loop, normalized events instead of JSON by hand.

Not the legacy client alone (`legacy_by_hand`).
"""

from __future__ import annotations

import select
import time

import shim
from bench.clients import measure
from shim.legacy_adapter import LegacyProvider


class Reader:
    """Gathers the text of one stream from its events."""

    def __init__(self, job: measure.Job) -> None:
        self.job = job
        self.started = time.monotonic()
        self.text: list[str] = []

    def on_event(self, event: shim.StreamEvent) -> None:
        """Take one event."""
        if type(event) is shim.TextDelta:
            if not self.text:
                self.job.first_event_seconds.append(time.monotonic() - self.started)
            self.text.append(event.text)
            self.job.events += 1


def stream_all(job: measure.Job) -> None:
    """Stream all at once, on one select() loop."""
    provider = LegacyProvider(api_key=job.api_key, base_url=job.base_url, max_concurrency=job.streams)
    request = shim.ModelRequest(job.model, [shim.user(measure.QUESTION)])
    done: list[shim.Completion] = []
    for _ in range(job.streams):
        provider.start_stream(request, Reader(job).on_event, done.append)
    while len(done) < job.streams:
        timeout = provider.timeout()
        select.select(*provider.fdset(), None if timeout < 0 else timeout / 1000)
        provider.perform()
        provider.info_read()
    provider.close()
    measure.expect_none([str(completion.error) for completion in done if completion.error])


if __name__ == "__main__":
    measure.run(stream_all)
