"""Tests of legacy_openai/transfer.py: what is read, what is bounded, what ends a stream."""

from __future__ import annotations

import http.client
import time
from typing import TYPE_CHECKING

import pytest
import requests

from legacy_openai import HttpCompletion, MultiClient, ResponseTooLargeError
from legacy_openai import transfer as module
from legacy_openai.transport_errors import causes
from tests.helpers.raw_server import END, HELLO, SSE, Action, RawServer, events, flood, json_answer, read, stall
from tests.legacy_openai.driving import ask, drive, eventually, threads

if TYPE_CHECKING:
    from tests.helpers.raw_server import Connection

MEBIBYTE = 1024 * 1024


def test_a_stream_knows_its_model_reason_and_tokens() -> None:
    """The completion of a stream names model, finish reason and tokens without anyone having parsed it before."""
    chunks = [
        b'{"model":"m-1","choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}',
        b'{"model":"m-1","choices":[{"index":0,"delta":{},"finish_reason": "length"}]}',
        b'{"model":"m-1","choices":[],"usage":{"completion_tokens":12}}',
    ]
    with RawServer([[read, SSE, events(*chunks[:1] * 40, *chunks[1:], b"[DONE]"), END]]) as server:
        completion, payloads = ask(server.config())
    assert len(payloads) == 43
    assert (completion.model, completion.finish_reason, completion.completion_tokens) == ("m-1", "length", 12)
    assert completion.body == b""


def test_a_stream_answered_by_json_is_collected() -> None:
    """A 2xx answer that is no event stream goes to the body, and stream_cb is not called."""
    with RawServer([[read, json_answer(b'{"model":"m"}')]]) as server:
        completion, payloads = ask(server.config())
    assert (completion.type.name, completion.body, payloads) == ("SUCCESS", b'{"model":"m"}', [])


def test_a_payload_after_done_is_delivered() -> None:
    """What the server sends after [DONE] is still handed over."""
    with RawServer([[read, SSE, events(b"[DONE]"), events(b"late"), END]]) as server:
        completion, payloads = ask(server.config())
    assert payloads == [b"[DONE]", b"late"]
    assert completion.type.name == "SUCCESS"


@pytest.mark.parametrize("after", ["stall", "close", "drip"])
def test_a_server_that_misbehaves_after_done_costs_nothing_but_its_connection(
    after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After [DONE] neither a server that hangs, nor one that drips, nor a broken end keeps the answer back."""
    monkeypatch.setattr(module, "DRAIN_SECONDS", 0.2)

    def drip(connection: Connection) -> None:
        while True:
            connection.sock.sendall(events(b"x"))
            time.sleep(0.02)

    endings: dict[str, Action] = {"stall": stall, "close": b"", "drip": drip}
    script: list[Action] = [read, SSE, events(b"a", b"[DONE]"), endings[after]]
    start = time.monotonic()
    with RawServer([script, [read, json_answer(b"{}")]]) as server, MultiClient() as client:
        completion, payloads = ask(server.config(), client=client)
        assert ask(server.config(), client=client, stream=False)[0].http_code == 200
        assert server.connections == 2
    assert time.monotonic() - start < 2
    assert completion.type.name == "SUCCESS"
    assert payloads[:2] == [b"a", b"[DONE]"]


def test_a_slow_consumer_stops_the_reading() -> None:
    """While nobody calls perform, no more than the buffer and the kernel's socket buffers leave the server."""
    with RawServer([[read, SSE, flood, END]]) as server, MultiClient() as client:
        done: list[HttpCompletion] = []
        seen = 0

        def count(payload: bytes) -> None:
            nonlocal seen
            seen += 1

        client.add_request(server.config(), HELLO, count, done.append)
        before = -1
        while before != server.flooded:
            before = server.flooded
            time.sleep(0.15)  # no event says "blocked": two equal readings do
        buffered = client._entries[1].transfer._buffered
        assert buffered <= module.BUFFER_LIMIT
        assert MEBIBYTE // 2 < server.flooded < 12 * MEBIBYTE
        sent = server.flooded
        client.perform()
        assert seen * 1000 <= module.BUFFER_LIMIT
        assert eventually(lambda: client.perform() and server.flooded > sent)
        client.remove(1)
        assert eventually(lambda: threads() == 0)


@pytest.mark.slow
def test_a_long_stream_through_the_bounded_buffer_arrives_whole() -> None:
    """50 MiB pass through the bounded buffer, nothing lost, nothing stalled."""
    with RawServer([[read, SSE, flood, END]]) as server, MultiClient() as client:
        sizes = [0, 0]
        done: list[HttpCompletion] = []

        def count(payload: bytes) -> None:
            sizes[0] += 1
            sizes[1] += len(payload)

        client.add_request(server.config(), HELLO, count, done.append)
        drive(client, lambda: done)
    assert done[0].exception is None
    assert sizes[1] == 1000 * sizes[0]
    assert sizes[0] > 45_000


def test_a_payload_larger_than_the_buffer_is_let_through() -> None:
    """One huge payload waits for an empty buffer and then passes."""
    big = b"x" * (3 * MEBIBYTE)
    with RawServer([[read, SSE, events(b"a", big, b"b", big), END]]) as server:
        payloads = ask(server.config())[1]
    assert payloads == [b"a", big, b"b", big]


def test_a_line_without_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that never ends its line is a network error that says so."""
    monkeypatch.setattr("legacy_openai.data_lines.DataLines.__init__.__kwdefaults__", {"max_line": 5 * MEBIBYTE})
    with RawServer([[read, SSE, events(b"a"), b"ffffffff\r\ndata: ", *[b"x" * MEBIBYTE] * 20]]) as server:
        completion, payloads = ask(server.config())
    assert payloads == [b"a"]
    assert isinstance(completion.exception, ResponseTooLargeError)
    assert "longer than" in completion.error_message


def test_a_collected_body_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body over the limit is a network error that says so."""
    monkeypatch.setattr(module, "BODY_LIMIT", 100)
    with RawServer([[read, json_answer(b"x" * 101)]]) as server:
        completion, _ = ask(server.config(), stream=False)
    assert isinstance(completion.exception, ResponseTooLargeError)
    assert (completion.type.name, completion.http_code) == ("NETWORK_ERROR", 200)
    assert "longer than 100" in completion.error_message


@pytest.mark.parametrize("stream", [False, True])
def test_a_short_body_is_an_error(stream: bool) -> None:  # noqa: FBT001 - pytest's parameter
    """A body shorter than its length is a network error, not a short success."""
    with RawServer([[read, json_answer(b"abcdef")[:-2]]]) as server:
        completion, _ = ask(server.config(), stream=stream)
    assert completion.type.name == "NETWORK_ERROR"
    assert completion.http_code == 200
    assert any(isinstance(link, http.client.IncompleteRead) for link in causes(completion.exception))  # type: ignore[arg-type] # it is there


def test_redirects_are_not_followed() -> None:
    """A redirect is a client error that names the place, and the key goes nowhere else."""
    answer = b"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nhi"
    with RawServer([[read, answer]]) as server:
        completion, _ = ask(server.config())
    assert (completion.type.name, completion.http_code, completion.body) == ("CLIENT_ERROR", 307, b"hi")
    assert "http://127.0.0.1:1/" in completion.error_message


class ExitingSession(requests.Session):
    """A session whose hook leaves by an exception that no `except Exception` catches."""

    def request(self, *args: object, **kwargs: object) -> requests.Response:
        """Leave."""
        raise SystemExit("a hook left")


def test_whatever_a_session_raises_reaches_the_completion() -> None:
    """Even an exception that would end a thread is a completion, and the next request runs."""
    with RawServer([[read, json_answer(b"{}")]]) as server, MultiClient(ExitingSession(), 1) as client:
        for _ in range(2):
            completion, _ = ask(server.config(), client=client)
            assert isinstance(completion.exception, SystemExit)
            assert "SystemExit: a hook left" in completion.error_message
