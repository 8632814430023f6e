"""The verdict on an exchange without a partner in the other recording: what it asked, where, and how often either asks it.

Not the pairing (`pairing`). It is a difference of what is asked, so a rule of the wire rung judges it, and an ignore rule may
cover it: path `request`, rule `wire.missing` or `wire.added`.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from shim.comparison.explanation import asked, concluded
from shim.comparison.two_recordings.keys import TIERS, last_words, test_of
from shim.comparison.two_recordings.pairing import sorted_keys
from shim.comparison.verdict import ABSENT, Mismatch, Verdict
from shim.wire.masking import mask_keys

if TYPE_CHECKING:
    from shim.comparison.rules import IgnoreRule
    from shim.comparison.two_recordings.pairing import Column
    from shim.recording.exchange import Exchange

_REQUEST = TIERS.index("request")
_SHOWN = 80  # characters of what a user said


class Askings:
    """How often either side asks what found no partner there or here.

    Args:
        control, candidate: the columns of each side.
        alone: the places without a partner, of the control and of the candidate, in order.
    """

    def __init__(
        self,
        control: Sequence[Column],
        candidate: Sequence[Column],
        *,
        alone: tuple[Iterable[int], Iterable[int]],
    ) -> None:
        columns = control[_REQUEST], candidate[_REQUEST]
        self._places = tuple(array("I", places) for places in alone)
        self._counts: list[list[array[int]]] = []  # of each side's places, how often either side asks the same
        if not any(self._places):
            return
        known = [sorted_keys(column) for column in columns]
        for column, places in zip(columns, self._places, strict=True):
            self._counts.append([array("I", (_count(keys, column[place]) for place in places)) for keys in known])

    def of_control(self, place: int) -> tuple[int, int]:
        """How often the control, and how often the candidate, asks what the control's exchange at a place does."""
        return self._of(0, place)

    def of_candidate(self, place: int) -> tuple[int, int]:
        """Likewise of the candidate's exchange."""
        return self._of(1, place)

    def _of(self, side: int, place: int) -> tuple[int, int]:
        number = bisect_left(self._places[side], place)
        ours, theirs = self._counts[side]
        return ours[number], theirs[number]


def _count(keys: Column, key: int) -> int:
    return bisect_right(keys, key) - bisect_left(keys, key)


def missing(
    exchange: Exchange, *, place: str, askings: tuple[int, int], other: str, ignore: Iterable[IgnoreRule]
) -> Verdict:
    """The verdict on what the control alone asks.

    Args:
        exchange: the control's.
        place: its file and line.
        askings: how often the control and the candidate ask the same.
        other: the files of the candidate.
        ignore: the rules that may cover it.
    """
    made = (_made(place, exchange, count=askings[0]), _made_not(other, askings[1]))
    mismatch = Mismatch(path="request", control=_asked(exchange), candidate=ABSENT, rule="wire.missing")
    return concluded("wire", exchange, mismatches=[mismatch], ignore=ignore, made=made)


def added(
    exchange: Exchange, *, place: str, askings: tuple[int, int], other: str, ignore: Iterable[IgnoreRule]
) -> Verdict:
    """The verdict on what the candidate alone asks; the arguments are as of `missing`, `other` the control's files."""
    made = (_made_not(other, askings[0]), _made(place, exchange, count=askings[1]))
    mismatch = Mismatch(path="request", control=ABSENT, candidate=_asked(exchange), rule="wire.added")
    return concluded("wire", exchange, mismatches=[mismatch], ignore=ignore, made=made)


def _asked(exchange: Exchange) -> str:
    """What was asked, and the last words of the user, so that a person knows which request it was."""
    words = mask_keys(last_words(exchange))  # before it is cut: of half a key nobody can tell that it is one
    shown = words if len(words) <= _SHOWN else f"{words[:_SHOWN]}…"
    return f"{asked(exchange.request)}{f': {shown}' if words else ''}"


def _made(place: str, exchange: Exchange, *, count: int) -> str:
    test = test_of(exchange)
    response = exchange.response
    came = "nothing came" if response is None else f"HTTP {response.status}"
    return f"{place}{f' in {test}' if test else ''}: {came}, asked {_times(count)} in all"


def _made_not(files: str, count: int) -> str:
    return f"{files}: this very request {_times(count)}, no partner left" if count else f"{files}: no such request"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
