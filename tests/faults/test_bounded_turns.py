"""Tests of what one turn of a provider does: bounded, whatever a server sends, and shared fairly between streams."""

from __future__ import annotations

import functools
import random
import select
import threading
import time
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from shim.calls.turn import TURN
from tests.helpers.driving import HELLO, Heard, ask, drive, start
from tests.helpers.providers import Make
from tests.helpers.raw_server import END, SSE, Action, Connection, RawServer, chunk, read

if TYPE_CHECKING:
    from shim.provider import Completion, Provider

PIECE = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
ENDING = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
# What costs a turn something and no event tells of, and what tells of many in few bytes.
UNITS = {
    "blank lines": b"\n",
    "blank lines of two": b"\r\n",
    "comments": b":\n",
    "keep-alives": b": keep-alive\n\n",
    "unknown fields": b"a\n",
    "ids": b"id:\n",
    "empty payloads": b"data:\n\n",
    "empty objects": b"data: {}\n\n",
    "events": PIECE,
}
MANY = TURN // len(PIECE)  # events no turn delivers
TURN_SECONDS = 0.25  # of CPU, on a machine with other things to do; unbounded it was seconds


def without_end(unit: bytes) -> Callable[[Connection], None]:
    """An action that sends one thing until the client has gone."""
    block = unit * (128 * 1024 // len(unit))

    def action(connection: Connection) -> None:
        while True:
            connection.sock.sendall(chunk(block))

    return action


def quietly(connection: Connection) -> None:
    """Send a short event every hundredth of a second."""
    for _ in range(20):
        connection.sock.sendall(chunk(PIECE))
        time.sleep(0.01)
    connection.sock.sendall(chunk(ENDING) + END)


def longest_turn(provider: Provider, until: Callable[[], object]) -> float:
    """Drive until something holds; the CPU seconds of the longest turn."""
    longest, deadline = 0.0, time.monotonic() + 15
    while not until():
        assert time.monotonic() < deadline, "it did not come"
        wait = provider.timeout()
        select.select(*provider.fdset(), 0.1 if wait < 0 else min(wait / 1000, 0.1))
        began = time.thread_time()
        provider.perform()
        longest = max(longest, time.thread_time() - began)
        provider.info_read()
    return longest


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS.values(), ids=UNITS)
def test_a_server_that_sends_without_end_holds_no_turn(make: Make, unit: bytes) -> None:
    """Whatever comes without end, each turn is short, and another stream is told to its end meanwhile."""
    scripts: list[list[Action]] = [[read, SSE, chunk(PIECE), without_end(unit)], [read, SSE, quietly]]
    with RawServer(scripts) as server, make(server.url) as provider:
        flooded, other = Heard(), Heard()
        handle = provider.start_stream(HELLO, flooded.on_event, flooded.on_completion)
        drive(provider, lambda: flooded.events)
        provider.start_stream(HELLO, other.on_event, other.on_completion)
        assert longest_turn(provider, lambda: other.done) < TURN_SECONDS
        provider.cancel(handle)
    assert other.response.text == "a" * 20


@functools.cache
def grown(unit: bytes, *, ratio: int, pieces: int) -> bytes:
    """Megabytes of one unit in gzip, with just so much noise between them that the body stays below the ratio."""
    packer, noise = zlib.compressobj(9, wbits=31), random.Random(1)  # noqa: S311 - noise, no secret
    block = unit * (2**20 // len(unit))
    blocks = (
        packer.compress(block + b": %b\n" % noise.randbytes(2**20 // ratio).hex().encode()) for _ in range(pieces)
    )
    return b"".join(blocks) + packer.flush()


@pytest.mark.slow
@pytest.mark.parametrize("unit", [b"\n", b": keep-alive\n\n", b"data: {}\n\n", PIECE], ids=repr)
def test_a_body_that_grows_in_decoding_holds_no_turn(make: Make, unit: bytes) -> None:
    """Of what a few bytes of gzip give, each turn delivers a part, and another stream is told to its end meanwhile."""
    body = grown(unit, ratio=200, pieces=8)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n"
    scripts: list[list[Action]] = [[read, head + body], [read, SSE, quietly]]
    with RawServer(scripts) as server, make(server.url) as provider:
        flooded, other = Heard(), Heard()
        provider.start_stream(HELLO, flooded.on_event, flooded.on_completion)
        drive(provider, lambda: server.requests)
        provider.start_stream(HELLO, other.on_event, other.on_completion)
        assert longest_turn(provider, lambda: other.done) < TURN_SECONDS
    assert other.response.text == "a" * 20


def turns_of(provider: Provider, heard: Heard) -> list[int]:
    """Drive a request to its completion; how many events each turn brought. A turn that leaves some asks for the next."""
    turns: list[int] = []
    while not heard.done:
        wait = provider.timeout()
        select.select(*provider.fdset(), 5 if wait < 0 else wait / 1000)
        before = len(heard.events)
        provider.perform()
        turns.append(len(heard.events) - before)
        provider.info_read()
    return turns


@pytest.mark.slow
@pytest.mark.parametrize("kind", [b"text/event-stream", b"text/plain"], ids=["a stream", "called something else"])
def test_what_a_turn_leaves_comes_in_the_next(make: Make, kind: bytes) -> None:
    """A turn delivers a bounded number of events of a long answer, the next brings more, and nothing is lost."""
    count = 4 * MANY
    sent = SSE.replace(b"text/event-stream", kind) + chunk(PIECE * count) + chunk(ENDING) + END
    with RawServer([[read, sent]]) as server, make(server.url) as provider:
        heard = start(provider, stream=True)
        turns = turns_of(provider, heard)
    assert heard.response.text == "a" * count
    assert MANY // 8 < max(turns) <= MANY


def _note(order: list[int], number: int, _event: object) -> None:
    order.append(number)


@pytest.mark.slow
def test_streams_that_burst_are_served_side_by_side(make: Make) -> None:
    """Of several long answers none waits until another has been told to its end."""
    sent = SSE + chunk(PIECE * 2 * MANY) + chunk(ENDING) + END
    order: list[int] = []
    together = threading.Barrier(4)  # on a busy machine one would else have ended before another begins

    def wait_for_all(_connection: Connection) -> None:
        together.wait(10)

    with RawServer([[read, wait_for_all, sent]]) as server, make(server.url) as provider:
        all_heard = [Heard(functools.partial(_note, order, number)) for number in range(4)]
        for heard in all_heard:
            provider.start_stream(HELLO, heard.on_event, heard.on_completion)
        drive(provider, lambda: all(heard.done for heard in all_heard))
    assert all(heard.response.text == "a" * 2 * MANY for heard in all_heard)
    first_to_end = min(len(order) - 1 - order[::-1].index(number) for number in range(4))
    assert set(order[:first_to_end]) == {0, 1, 2, 3}


def drip(connection: Connection) -> None:
    """Send comments, one at a time, until the client has gone."""
    while True:
        connection.sock.sendall(chunk(b": keep-alive\n\n"))
        time.sleep(0.05)


@pytest.mark.slow
def test_a_body_that_drips_on_after_the_last_event_is_ended(make: Make) -> None:
    """A server that goes on with comments after `[DONE]` does not keep the completion back."""
    with RawServer([[read, SSE, chunk(PIECE + ENDING), drip]]) as server, make(server.url) as provider:
        assert ask(provider, stream=True).response.text == "a"


@pytest.mark.parametrize("status", [b"200 OK", b"500 Oops"])
def test_whole_answers_that_wait_are_read_in_turns(make: Make, status: bytes) -> None:
    """Many large answers that have come at the same time are not all read in one turn."""
    content = b"x" * TURN
    body = b'{"choices":[{"index":0,"message":{"content":"%b"},"finish_reason":"stop"}]}' % content
    sent = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)
    most = 0
    done: list[Completion] = []
    with RawServer([[read, sent]]) as server, make(server.url) as provider:
        for _ in range(8):
            provider.start_request(HELLO, done.append)
        while len(done) < 8:
            select.select(*provider.fdset(), 0.1 if provider.timeout() else 0)
            time.sleep(0.02)  # so that several have ended by the next
            provider.perform()
            most = max(most, provider.info_read())
    assert most <= 4  # of 8, as many as have come on a busy machine
