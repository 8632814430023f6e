"""Tests of places: the offset of any path is where its value begins, and an excerpt shows that byte and no key."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.comparison.canonical import inside
from shim.comparison.json_offsets import common_length, excerpt, place_of, value_at
from shim.wire.masking import MASK
from tests.comparison.equal_pairs import rewritten, rng_of
from tests.properties.strategies import values


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    """All places of a value, with what stands there."""
    found = [(path, value)]
    if isinstance(value, dict):
        found += [each for name, inner in value.items() for each in leaves(inner, inside(path, name))]
    if isinstance(value, list):
        found += [each for position, inner in enumerate(value) for each in leaves(inner, f"{path}[{position}]")]
    return found


@given(values, st.integers(0, 1000))
def test_every_place_is_found(value: Any, seed: int) -> None:
    """Whatever the spelling of a body, the offset of each path is where just that value begins."""
    body = rewritten(value, rng_of(seed))
    for path, expected in leaves(value):
        offset = place_of(body, path)
        assert offset is not None
        assert json.dumps(value_at(body, offset), sort_keys=True) == json.dumps(expected, sort_keys=True)


@pytest.mark.parametrize(
    ("path", "within", "expected"),
    [
        ("a", 0, b'"H\\u00e9\\n'),
        ("a", 2, b"\\nllo"),
        ("a", 3, b"llo"),
        ("a", 99, b'"'),
        ("b[1]", 1, b'{"c"'),
        ("b.length", 0, b"[1,"),
        ("b[2:]", 0, b"[1,"),
        ("b[7]", 0, b"[1,"),
        ("missing.deeper", 0, b'{"a"'),
        ('["d.e"]', 1, "🌍".encode()),
        ('["d.e"]', 2, b'x"'),
        ("f", 1, b'z"'),
    ],
)
def test_a_place_in_a_string_or_beside_one(path: str, within: int, expected: bytes) -> None:
    """A place goes on into a string by characters; of a place that is not there, what would hold it is told."""
    body = '{"a": "H\\u00e9\\nllo", "b": [1, {"c": 2}], "d.e": "\\u00e9🌍x", "f": "\\ud83c\\udf0dz"}'.encode()
    offset = place_of(body, path, within=within)
    assert offset is not None
    assert body[offset:].startswith(expected)


@pytest.mark.parametrize("body", [b"", b"{", b'{"a": ', b"\xff"])
def test_a_body_that_is_no_json_has_no_places(body: bytes) -> None:
    """A place is not guessed where the body cannot be read."""
    assert place_of(body, "a.b") is None


def test_an_excerpt_marks_its_byte() -> None:
    """The bytes around the place are shown with the mark before the byte in question, cut at both ends."""
    body = b'{"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}],"temperature":0.7,"seed":1}'
    assert excerpt(body, 58, width=20) == '…ntent":"He>>>llo"}],"te…'
    assert excerpt(b"ab", 0) == ">>>ab"
    assert excerpt(b"ab", 2) == excerpt(b"ab", 99) == "ab>>>"
    assert excerpt(b"", 0) == ">>>"


def test_an_excerpt_is_printable() -> None:
    """Bytes that are no text, controls, and a mark that would cling to the character before it are escaped."""
    assert excerpt(b'"\xff\x00\n' + "e\u0301".encode(), 4) == '"\\xff\\u0000\\n>>>e\u0301'
    assert excerpt("e\u0301x".encode(), 1) == "e>>>\\u0301x"


@pytest.mark.parametrize("offset", range(0, 100, 3))
def test_an_excerpt_shows_no_key(offset: int) -> None:
    """Wherever the excerpt is cut and marked, no piece of a key is shown."""
    body = b'{"a": "' + b"x" * 20 + b' sk-test-made-up-key", "b": "' + b"y" * 40 + b'"}'
    shown = excerpt(body, offset, width=30)
    assert "made" not in shown
    assert 'key"' not in shown
    assert MASK in excerpt(body, 40)


@given(st.text(), st.text(), st.text())
def test_what_texts_begin_alike(common: str, first: str, second: str) -> None:
    """The common length is the longest one at which both texts are the same."""
    length = common_length(common + first, common + second)
    assert length >= len(common)
    assert (common + first)[:length] == (common + second)[:length]
    assert (common + first)[length : length + 1] != (common + second)[length : length + 1] or first == second
