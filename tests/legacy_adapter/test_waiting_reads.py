"""Tests of reads that wait in the system: as long as the socket's timeout, and of a stream's plain socket alone."""

from __future__ import annotations

import io
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from shim.legacy_adapter import LegacyProvider
from shim.legacy_adapter.waiting_reads import WaitingReads, waiting_reads
from shim.model import ErrorCategory
from tests.helpers.driving import Heard, drive, eventually, start
from tests.helpers.raw_server import END, SSE, Action, Connection, RawServer, events, read, stall

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere Python waits")
KEY = "sk-test-key"
FIRST = b'{"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"Hello"}}]}'
LAST = b'{"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}'


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two sockets that are connected."""
    here, there = socket.socketpair()
    with here, there:
        yield here, there


def limit_of(sock: socket.socket) -> float:
    """Seconds that a socket waits in the system; 0 without end."""
    seconds, microseconds = struct.unpack("@ll", sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16))
    return float(seconds + microseconds / 1e6)


def reads_of(sock: socket.socket) -> WaitingReads | None:
    """Those of a socket below a file."""
    return waiting_reads(sock.makefile("rb"))


def pooled(provider: LegacyProvider) -> list[socket.socket]:
    """The sockets that the provider's session keeps."""
    adapter: Any = provider.session.get_adapter("http://127.0.0.1")
    pools: Any = adapter.poolmanager.pools
    kept = [connection for key in pools.keys() for connection in list(pools[key].pool.queue)]  # noqa: SIM118 - no dict
    return [connection.sock for connection in kept if connection is not None and connection.sock is not None]


def test_it_reads_what_comes(pair: tuple[socket.socket, socket.socket]) -> None:
    """Each read gives what has come, and 0 at the end; meanwhile the socket has no timeout of Python's."""
    here, there = pair
    here.settimeout(5)
    reads = reads_of(here)
    assert reads is not None
    assert here.gettimeout() is None
    buffer = bytearray(16)
    there.sendall(b"one")
    assert (reads.readinto(buffer), bytes(buffer[:3])) == (3, b"one")
    threading.Timer(0.05, there.sendall, [b"three"]).start()
    assert reads.readinto(buffer) == len(b"three")
    there.shutdown(socket.SHUT_RDWR)
    assert reads.readinto(buffer) == 0


@pytest.mark.parametrize("seconds", [0.05, 0.3, 1.0000005])
def test_it_waits_no_longer_than_the_timeout(pair: tuple[socket.socket, socket.socket], seconds: float) -> None:
    """Silence ends as it does in Python: a TimeoutError, after the socket's timeout; and what comes then is read."""
    here, there = pair
    here.settimeout(seconds)
    reads = reads_of(here)
    assert reads is not None
    before = time.monotonic()
    with pytest.raises(TimeoutError, match="timed out"):
        reads.readinto(bytearray(16))
    assert seconds - 0.005 <= time.monotonic() - before < seconds + 0.5
    there.sendall(b"late")
    assert reads.readinto(bytearray(16)) == len(b"late")


def test_another_timeout_counts_from_when_it_is_set(pair: tuple[socket.socket, socket.socket]) -> None:
    """As the legacy client does after the last event: what it sets then is the limit."""
    here, _there = pair
    here.settimeout(30)
    reads = reads_of(here)
    assert reads is not None
    here.settimeout(0.05)
    before = time.monotonic()
    with pytest.raises(TimeoutError):
        reads.readinto(bytearray(16))
    assert time.monotonic() - before < 5


def test_the_socket_is_left_as_it_was(pair: tuple[socket.socket, socket.socket]) -> None:
    """After the end it has its timeout, and no other limit; a closed one needs nothing."""
    here, _there = pair
    here.settimeout(7.25)
    reads = reads_of(here)
    assert reads is not None
    assert limit_of(here) == pytest.approx(7.25, abs=0.01)  # in ticks of the system
    reads.end()
    assert (here.gettimeout(), limit_of(here)) == (7.25, 0.0)
    here.close()
    reads.end()


@pytest.mark.parametrize("timeout", [None, 0.0])
def test_one_that_waits_already_or_never_is_left_alone(
    pair: tuple[socket.socket, socket.socket], timeout: float | None
) -> None:
    """A socket without a timeout is as fast, and one that must not wait does not."""
    here, _there = pair
    here.settimeout(timeout)
    assert reads_of(here) is None
    assert here.gettimeout() == timeout


class OtherSocket(socket.socket):
    """A socket that reads in a way of its own, as those of gevent and eventlet do."""

    def recv_into(self, *args: Any) -> int:
        """Read."""
        return super().recv_into(*args)


def test_any_other_socket_is_left_alone() -> None:
    """TLS, a socket with ways of its own, and a file above no socket have no such reads."""
    with OtherSocket(socket.AF_INET, socket.SOCK_STREAM) as own:
        own.settimeout(5)
        assert reads_of(own) is None
        assert own.gettimeout() == 5
    context = ssl.create_default_context()
    with context.wrap_socket(socket.socket(), server_hostname="x", do_handshake_on_connect=False) as tls:
        tls.settimeout(5)
        assert waiting_reads(io.BufferedReader(socket.SocketIO(tls, "r"))) is None
    assert waiting_reads(io.BufferedReader(io.BytesIO(b"x"))) is None


def test_a_stream_waits_in_the_system_and_its_connection_is_kept_as_it_was() -> None:
    """While a stream is read its socket waits itself; the connection serves the next request with that one's timeout."""
    release = threading.Event()

    def hold(_connection: Connection) -> None:
        release.wait(10)

    script: list[Action] = [read, SSE + events(FIRST), hold, events(LAST, b"[DONE]") + END]
    with (
        RawServer([[*script, *script]]) as server,
        LegacyProvider(api_key=KEY, base_url=server.url, read_timeout=9.0) as provider,
    ):
        for _ in range(2):
            release.clear()
            heard = start(provider, stream=True)
            drive(provider, lambda: heard.text == "Hello")  # noqa: B023 - driven before the next
            (entry,) = provider._client._entries.values()
            watched: Any = entry.transfer.cutoff._sock
            eventually(lambda: watched.gettimeout() is None)  # noqa: B023 - the same
            assert limit_of(watched) == pytest.approx(9.0, abs=0.01)
            release.set()
            drive(provider, lambda: heard.done)  # noqa: B023 - the same
            assert heard.response.text == "Hello"
            eventually(lambda: pooled(provider))
            assert [(sock.gettimeout(), limit_of(sock)) for sock in pooled(provider)] == [(9.0, 0.0)]
        assert server.connections == 1


@pytest.mark.parametrize("words", [20_000, 40_000])
def test_what_a_file_holds_back_is_read(monkeypatch: pytest.MonkeyPatch, words: int) -> None:
    """However large its buffer is, nothing that it has read with the head is passed over."""
    monkeypatch.setattr(io, "DEFAULT_BUFFER_SIZE", 128 * 1024)
    pieces = [b'{"choices":[{"index":0,"delta":{"content":"%d "}}]}' % number for number in range(words // 20)]
    body = SSE + events(*pieces, LAST, b"[DONE]") + END
    with RawServer([[read, body]]) as server, LegacyProvider(api_key=KEY, base_url=server.url) as provider:
        heard = start(provider, stream=True)
        drive(provider, lambda: heard.done)
    assert heard.response.text == "".join(f"{number} " for number in range(words // 20))


def test_a_stream_that_falls_silent_ends_in_time() -> None:
    """The read timeout ends it as ever, with what had come."""
    heard = Heard()
    with (
        RawServer([[read, SSE + events(FIRST), stall]]) as server,
        LegacyProvider(api_key=KEY, base_url=server.url, read_timeout=0.5) as provider,
    ):
        before = time.monotonic()
        start(provider, stream=True, heard=heard)
        drive(provider, lambda: heard.done)
        assert 0.4 < time.monotonic() - before < 5
    assert heard.error.category is ErrorCategory.TIMEOUT
    assert heard.error.partial is not None
    assert heard.error.partial.text == "Hello"


def test_a_cancelled_stream_lets_go_of_its_thread_at_once() -> None:
    """A read that waits in the system is ended by the cut, not by its limit."""
    with (
        RawServer([[read, SSE + events(FIRST), stall]]) as server,
        LegacyProvider(api_key=KEY, base_url=server.url, read_timeout=60.0) as provider,
    ):
        heard = start(provider, stream=True)
        drive(provider, lambda: heard.text == "Hello")
        provider.cancel()
        drive(provider, lambda: heard.done)
        eventually(lambda: not any(thread.name == "legacy-openai" for thread in threading.enumerate()))
