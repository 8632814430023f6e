"""Tests that a difference is shown in the bytes where it stands there once, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest

from shim.comparison.tee.reading_places import offset_of, shown
from shim.comparison.verdict import ABSENT, Mismatch


def mismatch(control: Any, candidate: Any) -> Mismatch:
    """A mismatch of two values."""
    return Mismatch(path="response.choices[0].text", control=control, candidate=candidate, rule="tee.text")


@pytest.mark.parametrize(
    ("control", "candidate", "body", "offset"),
    [
        ("one two", "one too", b'{"content":"one two"}', 17),
        ("one two", None, b'{"content":"one two"}', 12),
        (None, "one two", b'{"content":"one two"}', 12),
        ("one two", ABSENT, b'["one two"]', 2),
        ("a é b", "a e b", b'["a \\u00e9 b"]', 4),
        ("a é b", "a e b", '["a é b"]'.encode(), 4),
        ('say "hi"', 'say "ho"', rb'["say \"hi\""]', 9),
        ("Hello world", "Hello", b'data: "Hello"\n\ndata: " world"\n\n', 22),
        ("one", "two", b'["one", "one"]', None),
        (1, 2, b"[1]", None),
        ("x", "y", b'["x"]', None),
        ("lone \ud800", "lone", b"[]", None),
    ],
)
def test_the_place_is_told_where_it_is_certain(control: Any, candidate: Any, body: bytes, offset: int | None) -> None:
    """Text is found whatever its escapes, across pieces too; what stands twice, or not at all, has no place."""
    assert offset_of(mismatch(control, candidate), body) == offset


def test_a_mismatch_without_a_place_stays_as_it_is() -> None:
    """Nothing is made up."""
    numbers = mismatch(1, 2)
    assert shown(numbers, b"[1]") is numbers
    assert shown(mismatch("one two", "one too"), b'["one two"]').excerpt == '["one t>>>wo"]'
