"""`shim compare --shard I/N --parts DIR`: compares the files of one shard, and keeps what was found in each as a part.

Not the writing of parts (`shim.comparison.runs.shard`), nor what is said of all of them together (`compare`, with --merge). A
file is done when its part is there: an interrupted shard goes on with the next file, and one that runs twice does no harm.
"""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

from shim.cli.compare_arguments import OF_THE_NEW_PATH, given
from shim.cli.compare_output import Shown, plural_of
from shim.cli.compare_part import judge_shard
from shim.cli.compare_settings import DETAILS, CompareSettings, suitable_workers
from shim.cli.rendering import UsageError, printer
from shim.comparison.runs.inputs import expand, identify
from shim.comparison.runs.parts import plan_of, settle
from shim.comparison.runs.parts_folder import folder_of
from shim.comparison.runs.run import Run
from shim.comparison.runs.shard import Shard
from shim.comparison.runs.workers import WorkerError

if TYPE_CHECKING:
    import argparse

_DONE, _UNDONE = 0, 2

_OF_THE_WHOLE = ("json", "junit", "html", "limit", "resume")
OF_THE_PARTS = (*OF_THE_NEW_PATH, "ignore", "limit", "workers", "resume")


def refuse_beside_merge(arguments: argparse.Namespace) -> None:
    """Refuse what the parts have been made with already."""
    if arguments.files:
        raise UsageError("--merge takes no FILE: which files they were stands in the folder")
    said = ", ".join(given(arguments, OF_THE_PARTS))
    if said:
        raise UsageError(f"{said} goes without --merge: the parts were compared already, as they say themselves")


def compare_shard(arguments: argparse.Namespace) -> int:
    """Compare the files of a shard that have no part yet; returns 0 where all have one then, 2 where something broke.

    Raises:
        UsageError: options that do not go together.
        UnusableFileError: a file cannot be used.
        PartsError: the folder is of another run.
        OSError: the folder cannot be read or written.
    """
    _refuse_what_is_of_the_whole(arguments)
    index, count = arguments.shard or (0, 1)
    settings = CompareSettings(arguments)
    files = expand(arguments.files)
    plan = plan_of([identify(file) for file in files], settings.options)
    folder = folder_of(arguments.parts)
    settle(folder, plan)
    shard = Shard(files, index=index, count=count, plan=plan, folder=folder)
    broken = _go_through(shard, arguments, settings=settings) if shard.files else ""
    if not arguments.quiet:
        has = f"{shard.own:,} of {plural_of(len(files), 'file')}"
        made = f"{plural_of(shard.kept, 'part')} written now, {shard.found:,} found"
        printer(sys.stdout).line(f"Shard {index}/{count} has {has}: {made}.")
    err = printer(sys.stderr)
    for words in shard.complaints:
        err.line(words, "red")
    if broken:
        err.line(f"The shard broke off: {broken}. Run it again: what has its part is not compared anew.", "bold red")
    return _UNDONE if broken or shard.complaints else _DONE


def _go_through(shard: Shard, arguments: argparse.Namespace, *, settings: CompareSettings) -> str:
    """Compare the files, keep their parts, and show what was found; what broke it off, "" where nothing did."""
    workers = arguments.workers or suitable_workers(shard.size, many=settings.presents_many)
    run = Run(settings.make_comparer, workers=workers, isolated=True, details=DETAILS, ignore=settings.rules)
    shown = Shown(arguments, shard)
    began, broken = time.monotonic(), "interrupted"
    try:
        with shown:
            broken = _judge(shard, run, shown=shown)
    finally:
        shard.abandon()
        shown.finish(run, seconds=time.monotonic() - began, workers=workers, broken=broken)
        shown.tell_replaced(run.replaced, obituaries=run.obituaries)
        shown.advise(run, idle_rules=(), resume=None, broken="")
    return broken


def _judge(shard: Shard, run: Run, *, shown: Shown) -> str:
    with contextlib.closing(judge_shard(shard, run)) as found:
        try:
            for line, judged in found:
                shown.add(line, judged)
        except WorkerError as error:
            return str(error)
    return ""


def _refuse_what_is_of_the_whole(arguments: argparse.Namespace) -> None:
    """Refuse what is of the whole run, and a shard without its files or its folder."""
    if arguments.merge is not None:
        raise UsageError(
            "--merge goes without --shard and --parts: run the shards first, then shim compare --merge DIR"
        )
    if arguments.parts is None:
        raise UsageError("--shard needs --parts DIR: a folder, or a URL, that all shards share")
    if not arguments.files:
        raise UsageError("--shard needs the files of the whole run, the same for each shard")
    said = ", ".join(given(arguments, _OF_THE_WHOLE))
    if said:
        raise UsageError(
            f"{said} goes without --shard: it is of the whole run; give reports to --merge, and no --resume, "
            "since parts are what a shard goes on from"
        )
