"""Comparison: exact evidence that the new path asks and reads as the old one does, at no extra API call.

Not the moving of traffic (`shim.migration`), not the clients compared: legacy and native arrive as arguments.
Rungs: wire (would it send the same request?) and tee (does it read the same recorded bytes the same way?). What is exported
is loaded when it is first asked for, so that importing this loads neither `requests` nor `jinja2`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shim.comparison.comparer import Comparer
    from shim.comparison.exchange import Exchange, RecordedRequest, RecordedResponse, Segment, TransportFault
    from shim.comparison.live.comparison import LiveComparison
    from shim.comparison.live.experiment import Experiment
    from shim.comparison.live.worker import Counts
    from shim.comparison.reading import Reading
    from shim.comparison.recording.records import ExchangeWriter, read_exchanges
    from shim.comparison.recording.redaction import Redaction
    from shim.comparison.recording.session_tap import Tap, tap
    from shim.comparison.rules import RULES, IgnoreRule
    from shim.comparison.tee.replay import ReplayAdapter
    from shim.comparison.tee.rung import compare_tee
    from shim.comparison.verdict import ABSENT, Mismatch, Outcome, Verdict
    from shim.comparison.wire.rung import compare_wire

# Name -> module it comes from when it is first asked for (PEP 562).
_ON_DEMAND: dict[str, str] = {
    "ABSENT": "verdict",
    "Comparer": "comparer",
    "Counts": "live.worker",
    "Exchange": "exchange",
    "ExchangeWriter": "recording.records",
    "Experiment": "live.experiment",
    "IgnoreRule": "rules",
    "LiveComparison": "live.comparison",
    "Mismatch": "verdict",
    "Outcome": "verdict",
    "RULES": "rules",
    "Reading": "reading",
    "RecordedRequest": "exchange",
    "RecordedResponse": "exchange",
    "Redaction": "recording.redaction",
    "ReplayAdapter": "tee.replay",
    "Segment": "exchange",
    "Tap": "recording.session_tap",
    "TransportFault": "exchange",
    "Verdict": "verdict",
    "compare_tee": "tee.rung",
    "compare_wire": "wire.rung",
    "read_exchanges": "recording.records",
    "tap": "recording.session_tap",
}


def __getattr__(name: str) -> Any:
    module = _ON_DEMAND.get(name)
    if module is None:
        raise AttributeError(f"module 'shim.comparison' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"shim.comparison.{module}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_ON_DEMAND})


__all__ = [
    "ABSENT",
    "RULES",
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
    "Redaction",
    "ReplayAdapter",
    "Segment",
    "Tap",
    "TransportFault",
    "Verdict",
    "compare_tee",
    "compare_wire",
    "read_exchanges",
    "tap",
]
