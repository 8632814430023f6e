"""Tests of line plots: every point is inside, and higher is more."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shim.migration.report.lines import BOTTOM, LEFT, RIGHT, TOP, line_plot

POINTS = st.lists(st.tuples(st.floats(1.0, 1e9), st.floats(1e-3, 1e9)), min_size=1, max_size=30)


@given(points=POINTS, limit=st.none() | st.floats(1.0, 1e3))
def test_every_point_is_inside(points: list[tuple[float, float]], limit: float | None) -> None:
    """Whatever the values, no point, limit or label is outside the axes, on both kinds of scale."""
    for logarithmic in (False, True):
        plot = line_plot(
            "p", title="t", axis="a", lines=[("one", "s", sorted(points))], limit=limit, logarithmic=logarithmic
        )
        if plot is None:
            assert len({at for at, _ in points}) < 2
            continue
        places = [tuple(map(float, each.split(","))) for each in plot.curves[0].points.split()]
        assert all(LEFT <= x <= RIGHT and TOP <= y <= BOTTOM for x, y in places)
        assert all(TOP <= mark.at <= BOTTOM for mark in plot.y_marks)
        assert plot.limit is None or TOP <= plot.limit <= BOTTOM


def test_higher_is_more() -> None:
    """A larger value stands higher, and the limit at its own height."""
    plot = line_plot(
        "p", title="t", axis="a", lines=[("one", "s", [(0.0, 1.0), (1.0, 20.0)])], limit=20.0, logarithmic=True
    )
    assert plot is not None
    low, high = (float(each.split(",")[1]) for each in plot.curves[0].points.split())
    assert high < low
    assert plot.limit == high
