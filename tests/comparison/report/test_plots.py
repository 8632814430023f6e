"""Tests of the plots: every exchange is in a bar, everything is inside the view, words say the same as the drawing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.comparison.report.plots import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Plot, duration, histogram
from shim.comparison.runs.tally import Histogram


def plot_of(*values: float) -> Plot | None:
    """The plot of values in seconds, counted as the tally counts."""
    counted = Histogram()
    for value in values:
        counted.add(value)
    quantiles = [(f"p{share}", counted.quantile(share / 100)) for share in (50, 95, 99)]
    return histogram("latency", title="Latency", axis="time", bins=counted.edges(), quantiles=quantiles)


def test_nothing_counted_is_no_plot() -> None:
    """Of no values there is no plot."""
    assert plot_of() is None


def test_bars_count_everything() -> None:
    """The bars' words add up to the number of values, and the highest bar has the most."""
    plot = plot_of(*(0.2 + index / 50 for index in range(300)))
    assert plot is not None
    counts = [int(bar.label.split(": ")[1].split()[0]) for bar in plot.bars]
    assert sum(counts) == plot.count == 300
    assert plot.bars[counts.index(max(counts))].y == min(bar.y for bar in plot.bars)
    assert 10 < len(plot.bars) <= 44
    assert plot.summary.startswith("Histogram of 300 exchanges: p50 3.")


@given(st.lists(st.floats(1e-7, 1e6), min_size=1, max_size=40))
def test_all_is_inside_the_view(values: list[float]) -> None:
    """Bars, ticks and quantiles of any durations stand inside the axes, and ticks are few."""
    plot = plot_of(*values)
    assert plot is not None
    for bar in plot.bars:
        assert LEFT <= bar.x <= bar.x + bar.width <= RIGHT + 2
        assert TOP <= bar.y <= BOTTOM
        assert bar.height > 0
    assert 2 <= len(plot.x_ticks) <= 6
    assert all(LEFT <= tick.at <= RIGHT for tick in (*plot.x_ticks, *plot.quantiles))
    assert all(TOP <= tick.at <= BOTTOM < HEIGHT for tick in plot.y_ticks)
    assert all((tick.at > 96) == (tick.anchor == "end") for tick in plot.quantiles)
    assert RIGHT < WIDTH


def test_quantiles_keep_apart() -> None:
    """The labels of quantiles that coincide stand in rows of their own, each with its duration."""
    plot = plot_of(1.0, 1.0, 1.0)
    assert plot is not None
    assert {tick.row for tick in plot.quantiles} == {0, 1, 2}
    assert {tick.label for tick in plot.quantiles} == {"p50 1.00 s", "p95 1.00 s", "p99 1.00 s"}


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 µs"),
        (0.00025, "250 µs"),
        (0.00825, "8.25 ms"),
        (0.212, "212 ms"),
        (0.9996, "1.00 s"),
        (1.5, "1.50 s"),
        (12.34, "12.3 s"),
        (720, "12.0 min"),
    ],
)
def test_durations_have_units(seconds: float, text: str) -> None:
    """A duration is written with three digits in the unit that suits it."""
    assert duration(seconds) == text
