"""The legacy client as old code uses it: a select() loop, and `json.loads` by hand in every callback.

Not through the shim (`adapter`): this is the control side of the comparison.
"""

from __future__ import annotations

import json
import select
import time

from bench.clients import measure
from legacy_openai import Config, Conversation, HttpCompletion, Message, MultiClient


class Reader:
    """Gathers the text of one stream, as old code does."""

    def __init__(self, job: measure.Job) -> None:
        self.job = job
        self.started = time.monotonic()
        self.text: list[str] = []

    def on_data(self, data: bytes) -> None:
        """Take one payload."""
        if data == b"[DONE]":
            return
        chunk = json.loads(data)
        if chunk["choices"]:
            content = chunk["choices"][0]["delta"].get("content")
            if content:
                if not self.text:
                    self.job.first(self.started)
                self.text.append(content)
                self.job.events += 1


class Legacy:
    """One client, driven until what was started has completed."""

    def __init__(self, job: measure.Job) -> None:
        self.client = MultiClient(max_concurrency=job.streams)
        self.conversation = Conversation().add(Message("user", measure.QUESTION))
        self.open = 0
        self.failures: list[str] = []

    def stream(self, job: measure.Job) -> None:
        """Stream all at once."""
        config = Config(openai_api_key=job.api_key, openai_model=job.model, openai_base_url=job.base_url)
        for _ in range(job.streams):
            self.open += 1
            self.client.add_request(config, self.conversation, Reader(job).on_data, self._on_completion)
        self._drive()

    def ask(self, job: measure.Job) -> None:
        """Ask for all, so many at a time."""
        config = Config(openai_api_key=job.api_key, openai_model=job.model, openai_base_url=job.base_url)
        left = job.streams * job.rounds

        def start() -> None:
            nonlocal left
            left -= 1
            self.open += 1
            self.client.add_request(config, self.conversation, completion_cb=on_completion)

        def on_completion(completion: HttpCompletion) -> None:
            self._on_completion(completion)
            job.events += bool(json.loads(completion.body)["choices"][0]["message"]["content"])
            if left:
                start()

        for _ in range(job.streams):
            start()
        self._drive()

    def close(self) -> None:
        """Release everything."""
        self.client.close()

    def _on_completion(self, completion: HttpCompletion) -> None:
        self.open -= 1
        if completion.http_code != 200:
            self.failures.append(completion.error_message)

    def _drive(self) -> None:
        client = self.client
        while self.open:
            timeout = client.timeout()
            select.select(*client.fdset(), None if timeout < 0 else timeout / 1000)
            client.perform()
            client.info_read()
        measure.expect_none(self.failures)


if __name__ == "__main__":
    measure.run(Legacy)
