"""Tests of what is a RedisStore's own: who is let in, which servers will do, and what becomes of one that forgets."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import trustme

from shim.migration.store import (
    Batch,
    First,
    RedisStore,
    Store,
    StoreError,
    StoreUnavailableError,
)
from tests.migration.store.made import CONTROL, FLAG, chain, shows_no_secret
from tests.migration.store.redis_process import RedisProcess, free_port, needs_redis


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
        store.pin(FLAG, {"conversation-of-ann": CONTROL}, max_age=60)
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
def test_a_full_server_takes_the_kill_switch(process: RedisProcess) -> None:
    """Of a server without memory what stops traffic can still be written: the switch, a policy, and a guard's latch."""
    with RedisStore(process.url, time_limit=5) as before:
        before.write_policy(FLAG, {"stage": "ramp", "percent": 50}, expected=None, by="ann")
        assert b"OK" in process.command("CONFIG", "SET", "maxmemory", "1")
        with RedisStore(process.url, time_limit=5) as store:  # another process, which comes only now
            store.write_kill_switch(FLAG, on=True, by="ann", reason="it burns")
            store.write_policy(FLAG, {"stage": "off"}, expected=None, by="ann")
            store.latch(FLAG, epoch="ramp@50", reason="errors", by="guard")
            with pytest.raises(StoreUnavailableError, match="has no memory left"):
                store.append_history(FLAG, {"a": 1})
        snapshot = before.snapshot(FLAG)
    assert snapshot.kill_switch is not None
    assert snapshot.kill_switch.on
    assert snapshot.policy is not None
    assert snapshot.policy.mapping == {"stage": "off"}
    assert snapshot.latch is not None


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
@pytest.mark.parametrize("key", ["zz", "00", ""])
def test_a_damaged_key_is_refused(process: RedisProcess, key: str) -> None:
    """Where what the store keeps of its key is damaged, the error is ours, and says what to do."""
    RedisStore(process.url, time_limit=5).close()
    assert b":0" in process.command("HSET", "shim:store", "key", key)
    with pytest.raises(StoreError, match="give each process the same hash_key"):
        RedisStore(process.url, time_limit=5)
    assert b":1" in process.command("HDEL", "shim:store", "key_name")
    with pytest.raises(StoreError, match="give each process the same hash_key"):
        RedisStore(process.url, time_limit=5)


@needs_redis
def test_an_emptied_server_is_begun_anew(process: RedisProcess) -> None:
    """Where the server was emptied, stores go on, still know units by the same key, and still work together."""
    with RedisStore(process.url, time_limit=5) as one, RedisStore(process.url, time_limit=5) as two:
        one.pin(FLAG, {"a": CONTROL}, max_age=60)
        key = one.unit_key(FLAG, "a")
        assert b"OK" in process.command("FLUSHALL")
        assert two.pin(FLAG, {"a": CONTROL}, max_age=60) == {"a": CONTROL}
        assert list(one.read_pins_after(FLAG, after=100).pins) == [key]
        assert one.unit_key(FLAG, "a") == two.unit_key(FLAG, "a") == key


@needs_redis
def test_scripts_that_the_server_forgot_are_sent_again(process: RedisProcess) -> None:
    """A server that has lost its scripts is given them, and the caller sees nothing of it."""
    with RedisStore(process.url, time_limit=5) as store:
        store.append_history(FLAG, {"a": 1})
        assert b"OK" in process.command("SCRIPT", "FLUSH")
        assert store.append_history(FLAG, {"a": 2}) == 2
