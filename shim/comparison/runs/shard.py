"""One shard of a run: its files that have no part yet, as a source, and the writing of their parts line by line.

Not the judging (`run`), nor the form of a part (`parts`). A part is kept when the lines of its file have all been judged, the
file could be read to its end, and is still what the plan says; otherwise nothing is kept of it, and a complaint says why.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING

from shim.comparison.runs.inputs import FileIdentity, identify
from shim.comparison.runs.lines import Line, LineFault, Source, UnusableFileError
from shim.comparison.runs.parts import PartsPlan, PartWriter
from shim.comparison.runs.parts_folder import PartsFolder, Unfinished

if TYPE_CHECKING:
    from shim.comparison.runs.judge import Judged


class Shard(Source):
    """The files of a shard that have no part yet. Take what is judged line by line, then `finish`; `abandon` it at any end.

    Args:
        files: of the whole run, as they are opened, in the plan's order.
        index, count: which shard of how many: every `count`th file, from the `index`th on.
        plan: of the run.
        folder: of the parts.

    Attributes:
        own: how many files the shard has.
        found: how many of them had their part before.
        kept: how many parts were written.
        complaints: of files that have no part in the end.

    Raises:
        UnusableFileError: a file cannot be read.
        OSError: the folder cannot be read.
    """

    def __init__(self, files: Sequence[str], *, index: int, count: int, plan: PartsPlan, folder: PartsFolder) -> None:
        own = list(zip(files, plan.files, strict=True))[index::count]
        done = set(folder.names())
        todo = [(file, known) for file, known in own if plan.part_of(known) not in done]
        super().__init__([file for file, _ in todo])
        self.own, self.found, self.kept = len(own), len(own) - len(todo), 0
        self.complaints: list[str] = []
        self._todo = deque(todo)
        self._plan = plan
        self._folder = folder
        self._damaged: dict[str, LineFault] = {}
        self._part: tuple[Unfinished, PartWriter] | None = None
        self._began = time.monotonic()

    def lines(self, *, on_fault: Callable[[LineFault], None]) -> Generator[Line, None, None]:
        """Give the lines, and note where the reading of a file ended early."""

        def note(fault: LineFault) -> None:
            self._damaged[fault.file] = fault
            on_fault(fault)

        yield from super().lines(on_fault=note)

    def take(self, line: Line, judged: Judged, *, closely: bool) -> None:
        """Take what was found in a line; `closely`: it is one of those to look at."""
        while self._todo[0][1].path != line.file:
            self._end()
        self._writer.add(line, judged, closely=closely)

    def finish(self) -> None:
        """Keep the parts of all files; every line has been judged."""
        while self._todo:
            self._end()

    def abandon(self) -> None:
        """Leave nothing of a part that is not finished."""
        part, self._part = self._part, None
        if part is not None:
            part[0].discard()

    @property
    def _writer(self) -> PartWriter:
        """That of the file at hand."""
        if self._part is None:
            known = self._todo[0][1]
            unfinished = self._folder.begin(self._plan.part_of(known))
            self._part = unfinished, PartWriter(unfinished.file, plan=self._plan, file=known)
        return self._part[1]

    def _end(self) -> None:
        """Keep the part of the file at hand, or say why not."""
        file, known = self._todo[0]
        writer, damage = self._writer, self._damaged.get(known.path)
        complaint = _complaint(file, known, unreadable=self.unreadable.get(known.path))
        now = time.monotonic()
        if complaint:
            self.complaints.append(complaint)
            self.abandon()
        else:
            if damage is not None:
                writer.damaged(damage.line, damage.message)
            writer.finish(seconds=now - self._began)
            self._keep()
        self._began = now
        self._todo.popleft()

    def _keep(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            part[0].keep()
            self.kept += 1


def _complaint(file: str, known: FileIdentity, *, unreadable: LineFault | None) -> str:
    """Why nothing can be kept of a file; "" where all is well."""
    if unreadable is not None:
        return f"{unreadable}. Nothing is kept of this file; run the shard again"
    try:
        is_same = identify(file) == known
    except UnusableFileError as error:
        return f"{error}. It was there when the run began: nothing is kept of it"
    if is_same:
        return ""
    return (
        f"{known.path} changed while it was compared: nothing is kept of it. Compare recordings that are not written to any "
        f"more, with another --parts, since this run is over the file as it was"
    )
