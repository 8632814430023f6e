"""Plots of durations as plain geometry: a histogram over a logarithmic axis, with its quantiles marked.

Not the counting (`tally`) nor the SVG elements (the template draws them from this). Lengths are in units of the view box.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

from msgspec import Struct

WIDTH, HEIGHT = 420, 252
LEFT, RIGHT, TOP, BOTTOM = 44, 408, 76, 208

Bin: TypeAlias = tuple[float, float, int]
"""From and to in seconds, and how many."""

_FLOOR = 1e-4  # seconds: a logarithmic axis has no zero, and nothing over HTTP is faster than a tenth of a millisecond
_STEPS = (1, 2, 5)
_MOST_TICKS = 6
_LABEL_WIDTH = 96
_MOST_BARS = 44  # narrower bars than these cannot be told apart on a phone


class Bar(Struct, frozen=True):
    """One bar, and the words that stand for it."""

    x: float
    y: float
    width: float
    height: float
    label: str


class Tick(Struct, frozen=True):
    """A mark on an axis; of quantiles `row` keeps their labels apart and `anchor` keeps them inside."""

    at: float
    label: str
    row: int = 0
    anchor: str = "middle"


class Plot(Struct, frozen=True, kw_only=True):
    """A histogram ready to be drawn.

    Attributes:
        name: for identifiers on the page.
        title, axis: what is shown, and the label of the horizontal axis, with its unit.
        summary: the same in one sentence, for who does not see it.
        count: how many durations.
        bars, x_ticks, y_ticks, quantiles: what is drawn.
        figures: the quantiles and the extremes as (name, duration).
    """

    name: str
    title: str
    axis: str
    summary: str
    count: int
    bars: tuple[Bar, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    quantiles: tuple[Tick, ...]
    figures: tuple[tuple[str, str], ...]


class Scale(Struct, frozen=True):
    """A logarithmic axis from `low` to `high` seconds."""

    low: float
    high: float

    def x(self, seconds: float) -> float:
        """Where a duration stands; what is off the axis stands at its end."""
        seconds = min(max(seconds, self.low), self.high)
        return LEFT + (RIGHT - LEFT) * math.log(seconds / self.low) / math.log(self.high / self.low)


def histogram(
    name: str,
    *,
    title: str,
    axis: str,
    bins: Sequence[Bin],
    quantiles: Sequence[tuple[str, float]],
    extremes: Sequence[tuple[str, float]] = (),
) -> Plot | None:
    """Lay out a plot of bins in ascending order, all of the same ratio; None where nothing was counted."""
    held = _regrouped([each for each in bins if each[2] > 0])
    if not held:
        return None
    count = sum(each[2] for each in held)
    scale = _scale(held, [value for _, value in quantiles])
    top = _round_up(max(each[2] for each in held))
    return Plot(
        name=name,
        title=title,
        axis=axis,
        summary=_summary(count, quantiles),
        count=count,
        bars=tuple(_bar(each, scale=scale, top=top) for each in held),
        x_ticks=x_ticks(scale),
        y_ticks=tuple(Tick(_y(value, top=top), f"{value:,}") for value in _y_values(top)),
        # The highest on the top row with its label to the left: no line of another goes through it.
        quantiles=tuple(_quantile(each, row=row, scale=scale) for row, each in enumerate(reversed(quantiles))),
        figures=tuple((label, duration(value)) for label, value in (*quantiles, *extremes)),
    )


def duration(seconds: float) -> str:
    """A duration in the unit that suits it, with three digits: `8.25 ms`, `1.50 s`, `12.0 min`."""
    if seconds < 1e-3:
        return f"{_three(seconds * 1e6)} µs"
    if seconds < 0.9995:
        return f"{_three(seconds * 1e3)} ms"
    return f"{_three(seconds)} s" if seconds < 120 else f"{_three(seconds / 60)} min"


def _three(value: float) -> str:
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:,.{digits}f}"


def _summary(count: int, quantiles: Sequence[tuple[str, float]]) -> str:
    told = ", ".join(f"{label} {duration(value)}" for label, value in quantiles)
    return f"Histogram of {count:,} exchange{'' if count == 1 else 's'}: {told}."


def _regrouped(bins: Sequence[Bin]) -> list[Bin]:
    """Neighbouring bins made one, each group of the same ratio, so that there are few enough bars."""
    if not bins:
        return []
    ratio = min(math.log(high / low) for low, high, _ in bins)
    first = bins[0][0]
    size = max(1, math.ceil(math.log(bins[-1][1] / first) / ratio / _MOST_BARS))
    groups: dict[int, int] = {}
    for low, _, count in bins:
        group = round(math.log(low / first) / ratio) // size
        groups[group] = groups.get(group, 0) + count
    width = ratio * size
    return [(first * math.exp(at * width), first * math.exp((at + 1) * width), n) for at, n in groups.items()]


def _scale(held: Sequence[Bin], values: Sequence[float]) -> Scale:
    """From the first bar to the last, with a little room."""
    low = max(min(each[0] for each in held), _FLOOR)
    high = max(*(each[1] for each in held), *values, low * 2)
    return Scale(low / 1.1, high * 1.1)


def _bar(each: Bin, *, scale: Scale, top: int) -> Bar:
    low, high, count = each
    left, right, y = scale.x(low), scale.x(high), _y(count, top=top)
    unit = "exchange" if count == 1 else "exchanges"
    width = max(right - left - 1, 1.5)
    label = f"{duration(low)} to {duration(high)}: {count:,} {unit}"
    return Bar(round(left, 2), round(y, 2), round(width, 2), round(BOTTOM - y, 2), label)


def _quantile(each: tuple[str, float], *, row: int, scale: Scale) -> Tick:
    label, value = each
    x = scale.x(value)
    return Tick(round(x, 2), f"{label} {duration(value)}", row, "end" if x > _LABEL_WIDTH else "start")


def _y(count: int, *, top: int) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * count / top, 2)


def _round_up(count: int) -> int:
    """The next of 2, 4, 6, 8, 10, 20, 40 …: even, so that the middle of the axis is a whole number."""
    power: int = 10 ** max(len(str(count)) - 1, 0)
    return min(step * power for step in (2, 4, 6, 8, 10) if step * power >= count)


def _y_values(top: int) -> tuple[int, ...]:
    return (0, top // 2, top)


def x_ticks(scale: Scale) -> tuple[Tick, ...]:
    """Give round durations inside the scale; powers of ten alone where it spans many, and its ends where it spans none."""
    for steps in (_STEPS, (1,)):
        values = list(_round_values(scale, steps))
        if len(values) <= _MOST_TICKS:
            break
    values = values[:: math.ceil(len(values) / _MOST_TICKS)] if values else []
    if len(values) < 2:
        values = [scale.low * 1.1, scale.high / 1.1]
    return tuple(Tick(round(scale.x(value), 2), _tick_label(value)) for value in values)


def _round_values(scale: Scale, steps: Sequence[int]) -> list[float]:
    powers = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
    values = [step * 10.0**power for power in powers for step in steps]
    return [value for value in values if scale.low <= value <= scale.high]


def _tick_label(seconds: float) -> str:
    for unit, size in (("µs", 1e-6), ("ms", 1e-3), ("s", 1.0)):
        if seconds < size * 999.5:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:,.0f} s"
