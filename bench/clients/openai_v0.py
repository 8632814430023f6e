"""The official SDK as it was, 0.28: one thread per request, one session per thread.

Not the current one (`openai_async`, `openai_threads`).
"""

from __future__ import annotations

import time

from bench.clients import measure
from bench.clients.concurrency import ThreadedClient


class OpenAIV0(ThreadedClient):
    """The module is the client."""

    def __init__(self, job: measure.Job) -> None:
        super().__init__(job)
        openai = measure.library("openai")
        openai.api_key, openai.api_base = job.api_key, job.base_url
        self.create = openai.ChatCompletion.create

    def stream_one(self, job: measure.Job) -> int:
        """Stream one answer and gather its text."""
        started = time.monotonic()
        text: list[str] = []
        for chunk in self.create(**measure.question(job)):
            if chunk["choices"] and chunk["choices"][0]["delta"].get("content"):
                if not text:
                    job.first(started)
                text.append(chunk["choices"][0]["delta"]["content"])
        return len(text)

    def ask_one(self, job: measure.Job) -> int:
        """Ask for one whole answer."""
        answer = self.create(**measure.question(job))
        return int(bool(answer["choices"][0]["message"]["content"]))


if __name__ == "__main__":
    measure.run(OpenAIV0)
