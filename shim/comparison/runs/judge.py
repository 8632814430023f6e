"""The judge of lines in this process: decodes each, compares its exchange, and keeps what the tally needs.

Not the lines (`lines`), not the comparing itself (`comparer`). `workers` has the same two verbs, and several processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

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

Readings: TypeAlias = "tuple[Reading | None, Reading | None]"


class Compares(Protocol):
    """What is needed of a comparer; `shim.comparison.comparer.Comparer` is one.

    One that makes `compare` anew is asked by it alone, whatever `compare_all` it inherits.
    """

    rungs: tuple[Rung, ...]

    @property
    def at_once(self) -> int:
        """How many exchanges together cost least; 1 where each is best compared by itself."""
        ...

    def compare(self, exchange: Exchange) -> list[Verdict]:
        """Give a verdict per rung."""
        ...

    def compare_all(self, exchanges: Sequence[Exchange]) -> list[list[Verdict]]:
        """Give for each what `compare` would."""
        ...

    def readings(self, exchange: Exchange) -> Readings:
        """What either side makes of the answer; None where it cannot be had."""
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


ComparerMaker: TypeAlias = Callable[[], Compares]
"""Makes a comparer, in each worker its own; pickled on the way there, such as `functools.partial(create_comparer, …)`."""

_OWN_RECORD = "it is the candidate's own record; the control's are compared"


class Judged(Struct, frozen=True, kw_only=True):
    """What came of a line.

    Attributes:
        number: the line's place among all that are compared, from 0.
        pair_id: of its exchange.
        facts, verdicts: None and empty where the line is unusable.
        readings: of control and candidate, where they were asked for.
        fault: why the line is unusable, and what to do; "" where it is not.
        partner: of two recordings, where the exchange of the other one stands, "" where there is none; None of one recording.
    """

    number: int
    pair_id: str = ""
    facts: Facts | None = None
    verdicts: tuple[Verdict, ...] = ()
    readings: Readings | None = None
    fault: str = ""
    partner: str | None = None

    @property
    def wants_attention(self) -> bool:
        """Whether a verdict is a mismatch or a failed comparator."""
        return not all(verdict.ok for verdict in self.verdicts)


class Judge:
    """Judges lines, in this process. Holds a comparer: close it. Belongs to one thread.

    Args:
        comparer: compares.
        details: for how many exchanges that want attention to have both sides read once more, for `Judged.readings`.
        on_batch: told of the lines that are compared next, together.
    """

    def __init__(
        self, comparer: Compares, *, details: int = 0, on_batch: Callable[[Sequence[Line]], object] = lambda _: None
    ) -> None:
        self._comparer = comparer
        self._details = details
        self._on_batch = on_batch
        self._is_quick = has_quick_way(comparer, one="compare", many="compare_all")

    def judge(self, lines: Iterable[Line]) -> Iterator[tuple[Line, Judged]]:
        """Judge lines, as many together as cost least, in their order; nothing is raised for what they hold."""
        for batch in batches(lines, self._at_once):
            self._on_batch(batch)
            yield from zip(batch, self._judge_batch(batch), strict=True)

    def _at_once(self) -> int:
        return self._comparer.at_once if self._is_quick else 1

    def _judge_batch(self, lines: Sequence[Line]) -> list[Judged]:
        read = [_exchange_of(line) for line in lines]
        found = self._compare_all([each for each in read if isinstance(each, Exchange) and each.role != "candidate"])
        return [self._judged(line, each, found=found) for line, each in zip(lines, read, strict=True)]

    def before_comparing(self, line: Line) -> Judged:
        """What is known of a line without comparing it, as failed verdicts whose reason is still to come.

        For a line that may end the process: whoever is left then adds the reason, at the end of each message too.
        """
        exchange = _exchange_of(line)
        if isinstance(exchange, RecordError):
            return Judged(number=line.number, fault=unusable(line.data, exchange))
        verdicts = tuple(
            replace(failed(rung, exchange, reason=""), number=line.number) for rung in self._comparer.rungs
        )
        return Judged(number=line.number, pair_id=exchange.pair_id, facts=facts_of(exchange), verdicts=verdicts)

    def _judged(self, line: Line, exchange: Exchange | RecordError, *, found: Iterator[list[Verdict]]) -> Judged:
        """What came of a line; `found` is what the next of those that were compared together came to, if any were."""
        if isinstance(exchange, RecordError):
            return Judged(number=line.number, fault=unusable(line.data, exchange))
        known = next(found, None) if exchange.role != "candidate" else None
        verdicts = tuple(
            replace(verdict, number=line.number) for verdict in (self._compare(exchange) if known is None else known)
        )
        judged = Judged(number=line.number, pair_id=exchange.pair_id, facts=facts_of(exchange), verdicts=verdicts)
        if self._details > 0 and judged.wants_attention:
            self._details -= 1
            return replace(judged, readings=self._readings(exchange))
        return judged

    def _readings(self, exchange: Exchange) -> Readings:
        """For a closer look; where a side cannot be had, that is what its verdict says already."""
        try:
            return self._comparer.readings(exchange)
        except Exception:  # noqa: BLE001 - one exchange that cannot be read must not end the run
            return None, None

    def _compare_all(self, exchanges: Sequence[Exchange]) -> Iterator[list[Verdict]]:
        """The verdicts on each; none where a comparer fails with one of them: then each is compared by itself, and told so."""
        if not self._is_quick or len(exchanges) < 2:
            return iter(())
        try:
            return iter(self._comparer.compare_all(exchanges))
        except Exception:  # noqa: BLE001 - comparing them one by one shows whose it is
            return iter(())

    def _compare(self, exchange: Exchange) -> list[Verdict]:
        if exchange.role == "candidate":
            return [out_of_scope(rung, exchange, reason=_OWN_RECORD) for rung in self._comparer.rungs]
        try:
            return self._comparer.compare(exchange)
        except Exception as error:  # noqa: BLE001 - a fault of a comparer is told as what it is, and the other lines go on
            reason = f"{type(error).__name__}: {error}"
            message = f"Exchange {exchange.pair_id}: the comparer raised {reason}. This is a fault of the comparer; report it."
            return [
                Verdict(rung=rung, outcome=Outcome.FAILED, pair_id=exchange.pair_id, reason=reason, message=message)
                for rung in self._comparer.rungs
            ]

    def close(self) -> None:
        """Close the comparer."""
        self._comparer.close()


def _exchange_of(line: Line) -> Exchange | RecordError:
    try:
        return decode_exchange(line.data)
    except RecordError as error:
        return error


BATCH_BYTES = 1 << 20
"""Bytes of lines from which a batch is full, however few they are."""


def batches(lines: Iterable[Line], size: Callable[[], int]) -> Iterator[list[Line]]:
    """Lines by the batch, as many as `size` says at that moment, and fewer where they are long."""
    batch: list[Line] = []
    held = 0
    for line in lines:
        batch.append(line)
        held += len(line.data)
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
