"""What many pairs say: the fields that are compared, and the report of all of them.

Not a single pair (`observation`), not how a field is judged (`shadow_rows`), not its table (`shadow_table`) or page
(`shim.comparison.report`). The bounds of all rows hold together at the confidence given (Bonferroni), for a report that is read
once: read daily until it pleases, it will please. Pairs count as independent, which those of one conversation are not quite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from shim.comparison.runs.tally import Histogram
from shim.comparison.shadow_rung.observation import CallObservation, ShadowPair
from shim.comparison.shadow_rung.shadow_rows import (
    AgreementField,
    QuantileField,
    RowJudge,
    RowOutcome,
    ShadowRow,
    ShareField,
    is_timed,
)
from shim.comparison.shadow_rung.shadow_state import ShadowCounts, Stopped

PairSource: TypeAlias = Literal["shadow", "recordings"]
"""Where pairs come from: a shadow's second calls, or two recordings of what two clients did."""

# What a pair is called, and what is said where there is none.
_WORDS: dict[PairSource, tuple[str, str]] = {
    "shadow": ("shadowed request", "The shadow has compared nothing yet."),
    "recordings": ("pair of answers", "No pair of answers could be compared."),
}

_MOST_NAMES = 20  # of categories and finish reasons that get a row of their own


class ShadowReport(Struct, frozen=True, kw_only=True):
    """What the answers of two arms came to; plain data: `msgspec.json.encode` and `decode` take it.

    Attributes:
        pairs: how many are compared.
        rows: one for each field.
        counts: what became of all sampled requests.
        stopped: why no more calls are made; None where they are.
        confidence, minimum_pairs: what the rows were judged with.
        first_at, last_at: when the first and the last pair began, seconds since the epoch; 0 where there is none.
        latency, first_event: arm -> how long its calls took, where their times can be compared.
        notes: what a reader should know, in sentences.
        source: where the pairs come from.
    """

    pairs: int
    rows: tuple[ShadowRow, ...]
    counts: ShadowCounts = ShadowCounts()
    stopped: Stopped | None = None
    confidence: float = 0.95
    minimum_pairs: int = 30
    first_at: float = 0.0
    last_at: float = 0.0
    latency: dict[str, Histogram] = {}
    first_event: dict[str, Histogram] = {}
    notes: tuple[str, ...] = ()
    source: PairSource = "shadow"

    @property
    def outcome(self) -> RowOutcome:
        """A mismatch where a row is one that is not to the candidate's advantage; undecided where there are too few pairs."""
        if any(row.is_against for row in self.rows):
            return "mismatch"
        return "undecided" if self.pairs < self.minimum_pairs else "match"

    @property
    def headline(self) -> str:
        """The whole in a sentence."""
        noun, nothing = _WORDS[self.source]
        calls = f"{self.pairs:,} {_plural(noun, self.pairs)}"
        if not self.pairs:
            return nothing
        if self.outcome == "undecided":
            return f"Too little is known: {calls}, {self.minimum_pairs:,} are needed."
        names = [row.name for row in self.rows if row.is_against]
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            return f"The candidate differs over {calls}: {', '.join(names[:3])}{more}."
        return f"No difference beyond the noise in {calls}."


def _plural(noun: str, count: int) -> str:
    """`request`, `requests`; `pair of answers`, `pairs of answers`."""
    head, space, rest = noun.partition(" of ")
    return noun if count == 1 else f"{head}s{space}{rest}"


def report_of(
    pairs: Sequence[ShadowPair],
    *,
    source: PairSource = "shadow",
    counts: ShadowCounts | None = None,
    stopped: Stopped | None = None,
    confidence: float = 0.95,
    minimum_pairs: int = 30,
) -> ShadowReport:
    """Compare the arms over pairs.

    Args:
        pairs: oldest first.
        source: where they come from.
        counts: of the shadow that made them, to be told along.
        stopped: likewise.
        confidence: with which all bounds hold together, over 0 and below 1.
        minimum_pairs: with which a row is judged at all.

    Raises:
        ValueError: `confidence` or `minimum_pairs` is out of its range.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence!r}; give a number over 0 and below 1, such as 0.95")
    if minimum_pairs < 1:
        raise ValueError(f"minimum_pairs is {minimum_pairs!r}; give a whole number above 0")
    fields: list[ShareField | AgreementField | QuantileField] = [*_shares(pairs), *_AGREEMENTS, *_QUANTILES]
    judge = RowJudge(alpha=(1 - confidence) / len(fields), minimum=minimum_pairs)
    rows = [row for each in fields if (row := each.row(pairs, judge)) is not None]
    timed = [pair for pair in pairs if is_timed(pair)]
    return ShadowReport(
        pairs=len(pairs),
        rows=tuple(rows),
        counts=counts or ShadowCounts(),
        stopped=stopped,
        confidence=confidence,
        minimum_pairs=minimum_pairs,
        first_at=pairs[0].at if pairs else 0.0,
        last_at=pairs[-1].at if pairs else 0.0,
        latency=_histograms(timed, lambda seen: seen.seconds),
        first_event=_histograms(timed, lambda seen: seen.first_event),
        notes=tuple(_notes(pairs, timed, source=source)),
        source=source,
    )


def _shares(pairs: Sequence[ShadowPair]) -> Iterator[ShareField]:
    """The shares that these pairs have something to say of: each category of error and each finish reason has its own."""
    yield ShareField("answered", "An answer came, of whatever kind.", lambda seen: seen.answered, good=1)
    arms = [seen for pair in pairs for seen in (pair.control, pair.candidate, pair.baseline) if seen is not None]
    for ending in sorted({seen.ending for seen in arms} - {"answered", "failed"}):
        yield ShareField(f"ended: {ending}", _ENDINGS[ending], _is_ending(ending), good=-1)
    for category in sorted({seen.category for seen in arms if seen.category})[:_MOST_NAMES]:
        yield ShareField(
            f"error: {category}", "It failed with an error of this category.", _has_category(category), good=-1
        )
    for reason in sorted({seen.finish_reason for seen in arms if seen.finish_reason})[:_MOST_NAMES]:
        yield ShareField(f"finish: {reason}", "The answer ended for this reason.", _has_reason(reason))
    yield from _SAID_OF_ANSWERS


_ENDINGS: dict[str, str] = {
    "refused": "The provider did not take the request.",
    "deadline": "It took longer than the shadow's own limit.",
    "flood": "It sent more than any answer has.",
    "broken": "The provider raised, or never completed the call.",
}

_SAID_OF_ANSWERS = (
    ShareField("calls a tool", "The answer calls a tool.", lambda seen: bool(seen.tools) if seen.answered else None),
    ShareField(
        "arguments valid",
        "All tools called were declared, and their arguments keep the schema.",
        lambda seen: seen.arguments_valid,
        good=1,
    ),
    ShareField("format valid", "The text is the JSON that was asked for.", lambda seen: seen.format_valid, good=1),
    ShareField("declined", "The model refused in words.", lambda seen: seen.declined if seen.answered else None),
    ShareField(
        "prompt cached",
        "Part of the prompt came from the server's cache, as it does for whoever asks second.",
        lambda seen: None if seen.cached_tokens is None else seen.cached_tokens > 0,
        judged=False,
    ),
)

_AGREEMENTS = (
    AgreementField(
        "same prompt tokens", "The server counted as many tokens of the question.", lambda s: s.input_tokens, exact=True
    ),
    AgreementField("same model", "The server named the same model.", lambda seen: seen.model or None, exact=True),
    AgreementField(
        "same finish reason",
        "The answer ended for the same reason.",
        lambda seen: seen.finish_reason or None,
        exact=False,
    ),
    AgreementField(
        "same tools", "The same tools are called.", lambda seen: seen.tools if seen.answered else None, exact=False
    ),
)

_QUANTILES = (
    QuantileField("time, p50", "Until the answer was complete.", "seconds", 0.5, lambda seen: seen.seconds, -1),
    QuantileField("time, p95", "Until the answer was complete.", "seconds", 0.95, lambda seen: seen.seconds, -1),
    QuantileField("first event, p50", "Until a stream began.", "seconds", 0.5, lambda seen: seen.first_event, -1),
    QuantileField("first event, p95", "Until a stream began.", "seconds", 0.95, lambda seen: seen.first_event, -1),
    QuantileField("answer tokens, p50", "As the server counted them.", "amount", 0.5, lambda seen: seen.output_tokens),
    QuantileField("characters, p50", "Of the answer's text.", "amount", 0.5, lambda seen: seen.characters),
    QuantileField("characters, p95", "Of the answer's text.", "amount", 0.95, lambda seen: seen.characters),
)


def _is_ending(ending: str) -> Callable[[CallObservation], bool | None]:
    return lambda seen: seen.ending == ending


def _has_category(category: str) -> Callable[[CallObservation], bool | None]:
    return lambda seen: seen.category == category


def _has_reason(reason: str) -> Callable[[CallObservation], bool | None]:
    return lambda seen: seen.finish_reason == reason if seen.answered else None


def _histograms(pairs: Sequence[ShadowPair], number: Callable[[CallObservation], float | None]) -> dict[str, Histogram]:
    """Arm -> how its values fall, over pairs in which each arm has one; arms without are left out."""
    found: dict[str, Histogram] = {}
    for pair in pairs:
        seen = {"control": pair.control, "candidate": pair.candidate}
        if pair.baseline is not None:
            seen["baseline"] = pair.baseline
        values = {arm: number(each) for arm, each in seen.items()}
        if values["control"] is None or values["candidate"] is None:
            continue
        for arm, value in values.items():
            if value is not None:
                found.setdefault(arm, Histogram()).add(value)
    return found


def _notes(pairs: Sequence[ShadowPair], timed: Sequence[ShadowPair], *, source: PairSource) -> Iterator[str]:
    """What a reader should know of these pairs."""
    if not pairs:
        return
    if not any(pair.baseline is not None for pair in pairs):
        done = "asked" if source == "shadow" else "given"
        yield f"No baseline was {done}, so nothing says how far the control differs from itself."
    if source == "shadow" and any(pair.candidate.cached_tokens for pair in pairs):
        yield (
            "Second calls are made after the control's has ended, and find the prompt cache that it has warmed: times are "
            "compared where the cache answered both or neither."
        )
    left = len(pairs) - len(timed)
    if left:
        causes = "a first connection, a rest of the shadow's thread, or an uneven cache"
        told = causes if source == "shadow" else "the prompt came from the server's cache for one of them alone"
        yield f"{left:,} pairs tell no times: {told}."
