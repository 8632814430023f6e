"""A run: goes through recorded files, compares each exchange, and counts; in this process, or in several.

Not the comparing (`comparer`, handed in as what makes one), nor what is printed (`shim.cli.compare`) or written (`json_report`,
`junit`, `report`). Memory does not grow with the files: what is found is handed on line by line, in their order.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

from shim.comparison.runs.judge import ComparerMaker, Judge, Judged, ReadsLines
from shim.comparison.runs.lines import LineFault
from shim.comparison.runs.tally import Detail, Tally
from shim.comparison.runs.workers import WorkerError, Workers
from shim.recording.files import decode_exchange

if TYPE_CHECKING:
    from shim.comparison.rules import IgnoreRule
    from shim.comparison.runs.lines import Line, Source

# Bytes of recorded lines that details may hold together: with the largest bodies 200 details would be gigabytes.
DETAIL_BYTES = 64 << 20

MOST_FAULTS = 100  # kept to be told: a file of another kind is unusable in each of its lines


class Recalls(Protocol):
    """What knows of lines that were judged before; `shim.comparison.runs.journal.Journal` is one."""

    def recall(self, line: Line, /) -> Judged | None:
        """What was found in a line before; None from where on nothing is known."""
        ...

    def keep(self, line: Line, judged: Judged, /) -> None:
        """Take down what was found in a line."""
        ...


class Run:
    """One run over recorded files.

    Args:
        make_comparer: called once in each process; picklable where there are workers.
        reads: makes of a line what is compared; picklable likewise. None: a line is an exchange.
        workers: processes that compare; 1 compares in this one.
        isolated: whether even one compares in a process of its own, so that a line that kills it ends nothing.
        details: how many exchanges that want attention to keep for a closer look.
        ignore: the rules that `make_comparer` uses, to count what each covers.
        journal: what an earlier run found; what this one finds is added.

    Attributes:
        tally: what it came to so far.
        details: the first verdicts that want attention (mismatches, failed comparators), with their exchanges.
        faults: the first of what was unusable; `tally.unusable` counts all.
        replaced: how many workers ended early and were replaced; `obituaries` tells of the first of them.
    """

    def __init__(
        self,
        make_comparer: ComparerMaker,
        *,
        reads: ReadsLines[Any] | None = None,
        workers: int = 1,
        isolated: bool = False,
        details: int = 0,
        ignore: Sequence[IgnoreRule] = (),
        journal: Recalls | None = None,
    ) -> None:
        self.tally = Tally()
        self.details: list[Detail] = []
        self.faults: list[LineFault] = []
        self._taken = self._counted = 0  # lines
        self._noted: deque[tuple[int, LineFault]] = deque()  # how many lines were taken before, and the fault
        self.replaced = 0
        self.obituaries: list[str] = []
        self._make_comparer, self._reads = make_comparer, reads
        self._workers = workers
        self._isolated = isolated or workers > 1
        self._wanted = details
        self._room = DETAIL_BYTES
        self._ignore = tuple(ignore)
        self._journal = journal

    def go_through(self, source: Source) -> Generator[tuple[Line, Judged], None, None]:
        """Compare each line; what comes out is in the lines' order. A line that is unusable is a fault.

        Raises:
            WorkerError: a comparer cannot be made, or workers end early over too many lines.
            JournalError: the journal is of other files.
        """
        with contextlib.closing(self._lines_of(source)) as lines:
            for line in lines:
                known = None if self._journal is None else self._journal.recall(line)
                if known is None:
                    yield from self._compared(chain([line], lines))
                    break
                self._count(line, known)
                yield line, known
        self._tell_faults(before=self._taken + 1)

    def _lines_of(self, source: Source) -> Generator[Line, None, None]:
        """The lines, taken ahead of the counting: what cannot be read is told between the lines where it stands."""
        for line in source.lines(on_fault=lambda fault: self._noted.append((self._taken, fault))):
            self._taken += 1
            yield line

    def _tell_faults(self, *, before: int) -> None:
        """Count what could not be read before that many lines were taken."""
        while self._noted and self._noted[0][0] < before:
            self.fault(self._noted.popleft()[1])

    def fault(self, fault: LineFault) -> None:
        """Count input that cannot be used, and keep the first of it."""
        self.tally.unusable += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(fault)

    def _compared(self, lines: Iterator[Line]) -> Iterator[tuple[Line, Judged]]:
        with contextlib.closing(self._make_judge()) as judge:
            for line, judged in judge.judge(lines):
                if self._journal is not None:
                    self._journal.keep(line, judged)
                self._count(line, judged)
                yield line, judged

    def _make_judge(self) -> Judge | Workers:
        if self._isolated:
            return Workers(
                self._make_comparer,
                reads=self._reads,
                count=self._workers,
                details=self._wanted,
                on_replaced=self._replaced,
            )
        try:
            return Judge(self._make_comparer(), reads=self._reads, details=self._wanted)
        except Exception as error:  # told as a worker's failure to make one is
            raise WorkerError(f"the comparer cannot be made: {type(error).__name__}: {error}") from error

    def _replaced(self, obituary: str) -> None:
        self.replaced += 1
        if len(self.obituaries) < MOST_FAULTS:
            self.obituaries.append(obituary)

    def _count(self, line: Line, judged: Judged) -> None:
        self._counted += 1
        self._tell_faults(before=self._counted)
        if judged.facts is None:
            self.fault(LineFault(line.file, line.line, judged.fault))
            return
        self.tally.add(judged.facts, judged.verdicts, ignore=self._ignore)
        is_wanted = judged.wants_attention and len(self.details) < self._wanted
        if is_wanted and line.data and len(line.data) <= self._room:
            self._keep_details(line, judged)

    def _keep_details(self, line: Line, judged: Judged) -> None:
        exchange = decode_exchange(line.data)
        self._room -= len(line.data)
        for verdict in judged.verdicts:
            if not verdict.ok and len(self.details) < self._wanted:
                control, candidate = judged.readings or (None, None)
                self.details.append(
                    Detail(
                        verdict=verdict,
                        exchange=exchange,
                        control=control,
                        candidate=candidate,
                        file=line.file,
                        line=line.line,
                    )
                )
