"""litellm, async, on its OpenAI-compatible provider.

Not the SDK it stands on (`openai_async`).
"""

from __future__ import annotations

import sys
import time
from typing import Any

from bench.clients import measure
from bench.clients.concurrency import AsyncClient


class LiteLLM(AsyncClient):
    """The module is the client."""

    def __init__(self, _job: measure.Job) -> None:
        super().__init__()
        litellm = measure.library("litellm")
        litellm.REPEATED_STREAMING_CHUNK_LIMIT = sys.maxsize  # the server says one word all the time
        self.completion = litellm.acompletion

    async def stream_one(self, job: measure.Job) -> None:
        """Stream one answer and gather its text."""
        started = time.monotonic()
        text: list[str] = []
        async for chunk in await self.completion(**_request(job)):
            if chunk.choices and chunk.choices[0].delta.content:
                if not text:
                    job.first(started)
                text.append(chunk.choices[0].delta.content)
                job.events += 1

    async def ask_one(self, job: measure.Job) -> None:
        """Ask for one whole answer."""
        answer = await self.completion(**_request(job))
        job.events += bool(answer.choices[0].message.content)


def _request(job: measure.Job) -> dict[str, Any]:
    account = {"api_key": job.api_key, "api_base": job.base_url, "max_retries": 0}
    return measure.question(job) | account | {"model": f"openai/{job.model}"}


if __name__ == "__main__":
    measure.run(LiteLLM)
