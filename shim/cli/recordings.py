"""The command `shim recordings`: lists, filters, splits, merges and redacts recordings, and tells their figures.

Not what is done to them (`shim.recording.operations`, `shim.comparison.recordings`), nor what is shown (`recordings_output`).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from shim.cli.recordings_arguments import beside
from shim.cli.recordings_input import Input, StoppedError
from shim.cli.recordings_output import show_figures, show_merged, show_overviews, show_parts, show_places
from shim.cli.rendering import UsageError, plural, printer, write_nowhere
from shim.comparison.recordings.figures import Figures
from shim.comparison.recordings.overview import Overview
from shim.comparison.recordings.selection import ExchangeSelection
from shim.comparison.runs.inputs import expand
from shim.comparison.runs.lines import UnusableFileError
from shim.recording.files import STDIN
from shim.recording.operations.merging import merge as merged
from shim.recording.operations.new_recording import NewRecording, TakesLines
from shim.recording.operations.redacting import redacted
from shim.recording.operations.splitting import PartNames, SplittingError, split_by_pair, split_in_order
from shim.recording.redaction.redaction import CONVERSATION_PATHS, Redaction
from shim.recording.remote import is_url, shown

if TYPE_CHECKING:
    import argparse

DONE, FOUND, UNUSABLE = 0, 1, 2
STDOUT: Final = "-"
_GZIP_MAGIC = b"\x1f\x8b"


def recordings(arguments: argparse.Namespace) -> int:
    """Do what the action says; returns 0 when done, 1 where a check found something, 2 where a line could not be used.

    Raises:
        UsageError: a file or an option cannot be used; the message names it.
    """
    try:
        arguments.files = expand(arguments.files)
        with _files_taken_away_at_sigterm():
            return _ACTIONS[arguments.action](arguments)
    except (StoppedError, SplittingError, UnusableFileError) as error:
        raise UsageError(str(error)) from None
    except FileExistsError as error:
        raise UsageError(f"{error.filename} is there already; give another name, or --force to replace it") from None
    except BrokenPipeError:
        raise  # nobody reads any more: `main` knows what that means
    except OSError as error:
        if error.filename is None:
            write_nowhere()  # it may be standard output that takes no more
        raise UsageError(f"{error.filename or 'the output'} cannot be written: {error.strerror or error}") from None


@contextlib.contextmanager
def _files_taken_away_at_sigterm() -> Iterator[None]:
    """Let SIGTERM end the command as Ctrl-C does, through every `with`: what is half made is taken away."""

    def end(number: int, _frame: FrameType | None) -> None:
        sys.exit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def ls(arguments: argparse.Namespace) -> int:
    """Show what each file holds."""
    inputs = [(file, Input(arguments, files=[file])) for file in arguments.files]  # a missing one is known at once
    together = Overview()
    found: list[tuple[str, Overview]] = []
    for file, source in inputs:
        overview = Overview()
        for entry in source.entries():
            overview.add(entry.exchange)
            together.add(entry.exchange)
        overview.unreadable = source.unusable
        together.unreadable += source.unusable
        found.append((file, overview))
    show_overviews(found, together, is_json=arguments.json)
    for _, source in inputs:
        source.tell()
    return UNUSABLE if together.unreadable else DONE


def stats(arguments: argparse.Namespace) -> int:
    """Show the figures of all files together."""
    source, figures = Input(arguments), Figures()
    for entry in source.entries(_selection(arguments)):
        figures.add(entry.exchange)
    show_figures(figures, unreadable=source.unusable, is_json=arguments.json)
    return _ended(source)


def cat(arguments: argparse.Namespace) -> int:
    """Write the exchanges that are chosen, as they stand there."""
    source = Input(arguments)
    _check_other(arguments)
    draws = arguments.output != STDOUT or not sys.stdout.isatty()
    with _output(arguments) as output:
        for entry in source.entries(_selection(arguments), draws=draws):
            output.write(entry.data)
    return _ended(source)


def split(arguments: argparse.Namespace) -> int:
    """Write the exchanges into several files."""
    if arguments.output is None:
        _check_has_parts_beside(arguments.files[0])
    source = Input(arguments)
    names = PartNames(arguments.output or beside(arguments.files[0]), replaces=arguments.force)
    if arguments.shards is not None:
        parts = split_by_pair(source.entries(), names, shards=arguments.shards)
    else:
        parts = split_in_order(source.entries(), names, most_exchanges=arguments.count, most_bytes=arguments.size)
    show_parts(parts)
    return _ended(source)


def _check_has_parts_beside(file: str) -> None:
    if file == STDIN:
        raise UsageError("split: standard input has no name; give one with --output, such as day-{part}.jsonl")
    if is_url(file):
        raise UsageError("split: beside a URL nothing is written; give one with --output, such as day-{part}.jsonl")


def merge(arguments: argparse.Namespace) -> int:
    """Write the exchanges of all files into one, by time."""
    source = Input(arguments)
    _check_other(arguments)
    folder = tempfile.gettempdir() if arguments.output == STDOUT else Path(arguments.output).parent
    with _output(arguments) as output:
        told = merged(source.entries(), output, folder=folder, duplicates=arguments.duplicates)
    show_merged(told, files=len(arguments.files), kept=arguments.duplicates == "keep")
    return _ended(source)


def redact(arguments: argparse.Namespace) -> int:
    """Redact older recordings: into a new file, in place, or only look."""
    redaction = _redaction(arguments)
    if arguments.check:
        return _check(arguments, redaction)
    if arguments.in_place:
        return max([_redact_in_place(arguments, file, redaction=redaction) for file in _named(arguments)])
    if len(arguments.files) > 1:
        raise UsageError("redact: several files would become one; give one FILE with --output, or --in-place")
    source = Input(arguments)
    _check_other(arguments)
    with _output(arguments) as output:
        _redact(source, output, redaction=redaction)
    return _ended(source)


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "ls": ls,
    "cat": cat,
    "split": split,
    "merge": merge,
    "redact": redact,
    "stats": stats,
}


class _StandardOutput:
    """Lines to standard output."""

    def write(self, line: bytes) -> None:
        sys.stdout.buffer.write(line)


@contextlib.contextmanager
def _output(arguments: argparse.Namespace) -> Iterator[TakesLines]:
    """Where lines go: standard output, or a new file that is put in its place at the end."""
    if arguments.output == STDOUT:
        yield _StandardOutput()
        sys.stdout.buffer.flush()
        return
    with NewRecording(arguments.output, replaces=arguments.force) as made:
        yield made
        made.commit()


def _check_other(arguments: argparse.Namespace) -> None:
    """Refuse an output that is one of the inputs, --force or not."""
    for file in arguments.files:
        if _is_same(file, arguments.output):
            raise UsageError(f"--output {arguments.output} is one of the files to read; give another name")


def _is_same(file: str, output: str) -> bool:
    return STDIN not in (file, output) and os.path.exists(output) and os.path.samefile(file, output)  # noqa: PTH110, PTH121 - both are texts


def _ended(source: Input) -> int:
    source.tell()
    return UNUSABLE if source.unusable else DONE


def _selection(arguments: argparse.Namespace) -> ExchangeSelection:
    first, last = arguments.index or (0, None)
    return ExchangeSelection(
        models=tuple(arguments.model),
        statuses=frozenset(arguments.status),
        endings=frozenset(arguments.ended),
        pairs=frozenset(arguments.pair),
        roles=frozenset(arguments.role),
        since=arguments.since,
        until=arguments.until,
        first=first,
        last=last,
    )


def _redaction(arguments: argparse.Namespace) -> Redaction:
    paths = [*arguments.redact, *(CONVERSATION_PATHS if arguments.conversation else ())]
    try:
        return Redaction(body_paths=paths, bodies="drop" if arguments.drop_bodies else "keep")
    except ValueError as error:
        raise UsageError(f"--redact: {error}") from None


def _named(arguments: argparse.Namespace) -> list[str]:
    if STDIN in arguments.files:
        raise UsageError("--in-place: standard input has no place; give a file, or --output")
    url = next(filter(is_url, arguments.files), None)
    if url is not None:
        raise UsageError(f"--in-place: {shown(url)} is a URL, which is not replaced; give --output, and put that there")
    return list(arguments.files)


def _redact(source: Input, output: TakesLines, *, redaction: Redaction) -> None:
    changed = newer = count = 0
    for entry in source.entries():
        found = redacted(entry, redaction)
        output.write(found.data)
        count += 1
        changed += bool(found.places)
        newer += found.is_newer
    err = printer(sys.stderr)
    err.line(f"{plural(count, 'exchange')} written, something taken out of {changed:,}.")
    if newer:
        err.line(
            f"{newer:,} of another version's schema: fields that this version does not know were left out.", "yellow"
        )


def _redact_in_place(arguments: argparse.Namespace, file: str, *, redaction: Redaction) -> int:
    """Redact one file; it is left as it was where a line cannot be used, or where it grows meanwhile."""
    source = Input(arguments, files=[file], stops=True)
    path = Path(file).resolve()  # of a link, what it leads to
    before = path.stat()
    with path.open("rb") as opened:
        compresses = opened.read(2) == _GZIP_MAGIC
    with NewRecording(path, replaces=True, compresses=compresses) as made:
        _redact(source, made, redaction=redaction)
        made.finish()
        after = path.stat()
        if (before.st_size, before.st_mtime_ns, before.st_ino) != (after.st_size, after.st_mtime_ns, after.st_ino):
            raise UsageError(f"{file} is still being written; end its recorder first, or redact into a new file")
        made.commit()
    return _ended(source)


def _check(arguments: argparse.Namespace, redaction: Redaction) -> int:
    source = Input(arguments)
    places: Counter[str] = Counter()  # bounded: parts of an exchange, and the paths that were asked for
    first: list[str] = []
    count = changed = 0
    for entry in source.entries():
        found = redacted(entry, redaction).places
        count += 1
        changed += bool(found)
        places.update(found)
        if found and len(first) < arguments.show:
            first.append(f"{entry.file}:{entry.line}: {', '.join(found)}")
    show_places(first, places, changed=changed, count=count)
    status = _ended(source)
    return status or (FOUND if changed else DONE)
