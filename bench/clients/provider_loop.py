"""Any provider of this project on a select() loop: what the scripts of the adapter and of the native provider share.

Not a script itself.
"""

from __future__ import annotations

import select
import time

import shim
from bench.clients import measure
from shim.loops import select_loop


class Reader:
    """Gathers the text of one stream, or the arguments of its call, from its events."""

    def __init__(self, job: measure.Job) -> None:
        self.job = job
        self.started = time.monotonic()
        self.text: list[str] = []

    def on_event(self, event: shim.StreamEvent) -> None:
        """Take one event."""
        if type(event) is shim.TextDelta:
            piece = event.text
        elif type(event) is shim.ToolCallDelta:
            piece = event.arguments
        else:
            return
        if not self.text:
            self.job.first(self.started)
        self.text.append(piece)
        self.job.events += 1


class ProviderLoop:
    """Drives one provider until what was started has completed; `gather_ms` as `shim.loops.select_loop.Watch` takes it."""

    def __init__(self, provider: shim.Provider, *, gather_ms: float = 0) -> None:
        self.provider = provider
        self.gather_ms = gather_ms
        self.open = 0
        self.failures: list[str] = []

    def stream(self, job: measure.Job) -> None:
        """Stream all at once."""
        request = shim.ModelRequest(job.model, [shim.user(job.question)])
        for _ in range(job.streams):
            self.open += 1
            self.provider.start_stream(request, Reader(job).on_event, self._on_completion)
        self._drive()

    def ask(self, job: measure.Job) -> None:
        """Ask for all, so many at a time."""
        request = shim.ModelRequest(job.model, [shim.user(job.question)])
        left = job.streams * job.rounds

        def start() -> None:
            nonlocal left
            left -= 1
            self.open += 1
            self.provider.start_request(request, on_completion)

        def on_completion(completion: shim.Completion) -> None:
            self._on_completion(completion)
            job.events += bool(completion.response and completion.response.text)
            if left:
                start()

        for _ in range(job.streams):
            start()
        self._drive()

    def close(self) -> None:
        """Release everything."""
        self.provider.close()

    def _on_completion(self, completion: shim.Completion) -> None:
        self.open -= 1
        if completion.error:
            self.failures.append(str(completion.error))

    def _drive(self) -> None:
        provider, poll = self.provider, getattr(self.provider, "poll", None)
        if self.gather_ms:
            poll = select_loop.Watch(provider, gather_ms=self.gather_ms).turn
        while self.open:
            if poll is None:
                timeout = provider.timeout()
                select.select(*provider.fdset(), None if timeout < 0 else timeout / 1000)
                provider.perform()
            else:
                poll()
            provider.info_read()
        measure.expect_none(self.failures)
