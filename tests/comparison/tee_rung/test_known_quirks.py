"""Tests that the legacy client's documented quirks are named where they show, and a cut inside an event is recognised."""

from __future__ import annotations

import pytest

from shim.comparison.tee_rung.known_quirks import Unended, hints, unended
from tests.helpers.exchanges import CHUNKS, exchange, sse, streamed

WHOLE = sse(*CHUNKS)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"data: {\ndata: }\n\n", "several data lines"),
        (b"data: {\r\ndata: }\r\n\r\n", "several data lines"),
        (b"data: {}\n\nerror: {}\n\n", "a field called `error`"),
        (b"data: \xff\n\n", "not all UTF-8"),
        (b"data: {}\n\ndata: {}\n", "lacks its blank line"),
        (b"data: {}\n\ndata: {}", "lacks its blank line"),
    ],
)
def test_each_quirk_is_named(body: bytes, words: str) -> None:
    """A stream that holds one is told with the one sentence about it."""
    (told,) = hints(streamed(body))
    assert words in told


def test_an_ordinary_answer_has_none() -> None:
    """Streams and JSON as servers send them are told without a word."""
    assert hints(streamed()) == []
    assert hints(streamed(WHOLE.replace(b"\n", b"\r\n"))) == []
    assert hints(streamed(WHOLE.replace(b"\n", b"\r"))) == []
    assert hints(exchange()) == []
    assert hints(exchange(response=None)) == []


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_a_cut_at_the_end_of_an_event_leaves_none_open(line_end: bytes) -> None:
    """Behind a blank line, and before any data, a cut means the same to both."""
    two = b"data: 1" + line_end + line_end + b"event: x" + line_end
    assert unended(two, reset=False) is None
    assert unended(b"", reset=True) is None


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_a_cut_inside_an_event_is_read_in_two_ways(line_end: bytes) -> None:
    """By lines the event counts as ended, by events it is dropped; after a reset a line without its end counts for nobody."""
    first, second = b"data: 1" + line_end * 2, b"data: 2"
    assert unended(first + second, reset=False) == Unended(first + second + b"\n\n", first)
    assert unended(first + second, reset=True) == Unended(first + b"\n\n", first)
    assert unended(first + second + line_end, reset=True) == Unended(first + second + line_end + b"\n\n", first)
