"""The recordings of a comparison, indexed and paired: control, candidate, and the baseline where there is one.

Not the comparing (`compare_recordings`) nor the pairing itself (`pairing`). Whatever can be known to be wrong with the files is
known here, before anything is compared.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

from shim.comparison.explanation import asked
from shim.comparison.runs.lines import LineFault, UnusableFileError
from shim.comparison.two_recordings.indexed_recording import IndexedRecording
from shim.comparison.two_recordings.keys import TIERS
from shim.comparison.two_recordings.pairing import ALONE, PairedPlaces, paired
from shim.recording.files import STDIN
from shim.recording.remote import shown

if TYPE_CHECKING:
    from shim.comparison.runs.judge import Judge
    from shim.comparison.runs.workers import Workers
    from shim.recording.exchange import Role

Recorded: TypeAlias = "str | PathLike[str] | Sequence[str | PathLike[str]]"
"""A recording: a file, or several that belong together, as where a recorder began a new one."""

SIDES = ("control", "candidate", "baseline")


class UnpairedRecordingsError(UnusableFileError):
    """Recordings that cannot be held against each other; the message says why, and what to give."""


class PairingCounts(Struct, frozen=True, kw_only=True):
    """How two recordings were paired.

    Attributes:
        pairs: how many.
        by: key ("pair_id", "request", "conversation", "question") -> pairs that it found.
        missing, added: exchanges of the control, and of the candidate, without a partner.
        left_out: records of the other role in either file, which are no part of it.
        baseline: exchanges of the control that have a partner in the baseline; None where there is no baseline.
        baseline_alone: exchanges of the baseline without a partner.
    """

    pairs: int
    by: dict[str, int]
    missing: int
    added: int
    left_out: int = 0
    baseline: int | None = None
    baseline_alone: int = 0


class RecordedSides:
    """Two recordings, or three, indexed and paired. Close it; belongs to one thread.

    Args:
        control, candidate: what two clients asked and got.
        baseline: what the control's client asked and got once more; none where it is empty.
        limit: how many lines of each to take; None for all.
        on_fault: is told of each line that cannot be used.
        judge: makes the keys, as of `IndexedRecording`.
        on_read: is told that a line was read.

    Attributes:
        control, candidate, baseline: the indices.
        pairs: of control and candidate.
        again: of control and baseline; None where there is no baseline.
        counts: how they were paired.

    Raises:
        UnusableFileError: a file is missing, is a directory, or may not be read.
        UnpairedRecordingsError: a file is given twice, one holds nothing, or no two exchanges belong together.
    """

    def __init__(
        self,
        control: Recorded,
        candidate: Recorded,
        *,
        baseline: Recorded,
        limit: int | None,
        on_fault: Callable[[LineFault], None],
        judge: Judge | Workers | None = None,
        on_read: Callable[[], object] = lambda: None,
    ) -> None:
        named = [_named(each) for each in (control, candidate, baseline)]
        _refuse_twice([file for files in named for file in files])
        with contextlib.ExitStack() as opened:
            indices = [
                opened.enter_context(
                    _indexed(side, files, limit=limit, on_fault=on_fault, judge=judge, on_read=on_read)
                )
                for side, files in zip(SIDES, named, strict=True)
                if files or side != "baseline"
            ]
            self.control, self.candidate = indices[:2]
            self.baseline = indices[2] if len(indices) > 2 else None
            self.pairs: PairedPlaces = paired(self.control.columns, self.candidate.columns)
            self.again = None if self.baseline is None else paired(self.control.columns, self.baseline.columns)
            self.counts = self._counts()
            self._refuse_strangers()
            self._opened = opened.pop_all()

    @property
    def identities(self) -> dict[str, str]:
        """Side -> what its recording is known again by."""
        indices = (self.control, self.candidate, self.baseline)
        return {side: "" if index is None else index.identity for side, index in zip(SIDES, indices, strict=True)}

    def repeat_own(self, control: int, candidate: int) -> bool:
        """Whether what either exchange repeats of a model was said in its own recording, but for what both repeat alike."""
        return self.control.answers.unsaid[control] == self.candidate.answers.unsaid[candidate]

    def follow_partners(self, control: int, candidate: int) -> bool:
        """Whether both exchanges go on from answers kept at the server, to requests that are partners."""
        before = self.control.answers.after[control], self.candidate.answers.after[candidate]
        return ALONE not in before and self.pairs.partners[before[0]] == before[1]

    def forget_keys(self) -> None:
        """Let go of what is not needed once all are paired."""
        for index in (self.control, self.candidate, self.baseline):
            if index is not None:
                index.forget_keys()

    def close(self) -> None:
        """Close the files."""
        self._opened.close()

    def _counts(self) -> PairingCounts:
        found = self.pairs.by_tier(len(TIERS))
        indices = (self.control, self.candidate, *(() if self.baseline is None else (self.baseline,)))
        return PairingCounts(
            pairs=sum(found),
            by=dict(zip(TIERS, found, strict=True)),
            missing=len(self.control) - sum(found),
            added=len(self.pairs.alone),
            left_out=sum(index.left_out for index in indices),
            baseline=None if self.again is None else self.again.count,
            baseline_alone=0 if self.again is None else len(self.again.alone),
        )

    def _refuse_strangers(self) -> None:
        """Refuse recordings that have nothing in common: a list of all that is in either would tell nobody anything."""
        partner_side = ("candidate", self.candidate, self.counts.pairs)
        sides = [partner_side]
        if self.baseline is not None and self.again is not None:
            sides.append(("baseline", self.baseline, self.again.count))
        for side, index, pairs in sides:
            if not pairs:
                raise UnpairedRecordingsError(
                    f"no exchange of the control has a partner in the {side}: no pair id, request, conversation or words "
                    f"of a user are in both. The control begins with {_beginning(self.control)}; the {side} with "
                    f"{_beginning(index)}. Record the same calls with both clients"
                )


def _named(recorded: Recorded) -> tuple[str, ...]:
    files = (recorded,) if isinstance(recorded, (str, PathLike)) else recorded
    return tuple(fspath(file) for file in files)


def _refuse_twice(files: Sequence[str]) -> None:
    """Refuse one file in two places: what is compared with itself is always the same."""
    known: dict[object, str] = {}
    for file in files:
        key = _known_by(file)
        if key in known:
            also = "" if known[key] == file else f", as {known[key]}"
            raise UnpairedRecordingsError(
                f"{shown(file)} is given twice{also}: compared with itself a recording proves nothing; "
                f"give one recording of each client{', and a third of the control' if len(files) > 2 else ''}"
            )
        known[key] = file


def _known_by(file: str) -> object:
    """What a file is, however its name is spelt."""
    try:
        held = None if file == STDIN else Path(file).stat()
    except OSError:  # a URL; or it is not there, which is told by whoever opens it
        held = None
    return file if held is None else (held.st_dev, held.st_ino)


def _indexed(
    side: str,
    files: Sequence[str],
    *,
    limit: int | None,
    on_fault: Callable[[LineFault], None],
    judge: Judge | Workers | None,
    on_read: Callable[[], object],
) -> IndexedRecording:
    """The index of a side; refused where it holds nothing."""
    faults: list[LineFault] = []

    def note(fault: LineFault) -> None:
        if not faults:
            faults.append(fault)
        on_fault(fault)

    role: Role = "candidate" if side == "candidate" else "control"
    index = IndexedRecording(files, role=role, limit=limit, on_fault=note, judge=judge, on_read=on_read)
    if len(index):
        return index
    index.close()
    why = f" ({faults[0]})" if faults else ""
    raise UnpairedRecordingsError(
        f"the {side}, {', '.join(index.files)}, holds no exchange that can be used{why}; record it anew"
    )


def _beginning(index: IndexedRecording) -> str:
    """What the first exchanges of a recording ask, in a line."""
    first = [asked(index.read(number).request) for number in islice(range(len(index)), 2)]
    more = len(index) - len(first)
    return "; ".join(first) + (f" and {more:,} more" if more else "")


def places_alone(pairs: PairedPlaces) -> Iterable[int]:
    """The places of the control's exchanges that have no partner."""
    return (place for place, partner in enumerate(pairs.partners) if partner == ALONE)
