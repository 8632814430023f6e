"""The pairs of two recordings as the lines of a run: each with its partner beside it, and what is made of such a line.

Not the pairing (`recorded_sides`), not the comparing (`pair_comparer`), nor the run itself (`shim.comparison.runs.run`), for
which these are a source like any other. What stands beside a line is plain data, since lines go to worker processes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from shim.comparison.runs.judge import Judged
from shim.comparison.runs.lines import Line, LineFault, Source
from shim.comparison.runs.tally import facts_of
from shim.comparison.two_recordings.keys import TIERS
from shim.comparison.two_recordings.pairing import ALONE
from shim.comparison.two_recordings.recorded_sides import RecordedSides, places_alone
from shim.comparison.two_recordings.without_partner import Askings
from shim.recording.exchange import Exchange
from shim.recording.files import RecordError, decode_exchange

if TYPE_CHECKING:
    from shim.comparison.shadow_rung.observation import ShadowPair
    from shim.comparison.two_recordings.indexed_recording import IndexedRecording
    from shim.comparison.verdict import Verdict

_MOST_FILES_NAMED = 3


class Beside(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What stands beside a line.

    Attributes:
        is_added: whether the line is the candidate's, which the control lacks.
        partner: where the candidate's exchange stands; "" where there is none.
        tier: the key that found it.
        candidate, baseline: the lines of the partners; empty where there is none.
        askings: of what has no partner, how often the control and the candidate ask the same.
        other: of what has no partner, the files in which there is none.
        repeats_own: whether both repeat what was said in their own recording, but for what they repeat alike.
        follows_partner: whether both go on from stored answers to requests that are partners.
    """

    is_added: bool = False
    partner: str = ""
    tier: str = ""
    candidate: bytes = b""
    baseline: bytes = b""
    askings: tuple[int, int] = (0, 0)
    other: str = ""
    repeats_own: bool = False
    follows_partner: bool = False


class RecordedPair(Struct, kw_only=True):
    """What is compared: an exchange and its partner.

    Attributes:
        place: where the exchange stands.
        exchange: the control's, or the candidate's that has no partner.
        candidate, baseline: the partners; None where there is none.
        beside: what is known of them.
        observed, unobserved: of the answers, once they are compared; as of `Judged`.
    """

    place: str
    exchange: Exchange
    candidate: Exchange | None
    baseline: Exchange | None
    beside: Beside
    observed: ShadowPair | None = None
    unobserved: tuple[str, ...] = ()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Beside).decode


class PairLines(Source):
    """The pairs in the control's order, then what the candidate alone asked. To be gone through once.

    Args:
        sides: the recordings, paired; their keys are let go.

    Attributes:
        size: how many there are: pairs, and exchanges without a partner.
        position: how many were given.
    """

    def __init__(self, sides: RecordedSides) -> None:
        super().__init__(())
        self._sides = sides
        self.size = len(sides.control) + len(sides.pairs.alone)
        alone = (places_alone(sides.pairs), sides.pairs.alone)
        self._askings = Askings(sides.control.columns, sides.candidate.columns, alone=alone)
        self._files = _some_of(sides.control.files), _some_of(sides.candidate.files)
        sides.forget_keys()

    def lines(self, *, on_fault: Callable[[LineFault], None]) -> Generator[Line, None, None]:
        """Give the lines; `on_fault` is told of each that cannot be read any more."""
        sides = self._sides
        for line in map(sides.control.place, range(len(sides.control))):
            yield from self._whole(line, sides.control, beside=self._beside_control, on_fault=on_fault)
        for number, place in enumerate(sides.pairs.alone, start=len(sides.control)):
            line = sides.candidate.place(place)
            for whole in self._whole(line, sides.candidate, beside=self._beside_added, on_fault=on_fault):
                yield whole._replace(number=number)

    def _whole(
        self,
        line: Line,
        index: IndexedRecording,
        *,
        beside: Callable[[int], Beside],
        on_fault: Callable[[LineFault], None],
    ) -> Generator[Line, None, None]:
        """A line with what belongs to it; nothing where that cannot be read."""
        self.position += 1
        try:
            whole = line._replace(data=index.data(line.number), beside=_encode(beside(line.number)))
        except OSError as error:
            on_fault(LineFault(line.file, line.line, _not_again(error.strerror or str(error))))
            return
        yield whole

    def _beside_control(self, place: int) -> Beside:
        sides = self._sides
        partner = sides.pairs.partners[place]
        if partner == ALONE:
            return Beside(askings=self._askings.of_control(place), other=self._files[1])
        again = ALONE if sides.again is None else sides.again.partners[place]
        return Beside(
            partner=sides.candidate.place(partner).place,
            tier=TIERS[sides.pairs.tiers[place]],
            candidate=sides.candidate.data(partner),
            baseline=b"" if sides.baseline is None or again == ALONE else sides.baseline.data(again),
            repeats_own=sides.repeat_own(place, partner),
            follows_partner=sides.follow_partners(place, partner),
        )

    def _beside_added(self, place: int) -> Beside:
        return Beside(is_added=True, askings=self._askings.of_candidate(place), other=self._files[0])


class ReadsPairs:
    """Of two recordings: a line is an exchange, with its partner beside it."""

    def read(self, line: Line) -> RecordedPair:
        """The exchange and its partners.

        Raises:
            RecordError: one cannot be read any more.
        """
        beside = _decode(line.beside)
        return RecordedPair(
            place=line.place,
            exchange=decode_exchange(line.data),
            candidate=decode_exchange(beside.candidate) if beside.partner else None,
            baseline=decode_exchange(beside.baseline) if beside.baseline else None,
            beside=beside,
        )

    def unusable(self, line: Line, *, error: RecordError) -> str:
        """Why the line is, and what to do: it could be read once."""
        partner = _decode(line.beside).partner
        return _not_again(f"with its partner {partner}: {error}" if partner else str(error))

    def exchange_of(self, held: RecordedPair) -> Exchange:
        """The exchange that stands in the line."""
        return held.exchange

    def left_out(self, _held: RecordedPair) -> str:
        """Nothing is: whose records are compared was settled by the index."""
        return ""

    def told(self, line: Line, held: RecordedPair, *, verdicts: tuple[Verdict, ...]) -> Judged:
        """Its verdict, where the partner stands, and what was seen of the answers."""
        facts = facts_of(held.exchange)
        if held.beside.is_added:  # how long the candidate took is no time of the control's
            facts = replace(facts, finished=None, first_byte=None)
        return Judged(
            number=line.number,
            pair_id=held.exchange.pair_id,
            facts=facts,
            verdicts=verdicts,
            partner=held.beside.partner,
            observed=held.observed,
            unobserved=held.unobserved,
        )


def _not_again(why: str) -> str:
    return f"it cannot be read again ({why}); compare files that nobody writes to"


def _some_of(files: Sequence[str]) -> str:
    """The files of a recording, so few that they can stand in a message."""
    more = len(files) - _MOST_FILES_NAMED
    return ", ".join(files[:_MOST_FILES_NAMED]) + (f" and {more:,} more" if more > 0 else "")
