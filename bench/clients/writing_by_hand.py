"""`json.dumps` of a conversation, and nothing else: what any client must at least do before it sends it.

Not the native provider's writing (`writing_native`).
"""

from __future__ import annotations

import json
from typing import Any

from bench.clients import measure
from bench.clients.in_process import InProcess

_WORDS = "The quick brown fox jumps over the lazy dog, again and again. " * 4


def conversation(job: measure.Job) -> dict[str, Any]:
    """So many messages of some 250 bytes as the job has streams, in Chat Completions terms."""
    roles = ("user", "assistant")
    told = [{"role": roles[number % 2], "content": f"{number}: {_WORDS}"} for number in range(job.streams)]
    return {"model": job.model, "messages": told}


def make(job: measure.Job) -> InProcess:
    """Make the conversation."""
    body = conversation(job)
    return InProcess(lambda: bool(json.dumps(body)))


if __name__ == "__main__":
    measure.run(make)
