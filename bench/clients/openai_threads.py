"""The official SDK, synchronous: one thread per stream, one shared client.

Not the async use (`openai_async`).
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from openai import OpenAI

from bench.clients import measure


def one(client: OpenAI, job: measure.Job) -> int:
    """Stream one answer and gather its text; return how many events it had."""
    started = time.monotonic()
    text: list[str] = []
    stream = client.chat.completions.create(
        model=job.model,
        messages=[{"role": "user", "content": measure.QUESTION}],
        stream=True,
        stream_options={"include_usage": True},
    )
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            if not text:
                job.first_event_seconds.append(time.monotonic() - started)
            text.append(chunk.choices[0].delta.content)
    return len(text)


def stream_all(job: measure.Job) -> None:
    """Stream all at once, each on a thread."""
    with (
        OpenAI(api_key=job.api_key, base_url=job.base_url, max_retries=0) as client,
        ThreadPoolExecutor(job.streams) as pool,
    ):
        job.events += sum(pool.map(lambda _number: one(client, job), range(job.streams)))


if __name__ == "__main__":
    measure.run(stream_all)
