"""Tests of the table: each kind of value is written with its unit, its sign and its bounds."""

from __future__ import annotations

import pytest

from shim.comparison.shadow_rung.estimates import NOTHING, Estimate
from shim.comparison.shadow_rung.shadow_report import report_of
from shim.comparison.shadow_rung.shadow_rows import RowKind, ShadowRow
from shim.comparison.shadow_rung.shadow_table import HEADINGS, difference_text, outcome_text, table_of, value_text
from tests.comparison.shadow_rung.parts import pair


def row(kind: RowKind, difference: Estimate, *, better: bool | None = None) -> ShadowRow:
    """A row of a difference."""
    return ShadowRow(
        name="n",
        text="t",
        kind=kind,
        control=NOTHING,
        candidate=NOTHING,
        difference=difference,
        outcome="mismatch",
        better=better,
        reason="r",
    )


@pytest.mark.parametrize(
    ("kind", "estimate", "text"),
    [
        ("share", Estimate(0.991, 0.98, 0.996, 400), "99.1 % [98.0, 99.6]"),
        ("agreement", NOTHING, ""),
        ("amount", Estimate(1200.0, 1100.0, 1300.0, 400), "1,200 [1,100, 1,300]"),
        ("seconds", Estimate(1.2, 0.9, None, 4), "1.20 s"),
        ("seconds", Estimate(0.08, 0.07, 1.5, 400), "80.0 ms [70.0 ms, 1.50 s]"),
    ],
)
def test_values(kind: RowKind, estimate: Estimate, text: str) -> None:
    """A value has its unit, and its bounds where they are known."""
    assert value_text(estimate, kind) == text


@pytest.mark.parametrize(
    ("kind", "estimate", "text"),
    [
        ("share", Estimate(0.004, -0.002, 0.011, 400), "+0.4 points [-0.2, +1.1]"),
        ("seconds", Estimate(-0.08, -0.12, 0.001, 400), "-80.0 ms [-120 ms, +1.00 ms]"),
        ("amount", Estimate(12.0, None, None, 4), "+12"),
        ("agreement", NOTHING, ""),
    ],
)
def test_differences(kind: RowKind, estimate: Estimate, text: str) -> None:
    """A difference has its sign, and its bounds where they are known."""
    assert difference_text(row(kind, estimate)) == text


def test_outcomes() -> None:
    """A direction is told where there is one."""
    told = [outcome_text(row("share", NOTHING, better=better)) for better in (None, True, False)]
    assert told == ["mismatch", "mismatch, better", "mismatch, worse"]


def test_rows_have_a_cell_for_each_heading() -> None:
    """Every row of a report is there, with as many cells as there are headings."""
    report = report_of([pair() for _ in range(50)])
    table = table_of(report)
    assert [cells[0] for cells in table] == [each.name for each in report.rows]
    assert {len(cells) for cells in table} == {len(HEADINGS)}
