"""The native provider below one layer, of deadlines that nothing reaches: what a layer costs an event.

Not the provider alone (`native`).
"""

from __future__ import annotations

import shim
from bench.clients import measure
from bench.clients.provider_loop import ProviderLoop
from shim.call_options import Deadlines


def make(job: measure.Job) -> ProviderLoop:
    """Make the provider and its layer."""
    deadlines = Deadlines(first_event=300, between_events=300, total=600)
    provider = shim.create_provider(
        "native", deadlines=deadlines, api_key=job.api_key, base_url=job.base_url, api="chat_completions"
    )
    return ProviderLoop(provider)


if __name__ == "__main__":
    measure.run(make)
