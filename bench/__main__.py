"""`python -m bench`: measure every client in every scenario, print the tables, write them to `bench/results.md`.

Not a test: nothing fails because a figure is bad, or because a peer cannot be installed. Only a whole run is written down.
"""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.peers import OWN, PEERS
from bench.report import document
from bench.scenarios import SCENARIOS
from bench.session import IMPORTS_GROUP, Plan, Session

RESULTS = Path(__file__).resolve().parent / "results.md"
_COLUMNS = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))


def main() -> None:
    """Measure, print, write."""
    plan = plan_of(_arguments())
    console = Console()
    conditions = _conditions(plan)
    with Progress(*_COLUMNS, console=console) as progress:
        text = document(Session(plan, progress).run(), conditions=conditions)
    console.print(Markdown(text) if console.is_terminal else text, markup=False, soft_wrap=not console.is_terminal)
    if plan.whole:
        RESULTS.write_text(text, encoding="utf-8")
        console.print(
            f"Written to {RESULTS.relative_to(Path.cwd()) if RESULTS.is_relative_to(Path.cwd()) else RESULTS}"
        )
    else:
        console.print("Not written down: only a whole run is.")


def plan_of(arguments: argparse.Namespace) -> Plan:
    """What the arguments ask for; a name after `--only` is a group of scenarios or a client."""
    only = frozenset(arguments.only)
    everyone = (*PEERS, *OWN)
    scripts = {peer.script for peer in everyone}
    groups = only - scripts
    peers = tuple(
        peer
        for peer in everyone
        if (not only & scripts or peer.script in only) and not (arguments.no_peers and peer.environment)
    )
    return Plan(peers, groups, quick=arguments.quick, whole=not (only or arguments.no_peers or arguments.quick))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure against peers, side by side.")
    parser.add_argument("--quick", action="store_true", help="shorter runs, each once: under two minutes")
    names = sorted(
        {scenario.group for scenario in SCENARIOS} | {IMPORTS_GROUP} | {peer.script for peer in (*PEERS, *OWN)}
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", choices=names, help=f"repeatable: {', '.join(names)}"
    )
    parser.add_argument("--no-peers", action="store_true", help="only what needs no environment of its own")
    return parser.parse_args()


def _conditions(plan: Plan) -> str:
    machine = (
        f"{platform.python_implementation()} {platform.python_version()} on {platform.system()} {platform.machine()}"
    )
    length = (
        "shortened runs"
        if plan.quick
        else "figures the best of each client's runs, ratios the middle one of the passes"
    )
    load = f"load {os.getloadavg()[0]:.2f} before it"
    return f"One session, clients in turn, {length}. {machine}, {os.cpu_count()} CPUs, {load}."


if __name__ == "__main__":
    main()
