"""Stores: where a rollout's state outlives a process, and several processes or hosts share it.

Not what is decided from it (`rollout`, `guard`, `plan`). `SqliteStore` serves several processes of one host, `RedisStore`
many hosts (extra `redis`); both keep the same promises, `Store`. A single process needs none: rollout and guard keep their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shim.migration.store.protocol import (
    BATCH_MEMORY,
    CROSSED,
    EXPOSED,
    KEPT_EPOCHS,
    LONGEST_PIN,
    MOST_FIRSTS,
    MOST_NAME,
    MOST_PINS,
    MOST_TEXT,
    MOST_UNITS,
    Batch,
    Exposure,
    First,
    PinPage,
    Snapshot,
    Store,
    StoreConflictError,
    StoredApproval,
    StoredEntry,
    StoredEpoch,
    StoredKillSwitch,
    StoredLatch,
    StoredPin,
    StoredPolicy,
    StoredReset,
    StoreError,
    StoreUnavailableError,
)

if TYPE_CHECKING:
    from shim.migration.store.redis_store import RedisStore
    from shim.migration.store.sqlite_store import SqliteStore

# Name -> module it comes from when it is first asked for (PEP 562).
_ON_DEMAND: dict[str, str] = {
    "RedisStore": "redis_store",
    "SqliteStore": "sqlite_store",
}


def __getattr__(name: str) -> Any:
    module = _ON_DEMAND.get(name)
    if module is None:
        raise AttributeError(f"module 'shim.migration.store' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"shim.migration.store.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_DEMAND})


__all__ = [
    "BATCH_MEMORY",
    "CROSSED",
    "EXPOSED",
    "KEPT_EPOCHS",
    "LONGEST_PIN",
    "MOST_FIRSTS",
    "MOST_NAME",
    "MOST_PINS",
    "MOST_TEXT",
    "MOST_UNITS",
    "Batch",
    "Exposure",
    "First",
    "PinPage",
    "RedisStore",
    "Snapshot",
    "SqliteStore",
    "Store",
    "StoreConflictError",
    "StoreError",
    "StoreUnavailableError",
    "StoredApproval",
    "StoredEntry",
    "StoredEpoch",
    "StoredKillSwitch",
    "StoredLatch",
    "StoredPin",
    "StoredPolicy",
    "StoredReset",
]
