"""Verdicts that explain themselves: what was asked, what each side made of it, where they part, and the rule that judged.

Not the judging (`compare_wire`, `compare_tee`): what they found arrives as mismatches, and leaves as one of the outcomes, never
two of them.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from shim.comparison.json_offsets import common_length, escaped, excerpt, is_odd
from shim.comparison.rules import RULES, IgnoreRule
from shim.comparison.verdict import ABSENT, Mismatch, Outcome, Rung, Verdict
from shim.recording.exchange import Exchange, RecordedRequest
from shim.wire.masking import mask_keys

__all__ = ["MOST_KEPT", "MOST_TOLD", "asked", "concluded", "excerpt", "failed", "out_of_scope"]

MOST_TOLD = 10
"""Mismatches a message spells out; the others are counted."""
MOST_KEPT = 200
"""Mismatches a verdict keeps: whoever has more reads the first ones. All of them are judged."""


def concluded(
    rung: Rung,
    exchange: Exchange,
    *,
    mismatches: Iterable[Mismatch],
    ignore: Iterable[IgnoreRule] = (),
    sides: tuple[str, str] = ("control", "candidate"),
    made: tuple[str, str] = ("", ""),
    variant: str = "as recorded",
    variants: int = 1,
    seconds: float = 0.0,
) -> Verdict:
    """Make the verdict of what was found: a mismatch, ignored where rules cover all of it, a match where there is nothing.

    Args:
        rung: which comparison.
        exchange: the control's.
        mismatches: what was found; it may be long.
        ignore: the rules; the first that covers a mismatch is named.
        sides: what the two sides are called.
        made: what each side made of it, in a line; "" says nothing.
        variant: how the recorded bytes were presented.
        variants: how many presentations were compared.
        seconds: what it took.
    """
    rules = tuple(ignore)
    judged = [_judged(each, rules, rung=rung) for each in mismatches]
    if not judged:
        return _matched(rung, exchange, variant=variant, variants=variants, seconds=seconds)
    found = [each for each in judged if each.ignored is None]
    covered = [each for each in judged if each.ignored is not None]
    outcome = Outcome.MISMATCH if found else Outcome.IGNORED
    reasons = dict.fromkeys(each.ignored or "" for each in covered)
    request = asked(exchange.request)
    words = [
        _title(rung, outcome, exchange=exchange, asked_for=request, variant=variant),
        *_made_lines(sides, made),
        *_told(found, sides=sides),
        *_ignored_lines(covered),
    ]
    return Verdict(
        rung=rung,
        outcome=outcome,
        pair_id=writable(exchange.pair_id),
        asked=request,
        mismatches=tuple(_kept(each) for each in (*found[:MOST_KEPT], *covered[:MOST_KEPT])),
        reason="; ".join(reasons) if outcome is Outcome.IGNORED else "",
        message=writable("\n".join(words)),
        variant=variant,
        variants=variants,
        seconds=seconds,
    )


def _matched(rung: Rung, exchange: Exchange, *, variant: str, variants: int, seconds: float) -> Verdict:
    """The verdict on most exchanges: nothing was found."""
    request = asked(exchange.request)
    return Verdict(
        rung=rung,
        outcome=Outcome.MATCH,
        pair_id=writable(exchange.pair_id),
        asked=request,
        message=_title(rung, Outcome.MATCH, exchange=exchange, asked_for=request, variant=variant),
        variant=variant,
        variants=variants,
        seconds=seconds,
    )


def failed(rung: Rung, exchange: Exchange, *, reason: str, seconds: float = 0.0) -> Verdict:
    """Make the verdict of a comparison that could not be made; it says nothing of the two sides."""
    return _without_comparison(rung, exchange, outcome=Outcome.FAILED, reason=reason, seconds=seconds)


def out_of_scope(rung: Rung, exchange: Exchange, *, reason: str, seconds: float = 0.0) -> Verdict:
    """Make the verdict of an exchange that is not compared on this rung."""
    return _without_comparison(rung, exchange, outcome=Outcome.IGNORED, reason=reason, seconds=seconds)


class _Asked(Struct):
    model: Any = None
    stream: Any = None


_read_asked = msgspec.json.Decoder(_Asked).decode


def asked(request: RecordedRequest) -> str:
    """What was asked, in a line: method, path, model, whether streamed."""
    line = f"{request.method} {_path(request.url)}"
    try:
        told = _read_asked(request.body or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _repeated_line(line)  # a body that is no JSON names no model
    model = f" · {told.model}" if isinstance(told.model, str) and told.model else ""
    return _repeated_line(f"{line}{model}{', streamed' if told.stream is True else ''}")


def _repeated_line(line: str) -> str:
    """A line as it may be told, which is told again: on the other rung, or of most exchanges."""
    return _kept_line(line) if len(line) <= _LONGEST_KEPT else in_a_line(line)


def _path(url: str) -> str:
    try:
        return urlsplit(url).path or "/"
    except ValueError:
        return url


def _without_comparison(rung: Rung, exchange: Exchange, *, outcome: Outcome, reason: str, seconds: float) -> Verdict:
    reason, request = in_a_line(reason), asked(exchange.request)
    return Verdict(
        rung=rung,
        outcome=outcome,
        pair_id=writable(exchange.pair_id),
        asked=request,
        reason=reason,
        message=f"{_title(rung, outcome, exchange=exchange, asked_for=request)}\n  {reason}",
        seconds=seconds,
    )


def _judged(mismatch: Mismatch, rules: Sequence[IgnoreRule], *, rung: Rung) -> Mismatch:
    covering = next((rule for rule in rules if rule.covers(mismatch, rung=rung)), None)
    return mismatch if covering is None else replace(mismatch, ignored=str(covering))


def _kept(mismatch: Mismatch) -> Mismatch:
    control, candidate = kept_pair(mismatch.control, mismatch.candidate)
    path, told = (in_a_line(text) for text in (mismatch.path, mismatch.excerpt))
    return replace(mismatch, path=path, control=control, candidate=candidate, excerpt=told)


def _title(rung: Rung, outcome: Outcome, *, exchange: Exchange, asked_for: str, variant: str = "as recorded") -> str:
    presented = "" if variant == "as recorded" else f" · {variant}"
    return f"{rung} {outcome.value} · {asked_for} · {_repeated_line(f'pair {exchange.pair_id}')}{presented}"


def _made_lines(sides: tuple[str, str], made: tuple[str, str]) -> list[str]:
    width = max(map(len, sides))
    return [f"  {side:{width}}  {in_a_line(words)}" for side, words in zip(sides, made, strict=True) if words]


def _told(found: Sequence[Mismatch], *, sides: tuple[str, str]) -> list[str]:
    lines = [line for each in found[:MOST_TOLD] for line in _mismatch_lines(each, sides)]
    return [*lines, f"  and {len(found) - MOST_TOLD} more"] if len(found) > MOST_TOLD else lines


def _mismatch_lines(mismatch: Mismatch, sides: tuple[str, str]) -> list[str]:
    kept = _kept(mismatch)
    values = shown_pair(kept.control, kept.candidate)
    rows = list(zip(sides, values, strict=True))
    if mismatch.excerpt:
        offset = "" if mismatch.offset is None else f"   (offset {mismatch.offset})"
        rows.append(("bytes", f"{kept.excerpt}{offset}"))
    rows.append(("rule", f"{mismatch.rule}: {RULES.get(mismatch.rule, 'an unknown rule')}"))
    width = max(len(name) for name, _ in rows)
    return [f"  {kept.path}", *(f"    {name:{width}}  {text}" for name, text in rows)]


def _ignored_lines(covered: Sequence[Mismatch]) -> list[str]:
    lines = [f"  ignored: {in_a_line(f'{each.path} · {each.ignored}')}" for each in covered[:MOST_TOLD]]
    return [*lines, f"  ignored: {len(covered) - MOST_TOLD} more"] if len(covered) > MOST_TOLD else lines


WIDTH = 100
"""Characters of a value that are shown in a message."""
LONGEST_VALUE = 4096
"""Characters of a value, as JSON, that a verdict keeps; a longer one is kept as a text around the place where it parts."""


def shown_pair(control: Any, candidate: Any) -> tuple[str, str]:
    """Two values in a line each, about `WIDTH` characters around the first that differs, aligned."""
    texts = [_json(value) for value in (control, candidate)]
    at = common_length(*texts)
    alike = len({unicodedata.normalize("NFKC", text) for text in _around(texts, at=at)}) == 1
    unclear = alike or any(is_odd(each) for text in texts for each in text[at : at + 1])
    first, second = (_one(text, at=at, ascii_only=unclear) for text in texts)
    return first, second


def kept_pair(control: Any, candidate: Any) -> tuple[Any, Any]:
    """Two values as a verdict keeps them: keys masked, of strings what UTF-8 cannot carry escaped, none too long."""
    values = [kept(value) for value in (control, candidate)]
    texts = [_json(value) for value in values]
    if max(map(len, texts)) <= LONGEST_VALUE:
        return values[0], values[1]
    at = common_length(*texts)
    first, second = (
        value if len(text) <= LONGEST_VALUE else _cut(text, at=at, width=LONGEST_VALUE)
        for value, text in zip(values, texts, strict=True)
    )
    return first, second


def kept(value: Any) -> Any:
    """A plain JSON value with keys masked and lone surrogates escaped; what is ABSENT stays that very object."""
    if value is ABSENT:
        return value
    if isinstance(value, str):
        return writable(mask_keys(value))
    if isinstance(value, dict):
        return {kept(name): kept(inner) for name, inner in value.items()}
    return [kept(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def writable(text: str) -> str:
    """Text that UTF-8 can carry: a lone surrogate is escaped."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def in_a_line(text: str) -> str:
    """Text for one line of a message: keys masked, what would break the line or cannot be written escaped."""
    masked = mask_keys(text)
    return masked if masked.isprintable() else "".join(each if each.isprintable() else escaped(each) for each in masked)


_kept_line = lru_cache(maxsize=256)(in_a_line)
_LONGEST_KEPT = 256  # characters of a line


def _json(value: Any) -> str:
    return "(absent)" if value is ABSENT else json.dumps(value, ensure_ascii=False, default=str)


def _around(texts: list[str], *, at: int) -> list[str]:
    start = max(at - WIDTH, 0)
    return [text[start : at + WIDTH] for text in texts]


def _one(text: str, *, at: int, ascii_only: bool) -> str:
    return "".join(
        escaped(each) if not each.isprintable() or (ascii_only and not each.isascii()) else each
        for each in _cut(text, at=at, width=WIDTH)
    )


def _cut(text: str, *, at: int, width: int) -> str:
    if len(text) <= width:
        return text
    start = max(min(at - width // 2, len(text) - width), 0)
    head, tail = "…" if start else "", "…" if start + width < len(text) else ""
    return f"{head}{text[start : start + width]}{tail} ({len(text)} characters)"
