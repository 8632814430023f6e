"""`shim.Client` on the native provider: one thread per request, one shared client.

Not the callbacks below it (`native`), nor the same on asyncio (`client_async`).
"""

from __future__ import annotations

import time

import shim
from bench.clients import measure
from bench.clients.concurrency import ThreadedClient


class ShimThreads(ThreadedClient):
    """One client for all threads."""

    def __init__(self, job: measure.Job) -> None:
        super().__init__(job)
        self.client = shim.Client(
            "native", api_key=job.api_key, base_url=job.base_url, ca_file=job.ca_file, api="chat_completions"
        )

    def stream_one(self, job: measure.Job) -> int:
        """Stream one answer and gather its text."""
        started = time.monotonic()
        text: list[str] = []
        with self.client.stream(shim.ModelRequest(job.model, [shim.user(job.question)])) as stream:
            for event in stream:
                if type(event) is shim.TextDelta:
                    if not text:
                        job.first(started)
                    text.append(event.text)
        return len(text)

    def ask_one(self, job: measure.Job) -> int:
        """Ask for one whole answer."""
        return int(bool(self.client.complete(shim.ModelRequest(job.model, [shim.user(job.question)])).text))

    def release(self) -> None:
        """Close the client."""
        self.client.close()


if __name__ == "__main__":
    measure.run(ShimThreads)
