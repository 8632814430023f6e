"""Tests of the quick look at an event stream: no sign of a key escapes it, wherever it stands and however the stream came."""

from __future__ import annotations

import base64
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.recording.redaction import key_signs
from shim.recording.redaction.key_mask import KeyMask
from shim.recording.redaction.key_signs import LOOK_SIGNS, may_hold_looks
from shim.wire import credentials

KEY = b"sk-test-0123456789"
BASIC = base64.b64encode(b"ann:pass-word-1")
WORDS = [
    b"Hello",
    b" the",
    b"",
    b" caf\xc3\xa9",
    b'\\"',
    b"\\n",
    b" risk",
    b"-",
    b"_",
    b"k",
    b"-a",
    b" Bea",
    b"rer",
    b" e",
    b"yJ",
]


def event(word: bytes) -> bytes:
    """An event of a stream, with a word in it."""
    before = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"'
    return before + word + b'"},"finish_reason":null}]}\n\n'


HARMLESS = bytes.maketrans(b"kb", b"ww")


def signs_in(body: bytes) -> bool:
    """Whether a sign stands in a body, by a look at each of its bytes."""
    folded = body.lower().replace(b"_", b"-")
    return any(sign in folded for sign in LOOK_SIGNS)


def cut(body: bytes, *places: int) -> list[bytes]:
    """A body in pieces."""
    return [body[start:end] for start, end in pairwise(sorted({0, len(body), *places}))]


def test_the_signs_are_those_of_the_credentials() -> None:
    """The signs are those without which no credential is found by its looks, and beside a frame the longest has room."""
    assert set(LOOK_SIGNS) == set(credentials._SIGNS)
    assert max(map(len, LOOK_SIGNS)) <= key_signs._EDGE + 1
    assert not [sign for sign in LOOK_SIGNS if b'"' in sign or b"=" in sign]  # a frame ends at a quotation mark


@given(st.lists(st.sampled_from(WORDS), min_size=16, max_size=150), st.sets(st.integers(0, 20_000), max_size=8))
def test_a_look_at_what_differs_sees_what_a_look_at_all_sees(words: list[bytes], places: set[int]) -> None:
    """A stream is found with a sign exactly if one stands in it, whether it was read by events or across them."""
    events = [event(word) for word in words]
    body = b"".join(events)
    found = signs_in(body)
    assert may_hold_looks(body, events) is found
    assert may_hold_looks(body, cut(body, *(place for place in places if place < len(body)))) is found


@given(
    st.lists(st.binary(max_size=12), max_size=60), st.lists(st.sampled_from(LOOK_SIGNS), max_size=1), st.integers(0, 60)
)
def test_no_sign_escapes_in_any_pieces(pieces: list[bytes], signs: list[bytes], place: int) -> None:
    """Whatever the bytes and their pieces are, a sign that stands in them is seen."""
    pieces = [*pieces[:place], *signs, *pieces[place:]]
    body = b"".join(pieces)
    assert may_hold_looks(body, pieces) or not signs_in(body)


def test_what_stands_behind_the_pieces_is_seen() -> None:
    """Bytes that no piece accounts for are looked at too."""
    events = [event(b"word")] * 40
    assert may_hold_looks(b"".join(events) + KEY, events)


@pytest.mark.parametrize(
    "key", [KEY, b"gsk_abcdefghijkl", b"Bearer abc.def-123456", b"eyJhbGciOiJub25lIn0.eyJzdWIi.c2ln", BASIC]
)
@pytest.mark.parametrize("number", [0, 1, 63, 64, 99, 100, 199])
def test_a_key_is_masked_at_every_split(key: bytes, number: int) -> None:
    """A key in any event of a long stream, cut at each of its bytes by two reads, is masked as in a body of one piece."""
    mask = KeyMask([BASIC.decode()])
    events = [event(b" word") for _ in range(200)]
    events[number] = event(b"a\\n" + key)
    body = b"".join(events)
    expected = mask.masked(body, named=False)
    assert key not in expected
    start = body.index(key)
    begun = sum(map(len, events[:number]))
    for place in range(start, start + len(key) + 1):
        pieces = [*events[:number], body[begun:place], body[place : begun + len(events[number])], *events[number + 1 :]]
        assert b"".join(pieces) == body
        assert not mask.is_clean_stream(body, pieces)


@pytest.mark.parametrize("cuts", [(1,), (2,), (3,), (5,), (1, 2, 3, 4, 5)])
def test_a_key_written_over_many_events_of_one_form_is_seen(cuts: tuple[int, ...]) -> None:
    """A key that stands half at the end of one piece and half at the beginning of the next is seen, in pieces all alike."""
    pieces = cut(KEY, *cuts) * 64
    frame = b'"' + b"x" * 60 + b'"'
    alike = [KEY[cuts[0] :] + frame + KEY[: cuts[0]]] * 64
    for made in (pieces, alike):
        assert may_hold_looks(b"".join(made), made)


LONG = b"x" * 60
ALIKE = [b"%d" % number for number in range(40)]


@pytest.mark.parametrize(
    "pieces",
    [
        [b'task-"' + LONG + b'"' + each + b'"' for each in ALIKE],
        [b"r" + each + b'"' + LONG + b"beare" for each in ALIKE],
        [b'r"' + LONG + b'"' + each + b"beare" for each in ALIKE],
        [*[b'-"' + LONG + b'"' + each for each in ALIKE[:9]], b"k", *[b'-"' + LONG + b'"' + each for each in ALIKE]],
        [
            *[each + b'"' + LONG + b"beare" for each in ALIKE[:9]],
            b"r",
            *[each + b'"' + LONG + b"beare" for each in ALIKE],
        ],
        [
            *[b'rer"' + LONG + b'"' + each for each in ALIKE[:9]],
            b"bea",
            *[b'rer"' + LONG + b'"' + each for each in ALIKE],
        ],
        [*[b'"' + LONG + b'"' + each for each in ALIKE], b"k", b"-"],
    ],
)
def test_a_sign_is_seen_at_each_edge(pieces: list[bytes]) -> None:
    """A sign in what all pieces have in common, or over the edge of a piece that is like the others or is not, is seen."""
    frame = key_signs._frame(pieces)
    assert frame is not None
    body = b"".join(pieces)
    assert signs_in(body)
    assert may_hold_looks(body, pieces)
    assert not may_hold_looks(body.replace(b"k", b"w").replace(b"b", b"w"), [p.translate(HARMLESS) for p in pieces])


def test_a_long_stream_is_looked_through_cheaply() -> None:
    """A stream of events of one form costs less than a look at each byte."""
    events = [event(b" word%d" % number).replace(b"chatcmpl-1", b"c" * 200) for number in range(2000)]
    body = b"".join(events)

    def seconds(*, pieces: list[bytes]) -> float:
        begun = time.thread_time()
        may_hold_looks(body, pieces)
        return time.thread_time() - begun

    quick = min(seconds(pieces=events) for _ in range(9))
    whole = min(seconds(pieces=[body]) for _ in range(9))
    assert quick < whole, (quick, whole)
