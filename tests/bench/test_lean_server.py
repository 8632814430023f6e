"""Tests of the bench's lean server: what it sends is read as an answer, and each event of a stream has its own moment."""

from __future__ import annotations

import socket
import time

import pytest

from bench.lean_server import LeanServer
from shim import Client, ModelRequest, TextDelta, user


def client_of(server: LeanServer) -> Client:
    """The native provider."""
    return Client("native", api_key="sk-test", base_url=server.base_url)


def hello(model: str) -> ModelRequest:
    """Ask a model."""
    return ModelRequest(model, (user("Hello"),))


def test_answers_and_streams_are_whole() -> None:
    """A whole answer has its text and usage; a stream as many words as its model says, then its end, on one connection."""
    with LeanServer() as server, client_of(server) as client:
        answer = client.complete(hello("gpt-4o"))
        assert (answer.text.split(), answer.usage and answer.usage.output_tokens) == (["word"] * 80, 80)
        for model in ("fake-burst-3", "fake-paced-500x3"):
            with client.stream(hello(model)) as stream:
                events = list(stream)
            assert [event.text for event in events if isinstance(event, TextDelta)] == [" word"] * 3


def test_events_come_one_by_one() -> None:
    """A paced stream sends each event in its own time, one period after the last."""
    with LeanServer() as server, client_of(server) as client:
        began = time.monotonic()
        with client.stream(hello("fake-paced-50x5")) as stream:
            moments = [time.monotonic() - began for event in stream if isinstance(event, TextDelta)]
    assert moments[0] >= 0.02
    assert moments[-1] - moments[0] >= 0.06  # four periods of 20 ms, some of which began late


@pytest.mark.parametrize("rest", [b"", b"POST / HTTP/1.1\r\ncontent-length: 9\r\n\r\n{"])
def test_a_client_that_leaves_harms_nobody(rest: bytes) -> None:
    """One that leaves before it has asked, or in the middle of it, is forgotten, and others are served."""
    with LeanServer() as server, client_of(server) as client:
        host, _, port = server.base_url.removeprefix("http://").removesuffix("/v1").partition(":")
        with socket.create_connection((host, int(port))) as leaving:
            leaving.sendall(rest)
        assert client.complete(hello("gpt-4o")).text
