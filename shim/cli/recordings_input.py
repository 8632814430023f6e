"""The input of `shim recordings`: entries of several files, what cannot be used of them, and how far the reading is.

Not the lines (`shim.comparison.runs.lines`), nor the bar itself (`compare_progress`).
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from shim.cli.compare_progress import progress
from shim.cli.rendering import printer, show_controls
from shim.comparison.recordings.selection import ExchangeSelection
from shim.comparison.runs.lines import Line, LineFault, Source
from shim.recording.operations.entries import RecordingEntry, entries

if TYPE_CHECKING:
    import argparse

    from shim.recording.files import RecordError

_MOST_TOLD = 10  # faults that are printed; a file of something else would have millions


class StoppedError(Exception):
    """A line cannot be used, and the reading was to stop there; the message names file and line."""


class Input:
    """What is read, once.

    Args:
        arguments: of the command: whether to stop at what cannot be used, whether to draw a bar.
        files: what to read; None: those of the arguments.
        stops: whether to stop where the arguments do not say.

    Attributes:
        unusable: lines and files that could not be used.

    Raises:
        UnusableFileError: a file is missing, is a directory, or may not be read.
    """

    def __init__(
        self, arguments: argparse.Namespace, *, files: Sequence[str] | None = None, stops: bool = False
    ) -> None:
        self._source = Source(arguments.files if files is None else files)
        self._stops = stops if arguments.on_error is None else arguments.on_error == "stop"
        self._wants_bar: bool = arguments.progress
        self._told: list[str] = []
        self.unusable = 0

    def entries(self, selection: ExchangeSelection | None = None, *, draws: bool = True) -> Iterator[RecordingEntry]:
        """Give the entries, those of a selection; `draws`: a bar, while they are read.

        Raises:
            StoppedError: something cannot be used, and that is to be the end.
        """
        bar = progress(self._source, wanted=self._wants_bar and draws, compares=False)
        with contextlib.ExitStack() as shown:
            shown.callback(bar.end)
            bar.begin()
            for entry in entries(self._lines(selection), on_error=self._take_error):
                bar.advance()
                if selection is None or selection.takes(entry.exchange):
                    yield entry

    def tell(self) -> None:
        """Say what could not be used."""
        err = printer(sys.stderr)
        for each in self._told:
            err.line(show_controls(each), "red")
        if self.unusable > len(self._told):
            err.line(f"and {self.unusable - len(self._told):,} more that cannot be used", "red")

    def _lines(self, selection: ExchangeSelection | None) -> Iterator[Line]:
        with contextlib.closing(self._source.lines(on_fault=self._take_fault)) as lines:
            for line in lines:
                if selection is None or selection.takes_place(line.number):
                    yield line
                elif selection.is_past(line.number):
                    return

    def _take_fault(self, fault: LineFault) -> None:
        self._note(str(fault))

    def _take_error(self, error: RecordError) -> None:
        self._note(str(error))

    def _note(self, words: str) -> None:
        if self._stops:
            raise StoppedError(words)
        self.unusable += 1
        if len(self._told) < _MOST_TOLD:
            self._told.append(words)
