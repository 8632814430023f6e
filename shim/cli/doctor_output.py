"""What `shim doctor` prints: what needs something, file by file, then counts, and how far it is while it works.

Not the examining (`shim.doctor`) nor the JSON (`doctor`).
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from shim.cli.rendering import Printer, plural
from shim.doctor import Examination, Finding, Support
from shim.migration.upgrades import AS_OF

_STYLES = {
    Support.SUPPORTED: "green",
    Support.UPGRADE: "yellow",
    Support.HAND: "red",
    Support.OTHER: "dim",
}
_MOST_UNREAD = 20
"""Unread and skipped places that are printed one by one; --json has them all."""
_EVERY = 0.1  # seconds between two drawings
_SLOW = 0.5  # seconds before a bar is drawn at all


class DoctorShown:
    """Prints an examination."""

    def __init__(self, out: Printer, *, everything: bool) -> None:
        self._out = out
        self._everything = everything

    def print(self, examination: Examination) -> None:
        """Findings, what was not read, the names used, and the sum."""
        shown = [
            each
            for each in examination.findings
            if self._everything or each.standing in (Support.UPGRADE, Support.HAND)
        ]
        for path, found in groupby(shown, key=lambda each: each.place.path):
            self._file(path, list(found))
        self._notes(examination)
        self._names(examination)
        self._unread(examination)
        self._sum(examination)

    def _file(self, path: str, found: list[Finding]) -> None:
        self._out.line(path, "bold")
        for each in found:
            cell = f"cell {each.place.cell} " if each.place.cell else ""
            self._out.write(f"  {cell}{each.place.line}:{each.place.column}  ", "dim")
            self._out.write(f"{each.standing}  ", _STYLES[each.standing])
            self._out.line(f"{each.kind} {each.name}")
            for words in (each.reason, each.remedy and f"-> {each.remedy}"):
                if words:
                    self._out.line(f"      {words}", "dim" if words == each.reason else "")
        self._out.line()

    def _notes(self, examination: Examination) -> None:
        """What is supported and yet worth a word, each once with its count."""
        if self._everything:
            return
        supported = (each for each in examination.findings if each.standing is Support.SUPPORTED and each.reason)
        noted = Counter((each.kind, each.name, each.reason, each.remedy) for each in supported)
        for (kind, name, reason, remedy), count in noted.most_common():
            self._out.line(f"{kind} {name} ({count}x): {reason} {remedy}".rstrip(), "dim")
        if noted:
            self._out.line()

    def _names(self, examination: Examination) -> None:
        used = Counter(each.name for each in examination.findings if each.kind in ("name", "import", "patch"))
        standings = {
            each.name: each.standing for each in examination.findings if each.kind in ("name", "import", "patch")
        }
        if not used:
            return
        rows = [(name, str(count), str(standings[name])) for name, count in used.most_common()]
        styles = {str(standing): style for standing, style in _STYLES.items()}
        self._out.table(("name", "uses", "standing"), rows, style=lambda cell: styles.get(cell, ""))
        self._out.line()

    def _unread(self, examination: Examination) -> None:
        for title, places in (("not parsed", examination.unread), ("left out", examination.skipped)):
            for each in places[:_MOST_UNREAD]:
                self._out.line(f"{title}: {each.path}: {each.reason}", "yellow" if title == "not parsed" else "dim")
            if len(places) > _MOST_UNREAD:
                self._out.line(f"{title}: {len(places) - _MOST_UNREAD} more; --json lists them all", "dim")

    def _sum(self, examination: Examination) -> None:
        if not examination.files:
            self._out.line("No Python here: nothing was examined.", "yellow")
            return
        counts = ", ".join(f"{examination.count(each)} {each}" for each in Support if examination.count(each))
        self._out.line(
            f"{plural(examination.files, 'file')} examined, {examination.parsed} name something: {counts or 'nothing found'}."
        )
        self._out.line(f"Models as of {AS_OF}; nothing was executed.", "dim")


class FileProgress:
    """One line on standard error, rewritten in place, drawn once the work takes longer than a moment."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _SLOW
        self._drawn = False

    def advance(self, done: int, total: int) -> None:
        """Tell how many files are done."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _EVERY
            self._drawn = True
            self._draw(done, total)

    def end(self) -> None:
        """Take it away."""
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _draw(self, done: int, total: int) -> None:
        sys.stderr.write(f"\r{100 * done / total:3.0f} %  {done:,} of {total:,} files\x1b[K")
        sys.stderr.flush()


class BarProgress(FileProgress):
    """The same as a bar, by rich."""

    _bar: Any = None

    def end(self) -> None:
        """Take it away."""
        if self._bar is not None:
            self._bar.stop()

    def _draw(self, done: int, total: int) -> None:
        if self._bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

            columns: list[Any] = [
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.completed:,.0f} of {task.total:,.0f} files"),
            ]
            self._bar = Progress(*columns, console=Console(file=sys.stderr), auto_refresh=False, transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=total)
        self._bar.update(self._task, completed=done, refresh=True)


class _NoProgress(FileProgress):
    def advance(self, done: int, total: int) -> None:
        """Nobody watches."""


@contextlib.contextmanager
def progress(*, wanted: bool) -> Iterator[FileProgress]:
    """The progress that suits standard error: on a terminal, and nothing elsewhere."""
    if not wanted or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        bar: FileProgress = _NoProgress()
    elif os.environ.get("NO_COLOR") or importlib.util.find_spec("rich") is None:
        bar = FileProgress()
    else:
        bar = BarProgress()
    try:
        yield bar
    finally:
        bar.end()
