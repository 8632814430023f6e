"""The official SDK, synchronous: one thread per request, one shared client.

Not its async use (`openai_async`), nor the old one (`openai_v0`).
"""

from __future__ import annotations

import time

from bench.clients import measure
from bench.clients.concurrency import ThreadedClient


class OpenAIThreads(ThreadedClient):
    """One client for all threads."""

    def __init__(self, job: measure.Job) -> None:
        super().__init__(job)
        self.client = measure.library("openai").OpenAI(api_key=job.api_key, base_url=job.base_url, max_retries=0)

    def stream_one(self, job: measure.Job) -> int:
        """Stream one answer and gather its text."""
        started = time.monotonic()
        text: list[str] = []
        for chunk in self.client.chat.completions.create(**measure.question(job)):
            if chunk.choices and chunk.choices[0].delta.content:
                if not text:
                    job.first(started)
                text.append(chunk.choices[0].delta.content)
        return len(text)

    def ask_one(self, job: measure.Job) -> int:
        """Ask for one whole answer."""
        answer = self.client.chat.completions.create(**measure.question(job))
        return int(bool(answer.choices[0].message.content))

    def release(self) -> None:
        """Close the client."""
        self.client.close()


if __name__ == "__main__":
    measure.run(OpenAIThreads)
