"""Values as a person reads them: two sides shortened around where they part, keys masked, odd characters escaped.

Not the message they stand in (`explanation`) nor the bytes around a place (`places`).
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from shim.comparison.places import common_length, escaped, is_odd
from shim.comparison.verdict import ABSENT
from shim.wire.masking import mask_keys

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
    return text.encode("utf-8", "backslashreplace").decode()


def in_a_line(text: str) -> str:
    """Text for one line of a message: keys masked, what would break the line or cannot be written escaped."""
    masked = mask_keys(text)
    return masked if masked.isprintable() else "".join(each if each.isprintable() else escaped(each) for each in masked)


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
