"""`python -m bench.guard_simulation`: how often the guard rolls back without cause, and how soon with one.

Not part of `python -m bench`: it measures no peer, and takes minutes. The real `Guard` with its default settings judges made-up
traffic (`guard_traffic`) and is asked after every request. The aims: at most 5 % rolled back of the runs in which the arms do
not differ, and the medians beside the scenarios. Ends with 1 where one is missed.
"""

from __future__ import annotations

import argparse
import json
import logging
import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TypeAlias

from bench.guard_traffic import NULL, Scenario, Traffic, scenarios
from shim.migration.guard import Guard

RUNS = 300
REQUESTS = 20_000
SEED = 1
MOST_FALSE = 0.05  # the guard's alpha
_RUNS_A_TASK = 10


@dataclass(frozen=True)
class Run:
    """How one run ended: the requests until the guard rolled back and until it first held in doubt, counted from 1."""

    rolled_back: int | None
    held: int | None


@dataclass(frozen=True)
class Row:
    """What a scenario's runs came to.

    Attributes:
        name, group, runs: of the scenario.
        rolled_back, held: the part of the runs that ended in a rollback, and that held in doubt before or without one.
        median, p90: requests until the guard found the candidate worse; None where fewer runs than that found it.
        aim, met: what the median (or, where the arms do not differ, `rolled_back`) may be, and whether it is; None without aim.
    """

    name: str
    group: str
    runs: int
    rolled_back: float
    held: float
    median: int | None
    p90: int | None
    aim: float | None
    met: bool | None


def run(scenario: Scenario, *, seed: str, requests: int) -> Run:
    """Let the guard judge one run; it stops at a rollback, and where only times differ at the first hold."""
    guard = Guard()
    held = None
    for number, (decision, bad) in enumerate(Traffic(scenario, seed=seed, requests=requests), 1):
        answer = guard.note(decision, bad=bad)
        if answer == "fine" or number <= scenario.worse_from:
            if answer == "roll_back":
                return Run(rolled_back=0, held=held)  # before anything was wrong
            continue
        if answer == "roll_back":
            return Run(rolled_back=number - scenario.worse_from, held=held)
        if held is None and guard.reason in ("signal", "sample_ratio", "crossed"):
            held = number - scenario.worse_from
            # What is looked for was found; or nothing is believed any more, and no error rolls back.
            if guard.reason == ("sample_ratio" if scenario.slower is None else "signal") and len(scenario.legs) == 1:
                break
    return Run(rolled_back=None, held=held)


def summary(scenario: Scenario, runs: Sequence[Run]) -> Row:
    """What the runs of a scenario came to."""
    found = sorted(_found(scenario, each) for each in runs if _found(scenario, each))
    rolled_back = sum(each.rolled_back is not None for each in runs) / len(runs)
    null = scenario.group == NULL
    median = None if null else _quantile(found, 0.5, of=len(runs))
    aim = MOST_FALSE if null else scenario.aim
    measured = rolled_back if null else median
    return Row(
        name=scenario.name,
        group=scenario.group,
        runs=len(runs),
        rolled_back=rolled_back,
        held=sum(each.held is not None for each in runs) / len(runs),
        median=median,
        p90=None if null else _quantile(found, 0.9, of=len(runs)),
        aim=aim,
        met=None if aim is None else measured is not None and measured <= aim,
    )


def _found(scenario: Scenario, ended: Run) -> int:
    """Requests until the guard found the candidate worse; 0 where it did not, or before it was."""
    return (ended.held if scenario.slower is not None else ended.rolled_back) or 0


def _quantile(found: Sequence[int], part: float, *, of: int) -> int | None:
    place = min(int(of * part), of - 1)
    return found[place] if place < len(found) else None


Task: TypeAlias = "tuple[int, range, int, int]"
"""The scenario's number, the runs' numbers, the requests of a run, and the seed."""


def work(task: Task) -> tuple[int, list[Run]]:
    """Some runs of a scenario."""
    number, numbers, requests, seed = task
    scenario = scenarios(requests)[number]
    logger = logging.getLogger("shim.migration")
    level = logger.level
    logger.setLevel(logging.CRITICAL)  # tens of thousands of answers are told by the table
    try:
        return number, [run(scenario, seed=f"{seed}/{scenario.name}/{each}", requests=requests) for each in numbers]
    finally:
        logger.setLevel(level)


def simulate(
    *, runs: int, requests: int, seed: int, workers: int, only: str = "", tick: Callable[[int], object]
) -> list[Row]:
    """Run the scenarios whose name holds `only`; `tick` is told how many runs have ended."""
    table = scenarios(requests)
    tasks: list[Task] = [
        (number, range(first, min(first + _RUNS_A_TASK, runs)), requests, seed)
        for number, scenario in enumerate(table)
        if only in scenario.name
        for first in range(0, runs, _RUNS_A_TASK)
    ]
    ended: dict[int, list[Run]] = {number: [] for number, *_ in tasks}
    for number, found in _worked(tasks, workers=workers):
        ended[number] += found
        tick(len(found))
    return [summary(table[number], found) for number, found in ended.items()]


def _worked(tasks: Sequence[Task], *, workers: int) -> Iterator[tuple[int, list[Run]]]:
    if workers == 1:
        yield from map(work, tasks)
        return
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for future in as_completed([pool.submit(work, task) for task in tasks]):
            yield future.result()


def table(rows: Iterable[Row]) -> str:
    """The rows as text."""
    lines = [("", "rolled back", "held", "median", "p90", "aim", "")]
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            lines.append((group.upper(), "", "", "", "", "", ""))
        aim = "" if row.aim is None else f"{row.aim:.0%}" if row.group == NULL else f"{row.aim:,.0f}"
        met = {None: "", True: "met", False: "MISSED"}[row.met]
        lines.append(
            (row.name, f"{row.rolled_back:.1%}", f"{row.held:.1%}", _told(row.median), _told(row.p90), aim, met)
        )
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    )


def _told(requests: int | None) -> str:
    return "-" if requests is None else f"{requests:,}"


@contextmanager
def progress(total: int) -> Iterator[Callable[[int], object]]:
    """A bar on standard error, where rich is installed and somebody looks."""
    if find_spec("rich") is None or not sys.stderr.isatty():
        yield lambda _ended: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    with Progress(BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("runs", total=total)
        yield lambda ended: bar.advance(task, ended)


def main(argv: Sequence[str] | None = None) -> int:
    """Simulate, print the table or JSON; 1 where an aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"of each scenario ({RUNS})")
    parser.add_argument("--requests", type=int, default=REQUESTS, help=f"of each run ({REQUESTS:,})")
    parser.add_argument("--seed", type=int, default=SEED, help="another one draws other traffic")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes; the results are the same")
    parser.add_argument("--only", default="", metavar="TEXT", help="scenarios whose name holds this text")
    parser.add_argument(
        "--json", nargs="?", const="-", metavar="FILE", help="write JSON there; without FILE, print it only"
    )
    asked = parser.parse_args(argv)
    total = asked.runs * sum(asked.only in each.name for each in scenarios(asked.requests))
    if min(asked.runs, asked.requests, asked.workers, total) < 1:
        parser.error(
            "--runs, --requests and --workers are whole numbers from 1 on, and --only is part of a scenario's name"
        )
    with progress(total) as tick:
        rows = simulate(
            runs=asked.runs, requests=asked.requests, seed=asked.seed, workers=asked.workers, only=asked.only, tick=tick
        )
    document = json.dumps(
        {
            "runs": asked.runs,
            "requests": asked.requests,
            "seed": asked.seed,
            "guard": "default settings",
            "scenarios": [asdict(row) for row in rows],
        },
        indent=2,
    )
    if asked.json == "-":
        print(document)
    else:
        print(table(rows))
    if asked.json not in (None, "-"):
        Path(asked.json).write_text(document + "\n", encoding="utf-8")
    return int(any(row.met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
