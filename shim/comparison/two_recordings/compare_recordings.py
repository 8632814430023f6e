"""Two recordings compared: requests exactly, by the wire rung, and answers by rates and times, never by their text.

Not the pairing (`recorded_sides`), the fields of an answer (`recorded_observation`) nor how they are judged (`shadow_report`).
Memory grows by the index alone, some 140 bytes an exchange: bodies are read when their turn comes, and answers are judged over
a bounded sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Iterable
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from shim.comparison.runs.judge import Judged
from shim.comparison.runs.lines import Line, LineFault
from shim.comparison.runs.run import DETAIL_BYTES, MOST_FAULTS
from shim.comparison.runs.tally import Detail, Tally, facts_of
from shim.comparison.shadow_rung.observation import CallObservation, ShadowPair
from shim.comparison.shadow_rung.shadow_report import ShadowReport, report_of
from shim.comparison.two_recordings.keys import TIER_WORDS, TIERS
from shim.comparison.two_recordings.pair_sample import PairSample
from shim.comparison.two_recordings.pairing import ALONE
from shim.comparison.two_recordings.recorded_observation import observation_of
from shim.comparison.two_recordings.recorded_sides import PairingCounts, Recorded, RecordedSides, places_alone
from shim.comparison.two_recordings.without_partner import Askings, added, missing
from shim.comparison.verdict import Outcome
from shim.comparison.wire_rung.compare_wire import compare_wire
from shim.recording.exchange import Exchange, UnreadableExchangeError
from shim.recording.files import RecordError

if TYPE_CHECKING:
    from typing_extensions import Self

    from shim.comparison.rules import IgnoreRule
    from shim.comparison.two_recordings.indexed_recording import IndexedRecording
    from shim.comparison.verdict import Verdict

MOST_PAIRS: Final = 50_000
"""PairedPlaces whose answers are judged: shares are then known within half a point, and more would fill memory."""


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

    Raises:
        UnusableFileError: a file is missing, is a directory, may not be read, is given twice, or holds nothing; or no two
            exchanges belong together.
        ValueError: `confidence` or `minimum_pairs` is out of its range.
    """
    report_of((), confidence=confidence, minimum_pairs=minimum_pairs)  # refuses them before the work
    with TwoRecordings(control, candidate, baseline=baseline, ignore=ignore) as run:
        for _, judged in run.judge():
            if on_verdict is not None:
                for verdict in judged.verdicts:
                    on_verdict(verdict)
        answers = run.answers(confidence=confidence, minimum_pairs=minimum_pairs)
        return RecordingsReport(tally=run.tally, answers=answers, pairing=run.pairing, faults=tuple(run.faults))


class TwoRecordings:
    """The comparison under way, pair by pair. Close it; belongs to one thread.

    Args:
        control, candidate, baseline, ignore: as of `compare_recordings`, and what is raised.
        details: how many verdicts that want attention to keep with their exchanges.
        limit: how many lines of each recording to take; None for all.

    Attributes:
        tally: what requests came to so far.
        pairing: how the recordings were paired.
        details, faults: the first verdicts that want attention, and the first of what was unusable.
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
    ) -> None:
        self.tally = Tally()
        self.details: list[Detail] = []
        self.faults: list[LineFault] = []
        self._ignore = tuple(ignore)
        self._wanted, self._room = details, DETAIL_BYTES
        self._sample = PairSample(MOST_PAIRS)
        self._unobserved: Counter[str] = Counter()
        self._position = 0
        self._sides = RecordedSides(control, candidate, baseline=baseline, limit=limit, on_fault=self._fault)
        self.pairing = self._sides.counts

    @property
    def size(self) -> int:
        """How many there are to be judged: pairs, and exchanges without a partner."""
        return len(self._sides.control) + len(self._sides.pairs.alone)

    @property
    def position(self) -> int:
        """How many are judged."""
        return self._position

    @property
    def idle_rules(self) -> list[IgnoreRule]:
        """The ignore rules for requests that have covered nothing."""
        return [
            rule
            for place, rule in enumerate(self._ignore)
            if place not in self.tally.covered and rule.rung in (None, "wire")
        ]

    def judge(self) -> Generator[tuple[Line, Judged], None, None]:
        """Compare pair after pair in the control's order, then tell what the candidate alone asked. Once."""
        sides = self._sides
        alone = (places_alone(sides.pairs), sides.pairs.alone)
        askings = Askings(sides.control.columns, sides.candidate.columns, alone=alone)
        for place in range(len(sides.control)):
            line = sides.control.place(place)
            yield line, self._counted(line, partial(self._of_control, line, askings=askings))
        for number, place in enumerate(sides.pairs.alone, start=len(sides.control)):
            line = sides.candidate.place(place)
            told = partial(self._of_candidate, line, askings=askings, number=number)
            yield line._replace(number=number), self._counted(line, told)

    def answers(self, *, confidence: float = 0.95, minimum_pairs: int = 30) -> ShadowReport:
        """What the answers of the pairs so far came to."""
        pairs = self._sample.pairs
        report = report_of(pairs, source="recordings", confidence=confidence, minimum_pairs=minimum_pairs)
        return replace(report, notes=(*report.notes, *self._notes(len(pairs))))

    def close(self) -> None:
        """Close the files."""
        self._sides.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    def _counted(self, line: Line, judge: Callable[[], tuple[Judged, Exchange]]) -> Judged:
        """What came of a line, counted; a line that can no longer be read is a fault."""
        self._position += 1
        try:
            judged, exchange = judge()
        except (RecordError, OSError) as error:
            fault = f"it cannot be read again ({error}); compare files that nobody writes to"
            self._fault(LineFault(line.file, line.line, fault))
            return Judged(number=line.number, fault=fault)
        if judged.facts is not None:
            self.tally.add(judged.facts, judged.verdicts, ignore=self._ignore)
        self._keep_details(line, judged, exchange=exchange)
        return judged

    def _of_control(self, line: Line, *, askings: Askings) -> tuple[Judged, Exchange]:
        sides, place = self._sides, line.number
        control = sides.control.read(place)
        partner = sides.pairs.partners[place]
        if partner == ALONE:
            found = missing(
                control,
                place=line.place,
                askings=askings.of_control(place),
                other=_files(sides.candidate),
                ignore=self._ignore,
            )
            where = ""
        else:
            candidate = sides.candidate.read(partner)
            where = sides.candidate.place(partner).place
            tier = TIERS[sides.pairs.tiers[place]]
            found = _with_partner(compare_wire(control, candidate, ignore=self._ignore), where=where, tier=tier)
            self._observe(place, control, candidate=candidate)
        return _judged(found, control, number=place, partner=where), control

    def _of_candidate(self, line: Line, *, askings: Askings, number: int) -> tuple[Judged, Exchange]:
        candidate = self._sides.candidate.read(line.number)
        found = added(
            candidate,
            place=line.place,
            askings=askings.of_candidate(line.number),
            other=_files(self._sides.control),
            ignore=self._ignore,
        )
        judged = _judged(found, candidate, number=number, partner="")
        if judged.facts is None:
            return judged, candidate
        # How long the candidate took is no time of the control's.
        return replace(judged, facts=replace(judged.facts, finished=None, first_byte=None)), candidate

    def _observe(self, place: int, control: Exchange, *, candidate: Exchange) -> None:
        """Keep what is compared of both answers, and of the baseline's where there is one."""
        try:
            seen = observation_of(control), observation_of(candidate)
        except UnreadableExchangeError as error:
            self._unobserved[str(error)] += 1
            return
        facts = facts_of(control)
        self._sample.add(
            ShadowPair(
                pair_id=control.pair_id,
                at=control.started_at,
                model=facts.model,
                control=seen[0],
                candidate=seen[1],
                baseline=self._baseline_of(place),
            )
        )

    def _baseline_of(self, place: int) -> CallObservation | None:
        sides = self._sides
        if sides.baseline is None or sides.again is None or sides.again.partners[place] == ALONE:
            return None
        try:
            return observation_of(sides.baseline.read(sides.again.partners[place]))
        except UnreadableExchangeError as error:
            self._unobserved[f"the baseline: {error}"] += 1
            return None

    def _notes(self, kept: int) -> list[str]:
        """What a reader should know of how these answers were chosen."""
        notes = [f"{count:,} pairs tell nothing of their answers: {why}." for why, count in self._unobserved.items()]
        if kept < self._sample.offered:
            notes.append(f"Judged over {kept:,} of {self._sample.offered:,} pairs, chosen whatever they hold.")
        if self.pairing.baseline_alone:
            notes.append(f"{self.pairing.baseline_alone:,} exchanges of the baseline have no partner in the control.")
        return notes

    def _fault(self, fault: LineFault) -> None:
        self.tally.unusable += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(fault)

    def _keep_details(self, line: Line, judged: Judged, *, exchange: Exchange) -> None:
        response = exchange.response
        weight = max(0, exchange.request.length) + (0 if response is None else response.length)
        if judged.wants_attention and len(self.details) < self._wanted and weight <= self._room:
            self._room -= weight
            for verdict in judged.verdicts:
                self.details.append(Detail(verdict=verdict, exchange=exchange, file=line.file, line=line.line))


def _judged(verdict: Verdict, exchange: Exchange, *, number: int, partner: str) -> Judged:
    return Judged(
        number=number,
        pair_id=exchange.pair_id,
        facts=facts_of(exchange),
        verdicts=(replace(verdict, number=number),),
        partner=partner,
    )


def _with_partner(verdict: Verdict, *, where: str, tier: str) -> Verdict:
    """The verdict, and in its words where the partner stands and what made it one."""
    if verdict.outcome == Outcome.MATCH:
        return verdict
    return replace(verdict, message=f"{verdict.message}\n  partner    {where}, by {TIER_WORDS[tier]}")


def _files(index: IndexedRecording) -> str:
    return ", ".join(index.files)
