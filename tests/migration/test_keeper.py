"""Tests of what processes share: evidence, the switch, the latch and the history, with a store and without."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from shim.migration import (
    Entry,
    HistoryFile,
    KillSwitch,
    Policy,
    Rollout,
    SqliteStore,
    Stage,
    Store,
    StoreError,
    StoreHistory,
    StorePolicy,
)
from tests.migration.helpers.completions import answered, failed
from tests.migration.helpers.rollouts import HALF, RAMP, SetPolicy, break_arm, quick_guard, unit_in
from tests.migration.helpers.stores import switchable
from tests.migration.helpers.waiting import in_child, wait_until

CANDIDATE = unit_in(0, 5)
FLAG = "openai"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Closes what a test makes."""
    with ExitStack() as stack:
        yield stack


@pytest.mark.slow
def test_the_stores_switch_is_followed(tmp_path: Path, stack: ExitStack) -> None:
    """A switch thrown in the store reaches each process within a second, and holds over a restart."""
    store, _ = switchable(tmp_path / "store")
    rollouts = [stack.enter_context(Rollout(RAMP, store=store)) for _ in range(3)]
    assert {rollout.decide(CANDIDATE).arm for rollout in rollouts} == {"candidate"}
    seconds = []
    for _ in range(3):  # at best: a busy machine may hold up each of them, and hardly all
        store.write_kill_switch(FLAG, on=False, by="ann", reason="not yet")
        wait_until(lambda: {rollout.decide(CANDIDATE).reason for rollout in rollouts} == {"bucket"})
        store.write_kill_switch(FLAG, on=True, by="ann", reason="errors")
        began = time.monotonic()
        wait_until(lambda: {rollout.decide(CANDIDATE).reason for rollout in rollouts} == {"kill_switch"})
        seconds.append(time.monotonic() - began)
    assert min(seconds) < 1.0
    assert "by ann: errors" in rollouts[0].status().kill_switch.why
    assert stack.enter_context(Rollout(RAMP, store=store)).decide(CANDIDATE).arm == "control"
    store.write_kill_switch(FLAG, on=False, by="ann", reason="over")
    wait_until(lambda: {rollout.decide(CANDIDATE).arm for rollout in rollouts} == {"candidate"})


@pytest.mark.slow
def test_every_worker_of_a_prefork_server_follows(tmp_path: Path, stack: ExitStack) -> None:
    """Children that were forked from a process which had decided already follow file and store within a second."""
    store = SqliteStore(tmp_path / "store")
    kill = tmp_path / "kill"
    rollout = stack.enter_context(Rollout(RAMP, store=store, kill_switch=kill))
    assert rollout.decide(CANDIDATE).arm == "candidate"

    def followed(reason: str) -> float:
        began = time.monotonic()
        wait_until(lambda: rollout.decide(CANDIDATE).reason == reason)
        return time.monotonic() - began

    def work() -> str:
        assert rollout.decide(CANDIDATE).arm == "candidate"
        SqliteStore(tmp_path / "store").write_kill_switch(FLAG, on=True, by="child", reason="test")
        by_store = followed("kill_switch")
        SqliteStore(tmp_path / "store").write_kill_switch(FLAG, on=False, by="child", reason="test")
        followed("bucket")
        kill.touch()
        by_file = followed("kill_switch")
        kill.unlink()
        followed("bucket")
        return f"{by_store} {by_file}"

    for _ in range(3):
        assert max(float(seconds) for seconds in in_child(work).split()) < 1.0


def test_evidence_of_all_processes_counts(tmp_path: Path, stack: ExitStack) -> None:
    """Failures that no process sees enough of alone take all of them back, and the others learn it from the store."""
    store, _ = switchable(tmp_path / "store")
    rollouts = [stack.enter_context(Rollout(HALF, store=store, guard=quick_guard())) for _ in range(4)]
    for number in range(120):
        rollout = rollouts[number % 4]
        decision = rollout.decide(f"conversation-{number}")
        rollout.note(decision, failed() if decision.arm == "candidate" and number < 60 else answered())
    wait_until(lambda: {rollout.decide(CANDIDATE).reason for rollout in rollouts} == {"rolled_back"})
    wait_until(lambda: store.read_latch(FLAG))
    assert [entry.event for entry in StoreHistory(store, flag=FLAG).read()].count("roll_back") <= 1
    fresh = stack.enter_context(Rollout(HALF, store=store, guard=quick_guard()))
    assert fresh.decide(CANDIDATE).stage is Stage.SHADOW, "a restart changes nothing"
    arms = fresh.status().arms
    assert fresh.status().latch is not None
    assert set(arms) == {"control", "candidate"}


@pytest.mark.slow
def test_a_reset_reaches_all_processes(tmp_path: Path, stack: ExitStack) -> None:
    """What somebody resets in one process goes on in all of them, with fresh tests: none trips again at once."""
    store, _ = switchable(tmp_path / "store")
    rollouts = [stack.enter_context(Rollout(HALF, store=store, guard=quick_guard())) for _ in range(2)]
    for number in range(100):
        decision = rollouts[0].decide(f"conversation-{number}")
        rollouts[0].note(decision, failed() if decision.arm == "candidate" else answered())
    wait_until(lambda: {rollout.decide(CANDIDATE).reason for rollout in rollouts} == {"rolled_back"})
    rollouts[1].reset("proxy fixed", by="ann")
    wait_until(lambda: {rollout.decide(CANDIDATE).arm for rollout in rollouts} == {"candidate"})
    for rollout in rollouts:
        wait_for_refresh(rollout)
        assert rollout.decide(CANDIDATE).arm == "candidate", "what was counted before the reset is over"
    events = [entry.event for entry in StoreHistory(store, flag=FLAG).read()]
    assert events.index("roll_back") < events.index("reset")


def wait_for_refresh(rollout: Rollout) -> None:
    """Wait until a rollout has read its store once more."""
    sync = rollout._keeper.sync()
    assert sync is not None
    read = sync.snapshot
    wait_until(lambda: sync.snapshot is not read)


def test_requests_are_counted_over_processes(tmp_path: Path, stack: ExitStack) -> None:
    """The status of each process tells the requests of all of them, closed ones too."""
    store, _ = switchable(tmp_path / "store")
    for _ in range(3):
        with Rollout(HALF, store=store) as rollout:
            for number in range(10):
                rollout.note(rollout.decide(f"conversation-{number}"), answered(0.5))
    reader = stack.enter_context(Rollout(HALF, store=store))
    arms = reader.status().arms
    assert arms["control"].requests + arms["candidate"].requests == 30
    assert arms["control"].seconds + arms["candidate"].seconds == pytest.approx(15.0)


@pytest.mark.slow
def test_a_store_that_is_down_blocks_and_promotes_nothing(tmp_path: Path, stack: ExitStack) -> None:
    """While the store is away calls go by the last policy, the guard is blind, nothing is promoted; later it is caught up."""
    store, switch = switchable(tmp_path / "store")
    source = SetPolicy(RAMP)
    rollout = stack.enter_context(Rollout(source, store=store, guard=quick_guard(), pin=60))
    assert rollout.decide(CANDIDATE).arm == "candidate"
    switch.down = True
    wait_until(lambda: rollout.status().store.state == "unreachable")
    source.value = HALF
    decision = rollout.decide(CANDIDATE)
    assert (decision.arm, decision.percent) == ("candidate", 5.0)
    for number in range(20):
        rollout.note(rollout.decide(f"conversation-{number}"), answered())
    status = rollout.status()
    assert (status.answer, status.evidence["reason"]) == ("hold", "blind")
    assert "cannot be read" in status.why
    wait_until(lambda: rollout.status().store.waiting > 0)
    switch.down = False
    wait_until(lambda: rollout.status().store.state == "ok")
    wait_until(lambda: rollout.decide(CANDIDATE).percent == 50.0)
    assert rollout.status().store.dropped == 0
    wait_until(lambda: counted(store, "arms ramp@5") == 20)


def counted(store: Store, epoch: str) -> float:
    """Requests that the store has counted under a name."""
    sums = store.read_epoch(FLAG, epoch).sums
    return sums.get("control.requests", 0) + sums.get("candidate.requests", 0)


@pytest.mark.slow
def test_a_store_that_hangs_promotes_nothing(tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store whose answer does not come is taken for one that cannot be read, and no call waits for it."""
    monkeypatch.setattr("shim.migration.refresher.SILENT_SECONDS", 0.6)
    store, switch = switchable(tmp_path / "store")
    source = SetPolicy(RAMP)
    rollout = stack.enter_context(Rollout(source, store=store))
    wait_until(lambda: rollout.decide(CANDIDATE).percent == 5.0)
    release = stack.enter_context(switch.hang())
    wait_until(lambda: rollout.status().kill_switch.position == "unknown")
    source.value = HALF
    assert rollout.decide(CANDIDATE).percent == 5.0
    release()
    wait_until(lambda: rollout.decide(CANDIDATE).percent == 50.0)


def test_a_service_starts_without_its_store(tmp_path: Path, stack: ExitStack) -> None:
    """Where the store cannot be reached at the start, control serves all until it can: nobody knows what its switch says."""
    store, switch = switchable(tmp_path / "store")
    switch.down = True
    rollout = stack.enter_context(Rollout(RAMP, store=store))
    assert rollout.decide(CANDIDATE).arm == "control"
    assert rollout.status().store.state == "unreachable"
    switch.down = False
    wait_until(lambda: rollout.decide(CANDIDATE).arm == "candidate")


def test_a_store_that_cannot_be_used_is_an_error_at_set_up(tmp_path: Path, stack: ExitStack) -> None:
    """What will not pass by itself is raised when a rollout is made; met later it changes nothing."""
    store, switch = switchable(tmp_path / "store")
    rollout = stack.enter_context(Rollout(RAMP, store=store))
    assert rollout.decide(CANDIDATE).arm == "candidate"
    switch.refuses = True
    for make in (lambda: Rollout(RAMP, store=store), lambda: StorePolicy(store)):
        with pytest.raises(StoreError, match="may only be read"):
            make()
    wait_until(lambda: rollout.status().store.state == "unreachable")
    assert rollout.decide(CANDIDATE).arm == "candidate"
    switch.refuses = False


def test_a_policy_in_the_store_is_in_the_status(tmp_path: Path, stack: ExitStack) -> None:
    """The status says since when the policy holds, and who wrote it."""
    store, _ = switchable(tmp_path / "store")
    written = store.write_policy(FLAG, {"stage": "ramp", "percent": 5}, expected=0, by="ann")
    rollout = stack.enter_context(Rollout(StorePolicy(store, max_age=0.02), store=store))
    status = rollout.status()
    assert (status.stage, status.percent, status.by, status.since) == (Stage.RAMP, 5.0, "ann", written.at)


def test_the_status_tells_since_when_the_store_answers(tmp_path: Path, stack: ExitStack) -> None:
    """Looking again changes nothing of since when the store can be reached, nor of since when it cannot."""
    store, switch = switchable(tmp_path / "store")
    rollout = stack.enter_context(Rollout(RAMP, store=store))
    sync, local = rollout._keeper.sync(), rollout._keeper.local()
    assert sync is not None
    reached = sync.health.since
    sync.run(local, tripped=None, evidence={})
    assert (sync.health.state, sync.health.since) == ("ok", reached)
    switch.down = True
    for _ in range(2):
        with pytest.raises(StoreError):
            sync.run(local, tripped=None, evidence={})
    lost = sync.health.since
    assert (sync.health.state, sync.switch.position) == ("unreachable", "unknown")
    with pytest.raises(StoreError):
        sync.run(local, tripped=None, evidence={})
    assert sync.health.since == lost != reached


def test_the_history_tells_what_happened(tmp_path: Path) -> None:
    """Changes, the switch, a rollback with its evidence, and a reset are in the history, in order, with who and why."""
    path, kill, source = tmp_path / "history.jsonl", tmp_path / "kill", SetPolicy(Policy())
    switch = KillSwitch(file=kill, environ={}, check_every=0)
    with Rollout(source, guard=quick_guard(), kill_switch=switch, history=path) as rollout:
        rollout.decide(CANDIDATE)
        source.value = HALF
        rollout.decide(CANDIDATE)
        kill.touch()
        rollout.decide(CANDIDATE)
        kill.unlink()
        break_arm(rollout, "candidate")
        rollout.decide(CANDIDATE)
        rollout.reset("proxy fixed", by="ann")
        rollout.decide(CANDIDATE)
    entries = list(HistoryFile(path).read())
    assert [(entry.event, entry.came_from, entry.to) for entry in entries] == [
        ("changed", "off@0", "ramp@50"),
        ("killed", "ramp@50", "off@0"),
        ("released", "off@0", "ramp@50"),
        ("roll_back", "ramp@50", "shadow"),
        ("reset", "ramp@50", ""),
    ]
    changed, killed, _, roll_back, reset = entries
    assert (changed.by, reset.by, reset.reason) == ("the test", "ann", "proxy fixed")
    assert str(kill) in killed.reason
    assert roll_back.evidence["kinds"]["error"]["candidate"] > 0
    assert roll_back.reason


def test_a_reset_in_the_history_reaches_other_processes(tmp_path: Path, stack: ExitStack) -> None:
    """Without a store, processes of one host follow the rollback and the reset that the history tells."""
    path = tmp_path / "history.jsonl"
    first, second = (stack.enter_context(Rollout(HALF, guard=quick_guard(), history=path)) for _ in range(2))
    break_arm(first, "candidate")
    wait_until(lambda: second.decide(CANDIDATE).reason == "rolled_back")
    HistoryFile(path).append(Entry(event="reset", flag=FLAG, by="ann", reason="fixed"))
    wait_until(lambda: {each.decide(CANDIDATE).arm for each in (first, second)} == {"candidate"})


@pytest.mark.parametrize("how", ["moved", "cut off"])
def test_a_history_that_is_rotated_is_no_reset(tmp_path: Path, how: str) -> None:
    """The rollback holds when its history is moved away or cut off, is told in the new one, and so outlives a restart."""
    path = tmp_path / "history.jsonl"

    def told() -> list[str]:
        return [each.event for each in HistoryFile(path).read()]

    with Rollout(HALF, guard=quick_guard(), history=path) as rollout:
        break_arm(rollout, "candidate")
        wait_until(lambda: told() == ["roll_back"])
        (before,) = HistoryFile(path).read()
        rollout._keeper._keep()
        if how == "moved":
            path.rename(tmp_path / "history.jsonl.1")
        else:
            path.write_bytes(b"")
        wait_until(lambda: told() == ["roll_back"])
        assert rollout.decide(CANDIDATE).reason == "rolled_back"
        (after,) = HistoryFile(path).read()
        assert (after.at, after.came_from, after.reason) == (before.at, before.came_from, before.reason)
    with Rollout(HALF, guard=quick_guard(), history=path) as restarted:
        assert restarted.decide(CANDIDATE).reason == "rolled_back"
        HistoryFile(path).append(Entry(event="reset", flag=FLAG, by="ann", reason="fixed"))
        wait_until(lambda: restarted.decide(CANDIDATE).arm == "candidate")


class Wordy:
    """A guard that says to roll back, with evidence that no store keeps."""

    mode = "enforce"
    answer = "roll_back"

    def __init__(self, evidence: dict[str, Any]) -> None:
        self.evidence = lambda: evidence
        self.note = self.expose = lambda *_args, **_named: "roll_back"
        self.take = list
        self.share = self.blind = self.reset = lambda _told: None


@pytest.mark.parametrize(
    "evidence",
    [{}, {"why": "x" * 100_000}, {"why": "\ud800"}, {"why": "w", "seen": {1, 2}}, {"why": "w", "all": "x" * 100_000}],
    ids=["nothing", "long", "surrogate", "set", "large"],
)
def test_a_rollback_is_known_to_all_whatever_the_guard_says(
    tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch, evidence: dict[str, Any]
) -> None:
    """Evidence that cannot be kept is left out, and the rollback reaches store and history all the same."""
    monkeypatch.setattr("shim.migration.keeper.socket.gethostname", lambda: "host" * 100)
    store, _ = switchable(tmp_path / "store")
    rollout = stack.enter_context(Rollout(HALF, guard=cast("Any", Wordy(evidence)), store=store))
    rollout.note(rollout.decide(CANDIDATE), answered())
    wait_until(lambda: store.read_latch(FLAG))
    wait_until(lambda: store.read_history(FLAG))
    assert rollout.status().store.state == "ok"


def test_a_history_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    """Where the file cannot be written the rollback holds all the same, and its entry is written when it can be."""
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "history.jsonl"
    with Rollout(HALF, guard=quick_guard(), history=path) as rollout:
        rollout.decide(CANDIDATE)
        folder.rename(tmp_path / "moved")
        break_arm(rollout, "candidate")
        wait_until(lambda: rollout.status().faults.get("history"))
        assert rollout.decide(CANDIDATE).reason == "rolled_back"
        (tmp_path / "moved").rename(folder)
        wait_until(lambda: [entry.event for entry in HistoryFile(path).read()] == ["roll_back"])
        assert rollout.decide(CANDIDATE).reason == "rolled_back"


@pytest.mark.parametrize("stored", [False, True])
def test_a_rollout_that_is_only_made_has_nothing_open(tmp_path: Path, stack: ExitStack, *, stored: bool) -> None:
    """Made in the master of a server that forks in C, as uwsgi does, it takes no connection of the store into the workers."""
    store = SqliteStore(tmp_path / "store")
    rollout = stack.enter_context(Rollout(StorePolicy(store) if stored else RAMP, store=store))
    file = cast("Any", store)._backend._file
    assert [seat.connection for seat in (file._reading, file._writing)] == [None, None]
    assert rollout.decide(CANDIDATE).arm == ("control" if stored else "candidate")


def test_a_process_that_only_asks_how_it_stands_is_up_to_date(tmp_path: Path, stack: ExitStack) -> None:
    """The status of a worker that has decided nothing yet follows the store's switch, and never takes it for unknown."""
    store = stack.enter_context(SqliteStore(tmp_path / "store"))
    rollout = stack.enter_context(Rollout(RAMP, store=store))
    assert rollout.status().kill_switch.position == "clear"
    store.write_kill_switch(FLAG, on=True, by="ann", reason="errors")
    wait_until(lambda: rollout.status().kill_switch.position == "thrown")


def test_no_thread_is_left(tmp_path: Path) -> None:
    """Closing a rollout with a store ends all of its threads."""
    store, _ = switchable(tmp_path / "store")
    with Rollout(StorePolicy(store), store=store, guard=quick_guard()) as rollout:
        rollout.decide(CANDIDATE)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("shim-")]
