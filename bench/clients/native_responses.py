"""The native provider, Responses API, on a select() loop: its events are longer than those of Chat Completions.

Not Chat Completions (`native`).
"""

from __future__ import annotations

from bench.clients import measure
from bench.clients.provider_loop import ProviderLoop
from shim.native import NativeProvider


def make(job: measure.Job) -> ProviderLoop:
    """Make the provider."""
    return ProviderLoop(NativeProvider(api_key=job.api_key, base_url=job.base_url, api="responses"))


if __name__ == "__main__":
    measure.run(make)
