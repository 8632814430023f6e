"""`python -m bench.rollout_load`: a rollout moved under load, from off to complete and back, and what it costs a request.

Not part of `python -m bench`: there is no peer in it. A hundred thousand streams on loopback, a fixed number at a time, over the
legacy and the native provider, with a store, a guard and a kill switch; stages, switches, a guard's trip and a lost store come
while requests are in flight. Counted: completions per request, what the server saw of each, and by which arm. CPU is that of
this process, all threads; "added" is what is more than each provider alone before the legs ("bare"). What it is after
them tells how far the machine can be believed. Ends with 1 where a request was lost, served twice or changed its arm.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.guard_simulation import progress
from bench.rollout_scene import AT_ONCE, FULL, Leg, Load, Pace, Scene, legs
from bench.rollout_server import EVENTS, ServerHandle, counting_server
from shim.factory import create_provider

REQUESTS = 100_000
PATIENCE = 30.0  # seconds until a change is followed
ARMS = {"control": "legacy", "candidate": "native"}  # arm -> kind of provider
_BARE_SHARE = 0.05  # of the requests, for each provider alone


@dataclass(frozen=True)
class Row:
    """What a leg came to: requests by arm, errors, CPU microseconds a request, and what of it is added to the bare arms."""

    name: str
    requests: int
    control: int
    candidate: int
    errors: int
    cpu_us: float
    added_us: float
    added_event_us: float
    decide_p99_us: float
    followed_ms: float


@dataclass(frozen=True)
class Count:
    """What must be nought, beside how many requests there were."""

    requests: int
    lost: int
    completed_twice: int
    served_twice: int
    changed_arm: int
    unexpected_errors: int

    @property
    def good(self) -> bool:
        """Whether nothing went wrong."""
        return not (
            self.lost or self.completed_twice or self.served_twice or self.changed_arm or self.unexpected_errors
        )


def bare(kind: Any, server: ServerHandle, *, requests: int, first: int, pace: Pace) -> tuple[float, Load]:
    """CPU microseconds a request of a provider alone."""
    with closing(create_provider(kind, base_url=server.base_url, api_key="sk-test")) as provider:
        load = Load(provider, first=first, pace=pace)
        load.go(lambda: load.ended >= pace.at_once)  # connections are open
        before, began = load.ended, time.process_time()
        load.go(lambda: load.ended >= before + requests)
        cost = (time.process_time() - began) / (load.ended - before) * 1e6
        load.drain()
    return cost, load


def measure(
    requests: int, *, tick: Callable[[int], object], pace: Pace = FULL
) -> tuple[list[Row], Count, dict[str, float]]:
    """Move a rollout under load.

    Args:
        requests: of all legs; what is sent while a change is awaited comes on top.
        tick: told how many ended since it was last told.
        pace: of the load.
    """
    with tempfile.TemporaryDirectory() as folder, counting_server() as server, ExitStack() as stack:
        some = max(AT_ONCE, round(requests * _BARE_SHARE))
        before, loads = _bare_costs(server, requests=some, first=100_000_000, pace=pace)
        scene = Scene(server, Path(folder), stack=stack)
        load = Load(scene.provider, pace=pace)
        stack.callback(load.stop)  # whatever ends it, closing starts nothing
        loads.append(load)
        rows = [
            _run(leg, load, scene, requests=max(1, round(requests * leg.part)), costs=before, tick=tick)
            for leg in legs(scene)
        ]
        load.drain()
        after, more = _bare_costs(server, requests=some, first=300_000_000, pace=pace)
        count = _count([*loads, *more], server.seen())
        return (
            rows,
            count,
            {f"{arm} {when}": cost[arm] for arm in ARMS for when, cost in (("before", before), ("after", after))},
        )


def _bare_costs(server: ServerHandle, *, requests: int, first: int, pace: Pace) -> tuple[dict[str, float], list[Load]]:
    """Arm -> CPU microseconds a request of its provider alone."""
    costs, loads = {}, []
    for position, (arm, kind) in enumerate(ARMS.items()):
        costs[arm], load = bare(kind, server, requests=requests, first=first + position * 100_000_000, pace=pace)
        loads.append(load)
    return costs, loads


def _run(
    leg: Leg, load: Load, scene: Scene, *, requests: int, costs: dict[str, float], tick: Callable[[int], object]
) -> Row:
    load.may_fail = leg.may_fail
    leg.begin()
    began = time.monotonic()
    load.go(lambda: leg.begun() or time.monotonic() > began + PATIENCE)
    if not leg.begun():
        raise RuntimeError(f"{leg.name} was not followed within {PATIENCE:.0f} s")
    followed = time.monotonic() - began
    scene.rollout.times.clear()
    before, arms, errors = load.ended, Counter(load.arms), load.errors.total()
    told, cpu = before, time.process_time()

    def enough() -> bool:
        nonlocal told
        tick(load.ended - told)
        told = load.ended
        return told >= before + requests

    load.go(enough)
    used = (time.process_time() - cpu) * 1e6
    ended, served = load.ended - before, load.arms - arms
    answered = max(1, served.total())
    expected = sum(costs[arm] * count / answered for arm, count in served.items())
    times = sorted(scene.rollout.times) or [0]
    return Row(
        name=leg.name,
        requests=ended,
        control=served["control"],
        candidate=served["candidate"],
        errors=load.errors.total() - errors,
        cpu_us=used / ended,
        added_us=used / ended - expected,
        added_event_us=(used / ended - expected) / EVENTS,
        decide_p99_us=times[int(len(times) * 0.99)] / 1000,
        followed_ms=followed * 1000,
    )


def _count(loads: Sequence[Load], seen: Counter[tuple[int, str]]) -> Count:
    completions: Counter[int] = Counter()
    started = 0
    for load in loads:
        completions.update(load.completions)
        started += load.next - min(load.completions)
    by_number = Counter(number for number, _ in seen.elements())
    arms = Counter(number for number, _ in seen)
    return Count(
        requests=started,
        lost=started - len(completions),
        completed_twice=sum(count > 1 for count in completions.values()),
        served_twice=sum(count > 1 for count in by_number.values()),
        changed_arm=sum(count > 1 for count in arms.values()) + sum(load.mixed for load in loads),
        unexpected_errors=sum(load.unexpected for load in loads),
    )


def table(rows: Sequence[Row], count: Count, *, costs: dict[str, float]) -> str:
    """The result as text."""
    headings = (
        "",
        "requests",
        "control",
        "candidate",
        "errors",
        "CPU us",
        "added us",
        "per event",
        "decide p99",
        "followed ms",
    )
    lines = [headings] + [
        (
            row.name,
            *(f"{each:,}" for each in (row.requests, row.control, row.candidate, row.errors)),
            *(f"{each:,.1f}" for each in (row.cpu_us, row.added_us, row.added_event_us, row.decide_p99_us)),
            f"{row.followed_ms:,.0f}",
        )
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    told = [
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    ]
    found = ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in asdict(count).items())
    bare_us = ", ".join(f"{arm} {cost:,.1f} us" for arm, cost in costs.items())
    return "\n".join((*told, "", f"bare: {bare_us} a request of {EVENTS} events", found))


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table or JSON; 1 where something was lost, served twice, or changed its arm."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=REQUESTS, help=f"of all legs together ({REQUESTS:,})")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args(argv)
    if not 500 <= asked.requests <= 10_000_000:
        parser.error("--requests is a whole number from 500 to 10,000,000")
    logging.getLogger("shim.migration").addHandler(logging.NullHandler())  # the table tells it
    with progress(asked.requests) as tick:
        rows, count, costs = measure(asked.requests, tick=tick)
    if asked.json:
        print(json.dumps({"bare_us": costs, "legs": [asdict(row) for row in rows], "count": asdict(count)}, indent=2))
    else:
        print(table(rows, count, costs=costs))
    return 0 if count.good else 1


if __name__ == "__main__":
    sys.exit(main())
