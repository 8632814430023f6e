"""Tests of lines that could end a run: each is one line told, with whatever it holds, and the run and its page go on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shim.comparison.report import render_html
from shim.comparison.runs.lines import Source
from shim.comparison.runs.run import Run
from shim.comparison.verdict import Outcome
from shim.factory import create_comparer
from shim.recording.files import encode_exchange
from tests.helpers.exchanges import ANSWER, ASKED, exchange

DEEP = "[" * 100_000 + "]" * 100_000
A_THOUSAND = "[" * 1000 + "]" * 1000


def line_of(**changes: Any) -> dict[str, Any]:
    """A line, with other members of its request and response, or its own."""
    request: dict[str, Any] = {"method": "POST", "url": "https://h/v1/chat/completions", "body": json.dumps(ASKED)}
    response: dict[str, Any] = {"status": 200, "segments": [[0.1, json.dumps(ANSWER)]]}
    own: dict[str, Any] = {"schema": "shim.exchange/1.0", "pair_id": "odd", "finished": 1.0}
    for name, value in changes.items():
        part, _, member = name.partition("__")
        {"request": request, "response": response}.get(part, own)[member or part] = value
    return {**own, "request": request, "response": response}


CHANGES: dict[str, dict[str, Any]] = {
    "request body nested": {"request__body": f'{{"model":"m","messages":[],"z":{A_THOUSAND}}}'},
    "request body nested very deep": {"request__body": DEEP},
    "answer nested": {"response__segments": [[0.1, f'{{"choices":[],"z":{A_THOUSAND}}}']]},
    "answer nested very deep": {"response__segments": [[0.1, DEEP]]},
    "stream nested": {
        "response__headers": [["content-type", "text/event-stream"]],
        "response__segments": [[0.1, f"data: {A_THOUSAND}\n\n"]],
    },
    "context nested": {"context": {"a": "DEEP"}},
    "made nested": {"made": {"a": "DEEP"}},
    "unknown member nested": {"later": "DEEP"},
    "no address": {"request__url": "https://[::1"},
    "no address of an API": {"request__url": "https://[::1/v1/chat/completions"},
    "a port that is none": {"request__url": "https://h:port/v1/responses"},
    "no URL": {"request__url": ""},
    "a method that is none": {"request__method": "\x00"},
    "times that are none": {"started_at": 1e300, "finished": -1e300, "response__headers_at": 1e300},
    "a status that is none": {"response__status": -(10**12)},
    "an encoding that is none": {
        "response__headers": [["content-encoding", "gzip, gzip"]],
        "response__decoded": False,
    },
}
ODD = {
    name: json.dumps(line_of(**changes)).encode().replace(b'"DEEP"', DEEP.encode()) for name, changes in CHANGES.items()
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ODD)
def test_a_bad_line_is_one_line(name: str, tmp_path: Path) -> None:
    """Whatever one line holds, the lines around it are compared, and the page shows what was found."""
    path = tmp_path / "a.jsonl"
    before, after = (encode_exchange(exchange(pair_id=each)) for each in ("before", "after"))
    path.write_bytes(before + ODD[name] + b"\n" + after)
    run = Run(create_comparer, details=10)
    found = [judged for _, judged in run.go_through(Source([str(path)]))]
    run_of = {judged.pair_id: {verdict.outcome for verdict in judged.verdicts} for judged in found}
    assert run_of["before"] == run_of["after"] == {Outcome.MATCH}
    assert found[1].fault or {verdict.outcome for verdict in found[1].verdicts} & {
        Outcome.FAILED,
        Outcome.IGNORED,
        Outcome.MATCH,
    }
    assert len(found) == 3
    assert "</html>" in render_html(run.tally, details=run.details)
