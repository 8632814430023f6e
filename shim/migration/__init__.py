"""Migration: traffic moves from a control to a candidate in stages, sticky by conversation, with a kill switch and a guard.

Not the proof beforehand (`shim.comparison`), not the providers that serve: they arrive as arguments. What is exported is
loaded when it is first asked for, so that a service pays for the store or the flag library it uses, and for no other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shim.migration.bucketing import bucket_v1
    from shim.migration.decision import Arm, Decision, SlowAfter
    from shim.migration.policy import Policy, PolicyError, Stage

# Name -> module it comes from when it is first asked for (PEP 562).
_ON_DEMAND: dict[str, str] = {
    "Arm": "decision",
    "Decision": "decision",
    "Policy": "policy",
    "PolicyError": "policy",
    "SlowAfter": "decision",
    "Stage": "policy",
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


__all__ = ["Arm", "Decision", "Policy", "PolicyError", "SlowAfter", "Stage", "bucket_v1"]
