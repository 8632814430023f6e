"""Two recordings compared: requests exactly, by the wire rung, and answers by rates and times, never by their text.

Not the pairing (`recorded_sides`), one pair (`pair_comparer`), nor the going through all of them, in one process or in several
(`shim.comparison.runs.run`). Memory grows by the index alone, 129 bytes a pair: bodies are read when their turn comes, and
answers are judged over a bounded sample.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from shim.comparison.runs.judge import Judge
from shim.comparison.runs.lines import Line, LineFault
from shim.comparison.runs.run import MOST_FAULTS, Run
from shim.comparison.runs.workers import Workers
from shim.comparison.shadow_rung.shadow_report import ShadowReport, report_of
from shim.comparison.two_recordings.index_lines import NoComparer, ReadsKeys
from shim.comparison.two_recordings.pair_comparer import PairComparer
from shim.comparison.two_recordings.pair_lines import PairLines, ReadsPairs
from shim.comparison.two_recordings.pair_sample import PairSample
from shim.comparison.two_recordings.recorded_sides import PairingCounts, Recorded, RecordedSides
from shim.comparison.verdict import Outcome

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.comparison.rules import IgnoreRule
    from shim.comparison.runs.journal import Journal
    from shim.comparison.runs.judge import Judged
    from shim.comparison.runs.tally import Tally
    from shim.comparison.verdict import Verdict

MOST_PAIRS: Final = 50_000
"""Pairs whose answers are judged: shares are then known within half a point, and more would fill memory."""


_Told = TypeVar("_Told")


class RecordingsReport(Struct, frozen=True, kw_only=True):
    """What two recordings came to.

    Attributes:
        tally: of what was asked, pair by pair, and of what has no partner.
        answers: of what came back, over all pairs.
        pairing: how they were paired.
        faults: the first lines that could not be used; `tally.unusable` counts all.
    """

    tally: Tally
    answers: ShadowReport
    pairing: PairingCounts
    faults: tuple[LineFault, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing was found that needs a person."""
        wrong = self.tally.unusable or self.tally.count(Outcome.MISMATCH) or self.tally.count(Outcome.FAILED)
        return not wrong and self.answers.outcome != "mismatch"


def compare_recordings(
    control: Recorded,
    candidate: Recorded,
    *,
    baseline: Recorded = (),
    ignore: Iterable[IgnoreRule] = (),
    on_verdict: Callable[[Verdict], object] | None = None,
    confidence: float = 0.95,
    minimum_pairs: int = 30,
    workers: int = 1,
) -> RecordingsReport:
    """Compare what two clients, whichever they are, asked and got.

    Exchanges are paired by `pair_id`, else by what they ask and the order of occurrence. What found no partner is a mismatch.

    Args:
        control: a file of recorded exchanges, or several.
        candidate: likewise.
        baseline: what the control's client asked and got once more: what the two differ in is noise.
        ignore: differences of requests that are known.
        on_verdict: is told of each.
        confidence: with which all bounds of what is said of answers hold together.
        minimum_pairs: with which a field of answers is judged at all.
        workers: processes that compare. They are spawned: a script needs its `if __name__ == "__main__":`.

    Raises:
        UnusableFileError: a file is missing, is a directory, may not be read, is given twice, or holds nothing; or no two
            exchanges belong together.
        WorkerError: workers cannot begin, or end early over too many pairs.
        ValueError: `confidence` or `minimum_pairs` is out of its range.
    """
    report_of((), confidence=confidence, minimum_pairs=minimum_pairs)  # refuses them before the work
    with (
        TwoRecordings(control, candidate, baseline=baseline, ignore=ignore, workers=workers) as run,
        contextlib.closing(run.go_through()) as found,
    ):
        for _, judged in found:
            if on_verdict is not None:
                for verdict in judged.verdicts:
                    on_verdict(verdict)
        answers = run.answers(confidence=confidence, minimum_pairs=minimum_pairs)
        return RecordingsReport(tally=run.tally, answers=answers, pairing=run.pairing, faults=tuple(run.faults))


class TwoRecordings:
    """The comparison under way, pair by pair. Close it; belongs to one thread.

    Args:
        control, candidate, baseline, ignore, workers: as of `compare_recordings`, and what is raised.
        details: how many verdicts that want attention to keep with their exchanges.
        limit: how many lines of each recording to take; None for all.
        open_journal: opens what an earlier run found, to which what this one finds is added; it is given what verdicts depend
            on: the rules, and what the recordings are known again by.
        on_read: is told of each line that was read for the pairing.

    Attributes:
        tally: what requests came to so far.
        pairing: how the recordings were paired.
        details, faults: the first verdicts that want attention, and the first of what was unusable.
        obituaries: what ended the first of those workers that had to be replaced; `replaced` counts all.
    """

    def __init__(
        self,
        control: Recorded,
        candidate: Recorded,
        *,
        baseline: Recorded = (),
        ignore: Iterable[IgnoreRule] = (),
        details: int = 0,
        limit: int | None = None,
        workers: int = 1,
        open_journal: Callable[[dict[str, Any]], Journal] | None = None,
        on_read: Callable[[], object] = lambda: None,
    ) -> None:
        self._ignore = tuple(ignore)
        self._sample = PairSample(MOST_PAIRS)
        self._unobserved: Counter[str] = Counter()
        faults, ended = _First[LineFault](), _First[str]()
        with contextlib.ExitStack() as opened:
            with contextlib.closing(_index_judge(workers, on_replaced=ended.add)) as judge:
                sides = RecordedSides(
                    control,
                    candidate,
                    baseline=baseline,
                    limit=limit,
                    on_fault=faults.add,
                    judge=judge,
                    on_read=on_read,
                )
            opened.callback(sides.close)
            journal = None
            if open_journal is not None:
                journal = opened.enter_context(open_journal(_options(sides, self._ignore)))
            self.pairing = sides.counts
            self._lines = PairLines(sides)
            self._run = Run(
                partial(PairComparer, self._ignore),
                reads=ReadsPairs(),
                workers=workers,
                details=details,
                ignore=self._ignore,
                journal=journal,
            )
            self._opened = opened.pop_all()
        for fault in faults.kept:
            self._run.fault(fault)
        self._run.tally.unusable += faults.count - len(faults.kept)
        self._ended_before = ended.count
        self.tally, self.details, self.faults = self._run.tally, self._run.details, self._run.faults
        self.obituaries = self._run.obituaries
        self.obituaries += ended.kept

    @property
    def replaced(self) -> int:
        """How many workers ended early and were replaced."""
        return self._ended_before + self._run.replaced

    @property
    def size(self) -> int:
        """How many there are to be judged: pairs, and exchanges without a partner."""
        return self._lines.size or 0

    @property
    def position(self) -> int:
        """How many were read for it; with workers some more than are judged."""
        return self._lines.position

    @property
    def idle_rules(self) -> list[IgnoreRule]:
        """The ignore rules for requests that have covered nothing."""
        return [
            rule
            for place, rule in enumerate(self._ignore)
            if place not in self.tally.covered and rule.rung in (None, "wire")
        ]

    def go_through(self) -> Generator[tuple[Line, Judged], None, None]:
        """Compare pair after pair in the control's order, then tell what the candidate alone asked. Once.

        Raises:
            JournalError: the journal is of other recordings.
            WorkerError: as `compare_recordings`.
        """
        with contextlib.closing(self._run.go_through(self._lines)) as found:
            for line, judged in found:
                self._unobserved.update(judged.unobserved)
                if judged.observed is not None:
                    self._sample.add(judged.observed)
                yield line, judged

    def answers(self, *, confidence: float = 0.95, minimum_pairs: int = 30) -> ShadowReport:
        """What the answers of the pairs so far came to."""
        pairs = self._sample.pairs
        report = report_of(pairs, source="recordings", confidence=confidence, minimum_pairs=minimum_pairs)
        return replace(report, notes=(*report.notes, *self._notes(len(pairs))))

    def close(self) -> None:
        """Close the files."""
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _notes(self, kept: int) -> list[str]:
        """What a reader should know of how these answers were chosen."""
        notes = [f"{count:,} pairs tell nothing of their answers: {why}." for why, count in self._unobserved.items()]
        if kept < self._sample.offered:
            notes.append(f"Judged over {kept:,} of {self._sample.offered:,} pairs, chosen whatever they hold.")
        if self.pairing.baseline_alone:
            notes.append(f"{self.pairing.baseline_alone:,} exchanges of the baseline have no partner in the control.")
        return notes


class _First(Generic[_Told]):
    """The first of what is told before there is a run to count it, and how much it was."""

    def __init__(self) -> None:
        self.kept: list[_Told] = []
        self.count = 0

    def add(self, told: _Told) -> None:
        self.count += 1
        if len(self.kept) < MOST_FAULTS:
            self.kept.append(told)


def _index_judge(workers: int, *, on_replaced: Callable[[str], object]) -> Judge | Workers:
    """What makes the keys of lines, in as many processes as compare afterwards."""
    if workers == 1:
        return Judge(NoComparer(), reads=ReadsKeys())
    return Workers(NoComparer, reads=ReadsKeys(), count=workers, on_replaced=on_replaced)


def _options(sides: RecordedSides, ignore: Iterable[IgnoreRule]) -> dict[str, Any]:
    """What the verdicts depend on, as plain JSON, for the journal to be known by."""
    return {
        "ignore": [[rule.path, rule.rule, rule.rung, rule.reason, rule.owner] for rule in ignore],
        **{f"the {side}'s recording": identity for side, identity in sides.identities.items()},
    }
