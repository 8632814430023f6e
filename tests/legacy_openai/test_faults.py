"""Fault tests of the whole client on raw sockets: what breaks, when, and how the completion says so."""

from __future__ import annotations

import http.client
import pickle
import socket
from typing import Any

import pytest
import requests

from legacy_openai import HttpCompletion
from legacy_openai.transport_errors import causes
from tests.helpers.raw_server import (
    END,
    KEY,
    SSE,
    Action,
    Connection,
    RawServer,
    chunk,
    events,
    read,
    reset,
    stall,
)
from tests.legacy_openai.driving import ask

HALF = SSE + events(b"a") + b"ff\r\ndata: b"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\nab"


def failed(script: list[Action], *, stream: bool = True, **changes: Any) -> tuple[HttpCompletion, list[bytes]]:
    """A request that must fail on the way; checks what holds for every such failure."""
    with RawServer([script]) as server:
        completion, payloads = ask(server.config(**changes), stream=stream)
        host = server.url.split("/")[2]
    assert completion.type.name == "NETWORK_ERROR"
    assert isinstance(completion.exception, requests.RequestException)
    assert host in completion.error_message
    assert KEY not in repr((completion, completion.exception, completion.error_message))
    assert KEY.encode() not in pickle.dumps(completion)
    assert all(link.__traceback__ is None for link in causes(completion.exception))
    return completion, payloads


def kinds(completion: HttpCompletion) -> set[type]:
    """The types in the chain of the completion's exception."""
    assert completion.exception is not None
    return {type(link) for link in causes(completion.exception)}


def test_a_refused_connection() -> None:
    """Nobody listening is a ConnectionError with the refusal behind it."""
    with RawServer([[]]) as server:
        cfg = server.config()
    completion, _ = ask(cfg)
    assert (completion.type.name, completion.http_code) == ("NETWORK_ERROR", 0)
    assert type(completion.exception) is requests.ConnectionError
    assert ConnectionRefusedError in kinds(completion)
    assert "refused" in completion.error_message


def test_an_unknown_host() -> None:
    """A host without an address is a ConnectionError with the lookup behind it."""
    with RawServer([[]]) as server:
        completion, _ = ask(server.config(openai_base_url="https://no-such-host.invalid/v1"))
    assert socket.gaierror in kinds(completion)
    assert "no-such-host.invalid" in completion.error_message


def test_a_connect_that_is_never_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A TCP connect without an answer is a ConnectTimeout."""
    full = socket.socket()
    with full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = []
        for _ in range(3):  # the queue of a listener that accepts nothing fills up, and further connects hang
            waiting.append(socket.socket())
            waiting[-1].setblocking(False)  # noqa: FBT003 - the standard library's signature
            waiting[-1].connect_ex(full.getsockname())
        with RawServer([[]]) as server:
            url = f"http://127.0.0.1:{full.getsockname()[1]}/v1"
            completion, _ = ask(server.config(openai_base_url=url, connect_timeout=0.1))
        for sock in waiting:
            sock.close()
    assert isinstance(completion.exception, requests.ConnectTimeout)
    assert "within 0.1 s" in completion.error_message


PHASES: dict[str, tuple[list[Action], bool, int]] = {
    "before the request": ([], True, 0),
    "before headers": ([read], True, 0),
    "in headers": ([read, b"HTTP/1.1 200 OK\r\nContent-"], True, 0),
    "before the body": ([read, SSE], True, 200),
    "between chunks": ([read, SSE + events(b"a")], True, 200),
    "in a chunk size": ([read, SSE + events(b"a") + b"f"], True, 200),
    "in a chunk": ([read, HALF], True, 200),
    "in a plain body": ([read, PLAIN], False, 200),
}


@pytest.mark.parametrize("phase", PHASES)
def test_a_reset_in_each_phase(phase: str) -> None:
    """A reset is told by a ConnectionResetError in the chain, and never looks like an early end or a timeout."""
    script, stream, code = PHASES[phase]
    completion, _ = failed([*script, reset], stream=stream)
    assert completion.http_code == code
    found = kinds(completion)
    assert any(issubclass(kind, ConnectionError) for kind in found)
    assert not isinstance(completion.exception, requests.Timeout)
    assert not any(issubclass(kind, http.client.IncompleteRead) for kind in found)


@pytest.mark.parametrize("phase", list(PHASES)[1:])
def test_a_stall_in_each_phase(phase: str) -> None:
    """Silence for longer than the read timeout is a ReadTimeout in every phase, in mid-stream too."""
    script, stream, code = PHASES[phase]
    completion, _ = failed([*script, stall], stream=stream, read_timeout=0.1)
    assert completion.http_code == code
    assert isinstance(completion.exception, requests.ReadTimeout)
    assert "nothing for 0.1 s" in completion.error_message


@pytest.mark.parametrize("phase", list(PHASES)[3:])
def test_an_early_end_in_each_phase_of_the_body(phase: str) -> None:
    """A body that ends early has an IncompleteRead in the chain, and what had arrived was delivered."""
    script, stream, _ = PHASES[phase]
    completion, payloads = failed(script, stream=stream)
    assert isinstance(completion.exception, requests.exceptions.ChunkedEncodingError)
    assert any(issubclass(kind, http.client.IncompleteRead) for kind in kinds(completion))
    assert ConnectionResetError not in kinds(completion)
    assert payloads == ([b"a"] if b"data: a" in b"".join(part for part in script if isinstance(part, bytes)) else [])
    assert "ended it early" in completion.error_message


@pytest.mark.parametrize(
    "answer",
    [
        b"\x16\x03\x01garbage\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"\r\n\r\n",
        b"H" * 70000,
    ],
)
def test_garbage_instead_of_http(answer: bytes) -> None:
    """A server that does not speak HTTP is a network error without a status."""
    assert failed([read, answer])[0].http_code == 0


@pytest.mark.parametrize("bad", [b"zz\r\n", b"5\r\nabcdefg\r\n", b"-5\r\nabc"])
def test_garbage_instead_of_a_chunk(bad: bytes) -> None:
    """Broken framing is a network error after the payloads before it."""
    completion, payloads = failed([read, SSE + events(b"a") + bad, stall])
    assert payloads == [b"a"]
    assert isinstance(completion.exception, requests.exceptions.ChunkedEncodingError)


def test_a_bad_compressed_body() -> None:
    """A body that does not decompress is a ContentDecodingError."""
    head = SSE.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    completion, _ = failed([read, head + chunk(b"not gzip at all") + END])
    assert isinstance(completion.exception, requests.exceptions.ContentDecodingError)


def test_garbage_instead_of_tls() -> None:
    """A server that answers the TLS handshake with something else is an SSLError."""

    def greet(peer: Connection) -> None:
        peer.sock.recv(10)

    with RawServer([[greet, b"HTTP/1.1 400 no\r\n\r\n"]]) as server:
        completion, _ = ask(server.config(openai_base_url=server.url.replace("http:", "https:")))
    assert isinstance(completion.exception, requests.exceptions.SSLError)
    assert "TLS with 127.0.0.1" in completion.error_message


def test_a_slow_drip_arrives() -> None:
    """A stream that comes one byte per packet arrives whole."""
    data = SSE + events("é".encode(), b"[DONE]") + END
    with RawServer([[read, *[bytes([byte]) for byte in data]]]) as server:
        assert ask(server.config())[1] == ["é".encode(), b"[DONE]"]


@pytest.mark.parametrize(
    ("status", "kind"), [("400 Bad", "CLIENT_ERROR"), ("429 Slow", "CLIENT_ERROR"), ("503 Out", "SERVER_ERROR")]
)
def test_an_error_status_of_a_stream_has_its_body(status: str, kind: str) -> None:
    """A stream answered by an error status gives the body to the completion, an event stream's included."""
    answer = SSE.replace(b"200 OK", status.encode()) + chunk(b'{"error":{"message":"why"}}') + END
    with RawServer([[read, answer]]) as server:
        completion, payloads = ask(server.config())
    assert (completion.type.name, completion.error_message, payloads) == (kind, "why", [])
    assert completion.body == b'{"error":{"message":"why"}}'
