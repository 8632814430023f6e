"""A store on a Redis server, for the processes of many hosts.

Not for one host alone (`sqlite_store` needs no server), and not on a cluster. The scripts that do the work are in
`redis_scripts`, connections and errors in `redis_server`, arguments and documents in `backed_store`.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, unquote

from shim.migration.store import checks, redis_address, redis_scripts, units
from shim.migration.store.backed_store import BackedStore
from shim.migration.store.backend import KeptFlag
from shim.migration.store.protocol import (
    BATCH_MEMORY,
    CROSSED,
    EXPOSED,
    KEPT_EPOCHS,
    MOST_UNITS,
    Batch,
    PinPage,
    StoredEpoch,
    StoredPin,
    StoreUnavailableError,
)
from shim.migration.store.redis_server import Arguments, RedisServer

if TYPE_CHECKING:
    from shim.migration.decision import Arm

# Lapsed pins that one call removes: more than it can add in the long run, and a millisecond or two of the server.
_LAPSED_AT_ONCE = 200

_OTHER = {"control": "candidate", "candidate": "control"}


class RedisStore(BackedStore):
    """What a rollout keeps beyond a process, on a Redis server: `Store` says what each method does.

    Any number of threads, processes and hosts may use it, before and after a fork. Needs the extra `redis`, Redis 4 or newer (or
    Valkey), one server: no cluster. Every change is one script, so it is done as a whole. What Redis has not yet written to
    its disk is lost with it, so turn on appendonly; the clocks of the hosts should agree to within seconds.

    Connecting, and each answer, take at most half of `time_limit`; so does waiting for one of the process's eight
    connections. A server that is down or silent so costs `time_limit` at most. Looking up a host's name is the system's, and
    bounded by its resolver.

    Args:
        url: `redis://user:password@host:6379/0`, `rediss://` for TLS, `unix:///path?db=0`. Never shown but for host and database.
        time_limit: seconds, above 0, at most 60.
        prefix: begins every key; another one is another store.
        hash_key: 32 bytes that units are hashed with, if the key shall not lie in Redis (`units`); None for one of its own.
        clock: gives epoch seconds.

    Raises:
        StoreError: the server refuses, and that will not pass by itself. What may pass is left to the first call.
        ModuleNotFoundError: the package `redis` is missing.
        TypeError, ValueError: an argument cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        time_limit: float = 0.5,
        prefix: str = "shim",
        hash_key: bytes | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        server = RedisServer(
            redis_address.parse(url),
            time_limit=checks.seconds("time_limit", time_limit, most=checks.LONGEST_TIME_LIMIT),
            prefix=checks.name("prefix", prefix),
            hash_key=units.checked_key(hash_key),
        )
        super().__init__(RedisBackend(server, prefix=prefix), clock=clock)


class RedisBackend:
    """The texts, sums and pins of a store on a server."""

    def __init__(self, server: RedisServer, *, prefix: str) -> None:
        self._server = server
        self._prefix = prefix
        try:
            # What may pass does not keep a service from starting: the first call asks again.
            with contextlib.suppress(StoreUnavailableError):
                server.learn()
                server.check_memory()
        finally:
            server.close()  # a process that only makes the store, and forks, has nothing open

    @property
    def where(self) -> str:
        """The address, without user and password."""
        return self._server.where

    def everything(self, flag: str) -> KeptFlag:
        """See `Backend.everything`."""
        documents, approvals, position, epochs = self._run(redis_scripts.EVERYTHING, flag)
        return KeptFlag(
            documents=_texts(documents),
            epochs=dict(_epoch(each) for each in epochs),
            approvals=[text.decode() for text in approvals],
            position=position,
        )

    def documents(self, flag: str) -> dict[str, str]:
        """See `Backend.documents`."""
        return _texts(self._run(redis_scripts.DOCUMENTS, flag))

    def swap(self, flag: str, expected: Mapping[str, str | None], *, new: Mapping[str, str | None]) -> bool:
        """See `Backend.swap`."""
        pairs = [json.dumps([[name, text or False] for name, text in each.items()]) for each in (expected, new)]
        return bool(self._run(redis_scripts.SWAP, flag, arguments=lambda: pairs))

    def add(self, flag: str, batch: Batch, *, now: float) -> bool:
        """See `Backend.add`."""
        begin = (batch.batch_id, _quoted(batch.epoch), repr(now))
        limits = (MOST_UNITS, KEPT_EPOCHS, int(BATCH_MEMORY * 1000))
        added = self._run(redis_scripts.ADD, flag, arguments=lambda: (*begin, self._content(batch), *limits))
        return bool(added)

    def _content(self, batch: Batch) -> str:
        firsts = [[_quoted(each.kind), self.unit_key(each.unit), _pairs(each.sums)] for each in batch.firsts]
        exposures = [
            [EXPOSED + each.arm, EXPOSED + _OTHER[each.arm], self.unit_key(each.unit), _pairs(each.sums)]
            for each in batch.exposures
        ]
        content = {"sums": _pairs(batch.sums), "firsts": firsts, "exposures": exposures, "crossed": CROSSED}
        return json.dumps(content)

    def epoch(self, flag: str, name: str) -> StoredEpoch:
        """See `Backend.epoch`."""
        return _epoch(self._run(redis_scripts.EPOCH, flag, arguments=lambda: (_quoted(name),)))[1]

    def unit_key(self, unit: str) -> str:
        """See `Backend.unit_key`."""
        return units.text_of(units.digest(unit, self._server.key))

    def pin(
        self, flag: str, pins: Mapping[str, StoredPin], *, now: float, lapses_at: float
    ) -> dict[str, tuple[Arm, float]]:
        """See `Backend.pin`."""

        def arguments() -> tuple[str | int, ...]:
            given = [[self.unit_key(unit), pin.arm, repr(float(pin.share))] for unit, pin in pins.items()]
            return repr(now), repr(lapses_at), json.dumps(given), _LAPSED_AT_ONCE

        held = self._run(redis_scripts.PIN, flag, arguments=arguments)
        return {unit: _pin(*each) for unit, each in zip(pins, held, strict=True)}

    def pins(self, flag: str, wanted: Sequence[str], *, now: float) -> dict[str, tuple[Arm, float]]:
        """See `Backend.pins`."""
        found = self._run(redis_scripts.PINS, flag, arguments=lambda: (repr(now), *map(self.unit_key, wanted)))
        names = {self.unit_key(unit): unit for unit in wanted}
        return {names[name.decode()]: _pin(arm, share) for name, arm, share in found}

    def pins_after(self, flag: str, *, after: int, limit: int, now: float) -> PinPage:
        """See `Backend.pins_after`."""
        position, found = self._run(redis_scripts.PINS_AFTER, flag, arguments=lambda: (repr(now), after, limit))
        held = {name.decode(): _pin(arm, share) for name, arm, share in found}
        return PinPage(
            pins={name: StoredPin(arm=arm, share=share) for name, (arm, share) in held.items()}, position=position
        )

    def append(self, flag: str, text: str, *, entry_id: str | None) -> int:
        """See `Backend.append`."""
        return int(self._run(redis_scripts.APPEND, flag, arguments=lambda: (text, entry_id or "")))

    def entries(self, flag: str, *, after: int, limit: int) -> Sequence[tuple[int, str]]:
        """See `Backend.entries`."""
        texts = self._run(redis_scripts.ENTRIES, flag, arguments=lambda: (after, after + limit - 1))
        return [(position, text.decode()) for position, text in enumerate(texts, after + 1)]

    def approve(self, flag: str, *, step: str, by: str, text: str) -> None:
        """See `Backend.approve`."""
        self._run(redis_scripts.APPROVE, flag, arguments=lambda: (json.dumps([step, by]), text))

    def withdraw(self, flag: str, *, step: str) -> int:
        """See `Backend.withdraw`."""
        return int(self._run(redis_scripts.WITHDRAW, flag, arguments=lambda: (step,)))

    def purge(self, flag: str, *, now: float, before: float) -> int:
        """See `Backend.purge`."""
        gone = 0
        # In bites, so that others come in between.
        while dropped := self._run(
            redis_scripts.PURGE, flag, arguments=lambda: (repr(now), repr(before), _LAPSED_AT_ONCE)
        ):
            gone += dropped
        return gone

    def close(self) -> None:
        """See `Backend.close`."""
        self._server.close()

    def _run(self, script: str, flag: str, *, arguments: Arguments = tuple) -> Any:
        return self._server.run(script, f"{self._prefix}:flag:{_quoted(flag)}", arguments=arguments)


def _quoted(name: str) -> str:
    """A name as part of a key, where `:` parts names."""
    return quote(name, safe="")


def _pairs(sums: Mapping[str, float]) -> list[tuple[str, float]]:
    return [(name, float(value)) for name, value in sums.items()]


def _pin(arm: bytes, share: bytes) -> tuple[Arm, float]:
    return cast("Arm", arm.decode()), float(share)


def _texts(flat: Iterable[bytes]) -> dict[str, str]:
    """Redis's flat list of names and values."""
    texts = iter(each.decode(errors="replace") for each in flat)
    return dict(zip(texts, texts, strict=True))


def _epoch(raw: Sequence[Any]) -> tuple[str, StoredEpoch]:
    name, sums, counts, about = raw[0].decode(), _texts(raw[1]), _texts(raw[2]), _texts(raw[3])
    epoch = StoredEpoch(
        sums={each: float(value) for each, value in sums.items()},
        units={unquote(kind): int(count) for kind, count in counts.items()},
        dropped=int(about.get("dropped", 0)),
        began=float(about.get("began", 0)),
        at=float(about.get("at", 0)),
    )
    return unquote(name), epoch
