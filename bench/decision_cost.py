"""`python -m bench.decision_cost`: what a rollout costs a request: CPU of deciding, and of noting how it ended.

Not part of `python -m bench`: there is no peer in it. CPU of the calling thread alone (`time.thread_time_ns`), less what the
clock itself takes; the refresher's thread, where there is a store, is another one. Half a minute.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from shim.migration import FilePolicy, Guard, Policy, Rollout, SqliteStore, Stage
from shim.model import ModelResponse
from shim.provider import Completion, RequestHandle, Timing

REQUESTS = 20_000
WARM_UP = 1_000

OK = Completion(RequestHandle("bench", 1), ModelResponse(), None, timing=Timing(started=0.0, finished=0.5))


def plain(folder: Path) -> dict[str, Any]:
    """A policy in a file, and the file of a switch."""
    (folder / "policy.toml").write_text('stage = "ramp"\npercent = 5\n')
    return {"policy": FilePolicy(folder / "policy.toml"), "kill_switch": folder / "kill"}


SETUPS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "a constant": lambda _folder: {"policy": Policy(stage=Stage.RAMP, percent=5)},
    "a file, a kill switch": plain,
    "and a guard": lambda folder: {**plain(folder), "guard": Guard()},
    "and pins": lambda folder: {**plain(folder), "guard": Guard(), "pin": 3600},
    "and a store": lambda folder: {
        **plain(folder),
        "guard": Guard(),
        "pin": 3600,
        "store": SqliteStore(folder / "store"),
    },
}


@contextmanager
def rollout_of(setup: Callable[[Path], dict[str, Any]]) -> Iterator[Rollout]:
    """A rollout in a folder that goes with it."""
    with tempfile.TemporaryDirectory() as folder:
        settings = setup(Path(folder))
        with Rollout(settings.pop("policy"), **settings) as rollout:
            yield rollout


def measure(rollout: Rollout) -> tuple[list[int], list[int]]:
    """Nanoseconds of each decision, and of each note, of requests of ever new conversations; sorted."""
    clock = time.thread_time_ns
    deciding, noting = [], []
    for number in range(WARM_UP + REQUESTS):
        unit = f"conversation-{number:08d}"
        began = clock()
        decision = rollout.decide(unit)
        decided = clock()
        rollout.note(decision, OK)
        deciding.append(decided - began)
        noting.append(clock() - decided)
    idle = sorted(-clock() + clock() for _ in range(1000))[500]
    return tuple(sorted(each - idle for each in times[WARM_UP:]) for times in (deciding, noting))  # type: ignore[return-value]  # two of them


def main() -> None:
    """Measure each setup and print the table."""
    table = Table(title=f"CPU of a request's thread, microseconds; {REQUESTS:,} requests")
    table.add_column("with")
    for name in ("decide", "p99", "note", "p99"):
        table.add_column(name, justify="right")
    for name, setup in SETUPS.items():
        with rollout_of(setup) as rollout:
            figures = [times[int(len(times) * part)] / 1000 for times in measure(rollout) for part in (0.5, 0.99)]
        table.add_row(name, *(f"{figure:.1f}" for figure in figures))
    Console().print(table)


if __name__ == "__main__":
    main()
