"""The merging of parts: all that was found in the files of a plan, in their order, as a run recalls what it found before.

Not the counting (`run`), which is that of any run: merged parts stand in the place of its files and of its journal, so what comes
out is what one run over everything would have come to, and nothing is compared anew.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing

from msgspec.structs import replace

from shim.comparison.runs.judge import Judged
from shim.comparison.runs.lines import Line, LineFault, Source
from shim.comparison.runs.parts import PLAN, SUFFIX, PartEntry, PartReader, PartsError, PartsPlan, read_plan
from shim.comparison.runs.parts_folder import PartsFolder

_MOST_NAMED = 5


class MergedParts(Source):
    """The parts of a folder, as the source of a run and as its journal, which recalls every line.

    Attributes:
        plan: of the run.
        size, position: parts to read, and read; `Source` counts bytes.
        seconds: that the processes took together, once all is read.

    Raises:
        PartsError: parts are missing, are not whole, or do not belong there.
        OSError: they cannot be read.
    """

    def __init__(self, folder: PartsFolder) -> None:
        super().__init__(())
        self._folder = folder
        self.plan = read_plan(folder)
        self.files = tuple(file.path for file in self.plan.files)
        self.size = len(self.files)
        self.seconds = 0.0
        self._found: Judged | None = None
        _check(folder, self.plan)

    def lines(self, *, on_fault: Callable[[LineFault], None]) -> Generator[Line, None, None]:
        """Give the lines: of those that are looked at closely the bytes, too."""
        number = 0
        for file in self.plan.files:
            with closing(PartReader(self._folder, plan=self.plan, file=file)) as part:
                for entry in part.entries():
                    if entry.damage:
                        on_fault(LineFault(file.path, entry.line, entry.damage))
                        continue
                    self._found = _judged(entry, number)
                    yield Line(file.path, entry.line, number, entry.data)
                    number += 1
                self.seconds += part.seconds
            self.position += 1

    def recall(self, _line: Line) -> Judged | None:
        """What was found in the line that was given last."""
        return self._found

    def keep(self, line: Line, _judged: Judged) -> None:
        """Refuse what no part holds."""
        raise PartsError(f"{line.place} stands in no part of {self._folder.name}")


def _judged(entry: PartEntry, number: int) -> Judged:
    return Judged(
        number=number,
        pair_id=entry.pair_id,
        facts=entry.facts,
        verdicts=tuple(replace(verdict, number=number) for verdict in entry.verdicts),
        readings=entry.readings,
        fault=entry.fault,
    )


def _check(folder: PartsFolder, plan: PartsPlan) -> None:
    """Refuse what is not exactly the parts of the plan, before anything is shown or written."""
    wanted = {plan.part_of(file): file for file in plan.files}
    found = set(folder.names()) - {PLAN}
    strange = sorted(name for name in found - wanted.keys() if name.endswith(SUFFIX))
    if strange:
        raise PartsError(
            f"{folder.name} holds parts that are not of this run: {_listed(strange)}; a part of another version, of other "
            f"options, or of a file that has changed since has another name. Remove them"
        )
    missing = [file.path for name, file in wanted.items() if name not in found]
    if missing:
        raise PartsError(
            f"{folder.name} lacks {len(missing)} of {len(wanted)} parts: {_listed(missing)}; run their shards again, or "
            f"--shard 0/1 over the same files, which does what is missing"
        )
    for file in plan.files:
        PartReader(folder, plan=plan, file=file).close()


def _listed(names: list[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
