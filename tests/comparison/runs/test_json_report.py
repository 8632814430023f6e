"""Tests of the JSON report: one object, whatever came, with counts that are right."""

from __future__ import annotations

import io
import json
from typing import Any

from shim.comparison.runs.json_report import SCHEMA, JsonReport, encode_plain
from shim.comparison.runs.tally import Tally
from shim.comparison.verdict import Mismatch, Outcome, Verdict
from tests.comparison.stand_ins import judged


def report_of(*words: str, **more: Any) -> dict[str, Any]:
    """The report on exchanges that come out as the words say."""
    stream, tally = io.BytesIO(), Tally()
    report = JsonReport(stream)
    for number, word in enumerate(words):
        line, found = judged(word, number=number)
        assert found.facts is not None
        tally.add(found.facts, found.verdicts)
        for verdict in found.verdicts:
            report.add(verdict, file=line.file, line=line.line)
    report.finish(tally, **more)
    read: dict[str, Any] = json.loads(stream.getvalue())
    return read


def test_the_counts_are_the_verdicts() -> None:
    """The counts are those of the verdicts listed."""
    read = report_of("match", "mismatch", "ignored", "failed")
    counts = {name: read[name] for name in ("match", "mismatch", "ignored", "failed", "exchanges")}
    assert counts == {"match": 5, "mismatch": 1, "ignored": 1, "failed": 1, "exchanges": 4}
    assert [verdict["outcome"] for verdict in read["verdicts"] if verdict["rung"] == "wire"] == [
        "match",
        "mismatch",
        "ignored",
        "comparator-failed",
    ]


def test_a_verdict_is_whole() -> None:
    """Each verdict has all its fields, empty ones too, and says in which file and line its exchange stands."""
    read = report_of("match", "mismatch-9")["verdicts"]
    assert set(read[0]) == {*Verdict.__struct_fields__, "file", "line"}
    assert (read[2]["file"], read[2]["line"], read[2]["number"], read[2]["pair_id"]) == ("a.jsonl", 2, 1, "mismatch-9")
    assert read[2]["mismatches"][0] == {"path": "body.seed", "control": 1, "candidate": 2, "rule": "wire.body"}


def test_an_empty_run_is_an_object_too() -> None:
    """Without any verdict the report is valid, with counts of zero, and what else is said."""
    read = report_of(complete=False)
    assert (read["schema"], read["verdicts"], read["match"], read["complete"]) == (SCHEMA, [], 0, False)


def test_latencies_are_quantiles() -> None:
    """Latencies come as quantiles in seconds, per kind of exchange."""
    latency = report_of("match")["latency_seconds"]["chat_completions"]
    assert latency == {"count": 1, "mean": 1.0, "p50": 1.0, "p90": 1.0, "p95": 1.0, "p99": 1.0}


def test_any_json_is_written() -> None:
    """Lone surrogates and integers beyond 64 bits, which JSON may hold, are written."""
    mismatch = Mismatch(path="body.\ud800", control=10**30, candidate="\udfff", rule="wire.body")
    verdict = Verdict(rung="wire", outcome=Outcome.MISMATCH, mismatches=(mismatch,))
    read = json.loads(encode_plain(verdict))["mismatches"][0]
    assert (read["path"], read["control"], read["candidate"]) == ("body.?", 10**30, "?")
