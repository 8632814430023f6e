"""Tests of the page as HTML: whole, escaped, without anything from outside, and only its owner's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shim.migration import PolicyError
from shim.migration.operations.operator import Operator
from shim.migration.report import render_report, write_report
from tests.migration.report.made import EVIL, MADE_AT, hostile, served


@pytest.mark.slow
def test_it_holds_all_it_needs(tmp_path: Path) -> None:
    """The page loads nothing from anywhere, runs no script, and names its one style by its hash."""
    with Operator(served(tmp_path)) as operator:
        page = render_report(operator, made_at=MADE_AT)
    assert re.findall(r"(?:src|href|url)\s*[=(]", page.partition("</style>")[2]) == []
    assert "<script" not in page
    assert " style=" not in page
    assert "default-src &#39;none&#39;" in page
    assert "http" not in page.partition("</style>")[2].replace("http-equiv", "")


def test_strangers_text_is_escaped(tmp_path: Path) -> None:
    """Markup in names and reasons is text on the page."""
    with Operator(hostile(tmp_path)) as operator:
        page = render_report(operator, made_at=MADE_AT)
    assert "<img" not in page
    assert "{{7*7}}" in page
    assert "\u202e" not in page
    assert page.count("onerror=window.hurt=1") >= 10
    assert EVIL not in page


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    """The file has mode 0600, also where an open one stood there before, and nothing is left beside it."""
    folder = tmp_path / "pages"
    folder.mkdir()
    path = folder / "report.html"
    path.write_text("old")
    path.chmod(0o644)
    with Operator(hostile(tmp_path)) as operator:
        write_report(str(path), operator)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(folder.iterdir()) == [path]


def test_a_place_that_cannot_be_is_told(tmp_path: Path) -> None:
    """A folder, and a place in a folder that is missing, are errors that name the place."""
    with Operator(hostile(tmp_path)) as operator:
        for place in (tmp_path, tmp_path / "none" / "report.html"):
            with pytest.raises(PolicyError, match="cannot be written"):
                write_report(str(place), operator)
