"""The reports that `shim compare` writes while it goes: JSON to standard output, JUnit to a file.

Not their forms (`shim.comparison.runs.json_report`, `shim.comparison.runs.junit`), nor the page (`shim.comparison.report`).
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from shim.comparison.runs.json_report import JsonReport
from shim.comparison.runs.junit import JUnitReport
from shim.recording.private_file import create_private

if TYPE_CHECKING:
    from shim.comparison.runs.judge import Judged
    from shim.comparison.runs.lines import Line
    from shim.comparison.runs.run import Run


class Reports:
    """The reports asked for, opened before anything is compared; `open_files` closes them."""

    def __init__(self, open_files: contextlib.ExitStack, *, json: bool, junit: Path | None) -> None:
        self._json = JsonReport(sys.stdout.buffer) if json else None
        self._junit = (
            None if junit is None else JUnitReport(open_files.enter_context(create_private(junit, is_read=True)))
        )

    def add(self, line: Line, judged: Judged) -> None:
        """Write what was found in a line."""
        for verdict in judged.verdicts:
            if self._json is not None:
                self._json.add(verdict, file=line.file, line=line.line)
            if self._junit is not None:
                self._junit.add(verdict, file=line.file, line=line.line)

    def finish(self, run: Run, *, status: int, seconds: float, broken: str) -> None:
        """Write what is known at the end; `broken`: what broke the run off, "" where nothing did."""
        faults = [str(fault) for fault in run.faults]
        if self._json is not None:
            self._json.finish(
                run.tally,
                seconds=round(seconds, 3),
                unusable_input=faults,
                complete=not broken,
                broken_off=broken,
                exit_status=status,
            )
        if self._junit is not None:
            for fault in run.faults:
                self._junit.add_fault(str(fault), file=fault.file)
            if broken:
                self._junit.add_fault(broken, file="the run")
            self._junit.finish(run.tally, seconds=seconds)
