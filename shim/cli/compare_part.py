"""What a machine of a cluster does for `shim compare --scheduler`: compares a file, and keeps its part.

Not the cluster (`shim.comparison.runs.cluster`), nor what is made of the answers (`compare_cluster`). It is told in plain JSON
which file, which options and which folder, and holds all of that against what it sees itself: its own version, the plan in the
folder, the file. It compares in its own process, which the cluster replaces where a line ends it.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from shim import __version__
from shim.cli.compare_settings import DETAILS, maker_of
from shim.comparison.runs.inputs import FileIdentity, identify
from shim.comparison.runs.journal import JournalError
from shim.comparison.runs.lines import UnusableFileError
from shim.comparison.runs.parts import PartsError, PartsPlan, decode, encode, read_plan
from shim.comparison.runs.parts_folder import PartsFolder, folder_of
from shim.comparison.runs.run import Run
from shim.comparison.runs.shard import Shard
from shim.comparison.runs.workers import WorkerError
from shim.recording.remote import RemoteFileError

if TYPE_CHECKING:
    from shim.comparison.runs.judge import Judged
    from shim.comparison.runs.lines import Line

_SCHEMA = "shim.task/1"


class PartTask(Struct, frozen=True, kw_only=True):
    """One file to compare; `opened` is its path or URL, `parts` the folder's, `options` those of the plan."""

    schema: str = _SCHEMA
    opened: str
    file: FileIdentity
    parts: str
    options: dict[str, Any]


class PartAnswer(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of it, and on which machine.

    Attributes:
        kind: the part was written now; it was there; the file has none, which `words` explains; or the machine cannot take
            part in this run at all.
        noted: verdicts and lines that want attention.
    """

    kind: Literal["kept", "found", "complaint", "unfit"]
    words: str = ""
    exchanges: int = 0
    noted: int = 0


def compare_part(told: str) -> str:
    """Compare a file; takes a `PartTask` and gives a `PartAnswer`, as JSON."""
    answer = _answer(told)
    words = f"{answer.words} (on {socket.gethostname()})" if answer.words else ""
    return encode(PartAnswer(kind=answer.kind, words=words, exchanges=answer.exchanges, noted=answer.noted)).decode()


def _answer(told: str) -> PartAnswer:
    try:
        task = decode(PartTask, told.encode())
    except ValueError:
        task = None
    theirs = "another version" if task is None else task.options.get("version")
    if task is None or (task.schema, theirs) != (_SCHEMA, __version__):
        words = (
            f"a worker has version {__version__} of legacy-openai-shim, and this run is of {theirs}; install the same"
        )
        return PartAnswer(kind="unfit", words=words)
    try:
        folder = folder_of(task.parts)
        _check_plan(folder, task)
        return _compare(task, folder)
    except (PartsError, WorkerError) as error:
        return PartAnswer(kind="unfit", words=str(error))
    except (JournalError, UnusableFileError, RemoteFileError) as error:
        return PartAnswer(kind="complaint", words=f"{error}. Nothing is kept of {task.file.path}")
    except OSError as error:
        words = f"{error.filename or task.file.path}: {error.strerror or type(error).__name__}; nothing is kept of it"
        return PartAnswer(kind="complaint", words=words)


def _check_plan(folder: PartsFolder, task: PartTask) -> None:
    """Refuse a folder that is not the one the run is kept in.

    Raises:
        PartsError: it has no plan, or another one.
    """
    if not folder.names():
        raise PartsError(f"{folder.name} is empty here; give --parts a folder, or a URL, that all workers share")
    plan = read_plan(folder)
    if plan.options != task.options or task.file not in plan.files:
        raise PartsError(
            f"{folder.name} is of another run here; give --parts a folder, or a URL, that all workers share"
        )


def _compare(task: PartTask, folder: PartsFolder) -> PartAnswer:
    if identify(task.opened) != task.file:
        words = f"{task.file.path} is not what it was when the run began: nothing is kept of it; give another --parts"
        return PartAnswer(kind="complaint", words=words)
    plan = PartsPlan(options=task.options, files=(task.file,))
    shard = Shard([task.opened], index=0, count=1, plan=plan, folder=folder)
    if shard.found:
        return PartAnswer(kind="found")
    run = Run(maker_of(task.options), details=DETAILS)
    noted = 0
    try:
        with contextlib.closing(judge_shard(shard, run)) as found:
            for _, judged in found:
                noted += judged.wants_attention
    finally:
        shard.abandon()
    if shard.complaints:
        return PartAnswer(kind="complaint", words=shard.complaints[0])
    return PartAnswer(kind="kept", exchanges=run.tally.exchanges, noted=noted + run.tally.unusable)


def judge_shard(shard: Shard, run: Run) -> Generator[tuple[Line, Judged], None, None]:
    """Compare a shard's lines and have its parts written; gives what was found line by line.

    Raises:
        WorkerError: what compares cannot go on.
    """
    with contextlib.closing(run.go_through(shard)) as found:
        for line, judged in found:
            last = run.details[-1] if run.details else None
            is_kept = last is not None and (last.file, last.line) == (line.file, line.line)
            shard.take(line, judged, closely=is_kept)
            yield line, judged
    shard.finish()
