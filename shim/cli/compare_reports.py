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
    from shim.cli.compare_output import Found
    from shim.comparison.runs.judge import Judged
    from shim.comparison.runs.lines import Line
    from shim.comparison.shadow_rung.shadow_report import ShadowReport
    from shim.comparison.two_recordings.recorded_sides import PairingCounts


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
                self._json.add(verdict, file=line.file, line=line.line, partner=judged.partner)
            if self._junit is not None:
                self._junit.add(verdict, file=line.file, line=line.line)

    def finish(
        self,
        run: Found,
        *,
        status: int,
        seconds: float,
        broken: str,
        pairing: PairingCounts | None = None,
        answers: ShadowReport | None = None,
    ) -> None:
        """Write what is known at the end.

        Args:
            run: what it came to.
            status: how the program will end.
            seconds: what it took.
            broken: what broke the run off, "" where nothing did.
            pairing: of two recordings, how they were paired.
            answers: of two recordings, what their answers came to.
        """
        faults = [str(fault) for fault in run.faults]
        if self._json is not None:
            self._json.finish(
                run.tally,
                seconds=round(seconds, 3),
                unusable_input=faults,
                complete=not broken,
                broken_off=broken,
                exit_status=status,
                **(
                    {}
                    if answers is None
                    else {"pairing": pairing, "answers": {"outcome": answers.outcome, "report": answers}}
                ),
            )
        if self._junit is not None:
            for fault in run.faults:
                self._junit.add_fault(str(fault), file=fault.file)
            if broken:
                self._junit.add_fault(broken, file="the run")
            for row in () if answers is None else answers.rows:
                self._junit.add_row(row)
            self._junit.finish(run.tally, seconds=seconds)
