"""Tests of the shadow's section: what a report says is there, drawn within bounds, and strangers' text stays text."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from shim.comparison.report import render_html, write_html
from shim.comparison.report.plots import BOTTOM, LEFT, RIGHT, TOP
from shim.comparison.report.shadow_view import shadow_view_of
from shim.comparison.runs.tally import Tally
from shim.comparison.shadow_rung.observation import ShadowPair
from shim.comparison.shadow_rung.shadow_report import ShadowReport, report_of
from shim.comparison.shadow_rung.shadow_state import ShadowCounts, Stopped
from tests.comparison.report.browser import CHROMIUM, Browser
from tests.comparison.report.made import MADE_AT, details, tally_of
from tests.comparison.report.test_rendering import EVIL, Elements
from tests.comparison.shadow_rung.parts import pair, seen

COUNTS = ShadowCounts(
    sampled=420, compared=400, calls=800, tokens=64_000, skipped={"stateful": 12}, refused={"calls_per_minute": 8}
)


def pairs(count: int = 400, *, baseline: bool = True) -> list[ShadowPair]:
    """Pairs with a slower candidate whose answers are cut more often."""
    rng = random.Random(7)  # noqa: S311 - made-up traffic
    made = []
    for number in range(count):
        times = [rng.lognormvariate(0, 0.4) for _ in range(3)]
        control = seen(seconds=times[0], first_event=times[0] / 5, streamed=True)
        candidate = seen(
            seconds=1.5 * times[1],
            first_event=times[1] / 5,
            streamed=True,
            finish_reason="length" if number % 5 == 0 else "stop",
        )
        again = seen(seconds=times[2], first_event=times[2] / 5, streamed=True)
        made.append(pair(candidate, control=control, baseline=again if baseline else None))
    return made


def report(*, baseline: bool = True) -> ShadowReport:
    """The report on such pairs."""
    return report_of(pairs(baseline=baseline), counts=COUNTS)


def test_the_page_says_what_the_report_says() -> None:
    """Headline, facts, each row's values and outcome, and the notes stand on the page."""
    text = render_html(Tally(), details=[], made_at=MADE_AT, shadow=report(baseline=False))
    for words in (
        "The candidate differs over 400 shadowed requests",
        "finish: length",
        "20.0 %",
        "mismatch, worse",
        "beyond chance",
        "64,000",
        "stateful 12",
        "calls per minute 8",
        "No baseline was asked",
        'id="plot-shadow-latency"',
        'id="plot-shadow-first-event"',
    ):
        assert words in text, words
    assert ">Baseline</th>" not in text
    assert "Nothing was compared" not in text


@pytest.mark.slow
def test_a_shadow_stands_beside_a_run() -> None:
    """With a run on the same page both have their sections, and the headline is the exact rungs'."""
    text = render_html(tally_of(details()), details=details(), made_at=MADE_AT, shadow=report())
    assert "1 of 1,204 exchanges differs on the wire rung, 1 on the tee rung." in text
    assert 'id="shadow"' in text
    assert 'id="tee-17"' in text
    assert ">Baseline</th>" in text
    identifiers = [attributes["id"] for _, attributes in Elements(text).found if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))


def test_a_stop_is_told() -> None:
    """That no more calls are made stands above the facts, with its reason and time."""
    stopped = Stopped("the candidate met a limit (rate_limit)", MADE_AT)
    text = render_html(Tally(), details=[], shadow=replace(report(), stopped=stopped))
    assert "the candidate met a limit (rate_limit), 2026-02-02" in text


def test_an_empty_shadow_claims_nothing() -> None:
    """Without a pair the page says so, and has neither table nor plot."""
    text = render_html(Tally(), details=[], shadow=report_of([]))
    assert "The shadow has compared nothing yet." in text
    assert "<path" not in text
    assert 'class="arms"' not in text


def test_markup_of_strangers_is_text() -> None:
    """Names that a model or a server made up, and kinds of faults, make no element of the page."""
    spoilt = [
        pair(seen(ending="failed", category=EVIL), control=seen(finish_reason=EVIL, model=EVIL, tools=(EVIL,)))
    ] * 40
    found = report_of(spoilt, counts=ShadowCounts(faults={EVIL: 1}), stopped=Stopped(EVIL, MADE_AT))
    page = Elements(render_html(Tally(), details=[], shadow=found))
    assert page.named("script") == []
    assert page.named("img") == []
    assert not [name for _, attributes in page.found for name in attributes if name.startswith("on")]


def test_what_is_drawn_is_within_its_picture() -> None:
    """Intervals stay on their axis around zero, curves rise from nought to all within the plot."""
    view = shadow_view_of(report())
    intervals = [row.interval for row in view.rows if row.interval is not None]
    assert intervals
    for each in intervals:
        assert 0 <= each.x <= each.at <= each.x + each.width <= 100
    for plot in view.plots:
        assert [curve.arm for curve in plot.curves] == ["control", "candidate", "baseline"]
        for curve in plot.curves:
            xs = [float(x) for x in re.findall(r"H([\d.]+)", curve.path)]
            ys = [float(y) for y in re.findall(r"V([\d.]+)", curve.path)]
            assert xs == sorted(xs)
            assert ys == sorted(ys, reverse=True)
            assert xs[0] >= LEFT
            assert xs[-1] == RIGHT
            assert (ys[-1], max(ys) <= BOTTOM) == (TOP, True)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")
@pytest.mark.parametrize("width", [1280, 360])
def test_it_reads_on_a_phone(width: int, tmp_path: Path) -> None:
    """On a wide and on a narrow screen nothing is wider than the page, each value has its label, and nothing is loaded."""
    path = tmp_path / "shadow.html"
    write_html(path, Tally(), details=[], made_at=MADE_AT, shadow=report())
    with Browser(tmp_path / "profile") as browser:
        browser.open(path.as_uri(), width=width, height=740)
        assert browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert browser.evaluate("document.querySelectorAll('.arms tbody tr').length > 10")
        assert browser.evaluate("document.querySelectorAll('path.curve').length") == 6
        label = "getComputedStyle(document.querySelector('.arms td'), '::before').content"
        assert browser.evaluate(label) == ('"Control"' if width < 640 else "none")
        assert browser.complaints == []
        assert [each for each in browser.asked_for if not each.startswith(("file:", "data:"))] == []
