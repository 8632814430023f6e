"""`shim.AsyncClient` on the native provider: each request awaited on one event loop.

Not the callbacks below it (`native`), nor the same in threads (`client_threads`).
"""

from __future__ import annotations

import time

import shim
from bench.clients import measure
from bench.clients.concurrency import AsyncClient


class ShimAsync(AsyncClient):
    """One client for all requests."""

    def __init__(self, job: measure.Job) -> None:
        super().__init__()
        self.client = shim.AsyncClient(
            "native", api_key=job.api_key, base_url=job.base_url, ca_file=job.ca_file, api="chat_completions"
        )

    async def stream_one(self, job: measure.Job) -> None:
        """Stream one answer and gather its text."""
        started = time.monotonic()
        text: list[str] = []
        async with self.client.stream(shim.ModelRequest(job.model, [shim.user(job.question)])) as stream:
            async for event in stream:
                if type(event) is shim.TextDelta:
                    if not text:
                        job.first(started)
                    text.append(event.text)
                    job.events += 1

    async def ask_one(self, job: measure.Job) -> None:
        """Ask for one whole answer."""
        response = await self.client.complete(shim.ModelRequest(job.model, [shim.user(job.question)]))
        job.events += bool(response.text)

    async def release(self) -> None:
        """Close the client."""
        await self.client.close()


if __name__ == "__main__":
    measure.run(ShimAsync)
