"""A bare aiohttp loop: events split by hand, `json.loads`. What a program without a client library would do.

Not the limit (`bare_loop`).
"""

from __future__ import annotations

import json
import time
from typing import Any

from bench.clients import measure
from bench.clients.concurrency import AsyncClient


class AiohttpBare(AsyncClient):
    """One session for all requests."""

    def __init__(self, job: measure.Job) -> None:
        super().__init__()
        self.url = f"{job.base_url}/chat/completions"
        self.session = self.loop.run_until_complete(_session(job))

    async def stream_one(self, job: measure.Job) -> None:
        """Stream one answer and gather its text."""
        started = time.monotonic()
        text: list[str] = []
        rest = b""
        async with self.session.post(self.url, json=measure.question(job), raise_for_status=True) as response:
            async for data in response.content.iter_any():
                *events, rest = (rest + data).split(b"\n\n")
                for event in events:
                    payload = event[6:]
                    if payload == b"[DONE]":
                        continue
                    chunk = json.loads(payload)
                    if chunk["choices"] and chunk["choices"][0]["delta"].get("content"):
                        if not text:
                            job.first(started)
                        text.append(chunk["choices"][0]["delta"]["content"])
                        job.events += 1

    async def ask_one(self, job: measure.Job) -> None:
        """Ask for one whole answer."""
        async with self.session.post(self.url, json=measure.question(job), raise_for_status=True) as response:
            answer = json.loads(await response.read())
            job.events += bool(answer["choices"][0]["message"]["content"])

    async def release(self) -> None:
        """Close the session."""
        await self.session.close()


async def _session(job: measure.Job) -> Any:
    aiohttp = measure.library("aiohttp")
    headers = {"Authorization": f"Bearer {job.api_key}"}
    return aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=0))


if __name__ == "__main__":
    measure.run(AiohttpBare)
