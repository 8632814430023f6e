"""Tests of the page on deviations: it is the table, in words.

`python -m tests.compat.openai_v0.test_deviations > docs/openai-0.28-deviations.md` writes it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from shim.compat.openai_v0.deviations import DEVIATIONS, Deviation
from tests.compat.openai_v0.measuring import ROOT

PAGE = ROOT / "docs" / "openai-0.28-deviations.md"

OPENING = """# Where openai 0.28 in its place differs from the real one

`shim.compat.openai_v0` does what openai 0.28.1 did. Where it does not, that is on purpose, and stands here with its reason.
`make parity` makes the same calls through both and finds no other difference. Where nothing else is said a line
holds whatever carries chat; "native" means `openai.use("native")`.
"""


def page() -> str:
    """The page as the table has it."""
    return "\n".join([OPENING, *_lines()])


def _lines() -> Iterator[str]:
    for deviation in DEVIATIONS:
        yield f"## {deviation.name[0].upper()}{deviation.name[1:]}{_where(deviation)}\n"
        yield f"- 0.28.1: {deviation.there}"
        yield f"- here: {deviation.here}"
        yield f"- because: {deviation.reason}\n"


def _where(deviation: Deviation) -> str:
    return " (native)" if deviation.modes == ("native",) else ""


def test_the_page_is_the_table() -> None:
    """The page says what the table says, no more and no less."""
    assert PAGE.read_text(encoding="utf-8") == page(), __doc__


if __name__ == "__main__":
    sys.stdout.write(page())
