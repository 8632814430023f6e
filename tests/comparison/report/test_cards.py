"""Tests of the cards: both sides with what they are, bounded whatever the verdict holds."""

from __future__ import annotations

from typing import Any

import pytest

from shim.comparison.report.cards import MOST_PLACES, card_of, kind_of, text_of
from shim.comparison.verdict import ABSENT, Mismatch
from tests.comparison.report.made import AGENT, SEED, TEXT, detail, details


def test_a_card_says_all() -> None:
    """A card holds what was asked, where it stands, each place with its rule's sentence, and the message."""
    card = card_of(detail(TEXT), identifier="tee-17")
    (place,) = card.places
    assert (card.id, card.outcome, card.rung, card.rules) == ("tee-17", "mismatch", "tee", "tee.text")
    assert dict(card.labels) == {"number": "17", "pair": "pair-17", "recorded in": "day.jsonl:18"}
    assert (place.path, place.sentence) == (TEXT.path, "Text, reasoning and refusal must be identical.")
    assert (place.excerpt, place.offset) == (TEXT.excerpt, "1,412")
    assert [piece.text for piece in place.control.pieces if piece.changed] == ["p"]
    assert card.message.text == "exchange 17 in words"


def test_absent_is_not_null() -> None:
    """A place that one side has not is told apart from null."""
    place = card_of(detail(SEED), identifier="x").places[0]
    assert (place.control.absent, place.control.kind) == (False, "number")
    assert (place.candidate.absent, place.candidate.kind) == (True, "absent")
    null = card_of(detail(Mismatch(path="a", control=1, candidate=None, rule="wire.body")), identifier="x").places[0]
    assert (null.candidate.absent, null.candidate.kind, null.candidate.pieces[0].text) == (False, "null", "null")


def test_an_ignored_place_names_its_owner() -> None:
    """The reason and owner of an ignore rule stand with the place it covers."""
    assert card_of(detail(AGENT), identifier="x").places[0].ignored == "The client names itself. (owner: platform)"


def test_presentations_are_named() -> None:
    """A verdict on bytes presented otherwise than recorded says how they were."""
    card = card_of(detail(TEXT, variant="split at 17", variants=40), identifier="x")
    assert dict(card.labels)["presented"] == "split at 17 (40 presentations)"


def test_readings_are_beside_each_other() -> None:
    """What each side made of the answer is on the card, and goes with the recording where a page is full."""
    card = card_of(details()[0], identifier="x")
    assert [name for name, _ in card.readings] == ["control", "candidate"]
    assert '"http_status": 200' in card.readings[0][1].text
    bare = card_of(details()[0], identifier="x", with_recording=False)
    assert (bare.exchange, bare.readings) == (None, ())


def test_places_are_bounded() -> None:
    """Of many mismatches the first are shown and the others counted."""
    card = card_of(detail(*[SEED] * (MOST_PLACES + 3)), identifier="x")
    assert (len(card.places), card.more_places) == (MOST_PLACES, 3)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("ab", "string, 2 characters"),
        (True, "boolean"),
        (1.5, "number"),
        (None, "null"),
        ([1], "array, 1 item"),
        ({"a": 1, "b": 2}, "object, 2 keys"),
    ],
)
def test_values_have_kinds(value: Any, kind: str) -> None:
    """A value is said to be what JSON calls it, with its size."""
    assert kind_of(value) == kind


def test_objects_are_compared_by_key() -> None:
    """Objects are shown with sorted keys, so that their order marks nothing."""
    mismatch = Mismatch(path="a", control={"b": 1, "a": 2}, candidate={"a": 2, "b": 3}, rule="wire.body")
    place = card_of(detail(mismatch), identifier="x").places[0]
    assert [piece.text for piece in place.control.pieces if piece.changed] == ["1"]


def test_bottomless_values_are_told() -> None:
    """A value nested too deeply to be written is said to be, and the card is made."""
    value: Any = []
    for _ in range(100_000):
        value = [value]
    assert text_of(value) == "(nested too deeply to be shown)"
    assert text_of(ABSENT) == '{\n  "$absent": true\n}'
