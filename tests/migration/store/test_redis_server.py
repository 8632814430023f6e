"""Tests of a Redis server that is away, stalls, answers errors or echoes a password: within the limit, in our words."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shim.migration.store import (
    Batch,
    RedisStore,
    StoreError,
    StoreUnavailableError,
)
from tests.migration.store.made import FLAG, chain, shows_no_secret
from tests.migration.store.redis_process import RedisProcess, free_port, needs_redis

LIMIT = 0.4
# What a busy machine may add to a time limit before a test calls it a hang.
SLACK = 4.0


@needs_redis
def test_a_server_goes_away_and_comes_back(tmp_path: Path) -> None:
    """A server that is gone is an error within the limit, and is used again when it is back, without anybody's doing."""
    with RedisProcess(tmp_path, "--appendonly", "yes") as process, RedisStore(process.url, time_limit=5) as store:
        sent = Batch(batch_id="1", epoch="e", sums={"n": 1})
        store.add(FLAG, sent)
        process.stop()
        begin = time.monotonic()
        for _ in range(2):
            with pytest.raises(StoreUnavailableError, match=r"cannot be reached .*look at the server"):
                store.snapshot(FLAG)
        assert time.monotonic() - begin < 5
        process.start()
        eventually(lambda: not store.add(FLAG, sent))
        assert store.read_epoch(FLAG, "e").sums == {"n": 1}


def eventually(done: Callable[[], bool]) -> None:
    """Wait until something is so, over a server that is loading its data."""
    deadline = time.monotonic() + 10
    while True:
        try:
            if done():
                return
        except StoreUnavailableError:
            if time.monotonic() > deadline:
                raise
        assert time.monotonic() < deadline
        time.sleep(0.01)


@needs_redis
def test_a_server_that_stalls_costs_the_time_limit(process: RedisProcess) -> None:
    """A server that answers no more costs at most the limit, and a batch that it may have had is counted once."""
    with RedisStore(process.url, time_limit=LIMIT) as store:
        eventually(lambda: store.add(FLAG, Batch(batch_id="1", epoch="e", sums={"n": 1})))
        assert process._process is not None
        process._process.send_signal(signal.SIGSTOP)
        try:
            sent = Batch(batch_id="2", epoch="e", sums={"n": 1})
            for attempt in (lambda: store.add(FLAG, sent), lambda: store.snapshot(FLAG)):
                begin = time.monotonic()
                with pytest.raises(StoreUnavailableError, match="did not answer within the time limit"):
                    attempt()
                assert time.monotonic() - begin < LIMIT + SLACK
        finally:
            process._process.send_signal(signal.SIGCONT)
        eventually(lambda: store.add(FLAG, sent) in {True, False})
        eventually(lambda: store.read_epoch(FLAG, "e").sums == {"n": 2})


class Listener:
    """A server that answers each piece it is sent with the same bytes, or with nothing."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
            self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                while piece := connection.recv(65536):
                    connection.sendall(self._answer(piece))
            except OSError:
                return  # the other side was first

    def close(self) -> None:
        """Listen no more."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(5)


@contextmanager
def listening(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """The address of a server that answers so."""
    listener = Listener(answer)
    try:
        yield f"redis://:geheim%2Fp%40ss@127.0.0.1:{listener.port}/0"
    finally:
        listener.close()


def script_answered(answer: bytes) -> Callable[[bytes], bytes]:
    """What answers OK to all but scripts."""
    return lambda piece: answer if b"EVALSHA" in piece else b"+OK\r\n" * piece.count(b"*")


def test_a_proxy_that_accepts_and_says_nothing_costs_the_time_limit() -> None:
    """A proxy that accepts and is silent holds up neither the making of a store nor a call for longer than the limit."""
    with listening(lambda _: b"") as url:
        begin = time.monotonic()
        store = RedisStore(url, time_limit=LIMIT)
        with pytest.raises(StoreUnavailableError, match="did not answer within the time limit") as raised:
            store.snapshot(FLAG)
        assert time.monotonic() - begin < 2 * LIMIT + SLACK
        assert shows_no_secret(chain(raised.value))
        store.close()


def test_a_service_starts_without_its_server() -> None:
    """A store can be made while its server is down, and each call fails with the address and the remedy."""
    store = RedisStore(f"redis://:geheim@127.0.0.1:{free_port()}/7", time_limit=LIMIT)
    with pytest.raises(StoreUnavailableError, match=r"redis://127\.0\.0\.1:\d+/7 cannot be reached") as raised:
        store.add(FLAG, Batch(batch_id="1", epoch="e"))
    assert shows_no_secret(chain(raised.value))
    assert len(store.unit_key(FLAG, "a")) == 16
    store.close()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"-LOADING Redis is loading the dataset in memory\r\n", "is loading its data"),
        (b"-MISCONF Redis is configured to save RDB snapshots\r\n", "cannot write its data to disk"),
        (b"-BUSY Redis is busy running a script.\r\n", "is busy with somebody's script"),
        (b"-MASTERDOWN Link with MASTER is down\r\n", "has lost its primary"),
        (b"-NOREPLICAS Not enough good replicas to write.\r\n", "has too few replicas"),
        (
            b"-ERR Error running script (call to f_0): @user_script:1: -OOM command not allowed\r\n",
            "has no memory left",
        ),
        (b"-ERR max number of clients reached\r\n", "cannot be reached"),
    ],
)
def test_an_error_that_may_pass_is_left_to_the_first_call(answer: bytes, words: str) -> None:
    """An error that may pass lets a service start, and is raised by each call until it has passed."""
    with (
        listening(script_answered(answer)) as url,
        RedisStore(url, time_limit=5) as store,
        pytest.raises(StoreUnavailableError, match=words),
    ):
        store.snapshot(FLAG)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"-READONLY You can't write against a read only replica.\r\n", "is a replica"),
        (b"-MOVED 3999 127.0.0.1:6381\r\n", "is part of a cluster"),
        (b"-NOPERM this user has no permissions to run the 'evalsha' command\r\n", "does not let this user"),
        (b"-ERR unknown command 'EVALSHA', with args beginning with: 'geheim/p@ss'\r\n", "cannot be used"),
        (b"-WRONGTYPE Operation against a key\r\n", "cannot be used .*WRONGTYPE"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not answer as Redis does"),
    ],
)
def test_an_error_that_stays_is_raised_at_once(answer: bytes, words: str) -> None:
    """An error that will not pass by itself is raised when the store is made, and an echoed password is not shown."""
    with listening(script_answered(answer)) as url, pytest.raises(StoreError, match=words) as raised:
        RedisStore(url, time_limit=5)
    assert not isinstance(raised.value, StoreUnavailableError)
    assert shows_no_secret(chain(raised.value))


def test_a_server_that_echoes_the_password_is_not_quoted() -> None:
    """A server that knows no passwords, and repeats the one it was sent, does not bring it into a log."""
    echo = b"-ERR unknown command `AUTH`, with args beginning with: `geheim/p@ss`, \r\n"
    with listening(lambda _: echo) as url, pytest.raises(StoreError, match="unknown command") as raised:
        RedisStore(url, time_limit=5)
    assert shows_no_secret(chain(raised.value))
