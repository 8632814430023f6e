"""A help desk moves from its legacy client to the native provider, stage by stage; three bugs are caught on the way.

Not a service of yours: `docs/rollout.md` says how that is done. It runs against a fake API on this machine: no key, no network.

    python examples/migrate
"""

from __future__ import annotations

import contextlib
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from candidates import KEY, VERSIONS, Version, comparer_of
from candidates import Candidate as FaultyCandidate
from desk import HelpDesk

import shim
from shim.comparison import LiveComparison, Verdict
from shim.migration import (
    Guard,
    KillSwitch,
    MigratingProvider,
    Rollout,
    RolloutStatus,
    SqliteStore,
    StorePolicy,
    note_mismatch,
)
from shim.migration.operations.operator import Operator, RefusedError
from shim.migration.operations.place import GuardOptions, RolloutPlace
from shim.migration.operations.switching_off import release, switch_off
from shim.testing.fake_openai import FakeOpenAI

PLAN = """
[[step]]
stage = "wire"
minimum_conversations = 10

[[step]]
stage = "tee"
minimum_conversations = 10

[[step]]
stage = "ramp"
percent = 50
minimum_conversations = 10
approval = true

[[step]]
stage = "complete"
"""
CUSTOMERS = 30
MOST_BATCHES = 12
PATIENCE = 10.0  # seconds until what was served is in the store


class Deployment:
    """The service, running with one version of the candidate: what a deployment starts, and its end closes."""

    def __init__(self, place: RolloutPlace, version: Version, *, base_url: str, stack: contextlib.ExitStack) -> None:
        self.found: list[Verdict] = []
        store = stack.enter_context(SqliteStore(str(place.store), time_limit=5.0))
        self.rollout = stack.enter_context(
            Rollout(
                StorePolicy(store, max_age=0.1),
                store=store,
                guard=Guard(mode="enforce", minimum_units=place.guard.minimum_units),
                kill_switch=KillSwitch(file=place.kill_switch),
            )
        )
        self.live = stack.enter_context(
            LiveComparison(
                partial(comparer_of, version, base_url=base_url),
                on_verdict=self._note,
                max_share=1.0,
                max_warnings=0,
            )
        )
        control = shim.create_provider("legacy", base_url=base_url, api_key=KEY)
        candidate = FaultyCandidate(version, base_url=base_url)
        provider = stack.enter_context(MigratingProvider(control, candidate, self.rollout, live=self.live))
        self.desk = HelpDesk(provider)

    def serve(self, operator: Operator, customers: int = CUSTOMERS) -> RolloutStatus:
        """Serve customers, and wait until everything about them is in the store."""
        before = self._requests()
        self.desk.serve(customers)
        self.live.flush()
        _wait(lambda: self._requests() >= before + customers or self.rollout.status().latch is not None)
        return operator.status()

    def serve_in(self, stage: str, operator: Operator) -> RolloutStatus:
        """Set a stage, and serve customers in it."""
        operator.set(stage)
        self.follow(stage)
        return self.serve(operator)

    def follow(self, stage: str) -> None:
        """Wait until the stage is served."""
        _wait(lambda: str(self.rollout.policy.stage) == stage)

    def first_mismatch(self) -> str:
        """The first difference that was found, in a line; empty where there was none."""
        for verdict in self.found:
            if verdict.outcome == "mismatch":
                where = verdict.mismatches[0]
                return f"{where.path}: control {_short(where.control)}, candidate {_short(where.candidate)}"
        return ""

    def _note(self, verdict: Verdict) -> None:
        self.found.append(verdict)
        note_mismatch(self.rollout, verdict)

    def _requests(self) -> int:
        return sum(counts.requests for counts in self.rollout.status().arms.values())


class Story:
    """Tells what happens, and stops where it is not what was expected."""

    def __init__(self) -> None:
        self._chapter = 0

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self._chapter += 1
        print(f"\n{self._chapter}. {title}")

    def say(self, text: str) -> None:
        """Tell something."""
        print(f"   {text}")

    def expect(self, condition: object, otherwise: str) -> None:
        """End with an error where the story went otherwise."""
        if not condition:
            raise SystemExit(f"   NOT AS EXPECTED: {otherwise}")


def main() -> int:
    """Tell the story; 0 where everything came out as it should."""
    logging.getLogger("shim.migration").addHandler(logging.NullHandler())  # the story tells it
    started = time.monotonic()
    story = Story()
    print("A help desk on a legacy client, a select() loop, and a native provider that is to take over.")
    with tempfile.TemporaryDirectory() as folder, FakeOpenAI(api_key=KEY) as server:
        place = _place(Path(folder))
        with Operator(place, by="ann") as operator:
            _wire(story, operator, base_url=server.base_url)
            _tee(story, operator, base_url=server.base_url)
            _ramp(story, operator, base_url=server.base_url)
            _complete(story, operator, base_url=server.base_url)
            _tell_history(story, operator)
    print(f"\n{time.monotonic() - started:.1f} s. Three bugs: one caught by wire, one by tee, one by the guard alone.")
    return 0


def _wire(story: Story, operator: Operator, *, base_url: str) -> None:
    story.chapter("Wire: would version 1 send the same requests?")
    with _deployed(operator, VERSIONS[0], base_url=base_url) as running:
        running.serve_in("wire", operator)
        found = running.first_mismatch()
        story.say(f"{running.desk.answered} customers served by the legacy client; the candidate was asked nothing")
        story.expect("max_completion_tokens" in found, f"wire found {found or 'nothing'}")
        story.say(f"wire found: {found}")
        operator.set("off")
        story.say("back to off; version 2 sends the limit")


def _tee(story: Story, operator: Operator, *, base_url: str) -> None:
    story.chapter("Tee: does version 2 read the same bytes the same way?")
    with _deployed(operator, VERSIONS[1], base_url=base_url) as running:
        running.serve_in("wire", operator)
        story.expect(not running.first_mismatch(), "wire still finds something")
        story.say("wire: every request the same")
        running.serve_in("tee", operator)
        found = running.first_mismatch()
        story.expect(found, "tee found nothing")
        story.say(f"tee found: {found}")
        story.expect(not running.desk.failed, f"customers saw {dict(running.desk.failed)}")
        operator.set("wire")
        story.say("no customer has noticed; back to wire, version 3 keeps every piece")


def _ramp(story: Story, operator: Operator, *, base_url: str) -> None:
    story.chapter("Ramp: version 3 serves half of the customers")
    with _deployed(operator, VERSIONS[2], base_url=base_url) as running:
        running.serve_in("tee", operator)
        story.expect(not running.first_mismatch(), "tee still finds something")
        story.say("wire and tee: all the same; what they cannot see is the candidate's own traffic")
        try:
            operator.set("ramp", percent=50)
        except RefusedError as error:
            story.say(f"set ramp is refused: {'; '.join(error.missing)}")
        operator.approve("ramp 50", reason="wire and tee are clean")
        operator.set("ramp", percent=50)
        running.follow("ramp")
        for _ in range(MOST_BATCHES):
            if running.serve(operator).latch is not None:
                break
        status = operator.status()
        story.expect(status.latch is not None, "the guard saw nothing")
        story.say(
            f"every fourth request of the candidate's had a key that was rotated: {sum(running.desk.failed.values())} errors"
        )
        story.say(f"the guard went back to {status.stage} by itself: {status.why.partition(': ')[2]}")
        failed = sum(running.desk.failed.values())
        running.serve(operator)
        story.expect(sum(running.desk.failed.values()) == failed, "customers still see errors after the rollback")
        story.say(f"the next {CUSTOMERS} customers: no error")


def _complete(story: Story, operator: Operator, *, base_url: str) -> None:
    story.chapter("Version 4: ramp again, a fire drill, complete")
    with _deployed(operator, VERSIONS[3], base_url=base_url) as running:
        operator.set("tee")
        operator.reset("the pool had a rotated key; version 4 asks for the key each time")
        story.say("the rollback is lifted with a reason; the old approval does not count any more")
        running.follow("tee")
        running.serve(operator)
        operator.approve("ramp 50", reason="wire and tee are clean, the key is fixed")
        operator.set("ramp", percent=50)
        running.follow("ramp")
        for _ in range(MOST_BATCHES):
            if running.serve(operator).answer == "fine":
                break
        story.expect(operator.status().answer == "fine", f"the guard says {operator.status().answer}")
        story.say(f"the guard says fine: {operator.status().evidence['why']}")
        _fire_drill(story, operator, running)
        operator.set("ramp", percent=50, anyway="fire drill is over; evidence is that of before")
        running.follow("ramp")
        status = running.serve_in("complete", operator)
        story.expect(status.arms["control"].requests == 0, "control still serves")
        story.expect(not running.desk.failed, f"customers saw {dict(running.desk.failed)}")
        story.say(
            f"complete: {status.arms['candidate'].requests} customers served by the candidate, none by the legacy client"
        )
        story.say("what is left: put the candidate where the migrating provider was, and delete the legacy client")


def _fire_drill(story: Story, operator: Operator, running: Deployment) -> None:
    started = time.monotonic()
    attempts = switch_off(operator.place, by="ann", reason="fire drill")
    running.follow("off")
    story.expect(all(each.reached for each in attempts), str(attempts))
    story.expect(time.monotonic() - started < 2.0, "the switch took longer than two seconds")
    story.say("shim rollout off: file, store and policy say off, and the service follows within a second")
    release(operator.place, by="ann", reason="fire drill is over")
    _wait(lambda: running.rollout.status().kill_switch.position == "clear")


def _tell_history(story: Story, operator: Operator) -> None:
    story.chapter("The history")
    for entry in operator.history():
        if entry.by == "ann" or entry.event == "roll_back":
            by = "the guard" if entry.event == "roll_back" else entry.by
            story.say(
                f"{entry.event:<9} {by:<9} {entry.came_from or '-':>8} -> {entry.to or '-':<12} {_short(entry.reason)}"
            )


@contextlib.contextmanager
def _deployed(operator: Operator, version: Version, *, base_url: str) -> Iterator[Deployment]:
    with contextlib.ExitStack() as stack:
        yield Deployment(operator.place, version, base_url=base_url, stack=stack)


def _place(folder: Path) -> RolloutPlace:
    (folder / "plan.toml").write_text(PLAN)
    SqliteStore(folder / "rollout.db").close()
    return RolloutPlace(
        store=str(folder / "rollout.db"),
        plan=str(folder / "plan.toml"),
        kill_switch=str(folder / "kill"),
        guard=GuardOptions(minimum_units=10, mode="enforce"),
    )


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"   NOT AS EXPECTED: nothing happened for {PATIENCE:.0f} s")
        time.sleep(0.02)


def _short(value: object, most: int = 60) -> str:
    text = str(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


if __name__ == "__main__":
    sys.exit(main())
