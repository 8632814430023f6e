"""What `shim compare` shows people: a progress bar while it runs, then mismatches, tables, and a sentence.

Not the words of a mismatch (`shim.comparison.explanation`), nor the reports for programs (`compare_reports`). The bar is on
standard error, the rest on standard output, or on standard error too where that is JSON.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from shim.cli.compare_progress import Measured, Progress, progress
from shim.cli.rendering import plural, printer, program_name, show_controls
from shim.comparison.rules import RULES
from shim.comparison.verdict import Outcome

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from shim.comparison.rules import IgnoreRule
    from shim.comparison.runs.judge import Judged
    from shim.comparison.runs.lines import Line, LineFault
    from shim.comparison.runs.tally import Tally
    from shim.comparison.verdict import Verdict

_STYLES: dict[str, str] = {
    "undecided": "yellow",
    Outcome.MATCH: "green",
    Outcome.MISMATCH: "bold red",
    Outcome.IGNORED: "yellow",
    Outcome.FAILED: "magenta",
}

# Lists that recordings could make long; what is left out is said.
_MOST_FAULTS = 10
_MOST_REASONS = 10


class Found(Protocol):
    """What a run came to, as far as it is shown; `shim.comparison.runs.run.Run` is one."""

    tally: Tally
    faults: list[LineFault]


class Shown:
    """Shows one run. A context manager around its comparing, for the bar."""

    def __init__(self, arguments: argparse.Namespace, source: Measured) -> None:
        self._out = printer(sys.stderr if arguments.json else sys.stdout)
        self._err = printer(sys.stderr)
        self._quiet: bool = arguments.quiet
        self._most: int = arguments.show
        self._first: list[tuple[str, Verdict]] = []
        self._progress: Progress = progress(source, wanted=arguments.progress and not arguments.quiet)

    def __enter__(self) -> None:
        self._progress.begin()

    def __exit__(self, *_exception: object) -> None:
        self._progress.end()

    def add(self, line: Line, judged: Judged) -> None:
        """Take what was found in a line."""
        for verdict in judged.verdicts:
            if not verdict.ok and len(self._first) < self._most:
                self._first.append((line.place, verdict))
        self._progress.advance(judged)

    def finish(
        self, run: Found, *, seconds: float, workers: int, broken: str, answers: Callable[[], None] | None = None
    ) -> None:
        """Show what was found.

        Args:
            run: what it came to.
            seconds: what it took.
            workers: processes that compared.
            broken: what broke the run off, "" where nothing did.
            answers: shows what answers came to, where more than requests were compared.
        """
        if not self._quiet:
            self._show_verdicts(run.tally)
            if run.tally.exchanges:
                self._show_tables(run.tally)
            if answers is not None:
                answers()
            self._out.line(_sum_up(run.tally, seconds=seconds, workers=workers))
        for fault in run.faults[:_MOST_FAULTS]:
            self._err.line(str(fault), "red")
        more = run.tally.unusable - _MOST_FAULTS
        if more > 0:
            self._err.line(f"and {more} more that cannot be used", "red")
        if not run.tally.exchanges and not broken:
            self._err.line("Nothing was compared: the input holds no exchange that can be used.", "bold red")
        elif run.tally.exchanges and run.tally.verdicts == run.tally.count(Outcome.IGNORED) and not run.tally.ignored:
            self._err.line("Nothing was compared: no exchange is of an API that can be.", "yellow")

    def advise(self, run: Found, *, idle_rules: Iterable[IgnoreRule], resume: Path | None, broken: str) -> None:
        """Say what to do about the run: rules that covered nothing, a run that broke off."""
        for rule in idle_rules:
            self._err.line(
                f"The ignore rule {rule.path!r} (owner: {rule.owner}) covered nothing; correct its path, or remove it.",
                "yellow",
            )
        if broken:
            self._err.line(f"The run broke off: {broken}.", "bold red")
        if broken and run.tally.exchanges:
            again = f"--resume {resume}" if resume else "--resume FILE, so that the next run goes on where one ended"
            self._err.line(f"Run {program_name()} compare again with {again}.")

    def tell_replaced(self, count: int, *, obituaries: Sequence[str]) -> None:
        """Say how many workers ended early and were replaced, and how the first did."""
        if count:
            ended = f"{plural_of(count, 'worker')} ended early and had to be replaced"
            self._err.line(f"{ended}; the first: {obituaries[0]}.", "yellow")

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show rows in columns; nothing where there are none."""
        if rows and len(headings) > 1:
            shown = [[show_controls(cell).replace("\n", " ") for cell in row] for row in rows]
            self._out.table(headings, shown, style=_style)
            self._out.line()

    def line(self, text: str, style: str = "") -> None:
        """Show a line."""
        self._out.line(text, style)

    def _show_verdicts(self, tally: Tally) -> None:
        for place, verdict in self._first:
            self._out.line(f"{place} (exchange {verdict.number})", _STYLES[verdict.outcome])
            self._out.line(_indented(verdict.message or verdict.reason))
            self._out.line()
        more = tally.count(Outcome.MISMATCH) + tally.count(Outcome.FAILED) - len(self._first)
        if more > 0:
            shown = f"and {more} more" if self._first else f"{more} verdicts to look at"
            self._out.line(
                f"… {shown}; --show {min(more + len(self._first), 1000)} prints them, --html FILE makes a page.\n",
                "dim",
            )

    def _show_tables(self, tally: Tally) -> None:
        rungs = sorted(tally.outcomes, key=str, reverse=True)  # wire, tee: the ladder's order
        rows = [
            [outcome.value, *(count_of(tally.outcomes[rung].get(outcome.value, 0)) for rung in rungs)]
            for outcome in Outcome
        ]
        self.table(["outcome", *rungs], rows)
        rules = [[rule, count_of(count), RULES.get(rule, "")] for rule, count in _most_first(tally.rules)]
        self.table(["rule", "mismatch", "what it says"], rules)
        ignored = [[count_of(count), reason] for reason, count in _most_first(tally.ignored)]
        self.table(["ignored", "because"], ignored)
        reasons = [[count_of(count), reason] for reason, count in _most_first(tally.reasons)[:_MOST_REASONS]]
        self.table(["not compared", "because"], reasons)


def _style(cell: str) -> str:
    return _STYLES.get(cell.partition(",")[0], "")


def _sum_up(tally: Tally, *, seconds: float, workers: int) -> str:
    rate = tally.exchanges / seconds if seconds else 0.0
    by = f", {workers} workers" if workers > 1 else ""
    found = {outcome: tally.count(outcome) for outcome in Outcome}
    return (
        f"{plural_of(tally.exchanges, 'exchange')} in {seconds:.1f} s ({rate:,.0f} a second{by}): "
        + ", ".join(f"{count_of(count)} {outcome}" for outcome, count in found.items())
        + "."
    )


def plural_of(count: int, noun: str) -> str:
    """`1 exchange`, `2,000 exchanges`."""
    return plural(count, noun).replace(str(count), count_of(count), 1)


def count_of(count: int) -> str:
    """`2,000`."""
    return f"{count:,}"


def _most_first(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())
