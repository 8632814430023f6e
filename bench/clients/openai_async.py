"""The official SDK, async.

Not its threaded use (`openai_threads`), nor the old one (`openai_v0`).
"""

from __future__ import annotations

import time

from bench.clients import measure
from bench.clients.concurrency import AsyncClient


class OpenAIAsync(AsyncClient):
    """One client for all requests."""

    def __init__(self, job: measure.Job) -> None:
        super().__init__()
        self.client = measure.library("openai").AsyncOpenAI(api_key=job.api_key, base_url=job.base_url, max_retries=0)

    async def stream_one(self, job: measure.Job) -> None:
        """Stream one answer and gather its text."""
        started = time.monotonic()
        text: list[str] = []
        async for chunk in await self.client.chat.completions.create(**measure.question(job)):
            if chunk.choices and chunk.choices[0].delta.content:
                if not text:
                    job.first(started)
                text.append(chunk.choices[0].delta.content)
                job.events += 1

    async def ask_one(self, job: measure.Job) -> None:
        """Ask for one whole answer."""
        answer = await self.client.chat.completions.create(**measure.question(job))
        job.events += bool(answer.choices[0].message.content)

    async def release(self) -> None:
        """Close the client."""
        await self.client.close()


if __name__ == "__main__":
    measure.run(OpenAIAsync)
