"""The legacy client through the shim: the same select() loop, normalized events instead of JSON by hand.

Not the legacy client alone (`legacy_by_hand`).
"""

from __future__ import annotations

from bench.clients import measure
from bench.clients.provider_loop import ProviderLoop
from shim.legacy_adapter import LegacyProvider


def make(job: measure.Job) -> ProviderLoop:
    """Make the provider."""
    return ProviderLoop(LegacyProvider(api_key=job.api_key, base_url=job.base_url, max_concurrency=job.streams))


if __name__ == "__main__":
    measure.run(make)
