"""Migration: traffic moves from control to candidate in stages, sticky by conversation, with kill switch and guard.

Not the proof beforehand (`shim.comparison`), not the providers that serve: they arrive as arguments. What is exported is
loaded when it is first asked for, so that a service pays for the store or the flag library it uses, and for no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shim.migration.arms import ArmCounts
    from shim.migration.bucketing import bucket_v1
    from shim.migration.decision import Arm, Decision, SlowAfter
    from shim.migration.governor import Latch
    from shim.migration.guard import Guard
    from shim.migration.guard_events import GuardEvent
    from shim.migration.guard_port import Answer
    from shim.migration.history import Entry, HistoryFile, StoreHistory
    from shim.migration.kill_switch import KillSwitch, SwitchState
    from shim.migration.pins import PinSettings
    from shim.migration.plan import Needs, PlanStep, RolloutPlan, Standing
    from shim.migration.policy import Policy, PolicyError, Stage
    from shim.migration.provider import MigratingCounts, MigratingProvider
    from shim.migration.rollout import Rollout
    from shim.migration.sample_ratio import SampleRatioTest
    from shim.migration.sequential_test import SequentialTest
    from shim.migration.sources.environment import EnvironmentPolicy
    from shim.migration.sources.file import FilePolicy
    from shim.migration.sources.openfeature import OpenFeaturePolicy
    from shim.migration.sources.source import ConstantPolicy, PolicySource, SourceHealth
    from shim.migration.sources.stored import StorePolicy
    from shim.migration.standing import standing_of
    from shim.migration.status import RolloutStatus, StoreHealth
    from shim.migration.store.protocol import Store, StoreError
    from shim.migration.store.redis_store import RedisStore
    from shim.migration.store.sqlite_store import SqliteStore
    from shim.migration.watching import note_mismatch

# Name -> module it comes from when it is first asked for (PEP 562).
_ON_DEMAND: dict[str, str] = {
    "Answer": "guard_port",
    "Arm": "decision",
    "ArmCounts": "arms",
    "ConstantPolicy": "sources.source",
    "Decision": "decision",
    "Entry": "history",
    "EnvironmentPolicy": "sources.environment",
    "FilePolicy": "sources.file",
    "Guard": "guard",
    "GuardEvent": "guard_events",
    "HistoryFile": "history",
    "KillSwitch": "kill_switch",
    "Latch": "governor",
    "MigratingCounts": "provider",
    "MigratingProvider": "provider",
    "Needs": "plan",
    "OpenFeaturePolicy": "sources.openfeature",
    "PinSettings": "pins",
    "RolloutPlan": "plan",
    "Policy": "policy",
    "PolicyError": "policy",
    "PolicySource": "sources.source",
    "Rollout": "rollout",
    "RolloutStatus": "status",
    "SampleRatioTest": "sample_ratio",
    "SequentialTest": "sequential_test",
    "SlowAfter": "decision",
    "SourceHealth": "sources.source",
    "SqliteStore": "store.sqlite_store",
    "RedisStore": "store.redis_store",
    "note_mismatch": "watching",
    "standing_of": "standing",
    "Stage": "policy",
    "Standing": "plan",
    "PlanStep": "plan",
    "Store": "store.protocol",
    "StoreError": "store.protocol",
    "StoreHealth": "status",
    "StoreHistory": "history",
    "StorePolicy": "sources.stored",
    "SwitchState": "kill_switch",
    "bucket_v1": "bucketing",
}


def __getattr__(name: str) -> Any:
    module = _ON_DEMAND.get(name)
    if module is None:
        raise AttributeError(f"module 'shim.migration' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"shim.migration.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_DEMAND})


__all__ = [
    "Answer",
    "Arm",
    "ArmCounts",
    "ConstantPolicy",
    "Decision",
    "Entry",
    "EnvironmentPolicy",
    "FilePolicy",
    "Guard",
    "GuardEvent",
    "HistoryFile",
    "KillSwitch",
    "Latch",
    "MigratingCounts",
    "MigratingProvider",
    "Needs",
    "OpenFeaturePolicy",
    "PinSettings",
    "PlanStep",
    "Policy",
    "PolicyError",
    "PolicySource",
    "RedisStore",
    "Rollout",
    "RolloutPlan",
    "RolloutStatus",
    "SampleRatioTest",
    "SequentialTest",
    "SlowAfter",
    "SourceHealth",
    "SqliteStore",
    "Stage",
    "Standing",
    "Store",
    "StoreError",
    "StoreHealth",
    "StoreHistory",
    "StorePolicy",
    "SwitchState",
    "bucket_v1",
    "note_mismatch",
    "standing_of",
]
