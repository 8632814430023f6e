"""The command `shim compare`: compares recorded exchanges, shows the verdicts, and ends with a status that says them.

Not the comparing (`shim.comparison`), two recordings (`compare_recordings`), what is shown (`compare_output`), nor the report
files (`compare_reports`).
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shim import __version__
from shim.cli.compare_output import Shown
from shim.cli.compare_recordings import check_options, compare_recordings
from shim.cli.compare_reports import Reports
from shim.cli.compare_status import UNUSABLE, exit_status
from shim.cli.rendering import UsageError, write_nowhere
from shim.comparison.comparer import RUNGS
from shim.comparison.runs.ignore_file import IgnoreFileError, read_ignore_rules
from shim.comparison.runs.journal import Journal, JournalError
from shim.comparison.runs.lines import Source, UnusableFileError
from shim.comparison.runs.run import Run
from shim.comparison.runs.workers import WorkerError, usable_cores
from shim.factory import create_comparer
from shim.recording.files import STDIN

if TYPE_CHECKING:
    import argparse

    from shim.comparison.rules import IgnoreRule

DETAILS = 200  # exchanges that the page shows closely

_CANDIDATE_SETTINGS = ("base_url", "organization", "project")

# Below this many bytes one process is done before others are up; every split of every body costs some hundred times as much.
_WORTH_WORKERS = 8 << 20
_PRESENTATIONS = 100
_MOST_WORKERS = 8


def compare(arguments: argparse.Namespace) -> int:
    """Compare the files; returns 0 where all match, 1 with a mismatch, 2 where input was unusable or nothing was proven.

    Raises:
        UsageError: a file or an option cannot be used, or a report cannot be written.
        KeyboardInterrupt: Ctrl-C, after what was found so far is shown and written.
    """
    try:
        with contextlib.ExitStack() as open_files:
            check_options(arguments)
            check_outputs(arguments)
            if arguments.candidate:
                return compare_recordings(arguments, open_files)
            return _Command(arguments, open_files).run()
    except (IgnoreFileError, JournalError, UnusableFileError) as error:
        raise UsageError(str(error)) from None
    except BrokenPipeError:
        raise  # nobody reads any more: `main` knows what that means
    except OSError as error:
        write_nowhere()
        raise UsageError(f"{error.filename or 'a report'} cannot be written: {error.strerror or error}") from None


class _Command:
    """The parts of one run, put together from its options."""

    def __init__(self, arguments: argparse.Namespace, open_files: contextlib.ExitStack) -> None:
        self._arguments = arguments
        self._rules = () if arguments.ignore is None else read_ignore_rules(arguments.ignore)
        self._rungs = RUNGS if arguments.rung is None else (arguments.rung,)
        self._source = Source(arguments.files, limit=arguments.limit)
        self._workers = arguments.workers or suitable_workers(self._source.size, many=self._presents_many)
        self._run = Run(
            partial(create_comparer, rungs=self._rungs, ignore=self._rules, **self._control, **self._told_to_comparer),
            workers=self._workers,
            details=DETAILS if arguments.html else 0,
            ignore=self._rules,
            journal=self._journal(open_files),
        )
        self._reports = Reports(open_files, json=arguments.json, junit=arguments.junit)
        self._shown = Shown(arguments, self._source)

    def run(self) -> int:
        """Go through the files, and tell."""
        began, broken = time.monotonic(), "interrupted"
        try:
            broken = self._go_through()
        finally:  # an interrupted run shows what it has found, too
            status = UNUSABLE if broken else exit_status(self._run.tally)
            seconds = time.monotonic() - began
            self._reports.finish(self._run, status=status, seconds=seconds, broken=broken)
            self._shown.finish(self._run, seconds=seconds, workers=self._workers, broken=broken)
            idle_rules = [] if broken else self._idle_rules()
            self._shown.advise(self._run, idle_rules=idle_rules, resume=self._arguments.resume, broken=broken)
        if self._arguments.html:
            self._write_page()
        return status

    def _go_through(self) -> str:
        """Compare everything; what broke it off, "" where nothing did."""
        with self._shown, contextlib.closing(self._run.judge(self._source)) as found:
            try:
                for line, judged in found:
                    self._reports.add(line, judged)
                    self._shown.add(line, judged)
            except (WorkerError, JournalError) as error:
                return str(error)
        return ""

    @property
    def _presents_many(self) -> bool:
        return bool(self._arguments.resplit or self._arguments.truncate)

    @property
    def _told_to_comparer(self) -> dict[str, Any]:
        told = self._arguments
        given = {name: getattr(told, name) for name in _CANDIDATE_SETTINGS if getattr(told, name) is not None}
        return {"api": told.api, "candidate_settings": given, "resplit": told.resplit, "truncate": told.truncate}

    @property
    def _control(self) -> dict[str, Any]:
        """Who reads for the old side, as the comparer is told."""
        if self._arguments.control == "legacy":
            return {}
        from shim.compat.openai_v0 import V0Reader

        return {"control": V0Reader}

    def _journal(self, open_files: contextlib.ExitStack) -> Journal | None:
        path = self._arguments.resume
        if path is None:
            return None
        rules = [[rule.path, rule.rule, rule.rung, rule.reason, rule.owner] for rule in self._rules]
        options = {
            "version": __version__,
            "control": self._arguments.control,
            "rungs": list(self._rungs),
            "ignore": rules,
            **self._told_to_comparer,
        }
        try:
            return open_files.enter_context(Journal(path, options=options))
        except OSError as error:
            raise UsageError(f"--resume {path}: {error.strerror or error}") from None

    def _idle_rules(self) -> list[IgnoreRule]:
        covered = self._run.tally.covered
        return [
            rule
            for place, rule in enumerate(self._rules)
            if place not in covered and (rule.rung is None or rule.rung in self._rungs)
        ]

    def _write_page(self) -> None:
        from shim.comparison.report import write_html

        names = ["standard input" if file == STDIN else Path(file).name for file in self._source.files]
        compared = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        write_html(self._arguments.html, self._run.tally, details=self._run.details, compared=compared)


def suitable_workers(size: int | None, *, many: bool) -> int:
    """Processes that a run of this many bytes is worth; unknown sizes are compared in one."""
    if (size or 0) * (_PRESENTATIONS if many else 1) < _WORTH_WORKERS:
        return 1
    return min(usable_cores(), _MOST_WORKERS)


def check_outputs(arguments: argparse.Namespace) -> None:
    """Refuse what would be found out after the work: a place that cannot be written, a recording written over."""
    if arguments.html and importlib.util.find_spec("jinja2") is None:
        raise UsageError("--html needs jinja2: install legacy-openai-shim[cli]")
    for option in ("html", "junit", "resume"):
        path = getattr(arguments, option)
        if path is None:
            continue
        if any(_is_same(path, file) for file in (*arguments.files, *arguments.candidate, *arguments.baseline)):
            raise UsageError(f"--{option} {path} is one of the files to compare; give another name")
        if path.is_dir() or not os.access(path.parent, os.W_OK):
            raise UsageError(f"--{option} {path} cannot be written; give a file in a directory that exists")


def _is_same(path: Path, file: str) -> bool:
    return file != STDIN and path.exists() and Path(file).exists() and path.samefile(file)
