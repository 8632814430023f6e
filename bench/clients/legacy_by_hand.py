"""The legacy client as old code uses it: a select() loop, and `json.loads` by hand in every stream callback.

Not through the shim (`adapter`): this is the control side of the comparison.
"""

from __future__ import annotations

import functools
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
                    self.job.first_event_seconds.append(time.monotonic() - self.started)
                self.text.append(content)
                self.job.events += 1


def stream_all(job: measure.Job) -> None:
    """Stream all at once, on one select() loop."""
    with MultiClient(max_concurrency=job.streams) as client:
        config = Config(openai_api_key=job.api_key, openai_model=job.model, openai_base_url=job.base_url)
        conversation = Conversation().add(Message("user", measure.QUESTION))
        done: list[HttpCompletion] = []
        for _ in range(job.streams):
            client.add_request(config, conversation, Reader(job).on_data, functools.partial(done.append))
        while len(done) < job.streams:
            timeout = client.timeout()
            select.select(*client.fdset(), None if timeout < 0 else timeout / 1000)
            client.perform()
            client.info_read()
    measure.expect_none([completion.error_message for completion in done if completion.http_code != 200])


if __name__ == "__main__":
    measure.run(stream_all)
