"""Tests of `shim.wire.lenient`: odd values are read as what a person would take them for, or kept."""

from __future__ import annotations

from typing import Any

import pytest

from shim.wire.lenient import count_of, index_of, unmodelled, words_in


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("hm", "hm"),
        ({"text": "hm", "signature": "s"}, "hm"),
        ({"reasoningText": {"text": "hm", "signature": "s"}}, "hm"),
        ([{"type": "text", "text": "h"}, {"type": "text", "text": "m"}], "hm"),
        ({"summary": [{"text": "hm"}], "type": "reasoning"}, "hm"),
        ({"type": "redacted", "n": 7}, ""),
        (7, ""),
        (None, ""),
    ],
)
def test_words_are_found(value: Any, words: str) -> None:
    """The words of a reasoning are found in whatever object holds them, and nothing else is taken for words."""
    assert words_in(value) == words


def test_words_without_end() -> None:
    """Words are looked for a few levels deep, whatever comes."""
    deep: Any = "hm"
    for _ in range(5_000):
        deep = [deep]
    assert words_in(deep) == ""


@pytest.mark.parametrize(("value", "index"), [(0, 0), (3, 3), (-1, None), (True, None), ("0", None), (1.5, None)])
def test_an_index_is_a_number_from_zero(value: Any, index: int | None) -> None:
    """What is no index is none, a flag included."""
    assert index_of(value) == index


@pytest.mark.parametrize("odd", [None, "7", float("nan"), float("inf"), [1]])
def test_an_odd_count_is_nothing(odd: Any) -> None:
    """A count that is no finite number is 0."""
    assert count_of({"n": odd}, "n") == 0


def test_what_is_not_of_its_kind_is_kept() -> None:
    """A modelled field of another kind, and any other field, is kept; null is not."""
    fields = {"id": 7, "model": "m", "index": True, "any": [], "new": {"a": 1}, "nothing": None}
    kinds: dict[str, tuple[type, ...]] = {"id": (str,), "model": (str,), "index": (int,), "any": ()}
    assert unmodelled(fields, kinds) == {"id": 7, "index": True, "new": {"a": 1}}
