"""Plots of figures over time as plain geometry: lines on a linear or logarithmic scale, with a limit.

Not histograms (`shim.comparison.report.plots`), nor the SVG elements (the template draws them). Lengths are in units of the view
box.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

__all__ = ["EvidenceCurve", "LinePlot", "line_plot"]

WIDTH, HEIGHT = 420, 236
LEFT, RIGHT, TOP, BOTTOM = 52, 408, 28, 196

Point: TypeAlias = tuple[float, float]
"""Epoch seconds, and a value."""

_MOST_DECADES = 5  # more labels than these no axis holds


class EvidenceCurve(Struct, frozen=True):
    """One line: its name, its CSS class, and its points in order."""

    name: str
    style: str
    points: str


class Mark(Struct, frozen=True):
    """A label on an axis."""

    at: float
    label: str


class LinePlot(Struct, frozen=True, kw_only=True):
    """A plot ready to be drawn.

    Attributes:
        name, title, axis, summary: for identifiers, people, the vertical axis, and who does not see it.
        curves: what is drawn; `limit`: where the limit is drawn, None without one.
        x_marks, y_marks: labels.
    """

    name: str
    title: str
    axis: str
    summary: str
    curves: tuple[EvidenceCurve, ...]
    limit: float | None
    x_marks: tuple[Mark, ...]
    y_marks: tuple[Mark, ...]


class _Scale(Struct, frozen=True):
    low: float
    high: float
    logarithmic: bool

    def y(self, value: float) -> float:
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            part = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            part = (value - self.low) / (self.high - self.low)
        return round(BOTTOM - (BOTTOM - TOP) * part, 2)


def line_plot(
    name: str,
    *,
    title: str,
    axis: str,
    lines: Sequence[tuple[str, str, Sequence[Point]]],
    limit: float | None = None,
    logarithmic: bool = False,
) -> LinePlot | None:
    """Lay out lines, each (name, CSS class, points); None where there are fewer than two moments."""
    moments = [at for _, _, points in lines for at, _ in points]
    if len(set(moments)) < 2:
        return None
    first, last = min(moments), max(moments)
    values = [value for _, _, points in lines for _, value in points] + ([] if limit is None else [limit])
    scale = _scale(values, logarithmic=logarithmic)

    def x(at: float) -> float:
        return round(LEFT + (RIGHT - LEFT) * (at - first) / (last - first), 2)

    curves = tuple(
        EvidenceCurve(told, style, " ".join(f"{x(at)},{scale.y(value)}" for at, value in points))
        for told, style, points in lines
        if points
    )
    ends = ", ".join(f"{told} {points[-1][1]:.3g}" for told, _, points in lines if points)
    return LinePlot(
        name=name,
        title=title,
        axis=axis,
        summary=f"{title}, at the end {ends}" + ("" if limit is None else f"; limit {limit:.3g}") + ".",
        curves=curves,
        limit=None if limit is None else scale.y(limit),
        x_marks=tuple(Mark(x(at), _clock(at, span=last - first)) for at in (first, last)),
        y_marks=_y_marks(scale),
    )


def _scale(values: Sequence[float], *, logarithmic: bool) -> _Scale:
    if logarithmic:
        low = 10.0 ** math.floor(math.log10(max(min(values), 1e-3)))
        high = 10.0 ** math.ceil(math.log10(max(*values, low * 10)))
        return _Scale(low, min(high, 1e9), logarithmic=True)
    return _Scale(0.0, max(*values, 0.01) * 1.1, logarithmic=False)


def _y_marks(scale: _Scale) -> tuple[Mark, ...]:
    if not scale.logarithmic:
        return tuple(Mark(scale.y(part * scale.high), f"{part * scale.high:.1%}") for part in (0, 0.5, 1))
    powers = range(round(math.log10(scale.low)), round(math.log10(scale.high)) + 1)
    step = math.ceil(len(powers) / _MOST_DECADES)
    return tuple(Mark(scale.y(10.0**power), f"{10.0**power:,g}") for power in powers[::step])


def _clock(at: float, *, span: float) -> str:
    form = "%H:%M:%S" if span < 3600 else "%d %b %H:%M"
    return time.strftime(form, time.gmtime(at))
