"""`shim compare CONTROL --candidate FILE`: two recordings of any two clients, held against each other.

Not the comparing (`shim.comparison.two_recordings`) nor that of one recording with the new path (`compare`), whose tables,
reports and statuses these are.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING

from shim.cli.compare_arguments import OF_THE_NEW_PATH, given
from shim.cli.compare_output import Shown, count_of
from shim.cli.compare_reports import Reports
from shim.cli.compare_status import MISMATCH, UNUSABLE, exit_status
from shim.cli.rendering import UsageError
from shim.comparison.runs.ignore_file import read_ignore_rules
from shim.comparison.shadow_rung.shadow_table import HEADINGS, table_of
from shim.comparison.two_recordings.compare_recordings import TwoRecordings
from shim.comparison.two_recordings.keys import TIER_WORDS
from shim.recording.files import STDIN

if TYPE_CHECKING:
    import argparse

    from shim.comparison.runs.tally import Tally
    from shim.comparison.shadow_rung.shadow_report import ShadowReport
    from shim.comparison.two_recordings.recorded_sides import PairingCounts

DETAILS = 200  # verdicts that the page shows closely

# What reads answers once more, or says what a client would send, has no meaning where both clients have been recorded.
_OF_ONE_RECORDING = (*OF_THE_NEW_PATH, "workers", "resume", "shard", "parts", "merge", "scheduler", "patience")

_BASELINE_COLUMN = HEADINGS.index("baseline")


def check_options(arguments: argparse.Namespace) -> None:
    """Refuse options that do not go together.

    Raises:
        UsageError: one of a single recording is given with two, or the other way round.
    """
    if not arguments.candidate:
        if arguments.baseline:
            raise UsageError("--baseline is for two recordings; give --candidate FILE, too")
        return
    for option in given(arguments, _OF_ONE_RECORDING):
        raise UsageError(
            f"{option} is of comparing one recording with the new path, and both are recorded here; leave out {option}"
        )


def compare_recordings(arguments: argparse.Namespace, open_files: contextlib.ExitStack) -> int:
    """Compare two recordings; returns 0 where all match, 1 with a mismatch, 2 where input was unusable or nothing was proven.

    Raises:
        UnusableFileError, IgnoreFileError: nothing can be compared; the message says why.
        KeyboardInterrupt: Ctrl-C, after what was found so far is shown and written.
    """
    began = time.monotonic()
    rules = () if arguments.ignore is None else read_ignore_rules(arguments.ignore)
    run = open_files.enter_context(
        TwoRecordings(
            arguments.files,
            arguments.candidate,
            baseline=arguments.baseline,
            ignore=rules,
            details=DETAILS if arguments.html else 0,
            limit=arguments.limit,
        )
    )
    reports = Reports(open_files, json=arguments.json, junit=arguments.junit)
    shown = Shown(arguments, run)
    broken = "interrupted"
    try:
        _go_through(run, reports=reports, shown=shown)
        broken = ""
    finally:  # an interrupted run shows what it has found, too
        answers = run.answers()
        status = UNUSABLE if broken else status_of(run.tally, answers)
        seconds = time.monotonic() - began
        reports.finish(run, status=status, seconds=seconds, broken=broken, pairing=run.pairing, answers=answers)
        shown.finish(
            run, seconds=seconds, workers=1, broken=broken, answers=lambda: _show(shown, run.pairing, answers=answers)
        )
        shown.advise(run, idle_rules=() if broken else run.idle_rules, resume=None, broken=broken)
    if arguments.html:
        _write_page(arguments, run, answers=answers)
    return status


def status_of(tally: Tally, answers: ShadowReport) -> int:
    """How a run came out: as requests say, and a mismatch too where answers differ beyond the noise."""
    status = exit_status(tally)
    return MISMATCH if answers.outcome == "mismatch" and not tally.unusable else status


def _go_through(run: TwoRecordings, *, reports: Reports, shown: Shown) -> None:
    with shown, contextlib.closing(run.judge()) as found:
        for line, judged in found:
            reports.add(line, judged)
            shown.add(line, judged)


def _show(shown: Shown, pairing: PairingCounts, *, answers: ShadowReport) -> None:
    shown.table(["pairs", "paired by"], [[count, words] for words, count in _facts(pairing)])
    rows = table_of(answers)
    chosen = [
        place
        for place in range(len(HEADINGS))
        if place != _BASELINE_COLUMN or any(row[_BASELINE_COLUMN] for row in rows)
    ]
    shown.table([HEADINGS[place] for place in chosen], [[row[place] for place in chosen] for row in rows])
    style = {"mismatch": "bold red", "undecided": "yellow"}.get(answers.outcome, "green")
    shown.line(answers.headline, style)
    for note in answers.notes:
        shown.line(note, "dim")
    shown.line("")


def _facts(pairing: PairingCounts) -> list[tuple[str, str]]:
    """What is told of the pairing, as (words, count)."""
    found = [(TIER_WORDS[tier], count) for tier, count in pairing.by.items() if count]
    found += [
        ("without a partner: the control's", pairing.missing),
        ("without a partner: the candidate's", pairing.added),
    ]
    if pairing.baseline is not None:
        found.append(("with a partner in the baseline, too", pairing.baseline))
    if pairing.left_out:
        found.append(("left out: records of the other side in the same file", pairing.left_out))
    return [(words, count_of(count)) for words, count in found]


def _write_page(arguments: argparse.Namespace, run: TwoRecordings, *, answers: ShadowReport) -> None:
    from shim.comparison.report import write_html

    sides = [
        ", ".join(map(_name, files)) for files in (arguments.files, arguments.candidate, arguments.baseline) if files
    ]
    write_html(
        arguments.html,
        run.tally,
        details=run.details,
        title="Two recordings",
        compared=" · ".join(sides),
        shadow=answers,
        facts=[(_as_label(words), count) for words, count in _facts(run.pairing)],
    )


def _as_label(words: str) -> str:
    return f"Paired by {words}" if words in TIER_WORDS.values() else words[:1].upper() + words[1:]


def _name(file: str) -> str:
    return "standard input" if file == STDIN else Path(file).name
