"""Tests of frames: words are cut out of payloads only where nothing else in them can differ."""

from __future__ import annotations

import json

import pytest

from shim.wire.capping import LONGEST
from shim.wire.chat.frame import Frame, frame_of
from tests.wire.chat.chunks import call, chunk, raw


def event_of(payload: bytes) -> bytes:
    """The event of one line that a payload is by itself."""
    return b"data: %b\n\n" % payload


def text(words: str) -> bytes:
    """A payload of a piece of text."""
    return raw(chunk({"content": words}))


def words_of(found: Frame, payload: bytes) -> str:
    """The words of a payload by itself, and of its event, which are the same."""
    words = found.words_of_one(payload)
    assert found.words_of_event(event_of(payload)) == words
    return words


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
        assert words_of(found, payload) == words


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
    assert words_of(frame(), odd) == ""
    for payloads in ([odd, text("a")], [text("a"), odd], [text("a"), odd, text("a")]):
        assert frame().words_of(payloads) == []


@pytest.mark.parametrize(
    "odd",
    [
        event_of(text("b"))[:-1],
        event_of(text("b"))[1:],
        event_of(text("b")) + event_of(text("c")),
        event_of(text("b")).replace(b"\n\n", b"\r\n\r\n"),
        event_of(text("b")).replace(b"data: ", b"data:"),
        b"event: x\n" + event_of(text("b")),
        b": x\n" + event_of(text("b")),
        event_of(text("b").replace(b'"b"', b'"')),
        *(event_of(text("b").replace(b'"b"', beside)) for beside in (b'"b"\n', b'\n"b"', b'"b"\r', b'"\n"', b'"b\r"')),
    ],
)
def test_an_event_that_is_anything_else_gives_no_words(odd: bytes) -> None:
    """Of an event that is not one line of such data and a blank line, no words are read: a line end beside a string is one."""
    assert frame().words_of_event(odd) == ""


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
    assert found is None or words_of(found, payload) == words
    assert found is None or payload.endswith(b'"a"')


def test_arguments_have_a_frame_too() -> None:
    """The name of the field tells which words are meant."""
    payload = raw(chunk({"tool_calls": [call(0, '{"a":')]}))
    found = frame_of(payload, '{"a":', name=b"arguments")
    assert found is not None
    assert words_of(found, payload) == '{"a":'
    assert frame_of(payload, '{"a":', name=b"content") is None


def padded(words: str, padding: str, **fields: str) -> bytes:
    """A payload whose length says nothing of its words'."""
    return raw(chunk({"content": words}, obfuscation=padding) | fields)


def test_a_padding_is_no_part_of_the_frame() -> None:
    """Payloads that differ in words and padding alone are read at once, and one by one."""
    found = frame_of(padded("a", "xyz"), "a", name=b"content")
    assert found is not None
    payloads = [padded("b", ""), padded('"', '"'), padded("c", '\\"},"obfuscation":"x'), padded("é", "x" * 600)]
    assert found.words_of(payloads) == ["b", '"', "c", "é"]
    assert [words_of(found, each) for each in payloads] == ["b", '"', "c", "é"]


@pytest.mark.parametrize(
    "odd",
    [
        text("b"),
        padded("b", "x", model="m"),
        padded("b", "x", more="m"),
        padded("b", "x").replace(b'"x"', b"5"),
        padded("b", "x").replace(b'"x"', b""),
        padded("b", "x").replace(b'"x"', b'"x","y"'),
        padded("b", "x").replace(b'"b"', b'"b","c"'),
        padded("b", "x").replace(b'"b"', b""),
        padded("b", "x").replace(b'"x"', b'"x"' + padded("b", "x").partition(b'"b"')[2]),
    ],
)
def test_what_is_not_padded_alike_gives_no_words(odd: bytes) -> None:
    """Where anything but words and padding differs, no words are read, neither of it nor of those beside it."""
    found = frame_of(padded("a", "x"), "a", name=b"content")
    assert found is not None
    assert words_of(found, odd) == ""
    assert found.words_of([odd, padded("a", "x")]) == found.words_of([padded("a", "x"), odd]) == []


@pytest.mark.parametrize("end", [b"\n", b"\r"])
@pytest.mark.parametrize("place", range(4))
def test_a_line_end_around_words_or_padding_gives_no_words(place: int, end: bytes) -> None:
    """An event of several lines is none of one, though JSON lets a line end stand around each of its strings."""
    found = frame_of(padded("a", "x"), "a", name=b"content")
    assert found is not None
    around = padded("b", "y").replace(b'"b"', b'|"b"|').replace(b'"y"', b'|"y"|').split(b"|")
    odd = b"".join(part + (end if number == place else b"") for number, part in enumerate(around))
    assert json.loads(odd) == json.loads(padded("b", "y"))
    assert words_of(found, odd) == ""


def test_a_padding_that_may_stand_elsewhere_makes_no_frame_of_other_words() -> None:
    """A padding whose name stands among the words is found where it is."""
    payload = padded('"obfuscation":"x"', "y")
    found = frame_of(payload, '"obfuscation":"x"', name=b"content")
    assert found is not None
    assert words_of(found, payload) == '"obfuscation":"x"'
    assert words_of(found, padded("a", "z")) == "a"
