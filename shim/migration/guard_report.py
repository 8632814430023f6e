"""Guard report: the figures behind a guard's answer as plain data, for the status, the command line and the history.

Not the answer itself (`guard_verdict`), not how it is shown (`shim.cli`).
"""

from __future__ import annotations

import math
from typing import Any

from shim.migration.guard_evidence import Evidence, EvidenceSettings

__all__ = ["e_value_of", "figures"]


def e_value_of(log: float) -> float:
    """An e-value from its logarithm, at most 1e304, so that it can be written as JSON."""
    return math.exp(min(log, 700.0))


def figures(evidence: Evidence, settings: EvidenceSettings) -> dict[str, Any]:
    """The evidence by kind and arm, each beside its limit."""
    return {
        "tolerated_ratio": settings.tolerated_ratio,
        "limit": 1 / settings.alpha,
        "guardrails": e_value_of(evidence.guardrails),
        "signals": e_value_of(evidence.signals),
        "kinds": {kind: _kind(evidence, settings, kind=kind) for kind in settings.kinds},
        "units": dict(evidence.answered),
        "crossed": evidence.crossed,
        "sample_ratio": _sample_ratio(evidence),
    }


def _kind(evidence: Evidence, settings: EvidenceSettings, *, kind: str) -> dict[str, Any]:
    test = evidence.tests[kind]
    return {
        "role": "guardrail" if kind in settings.guardrails else "signal",
        "e_value": test.e_value,
        "limit": 1 / settings.alpha,
        "control": test.control,
        "candidate": test.candidate,
    }


def _sample_ratio(evidence: Evidence) -> dict[str, Any]:
    sample = evidence.sample
    return {
        "e_value": sample.e_value,
        "limit": 1 / sample.alpha,
        "failed": evidence.sample_failed,
        "told": sample.told_share,
        "real": sample.real_share,
        "control": sample.control,
        "candidate": sample.candidate,
    }
