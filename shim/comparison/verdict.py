"""The verdict on one exchange: how it came out, where the two sides part, and the words that explain it.

Not the comparing (`compare_wire`, `compare_tee`) nor the wording (`explanation`). Three outcomes and a fourth, never mixed: a
comparator that failed has found no difference, and an ignored difference is no match.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal, TypeAlias

from msgspec import Struct

Rung: TypeAlias = Literal["wire", "tee"]


class Outcome(str, Enum):
    """How a comparison came out; compares equal to its string value."""

    MATCH = "match"
    MISMATCH = "mismatch"
    IGNORED = "ignored"
    FAILED = "comparator-failed"

    __str__ = str.__str__


class Mismatch(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One place where the two sides part.

    Attributes:
        path: of the place, such as `body.messages[1].content` or `response.usage.input_tokens`.
        control, candidate: what stands there on either side, plain JSON; `ABSENT` for a place that one has not. A value of more
            than 4,096 characters as JSON is a text shortened around the place where the sides part.
        rule: the rule that judged, a name of `shim.comparison.rules.RULES`.
        ignored: the reason and owner of the ignore rule that covers it, None where none does.
        excerpt: the bytes around the place, as text with escapes; "" where there is none to show.
        offset: of the excerpt's centre in the body compared, None where it is not known.
    """

    path: str
    control: Any
    candidate: Any
    rule: str
    ignored: str | None = None
    excerpt: str = ""
    offset: int | None = None


ABSENT: dict[str, bool] = {"$absent": True}
"""Stands for a place that one side has not: null is a value, absence is not."""


class Verdict(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The verdict on one exchange on one rung.

    Attributes:
        rung: which comparison.
        outcome: how it came out.
        pair_id: of the exchange.
        asked: what was asked, in one line: method, path, model, streamed or not.
        mismatches: where the two sides part; of an ignored outcome those that are ignored. Of each kind the first 200 are kept,
            all of them are judged.
        reason: of `ignored`, why; of `comparator-failed`, what failed; "" otherwise.
        message: the whole in words, ready to be printed: what was asked, what each side made of it, where they part.
        variant: how the recorded bytes were presented: "as recorded", "split at 17", "cut at 99".
        variants: how many presentations were compared; the first that does not match is told.
        seconds: what the comparison took.
        number: the place of the exchange in what was compared, counted from 0.
    """

    rung: Rung
    outcome: Outcome
    pair_id: str = ""
    asked: str = ""
    mismatches: tuple[Mismatch, ...] = ()
    reason: str = ""
    message: str = ""
    variant: str = "as recorded"
    variants: int = 1
    seconds: float = 0.0
    number: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing was found that needs a person: a match, or differences all ignored."""
        return self.outcome in (Outcome.MATCH, Outcome.IGNORED)
