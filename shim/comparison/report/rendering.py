"""Views become HTML: jinja2 with everything escaped, the style and script inlined and named by their hashes.

Not the views (`page`, `cards`). The policy is in the page itself (CSP level 3, in a meta element): nothing is loaded from
anywhere, and no script runs but the one whose hash is named, so that text that slipped through an escape would still be text.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING

from shim.comparison.report.cards import card_of, identifier_of
from shim.comparison.report.marking import seen
from shim.comparison.report.page import OUTCOMES, Page
from shim.comparison.report.plots import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH
from shim.comparison.runs.tally import Detail
from shim.comparison.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jinja2 import Environment

MOST_OPEN = 5
"""Cards that are unfolded when the page opens: a screen or two, the rest is a list to choose from."""

_TEMPLATES = ("page.html.jinja", "card.html.jinja", "exchange.html.jinja", "plot.html.jinja", "shadow.html.jinja")


class Renderer:
    """Renders one page; keeps count of identifiers and of what is unfolded."""

    def __init__(self, *, sides: tuple[str, str]) -> None:
        self._environment = _environment()  # ours alone: its globals hold what the sides are called
        self._environment.globals["sides"] = sides
        self._identifiers: dict[str, int] = {}
        self._rules: set[str] = set()
        self._open = 0

    def card(self, detail: Detail, *, with_recording: bool) -> str:
        """A verdict as HTML, with or without the recorded exchange and the readings."""
        is_open = detail.verdict.outcome == Outcome.MISMATCH and self._open < MOST_OPEN
        card = card_of(detail, identifier=self._identifier(detail), is_open=is_open, with_recording=with_recording)
        self._open += is_open
        self._rules.update(card.rules.split())
        return self._environment.get_template("card.html.jinja").render(card=card)

    def page(self, page: Page, *, cards: Mapping[str, Sequence[str]]) -> str:
        """The whole page around cards that `card` made."""
        style, script = _source("page.css"), _source("page.js")
        return self._environment.get_template("page.html.jinja").render(
            page=page,
            # These three alone the template takes as HTML: the cards are escaped already, style and script are our files.
            cards=cards,
            style=style,
            script=script,
            policy=policy_of(style=style, script=script),
            outcomes=OUTCOMES,
            rule_names=sorted(self._rules),
        )

    def _identifier(self, detail: Detail) -> str:
        """Unique even where numbers repeat, as they do when runs are put together."""
        name = identifier_of(detail.verdict)
        self._identifiers[name] = self._identifiers.get(name, 0) + 1
        count = self._identifiers[name]
        return name if count == 1 else f"{name}-{count}"


def policy_of(*, style: str, script: str) -> str:
    """The content security policy that lets in exactly this style and this script, and images within the page."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _source(name: str) -> str:
    """One of our own files; line ends as a browser reads them, or the hash would not be that of the text it sees."""
    return (files(__package__) / name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _environment() -> Environment:
    try:
        import jinja2
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the HTML report needs {error.name}: pip install 'legacy-openai-shim[cli]'", name=error.name
        ) from None
    environment = jinja2.Environment(
        loader=jinja2.DictLoader({name: _source(name) for name in _TEMPLATES}),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["seen"] = seen
    environment.filters["count"] = "{:,}".format
    environment.globals.update(
        plot_width=WIDTH, plot_height=HEIGHT, plot_left=LEFT, plot_right=RIGHT, plot_top=TOP, plot_bottom=BOTTOM
    )
    return environment
