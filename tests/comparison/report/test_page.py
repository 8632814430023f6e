"""Tests of the page's words and tables: the headline never says more than the tally does."""

from __future__ import annotations

import pytest

from shim.comparison.report.page import Page, headline_of, page_of, tone_of
from shim.comparison.runs.tally import Tally
from tests.comparison.report.made import MADE_AT, details, tally_of


def page(tally: Tally, **shown: int) -> Page:
    """The view of a run."""
    return page_of(tally, title="Report", compared="", sides=("old", "new"), made_at=MADE_AT, shown=shown)


def tally(exchanges: int, **outcomes: dict[str, int]) -> Tally:
    """A tally of these outcomes by rung."""
    return Tally(exchanges=exchanges, outcomes=dict(outcomes))  # type: ignore[arg-type]  # names are rungs


@pytest.mark.parametrize(
    ("counted", "headline", "tone"),
    [
        (
            tally(1204, wire={"match": 1204}, tee={"match": 1204}),
            "All 1,204 exchanges match on both rungs.",
            "match",
        ),
        (tally(1, tee={"match": 1}), "The one exchange matches on the tee rung.", "match"),
        (
            tally(1204, wire={"match": 1204}, tee={"match": 1201, "mismatch": 3}),
            "3 of 1,204 exchanges differ on the tee rung.",
            "mismatch",
        ),
        (
            tally(9, wire={"match": 8, "mismatch": 1}, tee={"mismatch": 2, "comparator-failed": 7}),
            "1 of 9 exchanges differs on the wire rung, 2 on the tee rung.",
            "mismatch",
        ),
        (
            tally(9, tee={"match": 8, "comparator-failed": 1}),
            "No difference found, but 1 comparison failed.",
            "comparator-failed",
        ),
        (
            tally(9, tee={"match": 7, "ignored": 2}),
            "Nothing unexpected in 9 exchanges: 2 verdicts ignored.",
            "match",
        ),
        (tally(2, tee={"ignored": 2}), "Nothing unexpected in 2 exchanges: 2 verdicts ignored.", "ignored"),
        (Tally(), "Nothing was compared.", "ignored"),
    ],
)
def test_the_headline_is_the_verdict(counted: Tally, headline: str, tone: str) -> None:
    """The verdict on a run is one sentence, and its colour that of its worst outcome."""
    assert (headline_of(counted), tone_of(counted)) == (headline, tone)


def test_tables_count_the_run() -> None:
    """The tables hold what the tally counted: by rung and outcome, by rule with its sentence, by reason."""
    view = page(tally_of(details()))
    counts = {row.name: [cell.count for cell in row.cells] for row in view.rungs}
    assert counts == {"wire": [1200, 1, 1, 0], "tee": [1200, 1, 0, 1]}
    assert [(row.name, row.count) for row in view.rules] == [("tee.text", 1), ("wire.body", 1)]
    assert view.rules[0].text == "Text, reasoning and refusal must be identical."
    assert [row.name for row in view.ignored] == ["The client names itself. (owner: platform)"]
    assert [row.name for row in view.reasons] == ["The body was left out of the recording."]
    assert [row.name for row in view.models] == ["gpt-4o"]


def test_shares_fill_the_bar() -> None:
    """The parts of a rung's bar fill it, and a single mismatch among thousands can still be seen."""
    for row in page(tally_of(details())).rungs:
        widths = [width for _, _, width in row.shares]
        assert sum(widths) == pytest.approx(100, abs=0.1)
        assert min(widths) > 1


def test_what_is_not_shown_is_counted() -> None:
    """Verdicts that the tally counts and the page does not hold are told by outcome."""
    view = page(tally_of(details()), mismatch=1, ignored=1)
    assert view.not_shown == {"mismatch": 1, "comparator-failed": 1}


def test_times_are_by_kind() -> None:
    """Quantiles stand for each kind of exchange, and the time to the first event for streams alone."""
    view = page(tally_of(details()))
    kinds = {table.title: [row.kind for row in table.rows] for table in view.times}
    assert kinds == {
        "Latency": ["chat completions", "chat completions stream"],
        "Time to first event": ["chat completions stream"],
    }
    assert [plot.title for plot in view.plots] == ["Latency", "Time to first event"]
    assert view.times[0].rows[0].figures[0] == "500 ms"


def test_facts_have_dates() -> None:
    """When the exchanges were recorded is said in UTC, the date once where it is one day, and unusable lines are counted."""
    counted = tally_of(details())
    counted.unusable = 2
    facts = dict(page(counted).facts)
    assert facts["Recorded"] == "2026-02-02 02:40:00 to 02:59:59 UTC"
    assert facts["Lines and files that could not be read"] == "2"
    assert facts["Report made"] == "2026-02-02 02:40:00 UTC"
