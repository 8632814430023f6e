"""Tests that a slow reader of the async client holds its server back: bounded in bytes, nothing lost, nothing aborted."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from typing import Any

import pytest

from shim.client import AsyncClient
from shim.client.loop_providers import MAX_BUFFERED_BYTES
from shim.factory import create_provider
from shim.migration import MigratingProvider, Policy, Rollout
from shim.model import ModelRequest, TextDelta, user
from shim.testing.fake_openai import Burst, FakeOpenAI
from shim.testing.scripted import ScriptedProvider
from tests.helpers.raw_server import END, SSE, Connection, RawServer, chunk, events, read

REQUEST = ModelRequest("gpt-4o-mini", (user("x"),))
kinds = pytest.mark.parametrize("kind", ["legacy", "native"])
BIG = 256 * 1024  # of a delta's text
COUNT = 64


def delta(text: str, finish: str | None = None) -> bytes:
    """A chunk with that text."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return json.dumps({"id": "c", "model": "m", "choices": [choice]}).encode()


class Counting:
    """A script that sends sixteen megabytes of large deltas, and counts what has left."""

    def __init__(self) -> None:
        self.sent = 0
        self.stopped = threading.Event()

    def __call__(self, connection: Connection) -> None:
        """Answer one request."""
        sock = connection.sock
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        connection.read_request()
        sock.sendall(SSE)
        for number in range(COUNT):
            sock.sendall(events(delta(chr(97 + number % 26) * BIG)))
            self.sent += BIG
        sock.sendall(events(delta("", "stop"), b"[DONE]") + END)


def check_that_the_server_is_held_back(kind: Any) -> None:
    """Read one event and no more for a while, then all."""
    script = Counting()

    async def ask(url: str) -> None:
        settings: dict[str, Any] = {"api_key": "sk-test-key", "base_url": url, "read_timeout": 1.0}
        async with AsyncClient(kind, **settings) as client:
            stream = client.stream(REQUEST)
            await anext(stream)
            before = -1
            while before < script.sent:  # until it stands still for longer than the silence that is allowed
                before = script.sent
                await asyncio.sleep(1.2)
            assert script.sent < MAX_BUFFERED_BYTES + 10 * 1024 * 1024
            assert len(stream._inbox.events) * BIG < MAX_BUFFERED_BYTES + 4 * 1024 * 1024
            texts = [event.text async for event in stream if isinstance(event, TextDelta)]
            assert [text[0] for text in texts if text] == [chr(97 + number % 26) for number in range(COUNT)]
            assert stream.response.text == "".join(texts)

    with RawServer([[script]]) as server:
        asyncio.run(ask(server.url))


@pytest.mark.slow
@kinds
def test_a_slow_reader_holds_the_server_back(kind: str) -> None:
    """While nobody reads, the server can send a few megabytes and no more; read at last, every piece is there, in order."""
    check_that_the_server_is_held_back(kind)


@pytest.mark.slow
@kinds
def test_a_migrating_provider_holds_the_server_back(kind: str) -> None:
    """A rollout between client and provider changes nothing of that, whatever client is its control."""
    with Rollout(Policy()) as rollout:

        def migrating(**settings: Any) -> MigratingProvider:
            return MigratingProvider(create_provider(kind, **settings), ScriptedProvider([]), rollout)

        check_that_the_server_is_held_back(migrating)


@kinds
def test_others_go_on_while_one_stream_is_held(kind: str) -> None:
    """A stream that is held back takes nothing from the others of its loop, and may be dropped while it is held."""

    async def ask(held: str, others: str) -> None:
        async with (
            AsyncClient(kind, api_key="sk-test-key", base_url=others) as client,
            AsyncClient(kind, api_key="sk-test-key", base_url=held) as slow,
        ):
            stream, second = slow.stream(REQUEST), slow.stream(REQUEST)
            await anext(stream)
            for _ in range(3):
                assert (await client.complete(REQUEST)).text
            await anext(second)
            await stream.aclose()
            await second.aclose()
            assert (await client.stream(REQUEST).read()).text

    with RawServer([[Counting()]]) as held, FakeOpenAI() as others:
        asyncio.run(ask(held.url, others.base_url))


@pytest.mark.slow
@pytest.mark.parametrize("form", [{}, {"tls": True}, {"tls": True, "http2": True}], ids=["plain", "TLS", "HTTP/2"])
def test_held_streams_of_one_connection_are_whole(form: dict[str, Any]) -> None:
    """Streams held back and read again and again, on HTTP/2 all of one connection, lose and repeat nothing; it is used on."""

    async def ask(server: FakeOpenAI) -> None:
        ca_file = server.ca_file if form else None
        async with AsyncClient(
            "native", max_buffered_events=8, api_key="sk-test-key", base_url=server.base_url, ca_file=ca_file
        ) as client:

            async def text_of() -> str:
                text = ""
                async for event in client.stream(REQUEST):
                    text += event.text if isinstance(event, TextDelta) else ""
                    await asyncio.sleep(0)
                return text

            for _ in range(2):
                server.plan(*[Burst(events=2000)] * 4)
                texts = await asyncio.gather(*[text_of() for _ in range(4)])
                assert {len(text.split()) for text in texts} == {2000}

    with FakeOpenAI(**form) as server:
        asyncio.run(ask(server))
        assert server.connections_opened <= (1 if "http2" in form else 4)


def test_many_small_pieces_abort_nothing() -> None:
    """A stream of more deltas than `max_buffered_events` is held back, and read to its end."""
    body = b"".join(chunk(b"data: " + delta("ab") + b"\n\n") for _ in range(20_000))

    async def ask(url: str) -> None:
        async with AsyncClient("native", max_buffered_events=100, api_key="sk-test-key", base_url=url) as client:
            stream = client.stream(REQUEST)
            await anext(stream)
            async for _ in stream:
                await asyncio.sleep(0)
            assert len(stream.response.text) == 40_000

    with RawServer([[read, SSE, body, events(delta("", "stop"), b"[DONE]"), END]]) as server:
        asyncio.run(ask(server.url))
