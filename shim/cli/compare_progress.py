"""The progress of `shim compare` and `shim recordings`: a bar on a terminal, by rich where it is there, or nothing.

Not what a run found (`compare_output`). How far it is, is told by the bytes read, since nobody knows how many lines a file has;
or, on a cluster, by the files that are done.
No thread draws it: it is drawn by whoever advances it, at most some ten times a second.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from shim.comparison.runs.judge import Judged

_EVERY = 0.1  # seconds between two drawings


class Measured(Protocol):
    """What a bar is drawn of."""

    @property
    def size(self) -> int | None:
        """How much there is; None where nobody can say."""
        ...

    @property
    def position(self) -> int:
        """How much of it is done."""
        ...


class Progress:
    """No bar at all."""

    def begin(self) -> None:
        """Draw it for the first time."""

    def advance(self, judged: Judged | None = None) -> None:
        """Take that a line was gone through, and what was found in it."""

    def end(self) -> None:
        """Take it away."""


class LineProgress(Progress):
    """One line, rewritten in place."""

    def __init__(self, source: Measured, *, compares: bool = True, words: Callable[[], str] | None = None) -> None:
        self._source = source
        self._compares = compares
        self._told_words = words
        self._next = 0.0
        self._done = self._noted = 0

    def begin(self) -> None:
        """Draw it for the first time."""
        self._draw()

    def advance(self, judged: Judged | None = None) -> None:
        """Take that a line was gone through, and what was found in it."""
        self._done += 1
        self._noted += judged is not None and judged.wants_attention
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _EVERY
            self._draw()

    def end(self) -> None:
        """Take it away."""
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()

    def _draw(self) -> None:
        sys.stderr.write(f"\r{self._share()}{self._words()}\x1b[K")
        sys.stderr.flush()

    def _words(self) -> str:
        if self._told_words is not None:
            return self._told_words()
        return f"{self._done:,} compared, {self._noted:,} to look at" if self._compares else f"{self._done:,} read"

    def _share(self) -> str:
        size = self._source.size
        return f"{100 * self._source.position / size:3.0f} %  " if size else ""


class RichProgress(LineProgress):
    """A bar drawn by rich."""

    def __init__(self, source: Measured, *, compares: bool = True, words: Callable[[], str] | None = None) -> None:
        super().__init__(source, compares=compares, words=words)
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns: list[Any] = [
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.description}"),
            TimeRemainingColumn(),
        ]
        self._bar = Progress(*columns, console=Console(file=sys.stderr), auto_refresh=False, transient=True)
        self._task = self._bar.add_task(self._words(), total=source.size)

    def begin(self) -> None:
        """Draw it for the first time."""
        self._bar.start()

    def end(self) -> None:
        """Take it away."""
        self._bar.stop()

    def _draw(self) -> None:
        self._bar.update(self._task, completed=self._source.position, description=self._words(), refresh=True)


def progress(
    source: Measured, *, wanted: bool, compares: bool = True, words: Callable[[], str] | None = None
) -> Progress:
    """The progress that suits standard error: a bar on a terminal, nothing elsewhere.

    Args:
        source: how far it is.
        wanted: whether there may be one.
        compares: whether it says what is found, too.
        words: says what stands beside the bar, in the place of lines and what was found in them.
    """
    if not wanted or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return Progress()
    if os.environ.get("NO_COLOR") or importlib.util.find_spec("rich") is None:
        return LineProgress(source, compares=compares, words=words)
    return RichProgress(source, compares=compares, words=words)
