"""The tally of a run: verdicts by outcome and rule, latencies, models; the same size however many exchanges were compared.

Not the comparing (`comparer`) nor the going through files (`run`), and no wording: `report` and the command line show it.
Tallies of parts of a run add up to that of the whole (`Tally.merge`). Times are seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

from msgspec import DecodeError, Struct, ValidationError, field, json

from shim.comparison.verdict import Outcome, Rung, Verdict
from shim.recording.exchange import Exchange, api_asked
from shim.recording.reading import Reading

if TYPE_CHECKING:
    from shim.comparison.rules import IgnoreRule

_Key = TypeVar("_Key")

# Names are the recording's own (models, reasons): beyond these many the further ones are counted together.
MOST_NAMES = 100
OTHERS = "(others)"

# A bucket's upper edge is 4 % above its lower one, so that a quantile is within 2 %; the edges span a microsecond to a day,
# which bounds a histogram at some 640 buckets.
_GROWTH = math.log(1.04)
_SHORTEST, _LONGEST = 1e-6, 86400.0


class Histogram(Struct, kw_only=True, omit_defaults=True):
    """How often values fell where, in buckets of equal ratio.

    Attributes:
        buckets: index of the bucket -> how many values fell into it; `edges` says where a bucket lies.
        count, total, smallest, largest: of the values themselves, exact.
    """

    buckets: dict[int, int] = field(default_factory=dict)
    count: int = 0
    total: float = 0.0
    smallest: float = math.inf
    largest: float = 0.0

    def add(self, value: float) -> None:
        """Count a value in seconds; what lies outside a microsecond to a day counts in the outermost buckets."""
        inside = value if _SHORTEST <= value <= _LONGEST else min(max(value, _SHORTEST), _LONGEST)
        bucket = round(math.log(inside) / _GROWTH)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        self.count += 1
        self.total += value
        if value < self.smallest:
            self.smallest = value
        if value > self.largest:
            self.largest = value

    def merge(self, other: Histogram) -> None:
        """Add what another one counted."""
        _add_up(self.buckets, other.buckets)
        self.count += other.count
        self.total += other.total
        self.smallest = min(self.smallest, other.smallest)
        self.largest = max(self.largest, other.largest)

    @property
    def mean(self) -> float:
        """The mean, exact; 0 of no values."""
        return self.total / self.count if self.count else 0.0

    def quantile(self, share: float) -> float:
        """The value that `share` (0 to 1) of the values do not exceed, within 2 %; 0 of no values."""
        wanted = max(1, math.ceil(share * self.count))
        reached = 0
        for bucket in sorted(self.buckets):
            reached += self.buckets[bucket]
            if reached >= wanted:
                return min(max(math.exp(bucket * _GROWTH), self.smallest), self.largest)
        return 0.0

    def edges(self) -> list[tuple[float, float, int]]:
        """The buckets that hold something, in order: lower edge, upper edge, how many."""
        half = _GROWTH / 2
        return [
            (math.exp(each * _GROWTH - half), math.exp(each * _GROWTH + half), self.buckets[each])
            for each in sorted(self.buckets)
        ]


class Facts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a tally keeps of an exchange.

    Attributes:
        kind: the API and whether it was streamed: "chat_completions", "responses stream", "other".
        model: as asked for; "" where there is none.
        status: 0 where no head came.
        started_at: seconds since the epoch; 0 where it is not known.
        finished: seconds until it was over; None where it did not complete, since then it says nothing of the server.
        first_byte: seconds until the first segment of the body; None where none came.
    """

    kind: str = "other"
    model: str = ""
    status: int = 0
    started_at: float = 0.0
    finished: float | None = None
    first_byte: float | None = None


class Detail(Struct, frozen=True, kw_only=True):
    """A verdict to look at closely: with its exchange, and what both sides made of it.

    Attributes:
        control, candidate: None where that side could not read it, or was not asked to (the wire rung, a resumed run).
        file, line: where the exchange stands, lines counted from 1.
    """

    verdict: Verdict
    exchange: Exchange
    control: Reading | None = None
    candidate: Reading | None = None
    file: str = ""
    line: int = 0


class Tally(Struct, kw_only=True):
    """What a run came to.

    Attributes:
        exchanges: how many were compared.
        unusable: lines and files that could not be read.
        outcomes: rung -> outcome ("match", "mismatch", "ignored", "comparator-failed") -> verdicts.
        rules: rule -> verdicts in which it found a difference that nothing ignores.
        ignored: reason and owner of an ignore rule -> verdicts in which it covered a difference.
        reasons: why a verdict was ignored as a whole, or its comparator failed -> verdicts.
        covered: place of an ignore rule in the run's list -> differences it covered.
        latencies: kind ("chat_completions", "responses stream", ...) -> how long exchanges took; `latency` is of all kinds.
        first_bytes: kind -> time to the first segment of the body; `first_byte` is of all kinds of streams.
        models, statuses: -> exchanges.
        first_at, last_at: when the first and last exchange began, seconds since the epoch; 0 where it is not known.
        compare_seconds: spent comparing, over all workers.
    """

    exchanges: int = 0
    unusable: int = 0
    outcomes: dict[Rung, dict[str, int]] = field(default_factory=dict)
    rules: dict[str, int] = field(default_factory=dict)
    ignored: dict[str, int] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    covered: dict[int, int] = field(default_factory=dict)
    latencies: dict[str, Histogram] = field(default_factory=dict)
    first_bytes: dict[str, Histogram] = field(default_factory=dict)
    models: dict[str, int] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    first_at: float = 0.0
    last_at: float = 0.0
    compare_seconds: float = 0.0

    def add(self, facts: Facts, verdicts: Iterable[Verdict], *, ignore: Sequence[IgnoreRule] = ()) -> None:
        """Count an exchange and its verdicts; `ignore` are the rules they were reached with."""
        self.exchanges += 1
        self._add_facts(facts)
        for verdict in verdicts:
            self._add_verdict(verdict, ignore)

    def count(self, outcome: Outcome) -> int:
        """Verdicts of an outcome, over all rungs."""
        return sum(each.get(outcome.value, 0) for each in self.outcomes.values())

    @property
    def verdicts(self) -> int:
        """Verdicts over all rungs."""
        return sum(sum(each.values()) for each in self.outcomes.values())

    @property
    def latency(self) -> Histogram:
        """How long exchanges took, of every kind."""
        return _merged(self.latencies.values())

    @property
    def first_byte(self) -> Histogram:
        """How long streams were waited for, of every kind of stream."""
        return _merged(value for kind, value in self.first_bytes.items() if kind.endswith("stream"))

    def merge(self, other: Tally) -> None:
        """Add what another one counted."""
        self.exchanges += other.exchanges
        self.unusable += other.unusable
        self.compare_seconds += other.compare_seconds
        for rung, outcomes in other.outcomes.items():
            _add_up(self.outcomes.setdefault(rung, {}), outcomes)
        _add_up(self.rules, other.rules)
        _add_up(self.covered, other.covered)
        _add_up(self.statuses, other.statuses)
        for ours, theirs in ((self.models, other.models), (self.reasons, other.reasons), (self.ignored, other.ignored)):
            for name, count in theirs.items():
                _add_name(ours, name, count=count)
        for kind, histogram in other.latencies.items():
            self.latencies.setdefault(kind, Histogram()).merge(histogram)
        for kind, histogram in other.first_bytes.items():
            self.first_bytes.setdefault(kind, Histogram()).merge(histogram)
        self._add_time(other.first_at)
        self._add_time(other.last_at)

    def _add_facts(self, facts: Facts) -> None:
        self.statuses[facts.status] = self.statuses.get(facts.status, 0) + 1
        _add_name(self.models, facts.model)
        self._add_time(facts.started_at)
        if facts.finished is not None:
            self.latencies.setdefault(facts.kind, Histogram()).add(facts.finished)
        if facts.first_byte is not None:
            self.first_bytes.setdefault(facts.kind, Histogram()).add(facts.first_byte)

    def _add_verdict(self, verdict: Verdict, ignore: Sequence[IgnoreRule]) -> None:
        outcomes = self.outcomes.setdefault(verdict.rung, {})
        outcomes[verdict.outcome.value] = outcomes.get(verdict.outcome.value, 0) + 1
        self.compare_seconds += verdict.seconds
        if not (verdict.reason or verdict.mismatches):
            return
        if verdict.reason and not any(each.ignored for each in verdict.mismatches):  # those are told as what is ignored
            _add_name(self.reasons, verdict.reason)
        for rule in {each.rule for each in verdict.mismatches if each.ignored is None}:
            _add_name(self.rules, rule)
        for reason in {each.ignored for each in verdict.mismatches if each.ignored is not None}:
            _add_name(self.ignored, reason)
        for mismatch in verdict.mismatches:
            if mismatch.ignored is not None:
                for place, each in enumerate(ignore):
                    if each.covers(mismatch, rung=verdict.rung):
                        self.covered[place] = self.covered.get(place, 0) + 1

    def _add_time(self, at: float) -> None:
        if at > 0:
            self.first_at = min(self.first_at or at, at)
            self.last_at = max(self.last_at, at)


class _Asked(Struct):
    """The model of a request's body; everything else is skipped unread."""

    model: str = ""


_read_asked = json.Decoder(_Asked).decode


def facts_of(exchange: Exchange) -> Facts:
    """What a tally keeps of an exchange."""
    response = exchange.response
    status, first_byte, streamed = 0, None, False
    if response is not None:
        status = response.status
        first_byte = response.segments[0].at if response.segments else None
        streamed = response.is_event_stream
    return Facts(
        kind=(api_asked("POST", exchange.request.url) or "other") + (" stream" if streamed else ""),
        model=_model_of(exchange.request.body),
        status=status,
        started_at=exchange.started_at,
        finished=exchange.finished if exchange.ended == "complete" else None,
        first_byte=first_byte,
    )


def _model_of(body: bytes | None) -> str:
    try:
        return _read_asked(body or b"{}").model
    except (DecodeError, ValidationError, UnicodeDecodeError, RecursionError):
        return ""  # no JSON object with a model's name: the wire rung says so, here it has none to count


def _merged(histograms: Iterable[Histogram]) -> Histogram:
    whole = Histogram()
    for each in histograms:
        whole.merge(each)
    return whole


def _add_up(ours: dict[_Key, int], theirs: dict[_Key, int]) -> None:
    for name, count in theirs.items():
        ours[name] = ours.get(name, 0) + count


def _add_name(counts: dict[str, int], name: str, *, count: int = 1) -> None:
    """Count under a name, or under `OTHERS` once there are too many names."""
    known = name if name in counts or len(counts) < MOST_NAMES else OTHERS
    counts[known] = counts.get(known, 0) + count
