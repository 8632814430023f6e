"""The judge of lines in this process: decodes each, compares its exchange, and keeps what the tally needs.

Not the lines (`lines`), not the comparing itself (`comparer`). `workers` has the same two verbs, and several processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from shim.comparison.explanation import failed, out_of_scope
from shim.comparison.readers import has_quick_way
from shim.comparison.runs.tally import Facts, facts_of
from shim.comparison.verdict import Outcome, Rung, Verdict
from shim.recording.exchange import Exchange
from shim.recording.files import NewerRecordError, RecordError, decode_exchange
from shim.recording.reading import Reading

if TYPE_CHECKING:
    from shim.comparison.runs.lines import Line
    from shim.comparison.shadow_rung.observation import ShadowPair
    from shim.comparison.two_recordings.answer_hashes import AnswerHashes

Readings: TypeAlias = "tuple[Reading | None, Reading | None]"


Held = TypeVar("Held")
_Compared_contra = TypeVar("_Compared_contra", contravariant=True)


class Compares(Protocol[_Compared_contra]):
    """What is needed of a comparer; `shim.comparison.comparer.Comparer` is one, of exchanges.

    One that makes `compare` anew is asked by it alone, whatever `compare_all` it inherits.
    """

    rungs: tuple[Rung, ...]

    @property
    def at_once(self) -> int:
        """How many exchanges together cost least; 1 where each is best compared by itself."""
        ...

    def compare(self, exchange: _Compared_contra, /) -> list[Verdict]:
        """Give a verdict per rung."""
        ...

    def compare_all(self, exchanges: Sequence[_Compared_contra], /) -> list[list[Verdict]]:
        """Give for each what `compare` would."""
        ...

    def readings(self, exchange: _Compared_contra, /) -> Readings:
        """What either side makes of the answer; None where it cannot be had."""
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


ComparerMaker: TypeAlias = Callable[[], Compares[Any]]
"""Makes a comparer, in each worker its own; pickled on the way there, such as `functools.partial(create_comparer, …)`."""


class Judged(Struct, frozen=True, kw_only=True):
    """What came of a line.

    Attributes:
        number: the line's place among all that are compared, from 0.
        pair_id: of its exchange.
        facts, verdicts: None and empty where the line is unusable.
        readings: of control and candidate, where they were asked for.
        fault: why the line is unusable, and what to do; "" where it is not.
        partner: of two recordings, where the exchange of the other one stands, "" where there is none; None of one recording.
        observed: of two recordings, what is compared of the answers of a pair; None where nothing is known of them.
        unobserved: why something of them is not known.
        keys, role: of a line that is indexed and not compared, what its exchange is paired by; empty of any other.
        hashes: of such a line, what its answer says and its request repeats.
    """

    number: int
    pair_id: str = ""
    facts: Facts | None = None
    verdicts: tuple[Verdict, ...] = ()
    readings: Readings | None = None
    fault: str = ""
    partner: str | None = None
    observed: ShadowPair | None = None
    unobserved: tuple[str, ...] = ()
    keys: tuple[int, ...] = ()
    role: str = ""
    hashes: AnswerHashes | None = None

    @property
    def wants_attention(self) -> bool:
        """Whether a verdict is a mismatch or a failed comparator."""
        return not all(verdict.ok for verdict in self.verdicts)


class ReadsLines(Protocol[Held]):
    """What is made of a line before it is compared, and what is told of it afterwards; pickled into each worker."""

    def read(self, line: Line, /) -> Held:
        """What is compared.

        Raises:
            RecordError: the line is unusable.
        """
        ...

    def unusable(self, line: Line, /, *, error: RecordError) -> str:
        """Why it is, and what to do."""
        ...

    def exchange_of(self, held: Held, /) -> Exchange:
        """The exchange that stands in the line."""
        ...

    def left_out(self, held: Held, /) -> str:
        """Why it is not compared; "" where it is."""
        ...

    def told(self, line: Line, held: Held, /, *, verdicts: tuple[Verdict, ...]) -> Judged:
        """What came of it."""
        ...


class ReadsExchanges:
    """Of one recording: a line is an exchange."""

    def read(self, line: Line) -> Exchange:
        """The exchange."""
        return decode_exchange(line.data)

    def unusable(self, line: Line, *, error: RecordError) -> str:
        """Why it is, and what to do."""
        return unusable(line.data, error)

    def exchange_of(self, held: Exchange) -> Exchange:
        """The exchange itself."""
        return held

    def left_out(self, held: Exchange) -> str:
        """The control's are compared."""
        return _OWN_RECORD if held.role == "candidate" else ""

    def told(self, line: Line, held: Exchange, *, verdicts: tuple[Verdict, ...]) -> Judged:
        """Its verdicts, and what a tally keeps."""
        return Judged(number=line.number, pair_id=held.pair_id, facts=facts_of(held), verdicts=verdicts)


_OWN_RECORD = "it is the candidate's own record; the control's are compared"


class Judge:
    """Judges lines, in this process. Holds a comparer: close it. Belongs to one thread.

    Args:
        comparer: compares.
        reads: makes of a line what is compared.
        details: for how many exchanges that want attention to have both sides read once more, for `Judged.readings`.
        on_batch: told of the lines that are compared next, together.
    """

    def __init__(
        self,
        comparer: Compares[Any],
        *,
        reads: ReadsLines[Any] | None = None,
        details: int = 0,
        on_batch: Callable[[Sequence[Line]], object] = lambda _: None,
    ) -> None:
        self._comparer = comparer
        self._reads = ReadsExchanges() if reads is None else reads
        self._details = details
        self._on_batch = on_batch
        self._is_quick = has_quick_way(comparer, one="compare", many="compare_all")

    def judge(self, lines: Iterable[Line]) -> Iterator[tuple[Line, Judged]]:
        """Judge lines, as many together as cost least, in their order; nothing is raised for what they hold."""
        for batch in batches(lines, self._at_once):
            self._on_batch(batch)
            yield from zip(batch, self._judge_batch(batch), strict=True)

    def before_comparing(self, line: Line) -> Judged:
        """What is known of a line without comparing it, as failed verdicts whose reason is still to come.

        For a line that may end the process: whoever is left then adds the reason, at the end of each message too.
        """
        held = self._read(line)
        if isinstance(held, RecordError):
            return self._unusable(line, held)
        exchange = self._reads.exchange_of(held)
        return self._told(line, held, verdicts=[failed(rung, exchange, reason="") for rung in self._comparer.rungs])

    def close(self) -> None:
        """Close the comparer."""
        self._comparer.close()

    def _at_once(self) -> int:
        return self._comparer.at_once if self._is_quick else 1

    def _judge_batch(self, lines: Sequence[Line]) -> list[Judged]:
        read = [self._read(line) for line in lines]
        found = self._compare_all([held for held in read if self._is_compared(held)])
        return [self._judged(line, held, found=found) for line, held in zip(lines, read, strict=True)]

    def _read(self, line: Line) -> Any:
        try:
            return self._reads.read(line)
        except RecordError as error:
            return error

    def _is_compared(self, held: Any) -> bool:
        return not isinstance(held, RecordError) and not self._reads.left_out(held)

    def _judged(self, line: Line, held: Any, *, found: Iterator[list[Verdict]]) -> Judged:
        """What came of a line; `found` is what the next of those that were compared together came to, if any were."""
        if isinstance(held, RecordError):
            return self._unusable(line, held)
        known = next(found, None) if self._is_compared(held) else None
        judged = self._told(line, held, verdicts=self._compare(held) if known is None else known)
        if self._details > 0 and judged.wants_attention:
            self._details -= 1
            return replace(judged, readings=self._readings(held))
        return judged

    def _unusable(self, line: Line, error: RecordError) -> Judged:
        return Judged(number=line.number, fault=self._reads.unusable(line, error=error))

    def _told(self, line: Line, held: Any, *, verdicts: Iterable[Verdict]) -> Judged:
        numbered = tuple(replace(verdict, number=line.number) for verdict in verdicts)
        return self._reads.told(line, held, verdicts=numbered)

    def _readings(self, held: Any) -> Readings:
        """For a closer look; where a side cannot be had, that is what its verdict says already."""
        try:
            return self._comparer.readings(held)
        except Exception:  # noqa: BLE001 - one exchange that cannot be read must not end the run
            return None, None

    def _compare_all(self, held: Sequence[Any]) -> Iterator[list[Verdict]]:
        """The verdicts on each; none where a comparer fails with one of them: then each is compared by itself, and told so."""
        if not self._is_quick or len(held) < 2:
            return iter(())
        try:
            return iter(self._comparer.compare_all(held))
        except Exception:  # noqa: BLE001 - comparing them one by one shows whose it is
            return iter(())

    def _compare(self, held: Any) -> list[Verdict]:
        exchange, left_out = self._reads.exchange_of(held), self._reads.left_out(held)
        if left_out:
            return [out_of_scope(rung, exchange, reason=left_out) for rung in self._comparer.rungs]
        try:
            return self._comparer.compare(held)
        except Exception as error:  # noqa: BLE001 - a fault of a comparer is told as what it is, and the other lines go on
            reason = f"{type(error).__name__}: {error}"
            message = f"Exchange {exchange.pair_id}: the comparer raised {reason}. This is a fault of the comparer; report it."
            return [
                Verdict(rung=rung, outcome=Outcome.FAILED, pair_id=exchange.pair_id, reason=reason, message=message)
                for rung in self._comparer.rungs
            ]


BATCH_BYTES = 1 << 20
"""Bytes of lines from which a batch is full, however few they are."""


def batches(lines: Iterable[Line], size: Callable[[], int]) -> Iterator[list[Line]]:
    """Lines by the batch, as many as `size` says at that moment, and fewer where they are long."""
    batch: list[Line] = []
    held = 0
    for line in lines:
        batch.append(line)
        held += len(line.data) + len(line.beside)
        if len(batch) >= size() or held >= BATCH_BYTES:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def unusable(data: bytes, error: RecordError) -> str:
    """Why a line cannot be used, and what to do; an unfinished last one has a cause of its own."""
    if data.endswith(b"\n") or isinstance(error, NewerRecordError):
        return str(error)
    return f"the last line is cut short ({error}); its recorder was ended without close(), or is still writing"
