"""Tests of frames: words are cut out of payloads only where nothing else in them can differ."""

from __future__ import annotations

import json

import pytest

from shim.wire.capping import LONGEST
from shim.wire.chat.frame import Frame, frame_of
from tests.wire.chat.chunks import call, chunk, raw


def text(words: str) -> bytes:
    """A payload of a piece of text."""
    return raw(chunk({"content": words}))


def frame() -> Frame:
    """The frame of such a payload."""
    found = frame_of(text("a"), "a", name=b"content")
    assert found is not None
    return found


@pytest.mark.parametrize("words", ["a", "é😀", 'say "hi"\n', "\\", '","content":"', "{", " "])
def test_words_in_a_frame_are_those_of_the_payload(words: str) -> None:
    """Whatever a piece says, and however its JSON is escaped, the same is read of it alone and beside others."""
    for ascii_only in (True, False):
        payload = json.dumps(chunk({"content": words}), ensure_ascii=ascii_only).encode()
        found = frame_of(payload, words, name=b"content")
        assert found is not None
        assert found.words_of([payload, payload]) == [words, words]
        assert found.words_of_one(payload) == words


@pytest.mark.parametrize(
    "odd",
    [
        text("b").replace(b"gpt", b"GPT"),
        text("b").replace(b'"b"', b'"b","role":"x"'),
        text("b").replace(b'"b"', b'"b","c"'),
        text("b").replace(b'"b"', b""),
        text("b").replace(b'"b"', b"null"),
        text("b").replace(b'"b"', b'"\\ud83d"'),
        text("b").replace(b'"b"', b'"b'),
        text("b").replace(b'"b"', b'"b\n"'),
        text("b")[:-1],
        text("b") + b" ",
        text("b").replace(b'"b"', b"")[:40],
        text("b" * (LONGEST + 1)),
        b"",
    ],
)
def test_a_payload_that_is_anything_else_gives_no_words(odd: bytes) -> None:
    """Where one payload is not the same around one short string, no words are read of it, nor of those beside it."""
    assert frame().words_of_one(odd) == ""
    for payloads in ([odd, text("a")], [text("a"), odd], [text("a"), odd, text("a")]):
        assert frame().words_of(payloads) == []


def test_strings_that_are_not_one_a_payload_are_not_shared_out() -> None:
    """Two strings in one payload and none in the next are not taken for one each."""
    begun, ended = text("x").split(b'"x"')
    for literals in ([b'"a","b"', b""], [b'"a', b'b"'], [b'"a', b'b","c"'], [b'"a",', b'"b"'], [b'"a"]', b'["b"']):
        assert frame().words_of([begun + each + ended for each in literals]) == []


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (raw(chunk({"content": "content"}, model="content")), "content"),
        (raw(chunk({"content": "a"}, id='say \\"content\\": \\"a\\"', system_fingerprint="\n")), "a"),
        (b'{"c\\u006fntent":"a","id":"content"}', "a"),
        (b'{"content":"b","c\\u006fntent":"a"}', "a"),
        (b'{"delta":{"content":"b"},"delta":{"content":"a"}}', "a"),
        (b'{"id":"a"}', "a"),
        (b'{"content":"b"}', "a"),
        (b'{"content":5}', "5"),
        (b'{"content":"a"', "a"),
    ],
)
def test_words_that_are_not_surely_found_make_no_frame(payload: bytes, words: str) -> None:
    """A payload that may say its words in another place, or under a name that is spelled otherwise, has no frame."""
    found = frame_of(payload, words, name=b"content")
    assert found is None or found.words_of_one(payload) == words
    assert found is None or payload.endswith(b'"a"')


def test_arguments_have_a_frame_too() -> None:
    """The name of the field tells which words are meant."""
    payload = raw(chunk({"tool_calls": [call(0, '{"a":')]}))
    found = frame_of(payload, '{"a":', name=b"arguments")
    assert found is not None
    assert found.words_of_one(payload) == '{"a":'
    assert frame_of(payload, '{"a":', name=b"content") is None
