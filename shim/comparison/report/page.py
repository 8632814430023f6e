"""The page around the cards: its headline, its tables, its plots; plain data for the template.

Not a single verdict (`cards`) nor the geometry of plots (`plots`). All numbers come from the tally, so they hold for the whole
run however few verdicts are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from shim.comparison.report.exchange_view import counted, moment, one_line
from shim.comparison.report.plots import Plot, duration, histogram
from shim.comparison.report.shadow_view import ShadowView, shadow_view_of
from shim.comparison.rules import RULES
from shim.comparison.runs.tally import Histogram, Tally
from shim.comparison.shadow_rung.shadow_report import ShadowReport
from shim.comparison.verdict import Outcome

OUTCOMES: tuple[tuple[str, str, str], ...] = (
    (Outcome.MATCH.value, "Match", "both sides agree"),
    (Outcome.MISMATCH.value, "Mismatch", "the two sides part"),
    (Outcome.IGNORED.value, "Ignored", "known and accepted, or out of scope"),
    (Outcome.FAILED.value, "Comparator failed", "no difference was found, and no match either"),
)
"""Outcome, its name, and what it means, in the order of the tables."""

RUNGS: dict[str, str] = {
    "wire": "Would the candidate send the same request?",
    "tee": "Does the candidate read the recorded answer the same way?",
}
"""Rung -> what it asks."""

_QUANTILES = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))


class Cell(Struct, frozen=True):
    """One count of the table of outcomes."""

    outcome: str
    name: str
    count: int


class RungRow(Struct, frozen=True):
    """One rung: its question, its counts, and the bar of their shares as (outcome, x, width) in a hundred."""

    name: str
    question: str
    cells: tuple[Cell, ...]
    total: int
    shares: tuple[tuple[str, float, float], ...]


class CountRow(Struct, frozen=True):
    """A name, what it says, and how often."""

    name: str
    text: str
    count: int


class TimeRow(Struct, frozen=True):
    """Quantiles of one kind of exchange."""

    kind: str
    count: int
    figures: tuple[str, ...]


class TimeTable(Struct, frozen=True):
    """Quantiles by kind of exchange, under one title."""

    title: str
    rows: tuple[TimeRow, ...]


class Page(Struct, frozen=True, kw_only=True):
    """All of the page but its cards.

    Attributes:
        title: of the document.
        compared: what was compared with what, and from where; "" where nobody said.
        headline: the verdict in one sentence.
        tone: the outcome that colours it.
        facts: (name, value) of the run.
        rungs, rules, ignored, reasons, models, statuses: tables.
        plots, times: of latency and time to the first event.
        sides: what the two sides are called.
        shadow: what a shadow found; None where there was none.
        shown, not_shown: cards by outcome; those the tally counts and the page does not hold.
    """

    title: str
    compared: str
    headline: str
    tone: str
    facts: tuple[tuple[str, str], ...]
    rungs: tuple[RungRow, ...]
    rules: tuple[CountRow, ...]
    ignored: tuple[CountRow, ...]
    reasons: tuple[CountRow, ...]
    models: tuple[CountRow, ...]
    statuses: tuple[CountRow, ...]
    plots: tuple[Plot, ...]
    times: tuple[TimeTable, ...]
    sides: tuple[str, str]
    shadow: ShadowView | None
    shown: dict[str, int]
    not_shown: dict[str, int]


def page_of(
    tally: Tally,
    *,
    title: str,
    compared: str,
    sides: tuple[str, str],
    made_at: float,
    shown: Mapping[str, int],
    shadow: ShadowReport | None = None,
    facts: Iterable[tuple[str, str]] = (),
) -> Page:
    """Give the view of a run, and of a shadow where there was one; the headline is the shadow's where there is nothing else.

    What answers came to is not hidden behind requests that match: then it is in the headline, too.
    """
    view = None if shadow is None else shadow_view_of(shadow)
    alone = view if not tally.verdicts else None
    headline, tone = (headline_of(tally), tone_of(tally)) if alone is None else (alone.headline, alone.tone)
    if alone is None and view is not None and view.tone == Outcome.MISMATCH and tone != Outcome.MISMATCH:
        headline, tone = f"{headline} {view.headline}", view.tone
    return Page(
        title=one_line(title),
        compared=one_line(compared),
        headline=headline,
        tone=tone,
        facts=(*facts, *(_facts(tally, made_at) if alone is None else (("Report made", moment(made_at)),))),
        rungs=tuple(_rung_row(rung, counts) for rung, counts in sorted(tally.outcomes.items(), reverse=True)),
        rules=_rule_rows(tally.rules),
        ignored=_rows(tally.ignored),
        reasons=_rows({reason: count for reason, count in tally.reasons.items() if not _is_ignored(reason, tally)}),
        models=_rows({name or "(not named)": count for name, count in tally.models.items()}),
        statuses=_rows({str(status) if status else "none came": n for status, n in tally.statuses.items()}),
        plots=tuple(_plots(tally)),
        times=tuple(_times(tally)),
        sides=(one_line(sides[0]), one_line(sides[1])),
        shadow=view,
        shown=dict(shown),
        not_shown=_not_shown(tally, shown),
    )


def headline_of(tally: Tally) -> str:
    """The verdict on a run in one sentence; never a match where a comparator failed or nothing was compared."""
    if not tally.verdicts:
        return "Nothing was compared."
    mismatched = {str(rung): counts.get("mismatch", 0) for rung, counts in tally.outcomes.items()}
    differing = {rung: count for rung, count in mismatched.items() if count}
    if differing:
        return _differing(differing, tally.exchanges)
    failed, ignored = tally.count(Outcome.FAILED), tally.count(Outcome.IGNORED)
    if failed:
        return f"No difference found, but {counted(failed, 'comparison')} failed."
    if ignored:
        return f"Nothing unexpected in {counted(tally.exchanges, 'exchange')}: {counted(ignored, 'verdict')} ignored."
    return f"{_all(tally.exchanges)} {_on_rungs(list(tally.outcomes))}."


def tone_of(tally: Tally) -> str:
    """The outcome a run is coloured by: its worst."""
    for outcome in (Outcome.MISMATCH, Outcome.FAILED):
        if tally.count(outcome):
            return str(outcome.value)
    return Outcome.MATCH.value if tally.count(Outcome.MATCH) else Outcome.IGNORED.value


def _differing(differing: dict[str, int], exchanges: int) -> str:
    (rung, count), *others = sorted(differing.items(), reverse=True)
    first = f"{count:,} of {counted(exchanges, 'exchange')} differ{'s' if count == 1 else ''} on the {rung} rung"
    return ", ".join((first, *(f"{count:,} on the {rung} rung" for rung, count in others))) + "."


def _all(exchanges: int) -> str:
    return "The one exchange matches" if exchanges == 1 else f"All {exchanges:,} exchanges match"


def _on_rungs(rungs: Sequence[str]) -> str:
    return "on both rungs" if len(rungs) == 2 else f"on the {rungs[0]} rung"


def _facts(tally: Tally, made_at: float) -> Iterator[tuple[str, str]]:
    yield "Exchanges", f"{tally.exchanges:,}"
    yield "Verdicts", f"{tally.verdicts:,}"
    if tally.unusable:
        yield "Lines and files that could not be read", f"{tally.unusable:,}"
    if tally.first_at > 0:
        yield "Recorded", _span(tally.first_at, tally.last_at)
    yield "Spent comparing", duration(tally.compare_seconds)
    yield "Report made", moment(made_at)


def _span(first: float, last: float) -> str:
    start, end = moment(first), moment(last)
    if start == end:
        return start
    same_day = start[:10] == end[:10]
    return f"{start.removesuffix(' UTC')} to {end[11:] if same_day else end}"


def _rung_row(rung: str, counts: dict[str, int]) -> RungRow:
    cells = tuple(Cell(outcome, name, counts.get(outcome, 0)) for outcome, name, _ in OUTCOMES)
    total = sum(cell.count for cell in cells)
    return RungRow(rung, RUNGS.get(rung, ""), cells, total, tuple(_shares(cells, total)))


def _shares(cells: Sequence[Cell], total: int) -> Iterator[tuple[str, float, float]]:
    """The bar's parts; what is there at all is at least wide enough to be seen."""
    widths = [max(100 * cell.count / total, 1.2) if cell.count else 0.0 for cell in cells]
    x = 0.0
    for cell, width in zip(cells, widths, strict=True):
        scaled = 100 * width / (sum(widths) or 1)
        if width:
            yield cell.outcome, round(x, 2), round(scaled, 2)
        x += scaled


def _rule_rows(counts: Mapping[str, int]) -> tuple[CountRow, ...]:
    return tuple(CountRow(each.name, RULES.get(each.name, ""), each.count) for each in _rows(counts))


def _rows(counts: Mapping[str, int]) -> tuple[CountRow, ...]:
    """Counts as rows, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(CountRow(one_line(name), "", count) for name, count in ordered)


def _is_ignored(reason: str, tally: Tally) -> bool:
    """Whether a reason only names the ignore rules that covered all differences; the table of those has it already."""
    return reason in tally.ignored or all(part in tally.ignored for part in reason.split("; "))


def _plots(tally: Tally) -> Iterator[Plot]:
    for name, title, axis, figures in (
        ("latency", "Latency", "time until the answer was complete", tally.latency),
        ("first-event", "Time to first event", "time until the first bytes of a stream", tally.first_byte),
    ):
        plot = histogram(name, title=title, axis=axis, bins=figures.edges(), quantiles=_quantiles(figures))
        if plot is not None:
            yield plot


def _quantiles(counted: Histogram) -> list[tuple[str, float]]:
    return [(label, counted.quantile(share)) for share, label in _QUANTILES]


def _times(tally: Tally) -> Iterator[TimeTable]:
    streams = {kind: each for kind, each in tally.first_bytes.items() if kind.endswith("stream")}
    for title, histograms in (("Latency", tally.latencies), ("Time to first event", streams)):
        rows = tuple(_time_row(kind, each) for kind, each in sorted(histograms.items()) if each.count)
        if rows:
            yield TimeTable(title, rows)


def _time_row(kind: str, counted: Histogram) -> TimeRow:
    values = (counted.smallest, *(value for _, value in _quantiles(counted)), counted.largest)
    return TimeRow(kind.replace("_", " "), counted.count, tuple(duration(value) for value in values))


def _not_shown(tally: Tally, shown: Mapping[str, int]) -> dict[str, int]:
    """Outcome -> verdicts counted and not on the page; matches are never there."""
    missing = {
        outcome.value: tally.count(outcome) - shown.get(outcome.value, 0) for outcome in Outcome if outcome != "match"
    }
    return {outcome: count for outcome, count in missing.items() if count > 0}
