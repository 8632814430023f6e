"""Tests of legacy_openai/connections.py: cutting a request in each phase, and what may never be cut."""

from __future__ import annotations

import os
import socket
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from legacy_openai import MultiClient
from legacy_openai.connections import ClientSession, CutError, Cutoff
from tests.helpers.raw_server import (
    END,
    HELLO,
    KEY,
    SSE,
    Action,
    Connection,
    RawServer,
    events,
    json_answer,
    read,
    stall,
)
from tests.legacy_openai.driving import ask, eventually, threads

if TYPE_CHECKING:
    from collections.abc import Callable

CERTIFICATE = str(Path(__file__).parent / "loopback.pem")


def server_context() -> ssl.SSLContext:
    """TLS for the loopback server."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(CERTIFICATE)
    return context


PHASES: dict[str, list[Action]] = {
    "headers": [read, stall],
    "in headers": [read, b"HTTP/1.1 200 OK\r\nCont", stall],
    "body": [read, SSE, stall],
    "in chunk": [read, SSE + b"ff\r\ndata: a", stall],
    "after done": [read, SSE + events(b"[DONE]"), stall],
    "plain body": [read, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", stall],
}


def assert_cut_promptly(
    server: RawServer, client: MultiClient, *, cut: Callable[[int], object], **changes: object
) -> None:
    """Start a request, wait until the server stalls, cut, and see the thread end."""
    called: list[object] = []
    request_id = client.add_request(server.config(**changes), HELLO, called.append, called.append)
    assert server.stalled.acquire(timeout=10)
    client.perform()
    called.clear()
    start = time.monotonic()
    cut(request_id)
    assert eventually(lambda: threads() == 0, 3)
    assert time.monotonic() - start < 3
    assert not called


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("tls", [False, True])
def test_remove_ends_the_thread_in_every_phase(phase: str, tls: bool) -> None:  # noqa: FBT001 - pytest's parameter
    """A removed request's thread ends at once, wherever it was, with TLS and without."""
    with RawServer([PHASES[phase]], tls=server_context() if tls else None) as server, MultiClient() as client:
        assert_cut_promptly(server, client, cut=client.remove, verify=CERTIFICATE)
        assert client.perform() == 0


@pytest.mark.parametrize("phase", PHASES)
def test_close_ends_the_threads_in_every_phase(phase: str) -> None:
    """Closing the client ends its threads at once, wherever they were."""
    with RawServer([PHASES[phase]]) as server:
        client = MultiClient()
        assert_cut_promptly(server, client, cut=lambda _: client.close())


def test_a_tls_handshake_can_be_cut() -> None:
    """A request whose server never answers the TLS handshake ends at once."""
    with RawServer([[stall]]) as server, MultiClient() as client:
        url = server.url.replace("http:", "https:")
        assert_cut_promptly(server, client, cut=client.remove, openai_base_url=url)


def test_a_proxy_tunnel_can_be_cut() -> None:
    """A request whose proxy never answers CONNECT ends at once."""
    with RawServer([[stall]]) as server, MultiClient() as client:
        proxies = {"https": server.url.removesuffix("/v1")}
        changes: dict[str, object] = {"openai_base_url": "https://unreachable.invalid/v1", "proxies": proxies}
        assert_cut_promptly(server, client, cut=client.remove, **changes)


@pytest.mark.parametrize("phase", ["body", "in chunk", "plain body"])
def test_a_callers_session_is_cut_once_headers_are_there(phase: str) -> None:
    """With a session of the caller's, a request in its body ends at once and the session stays open."""
    with RawServer([PHASES[phase], [read, json_answer(b"{}")]]) as server, requests.Session() as session:
        with MultiClient(session) as client:
            client.add_request(server.config(), HELLO, lambda _: None)
            assert server.stalled.acquire(timeout=10)
            assert eventually(lambda: client._entries[1].transfer._response is not None)
            client.remove(1)
            assert eventually(lambda: threads() == 0, 3)
        assert session.post(server.url, data=b"{}").json() == {}


@pytest.mark.slow
def test_a_callers_session_is_waited_for_with_a_limit() -> None:
    """With a session of the caller's that waits for headers, close waits for the connect timeout and a second."""
    with RawServer([[read, stall]]) as server, requests.Session() as session:
        client = MultiClient(session)
        client.add_request(server.config(connect_timeout=0.1), HELLO)
        assert server.stalled.acquire(timeout=10)
        start = time.monotonic()
        client.close()
        assert 0.5 < time.monotonic() - start < 3
    assert eventually(lambda: threads() == 0)


def test_a_removed_connection_is_never_used_again() -> None:
    """The request after a removed one gets a connection of its own."""
    with RawServer([PHASES["body"], [read, json_answer(b"{}")]]) as server, MultiClient() as client:
        assert_cut_promptly(server, client, cut=client.remove)
        assert ask(server.config(), stream=False, client=client)[0].http_code == 200
        assert server.connections == 2


def test_a_late_cut_does_not_reach_the_pool() -> None:
    """Cutting a request that has ended leaves the connection it gave back alone."""
    answer: list[Action] = [read, json_answer(b"{}")]
    with RawServer([answer * 2]) as server, MultiClient() as client:
        client.add_request(server.config(), HELLO)
        transfer = client._entries[1].transfer
        assert eventually(lambda: threads() == 0)
        transfer.cancel()
        assert ask(server.config(), stream=False, client=client)[0].http_code == 200
        assert server.connections == 1


def test_a_cut_before_the_connection_refuses_the_socket() -> None:
    """A cutoff that has been used takes no socket any more, and cuts the one it has."""
    left, right = socket.socketpair()
    with left, right:
        cutoff = Cutoff()
        cutoff.watch(left)
        assert cutoff.cut()
        assert right.recv(1) == b""
        assert not cutoff.cut()
        assert not cutoff.release()
        with pytest.raises(CutError):
            cutoff.watch(left)


@pytest.mark.slow
def test_nothing_is_sent_after_close_even_when_the_connect_ends_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connect that outlives close() sends no byte and calls nothing back."""
    import threading

    from urllib3.util import connection

    go, real = threading.Event(), connection.create_connection
    received: list[bytes] = []

    def late(*args: object, **kwargs: object) -> socket.socket:
        assert go.wait(10)
        return real(*args, **kwargs)  # type: ignore[arg-type] # passed on as it came

    def note(peer: Connection) -> None:
        received.append(peer.sock.recv(1000))

    monkeypatch.setattr(connection, "create_connection", late)
    with RawServer([[note]]) as server:
        client = MultiClient()
        client.add_request(server.config(connect_timeout=0.1), HELLO, received.append)
        start = time.monotonic()
        client.close()
        assert time.monotonic() - start < 3
        assert threads() == 1
        go.set()
        assert eventually(lambda: threads() == 0 and received)
    assert received == [b""]


def test_a_stalled_tls_handshake_is_a_connect_timeout() -> None:
    """A server that accepts and never speaks TLS is reported as a connect timeout."""
    with RawServer([[stall]]) as server:
        cfg = server.config(openai_base_url=server.url.replace("http:", "https:"), connect_timeout=0.1)
        completion, _ = ask(cfg)
    assert isinstance(completion.exception, requests.ConnectTimeout)
    assert KEY not in repr(completion)


def test_tls_works_and_connections_are_kept() -> None:
    """Streams over TLS arrive whole and share one connection."""
    stream: list[Action] = [read, SSE + events(b"a" * 40000, b"[DONE]") + END]
    with RawServer([stream * 2], tls=server_context()) as server, MultiClient() as client:
        for _ in range(2):
            assert ask(server.config(verify=CERTIFICATE), client=client)[1] == [b"a" * 40000, b"[DONE]"]
        assert server.connections == 1


def test_the_environment_decides_proxies_but_not_the_authorization(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Proxy variables are obeyed, and a netrc file does not replace the key."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine elsewhere.test login u password p\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with RawServer([[read, json_answer(b"{}")]]) as server:
        monkeypatch.setenv("http_proxy", server.url.removesuffix("/v1"))
        monkeypatch.setenv("no_proxy", "")
        completion, _ = ask(server.config(openai_base_url="http://elsewhere.test/v1"), stream=False)
    assert completion.http_code == 200
    assert server.requests[0].startswith(b"POST http://elsewhere.test/v1/chat/completions ")
    assert f"\r\nAuthorization: Bearer {KEY}\r\n".encode() in server.requests[0]


def test_sockets_are_kept_alive_and_no_cookie_is_kept() -> None:
    """Connections have TCP keepalive, and the session sends no cookie back."""
    answer = json_answer(b"{}").replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b\r\n\r\n")
    with RawServer([[read, answer] * 2]) as server, ClientSession(max_connections=1) as session:
        for _ in range(2):
            with session.post(server.url, data=b"{}", stream=True) as response:
                connection: Any = response.raw.connection
                assert connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                assert response.json() == {}
    assert not any(b"Cookie" in request for request in server.requests)


@pytest.mark.parametrize("verify", [None, True, False, "/own.pem"])
@pytest.mark.parametrize(
    "variables", [{}, {"REQUESTS_CA_BUNDLE": "/r.pem"}, {"CURL_CA_BUNDLE": "/c.pem"}, {"https_proxy": "http://p:1"}]
)
def test_the_short_way_through_the_environment_finds_what_requests_finds(
    verify: Any, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies and CA file are those that a plain session of requests would use."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.endswith("CA_BUNDLE"):
            monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    arguments: tuple[Any, ...] = ("https://host.test/", None, True, verify, None)
    with ClientSession(max_connections=1) as ours, requests.Session() as plain:
        assert ours.merge_environment_settings(*arguments) == dict(plain.merge_environment_settings(*arguments))
