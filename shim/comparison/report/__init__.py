"""The report of a run: one HTML page that holds all it needs, for a person who has to decide.

Not the counting (`shim.comparison.runs`) nor other forms of the same (`json_report`, `junit`). Recorded bodies are strangers'
text: all of it goes through jinja2's escaping, nothing of it into a script, and the page's own policy lets run only what it
was made with. The page reads without JavaScript; filter, search and copy need it. Needs the extra `cli`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from shim.comparison.verdict import Outcome
from shim.recording.private_file import create_private

if TYPE_CHECKING:
    from os import PathLike

    from shim.comparison.report.rendering import Renderer
    from shim.comparison.runs.tally import Detail, Tally
    from shim.comparison.shadow_rung.shadow_report import ShadowReport

MOST_BYTES = 8_000_000
"""Of cards on one page: a larger one no phone opens. What does not fit is counted as not shown."""
FOR_RECORDINGS = 5_000_000
"""Bytes of cards with their recordings; further cards go without, so that more of them are there."""


def write_html(
    path: str | PathLike[str],
    tally: Tally,
    *,
    details: Iterable[Detail],
    title: str = "Comparison report",
    compared: str = "",
    sides: tuple[str, str] = ("control", "candidate"),
    made_at: float | None = None,
    shadow: ShadowReport | None = None,
    facts: Iterable[tuple[str, str]] = (),
) -> None:
    """Write the page of a run, readable by its owner alone; a file that is there is replaced.

    Args:
        path: of the file.
        tally: of the whole run.
        details: the verdicts to show closely, matches left out; what the tally counts beyond them is said to be not shown.
        title: of the page.
        compared: what was compared, in a line: the recordings' names, say.
        sides: what the two sides are called.
        made_at: seconds since the epoch; None is now.
        shadow: what a shadow found, or what recorded answers came to, for a section of its own; with an empty tally the page
            is that section's alone.
        facts: (name, value) of the run that are told beside those of the tally.

    Raises:
        ModuleNotFoundError: jinja2 is missing; the message names the extra.
        OSError: the file cannot be written.
    """
    page = render_html(
        tally,
        details=details,
        title=title,
        compared=compared,
        sides=sides,
        made_at=made_at,
        shadow=shadow,
        facts=facts,
    )
    # A lone surrogate, which JSON can name and UTF-8 cannot, is written as its escape.
    with create_private(Path(path)) as file:
        file.write(page.encode("utf-8", "backslashreplace"))


def render_html(
    tally: Tally,
    *,
    details: Iterable[Detail],
    title: str = "Comparison report",
    compared: str = "",
    sides: tuple[str, str] = ("control", "candidate"),
    made_at: float | None = None,
    shadow: ShadowReport | None = None,
    facts: Iterable[tuple[str, str]] = (),
) -> str:
    """Give the page of a run as text; `write_html` says what the arguments are."""
    from shim.comparison.report.page import page_of
    from shim.comparison.report.rendering import Renderer

    renderer = Renderer(sides=sides)
    cards = _cards(renderer, details)
    shown = {outcome: len(held) for outcome, held in cards.items()}
    now = time.time() if made_at is None else made_at
    page = page_of(
        tally, title=title, compared=compared, sides=sides, made_at=now, shown=shown, shadow=shadow, facts=facts
    )
    return renderer.page(page, cards=cards)


def _cards(renderer: Renderer, details: Iterable[Detail]) -> dict[str, list[str]]:
    """Outcome -> its cards as HTML, as many as the page holds; those that need a person go first."""
    cards: dict[str, list[str]] = {each.value: [] for each in (Outcome.MISMATCH, Outcome.FAILED, Outcome.IGNORED)}
    shown = [each for each in details if each.verdict.outcome.value in cards]
    order = list(cards)
    used = 0
    for detail in sorted(shown, key=lambda each: order.index(each.verdict.outcome.value)):
        card = renderer.card(detail, with_recording=used < FOR_RECORDINGS)
        used += len(card.encode("utf-8", "backslashreplace"))
        if used > MOST_BYTES:
            break
        cards[detail.verdict.outcome.value].append(card)
    return cards


__all__ = ["FOR_RECORDINGS", "MOST_BYTES", "render_html", "write_html"]
