"""Tests of the page as data: its words and figures are those of the rollout."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shim.migration import Policy, Rollout, Stage
from shim.migration.operations.operator import Operator
from shim.migration.operations.samples import read_samples
from shim.migration.report.page import page_of
from tests.migration.report.made import MADE_AT, served


@pytest.mark.slow
def test_the_figures_are_those_of_the_rollout(tmp_path: Path) -> None:
    """Arms, evidence, verdicts, needs and history are all there, and add up to what was served."""
    place = served(tmp_path)
    with Operator(place) as operator:
        status = operator.status()
        samples = read_samples(str(place.samples), flag="openai")
        page = page_of(
            status, needs=operator.needs(status), entries=list(operator.history()), samples=samples, made_at=MADE_AT
        )
    rows = {
        name: [int(each.split()[0]) for each in (control, candidate)]
        for name, _, control, candidate in page.arms.rows
        if name in ("Requests", "error")
    }
    assert (sum(rows["Requests"]), sum(rows["error"])) == (120, 4)
    assert page.headline == "The candidate serves 50 % of the conversations: nothing tells against it"
    assert [row.kind for row in page.evidence] == ["error", "slow", "mismatch", "refused", "sample ratio"]
    assert sum(count for _, _, _, count in page.verdicts) == 120
    assert [count for _, _, outcome, count in page.verdicts if outcome == "mismatch"] == [1]
    assert ("missing", "complete waits for an approval") in page.needs
    assert [plot.name for plot in page.plots] == ["evidence", "errors"]
    assert sum(plot.count for plot in page.times) == 116
    assert ("By", "ann") in page.facts


def test_what_is_not_known_is_not_made_up() -> None:
    """A rollout that served nothing has no plots, no quantiles and no evidence."""
    page = page_of(Rollout(Policy(stage=Stage.TEE)).status(), needs=None, entries=(), samples=[], made_at=MADE_AT)
    assert page.headline == "Control serves all; stage tee"
    assert (page.evidence, page.plots, page.times, page.history, page.needs) == ((), (), (), (), ())
    assert page.arms.rows[2][2:] == ("-", "-")


def test_looks_of_all_kinds_can_be_plotted() -> None:
    """Looks without a guard, without requests, or beyond the scale draw nothing that is not there, and fail nothing."""
    figures = {"guardrails": 1e300, "signals": 0.0, "limit": 20.0}
    arms = {"control": {"requests": 10, "bad": {"error": 1}}, "candidate": {"requests": 0}}
    samples: list[dict[str, Any]] = [
        {"at": 1.0},
        {"at": 2.0, "evidence": figures, "arms": arms},
        {"at": 3.0, "evidence": figures, "arms": arms},
    ]
    page = page_of(Rollout(Policy()).status(), needs=None, entries=(), samples=samples, made_at=MADE_AT)
    evidence, errors = page.plots
    assert [curve.name for curve in evidence.curves] == ["guardrails", "signals"]
    assert [curve.name for curve in errors.curves] == ["control"]
