"""A shadow's report as a table of words: for a terminal, a log, a page.

Not the judging (`shadow_report`) nor the printing. Values stand before their bounds, those in brackets.
"""

from __future__ import annotations

from shim.comparison.report.plots import duration
from shim.comparison.shadow_rung.estimates import Estimate
from shim.comparison.shadow_rung.shadow_report import ShadowReport
from shim.comparison.shadow_rung.shadow_rows import RowKind, ShadowRow

HEADINGS = ("field", "control", "candidate", "baseline", "difference", "outcome", "because")


def table_of(report: ShadowReport) -> list[tuple[str, ...]]:
    """The rows under `HEADINGS`, in the report's order; an arm without a value has an empty cell."""
    return [
        (
            row.name,
            value_text(row.control, row.kind),
            value_text(row.candidate, row.kind),
            "" if row.baseline is None else value_text(row.baseline, row.kind),
            difference_text(row),
            outcome_text(row),
            row.reason,
        )
        for row in report.rows
    ]


def value_text(estimate: Estimate, kind: RowKind) -> str:
    """A value with its bounds: `99.1 % [98.0, 99.6]`, `1.20 s [1.05 s, 1.41 s]`; "" where there is none."""
    if estimate.value is None:
        return ""
    if kind in ("share", "agreement"):
        return f"{_percent(estimate.value)} %{_bounds(estimate, scale=100.0)}"
    if kind == "amount":
        return f"{estimate.value:,.0f}{_bounds(estimate, scale=1.0, digits=0)}"
    bounds = (
        ""
        if estimate.low is None or estimate.high is None
        else f" [{duration(estimate.low)}, {duration(estimate.high)}]"
    )
    return f"{duration(estimate.value)}{bounds}"


def difference_text(row: ShadowRow) -> str:
    """The difference with its sign and bounds: `+0.4 points [-0.2, +1.1]`, `-80 ms [-120 ms, -35 ms]`."""
    found = row.difference
    if found.value is None:
        return ""
    values = [each for each in (found.value, found.low, found.high) if each is not None]
    if row.kind == "seconds":
        texts, unit = [_signed_duration(each) for each in values], ""
    elif row.kind == "amount":
        texts, unit = [f"{each:+,.0f}" for each in values], ""
    else:
        texts, unit = [f"{100 * each:+.1f}" for each in values], " points"
    return f"{texts[0]}{unit} [{texts[1]}, {texts[2]}]" if len(texts) == 3 else f"{texts[0]}{unit}"


def outcome_text(row: ShadowRow) -> str:
    """The outcome in a word, with its direction where there is one."""
    return row.outcome if row.better is None else f"{row.outcome}, {'better' if row.better else 'worse'}"


def _bounds(estimate: Estimate, *, scale: float, digits: int = 1) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f" [{estimate.low * scale:,.{digits}f}, {estimate.high * scale:,.{digits}f}]"


def _percent(share: float) -> str:
    return f"{100 * share:.1f}"


def _signed_duration(seconds: float) -> str:
    return f"{'-' if seconds < 0 else '+'}{duration(abs(seconds))}"
