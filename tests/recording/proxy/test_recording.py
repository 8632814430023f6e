"""Tests of what the proxy records: whole, cut as it came, paired, decoded, and without keys; and of its own answers."""

from __future__ import annotations

import gzip
import json
import logging
import socket
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pytest
import requests

from shim.client import Client
from shim.comparison.verdict import Outcome
from shim.factory import create_comparer
from shim.model import ModelRequest, user
from shim.recording.exchange import Exchange
from shim.recording.files import ExchangeWriter, read_exchanges
from shim.recording.proxy import Passed, RecordingProxy, Upstream
from shim.recording.redaction.redaction import Redaction
from shim.testing.fake_openai import Answer, Cut, FakeOpenAI, RawResponse, Reset, Respond, Stall, Where
from tests.recording.proxy.connections import (
    GET,
    KEY,
    POST,
    Upstream1,
    answer,
    dial,
    port_of,
    proxied,
    read_head,
    seen,
    wait_until,
)
from tests.testing.fake_openai.asking import chat, request_bytes


def recorded(exchanges: list[Exchange], *, count: int = 1) -> Exchange:
    """The last of so many exchanges, once they are there."""
    wait_until(lambda: len(exchanges) >= count)
    assert len(exchanges) == count
    return exchanges[-1]


def segments(exchange: Exchange) -> list[bytes | None]:
    """The pieces of the response's body."""
    assert exchange.response is not None
    return [segment.data for segment in exchange.response.segments]


@pytest.fixture
def session() -> Any:
    """A plain session that no proxy variable of the environment redirects."""
    with requests.Session() as made:
        made.trust_env = False
        yield made


def test_a_stream_is_recorded_chunk_by_chunk(session: requests.Session) -> None:
    """A record holds the request as it was sent and a segment per chunk, with its status, headers and times."""
    with FakeOpenAI() as server, proxied(server.base_url) as (proxy, exchanges):
        asked = chat(stream=True)
        response = session.post(f"{proxy.base_url}/chat/completions", json=asked)
        exchange = recorded(exchanges)
        assert exchange.request.method == "POST"
        assert exchange.request.url == f"{server.base_url}/chat/completions"
        assert json.loads(exchange.request.body or b"") == asked
        assert (exchange.ended, exchange.fault, exchange.client) == ("complete", None, "proxy")
        assert segments(exchange) == [event + b"\n\n" for event in response.content.split(b"\n\n")[:-1]]
        assert exchange.response is not None
        assert exchange.response.header("x-request-id") == response.headers["x-request-id"]
        times = [exchange.response.headers_at, *(each.at for each in exchange.response.segments), exchange.finished]
        assert times == sorted(times)


def test_the_upstream_sees_the_request_as_without_the_proxy(session: requests.Session) -> None:
    """Only Host differs on the way up, and the header that pairs records, which is taken off."""
    with FakeOpenAI() as server, proxied(server.base_url) as (proxy, exchanges):
        given = {"X-Custom": "1", "Accept-Encoding": "br", "Authorization": f"Bearer {KEY}"}
        session.post(f"{server.base_url}/chat/completions?a=b%20c", json=chat(), headers=given)
        paired = {
            **given,
            "X-Shim-Pair-Id": "pair-7",
            "Connection": "keep-alive, X-Hop",
            "X-Hop": "1",
            "TE": "trailers",
        }
        session.post(f"{proxy.base_url}/chat/completions?a=b%20c", json=chat(), headers=paired)
        direct, through = server.requests
        assert (through.path, through.query, through.body) == (direct.path, direct.query, direct.body)
        differing = {
            name
            for name in {*direct.headers, *through.headers}
            if direct.headers.get(name) != through.headers.get(name)
        }
        assert differing <= {"host", "connection"}
        assert through.headers["host"] == direct.headers["host"]
        assert recorded(exchanges).pair_id == "pair-7"


def test_a_path_of_the_upstream_is_joined(session: requests.Session) -> None:
    """A client may leave out the path that the upstream's URL ends in, or give it."""
    with FakeOpenAI() as server, proxied(server.base_url) as (proxy, exchanges):
        root = proxy.base_url.removesuffix("/v1")
        for path in ("/models", "/v1/models"):
            assert session.get(root + path).status_code == 200
        recorded(exchanges, count=2)
        assert {each.request.url for each in exchanges} == {f"{server.base_url}/models"}


def test_no_key_is_written_or_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, session: requests.Session
) -> None:
    """Keys in headers, the query, the request's body and an error that echoes them are in no file and no log, come what may."""
    caplog.set_level(logging.DEBUG)
    path = tmp_path / "all.jsonl.gz"
    shown: list[Passed] = []
    with FakeOpenAI(api_key="sk-other-key-0123456789") as server, ExchangeWriter(path) as writer:
        upstream = Upstream.parse(server.base_url)
        with RecordingProxy(upstream, writer.write, on_passed=shown.append) as proxy:
            server.plan(Reset(Where.BEFORE_HEADERS), Cut(after_bytes=20), RawResponse([KEY.encode() + b"\r\n\r\n"]))
            for _ in range(4):
                try:
                    session.post(
                        f"{proxy.base_url}/chat/completions?api-key={KEY}",
                        json={**chat(f"My key is {KEY}"), "user": KEY},
                        headers={
                            "Authorization": f"Bearer {KEY}",
                            "X-Api-Key": KEY,
                            "Cookie": KEY,
                            "Idempotency-Key": KEY,
                        },
                    )
                except requests.RequestException:  # noqa: PERF203 - most of them break off, each in its own way
                    session.close()
            seen(port_of(proxy), f"GET /v1/{KEY} HTTP/1.1\r\nHost: h\r\nX: {KEY}\x00\r\n\r\n".encode())
            seen(port_of(proxy), f"GET /v1/{KEY} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
            text = repr(proxy)
    written = gzip.decompress(path.read_bytes()).decode()
    assert written.count("\n") == 5
    assert len(list(read_exchanges(path))) == 5
    logged = "".join(
        each.getMessage() for each in caplog.records if not each.name.startswith("urllib3")
    )  # the client's
    for place in (written, logged, text, repr(shown)):
        assert KEY not in place
        assert KEY[8:] not in place


def test_chosen_places_are_covered(session: requests.Session) -> None:
    """A redaction given to the proxy is applied to its records."""
    exchanges: list[Exchange] = []
    with FakeOpenAI() as server:
        rules = Redaction(body_paths=["request.body.messages[*].content"])
        with RecordingProxy(Upstream.parse(server.base_url), exchanges.append, redaction=rules) as proxy:
            session.post(f"{proxy.base_url}/chat/completions", json=chat("My secret plan"))
            exchange = recorded(exchanges)
    assert b"secret" not in (exchange.request.body or b"")
    assert any(place.startswith("request.body.messages") for place in exchange.redacted)


def compressed(compress: Callable[[bytes], bytes], encoding: str) -> tuple[bytes, Respond]:
    """A plain body, and a plan to answer it compressed, in three pieces."""
    plain = json.dumps({"text": "abc" * 1000 + "end"}).encode()
    data = compress(plain)
    pieces = (data[:10], data[10:-10], data[-10:])
    return plain, Respond(lambda _: Answer(200, (("content-encoding", encoding),), pieces))


@pytest.mark.parametrize(
    ("compress", "encoding"),
    [
        (partial(gzip.compress, mtime=0), "gzip"),
        (zlib.compress, "deflate"),
        (lambda data: zlib.compress(data)[2:-4], "deflate"),
    ],
)
def test_a_compressed_body_is_recorded_plain(
    compress: Callable[[bytes], bytes], encoding: str, session: requests.Session
) -> None:
    """The client gets the compressed bytes, and the record says what they are."""
    with FakeOpenAI() as server, proxied(server.base_url) as (proxy, exchanges):
        plain, plan = compressed(compress, encoding)
        server.plan(plan)
        with session.get(f"{proxy.base_url}/models", stream=True) as response:
            raw = response.raw.read(decode_content=False)
        assert raw == compress(plain)
        exchange = recorded(exchanges)
    assert exchange.response is not None
    assert (exchange.response.decoded, exchange.response.body) == (True, plain)


def test_what_cannot_be_decoded_says_so(session: requests.Session) -> None:
    """A body in an encoding that is not known here is not passed off as a plain one."""
    with FakeOpenAI() as server, proxied(server.base_url) as (proxy, exchanges):
        _, plan = compressed(bytes, "br")
        server.plan(plan)
        session.get(f"{proxy.base_url}/models", stream=True).close()
        exchange = recorded(exchanges)
    assert exchange.response is not None
    assert not exchange.response.decoded


@pytest.mark.parametrize(
    ("behaviour", "kind", "stage"),
    [
        (Cut(Where.BEFORE_HEADERS), "RemoteDisconnected", "headers"),
        (Reset(Where.BEFORE_HEADERS), "ConnectionResetError", "headers"),
        (Cut(after_events=2), "truncated", "body"),
        (Reset(after_events=2), "ConnectionResetError", "body"),
        (RawResponse([b"garbage\r\n\r\n"]), "protocol", "headers"),
        (RawResponse([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"]), "protocol", "body"),
    ],
)
def test_what_broke_is_recorded(behaviour: Any, kind: str, stage: str) -> None:
    """An answer that breaks off is recorded as failed, with where and how, and what had come."""
    with FakeOpenAI() as server, proxied(server.base_url) as (proxy, exchanges):
        server.plan(behaviour)
        seen(port_of(proxy), request_bytes(chat(stream=True)))
        exchange = recorded(exchanges)
    assert exchange.fault is not None
    assert (exchange.ended, exchange.fault.kind, exchange.fault.stage) == ("failed", kind, stage)
    assert (exchange.response is None) == (stage == "headers")


def test_an_unreachable_upstream_is_a_502_that_says_what_to_do(session: requests.Session) -> None:
    """Where nobody listens the client gets an error of the API's shape, and the record a fault of the connection."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with proxied(f"http://127.0.0.1:{port}") as (proxy, exchanges):
        response = session.post(f"{proxy.base_url}/chat/completions", json=chat())
        exchange = recorded(exchanges)
    assert response.status_code == 502
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == "upstream_unreachable"
    assert f"http://127.0.0.1:{port}" in error["message"]
    assert "--upstream" in error["message"]
    assert exchange.fault is not None
    assert (exchange.fault.kind, exchange.fault.stage) == ("ConnectionRefusedError", "connect")
    assert (exchange.ended, exchange.response) == ("failed", None)
    assert json.loads(exchange.request.body or b"") == chat()


def test_tls_to_the_upstream_is_verified(session: requests.Session) -> None:
    """A server is trusted by the authorities given, and refused with a 502 that names the option without them."""
    with FakeOpenAI(tls=True) as server:
        with proxied(server.base_url, ca_file=server.ca_file) as (proxy, exchanges):
            assert session.post(f"{proxy.base_url}/chat/completions", json=chat(stream=True)).text.endswith(
                "[DONE]\n\n"
            )
            assert recorded(exchanges).request.url == f"{server.base_url}/chat/completions"
        with proxied(server.base_url) as (proxy, exchanges):
            response = session.post(f"{proxy.base_url}/chat/completions", json=chat())
            exchange = recorded(exchanges)
    assert (response.status_code, response.json()["error"]["code"]) == (502, "upstream_tls_failed")
    assert "--ca-file" in response.json()["error"]["message"]
    assert exchange.fault is not None
    assert (exchange.fault.kind, exchange.fault.stage) == ("ssl.SSLCertVerificationError", "connect")


@pytest.mark.parametrize("behaviour", [Cut(after_events=2), Reset(after_events=2), Cut(Where.BEFORE_HEADERS)])
def test_a_fault_behind_tls_is_met(behaviour: Any) -> None:
    """An upstream that ends a TLS connection early is met by the client as an answer that is not whole."""
    with FakeOpenAI(tls=True) as server, proxied(server.base_url, ca_file=server.ca_file) as (proxy, exchanges):
        server.plan(behaviour)
        through = seen(port_of(proxy), request_bytes(chat(stream=True)))
        assert through.ending == ("reset" if isinstance(behaviour, Reset) else "fin")
        assert not through.data.endswith(b"0\r\n\r\n")
        assert recorded(exchanges).ended == "failed"


def test_a_silent_upstream_ends_by_the_timeout(session: requests.Session) -> None:
    """With a timeout, silence before the head is a 504 that names the option, and in the body a reset."""
    with FakeOpenAI() as server, proxied(server.base_url, timeout=0.2) as (proxy, exchanges):
        server.plan(Stall(Where.BEFORE_HEADERS), Stall(after_events=1))
        response = session.post(f"{proxy.base_url}/chat/completions", json=chat())
        assert (response.status_code, response.json()["error"]["code"]) == (504, "upstream_timeout")
        through = seen(port_of(proxy), request_bytes(chat(stream=True)))
        assert (through.data.count(b"data: "), through.ending) == (1, "reset")
        recorded(exchanges, count=2)
    assert [each.fault and (each.fault.kind, each.fault.stage) for each in exchanges] == [
        ("TimeoutError", "headers"),
        ("TimeoutError", "body"),
    ]


@pytest.mark.parametrize(
    ("asked", "status", "word"),
    [
        (b"garbage\r\n\r\n", 400, "could not read"),
        (b"GET http://example.org/ HTTP/1.1\r\nHost: h\r\n\r\n", 400, "base URL"),
        (b"CONNECT example.org:443 HTTP/1.1\r\nHost: h\r\n\r\n", 400, "base URL"),
        (b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n", 400, "base URL"),
        (b"GET http://example.org/ HTTP/1.1\r\nHost: example.org\r\n\r\n", 400, "base URL"),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"x" * 70_000, 431, "larger than"),
        (POST.replace(b"Content-Length: 2", b"Transfer-Encoding: chunked") + b"no chunk\r\n", 400, "could not read"),
    ],
)
def test_what_is_no_request_is_refused(asked: bytes, status: int, word: str) -> None:
    """Bytes that are no request for a reverse proxy are answered with what to do, and never reach the upstream whole."""
    with Upstream1(answer(b"")) as upstream, proxied(upstream.url) as (proxy, _):
        through = seen(port_of(proxy), asked)
        head, _, body = through.data.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert word in json.loads(body)["error"]["message"]
        assert through.ending == "fin"
        assert proxy.counts.refused == 1


def test_one_connection_too_many_is_told_so() -> None:
    """Beyond the bound a client gets a 503 that names the option, and those before it go on."""
    with FakeOpenAI() as server, proxied(server.base_url, max_connections=1) as (proxy, _):
        with dial(port_of(proxy)) as first:
            first.sendall(GET.replace(b"/v1/x", b"/v1/models"))
            assert read_head(first).startswith(b"HTTP/1.1 200")
            assert b"--max-connections" in seen(port_of(proxy)).data
        wait_until(
            lambda: (
                seen(port_of(proxy), GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")).data[9:12] == b"404"
            )
        )


def test_stopping_ends_and_records_what_is_under_way() -> None:
    """A proxy that is left in the middle of a stream ends it at both sides, and its record is not lost."""
    with FakeOpenAI() as server:
        server.plan(Stall(after_events=1))
        with proxied(server.base_url) as (proxy, exchanges):
            sock = dial(port_of(proxy))
            sock.sendall(request_bytes(chat(stream=True)))
            read_head(sock)
        with sock:
            assert len(exchanges) == 1
        server.wait_for_open_connections(0)
    assert (exchanges[0].ended, exchanges[0].fault and exchanges[0].fault.kind) == ("failed", "proxy_stopped")


@pytest.mark.parametrize("kind", ["legacy", "native"])
def test_the_clients_work_through_it(kind: Literal["legacy", "native"]) -> None:
    """The legacy client and the native provider read through the proxy what they read without it; the record is a match."""
    request = ModelRequest(model="gpt-4o", messages=(user("Tell me about the tides."),))
    with FakeOpenAI() as server, proxied(server.base_url) as (proxy, exchanges):
        texts = []
        for base_url in (server.base_url, proxy.base_url):
            with Client(kind, api_key=KEY, base_url=base_url) as client, client.stream(request) as stream:
                texts.append(list(stream.texts()))
        exchange = recorded(exchanges)
    assert texts[0] == texts[1]
    assert len(segments(exchange)) > 5
    with create_comparer() as comparer:
        assert {verdict.outcome for verdict in comparer.compare(exchange)} == {Outcome.MATCH}
