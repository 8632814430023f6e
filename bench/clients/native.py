"""The native provider, Chat Completions, on a select() loop.

Not the adapter (`adapter`), nor the Responses API (`native_responses`).
"""

from __future__ import annotations

from bench.clients import measure
from bench.clients.provider_loop import ProviderLoop
from shim.native import NativeProvider


def make(job: measure.Job) -> ProviderLoop:
    """Make the provider."""
    return ProviderLoop(
        NativeProvider(api_key=job.api_key, base_url=job.base_url, ca_file=job.ca_file, api="chat_completions")
    )


if __name__ == "__main__":
    measure.run(make)
