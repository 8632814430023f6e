"""Tests of `shim.testing.fake_openai.http.server`: starting, serving many, and leaving nothing behind."""

import multiprocessing
import os
import selectors
import signal
import socket
import threading
from pathlib import Path

import pytest
import requests

from shim.testing.fake_openai import FakeOpenAI, Paced, Respond, Slow, Stall, Where, json_answer, serve
from tests.testing.fake_openai.asking import KEY, ask, chat, request_bytes, wait_until


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "example.org", "", "::"])  # noqa: S104 - refused, as is tested
def test_it_listens_on_loopback_only(host: str) -> None:
    """Any host that is not loopback is refused before anything is bound, and the error names it."""
    with pytest.raises(ValueError, match="host must be a loopback address") as caught:
        FakeOpenAI(host=host)
    assert repr(host) in str(caught.value)


def test_localhost_and_a_free_port_are_understood() -> None:
    """`localhost` is 127.0.0.1, and port 0 becomes the one that was free."""
    with FakeOpenAI(host="localhost") as server:
        assert server.base_url == f"http://127.0.0.1:{server.port}/v1"
        assert server.port > 0


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 here")
def test_it_speaks_ipv6() -> None:
    """The IPv6 loopback address works, and its URL has brackets."""
    with FakeOpenAI(host="::1") as server:
        assert server.base_url.startswith("http://[::1]:")
        assert requests.get(f"{server.base_url}/models", timeout=5).status_code == 200


def test_a_taken_port_is_told() -> None:
    """A port in use raises OSError where the server is entered."""
    with FakeOpenAI() as server, pytest.raises(OSError, match="in use"), FakeOpenAI(port=server.port):
        pass


def test_it_cannot_be_entered_twice() -> None:
    """Entering a running server is refused."""
    with FakeOpenAI() as server, pytest.raises(RuntimeError, match="running already"), server:
        pass


def test_requests_can_talk_to_it(server: FakeOpenAI) -> None:
    """A `requests` session streams from it, and keeps its connection."""
    with requests.Session() as session:
        session.headers["authorization"] = f"Bearer {KEY}"
        for _ in range(3):
            body = chat("Count to 5", stream=True)
            with session.post(f"{server.base_url}/chat/completions", json=body, stream=True, timeout=5) as response:
                lines = [line for line in response.iter_lines() if line]
            assert (len(lines), lines[-1]) == (8, b"data: [DONE]")
    assert server.connections_opened == 1


@pytest.mark.slow
def test_many_paced_streams_run_at_once(server: FakeOpenAI) -> None:
    """Two hundred paced streams are all complete, on one thread of the server."""
    threads = threading.active_count()
    request = request_bytes(chat(stream=True) | {"model": "fake-paced-20x20"})
    with selectors.DefaultSelector() as selector:
        received = _start_all(selector, server, count=200, request=request)
        _read_all(selector, received)
    assert {data.count(b"data: ") for data in received.values()} == {23}
    assert all(data.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n") for data in received.values())
    assert threading.active_count() == threads


def _start_all(
    selector: selectors.BaseSelector, server: FakeOpenAI, *, count: int, request: bytes
) -> dict[socket.socket, bytearray]:
    received: dict[socket.socket, bytearray] = {}
    for _ in range(count):
        sock = socket.create_connection(("127.0.0.1", server.port), timeout=5)
        sock.sendall(request)
        selector.register(sock, selectors.EVENT_READ)
        received[sock] = bytearray()
    return received


def _read_all(selector: selectors.BaseSelector, received: dict[socket.socket, bytearray]) -> None:
    while selector.get_map():
        ready = selector.select(timeout=5)
        assert ready, "the streams stopped"
        for key, _ in ready:
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            data = sock.recv(65536)
            received[sock] += data
            if not data or received[sock].endswith(b"\r\n0\r\n\r\n"):
                selector.unregister(sock)
                sock.close()


def test_leaving_drops_whatever_is_open() -> None:
    """Stalled, paced, slow, idle and half-sent connections do not delay the exit, and their clients see the end."""
    clients = []
    with FakeOpenAI() as server:
        server.plan(Stall(Where.ACCEPT), Stall(), Paced(1000, per_second=1), Slow(60))
        for sent in (request_bytes(chat(stream=True)),) * 4 + (b"", b"POST /v1"):
            sock = socket.create_connection(("127.0.0.1", server.port), timeout=5)
            clients.append(sock)
            sock.sendall(sent)
            server.wait_for_open_connections(len(clients))
    for sock in clients:
        assert _ended(sock)
        sock.close()
    assert server.open_connections == 0


def _ended(sock: socket.socket) -> bool:
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        return True
    return True


def test_leaving_while_clients_arrive_closes_them_too() -> None:
    """Connections that are only just being accepted at the exit are closed as well: no descriptor stays."""
    before = _descriptors()
    for _ in range(10):
        with FakeOpenAI() as server:
            clients = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(30)]
        for sock in clients:
            assert _ended(sock)
            sock.close()
    assert _descriptors() == before


def test_nothing_is_left_behind() -> None:
    """After many servers with every kind of connection there are as many threads and descriptors as before."""
    _use_a_server()
    threads, descriptors = threading.active_count(), _descriptors()
    for _ in range(5):
        _use_a_server()
    assert threading.active_count() == threads
    assert _descriptors() == descriptors


def _use_a_server() -> None:
    with FakeOpenAI() as server:
        server.plan(Stall(), Paced(100, per_second=1))
        clients = [socket.create_connection(("127.0.0.1", server.port), timeout=5) for _ in range(20)]
        for sock in clients:
            sock.sendall(request_bytes(chat(stream=True)))
        server.wait_for_requests(20)
    for sock in clients:
        sock.close()


def _descriptors() -> int:
    for listing in ("/proc/self/fd", "/dev/fd"):
        if Path(listing).is_dir():
            return len(list(Path(listing).iterdir()))
    pytest.skip("no list of descriptors on this system")


def test_an_error_in_the_block_is_not_replaced() -> None:
    """A test's own failure passes through the exit, even when the server has one to report."""

    def fail() -> None:
        with FakeOpenAI() as server:
            server.plan(Respond(lambda request: json_answer(1 / 0)))
            assert ask(server, chat()).status == 500
            raise AssertionError("mine")

    with pytest.raises(AssertionError, match="mine"):
        fail()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_in_a_process_of_its_own(number: signal.Signals, capfd: pytest.CaptureFixture[str]) -> None:
    """`serve` tells its URL, answers until SIGINT or SIGTERM, returns, and prints nothing."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=serve, kwargs={"api_key": KEY, "on_ready": sender.send})
    process.start()
    assert receiver.poll(10)
    port = int(receiver.recv().rsplit(":", 1)[1].removesuffix("/v1"))
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        sock.sendall(request_bytes(chat()))
        assert sock.recv(100).startswith(b"HTTP/1.1 200 OK")
        assert process.pid is not None
        os.kill(process.pid, number)
        process.join(10)
    assert process.exitcode == 0
    process.close()
    receiver.close()
    sender.close()
    assert capfd.readouterr() == ("", "")


def test_serve_restores_the_signal_handlers() -> None:
    """After `serve` the handlers are those from before."""
    before = signal.getsignal(signal.SIGTERM)
    serve(on_ready=lambda url: os.kill(os.getpid(), signal.SIGTERM))
    assert signal.getsignal(signal.SIGTERM) is before
    wait_until(lambda: not any(thread.name == "fake-openai" for thread in threading.enumerate()))
