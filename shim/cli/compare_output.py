"""What `shim compare` shows people: a progress bar while it runs, then mismatches, tables, and a sentence.

Not the words of a mismatch (`shim.comparison.explanation`), nor the reports for programs (`compare_reports`). The bar is on
standard error, the rest on standard output, or on standard error too where that is JSON.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from shim.cli.compare_progress import Progress, progress
from shim.cli.rendering import plural, printer, program_name, show_controls
from shim.comparison.rules import RULES
from shim.comparison.verdict import Outcome

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from shim.comparison.rules import IgnoreRule
    from shim.comparison.runs.judge import Judged
    from shim.comparison.runs.lines import Line, Source
    from shim.comparison.runs.run import Run
    from shim.comparison.runs.tally import Tally
    from shim.comparison.verdict import Verdict

_STYLES: dict[str, str] = {
    Outcome.MATCH: "green",
    Outcome.MISMATCH: "bold red",
    Outcome.IGNORED: "yellow",
    Outcome.FAILED: "magenta",
}

# Lists that recordings could make long; what is left out is said.
_MOST_FAULTS = 10
_MOST_REASONS = 10


class Shown:
    """Shows one run. A context manager around its comparing, for the bar."""

    def __init__(self, arguments: argparse.Namespace, source: Source) -> None:
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

    def finish(self, run: Run, *, seconds: float, workers: int, broken: str) -> None:
        """Show what was found; `broken`: what broke the run off, "" where nothing did."""
        if not self._quiet:
            self._show_verdicts(run.tally)
            if run.tally.exchanges:
                self._show_tables(run.tally)
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

    def advise(self, run: Run, *, idle_rules: Iterable[IgnoreRule], resume: Path | None, broken: str) -> None:
        """Say what to do about the run: rules that covered nothing, a run that broke off."""
        for rule in idle_rules:
            self._err.line(
                f"The ignore rule {rule.path!r} (owner: {rule.owner}) covered nothing; correct its path, or remove it.",
                "yellow",
            )
        if run.replaced:
            ended = f"{plural_of(run.replaced, 'worker')} ended early and had to be replaced"
            self._err.line(f"{ended}; the first: {run.obituaries[0]}.", "yellow")
        if broken:
            self._err.line(f"The run broke off: {broken}.", "bold red")
        if broken and run.tally.exchanges:
            again = f"--resume {resume}" if resume else "--resume FILE, so that the next run goes on where one ended"
            self._err.line(f"Run {program_name()} compare again with {again}.")

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
            [outcome.value, *(_count(tally.outcomes[rung].get(outcome.value, 0)) for rung in rungs)]
            for outcome in Outcome
        ]
        self._table(["outcome", *rungs], rows)
        rules = [[rule, _count(count), RULES.get(rule, "")] for rule, count in _most_first(tally.rules)]
        self._table(["rule", "mismatch", "what it says"], rules)
        ignored = [[_count(count), reason] for reason, count in _most_first(tally.ignored)]
        self._table(["ignored", "because"], ignored)
        reasons = [[_count(count), reason] for reason, count in _most_first(tally.reasons)[:_MOST_REASONS]]
        self._table(["not compared", "because"], reasons)

    def _table(self, headings: list[str], rows: list[list[str]]) -> None:
        if rows and len(headings) > 1:
            shown = [[show_controls(cell).replace("\n", " ") for cell in row] for row in rows]
            self._out.table(headings, shown, style=lambda cell: _STYLES.get(cell, ""))
            self._out.line()


def _sum_up(tally: Tally, *, seconds: float, workers: int) -> str:
    rate = tally.exchanges / seconds if seconds else 0.0
    by = f", {workers} workers" if workers > 1 else ""
    found = {outcome: tally.count(outcome) for outcome in Outcome}
    return (
        f"{plural_of(tally.exchanges, 'exchange')} in {seconds:.1f} s ({rate:,.0f} a second{by}): "
        + ", ".join(f"{_count(count)} {outcome}" for outcome, count in found.items())
        + "."
    )


def plural_of(count: int, noun: str) -> str:
    """`1 exchange`, `2,000 exchanges`."""
    return plural(count, noun).replace(str(count), _count(count), 1)


def _count(count: int) -> str:
    return f"{count:,}"


def _most_first(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.splitlines())
