"""The tee rung: do both sides read the same recorded bytes the same way? Exact, and without a call to any API.

Not the readers (`session_reader`: a whole client on a replaying session; `codec_reader`: the codecs), not where readings part
(`reading_differences`), not other cuts of the same bytes (`variants`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from itertools import islice
from typing import Any

from msgspec.structs import replace

from shim.comparison.explanation import concluded, excerpt, failed, out_of_scope
from shim.comparison.readers import ProviderMaker, Reader, at_once, has_quick_way
from shim.comparison.rules import IgnoreRule
from shim.comparison.tee_rung.codec_reader import CodecReader
from shim.comparison.tee_rung.known_quirks import UNENDED, hints, unended
from shim.comparison.tee_rung.reading_differences import readings_part, shown
from shim.comparison.tee_rung.readings import Heard, Told, alike, in_a_line
from shim.comparison.tee_rung.session_reader import reader_of
from shim.comparison.tee_rung.variants import Variant, body_of, cut_at, decoded, variants_of
from shim.comparison.verdict import Mismatch, Outcome, Verdict
from shim.recording.exchange import Exchange, UnreadableExchangeError, api_of
from shim.recording.reading import Reading
from shim.recording.recorded_answer import is_surely_presentable

_AT_ONCE = 64  # variants read by one side, then by the other; what is read in vain after a mismatch is at most this

# What `requests` refuses before anything is sent: there is no answer to read.
_NEVER_SENT = frozenset({"InvalidHeader", "InvalidURL", "InvalidSchema", "MissingSchema", "InvalidProxyURL"})


def compare_tee(
    exchange: Exchange,
    control: Reader | ProviderMaker | None = None,
    *,
    candidate: Reader | ProviderMaker | None = None,
    ignore: Iterable[IgnoreRule] = (),
    resplit: bool = False,
    truncate: bool = False,
) -> Verdict:
    """Compare what two sides read from one recorded answer. Whatever is in the recording, nothing is raised for it.

    Args:
        exchange: the recording.
        control: a reader, or what makes a provider on a session (`LegacyProvider`), which is made for this call alone. None
            takes what the recording says its control made of it.
        candidate: the same for the other side; None is the codecs of `shim.wire`, which the native provider reads with.
        ignore: differences that are known.
        resplit: compare also byte by byte, and split in two at every offset.
        truncate: compare also cut at every offset, with a proper end and with a reset there.
            Of a body over `variants.ALL_OFFSETS` bytes these offsets are a choice; `Verdict.variants` says how many.

    Raises:
        TypeError: a side is neither a reader nor callable.
    """
    with _sides(control, candidate, truncate=truncate) as (left, right):
        comparison = _Comparison(exchange, control=left, candidate=right, ignore=tuple(ignore))
        return comparison.verdict(resplit=resplit, truncate=truncate)


def compare_tee_all(
    exchanges: Sequence[Exchange],
    *,
    control: Reader | ProviderMaker | None = None,
    candidate: Reader | ProviderMaker | None = None,
    ignore: Iterable[IgnoreRule] = (),
    resplit: bool = False,
    truncate: bool = False,
) -> list[Verdict]:
    """Compare many, which a whole client reads together at a fraction of the cost; a verdict each, as `compare_tee` gives it."""
    started = time.perf_counter()
    rules = tuple(ignore)
    with _sides(control, candidate, truncate=truncate) as (left, right):
        comparisons = [_Comparison(each, control=left, candidate=right, ignore=rules) for each in exchanges]
        _read_ahead(comparisons, control=left, candidate=right)
        share = (time.perf_counter() - started) / max(len(exchanges), 1)
        return [each.verdict(resplit=resplit, truncate=truncate, share=share) for each in comparisons]


@contextmanager
def _sides(
    control: Reader | ProviderMaker | None, candidate: Reader | ProviderMaker | None, *, truncate: bool
) -> Iterator[tuple[ReadingSide, ReadingSide]]:
    """Both sides; the readers that are made for this are closed after it."""
    left = _Recorded(cuts=truncate) if control is None else reader_of(control)
    right = CodecReader() if candidate is None else reader_of(candidate)
    with ExitStack() as made_here:
        for reader, given in ((left, control), (right, candidate)):
            if reader is not given:
                made_here.callback(reader.close)
        yield ReadingSide(left), ReadingSide(right)


def _read_ahead(comparisons: Sequence[_Comparison], *, control: ReadingSide, candidate: ReadingSide) -> None:
    """Have answers that can surely be read as recorded read together; every other is read by itself, by its comparison."""
    if max(at_once(control.reader), at_once(candidate.reader)) < 2:
        return
    able = [each for each in comparisons if each.can_be_read_ahead]
    exchanges = [each.exchange for each in able]
    controls = control.told_ahead(exchanges)
    candidates = candidate.told_ahead(exchanges, beside=controls)
    for each, *ahead in zip(able, controls, candidates, strict=True):
        each.control_ahead, each.candidate_ahead = ahead


class _Recorded:
    """The control where none is given: what the recording says that its own made of the answer.

    Args:
        cuts: it will be asked for answers cut short, of which it knows nothing.
    """

    name = "control"

    def __init__(self, *, cuts: bool) -> None:
        self._cuts = cuts

    def read(self, exchange: Exchange) -> Reading:
        """Take what was made of it; see `Reader`."""
        if exchange.made is None:
            raise UnreadableExchangeError(
                "the recording does not say what its control made of it; give control=LegacyProvider, or another reader"
            )
        if any(place.startswith("response.body") for place in exchange.redacted):
            raise UnreadableExchangeError(
                "the body was redacted after its control had read it, so the two cannot be compared; give control=LegacyProvider"
            )
        if self._cuts:
            raise UnreadableExchangeError(
                "what the control made of a whole answer says nothing of a cut one; give control=LegacyProvider"
            )
        return exchange.made

    def close(self) -> None:
        """Hold nothing."""


class ReadingSide:
    """One side: its reader, asked in the quickest way it has. What the reader raises is told as its failure."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.name = reader.name

    def told(self, exchanges: Sequence[Exchange], *, beside: Sequence[Told | None] = ()) -> list[Told]:
        """What the reader makes of answers.

        Args:
            exchanges: which.
            beside: what the other side was told of each, where that is known: what both read alike is then read once.

        Raises:
            UnreadableExchangeError: one cannot be read, or the reader failed.
        """
        reader: Any = self.reader
        try:
            if beside and self._reads_beside:
                return [
                    reader.hear_beside(each, other) if isinstance(other, Heard) else reader.hear(each)
                    for each, other in zip(exchanges, beside, strict=True)
                ]
            if self._reads_many:
                return list(reader.hear_all(exchanges))
            return [reader.read(each) for each in exchanges]
        except UnreadableExchangeError:
            raise
        except Exception as error:
            raise self._at_fault(error) from error

    def told_ahead(self, exchanges: Sequence[Exchange], *, beside: Sequence[Told | None] = ()) -> Sequence[Told | None]:
        """The same of a reader that reads many at the cost of fewer; None for each of any other, or where one cannot be read.

        Then each is to be read by itself, so that only those fail that do.
        """
        if len(exchanges) > 1 and at_once(self.reader) > 1:
            with suppress(UnreadableExchangeError):
                return self.told(exchanges, beside=beside)
        return [None] * len(exchanges)

    @cached_property
    def _reads_many(self) -> bool:
        return has_quick_way(self.reader, one="read", many="hear_all")

    @cached_property
    def _reads_beside(self) -> bool:
        """Whether it is the codecs' reader, and none that reads in another way."""
        return self._reads_many and has_quick_way(self.reader, one="hear", many="hear_beside")

    def reading(self, told: Told) -> Reading:
        """The reading of what the reader was told; raises as `told` does."""
        try:
            return told.reading() if isinstance(told, Heard) else told
        except UnreadableExchangeError:
            raise
        except Exception as error:
            raise self._at_fault(error) from error

    def _at_fault(self, error: Exception) -> UnreadableExchangeError:
        return UnreadableExchangeError(f"{self.name} failed to read it: {type(error).__name__}: {error}")


class _Comparison:
    """One exchange between two sides. `control_ahead`, `candidate_ahead`: what they were told of it as recorded, if known."""

    def __init__(
        self, exchange: Exchange, *, control: ReadingSide, candidate: ReadingSide, ignore: tuple[IgnoreRule, ...]
    ) -> None:
        self.exchange = exchange
        self.control_ahead: Told | None = None
        self.candidate_ahead: Told | None = None
        self._control = control
        self._candidate = candidate
        self._ignore = ignore

    @property
    def can_be_read_ahead(self) -> bool:
        """Whether it will be read, and nothing about the recording itself can keep it from that."""
        try:
            return self._out_of_scope is None and is_surely_presentable(self.exchange)
        except ValueError:  # an address that is none: the verdict says so
            return False

    def verdict(self, *, resplit: bool, truncate: bool, share: float = 0.0) -> Verdict:
        """Compare, where the exchange can be; a comparison that fails is told as that.

        Args:
            resplit: as `compare_tee` takes it.
            truncate: the same.
            share: seconds of what was read together that fall on this one.
        """
        started = time.perf_counter()
        try:
            if self._out_of_scope is not None:
                verdict = out_of_scope("tee", self.exchange, reason=self._out_of_scope)
            else:
                verdict = self._compared(resplit=resplit, truncate=truncate)
        except UnreadableExchangeError as error:
            verdict = failed("tee", self.exchange, reason=str(error))
        except Exception as error:  # noqa: BLE001 - a comparison that fails is a verdict of its own, never a difference
            verdict = failed("tee", self.exchange, reason=f"the comparison failed: {type(error).__name__}: {error}")
        return replace(verdict, seconds=share + time.perf_counter() - started)

    @cached_property
    def _out_of_scope(self) -> str | None:
        """Why it is not compared; None where it is."""
        exchange = self.exchange
        api = api_of(exchange)
        if api is None:
            return "it is neither Chat Completions nor Responses; only those are read"
        if exchange.fault is not None and exchange.fault.kind.rpartition(".")[2] in _NEVER_SENT:
            return f"the client itself refused it ({exchange.fault.kind}), so there is no answer to read"
        for side in (self._control, self._candidate):
            if api not in getattr(side.reader, "apis", (api,)):
                return f"it speaks {api}, which {side.name} does not read"
        return None

    def _compared(self, *, resplit: bool, truncate: bool) -> Verdict:
        """Read each presentation on both sides; the first mismatch decides."""
        control, self.control_ahead = self.control_ahead, None
        candidate, self.candidate_ahead = self.candidate_ahead, None
        if control is None:
            control = self._control.told([self.exchange])[0]
        if candidate is None:
            candidate = self._candidate.told([self.exchange], beside=[control])[0]
        recorded = Variant(name="as recorded", exchange=self.exchange)
        verdict, count = self._judged(recorded, control=control, candidate=candidate, variants=1), 1
        if (resplit or truncate) and self.exchange.response is not None and not _is_mismatch(verdict):
            others = variants_of(self.exchange, resplit=resplit, truncate=truncate)
            verdict, count = self._compared_otherwise(others, so_far=verdict)
        if verdict is None:
            return concluded("tee", self.exchange, mismatches=(), sides=self._names, variants=count)
        return verdict if verdict.variants == count else replace(verdict, variants=count)

    def _compared_otherwise(self, variants: Iterator[Variant], *, so_far: Verdict | None) -> tuple[Verdict | None, int]:
        """The same of other presentations; the verdict, None where all are read the same, and how many were compared by then."""
        count, found = 1, so_far
        while batch := list(islice(variants, _AT_ONCE)):
            exchanges = [variant.exchange for variant in batch]
            controls = self._control.told(exchanges)
            candidates = self._candidate.told(exchanges, beside=controls)
            for variant, control, candidate in zip(batch, controls, candidates, strict=True):
                count += 1
                verdict = self._judged(variant, control=control, candidate=candidate, variants=count)
                if _is_mismatch(verdict):
                    return verdict, count
                found = found or verdict
        return found, count

    def _judged(self, variant: Variant, *, control: Told, candidate: Told, variants: int) -> Verdict | None:
        """What a presentation shows; None of one that both sides read the same."""
        if alike(control, candidate):
            return None
        left, right = self._control.reading(control), self._candidate.reading(candidate)
        mismatches = _parting(left, right, variant=variant)
        if not mismatches:
            return None
        is_unended = variant.cut is not None and self._is_unended(variant, control=left, candidate=right)
        verdict = concluded(
            "tee",
            self.exchange,
            mismatches=self._with_excerpt(mismatches, variant),
            ignore=(*self._ignore, UNENDED) if is_unended else self._ignore,
            sides=self._names,
            made=(in_a_line(left), in_a_line(right)),
            variant=variant.name,
            variants=variants,
        )
        if verdict.outcome is not Outcome.MISMATCH or variant.cut is not None:
            return verdict
        known = "".join(f"\n  known: {words}" for words in hints(self.exchange))
        return replace(verdict, message=verdict.message + known)

    def _is_unended(self, variant: Variant, *, control: Reading, candidate: Reading) -> bool:
        """Whether the sides part for the one reason that the control hands on an event without its end.

        Then the control reads the cut bytes as the candidate reads them with that event ended, and the candidate as the
        control reads them without it. Anything else that differs shows in one of the two.
        """
        whole = self._plain
        two = unended(body_of(whole)[: variant.cut], reset=variant.ending == "reset")
        if two is None:
            return False
        ended, dropped = (
            cut_at(whole, each, ending=variant.ending, offset=len(each)).exchange
            for each in (two.by_lines, two.by_events)
        )
        by_lines = self._candidate.reading(*self._candidate.told([ended]))
        by_events = self._control.reading(*self._control.told([dropped]))
        return not (_parting(control, by_lines, variant=variant) or _parting(by_events, candidate, variant=variant))

    def _with_excerpt(self, mismatches: Sequence[Mismatch], variant: Variant) -> list[Mismatch]:
        """Show the bytes around the place where the body was presented otherwise, else around the first difference."""
        first, *others = mismatches
        body, offset = body_of(self._plain), variant.offset
        if offset is None:
            return [shown(first, body), *others]
        return [replace(first, offset=offset, excerpt=excerpt(body, offset)), *others]

    @cached_property
    def _plain(self) -> Exchange:
        return decoded(self.exchange)

    @property
    def _names(self) -> tuple[str, str]:
        return self._control.name, self._candidate.name


def _is_mismatch(verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.outcome is Outcome.MISMATCH


def _parting(control: Reading, candidate: Reading, *, variant: Variant) -> list[Mismatch]:
    exchange = variant.exchange
    # A final 1xx is a broken exchange too: the answer has not come.
    interim = exchange.response is not None and 100 <= exchange.response.status < 200
    broken = exchange.fault is not None or exchange.ended != "complete" or interim
    return readings_part(control, candidate, broken=broken)
