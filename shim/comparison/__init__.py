"""Comparison: evidence that the new path asks and reads as the old one does.

Not the moving of traffic (`shim.migration`), not the clients compared: legacy and native arrive as arguments.
Rungs: wire (would it send the same request?) and tee (does it read the same recorded bytes the same way?), exact and at no extra
API call; shadow (what do its own calls bring?), by statistics and at the cost of a call; and two recordings, of any two clients,
requests exactly and answers by statistics. What is exported is loaded when it is
first asked for, so that importing this loads neither `requests` nor `jinja2`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shim.comparison.comparer import Comparer
    from shim.comparison.live.experiment import Experiment
    from shim.comparison.live.live_comparison import LiveComparison
    from shim.comparison.live.worker import Counts
    from shim.comparison.rules import RULES, IgnoreRule
    from shim.comparison.shadow_rung.budget import ShadowBudget
    from shim.comparison.shadow_rung.observation import CallObservation, ShadowPair
    from shim.comparison.shadow_rung.shadow_comparison import ShadowComparison
    from shim.comparison.shadow_rung.shadow_report import ShadowReport
    from shim.comparison.shadow_rung.shadow_rows import ShadowRow
    from shim.comparison.shadow_rung.shadow_state import ShadowCounts
    from shim.comparison.shadow_rung.shadowed_provider import ShadowedProvider
    from shim.comparison.tee_rung.compare_tee import compare_tee
    from shim.comparison.tee_rung.session_reader import ReplayAdapter
    from shim.comparison.two_recordings.compare_recordings import RecordingsReport, compare_recordings
    from shim.comparison.verdict import ABSENT, Mismatch, Outcome, Verdict
    from shim.comparison.wire_rung.compare_wire import compare_wire
    from shim.recording.exchange import Exchange, RecordedRequest, RecordedResponse, Segment, TransportFault
    from shim.recording.files import ExchangeWriter, read_exchanges
    from shim.recording.reading import Reading
    from shim.recording.redaction.redaction import Redaction
    from shim.recording.rotation import RotatingFile
    from shim.recording.tap.session_tap import Tap, tap

# Name -> module it comes from when it is first asked for (PEP 562).
_ON_DEMAND: dict[str, str] = {
    "ABSENT": "shim.comparison.verdict",
    "CallObservation": "shim.comparison.shadow_rung.observation",
    "Comparer": "shim.comparison.comparer",
    "Counts": "shim.comparison.live.worker",
    "Exchange": "shim.recording.exchange",
    "ExchangeWriter": "shim.recording.files",
    "Experiment": "shim.comparison.live.experiment",
    "IgnoreRule": "shim.comparison.rules",
    "LiveComparison": "shim.comparison.live.live_comparison",
    "Mismatch": "shim.comparison.verdict",
    "Outcome": "shim.comparison.verdict",
    "RULES": "shim.comparison.rules",
    "Reading": "shim.recording.reading",
    "RecordedRequest": "shim.recording.exchange",
    "RecordedResponse": "shim.recording.exchange",
    "RecordingsReport": "shim.comparison.two_recordings.compare_recordings",
    "Redaction": "shim.recording.redaction.redaction",
    "ReplayAdapter": "shim.comparison.tee_rung.session_reader",
    "RotatingFile": "shim.recording.rotation",
    "Segment": "shim.recording.exchange",
    "ShadowBudget": "shim.comparison.shadow_rung.budget",
    "ShadowComparison": "shim.comparison.shadow_rung.shadow_comparison",
    "ShadowCounts": "shim.comparison.shadow_rung.shadow_state",
    "ShadowPair": "shim.comparison.shadow_rung.observation",
    "ShadowReport": "shim.comparison.shadow_rung.shadow_report",
    "ShadowRow": "shim.comparison.shadow_rung.shadow_rows",
    "ShadowedProvider": "shim.comparison.shadow_rung.shadowed_provider",
    "Tap": "shim.recording.tap.session_tap",
    "TransportFault": "shim.recording.exchange",
    "Verdict": "shim.comparison.verdict",
    "compare_recordings": "shim.comparison.two_recordings.compare_recordings",
    "compare_tee": "shim.comparison.tee_rung.compare_tee",
    "compare_wire": "shim.comparison.wire_rung.compare_wire",
    "read_exchanges": "shim.recording.files",
    "tap": "shim.recording.tap.session_tap",
}


def __getattr__(name: str) -> Any:
    module = _ON_DEMAND.get(name)
    if module is None:
        raise AttributeError(f"module 'shim.comparison' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_DEMAND})


__all__ = [
    "ABSENT",
    "RULES",
    "CallObservation",
    "Comparer",
    "Counts",
    "Exchange",
    "ExchangeWriter",
    "Experiment",
    "IgnoreRule",
    "LiveComparison",
    "Mismatch",
    "Outcome",
    "Reading",
    "RecordedRequest",
    "RecordedResponse",
    "RecordingsReport",
    "Redaction",
    "ReplayAdapter",
    "RotatingFile",
    "Segment",
    "ShadowBudget",
    "ShadowComparison",
    "ShadowCounts",
    "ShadowPair",
    "ShadowReport",
    "ShadowRow",
    "ShadowedProvider",
    "Tap",
    "TransportFault",
    "Verdict",
    "compare_recordings",
    "compare_tee",
    "compare_wire",
    "read_exchanges",
    "tap",
]
