"""Tests of the marking: what differs is marked and nothing else, nothing is invisible, everything is bounded."""

from __future__ import annotations

import time
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.comparison.report.marking import LONGEST_CHANGE, MOST_PIECES, MarkedPiece, marked, plain, seen


def changed(pieces: tuple[MarkedPiece, ...]) -> list[str]:
    """The stretches that are marked."""
    return [piece.text for piece in pieces if piece.changed]


def test_equal_texts_are_unmarked() -> None:
    """Two texts that are the same are one piece each, with nothing marked."""
    assert marked("the same\ntwo lines", "the same\ntwo lines") == ((MarkedPiece("the same\ntwo lines"),),) * 2


@pytest.mark.parametrize(
    ("control", "candidate", "left", "right"),
    [
        ("four apples", "four aples", ["p"], [""]),
        ("total 1234 now", "total 1239 now", ["4"], ["9"]),
        ("one alpha two", "one beta two", ["alpha"], ["beta"]),
        ('{\n  "a": 1,\n  "b": 2\n}', '{\n  "a": 1,\n  "b": 3\n}', ["2"], ["3"]),
        ("first\nsecond\nthird\n", "first\nthird\n", ["second\n"], [""]),
        ("", "all of it", [""], ["all of it"]),
    ],
)
def test_only_what_differs_is_marked(control: str, candidate: str, left: list[str], right: list[str]) -> None:
    """Marks cover the characters, words or lines that differ, and a gap shows where the other side has more."""
    first, second = marked(control, candidate)
    assert (changed(first), changed(second)) == (left, right)


LETTERS = st.text("ab.,é", max_size=60)


@given(LETTERS, LETTERS)
def test_pieces_are_the_text(control: str, candidate: str) -> None:
    """Pieces put together are the texts, and without what is marked both sides have the same left."""
    first, second = marked(control, candidate)
    assert ("".join(piece.text for piece in first), "".join(piece.text for piece in second)) == (control, candidate)
    rest = ["".join(piece.text for piece in side if not piece.changed) for side in (first, second)]
    assert rest[0] == rest[1]


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_can_be_written(control: str, candidate: str) -> None:
    """Whatever characters come, lone surrogates and controls among them, the pieces can be encoded."""
    for side in marked(control + "\ud800", candidate + "\x00"):
        text = "".join(piece.text for piece in side)
        text.encode()
        assert "\x00" not in text


def test_unseen_characters_are_told() -> None:
    """What turns text about or has no width is shown as its escape."""
    first, _ = marked("pay \u202e100", "pay 100")
    assert "\\u202e" in changed(first)
    assert seen("a\u200bb\x1b\ufeff") == "a\\u200bb\\x1b\\ufeff"
    assert plain("a\u2066b", limit=9)[1] == MarkedPiece("\\u2066", told=True)


def test_changed_white_space_is_shown() -> None:
    """A change of blanks alone has signs in their place."""
    first, second = marked("a b", "a\tb")
    assert (changed(first), changed(second)) == (["␣"], ["⇥\t"])


def test_long_equal_stretches_are_cut() -> None:
    """Of what both sides have, the part next to the change stays, with the number of characters left out."""
    first, _ = marked("x" * 9000 + "\nalpha\n" + "y" * 9000, "x" * 9000 + "\nbeta\n" + "y" * 9000)
    told = [piece.text for piece in first if piece.told]
    assert told == ["… 8,761 equal characters …", "… 8,761 equal characters …"]
    assert changed(first) == ["alpha"]


def test_a_long_change_is_cut() -> None:
    """A change longer than a screen ends with the number of characters left out."""
    first, _ = marked("a" * 15_000, "b")
    assert first[0].text == "a" * LONGEST_CHANGE
    assert first[1].text == "… 12,000 more characters …"


@pytest.mark.parametrize("unit", ["{}\n", "{} ", "{}"], ids=["lines", "words", "one word"])
def test_work_is_bounded(unit: str) -> None:
    """Texts made to be slow to compare are compared at once, to a bounded number of pieces."""
    random = Random(1)  # noqa: S311 - no secret: the same texts every time
    control, candidate = ("".join(unit.format(random.choice("ab")) for _ in range(20_000)) for _ in range(2))
    start = time.process_time()
    first, _ = marked(control, candidate)
    assert time.process_time() - start < 2
    assert len(first) <= MOST_PIECES + 4
    assert sum(len(piece.text) for piece in first) < 3 * LONGEST_CHANGE
