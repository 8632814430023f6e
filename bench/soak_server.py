"""The server of the soak: the fake API in a process of its own, whose next behaviour is drawn at random, again and again.

Not the load (`bench.soak_load`) nor the fake API itself (`shim.testing.fake_openai`).
"""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, Final

from shim.testing.fake_openai import (
    Burst,
    Cut,
    Drip,
    FakeOpenAI,
    Garbage,
    JsonToStream,
    Paced,
    RawResponse,
    Reset,
    Slow,
    Stall,
    Where,
    overloaded,
    rate_limited,
    server_error,
    stream_failed,
)

_AHEAD: Final = 400  # behaviours that wait for the coming requests
_LOOK_SECONDS: Final = 0.02

Draw = Callable[[random.Random], Any]
# Weight, and what is drawn. The rest, a third, are answers as they should be.
FAULTS: tuple[tuple[int, Draw], ...] = (
    (15, lambda _: Burst(events=100)),
    (8, lambda chance: Paced(events=chance.randint(1, 30), per_second=300)),
    (1, lambda _: Burst(events=3000)),
    (6, lambda _: rate_limited(retry_after=0)),
    (3, lambda _: server_error()),
    (2, lambda _: overloaded()),
    (3, lambda chance: stream_failed(after_events=chance.randint(0, 3))),
    (3, lambda _: JsonToStream()),
    (4, lambda chance: Cut(after_events=chance.randint(0, 3))),
    (2, lambda _: Cut(Where.BEFORE_HEADERS)),
    (4, lambda chance: Reset(after_events=chance.randint(0, 3))),
    (2, lambda _: Reset(Where.BEFORE_HEADERS)),
    (3, lambda chance: Garbage(after_events=chance.randint(0, 3), framed=chance.random() < 0.5)),
    (2, lambda chance: RawResponse([bytes(chance.randrange(256) for _ in range(200))])),
    (2, lambda chance: Slow(chance.uniform(0.01, 0.4))),
    (2, lambda _: Drip(size=200, delay=0.001)),
    (1, lambda chance: Stall(after_events=chance.randint(0, 3))),
)
_GOOD_WEIGHT: Final = 36


@contextmanager
def faulty_server(seed: int) -> Iterator[str]:
    """The base URL of such a server, whose process ends with the block."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, seed), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv()
    finally:
        ours.close()  # the process ends with the pipe
        process.join(10)
        if process.is_alive():
            process.kill()
            process.join()


def _serve(pipe: Connection, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a load, no secret
    weights = [weight for weight, _ in FAULTS]
    with FakeOpenAI() as server:
        pipe.send(server.base_url)
        while not pipe.poll(_LOOK_SECONDS):
            for _ in range(_AHEAD - server.planned):
                bad = chance.random() * (sum(weights) + _GOOD_WEIGHT) < sum(weights)
                server.plan(chance.choices(FAULTS, weights)[0][1](chance) if bad else ())
