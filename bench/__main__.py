"""`python -m bench`: measure every client in every scenario, print the tables, write them to `bench/results.md`.

Not a test; `--quick` runs each client once instead of three times.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import Progress

from bench.peers import BASELINE, PEERS, Peer, make_environment
from bench.report import import_table, scenario_table
from bench.run import SCENARIOS, Cost, Scenario, import_cpu_seconds, measure, modules_loaded, server

RESULTS = Path(__file__).resolve().parent / "results.md"
_IMPORTS = (("shim", BASELINE), ("legacy_openai", BASELINE), ("openai", PEERS[-1]))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure against peers, side by side.")
    parser.add_argument("--quick", action="store_true", help="one run of each client instead of three")
    passes = 1 if parser.parse_args().quick else 3
    console = Console()
    with Progress(console=console) as progress:
        preparing = progress.add_task("environments", total=len(PEERS))
        for peer in PEERS:
            make_environment(peer)
            progress.advance(preparing)
        costs = _measure_all(progress, passes)
        imports = progress.add_task("imports", total=len(_IMPORTS))
        figures = {}
        for module, peer in _IMPORTS:
            figures[module] = (import_cpu_seconds(peer, module), modules_loaded(peer, module))
            progress.advance(imports)
    tables = [scenario_table(scenario, by_peer) for scenario, by_peer in costs.items()] + [import_table(figures)]
    text = "# Results of `make bench`\n\nThe best of each client's runs, all in one session.\n\n" + "\n".join(tables)
    RESULTS.write_text(text, encoding="utf-8")
    console.print(Markdown(text))


def _measure_all(progress: Progress, passes: int) -> dict[Scenario, dict[Peer, list[Cost]]]:
    """Take every client in turn in every pass, so that a slow moment of the machine falls on all alike."""
    costs: dict[Scenario, dict[Peer, list[Cost]]] = {one: {peer: [] for peer in PEERS} for one in SCENARIOS}
    task = progress.add_task("runs", total=passes * len(PEERS) * len(SCENARIOS))
    with server() as base_url:
        for _ in range(passes):
            for scenario, by_peer in costs.items():
                for peer, runs in by_peer.items():
                    runs.append(measure(peer, scenario, base_url=base_url))
                    progress.advance(task)
    return costs


if __name__ == "__main__":
    main()
