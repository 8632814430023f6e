"""The page becomes HTML: everything escaped, the style inlined and named by its hash, and no script may run.

Not the view (`page`). Style and histograms are those of the comparison's report (`shim.comparison.report`).
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from shim.comparison.report import plots
from shim.comparison.report.marking import seen
from shim.comparison.report.rendering import policy_of
from shim.migration.report import lines

if TYPE_CHECKING:
    from shim.migration.report.page import ReportPage

_COMPARISON, _OURS = "shim.comparison.report", "shim.migration.report"
_SIZES = ("WIDTH", "HEIGHT", "LEFT", "RIGHT", "TOP", "BOTTOM")


def render(page: ReportPage) -> str:
    """The whole page.

    Raises:
        ModuleNotFoundError: jinja2 is missing; the message names the extra.
    """
    try:
        import jinja2
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the HTML report needs {error.name}: pip install 'legacy-openai-shim[cli]'", name=error.name
        ) from None
    templates = {
        "plot.html.jinja": _text(_COMPARISON, "plot.html.jinja"),
        "report.html.jinja": _text(_OURS, "report.html.jinja"),
    }
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(templates),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["seen"] = seen
    environment.filters["count"] = "{:,}".format
    environment.globals.update(
        {f"plot_{name.lower()}": getattr(plots, name) for name in _SIZES}
        | {f"line_{name.lower()}": getattr(lines, name) for name in _SIZES}
    )
    style = _text(_COMPARISON, "page.css") + _text(_OURS, "report.css")
    return environment.get_template("report.html.jinja").render(
        page=page,
        style=style,  # taken as HTML: our own files
        policy=policy_of(style=style, script=""),
    )


def _text(package: str, name: str) -> str:
    """One of our own files; line ends as a browser reads them, or the hash would not be that of the text it sees."""
    return (files(package) / name).read_text(encoding="utf-8").replace("\r\n", "\n")
