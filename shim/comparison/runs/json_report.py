"""The JSON report of a run: one object, written verdict by verdict, never held as a whole.

Not the journal (`journal`), not the page for people (`report`). Fields: `schema`; `verdicts`, each with
the fields of `shim.comparison.verdict.Verdict`, its `file` and its `line`, and of two recordings where its `partner` stands;
then the counts `match`, `mismatch`, `ignored`, `failed`, and more of the tally.
"""

from __future__ import annotations

import json as standard_json
from typing import Any, BinaryIO

from msgspec import UNSET, Struct, UnsetType, json, to_builtins

from shim.comparison.runs.tally import Histogram, Tally
from shim.comparison.verdict import Mismatch, Outcome, Rung, Verdict

SCHEMA = "shim.comparison/1.0"

_QUANTILES = (0.5, 0.9, 0.95, 0.99)


class _Told(Struct, kw_only=True):
    """A verdict with its place; every field is written, empty ones too, so that readers need no defaults."""

    file: str
    line: int
    number: int
    rung: Rung
    outcome: Outcome
    pair_id: str
    asked: str
    mismatches: tuple[Mismatch, ...]
    reason: str
    message: str
    variant: str
    variants: int
    seconds: float
    partner: str | UnsetType = UNSET


class JsonReport:
    """Writes the object to a binary stream, which stays open. Finish it: also after an interruption it is whole JSON."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._before = b""
        stream.write(b'{"schema":%b,"verdicts":[' % json.encode(SCHEMA))

    def add(self, verdict: Verdict, *, file: str, line: int, partner: str | None = None) -> None:
        """Write a verdict on what stands in a file's line; `partner`: of two recordings, where the other one's stands."""
        told = _Told(
            file=file,
            line=line,
            number=verdict.number,
            rung=verdict.rung,
            outcome=verdict.outcome,
            pair_id=verdict.pair_id,
            asked=verdict.asked,
            mismatches=verdict.mismatches,
            reason=verdict.reason,
            message=verdict.message,
            variant=verdict.variant,
            variants=verdict.variants,
            seconds=verdict.seconds,
            partner=UNSET if partner is None else partner,
        )
        self._stream.write(self._before + b"\n" + encode_plain(told))
        self._before = b","

    def finish(self, tally: Tally, **more: Any) -> None:
        """Write the counts, and what else is to be said: plain JSON, such as `complete` and `exit_status`."""
        self._stream.write(b"\n]," + encode_plain({**counts_of(tally), **more})[1:] + b"\n")
        self._stream.flush()


def counts_of(tally: Tally) -> dict[str, Any]:
    """A tally as plain JSON."""
    return {
        "match": tally.count(Outcome.MATCH),
        "mismatch": tally.count(Outcome.MISMATCH),
        "ignored": tally.count(Outcome.IGNORED),
        "failed": tally.count(Outcome.FAILED),
        "exchanges": tally.exchanges,
        "unusable": tally.unusable,
        "rungs": tally.outcomes,
        "rules": tally.rules,
        "ignored_because": tally.ignored,
        "reasons": tally.reasons,
        "models": tally.models,
        "statuses": {str(status): count for status, count in tally.statuses.items()},
        "latency_seconds": {kind: _quantiles(each) for kind, each in tally.latencies.items()},
        "first_byte_seconds": {kind: _quantiles(each) for kind, each in tally.first_bytes.items()},
    }


def encode_plain(value: Any) -> bytes:
    """JSON of a value in UTF-8, lone surrogates replaced: they are legal in JSON (RFC 8259 8.2), and not in UTF-8."""
    try:
        return json.encode(value)
    except UnicodeEncodeError:
        return standard_json.dumps(to_builtins(value), ensure_ascii=False).encode("utf-8", "replace")


def _quantiles(histogram: Histogram) -> dict[str, float]:
    shares = {f"p{round(100 * share)}": round(histogram.quantile(share), 6) for share in _QUANTILES}
    return {"count": histogram.count, "mean": round(histogram.mean, 6), **shares}
