"""`python -m bench.rollout_load`: a rollout moved under load, from off to complete and back, and what it costs a request.

Not part of `python -m bench`: there is no peer in it. A hundred thousand streams on loopback, a fixed number at a time, over the
legacy and the native provider, with a store, a guard and a kill switch; stages, switches, a guard's trip and a lost store come
while requests are in flight. Counted: completions per request, what the server saw of each, and by which arm. CPU is that of
this process, all threads; "bare" is each provider alone. Ends with 1 where a request was lost, served twice or changed its arm.
"""

from __future__ import annotations

import argparse
import json
import logging
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.guard_simulation import progress
from bench.rollout_server import EVENTS, ServerHandle, counting_server
from shim.comparison import LiveComparison
from shim.factory import create_comparer, create_provider
from shim.loops.select_loop import turn
from shim.migration import (
    Decision,
    Guard,
    KillSwitch,
    MigratingProvider,
    Rollout,
    SqliteStore,
    StorePolicy,
    note_mismatch,
)
from shim.model import ModelRequest, user
from shim.provider import Completion, Provider

REQUESTS = 100_000
AT_ONCE = 32
CONVERSATION = 5  # requests of one conversation
PATIENCE = 30.0  # seconds until a change is followed
_BARE_SHARE = 0.05  # of the requests, for each provider alone


@dataclass(frozen=True)
class Leg:
    """A stretch of the load.

    Attributes:
        name: what happens at its beginning.
        part: of all requests.
        begin: does it; the load goes on meanwhile.
        begun: whether it is in force.
        may_fail: whether requests of the candidate's fail in it, as they were made to.
    """

    name: str
    part: float
    begin: Callable[[], object]
    begun: Callable[[], bool]
    may_fail: bool = False


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


@dataclass(frozen=True)
class Pace:
    """How many requests are in flight, and the seconds between two turns of the loop: none, but where a machine is not to be
    loaded.
    """

    at_once: int = AT_ONCE
    pause: float = 0.0


FULL = Pace()


class TimedRollout(Rollout):
    """A rollout whose decisions are timed: CPU of the deciding thread, in nanoseconds."""

    def decide(self, unit: object, *, attributes: Any = None) -> Decision:
        """Decide, and note how long it took."""
        began = time.thread_time_ns()
        decision = super().decide(unit, attributes=attributes)
        self.times.append(time.thread_time_ns() - began)
        return decision

    times: list[int]


class Load:
    """Keeps so many requests in flight over a provider, and notes how each ended."""

    def __init__(self, provider: Provider, *, first: int = 0, pace: Pace = FULL) -> None:
        self._provider = provider
        self._pace = pace
        self.next = first
        self.completions: Counter[int] = Counter()
        self.errors: Counter[str] = Counter()
        self.arms: Counter[str] = Counter()
        self.mixed = 0
        self._open: set[int] = set()
        self.unexpected = 0
        self.may_fail = False
        self._going = True

    def go(self, until: Callable[[], bool]) -> None:
        """Drive until it is so, and keep as many as there may be in flight."""
        self._going = True
        while len(self._open) < self._pace.at_once:
            self._start()
        while not until():
            turn([self._provider], max_wait_ms=50)
            time.sleep(self._pace.pause)

    def stop(self) -> None:
        """Start no more."""
        self._going = False

    def drain(self) -> None:
        """Start no more, and wait for what is in flight."""
        self.stop()
        while self._open:
            turn([self._provider], max_wait_ms=50)

    @property
    def ended(self) -> int:
        """How many completions there were."""
        return self.completions.total()

    def _start(self) -> None:
        number = self.next
        self.next += 1
        self._open.add(number)
        request = ModelRequest(
            "gpt-4o-mini",
            (user(f"request {number}"),),
            temperature=0.5,
            conversation_id=f"conversation {number // CONVERSATION}",
        )
        self._provider.start_stream(request, _ignore, partial(self._completed, number))

    def _completed(self, number: int, completion: Completion) -> None:
        self.completions[number] += 1
        self._open.discard(number)
        if completion.response is None:
            category = "none" if completion.error is None else str(completion.error.category)
            self.errors[category] += 1
            self.unexpected += not (self.may_fail and category == "server")
        else:
            said = set(zip(*[iter(completion.response.text.split())] * 2, strict=False))  # (number, arm) of each event
            self.mixed += len(said) != 1 or next(iter(said))[0] != str(number)
            self.arms.update(arm for _, arm in said)
        if self._going:
            self._start()


def _ignore(_event: object) -> None: ...


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


class Scene:
    """The rollout under load: what the legs change."""

    def __init__(self, server: ServerHandle, folder: Path, *, stack: ExitStack) -> None:
        self.server = server
        self._path, self._kill = folder / "rollout.db", folder / "kill"
        self.store = stack.enter_context(SqliteStore(self._path, time_limit=5.0))
        self._own = stack.enter_context(SqliteStore(self._path))
        self.rollout = stack.enter_context(
            TimedRollout(
                StorePolicy(self._own),
                store=self._own,
                guard=Guard(mode="enforce"),
                kill_switch=KillSwitch(file=self._kill, environ={}),
            )
        )
        self.rollout.times = []
        live = stack.enter_context(
            LiveComparison(create_comparer, on_verdict=partial(note_mismatch, self.rollout), max_warnings=0)
        )
        control, candidate = (
            create_provider(kind, base_url=server.base_url, api_key="sk-test") for kind in ("legacy", "native")
        )
        self.provider = stack.enter_context(MigratingProvider(control, candidate, self.rollout, live=live))
        self._lock: sqlite3.Connection | None = None

    def stage(self, stage: str, percent: float = 0.0) -> None:
        """Write another stage, as an operator does."""
        mapping = {"stage": stage, "percent": percent, "compare_percent": 10}
        self.store.write_policy("openai", mapping, expected=None, by="bench")

    def is_at(self, step: str) -> bool:
        """Whether a step is in force."""
        return self.rollout.policy.step == step

    def throw(self) -> None:
        """Throw the kill switch."""
        self._kill.touch()

    def lift(self) -> None:
        """Lift it."""
        self._kill.unlink()

    def lose_store(self) -> None:
        """Have somebody hold the store's lock, so that nothing can be read in time or written."""
        self._lock = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
        self._lock.execute("BEGIN EXCLUSIVE")

    def find_store(self) -> None:
        """Let go of it."""
        if self._lock is not None:
            self._lock.close()

    def mend(self) -> None:
        """Have the candidate's requests succeed again, and reset the guard, as an operator does."""
        self.server.fail_candidate(failing=False)
        self.rollout.reset("the server is mended", by="bench")

    def store_is(self, state: str) -> bool:
        """How the store is, as the rollout sees it."""
        return self.rollout.status().store.state == state


def legs(scene: Scene) -> list[Leg]:
    """The way from off to complete and back."""

    def to(stage: str, percent: float, *, part: float, step: str) -> Leg:
        name = f"{stage} {percent:g}" if stage == "ramp" else stage
        return Leg(name, part, partial(scene.stage, stage, percent), partial(scene.is_at, step))

    def tripped() -> bool:
        return scene.rollout.status().latch is not None

    return [
        to("off", 0, part=0.1, step="off@0"),
        to("wire", 0, part=0.1, step="wire@0"),
        to("tee", 0, part=0.1, step="tee@0"),
        to("ramp", 5, part=0.1, step="ramp@5"),
        to("ramp", 25, part=0.1, step="ramp@25"),
        Leg("kill switch thrown", 0.03, scene.throw, partial(scene.is_at, "off@0")),
        Leg("kill switch lifted", 0.03, scene.lift, partial(scene.is_at, "ramp@25")),
        to("ramp", 50, part=0.1, step="ramp@50"),
        Leg("store lost", 0.05, scene.lose_store, lambda: not scene.store_is("ok")),
        Leg("store back", 0.03, scene.find_store, partial(scene.store_is, "ok")),
        Leg("guard trips", 0.03, partial(scene.server.fail_candidate, failing=True), tripped, may_fail=True),
        Leg("reset", 0.03, scene.mend, partial(scene.is_at, "ramp@50"), may_fail=True),
        to("complete", 0, part=0.1, step="complete@100"),
        to("off", 0, part=0.1, step="off@0"),
    ]


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
        costs, loads = {}, []
        for position, (arm, kind) in enumerate((("control", "legacy"), ("candidate", "native")), 1):
            costs[arm], load = bare(kind, server, requests=some, first=position * 100_000_000, pace=pace)
            loads.append(load)
        scene = Scene(server, Path(folder), stack=stack)
        load = Load(scene.provider, pace=pace)
        stack.callback(load.stop)  # whatever ends it, closing starts nothing
        loads.append(load)
        rows = [
            _run(leg, load, scene, requests=max(1, round(requests * leg.part)), costs=costs, tick=tick)
            for leg in legs(scene)
        ]
        load.drain()
        return rows, _count(loads, server.seen()), costs


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
