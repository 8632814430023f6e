"""The official SDK, async: one event loop, one task per stream.

Not the threaded use (`openai_threads`).
"""

from __future__ import annotations

import asyncio
import time

from openai import AsyncOpenAI

from bench.clients import measure


async def one(client: AsyncOpenAI, job: measure.Job) -> None:
    """Stream one answer and gather its text."""
    started = time.monotonic()
    text: list[str] = []
    stream = await client.chat.completions.create(
        model=job.model,
        messages=[{"role": "user", "content": measure.QUESTION}],
        stream=True,
        stream_options={"include_usage": True},
    )
    async for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            if not text:
                job.first_event_seconds.append(time.monotonic() - started)
            text.append(chunk.choices[0].delta.content)
            job.events += 1


async def everything(job: measure.Job) -> None:
    """Stream all at once."""
    async with AsyncOpenAI(api_key=job.api_key, base_url=job.base_url, max_retries=0) as client:
        await asyncio.gather(*(one(client, job) for _ in range(job.streams)))


def stream_all(job: measure.Job) -> None:
    """Stream all at once, on one event loop."""
    asyncio.run(everything(job))


if __name__ == "__main__":
    measure.run(stream_all)
