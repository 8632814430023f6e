"""Many requests at once where the measured library leaves that to asyncio or to threads.

Not a script itself. Standard library only: it runs in every peer's environment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bench.clients import measure


class AsyncClient:
    """A client whose every request is a task on one event loop. A subclass says how to make one request."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()

    async def stream_one(self, job: measure.Job) -> None:
        """Stream one answer, note its events."""
        raise NotImplementedError

    async def ask_one(self, job: measure.Job) -> None:
        """Ask for one whole answer, note it."""
        raise NotImplementedError

    async def release(self) -> None:
        """Release the library's own."""

    def stream(self, job: measure.Job) -> None:
        """Stream all at once."""
        self._run(lambda: self.stream_one(job), at_once=job.streams, times=1)

    def ask(self, job: measure.Job) -> None:
        """Ask for all, so many at a time."""
        self._run(lambda: self.ask_one(job), at_once=job.streams, times=job.rounds)

    def close(self) -> None:
        """Release everything."""
        self.loop.run_until_complete(self.release())
        self.loop.close()

    def _run(self, one: Callable[[], Coroutine[Any, Any, None]], *, at_once: int, times: int) -> None:
        async def one_after_the_other() -> None:
            for _ in range(times):
                await one()

        async def everything() -> None:
            await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))

        self.loop.run_until_complete(everything())


class ThreadedClient:
    """A client whose every request blocks a thread. A subclass says how to make one request and returns its events."""

    def __init__(self, job: measure.Job) -> None:
        self.pool = ThreadPoolExecutor(job.streams)

    def stream_one(self, job: measure.Job) -> int:
        """Stream one answer; how many events it had."""
        raise NotImplementedError

    def ask_one(self, job: measure.Job) -> int:
        """Ask for one whole answer."""
        raise NotImplementedError

    def release(self) -> None:
        """Release the library's own."""

    def stream(self, job: measure.Job) -> None:
        """Stream all at once."""
        job.events += sum(self.pool.map(self.stream_one, [job] * job.streams))

    def ask(self, job: measure.Job) -> None:
        """Ask for all, so many at a time."""
        job.events += sum(self.pool.map(self.ask_one, [job] * (job.streams * job.rounds)))

    def close(self) -> None:
        """Release everything."""
        self.pool.shutdown()
        self.release()
