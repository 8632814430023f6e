"""A verdict as it is shown on the page: its places side by side, the recorded exchange, the message.

Not the page around it (`page`) nor the marking of texts (`marking`). Whatever a verdict holds, its card is bounded.
"""

from __future__ import annotations

import json
from typing import Any

from msgspec import Struct, to_builtins

from shim.comparison.report.exchange_view import LONGEST_BODY, Recorded, Text, counted, cut, one_line, recorded
from shim.comparison.report.marking import LONGEST_CHANGE, MarkedPiece, marked, plain
from shim.comparison.rules import RULES
from shim.comparison.runs.tally import Detail
from shim.comparison.verdict import ABSENT, Mismatch, Verdict
from shim.recording.exchange import Exchange
from shim.recording.reading import Reading

MOST_PLACES = 12  # of one verdict: what parts in more places has one cause as a rule
LONGEST_VALUE = 200_000  # characters that are compared; beyond, a value is cut first
LONGEST_MESSAGE = 8_000  # characters

_KINDS = {str: "string", bool: "boolean", int: "number", float: "number", type(None): "null", list: "array"}


class Side(Struct, frozen=True, kw_only=True):
    """What one side has: `kind` in words, the value as pieces; absent is no value."""

    kind: str
    pieces: tuple[MarkedPiece, ...] = ()
    absent: bool = False


class CardPlace(Struct, frozen=True, kw_only=True):
    """One mismatch: where, by which rule, and what stands there on either side."""

    path: str
    rule: str
    sentence: str
    control: Side
    candidate: Side
    ignored: str | None
    excerpt: str
    offset: str


class Card(Struct, frozen=True, kw_only=True):
    """One verdict.

    Attributes:
        id: unique on the page, and the same on every page of the same run.
        outcome, rung: their names, to filter by.
        rules: names separated by spaces, to filter by.
        title: what was asked.
        labels: where the exchange stands and what it is called, as (name, value).
        places: the first mismatches; `more_places` are not shown.
        reason: of an ignored or failed one.
        message: the whole in words.
        exchange: what was recorded; None where it was left off to keep the page small.
        readings: (side, what it made of the answer as JSON).
        is_open: whether it is unfolded at first.
    """

    id: str
    outcome: str
    rung: str
    rules: str
    title: str
    labels: tuple[tuple[str, str], ...]
    places: tuple[CardPlace, ...]
    more_places: int
    reason: str
    message: Text
    exchange: Recorded | None
    readings: tuple[tuple[str, Text], ...]
    is_open: bool = False


def card_of(detail: Detail, *, identifier: str, is_open: bool = False, with_recording: bool = True) -> Card:
    """Give the view of a verdict, with or without the recorded exchange and the readings."""
    verdict = detail.verdict
    return Card(
        id=identifier,
        outcome=verdict.outcome.value,
        rung=verdict.rung,
        rules=" ".join(sorted({each.rule for each in verdict.mismatches})),
        title=one_line(verdict.asked or _asked(detail.exchange)),
        labels=tuple(_labels(detail)),
        places=tuple(_place(each) for each in verdict.mismatches[:MOST_PLACES]),
        more_places=max(len(verdict.mismatches) - MOST_PLACES, 0),
        reason=one_line(verdict.reason),
        message=cut(verdict.message, LONGEST_MESSAGE),
        exchange=recorded(detail.exchange) if with_recording else None,
        readings=tuple(_readings(detail)) if with_recording else (),
        is_open=is_open,
    )


def identifier_of(verdict: Verdict) -> str:
    """The name of a verdict's place on the page: rung and number, `tee-17`."""
    return f"{verdict.rung}-{verdict.number}"


def text_of(value: Any) -> str:
    """A value as it is compared by eye: text as it is, anything else as JSON with sorted keys."""
    if isinstance(value, str):
        return value[:LONGEST_VALUE]
    try:
        return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True, default=str)[:LONGEST_VALUE]
    except (TypeError, ValueError, RecursionError):
        return "(nested too deeply to be shown)"


def kind_of(value: Any) -> str:
    """What a value is, in words: `string, 12 characters`."""
    if isinstance(value, str):
        return f"string, {counted(len(value), 'character')}"
    if isinstance(value, dict):
        return f"object, {counted(len(value), 'key')}"
    if isinstance(value, (list, tuple)):
        return f"array, {counted(len(value), 'item')}"
    return _KINDS.get(type(value), type(value).__name__)


def _asked(exchange: Exchange) -> str:
    return f"{exchange.request.method} {exchange.request.url}"


def _labels(detail: Detail) -> list[tuple[str, str]]:
    verdict = detail.verdict
    labels = [("number", f"{verdict.number:,}"), ("pair", one_line(verdict.pair_id))]
    if detail.file:
        labels.append(("recorded in", one_line(f"{detail.file}:{detail.line}" if detail.line else detail.file)))
    if verdict.variants > 1 or verdict.variant != "as recorded":
        labels.append(("presented", f"{one_line(verdict.variant)} ({counted(verdict.variants, 'presentation')})"))
    return [(name, value) for name, value in labels if value]


def _place(mismatch: Mismatch) -> CardPlace:
    control, candidate = _sides(mismatch.control, mismatch.candidate)
    return CardPlace(
        path=one_line(mismatch.path),
        rule=mismatch.rule,
        sentence=RULES.get(mismatch.rule, ""),
        control=control,
        candidate=candidate,
        ignored=None if mismatch.ignored is None else one_line(mismatch.ignored),
        excerpt=mismatch.excerpt[:LONGEST_CHANGE],
        offset="" if mismatch.offset is None else f"{mismatch.offset:,}",
    )


def _sides(control: Any, candidate: Any) -> tuple[Side, Side]:
    """Both sides; where one has nothing, or a text meets another kind of value, there is nothing to compare within."""
    comparable = isinstance(control, str) == isinstance(candidate, str)
    if ABSENT in (control, candidate) or not comparable:
        return _alone(control), _alone(candidate)
    left, right = marked(text_of(control), text_of(candidate))
    return Side(kind=kind_of(control), pieces=left), Side(kind=kind_of(candidate), pieces=right)


def _alone(value: Any) -> Side:
    if value == ABSENT:
        return Side(kind="absent", absent=True)
    return Side(kind=kind_of(value), pieces=plain(text_of(value), limit=LONGEST_CHANGE))


def _readings(detail: Detail) -> list[tuple[str, Text]]:
    sides = (("control", detail.control), ("candidate", detail.candidate))
    return [(name, _reading(each)) for name, each in sides if each is not None]


def _reading(reading: Reading) -> Text:
    return cut(text_of(to_builtins(reading)), LONGEST_BODY)
