"""The native provider on a loop that lets 2 ms of events gather before it reads them.

Nobody sees 2 ms in a stream of text. Not the loop that reads each at once (`native`).
"""

from __future__ import annotations

from bench.clients import measure
from bench.clients.provider_loop import ProviderLoop
from shim.native import NativeProvider

GATHER_MS = 2


def make(job: measure.Job) -> ProviderLoop:
    """Make the provider."""
    provider = NativeProvider(api_key=job.api_key, base_url=job.base_url, api="chat_completions")
    return ProviderLoop(provider, gather_ms=GATHER_MS)


if __name__ == "__main__":
    measure.run(make)
