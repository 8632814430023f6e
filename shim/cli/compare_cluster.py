"""`shim compare --scheduler tcp://… --parts DIR`: has a Dask cluster compare the files that have no part yet.

Not the cluster (`shim.comparison.runs.cluster`), nor what one of its machines does (`compare_part`), nor what is said of all
parts together, which is what --merge says (`compare`). A file is done when its part is there, so a run that broke off goes on
where it ended.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shim.cli.compare_arguments import given
from shim.cli.compare_output import plural_of
from shim.cli.compare_part import PartAnswer, PartTask, compare_part, judge_shard
from shim.cli.compare_progress import Progress, progress
from shim.cli.compare_settings import DETAILS, CompareSettings, suitable_workers
from shim.cli.compare_shards import OF_THE_PARTS
from shim.cli.rendering import UsageError, printer
from shim.comparison.runs.cluster import PATIENCE, Cluster, ClusterError, TaskAnswer
from shim.comparison.runs.inputs import FileIdentity, expand, identify
from shim.comparison.runs.parts import PartsPlan, decode, encode, plan_of, settle
from shim.comparison.runs.parts_folder import folder_of
from shim.comparison.runs.run import Run
from shim.comparison.runs.shard import Shard
from shim.comparison.runs.workers import WorkerError
from shim.recording.files import STDIN
from shim.recording.remote import is_url, shown

if TYPE_CHECKING:
    import argparse

_ADDRESS = re.compile(r"(tcp|tls)://[^\s/@]+:\d+")
_MOST_COMPLAINTS = 10
_NOT_ON_A_CLUSTER = ("limit", "resume", "workers", "shard", "merge")


class _Broken(Exception):  # noqa: N818 - not an error of the program: why a run ends before its time
    """Why the run broke off."""


def fill_parts(arguments: argparse.Namespace) -> argparse.Namespace | None:
    """Have the cluster write the parts that are missing, and tell what goes on.

    Returns:
        The options by which the parts are merged; None where not all are there, which has been told.

    Raises:
        UsageError: options that do not go together; no cluster.
        UnusableFileError: a file cannot be used.
        PartsError: the folder is of another run.
        OSError: the folder cannot be read or written.
    """
    _refuse_what_does_not_fit(arguments)
    settings = CompareSettings(arguments)
    files = [_for_all(file, option="FILE") for file in expand(arguments.files)]
    parts = _for_all(arguments.parts, option="--parts")
    plan = plan_of([identify(file) for file in files], settings.options)
    folder = folder_of(parts)
    settle(folder, plan)
    there = set(folder.names())
    missing = [each for each in zip(files, plan.files, strict=True) if plan.part_of(each[1]) not in there]
    if missing and not _Distribution(arguments, plan=plan, parts=parts).run(missing):
        return None
    unsaid = {name: arguments.default_of(name) for name in OF_THE_PARTS}
    return type(arguments)(
        **{**vars(arguments), **unsaid, "files": [], "parts": None, "scheduler": None, "merge": parts}
    )


class _Distribution:
    """The files of a plan, given out to a cluster, and what becomes of them. Is what its progress bar is drawn of.

    Attributes:
        size, position: files to compare, and done.
    """

    def __init__(self, arguments: argparse.Namespace, *, plan: PartsPlan, parts: str) -> None:
        self.size, self.position = 0, 0
        self._address: str = arguments.scheduler
        self._patience: float = PATIENCE if arguments.patience is None else arguments.patience
        self._quiet: bool = arguments.quiet
        self._plan = plan
        self._parts = parts
        self._settings = CompareSettings(arguments)
        self._exchanges = self._noted = self._workers = 0
        self._complaints: list[str] = []
        self._fatal: list[str] = []  # files that ended every worker that tried them
        self._err = printer(sys.stderr)
        self._bar: Progress = progress(self, wanted=arguments.progress and not arguments.quiet, words=self._words)

    def run(self, missing: Sequence[tuple[str, FileIdentity]]) -> bool:
        """Compare these files; whether all have their parts then."""
        opened = {self._plan.part_of(known): file for file, known in missing}
        self.size = len(opened)
        tasks = {self._plan.part_of(known): self._task(file, known) for file, known in missing}
        broken = "interrupted"
        try:
            self._have_compared(tasks, opened)
            broken = self._compare_here([opened[name] for name in self._fatal])
        except (_Broken, ClusterError) as error:
            broken = str(error)
        finally:
            self._finish(broken)
        return not broken and not self._complaints

    def _task(self, file: str, known: FileIdentity) -> str:
        task = PartTask(opened=file, file=known, parts=self._parts, options=self._plan.options)
        return encode(task).decode()

    def _have_compared(self, tasks: dict[str, str], opened: dict[str, str]) -> None:
        with Cluster(self._address, patience=self._patience, tell=self._tell) as cluster:
            self._bar.begin()
            try:
                with contextlib.closing(cluster.map(compare_part, tasks)) as answers:
                    for answer in answers:
                        self._workers = cluster.workers
                        if answer is not None:
                            self._take(answer, file=opened[answer.name])
                        self._bar.advance()
            finally:
                self._bar.end()

    def _take(self, answer: TaskAnswer, *, file: str) -> None:
        """Take what came of a file.

        Raises:
            _Broken: a worker cannot take part in this run.
        """
        if answer.is_fatal:
            self._fatal.append(answer.name)
            return
        self.position += 1
        if answer.fault:
            self._complaints.append(
                f"{shown(file)}: {answer.fault} on a worker, which logs more of it; has it legacy-openai-shim[native]?"
            )
            return
        try:
            found = decode(PartAnswer, answer.text.encode())
        except ValueError:
            raise _Broken("a worker has another version of legacy-openai-shim; install the same") from None
        if found.kind == "unfit":
            raise _Broken(found.words)
        if found.kind == "complaint":
            self._complaints.append(found.words)
        self._exchanges += found.exchanges
        self._noted += found.noted

    def _compare_here(self, files: list[str]) -> str:
        """Compare files that ended workers, in processes whose end is borne; what broke that off, "" where nothing did."""
        if not files:
            return ""
        self._tell(
            f"{plural_of(len(files), 'file')} ended the workers that compared them, and are compared here, line by line."
        )
        known = [identify(file) for file in files]
        plan = PartsPlan(options=self._plan.options, files=tuple(known))
        shard = Shard(files, index=0, count=1, plan=plan, folder=folder_of(self._parts))
        workers = suitable_workers(shard.size, many=self._settings.presents_many)
        run = Run(self._settings.make_comparer, workers=workers, isolated=True, details=DETAILS)
        try:
            with contextlib.closing(judge_shard(shard, run)) as found:
                for _, judged in found:
                    self._noted += judged.wants_attention
        except WorkerError as error:
            return str(error)
        finally:
            shard.abandon()
        self._exchanges += run.tally.exchanges
        self._complaints += shard.complaints
        for words in run.obituaries[:_MOST_COMPLAINTS]:
            self._tell(words)
        return ""

    def _tell(self, words: str) -> None:
        """Say what goes on, above the bar."""
        self._bar.end()
        self._err.line(words, "yellow")
        self._bar.begin()

    def _finish(self, broken: str) -> None:
        for words in self._complaints[:_MOST_COMPLAINTS]:
            self._err.line(words, "red")
        more = len(self._complaints) - _MOST_COMPLAINTS
        if more > 0:
            self._err.line(f"and {more} more files that could not be compared", "red")
        if broken:
            self._err.line(f"The run broke off: {broken}.", "bold red")
        if broken or self._complaints:
            self._err.line("Nothing was merged. Run it again: what has its part is not compared anew.")
        elif not self._quiet:
            self._err.line(f"{plural_of(self.size, 'part')} written by {self._address}.", "dim")

    def _words(self) -> str:
        found = f"{self._exchanges:,} compared, {self._noted:,} to look at"
        return f"{self.position:,} of {plural_of(self.size, 'file')}, {found}, {plural_of(self._workers, 'worker')}"


def _refuse_what_does_not_fit(arguments: argparse.Namespace) -> None:
    if _ADDRESS.fullmatch(arguments.scheduler) is None:
        raise UsageError(
            "--scheduler takes the address that dask scheduler prints, such as tcp://127.0.0.1:8786, or tls://…"
        )
    said = ", ".join(given(arguments, _NOT_ON_A_CLUSTER))
    if said:
        raise UsageError(
            f"{said} goes without --scheduler: the cluster's workers compare all files, and parts are resumed"
        )
    if arguments.parts is None:
        raise UsageError("--scheduler needs --parts DIR: a folder, or a URL, that all workers share")
    if not arguments.files:
        raise UsageError("--scheduler needs the files to compare")


def _for_all(name: str, *, option: str) -> str:
    """A name as it is good on every machine: a whole path, or a URL without credentials.

    Raises:
        UsageError: it holds what could be one, which a scheduler would keep, and show.
    """
    if name == STDIN:
        raise UsageError("standard input cannot be shared out; give files")
    if not is_url(name):
        return os.path.abspath(name)  # noqa: PTH100 - `resolve` would follow links, which lead elsewhere on other machines
    if shown(name) != name:
        raise UsageError(
            f"{option} {shown(name)} holds what may be a credential (a user, a password, a query), which would go to the "
            f"scheduler and every worker; leave it out, and give credentials to the workers' environment"
        )
    return name
