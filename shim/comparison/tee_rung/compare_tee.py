"""The tee rung: do both sides read the same recorded bytes the same way? Exact, and without a call to any API.

Not the readers (`session_reader`: a whole client on a replaying session; `codec_reader`: the codecs), not where readings part
(`reading_differences`), not other cuts of the same bytes (`variants`).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from itertools import islice

from msgspec import Struct
from msgspec.structs import replace

from shim.comparison.explanation import concluded, excerpt, failed, out_of_scope
from shim.comparison.readers import ProviderMaker, Reader
from shim.comparison.rules import IgnoreRule
from shim.comparison.tee_rung.codec_reader import CodecReader
from shim.comparison.tee_rung.known_quirks import UNENDED, hints, unended
from shim.comparison.tee_rung.reading_differences import readings_part, shown
from shim.comparison.tee_rung.readings import Told, alike, at_once, in_a_line, reading_by, told_by, told_together
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
    sides = {"control": control, "candidate": candidate}
    return compare_tee_all([exchange], **sides, ignore=ignore, resplit=resplit, truncate=truncate)[0]


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
    left = None if control is None else reader_of(control)
    right = CodecReader() if candidate is None else reader_of(candidate)
    rules = tuple(ignore)
    comparisons = [_Comparison(each, control=left, candidate=right, ignore=rules) for each in exchanges]
    with ExitStack() as made_here:
        for reader, side in ((left, control), (right, candidate)):
            if reader is not None and reader is not side:
                made_here.callback(reader.close)
        _read_ahead(comparisons, control=left, candidate=right)
        share = (time.perf_counter() - started) / max(len(exchanges), 1)
        return [each.timed_verdict(share, resplit=resplit, truncate=truncate) for each in comparisons]


def _read_ahead(comparisons: Sequence[_Comparison], *, control: Reader | None, candidate: Reader) -> None:
    """Have answers that can surely be read as recorded read together; every other is read by itself, by its comparison."""
    if max(at_once(control), at_once(candidate)) < 2:
        return
    able = [each for each in comparisons if each.can_be_read_ahead]
    exchanges = [each.exchange for each in able]
    told = zip(able, told_together(control, exchanges), told_together(candidate, exchanges), strict=True)
    for each, control_told, candidate_told in told:
        each.control_ahead, each.candidate_ahead = control_told, candidate_told


class _Found(Struct, frozen=True):
    """Where the sides part on one presentation, and what each made of it."""

    variant: Variant
    control: Reading
    candidate: Reading
    mismatches: list[Mismatch]
    rules: tuple[IgnoreRule, ...]


class _Comparison:
    """One exchange between two sides. `control_ahead`, `candidate_ahead`: what they were told of it as recorded, if known."""

    def __init__(
        self, exchange: Exchange, *, control: Reader | None, candidate: Reader, ignore: tuple[IgnoreRule, ...]
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
            return self._out_of_scope() is None and is_surely_presentable(self.exchange)
        except ValueError:  # an address that is none: the verdict says so
            return False

    def timed_verdict(self, share: float, *, resplit: bool, truncate: bool) -> Verdict:
        """Compare, and say what it took besides its share of what was read together; a comparison that fails is told as that."""
        started = time.perf_counter()
        try:
            verdict = self.verdict(resplit=resplit, truncate=truncate)
        except Exception as error:  # noqa: BLE001 - a comparison that fails is a verdict of its own, never a difference
            verdict = failed("tee", self.exchange, reason=f"the comparison failed: {type(error).__name__}: {error}")
        return replace(verdict, seconds=share + time.perf_counter() - started)

    def verdict(self, *, resplit: bool, truncate: bool) -> Verdict:
        """Compare, where the exchange can be."""
        beside = self._out_of_scope()
        if beside is not None:
            return out_of_scope("tee", self.exchange, reason=beside)
        try:
            self._check_control(truncate=truncate)
            return self._compared(resplit=resplit, truncate=truncate)
        except UnreadableExchangeError as error:
            return failed("tee", self.exchange, reason=str(error))

    def _out_of_scope(self) -> str | None:
        exchange = self.exchange
        api = api_of(exchange)
        if api is None:
            return "it is neither Chat Completions nor Responses; only those are read"
        if exchange.fault is not None and exchange.fault.kind.rpartition(".")[2] in _NEVER_SENT:
            return f"the client itself refused it ({exchange.fault.kind}), so there is no answer to read"
        for reader in (self._control, self._candidate):
            if reader is not None and api not in getattr(reader, "apis", (api,)):
                return f"it speaks {api}, which {reader.name} does not read"
        return None

    def _check_control(self, *, truncate: bool) -> None:
        if self._control is not None:
            return
        if self.exchange.made is None:
            raise UnreadableExchangeError(
                "the recording does not say what its control made of it; give control=LegacyProvider, or another reader"
            )
        if any(place.startswith("response.body") for place in self.exchange.redacted):
            raise UnreadableExchangeError(
                "the body was redacted after its control had read it, so the two cannot be compared; give control=LegacyProvider"
            )
        if truncate:
            raise UnreadableExchangeError(
                "what the control made of a whole answer says nothing of a cut one; give control=LegacyProvider"
            )

    def _compared(self, *, resplit: bool, truncate: bool) -> Verdict:
        recorded = Variant(name="as recorded", exchange=self.exchange)
        variants = self._variants(recorded, resplit=resplit, truncate=truncate)
        count, ignored = 0, None
        while batch := list(islice(variants, 1 if count == 0 else _AT_ONCE)):
            for found in self._read(batch):
                count += 1
                if found is None or not found.mismatches:
                    continue
                verdict = self._concluded(found, variants=count)
                if verdict.outcome is Outcome.MISMATCH:
                    return verdict
                ignored = ignored or verdict
        if ignored is not None:
            return replace(ignored, variants=count)
        return concluded("tee", self.exchange, mismatches=(), sides=self._sides, variants=count)

    def _variants(self, recorded: Variant, *, resplit: bool, truncate: bool) -> Iterator[Variant]:
        yield recorded
        if (resplit or truncate) and self.exchange.response is not None:
            yield from variants_of(self.exchange, resplit=resplit, truncate=truncate)

    def _read(self, batch: Sequence[Variant]) -> Iterator[_Found | None]:
        """What each presentation shows; None of one that both sides surely read the same."""
        exchanges = [variant.exchange for variant in batch]
        controls, candidates = self._control_told(exchanges), self._candidate_told(exchanges)
        for variant, control, candidate in zip(batch, controls, candidates, strict=True):
            if alike(control, candidate):
                yield None
                continue
            first, second = reading_by(self._control, control), reading_by(self._candidate, candidate)
            yield self._found(variant, control=first, candidate=second)

    def _control_told(self, exchanges: Sequence[Exchange]) -> Sequence[Told]:
        if self._control is None:
            made = self.exchange.made
            return [] if made is None else [made] * len(exchanges)
        told, self.control_ahead = self.control_ahead, None
        return told_by(self._control, exchanges) if told is None else [told]

    def _candidate_told(self, exchanges: Sequence[Exchange]) -> Sequence[Told]:
        told, self.candidate_ahead = self.candidate_ahead, None
        return told_by(self._candidate, exchanges) if told is None else [told]

    def _found(self, variant: Variant, *, control: Reading, candidate: Reading) -> _Found:
        mismatches = _parting(control, candidate, variant=variant)
        rules = self._ignore
        if mismatches and variant.cut is not None and self._is_unended(variant, control=control, candidate=candidate):
            rules = (*rules, UNENDED)
        return _Found(variant, control, candidate, mismatches, rules)

    def _is_unended(self, variant: Variant, *, control: Reading, candidate: Reading) -> bool:
        """Whether the sides part for the one reason that the control hands on an event without its end.

        Then the control reads the cut bytes as the candidate reads them with that event ended, and the candidate as the
        control reads them without it. Anything else that differs shows in one of the two.
        """
        whole = self._plain
        two = unended(body_of(whole)[: variant.cut], reset=variant.ending == "reset")
        if two is None or self._control is None:
            return False
        ended, dropped = (
            cut_at(whole, each, ending=variant.ending, offset=len(each)) for each in (two.by_lines, two.by_events)
        )
        by_lines = _read_by(self._candidate, ended.exchange)
        by_events = _read_by(self._control, dropped.exchange)
        return not (_parting(control, by_lines, variant=variant) or _parting(by_events, candidate, variant=variant))

    def _concluded(self, found: _Found, *, variants: int) -> Verdict:
        verdict = concluded(
            "tee",
            self.exchange,
            mismatches=self._with_excerpt(found),
            ignore=found.rules,
            sides=self._sides,
            made=(in_a_line(found.control), in_a_line(found.candidate)),
            variant=found.variant.name,
            variants=variants,
        )
        if verdict.outcome is not Outcome.MISMATCH or found.variant.cut is not None:
            return verdict
        known = "".join(f"\n  known: {words}" for words in hints(self.exchange))
        return replace(verdict, message=verdict.message + known)

    def _with_excerpt(self, found: _Found) -> list[Mismatch]:
        """Show the bytes around the place where the body was presented otherwise, else around the first difference."""
        first, *others = found.mismatches
        body, offset = body_of(self._plain), found.variant.offset
        if offset is None:
            return [shown(first, body), *others]
        return [replace(first, offset=offset, excerpt=excerpt(body, offset)), *others]

    @cached_property
    def _plain(self) -> Exchange:
        return decoded(self.exchange)

    @property
    def _sides(self) -> tuple[str, str]:
        control = "control" if self._control is None else self._control.name
        return control, self._candidate.name


def _parting(control: Reading, candidate: Reading, *, variant: Variant) -> list[Mismatch]:
    exchange = variant.exchange
    # A final 1xx is a broken exchange too: the answer has not come.
    interim = exchange.response is not None and 100 <= exchange.response.status < 200
    broken = exchange.fault is not None or exchange.ended != "complete" or interim
    return readings_part(control, candidate, broken=broken)


def _read_by(reader: Reader, exchange: Exchange) -> Reading:
    (told,) = told_by(reader, [exchange])
    return reading_by(reader, told)
