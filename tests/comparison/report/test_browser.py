"""Tests of the page in a real browser, opened from a file: it filters, finds, fits a phone, and runs nothing of strangers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shim.comparison.report import write_html
from tests.comparison.report.browser import CHROMIUM, Browser
from tests.comparison.report.made import MADE_AT, detail, details, tally_of
from tests.comparison.report.test_rendering import EVIL, hostile

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no chromium is installed")]

SHOWN = "[...document.querySelectorAll('.card')].filter((each) => each.checkVisibility()).map((each) => each.id)"
COUNT = "document.getElementById('count').textContent"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for these tests: starting it takes longer than a test."""
    with Browser(tmp_path_factory.mktemp("chromium") / "profile") as started:
        yield started


def page_of(folder: Path, shown: Any = None, **settings: Any) -> str:
    """The address of a page of the usual run, or of these details."""
    shown = details() if shown is None else shown
    path = folder / "report.html"
    write_html(path, tally_of(shown, matches=200), details=shown, made_at=MADE_AT, **settings)
    return path.as_uri()


def test_filter_and_search(browser: Browser, tmp_path: Path) -> None:
    """Words and selections narrow the verdicts, the count says so, the address remembers, and clearing brings all back."""
    browser.open(page_of(tmp_path))
    assert browser.evaluate(SHOWN) == ["tee-17", "wire-203", "tee-5", "wire-6"]
    browser.press("/")
    browser.write("GPT-4.1-mini seed")
    browser.wait_for(f"{COUNT} === '1 of 4 shown'")
    assert browser.evaluate(SHOWN) == ["wire-203"]
    browser.write(" nowhere")
    browser.wait_for("document.getElementById('none').checkVisibility()")
    browser.evaluate("document.querySelector('[type=reset]').click()")
    browser.wait_for(f"{COUNT} === '4 of 4 shown'")
    browser.evaluate(
        "(() => { const each = document.getElementById('rung'); each.value = 'tee';"
        " each.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )
    browser.wait_for("location.hash === '#rung=tee'")
    assert browser.evaluate(SHOWN) == ["tee-17", "tee-5"]
    assert browser.complaints == []


def test_addresses_lead_to_a_verdict_or_a_filter(browser: Browser, tmp_path: Path) -> None:
    """A fragment unfolds the verdict it names and shows it, or sets the filter it spells."""
    address = page_of(tmp_path)
    browser.open(f"{address}#rule=wire.header&outcome=ignored")
    assert browser.evaluate(SHOWN) == ["wire-6"]
    browser.evaluate("location.hash = '#tee-5'")
    browser.wait_for("document.querySelector('#tee-5 .fold').open")
    assert "tee-5" in browser.evaluate(SHOWN)
    browser.wait_for("Math.abs(document.getElementById('tee-5').getBoundingClientRect().top) < innerHeight")
    assert browser.evaluate("location.hash") == "#tee-5"
    browser.evaluate("document.querySelector('a[href=\"#rule=tee.text\"]').click()")
    browser.wait_for(f"{COUNT} === '1 of 4 shown'")
    assert browser.complaints == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_it_fits_a_phone(browser: Browser, tmp_path: Path, *, dark: bool) -> None:
    """On a screen of 375 pixels nothing is wider than the screen with everything unfolded, and the sides are stacked."""
    long = "x" * 900
    shown = [*details(), *hostile(), detail(number=90, asked=long, message=long, pair_id=long, reason=long)]
    browser.open(page_of(tmp_path, shown, title=long, compared=long), width=375, height=812, dark=dark)
    browser.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert browser.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [375, 375]
    left, right = browser.evaluate(
        "[...document.querySelectorAll('#tee-17 .half')].slice(0, 2).map((each) => each.getBoundingClientRect().left)"
    )
    assert left == right
    assert browser.evaluate("getComputedStyle(document.body).colorScheme") == "light dark"
    assert (browser.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 22, 24)") is dark


def test_strangers_text_does_not_run(browser: Browser, tmp_path: Path) -> None:
    """Markup in everything recorded runs nothing, loads nothing, and is there to be read; the browser has no complaint."""
    address = page_of(tmp_path, hostile(), title=EVIL, compared=EVIL, sides=(EVIL, EVIL))
    browser.open(address)
    browser.evaluate("document.getElementById('unfold').click()")
    assert browser.evaluate("window.hurt") is None
    assert browser.evaluate("document.images.length") == 0
    assert browser.evaluate("document.body.textContent").count("window.hurt=1") > 20
    assert browser.complaints == []
    assert browser.asked_for == [address]


def test_the_policy_holds_by_itself(browser: Browser, tmp_path: Path) -> None:
    """A script that slipped into the page would not run, and the browser would say why."""
    address = page_of(tmp_path)
    path = tmp_path / "report.html"
    path.write_text(path.read_text(encoding="utf-8").replace("<main>", "<main><script>hurt = 1</script>"), "utf-8")
    browser.open(address)
    assert browser.evaluate("window.hurt") is None
    assert "Content Security Policy" in browser.complaints[0]


def test_it_reads_without_a_script(browser: Browser, tmp_path: Path) -> None:
    """Without JavaScript every verdict can be unfolded, and what needs it is not there."""
    browser.open(page_of(tmp_path), script=False)
    assert browser.evaluate(SHOWN) == ["tee-17", "wire-203", "tee-5", "wire-6"]
    assert browser.evaluate("document.getElementById('filter').checkVisibility()") is False
    assert browser.evaluate("document.querySelector('noscript').textContent.includes('need JavaScript')")
    assert browser.evaluate("[...document.querySelectorAll('.copy')].every((each) => !each.checkVisibility())")


def test_messages_can_be_copied(browser: Browser, tmp_path: Path) -> None:
    """The copy button copies the message, or selects it where the page has no clipboard."""
    browser.open(page_of(tmp_path))
    browser.evaluate("document.getElementById('unfold').click()")
    browser.evaluate("document.querySelector('#tee-17 .more').open = true")
    browser.evaluate("document.querySelector('#tee-17 .copy').click()")
    browser.wait_for("['Copied', 'Selected'].includes(document.querySelector('#tee-17 .copy').textContent)")
    assert browser.evaluate(
        "document.querySelector('#tee-17 .copy').textContent === 'Copied'"
        " || getSelection().toString() === 'exchange 17 in words'"
    )
    assert browser.complaints == []
