"""Tests of many connections at once, each ending in its own way: nothing fails inside, nothing is lost, nothing is left."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from shim.testing.fake_openai import Behaviour, Cut, Drip, FakeOpenAI, Garbage, Reset, Stall, Where
from tests.recording.proxy.connections import dial, port_of, proxied, read_all, read_head, reset, wait_until
from tests.testing.fake_openai.asking import chat, request_bytes

FAULTS: tuple[Behaviour, ...] = (
    Cut(after_events=2),
    Reset(after_events=2),
    Reset(Where.BEFORE_HEADERS),
    Garbage(after_events=1),
    Drip(40, 0.0),
    Stall(after_events=1),
)
ROUNDS = 20


@pytest.mark.slow
def test_a_crowd_of_faults_leaves_nothing_behind() -> None:
    """Of many clients that meet faults or leave at once every exchange is recorded, and no connection or thread stays."""
    before = threading.active_count()
    with FakeOpenAI() as server, proxied(server.base_url) as (proxy, exchanges):
        server.plan(*FAULTS * ROUNDS)
        port, count = port_of(proxy), len(FAULTS) * ROUNDS

        def call(number: int) -> None:
            with dial(port) as sock:
                sock.sendall(request_bytes(chat(stream=True), last=number % 2 == 0))
                if number % 5 == 0:
                    server.wait_for_requests(1)
                    reset(sock)
                else:
                    read_all(sock, patience=0.2)

        with ThreadPoolExecutor(12) as pool:
            list(pool.map(call, range(count)))
        server.wait_for_open_connections(0)
        wait_until(lambda: proxy.counts.exchanges == proxy.counts.recorded)
        wait_until(lambda: not proxy._links)
        assert proxy.counts.exchanges >= server.request_count > count / 2
        assert len({exchange.pair_id for exchange in exchanges}) == len(exchanges)
        assert set(Counter(exchange.ended for exchange in exchanges)) == {"complete", "aborted", "failed"}
    wait_until(lambda: threading.active_count() == before)


@pytest.mark.slow
def test_clients_are_served_side_by_side() -> None:
    """Streams that stall keep no other waiting: each waits for its own upstream alone."""
    with FakeOpenAI() as server, proxied(server.base_url) as (proxy, exchanges):
        server.plan(*[Stall(after_events=1)] * 25)
        with contextlib.ExitStack() as stack:
            socks = [stack.enter_context(dial(port_of(proxy))) for _ in range(50)]
            for sock in socks:
                sock.sendall(request_bytes(chat(stream=True), last=True))
                read_head(sock)
            whole = [read_all(sock) for sock in socks[25:]]
            assert all(each.data.endswith(b"0\r\n\r\n") for each in whole)
        wait_until(lambda: len(exchanges) == 50)
    assert Counter(exchange.ended for exchange in exchanges) == {"complete": 25, "aborted": 25}
