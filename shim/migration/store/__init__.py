"""Stores: where a rollout's state outlives a process, and several processes or hosts share it.

Not what is decided from it (`rollout`, `guard`, `plan`). `SqliteStore` serves several processes of one host, `RedisStore`
many hosts (extra `redis`); both keep the same promises, `Store`. A single process needs none: rollout and guard keep their own.
"""

from __future__ import annotations

from shim.migration.store.protocol import (
    CROSSED,
    EXPOSED,
    KEPT_EPOCHS,
    MOST_FIRSTS,
    MOST_NAME,
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

__all__ = [
    "CROSSED",
    "EXPOSED",
    "KEPT_EPOCHS",
    "MOST_FIRSTS",
    "MOST_NAME",
    "MOST_TEXT",
    "MOST_UNITS",
    "Batch",
    "Exposure",
    "First",
    "PinPage",
    "Snapshot",
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
