"""`shim compare CONTROL --candidate FILE`: two recordings of any two clients, held against each other.

Not the comparing (`shim.comparison.two_recordings`) nor that of one recording with the new path (`compare`), whose tables,
reports and statuses these are.
"""

from __future__ import annotations

import contextlib
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shim import __version__
from shim.cli.compare_arguments import OF_THE_NEW_PATH, given
from shim.cli.compare_output import Shown, count_of
from shim.cli.compare_progress import progress
from shim.cli.compare_reports import Reports
from shim.cli.compare_settings import suitable_workers
from shim.cli.compare_status import MISMATCH, UNUSABLE, exit_status
from shim.cli.rendering import UsageError
from shim.comparison.runs.ignore_file import read_ignore_rules
from shim.comparison.runs.inputs import expand
from shim.comparison.runs.journal import Journal, JournalError
from shim.comparison.runs.lines import Source
from shim.comparison.runs.workers import WorkerError
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
_OF_ONE_RECORDING = OF_THE_NEW_PATH

# A file is what a shard is made of, and the partner of an exchange may stand in any.
_OF_SHARDS = ("shard", "parts", "merge", "scheduler", "patience")

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
    for option in given(arguments, _OF_SHARDS):
        raise UsageError(
            f"{option} shares files out, and the partner of an exchange may stand in any file; leave out {option} and give "
            "--workers and --resume, or split both recordings by pair id (shim recordings split --shards COUNT) and compare "
            "shard with shard"
        )


def expand_patterns(arguments: argparse.Namespace) -> None:
    """Put the files that patterns stand for in their place, on every side.

    Raises:
        UnusableFileError: a pattern finds nothing.
    """
    for side in ("files", "candidate", "baseline"):
        setattr(arguments, side, expand(getattr(arguments, side)))


def compare_recordings(arguments: argparse.Namespace, open_files: contextlib.ExitStack) -> int:
    """Compare two recordings; returns 0 where all match, 1 with a mismatch, 2 where input was unusable or nothing was proven.

    Raises:
        UnusableFileError, IgnoreFileError, JournalError: nothing can be compared; the message says why.
        KeyboardInterrupt: Ctrl-C, after what was found so far is shown and written.
    """
    began = time.monotonic()
    workers = arguments.workers or _suitable(arguments)
    run = open_files.enter_context(_opened(arguments, workers=workers))
    reports = Reports(open_files, json=arguments.json, junit=arguments.junit)
    shown = Shown(arguments, run)
    broken = "interrupted"
    try:
        broken = _go_through(run, reports=reports, shown=shown)
    finally:  # an interrupted run shows what it has found, too
        answers = run.answers()
        status = UNUSABLE if broken else status_of(run.tally, answers)
        seconds = time.monotonic() - began
        reports.finish(run, status=status, seconds=seconds, broken=broken, pairing=run.pairing, answers=answers)
        shown.finish(
            run,
            seconds=seconds,
            workers=workers,
            broken=broken,
            answers=lambda: _show(shown, run.pairing, answers=answers),
        )
        shown.tell_replaced(run.replaced, obituaries=run.obituaries)
        shown.advise(run, idle_rules=() if broken else run.idle_rules, resume=arguments.resume, broken=broken)
    if arguments.html:
        _write_page(arguments, run, answers=answers)
    return status


def _opened(arguments: argparse.Namespace, *, workers: int) -> TwoRecordings:
    """The recordings, read once and paired, with a count of what was read meanwhile."""
    rules = () if arguments.ignore is None else read_ignore_rules(arguments.ignore)
    bar = progress(_Unmeasured(), wanted=arguments.progress and not arguments.quiet, compares=False)
    bar.begin()
    try:
        return TwoRecordings(
            arguments.files,
            arguments.candidate,
            baseline=arguments.baseline,
            ignore=rules,
            details=DETAILS if arguments.html else 0,
            limit=arguments.limit,
            workers=workers,
            open_journal=None if arguments.resume is None else partial(_journal, arguments.resume),
            on_read=bar.advance,
        )
    except WorkerError as error:
        raise UsageError(f"the recordings cannot be read: {error}") from None
    finally:
        bar.end()


def _journal(path: Path, options: dict[str, Any]) -> Journal:
    try:
        return Journal(path, options={"version": __version__, **options})
    except OSError as error:
        raise UsageError(f"--resume {path}: {error.strerror or error}") from None


class _Unmeasured:
    """How far the pairing is, nobody can say: lines are counted."""

    size: int | None = None
    position: int = 0


def _suitable(arguments: argparse.Namespace) -> int:
    """Processes that two recordings are worth by their size."""
    return suitable_workers(Source([*arguments.files, *arguments.candidate]).size, many=False)


def status_of(tally: Tally, answers: ShadowReport) -> int:
    """How a run came out: as requests say, and a mismatch too where answers differ beyond the noise."""
    status = exit_status(tally)
    return MISMATCH if answers.outcome == "mismatch" and not tally.unusable else status


def _go_through(run: TwoRecordings, *, reports: Reports, shown: Shown) -> str:
    """Compare everything; what broke it off, "" where nothing did."""
    with shown, contextlib.closing(run.go_through()) as found:
        try:
            for line, judged in found:
                reports.add(line, judged)
                shown.add(line, judged)
        except (WorkerError, JournalError) as error:
            return str(error)
    return ""


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
