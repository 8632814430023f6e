"""Tests that docs/architecture.md draws the house that is there."""

from __future__ import annotations

import re

from tests.house.sources import ROOT
from tests.house.test_imports import TABLE
from tests.house.test_structure import modules

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def test_every_room_is_named() -> None:
    """A room of the import table that the page does not name would be found by nobody."""
    missing = [room for room in TABLE if room != "shim" and not re.search(rf"\b{room.rpartition('.')[2]}\b", PAGE)]
    assert not missing


def test_its_arrows_are_allowed() -> None:
    """What the picture says may be imported may be, by the table that is enforced."""
    arrows = re.findall(r"^    (\w+) --> (\w+)$", PAGE, re.MULTILINE)
    rooms = {room.rpartition(".")[2]: room for room in TABLE}
    assert len(arrows) > 20
    assert [(one, other) for one, other in arrows if rooms[other] not in TABLE[rooms[one]].rooms] == []


def test_the_modules_it_names_are_there() -> None:
    """Every module the page sends its reader to exists."""
    named = set(re.findall(r"`(shim\.[a-z_.]+)`", PAGE))
    assert {name for name in named if name not in modules()} == set()


def test_its_words_have_one_meaning_each() -> None:
    """No word of the glossary stands there twice."""
    words = re.findall(r"^\| (\w[\w ]*) \| [^|]+ \|$", PAGE.partition("## Words")[2], re.MULTILINE)
    assert len(words) >= 25
    assert len(words) == len(set(words))
