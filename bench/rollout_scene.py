"""What `bench.rollout_load` drives: a load that keeps requests in flight, and a rollout whose legs change it meanwhile.

Not the measuring (`rollout_load`), not the server (`rollout_server`).
"""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from bench.rollout_server import ServerHandle
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

AT_ONCE = 32
CONVERSATION = 5  # requests of one conversation


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
