"""Writes a conversation as the native provider does before it sends it: looks at every field, and serialises.

Not the sending (`native`), nor `json.dumps` of the same (`writing_by_hand`).
"""

from __future__ import annotations

import shim
from bench.clients import measure
from bench.clients.in_process import InProcess
from bench.clients.writing_by_hand import conversation
from shim.native import NativeProvider


def make(job: measure.Job) -> InProcess:
    """Make the conversation."""
    provider = NativeProvider(api_key=job.api_key, base_url=job.base_url, api="chat_completions")
    words = [message["content"] for message in conversation(job)["messages"]]
    makers = (shim.user, shim.assistant)
    request = shim.ModelRequest(job.model, [makers[number % 2](text) for number, text in enumerate(words)])
    return InProcess(lambda: bool(provider.sent_request(request, stream=False).body))


if __name__ == "__main__":
    measure.run(make)
