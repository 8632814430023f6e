"""`python -m bench.legacy_face_cost`: CPU per streamed event of the legacy client, and of its face over providers.

Not part of `python -m bench`: it compares our own clients with themselves. The same server and the same loop for each; they take
turns within one run, and each figure is the median of its passes. Half a minute.
"""

from __future__ import annotations

import select
import statistics
import time
from typing import Any

from rich.console import Console
from rich.table import Table

import legacy_openai
from bench.run import server
from shim.compat.legacy_multi import over
from shim.legacy_adapter import LegacyProvider
from shim.native import NativeProvider

PASSES = 5
# Title -> model, streams, events of all of them.
LOADS: dict[str, tuple[str, int, int]] = {
    "8 streams of 1,000 events at once": ("fake-burst-1000", 8, 8_000),
    "50 streams of 20 events a second": ("fake-paced-20x40", 50, 2_000),
}
CLIENTS: dict[str, Any] = {
    "the legacy client": legacy_openai.MultiClient,
    "its face over native": over(NativeProvider).MultiClient,
    "its face over the legacy provider": over(LegacyProvider).MultiClient,
}


def cost(client_class: Any, *, base_url: str, model: str, streams: int, events: int) -> float:
    """CPU microseconds per event, connections and threads included."""
    cfg = legacy_openai.Config(openai_api_key="sk-bench", openai_model=model, openai_base_url=base_url)
    conv = legacy_openai.Conversation([legacy_openai.Message("user", "Hi")])
    done: list[legacy_openai.HttpCompletion] = []
    seen = [0]

    def count(_payload: bytes) -> None:
        seen[0] += 1

    begun = time.process_time()
    with client_class() as client:
        for _ in range(streams):
            client.add_request(cfg, conv, count, done.append)
        while len(done) < streams:
            milliseconds, (read, write, odd) = client.timeout(), client.fdset()
            select.select(read, write, odd, None if milliseconds < 0 else milliseconds / 1000)
            client.perform()
            client.info_read()
    spent = time.process_time() - begun
    if seen[0] < events or any(each.error_message for each in done):
        raise SystemExit(f"{seen[0]} payloads of {events}: {done[0]!r}")
    return spent / events * 1e6


def main() -> None:
    """Measure and print."""
    table = Table("", *LOADS, title="CPU per event, microseconds, and beside the legacy client")
    with server() as base_url:
        found: dict[str, dict[str, list[float]]] = {name: {load: [] for load in LOADS} for name in CLIENTS}
        for _ in range(PASSES):
            for load, (model, streams, events) in LOADS.items():
                for name, client_class in CLIENTS.items():
                    spent = cost(client_class, base_url=base_url, model=model, streams=streams, events=events)
                    found[name][load].append(spent)
    base = {load: statistics.median(found["the legacy client"][load]) for load in LOADS}
    for name, loads in found.items():
        medians = {load: statistics.median(spent) for load, spent in loads.items()}
        table.add_row(name, *(f"{medians[load]:.1f} ({medians[load] / base[load]:.2f})" for load in LOADS))
    Console().print(table)


if __name__ == "__main__":
    main()
