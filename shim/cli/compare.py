"""The command `shim compare`: compares recorded exchanges, shows the verdicts, and ends with a status that says them.

Not the comparing (`shim.comparison`), two recordings (`compare_recordings`), what is shown (`compare_output`), nor the report
files (`compare_reports`).
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from shim.cli.compare_cluster import fill_parts
from shim.cli.compare_output import Shown
from shim.cli.compare_recordings import check_options, compare_recordings, expand_patterns
from shim.cli.compare_reports import Reports
from shim.cli.compare_settings import DETAILS, CompareSettings, suitable_workers
from shim.cli.compare_shards import compare_shard, refuse_beside_merge
from shim.cli.compare_status import UNUSABLE, exit_status
from shim.cli.rendering import UsageError, write_nowhere
from shim.comparison.runs.ignore_file import IgnoreFileError
from shim.comparison.runs.inputs import expand
from shim.comparison.runs.journal import Journal, JournalError
from shim.comparison.runs.lines import Source, UnusableFileError
from shim.comparison.runs.merging import MergedParts
from shim.comparison.runs.parts_folder import folder_of
from shim.comparison.runs.run import Run
from shim.comparison.runs.workers import WorkerError
from shim.recording.files import STDIN
from shim.recording.remote import RemoteFileError

if TYPE_CHECKING:
    import argparse

    from shim.comparison.rules import IgnoreRule


def compare(arguments: argparse.Namespace) -> int:
    """Compare the files; returns 0 where all match, 1 with a mismatch, 2 where input was unusable or nothing was proven.

    Raises:
        UsageError: a file or an option cannot be used, or a report cannot be written.
        KeyboardInterrupt: Ctrl-C, after what was found so far is shown and written.
    """
    try:
        check_options(arguments)
        return _compare(arguments)
    except (IgnoreFileError, JournalError, UnusableFileError) as error:
        raise UsageError(str(error)) from None
    except RemoteFileError as error:
        raise UsageError(str(error)) from None
    except BrokenPipeError:
        raise  # nobody reads any more: `main` knows what that means
    except OSError as error:
        write_nowhere()
        raise UsageError(f"{error.filename or 'a report'} cannot be written: {error.strerror or error}") from None


def _compare(arguments: argparse.Namespace) -> int:
    """Compare what the options say: on a cluster, a shard, two recordings, or one."""
    if arguments.scheduler is not None:
        return _compare_on_cluster(arguments)
    if arguments.patience is not None:
        raise UsageError("--patience is for a cluster; give --scheduler ADDRESS, too")
    if arguments.shard is not None or arguments.parts is not None:
        return compare_shard(arguments)
    if not arguments.files and arguments.merge is None:
        raise UsageError("give files of recorded exchanges to compare, such as day.jsonl.gz; - is standard input")
    with contextlib.ExitStack() as open_files:
        if arguments.candidate:
            expand_patterns(arguments)
        check_outputs(arguments)
        if arguments.candidate:
            return compare_recordings(arguments, open_files)
        return _Command(arguments, open_files).run()


def _compare_on_cluster(arguments: argparse.Namespace) -> int:
    """Have a cluster write the parts, and merge them."""
    check_outputs(arguments)
    merged = fill_parts(arguments)
    if merged is None:
        return UNUSABLE
    with contextlib.ExitStack() as open_files:
        return _Command(merged, open_files).run()


class _Command:
    """The parts of one run, put together from its options."""

    def __init__(self, arguments: argparse.Namespace, open_files: contextlib.ExitStack) -> None:
        self._arguments = arguments
        self._parts: MergedParts | None = None
        if arguments.merge is not None:
            refuse_beside_merge(arguments)
            self._parts = MergedParts(folder_of(arguments.merge))
        self._source = self._parts or Source(expand(arguments.files), limit=arguments.limit)
        self._settings = CompareSettings(arguments, options=None if self._parts is None else self._parts.plan.options)
        self._workers = arguments.workers or suitable_workers(self._source.size, many=self._settings.presents_many)
        self._run = Run(
            self._settings.make_comparer,
            workers=self._workers,
            details=DETAILS if arguments.html else 0,
            ignore=self._settings.rules,
            journal=self._parts or self._journal(open_files),
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
            seconds = time.monotonic() - began if self._parts is None else self._parts.seconds
            self._reports.finish(self._run, status=status, seconds=seconds, broken=broken)
            self._shown.finish(self._run, seconds=seconds, workers=self._workers, broken=broken)
            idle_rules = [] if broken else self._idle_rules()
            self._shown.tell_replaced(self._run.replaced, obituaries=self._run.obituaries)
            self._shown.advise(self._run, idle_rules=idle_rules, resume=self._arguments.resume, broken=broken)
        if self._arguments.html:
            self._write_page()
        return status

    def _go_through(self) -> str:
        """Compare everything; what broke it off, "" where nothing did."""
        with self._shown, contextlib.closing(self._run.go_through(self._source)) as found:
            try:
                for line, judged in found:
                    self._reports.add(line, judged)
                    self._shown.add(line, judged)
            except (WorkerError, JournalError) as error:
                return str(error)
        return ""

    def _journal(self, open_files: contextlib.ExitStack) -> Journal | None:
        path = self._arguments.resume
        if path is None:
            return None
        try:
            return open_files.enter_context(Journal(path, options=self._settings.options))
        except OSError as error:
            raise UsageError(f"--resume {path}: {error.strerror or error}") from None

    def _idle_rules(self) -> list[IgnoreRule]:
        covered = self._run.tally.covered
        return [
            rule
            for place, rule in enumerate(self._settings.rules)
            if place not in covered and (rule.rung is None or rule.rung in self._settings.rungs)
        ]

    def _write_page(self) -> None:
        from shim.comparison.report import write_html

        names = ["standard input" if file == STDIN else Path(file).name for file in self._source.files]
        compared = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        write_html(self._arguments.html, self._run.tally, details=self._run.details, compared=compared)


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
