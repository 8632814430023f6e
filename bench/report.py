"""The tables: what the runs cost, beside each other, as Markdown.

Not the runs (`bench.run`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.peers import BASELINE, Peer, version
from bench.run import Cost, Scenario


def scenario_table(scenario: Scenario, costs: Mapping[Peer, Sequence[Cost]]) -> str:
    """One scenario: the cheapest run of each client, and its ratio to the adapter in the same session."""
    best = {peer: min(runs, key=lambda cost: cost.cpu_us_per_event) for peer, runs in costs.items()}
    base = best[BASELINE].cpu_us_per_event
    rows = [
        "| client | version | CPU µs/event | ratio to the shim | first event, median | peak RSS |",
        "|---|---|---:|---:|---:|---:|",
    ]
    rows += [
        f"| {peer.name} | {version(peer)} | {cost.cpu_us_per_event:.2f} | {cost.cpu_us_per_event / base:.2f} "
        f"| {cost.first_event_seconds * 1000:.1f} ms | {cost.peak_rss_kib / 1024:.0f} MiB |"
        for peer, cost in best.items()
    ]
    return f"### {scenario.name}\n\n" + "\n".join(rows) + "\n"


def import_table(figures: Mapping[str, tuple[float, int]]) -> str:
    """Import cost: module -> (CPU seconds, modules loaded)."""
    rows = ["| import | CPU | modules loaded |", "|---|---:|---:|"]
    rows += [f"| `{module}` | {seconds * 1000:.0f} ms | {count} |" for module, (seconds, count) in figures.items()]
    return "### import\n\n" + "\n".join(rows) + "\n"
