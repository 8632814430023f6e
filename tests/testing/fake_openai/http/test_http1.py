"""Tests of `http.http1` and `http.framing`: HTTP/1.1 as it must be."""

import http.client
import json
import socket

import pytest

from shim.testing.fake_openai import FakeOpenAI, RecordedRequest, Respond
from shim.testing.fake_openai.answers import Answer
from shim.testing.fake_openai.http import http1
from tests.testing.fake_openai.asking import KEY, ask, ask_on, chat, read_all, request_bytes, reset, wait_until


def connect(server: FakeOpenAI) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=5)


def test_a_connection_is_kept_alive(server: FakeOpenAI) -> None:
    """JSON, streams and errors follow each other on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    statuses = [ask_on(connection, body).status for body in (chat(), chat(stream=True), {}, chat())]
    assert statuses == [200, 200, 400, 200]
    assert (server.connections_opened, server.open_connections) == (1, 1)
    connection.close()
    server.wait_for_open_connections(0)


def test_every_event_is_a_chunk_of_its_own(server: FakeOpenAI) -> None:
    """A stream is sent chunked, with one HTTP chunk for each event."""
    with connect(server) as sock:
        sock.sendall(request_bytes(chat("Count to 3", stream=True)))
        data = b""
        while not data.endswith(b"0\r\n\r\n"):
            data += sock.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"transfer-encoding: chunked" in head.lower()
    sizes, chunks = body.split(b"\r\n")[0:-3:2], body.split(b"\r\n")[1:-3:2]
    assert [int(size, 16) for size in sizes] == [len(chunk) for chunk in chunks]
    assert all(chunk.startswith(b"data: ") and chunk.endswith(b"\n\n") for chunk in chunks)
    assert len(chunks) == 6


def test_connection_close_is_honoured(server: FakeOpenAI) -> None:
    """A client that asks for it gets the end of the connection after the answer."""
    with connect(server) as sock:
        sock.sendall(request_bytes(chat(), last=True))
        got = read_all(sock)
    assert (got.ending, got.data.startswith(b"HTTP/1.1 200 OK")) == ("fin", True)


def test_an_old_client_gets_an_unchunked_stream(server: FakeOpenAI) -> None:
    """HTTP/1.0 gets the events as they are, ended by the end of the connection."""
    with connect(server) as sock:
        sock.sendall(request_bytes(chat(stream=True) | {"model": "fake-burst-3"}).replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        got = read_all(sock)
    assert got.ending == "fin"
    assert got.data.partition(b"\r\n\r\n")[2].startswith(b"data: {")
    assert got.data.endswith(b"data: [DONE]\n\n")


def test_requests_sent_ahead_are_answered_in_turn(server: FakeOpenAI) -> None:
    """Two requests in one write get two answers, in order."""
    with connect(server) as sock:
        ahead = request_bytes(chat("one", stream=True)) + request_bytes(chat("more"))
        sock.sendall(ahead + request_bytes(chat("two"), last=True))
        data = read_all(sock).data
    assert data.count(b"HTTP/1.1 200 OK") == 3
    assert [request.json["messages"][0]["content"] for request in server.requests] == ["one", "more", "two"]


def test_a_request_may_come_in_pieces(server: FakeOpenAI) -> None:
    """A request that arrives byte by byte is one request."""
    with connect(server) as sock:
        for byte in request_bytes(chat()):
            sock.sendall(bytes([byte]))
        assert sock.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_a_chunked_upload_is_read(server: FakeOpenAI) -> None:
    """A request body without a length is read too."""
    payload = json.dumps(chat()).encode()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    headers = {"authorization": f"Bearer {KEY}"}
    connection.request("POST", "/v1/chat/completions", iter([payload[:9], payload[9:]]), headers, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    assert server.requests[0].body == payload


def test_a_client_that_waits_to_continue_is_told_to(server: FakeOpenAI) -> None:
    """`Expect: 100-continue` is answered before the body is sent."""
    head, _, payload = request_bytes(chat()).partition(b"\r\n\r\n")
    with connect(server) as sock:
        sock.sendall(head + b"\r\nexpect: 100-continue\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 100 ")
        sock.sendall(payload)
        assert sock.recv(1000).startswith(b"HTTP/1.1 200 ")


def test_a_body_too_large_is_refused_before_it_comes(server: FakeOpenAI) -> None:
    """An announced length over the bound gets 413 at once, and the connection ends."""
    with connect(server) as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n")
        got = read_all(sock)
    assert (got.ending, got.data.startswith(b"HTTP/1.1 413 ")) == ("fin", True)


def test_a_body_that_grows_too_large_is_refused(server: FakeOpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunked body over the bound gets 413 although its client is still sending."""
    monkeypatch.setattr(http1, "MAX_BODY", 50_000)
    with connect(server) as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(10):
            sock.sendall(b"2710\r\n" + b"x" * 10_000 + b"\r\n")
        assert read_all(sock).data.startswith(b"HTTP/1.1 413 ")


def test_what_is_no_http_is_refused(server: FakeOpenAI) -> None:
    """Bytes that are no HTTP request get 400, and the connection ends."""
    with connect(server) as sock:
        sock.sendall(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
        got = read_all(sock)
    assert (got.ending, got.data.startswith(b"HTTP/1.1 400 ")) == ("fin", True)


def test_a_client_that_leaves_is_noticed(server: FakeOpenAI) -> None:
    """A connection closed or reset by the client, before or in a request, is gone for the server too."""
    for sent in (b"", b"POST /v1", request_bytes(chat(stream=True) | {"model": "fake-paced-1x100"})):
        for leave in (socket.socket.close, reset):
            sock = connect(server)
            sock.sendall(sent)
            leave(sock)
    wait_until(lambda: server.connections_opened == 6)
    server.wait_for_open_connections(0)


@pytest.mark.slow
def test_a_slow_reader_gets_everything(server: FakeOpenAI) -> None:
    """A long stream waits for its reader and is not lost."""
    with connect(server) as sock:
        sock.sendall(request_bytes(chat(stream=True) | {"model": "fake-burst-60000"}, last=True))
        received = bytearray()
        while data := sock.recv(4096):  # far less at a time than the server writes
            received += data
    assert len(received) > 12_000_000
    assert received.count(b"data: {") == 60_002
    assert received.endswith(b"0\r\n\r\n")


def test_a_planned_function_that_fails_is_not_silent() -> None:
    """An exception in a planned function is a 500 for the client and raises when the server is left."""

    def fail(request: RecordedRequest) -> Answer:
        raise KeyError("oops")

    server = FakeOpenAI().__enter__()
    server.plan(Respond(fail))
    got = ask(server, chat())
    assert (got.status, got.error["type"]) == (500, "server_error")
    with pytest.raises(RuntimeError, match="failed while it answered") as caught:
        server.__exit__(None, None, None)
    assert isinstance(caught.value.__cause__, KeyError)
