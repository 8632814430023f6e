"""Tests of the rollout's page in a real browser, opened from a file: it fits a phone, and runs nothing of strangers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from shim.migration.operations.operator import Operator
from shim.migration.operations.place import RolloutPlace
from shim.migration.report import write_report
from tests.comparison.report.browser import CHROMIUM, Browser
from tests.migration.report.made import MADE_AT, hostile, served

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for these tests: starting it takes longer than a test."""
    with Browser(tmp_path_factory.mktemp("chromium") / "profile") as started:
        yield started


def page_of(folder: Path, place: RolloutPlace) -> str:
    """The address of the page of a rollout."""
    path = folder / "report.html"
    with Operator(place) as operator:
        write_report(str(path), operator, made_at=MADE_AT)
    return path.as_uri()


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_a_phone(browser: Browser, tmp_path: Path, *, dark: bool) -> None:
    """On a screen of 375 pixels nothing is wider than the screen, light or dark, and the browser has no complaint."""
    browser.open(page_of(tmp_path, served(tmp_path)), width=375, height=812, dark=dark)
    assert browser.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [375, 375]
    assert (browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 22, 24)") is dark
    assert browser.complaints == []


def test_plots_and_tables_are_drawn(browser: Browser, tmp_path: Path) -> None:
    """Lines have a colour and a limit, bars have a width, and every section can be reached by its heading."""
    address = page_of(tmp_path, served(tmp_path))
    browser.open(address)
    strokes = browser.evaluate(
        "[...document.querySelectorAll('.plot > svg polyline')].map((each) => getComputedStyle(each).stroke)"
    )
    assert len(strokes) == 4
    assert "none" not in strokes
    assert browser.evaluate("document.querySelectorAll('.limit line').length") == 1
    assert browser.evaluate("document.querySelectorAll('.bars rect').length") >= 2
    headings = browser.evaluate("[...document.querySelectorAll('h2')].map((each) => each.textContent)")
    assert headings[:3] == ["Arms", "Evidence", "Latency and bad events"]
    assert headings[-2:] == ["Next step: complete", "History"]
    assert browser.asked_for == [address]
    assert browser.complaints == []


def test_strangers_text_does_not_run(browser: Browser, tmp_path: Path) -> None:
    """Markup in every name and reason runs nothing, loads nothing, and is there to be read."""
    address = page_of(tmp_path, hostile(tmp_path))
    browser.open(address, width=375, height=812)
    assert browser.evaluate("window.hurt") is None
    assert browser.evaluate("document.images.length") == 0
    assert browser.evaluate("document.body.textContent").count("window.hurt=1") >= 10
    assert browser.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [375, 375]
    assert browser.asked_for == [address]
    assert browser.complaints == []
