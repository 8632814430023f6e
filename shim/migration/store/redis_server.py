"""A Redis server as a store talks to it: connections per process, scripts, the time limit, and errors in our words.

Not what the scripts do (`redis_scripts`), not what they are called with (`redis_store`). Redis's error codes begin its
error replies: https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from shim.migration.store import redis_scripts, units
from shim.migration.store.protocol import StoreError, StoreUnavailableError

if TYPE_CHECKING:
    import redis
    from redis.commands.core import Script

    from shim.migration.store.redis_address import RedisAddress

SCHEMA = 1

Arguments = Callable[[], Sequence[str | int]]

# A refresher, a flusher, and a few threads that ask for pins; more wait for one of these.
_MOST_CONNECTIONS = 8

# A store that was emptied is learned anew at once; one that is emptied again and again is an error.
_MOST_TRIES = 3

# The code of an error reply, or one of ours for what is none -> whether it may pass, what is wrong, what to do.
_FAULTS: dict[str, tuple[bool, str, str]] = {
    "WRONGPASS": (False, "refuses the user or password, or asks for one", "give the right ones in the URL"),
    "NOPERM": (
        False,
        "does not let this user do that",
        "let the user run scripts, and read and write the store's keys",
    ),
    "READONLY": (False, "is a replica, which is read-only", "give the address of the primary"),
    "MOVED": (False, "is part of a cluster, which a store does not know", "give the address of a single server"),
    "LOADING": (True, "is loading its data", "wait until it has"),
    "OOM": (True, "has no memory left", "raise its maxmemory, or make room"),
    "MISCONF": (True, "cannot write its data to disk, and so refuses to change it", "make room on its disk"),
    "BUSY": (True, "is busy with somebody's script", "try again"),
    "MASTERDOWN": (True, "has lost its primary", "wait until it is back"),
    "NOREPLICAS": (True, "has too few replicas to accept writes", "wait until they are back"),
    "TIMEOUT": (True, "did not answer within the time limit", "look at the server and the way to it"),
    "UNREACHABLE": (True, "cannot be reached", "look at the server and the way to it"),
    "FOREIGN": (False, "does not answer as Redis does", "correct host and port in the URL"),
}

# redis-py's class, or a base of it -> the code, which redis-py takes out of the message.
_CODES: dict[str, str] = {
    "AuthenticationError": "WRONGPASS",
    "NoPermissionError": "NOPERM",
    "ReadOnlyError": "READONLY",
    "AskError": "MOVED",
    "ClusterCrossSlotError": "MOVED",
    "ClusterDownError": "MOVED",
    "MovedError": "MOVED",
    "BusyLoadingError": "LOADING",
    "OutOfMemoryError": "OOM",
    "MasterDownError": "MASTERDOWN",
    "TimeoutError": "TIMEOUT",
    "ConnectionError": "UNREACHABLE",
    "OSError": "UNREACHABLE",
    "InvalidResponse": "FOREIGN",
}
# Where it knows no class, and where an older server wraps the error of a command in that of its script.
_CODE = re.compile(r"(?:^|\s-?)([A-Z]{3,})\b")

# Redis forgets any key under these, the kill switch too.
_FORGETFUL = "allkeys-"


class RedisServer:
    """A server, and what this process knows of the store on it.

    Args:
        address: where it is.
        time_limit: seconds; connecting and being answered take at most half of it each.
        prefix: begins all keys.
        hash_key: what units are hashed with; None for a key of the store's own.

    Raises:
        ModuleNotFoundError: the package `redis` is not installed; the message names the extra.
    """

    def __init__(self, address: RedisAddress, *, time_limit: float, prefix: str, hash_key: bytes | None) -> None:
        _package()
        self.where = address.shown
        self._address = address
        self._time_limit = time_limit
        self._meta = f"{prefix}:store"
        self._given_key = hash_key
        self._process: _Process | None = None
        self.key = hash_key or units.new_key()  # what a store gets that has none
        self._key_name = ""

    def run(self, script: str, base: str, *, arguments: Arguments) -> Any:
        """Run a script for a flag, whose keys begin with `base`. `arguments` are made anew where the units' key changed.

        Raises:
            StoreError: it cannot be done.
        """
        for _ in range(_MOST_TRIES):
            if not self._key_name:
                self.learn()
            try:
                return self._call(script, [self._meta, base], args=[SCHEMA, self._key_name, *arguments()])
            except _ChangedError:
                self._key_name = ""  # emptied, restored or upgraded since
        raise StoreUnavailableError(f"the store {self.where} changes under our hands; see who empties or restores it")

    def learn(self) -> None:
        """Learn schema and key of the store, and give a new one both.

        Raises:
            StoreError: it is of a newer schema, was made with another key, or cannot be reached.
        """
        kept = "" if self._given_key else self.key.hex()
        schema, name, key = self._call(
            redis_scripts.LEARN, [self._meta], args=[SCHEMA, units.name_of_key(self.key), kept]
        )
        if not schema.isdigit() or int(schema) > SCHEMA:
            remedy = "update legacy-openai-shim in this process, or give the store a prefix of its own"
            found = schema.decode(errors="replace")
            raise StoreError(
                f"the store {self.where} has schema {found}, and this version knows schema {SCHEMA}; {remedy}"
            )
        mine = self._given_key or _unhex(key)
        if name is None or not mine or units.name_of_key(mine) != name.decode(errors="replace"):
            remedy = "give each process the same hash_key (or none), or a new prefix"
            raise StoreError(f"the store {self.where} was made with another hash_key; {remedy}")
        self.key, self._key_name = mine, name.decode()

    def check_memory(self) -> None:
        """Refuse a server that forgets what it likes when it is full: a kill switch among it.

        Raises:
            StoreError: it does.
        """
        try:
            about = self._guarded(lambda: self._client().client.info("memory"))
        except StoreUnavailableError:
            raise
        except StoreError:
            return  # a user who may not ask, or a server that does not tell
        policy = str(about.get("maxmemory_policy", ""))
        if about.get("maxmemory") and policy.startswith(_FORGETFUL):
            remedy = "set its maxmemory-policy to noeviction or one that begins with volatile-, or give another server"
            raise StoreError(f"the store {self.where} drops any key when it is full ({policy}); {remedy}")

    def close(self) -> None:
        """Disconnect; a later call connects again."""
        process, self._process = self._process, None
        if process is not None and process.pid == os.getpid():
            process.client.connection_pool.disconnect()

    def _call(self, script: str, keys: Sequence[str], *, args: Sequence[str | int]) -> Any:
        return self._guarded(lambda: self._client().script(script)(keys=keys, args=args))

    def _guarded(self, work: Callable[[], Any]) -> Any:
        fault: Exception
        try:
            return work()
        except (_package().RedisError, OSError, UnicodeError) as error:
            fault = self._fault_of(error)
        raise fault  # out here, so that nothing of what the server said hangs on it

    def _fault_of(self, error: Exception) -> Exception:
        text = str(error)
        if redis_scripts.CHANGED in text:
            return _ChangedError()
        found = next((_FAULTS[code] for code in _codes_of(error) if code in _FAULTS), None)
        if self._address.password:
            text = text.replace(self._address.password, "***")
        if found is None:
            return StoreError(f"the store {self.where} cannot be used ({text}); look at the server")
        may_pass, wrong, remedy = found
        kind = StoreUnavailableError if may_pass else StoreError
        return kind(f"the store {self.where} {wrong} ({text}); {remedy}")

    def _client(self) -> _Process:
        process = self._process
        if process is None or process.pid != os.getpid():
            process = self._process = _Process(self._address, self._time_limit)
        return process


class _ChangedError(Exception):
    """The store is not the one this process knew."""


class _Process:
    """The client of one process. After a fork the child makes its own, and leaves its parent's alone."""

    def __init__(self, address: RedisAddress, time_limit: float) -> None:
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        package = _package()
        kinds = {
            "redis": package.Connection,
            "rediss": package.SSLConnection,
            "unix": package.UnixDomainSocketConnection,
        }
        pool = package.BlockingConnectionPool(
            connection_class=kinds[address.scheme],
            max_connections=_MOST_CONNECTIONS,
            timeout=time_limit / 2,
            socket_timeout=time_limit / 2,
            socket_connect_timeout=time_limit / 2,
            retry=Retry(NoBackoff(), 0),  # whoever calls tries again: a flush knows its batch's id
            protocol=2,
            **address.options,
        )
        self.pid = os.getpid()
        self.client: redis.Redis = package.Redis(connection_pool=pool)
        self._scripts: dict[str, Script] = {}

    def script(self, text: str) -> Script:
        """A script that is sent by its hash, and whole where the server does not know it."""
        if text not in self._scripts:
            self._scripts[text] = self.client.register_script(text)
        return self._scripts[text]


def _codes_of(error: Exception) -> list[str]:
    """What may tell the kind of a fault: the code of the nearest class that has one, then what looks like it in the message."""
    classes = [_CODES[each.__name__] for each in type(error).__mro__ if each.__name__ in _CODES]
    return [*classes, *_CODE.findall(str(error))]


def _unhex(text: bytes | None) -> bytes:
    """The key as it is kept; empty where there is none that could be one."""
    try:
        key = bytes.fromhex((text or b"").decode())
    except ValueError:
        return b""
    return key if len(key) == units.KEY_BYTES else b""


def _package() -> Any:
    try:
        import redis
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            "a RedisStore needs redis: pip install 'legacy-openai-shim[redis]'", name=missing.name
        ) from None
    return redis
