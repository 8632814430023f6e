"""Leak tests of the whole client: after its completion a request leaves nothing behind."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any

import pytest

from legacy_openai import Conversation, HttpCompletion, Message, MultiClient
from tests.helpers.raw_server import END, HELLO, SSE, RawServer, chunk, events, json_answer, read, reset
from tests.legacy_openai.driving import descriptors, drive, eventually, threads


class Callback:
    """A callback that can be watched."""

    def __init__(self, *, error: bool = False) -> None:
        self.error = error
        self.calls = 0

    def __call__(self, value: object) -> None:
        """Count, and raise when asked to."""
        self.calls += 1
        if self.error:
            raise ValueError("raised by a callback")


@pytest.mark.parametrize("kind", ["stream", "plain", "reset", "abort", "refused", "removed"])
def test_nothing_of_a_request_outlives_its_completion(kind: str) -> None:
    """Conversation, callbacks and completion die at once, without the cycle collector, though the client lives on."""
    scripts: dict[str, list[Any]] = {"plain": [read, json_answer(b"{}")], "reset": [read, SSE + events(b"a"), reset]}
    watched: list[weakref.ref[Any]] = []
    finished: list[int] = []
    gc.collect()
    gc.disable()
    try:
        with RawServer([scripts.get(kind, [read, SSE, events(b"a", b"b"), END])]) as server, MultiClient() as client:
            conv, stream_cb = Conversation().add(Message("user", "x")), Callback(error=kind == "abort")

            def complete(completion: HttpCompletion) -> None:
                watched.append(weakref.ref(completion))
                finished.append(1)

            url = "http://127.0.0.1:1/v1" if kind == "refused" else server.url
            cfg = server.config(openai_base_url=url)
            number = client.add_request(cfg, conv, None if kind == "plain" else stream_cb, complete)
            watched += [weakref.ref(conv), weakref.ref(stream_cb), weakref.ref(complete)]
            if kind == "removed":
                client.remove(number)
            else:
                drive(client, lambda: finished)
            del conv, stream_cb, complete
            assert [ref() for ref in watched] == [None] * len(watched)
    finally:
        gc.enable()


@pytest.mark.slow
def test_a_thousand_requests_leave_threads_descriptors_and_memory_flat() -> None:
    """Up to a thousand requests, good, broken, refused and removed, leave nothing growing behind."""
    body = json_answer(b'{"error":{"message":"no"}}', "500 Oops")
    good: list[Any] = [read, SSE, events(b"a", b"[DONE]"), END]
    scripts = [good * 30 + [read, SSE + chunk(b"data: x\n\n"), reset], [read, body] * 5, [read, reset]]
    done: list[str] = []

    with RawServer(scripts * 1500) as server, MultiClient(max_concurrency=20) as client:

        def round_of(count: int) -> None:
            done.clear()
            removed = 0
            for number in range(count):
                url = "http://127.0.0.1:1/v1" if number % 10 == 9 else server.url
                cfg = server.config(openai_base_url=url)
                request_id = client.add_request(cfg, HELLO, lambda _: None, lambda one: done.append(one.type.name))
                if number % 8 == 7:
                    client.perform()
                    removed += client.remove(request_id)
            drive(client, lambda: len(done) + removed >= count)
            assert eventually(lambda: threads() == 0)
            server.requests.clear()

        round_of(200)
        gc.collect()
        before = descriptors()
        grown = []
        for _ in range(5):  # a leak grows in every round
            blocks = sys.getallocatedblocks()
            round_of(200)
            gc.collect()
            grown.append(sys.getallocatedblocks() - blocks)
            if grown[-1] < 200:  # less than one block of memory a request
                break
        assert {"SUCCESS", "SERVER_ERROR", "NETWORK_ERROR"} == set(done)
        assert abs(descriptors() - before) <= 45  # idle connections, at both ends, come and go
        assert sys.gettrace() or min(grown) < 200  # a tracer keeps blocks of its own
    assert eventually(lambda: threads() == 0)
