"""The end of the demo: what was recorded through the legacy client, compared on both rungs, and a mismatch on purpose.

Not the earlier steps (`demo_steps`) nor the command that compares files of one's own (`compare`).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shim.cli.demo_stage import UnexpectedOutcomeError
from shim.comparison.comparer import RUNGS, Comparer
from shim.comparison.runs.lines import Source
from shim.comparison.runs.run import Run
from shim.comparison.tee_rung.codec_reader import CodecReader
from shim.comparison.verdict import Outcome
from shim.factory import create_comparer
from shim.legacy_adapter import LegacyProvider

if TYPE_CHECKING:
    from shim.cli.demo_stage import DemoStage
    from shim.comparison.runs.judge import Judged
    from shim.recording.exchange import Exchange
    from shim.recording.reading import Reading

_LOST = "2,"  # the piece that the careless reader loses


class CarelessReader(CodecReader):
    """The new path with a bug put in: it loses one piece of a stream."""

    name = "careless"

    def read(self, exchange: Exchange) -> Reading:
        """Read everything but the segment that brings the piece."""
        response = exchange.response
        if response is None:
            return super().read(exchange)
        whole = [each for each in response.segments if f'"content":" {_LOST}"'.encode() not in (each.data or b"")]
        return super().read(replace(exchange, response=replace(response, segments=tuple(whole))))


def _careless() -> Comparer:
    return Comparer(control=LegacyProvider, candidate=CarelessReader(), rungs=("tee",))


def compare_recording(stage: DemoStage) -> str:
    """Compare everything that was recorded so far, as `shim compare` does."""
    path = stage.end_recording()
    stage.say("everything above was recorded by tap(provider, …): the bytes, split as they were read", "cyan")
    run, judged = _run(stage, create_comparer)
    rows = [
        (str(each.number + 1), each.verdicts[0].asked, *(str(verdict.outcome) for verdict in each.verdicts))
        for each in judged
    ]
    stage.table(("", "recorded through the legacy client", *RUNGS), rows)
    stage.say("wire: the native provider would send the same request", "dim")
    stage.say("tee:  it reads the same bytes the same way, event by event; nothing was asked a second time", "dim")
    stage.say(f"recording: {path}")
    matches = run.tally.count(Outcome.MATCH)
    stage.expect(matches == 2 * len(judged) > 0, f"{matches} of {2 * len(judged)} verdicts match")
    return f"{len(judged)} exchanges match on both rungs"


def show_mismatch(stage: DemoStage) -> str:
    """Compare once more, with a candidate that loses a piece of a stream, and write the page."""
    stage.say(f"the same recording, read by a candidate that loses {_LOST!r} on purpose", "cyan")
    run, judged = _run(stage, _careless)
    found = [verdict for each in judged for verdict in each.verdicts if verdict.outcome is Outcome.MISMATCH]
    stage.expect(found, "the lost piece was not found")
    for line in found[0].message.splitlines()[:_MESSAGE_LINES]:
        stage.say(line, "dim")
    stage.say(f"{len(found)} of {len(judged)} exchanges differ; the others had no such piece to lose")
    page = stage.folder / "report.html"
    if importlib.util.find_spec("jinja2") is None:
        stage.say("the page needs jinja2: install legacy-openai-shim[cli]", "yellow")
        return f"{len(found)} mismatches, named"
    from shim.comparison.report import write_html

    write_html(page, run.tally, details=run.details, title="Demo: one piece lost on purpose", compared="the demo")
    stage.say(f"report: {page}", "green")
    return f"{len(found)} mismatches, named; the page shows them"


_MESSAGE_LINES = 14
_DETAILS = 20


def _run(stage: DemoStage, make: Callable[[], Comparer]) -> tuple[Run, list[Judged]]:
    run = Run(make, details=_DETAILS)
    judged = [each for _, each in run.go_through(Source([str(stage.recording)]))]
    if run.faults:
        raise UnexpectedOutcomeError(f"the recording cannot be read: {run.faults[0]}")
    return run, judged
