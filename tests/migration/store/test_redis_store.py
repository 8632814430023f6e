"""Tests of what is a server's own: its address and password, what it refuses, when it is away, and what it forgets."""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from shim.migration.store import (
    Batch,
    First,
    RedisStore,
    Store,
    StoredPin,
    StoreError,
    StoreUnavailableError,
)
from shim.migration.store.redis_address import parse
from tests.migration.store.redis_process import PASSWORD, RedisProcess, free_port, needs_redis

FLAG = "openai"
PIN = StoredPin(arm="control", share=0.5)
LIMIT = 0.4
# What a busy machine may add to a time limit before a test calls it a hang.
SLACK = 4.0


@pytest.fixture
def process(tmp_path: Path) -> Iterator[RedisProcess]:
    """A server of the test's own, which it may break."""
    with RedisProcess(tmp_path) as started:
        yield started


def shows_no_secret(text: str) -> bool:
    """Whether neither the password nor its escaped form stands in a text."""
    return not any(secret in text for secret in (PASSWORD, "geheim"))


def chain(error: BaseException | None) -> str:
    """An error with all that hangs on it, as a log shows it and as an error tracker digs it out."""
    texts = []
    while error is not None:
        texts.append(f"{error!r} {error}")
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


@needs_redis
def test_it_is_the_protocol_and_shows_no_password(redis_process: RedisProcess) -> None:
    """A RedisStore is a Store to the type checker, and names host, port and database alone."""
    store: Store = RedisStore(redis_process.url)
    assert repr(store) == f"<RedisStore redis://127.0.0.1:{redis_process.port}/0>"
    assert shows_no_secret(repr(vars(store)))


@needs_redis
def test_units_do_not_stand_on_the_server(process: RedisProcess) -> None:
    """No conversation's id is found in what the server would write to its disk."""
    with RedisStore(process.url, time_limit=5) as store:
        first = First(kind="error", unit="conversation-of-ann", sums={"e": 1})
        store.add(FLAG, Batch(batch_id="1", epoch="e", firsts=[first]))
        store.pin(FLAG, {"conversation-of-ann": PIN}, max_age=60)
    assert b"OK" in process.command("CONFIG", "SET", "rdbcompression", "no")
    assert b"OK" in process.command("SAVE")
    written = (process.folder / "dump.rdb").read_bytes()
    assert b"openai" in written
    assert b"conversation-of-ann" not in written


@needs_redis
def test_prefixes_and_databases_are_stores_of_their_own(process: RedisProcess) -> None:
    """Another prefix or database is another store."""
    url = process.url
    places = [(url, "a"), (url, "b"), (url.removesuffix("0") + "1", "a"), (url.removesuffix("/0") + "?db=2", "a")]
    for number, (address, prefix) in enumerate(places):
        with RedisStore(address, prefix=prefix, time_limit=5) as store:
            store.write_policy(FLAG, {"n": number}, expected=0, by="ann")


@needs_redis
def test_a_socket_in_the_file_system_will_do(tmp_path: Path) -> None:
    """A server is reached by its socket's path."""
    path = tmp_path / "s"
    url = f"unix://:geheim%2Fp%40ss@{path}?db=1"
    with RedisProcess(tmp_path, "--unixsocket", str(path)), RedisStore(url, time_limit=5) as store:
        assert store.append_history(FLAG, {"a": 1}) == 1
        assert repr(store) == f"<RedisStore unix://{path}>"


@needs_redis
def test_tls_is_verified(tmp_path: Path) -> None:
    """A server is reached by TLS with its authority's certificate, and without it is refused."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate.private_key_pem.write_to_path(tmp_path / "key.pem")
    for number, pem in enumerate(certificate.cert_chain_pems):
        pem.write_to_path(tmp_path / "cert.pem", append=number > 0)
    port = free_port()
    files = [f"--tls-{name}-file={tmp_path / name}.pem" for name in ("cert", "key")]
    options = [part for each in files for part in each.split("=")]
    options += ["--tls-ca-cert-file", str(tmp_path / "ca.pem"), "--tls-port", str(port), "--tls-auth-clients", "no"]
    with RedisProcess(tmp_path, *options):
        url = f"rediss://:geheim%2Fp%40ss@127.0.0.1:{port}/0"
        with RedisStore(f"{url}?ssl_ca_certs={tmp_path / 'ca.pem'}", time_limit=5) as store:
            assert store.append_history(FLAG, {"a": 1}) == 1
        with RedisStore(url, time_limit=5) as store, pytest.raises(StoreUnavailableError, match="cannot be reached"):
            store.snapshot(FLAG)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (7, "url is of type int"),
        (b"redis://h", "url is of type bytes"),
        ("", "begins with none of redis://"),
        ("http://:geheim@h", "begins with none of redis://"),
        ("redis://:ge/heim@h:6379", "cannot be read"),
        ("redis://:geheim@h:port", "cannot be read"),
        ("redis://:geheim@h:99999", "cannot be read"),
        ("redis://:geheim@[::1", "cannot be read"),
        ("redis://:ge#heim@h", "cannot be read"),
        ("redis://:geheim@h/0#x", "has a # in it"),
        ("redis://:geheim@", "names no host"),
        ("unix://", "names no path"),
        ("redis://:geheim@h/geheim", "a database that is no number"),
        ("redis://:geheim@h/0?db=x", "a database that is no number"),
        ("redis://h/0?password=geheim", "an option behind its [?] that is not known"),
        ("redis://h/0?socket_timeout=100", "an option behind its [?] that is not known"),
        ("redis://h/0?ssl_cert_reqs=none", "an option behind its [?] that is not known"),
    ],
)
def test_a_bad_url_is_refused_without_being_shown(url: Any, words: str) -> None:
    """A URL that cannot be used is refused with the remedy, and nothing of a password in it hangs on the error."""
    with pytest.raises((TypeError, ValueError), match=words) as raised:
        RedisStore(url)
    assert "heim" not in chain(raised.value)


def test_addresses_are_read() -> None:
    """User, password, host, port, database and options are taken from a URL, unescaped, and only the place is shown."""
    found = parse("rediss://ann:p%40ss@[::1]:7000/3?ssl_cert_reqs=none")
    assert found.options == {
        "username": "ann",
        "password": "p@ss",
        "host": "::1",
        "port": 7000,
        "db": 3,
        "ssl_cert_reqs": "none",
    }
    assert found.shown == "rediss://[::1]:7000/3"
    assert repr(found) == "<RedisAddress rediss://[::1]:7000/3>"
    assert parse("redis://h").options == {"host": "h", "port": 6379, "db": 0}


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the error says how to install it."""
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'legacy-openai-shim\[redis\]'"):
        RedisStore("redis://127.0.0.1")


@needs_redis
@pytest.mark.parametrize(
    ("url", "words"), [("redis://:wrong@", "refuses the user or password"), ("redis://", "or asks for one")]
)
def test_a_wrong_password_is_refused_at_once(process: RedisProcess, url: str, words: str) -> None:
    """A password that is wrong or missing is an error when the store is made, and is not shown."""
    with pytest.raises(StoreError, match=f"{words}.* in the URL") as raised:
        RedisStore(f"{url}127.0.0.1:{process.port}/0", time_limit=5)
    assert "wrong" not in chain(raised.value).replace("WRONGPASS", "")


@needs_redis
def test_a_user_without_rights_is_refused_at_once(process: RedisProcess) -> None:
    """A user who may not run scripts is an error when the store is made, with what he needs."""
    assert b"OK" in process.command("ACL", "SETUSER", "reader", "on", ">geheim", "~*", "+get")
    with pytest.raises(StoreError, match=r"does not let this user do that .*let the user run scripts") as raised:
        RedisStore(f"redis://reader:geheim@127.0.0.1:{process.port}/0", time_limit=5)
    assert shows_no_secret(chain(raised.value))


@needs_redis
def test_a_user_with_only_the_rights_it_needs_will_do(process: RedisProcess) -> None:
    """A user who may only run scripts over the store's own keys can do all, though he may not ask for the server's memory."""
    rights = ["~shim:*", "+@read", "+@write", "+@scripting", "+@connection"]
    assert b"OK" in process.command("ACL", "SETUSER", "rollout", "on", ">geheim", *rights)
    with RedisStore(f"redis://rollout:geheim@127.0.0.1:{process.port}/0", time_limit=5) as store:
        assert store.add(FLAG, Batch(batch_id="1", epoch="e", sums={"n": 1}))
        assert store.snapshot(FLAG).epochs["e"].sums == {"n": 1}


@needs_redis
def test_a_replica_is_refused_and_a_primary_that_becomes_one_is_an_error(process: RedisProcess) -> None:
    """A read-only server is an error when the store is made and when it becomes one, and what it read last can still be read."""
    with RedisStore(process.url, time_limit=5) as store:
        store.append_history(FLAG, {"a": 1})
        assert b"OK" in process.command("REPLICAOF", "127.0.0.1", str(free_port()))
        with pytest.raises(StoreError, match=r"is a replica, which is read-only .*the address of the primary"):
            store.append_history(FLAG, {"a": 2})
        assert store.snapshot(FLAG).position == 1
        with pytest.raises(StoreError, match="is a replica"):
            RedisStore(process.url, time_limit=5)
        assert b"OK" in process.command("REPLICAOF", "NO", "ONE")
        assert store.append_history(FLAG, {"a": 2}) == 2


@needs_redis
def test_a_full_server_takes_nothing_by_halves(process: RedisProcess) -> None:
    """A server without memory refuses a batch whole, answers reads, and takes the batch when there is room again."""
    with RedisStore(process.url, time_limit=5) as store:
        store.append_history(FLAG, {"a": 1})
        sent = Batch(batch_id="1", epoch="e", sums={"n": 1}, firsts=[First(kind="error", unit="a", sums={"n": 1})])
        assert b"OK" in process.command("CONFIG", "SET", "maxmemory", "1")
        with pytest.raises(StoreUnavailableError, match=r"has no memory left .*raise its maxmemory"):
            store.add(FLAG, sent)
        assert store.snapshot(FLAG).position == 1
        assert b"OK" in process.command("CONFIG", "SET", "maxmemory", "0")
        assert store.add(FLAG, sent)
        assert store.read_epoch(FLAG, "e").sums == {"n": 2}


@needs_redis
def test_a_server_that_drops_what_it_likes_is_refused(process: RedisProcess) -> None:
    """A server that drops any key when it is full is refused, since the kill switch would be one of them."""
    assert b"OK" in process.command("CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru")
    with pytest.raises(StoreError, match=r"drops any key when it is full \(allkeys-lru\); set its maxmemory-policy"):
        RedisStore(process.url, time_limit=5)
    assert b"OK" in process.command("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
    RedisStore(process.url, time_limit=5).close()


@needs_redis
def test_a_newer_schema_is_refused(process: RedisProcess) -> None:
    """A store of a newer version is refused with both versions and the remedy, also when it becomes one while it is used."""
    with RedisStore(process.url, time_limit=5) as store:
        assert b":0" in process.command("HSET", "shim:store", "schema", "2")
        for attempt in (lambda: RedisStore(process.url, time_limit=5), lambda: store.snapshot(FLAG)):
            with pytest.raises(StoreError, match="has schema 2, and this version knows schema 1; update"):
                attempt()


@needs_redis
def test_an_emptied_server_is_begun_anew(process: RedisProcess) -> None:
    """Where the server was emptied, stores go on, still know units by the same key, and still work together."""
    with RedisStore(process.url, time_limit=5) as one, RedisStore(process.url, time_limit=5) as two:
        one.pin(FLAG, {"a": PIN}, max_age=60)
        key = one.unit_key(FLAG, "a")
        assert b"OK" in process.command("FLUSHALL")
        assert two.pin(FLAG, {"a": PIN}, max_age=60) == {"a": PIN}
        assert list(one.read_pins_after(FLAG, after=100).pins) == [key]
        assert one.unit_key(FLAG, "a") == two.unit_key(FLAG, "a") == key


@needs_redis
def test_scripts_that_the_server_forgot_are_sent_again(process: RedisProcess) -> None:
    """A server that has lost its scripts is given them, and the caller sees nothing of it."""
    with RedisStore(process.url, time_limit=5) as store:
        store.append_history(FLAG, {"a": 1})
        assert b"OK" in process.command("SCRIPT", "FLUSH")
        assert store.append_history(FLAG, {"a": 2}) == 2


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
