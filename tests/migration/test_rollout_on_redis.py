"""Tests of rollouts that share a real Redis server, which goes away and comes back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from shim.migration import Policy, RedisStore, Rollout, Stage, StoreHistory, StorePolicy
from tests.migration.helpers.completions import answered, failed
from tests.migration.helpers.rollouts import quick_guard, unit_in, units
from tests.migration.helpers.waiting import wait_until
from tests.migration.store.redis_process import RedisProcess, needs_redis

pytestmark = needs_redis

CANDIDATE = unit_in(0, 5)
LATER = unit_in(10, 20)
FLAG = "openai"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisProcess]:
    """A server of the test's own."""
    with RedisProcess(tmp_path) as server:
        yield server


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Closes what a test makes."""
    with ExitStack() as stack:
        yield stack


def start(stack: ExitStack, server: RedisProcess) -> Rollout:
    """A rollout with a store, a guard, pins and a connection of its own, as a host has it."""
    store = stack.enter_context(RedisStore(server.url))
    return stack.enter_context(Rollout(StorePolicy(store), store=store, guard=quick_guard(), pin=60))


@pytest.mark.slow
def test_hosts_share_policy_switch_pins_and_latch(server: RedisProcess, stack: ExitStack) -> None:
    """What one host sees or is told, the others follow: the share, running conversations, the switch, a rollback and a reset."""
    store = stack.enter_context(RedisStore(server.url))
    store.write_policy(FLAG, {"stage": "ramp", "percent": 5}, expected=0, by="ann")
    hosts = [start(stack, server) for _ in range(2)]
    assert [host.decide(LATER if host is hosts[0] else CANDIDATE).arm for host in hosts] == ["control", "candidate"]
    wait_until(lambda: hosts[1].status().pinned == 2)
    store.write_policy(FLAG, {"stage": "ramp", "percent": 50}, expected=1, by="ben")
    fresh = units(20, 45)
    wait_until(lambda: hosts[1].decide(next(fresh)).arm == "candidate")
    assert hosts[1].decide(LATER).arm == "control", "it began on the other host, before"
    seconds = []
    for _ in range(3):  # at best: a busy machine may hold up each of them, and hardly all
        store.write_kill_switch(FLAG, on=False, by="ann", reason="not yet")
        wait_until(lambda: "kill_switch" not in {host.decide(CANDIDATE).reason for host in hosts})
        store.write_kill_switch(FLAG, on=True, by="ann", reason="test")
        began = time.monotonic()
        wait_until(lambda: {host.decide(CANDIDATE).reason for host in hosts} == {"kill_switch"})
        seconds.append(time.monotonic() - began)
    assert min(seconds) < 1.0
    store.write_kill_switch(FLAG, on=False, by="ann", reason="over")
    wait_until(lambda: {host.decide(CANDIDATE).arm for host in hosts} == {"candidate"})
    for number in range(100):
        host = hosts[number % 2]
        decision = host.decide(f"conversation-{number}")
        host.note(decision, failed() if decision.arm == "candidate" else answered())
    wait_until(lambda: {host.decide(CANDIDATE).stage for host in hosts} == {Stage.SHADOW})
    hosts[0].reset("fixed", by="ann")
    wait_until(lambda: {host.decide(CANDIDATE).arm for host in hosts} == {"candidate"})
    events = [entry.event for entry in StoreHistory(store, flag=FLAG).read()]
    assert events.count("roll_back") == 1
    assert events.count("reset") == 1


@pytest.mark.slow
def test_a_server_that_goes_away_and_comes_back_empty(server: RedisProcess, stack: ExitStack) -> None:
    """While it is away calls go on at once and nothing is promoted; an empty server that comes back is off."""
    store = stack.enter_context(RedisStore(server.url))
    store.write_policy(FLAG, {"stage": "ramp", "percent": 5}, expected=0, by="ann")
    rollout = start(stack, server)
    assert rollout.decide(CANDIDATE).arm == "candidate"
    server.stop()
    wait_until(lambda: rollout.status().store.state == "unreachable")
    began = time.thread_time()
    for unit, _ in zip(units(0, 100), range(500), strict=False):
        rollout.note(rollout.decide(unit), answered())
    assert time.thread_time() - began < 1.0, "no request waits for the server"
    assert rollout.decide(CANDIDATE).arm == "candidate"
    assert rollout.status().answer == "hold"
    server.start()
    wait_until(lambda: rollout.status().policy == Policy())
    wait_until(lambda: rollout.status().store.state == "ok")
    assert rollout.decide(CANDIDATE).arm == "control"
