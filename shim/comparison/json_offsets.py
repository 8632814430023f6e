"""Places in JSON text: where in the bytes of a body a path of `canonical` stands, and the bytes around it.

Not the finding of differences (`canonical`). Runs only where there is one to explain; linear in the body.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]  # it is there, typeshed leaves it out
from typing import Any

from shim.wire.masking import mask_keys

MARK = ">>>"
"""Stands in an excerpt before the byte in question."""

_STEP = re.compile(r"\[(\d+):?\]|\[(\"(?:[^\"\\]|\\.)*\")\]|\.?([^.\[\]]+)")
_SPACE = re.compile(r"[ \t\n\r]*")
_UNIT = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\\"]", re.DOTALL
)
# A key is looked for this far beyond what is shown, so that one that is cut is known for one.
_BEYOND = 300
_raw_decode = json.JSONDecoder().raw_decode


def place_of(body: bytes, path: str, *, within: int = 0) -> int | None:
    """The offset of a value in a JSON body, or of what would hold it where there is none; None where the body cannot be read.

    Args:
        body: bytes that `canonical_json` reads.
        path: as `canonical.differences` writes it, from the top of the body.
        within: of a string, how many of its characters to go on.
    """
    try:
        text = body.decode()
        start = _Scanner(text).find(list(_steps(path)))
        start += _into(text, start, characters=within) if within else 0
    except (ValueError, IndexError, RecursionError):
        return None
    return len(text[:start].encode())


def value_at(body: bytes, offset: int) -> Any:
    """The value that begins at an offset `place_of` gave."""
    return _raw_decode(body[offset:].decode())[0]


def _steps(path: str) -> Iterator[str | int]:
    for number, quoted, plain in _STEP.findall(path):
        yield int(number) if number else json.loads(quoted) if quoted else plain


def _into(text: str, start: int, *, characters: int) -> int:
    """The length of the first characters of a string in JSON text, escapes as they stand there."""
    if text[start] != '"':
        return 0
    at = start + 1
    for _ in range(characters):
        unit = _UNIT.match(text, at)
        if unit is None:
            break
        at = unit.end()
    return at - start


class _Scanner:
    """Goes to a place in JSON text, skipping what stands before it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def find(self, steps: list[str | int]) -> int:
        at = self._skip_space(0)
        for step in steps:
            inner = self._member(at, step) if isinstance(step, str) else self._element(at, step)
            if inner is None:
                break  # a place that is not there: what would hold it is
            at = inner
        return at

    def _skip_space(self, at: int) -> int:
        match = _SPACE.match(self._text, at)
        return match.end() if match else at

    def _after(self, at: int) -> int:
        """The place after a value."""
        _, end = _raw_decode(self._text, at)
        return self._skip_space(end)

    def _member(self, at: int, name: str) -> int | None:
        if self._text[at] != "{":
            return None
        at = self._skip_space(at + 1)
        while self._text[at] == '"':
            found, end = scanstring(self._text, at + 1)
            at = self._skip_space(self._skip_space(end) + 1)  # the colon
            if found == name:
                return at
            at = self._skip_space(self._after(at) + 1)  # the comma, or the brace that ends the object
            if at >= len(self._text):
                return None
        return None

    def _element(self, at: int, number: int) -> int | None:
        if self._text[at] != "[":
            return None
        at = self._skip_space(at + 1)
        for _ in range(number):
            if self._text[at] == "]":
                return None
            at = self._after(at)
            if self._text[at] == "]":
                return None
            at = self._skip_space(at + 1)
        return None if self._text[at] == "]" else at


def excerpt(body: bytes, offset: int, *, width: int = 60) -> str:
    """The bytes around a place, as text: `>>>` before the byte in question, what is no text escaped, keys masked.

    Args:
        body: the bytes.
        offset: of the byte in question, from 0; of what lies outside the nearest that does not.
        width: how many bytes are shown, about.
    """
    offset = min(max(offset, 0), len(body))
    wide_start, wide_end = max(offset - width - _BEYOND, 0), offset + width + _BEYOND
    before, after = _masked(body[wide_start:offset], body[offset:wide_end])
    half = width // 2
    head = "…" if len(before) > half or wide_start else ""
    tail = "…" if len(after) > half or wide_end < len(body) else ""
    return f"{head}{before[-half:] if half else ''}{MARK}{after[:half]}{tail}"


def _masked(before: bytes, after: bytes) -> tuple[str, str]:
    """Mask a key in text that is cut in two, also one that the cut goes through."""
    head, whole = mask_keys(_shown(before)), mask_keys(_shown(before) + _shown(after))
    cut = common_length(head, whole)
    first = whole[cut : cut + 1]
    return whole[:cut], (escaped(first) if first and is_odd(first) else first) + whole[cut + 1 :]


def _shown(data: bytes) -> str:
    text = data.decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else escaped(each) for each in text)


def escaped(text: str) -> str:
    """Text in ASCII, as JSON escapes it."""
    return json.dumps(text)[1:-1]


def first_difference(control: Any, candidate: Any) -> int:
    """How many characters two strings begin alike; 0 for anything else."""
    both = isinstance(control, str) and isinstance(candidate, str)
    return common_length(control, candidate) if both else 0


def common_length(first: str, second: str) -> int:
    """The length of what two texts begin alike; by halving, so that long texts are compared as fast as memory."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def is_odd(character: str) -> bool:
    """Whether a character cannot be told by looking: a control, a space other than the usual, a combining mark."""
    return not character.isprintable() or unicodedata.category(character).startswith("M")
