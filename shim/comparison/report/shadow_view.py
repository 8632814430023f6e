"""A shadow's report as it is shown on the page: its sentence, its rows with their bounds drawn, its times as curves.

Not the judging (`shim.comparison.shadow_rung`) nor the SVG elements (the template draws them from this).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from shim.comparison.report.exchange_view import moment
from shim.comparison.report.plots import BOTTOM, LEFT, RIGHT, TOP, Scale, Tick, duration, x_ticks
from shim.comparison.runs.tally import Histogram
from shim.comparison.shadow_rung.shadow_report import PairSource, ShadowReport
from shim.comparison.shadow_rung.shadow_rows import ShadowRow
from shim.comparison.shadow_rung.shadow_table import difference_text, outcome_text, value_text

ARMS = ("control", "candidate", "baseline")
"""The arms in the order in which they are shown."""

# Where pairs come from -> the section's title, and what is compared there.
_SECTIONS: dict[PairSource, tuple[str, str]] = {
    "shadow": ("Shadow", "Second calls by the candidate itself, for a sample of requests."),
    "recordings": ("Answers", "What came back in either recording, pair by pair."),
}

_TONES = {"match": "match", "mismatch": "mismatch", "undecided": "ignored"}
_QUANTILES = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
_SHORTEST = 1e-4  # seconds: a logarithmic axis has no zero


class Interval(Struct, frozen=True):
    """The bounds of a difference on an axis of a hundred with zero in the middle: from, how far, and the value's own place."""

    x: float
    width: float
    at: float


class ShadowRowView(Struct, frozen=True, kw_only=True):
    """One row: its words, each arm's value in words, its difference in words and drawn."""

    name: str
    text: str
    cells: tuple[str, str, str]
    difference: str
    interval: Interval | None
    outcome: str
    tone: str
    reason: str


class Curve(Struct, frozen=True):
    """The share of calls of one arm that took no longer, over time: an SVG path, and its quantiles in words."""

    arm: str
    path: str
    figures: tuple[tuple[str, str], ...]
    count: int


class CurvePlot(Struct, frozen=True, kw_only=True):
    """The curves of the arms over one logarithmic axis."""

    name: str
    title: str
    axis: str
    summary: str
    curves: tuple[Curve, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


class ShadowView(Struct, frozen=True, kw_only=True):
    """All that the page says of a shadow, or of recorded answers; `has_baseline` says whether the third arm has a column."""

    title: str
    lead: str
    headline: str
    tone: str
    facts: tuple[tuple[str, str], ...]
    stopped: str
    notes: tuple[str, ...]
    rows: tuple[ShadowRowView, ...]
    plots: tuple[CurvePlot, ...]
    has_baseline: bool
    confidence: str


def shadow_view_of(report: ShadowReport) -> ShadowView:
    """Give the view of a report."""
    title, lead = _SECTIONS[report.source]
    return ShadowView(
        title=title,
        lead=lead,
        headline=report.headline,
        tone=_TONES[report.outcome],
        facts=tuple(_facts(report)),
        stopped="" if report.stopped is None else f"{report.stopped.reason}, {moment(report.stopped.at)}",
        notes=report.notes,
        rows=tuple(
            map(_row, sorted(report.rows, key=lambda row: row.outcome != "mismatch"))
        ),  # what needs a person first
        plots=tuple(_plots(report)),
        has_baseline=any(row.baseline is not None for row in report.rows),
        confidence=f"{100 * report.confidence:g} %",
    )


def _facts(report: ShadowReport) -> Iterator[tuple[str, str]]:
    counts = report.counts
    yield "Compared", f"{report.pairs:,}"
    if report.source == "shadow":
        yield "Calls made", f"{counts.calls:,}"
        yield "Tokens spent", f"{counts.tokens:,}"
    for name, kinds in (("Skipped", counts.skipped), ("Refused", counts.refused), ("Faults", counts.faults)):
        if kinds:
            told = ", ".join(f"{kind.replace('_', ' ')} {count:,}" for kind, count in sorted(kinds.items()))
            yield name, told
    if counts.dropped:
        yield "Dropped", f"{counts.dropped:,}"
    if report.first_at:
        yield "From", moment(report.first_at)
        yield "To", moment(report.last_at)


def _row(row: ShadowRow) -> ShadowRowView:
    baseline = "" if row.baseline is None else value_text(row.baseline, row.kind)
    return ShadowRowView(
        name=row.name,
        text=row.text,
        cells=(value_text(row.control, row.kind), value_text(row.candidate, row.kind), baseline),
        difference=difference_text(row),
        interval=_interval(row),
        outcome=outcome_text(row),
        tone="match" if row.better else _TONES[row.outcome],
        reason=row.reason,
    )


def _interval(row: ShadowRow) -> Interval | None:
    """The bounds of the difference, drawn to fill the axis; None where there are none."""
    found = row.difference
    if found.value is None or found.low is None or found.high is None:
        return None
    reach = max(abs(found.low), abs(found.high)) or 1.0
    low, at, high = (50 + 48 * each / reach for each in (found.low, found.value, found.high))
    return Interval(round(low, 2), round(max(high - low, 1.0), 2), round(at, 2))


def _plots(report: ShadowReport) -> Iterator[CurvePlot]:
    for name, title, axis, histograms in (
        ("shadow-latency", "Latency", "time until the answer was complete", report.latency),
        ("shadow-first-event", "Time to first event", "time until a stream began", report.first_event),
    ):
        if histograms:
            yield _plot(name, title, axis=axis, histograms=histograms)


def _plot(name: str, title: str, *, axis: str, histograms: Mapping[str, Histogram]) -> CurvePlot:
    shown = {arm: histograms[arm] for arm in ARMS if arm in histograms and histograms[arm].count}
    low = max(_SHORTEST, min(each.smallest for each in shown.values()))
    high = max(low * 2, *(each.largest for each in shown.values()))
    scale = Scale(low / 1.1, high * 1.1)
    curves = tuple(_curve(arm, counted, scale=scale) for arm, counted in shown.items())
    told = "; ".join(f"{curve.arm} {', '.join(' '.join(each) for each in curve.figures)}" for curve in curves)
    return CurvePlot(
        name=name,
        title=title,
        axis=axis,
        summary=f"Shares of calls that took no longer: {told}.",
        curves=curves,
        x_ticks=x_ticks(scale),
        y_ticks=tuple(Tick(_y(share), f"{100 * share:.0f} %") for share in (0.0, 0.5, 1.0)),
    )


def _curve(arm: str, counted: Histogram, *, scale: Scale) -> Curve:
    steps, passed = [f"M{LEFT} {_y(0.0)}"], 0
    for _, upper, count in counted.edges():
        passed += count
        steps.append(f"H{scale.x(min(upper, counted.largest)):.1f}V{_y(passed / counted.count)}")
    figures = tuple((label, duration(counted.quantile(share))) for share, label in _QUANTILES)
    return Curve(arm, "".join([*steps, f"H{RIGHT}"]), figures, counted.count)


def _y(share: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * share, 2)
