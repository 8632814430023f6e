"""Tests of `shim.wire.json_text`: bodies written and read, and what is said when they cannot be."""

from __future__ import annotations

import json
import math
from types import MappingProxyType
from typing import Any

import pytest
from msgspec import UNSET

from shim.model import InvalidRequestError, ProtocolError
from shim.wire.json_text import (
    HalfCharacters,
    Listed,
    decode_object,
    decode_request,
    encode_body,
    merged,
    read_json,
)


def circle() -> list[Any]:
    """A list that holds itself."""
    turning: list[Any] = []
    turning.append(turning)
    return turning


def nested(depth: int) -> Any:
    """Lists in lists."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("body", "extra", "expected"),
    [
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {"a": None}, {"a": None}),
        ({"a": 1, "b": 2}, {"a": UNSET}, {"b": 2}),
        ({"a": 1}, {"b": UNSET}, {"a": 1}),
        ({}, {"a": {"b": UNSET}}, {"a": {"b": UNSET}}),
    ],
)
def test_merged(body: dict[str, Any], extra: dict[str, Any], expected: dict[str, Any]) -> None:
    """What is laid over wins, UNSET takes a field away, and neither argument is changed."""
    before = (dict(body), dict(extra))
    assert merged(body, extra) == expected
    assert (body, extra) == before


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({}, b"{}"),
        ({"a": [1, 2.5, None, True, "b"]}, b'{"a":[1,2.5,null,true,"b"]}'),
        ({"a": "é 🙂"}, '{"a":"é 🙂"}'.encode()),
        ({"a": 10**40}, b'{"a":1' + b"0" * 40 + b"}"),
        ({"a": '"\n\x00'}, rb'{"a":"\"\n\u0000"}'),
    ],
    ids=range(5),
)
def test_bodies_are_compact_utf8(value: dict[str, Any], written: bytes) -> None:
    """A body is compact JSON in UTF-8, escaped only where it must be."""
    assert encode_body(value) == written
    assert json.loads(written) == value


@pytest.mark.parametrize(
    "value",
    [
        math.nan,
        math.inf,
        [{"b": -math.inf}],
        "\ud800",
        ["\udfff"],
        b"bytes",
        {1, 2},
        object(),
        {("a",): 1},
        {"\ud800": 1},
        circle(),
        nested(100_000),
        10**5000,
    ],
    ids=range(13),
)
def test_what_json_cannot_carry_is_named(value: object) -> None:
    """A value JSON or UTF-8 cannot carry raises an error with its field and the remedy."""
    with pytest.raises(
        InvalidRequestError, match=r"^bad holds a value JSON cannot carry .*; give strings, finite numbers"
    ) as caught:
        encode_body({"good": 1, "bad": value, "fine": []})
    assert caught.value.field == "bad"


def test_a_name_json_cannot_carry() -> None:
    """A field whose very name JSON cannot carry raises an error of the body."""
    with pytest.raises(InvalidRequestError, match=r"^body holds a value JSON cannot carry"):
        encode_body({"\ud800": 1})


@pytest.mark.parametrize("text", [b'{"a":1}', b' \n\t{"a": 1}\r\n', b'{"a":2,"a":1}'])
def test_objects_are_read(text: bytes) -> None:
    """A JSON object is read, whatever white space stands around it."""
    assert decode_object(text) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "an empty body"),
        (b" \n ", "an empty body"),
        (b"{", "not JSON"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": 1} x', "not JSON"),
        (b'{"a": "\xff"}', "not JSON"),
        (b'{"a": 1e999}', "not JSON"),
        (b'{"a":' * 100_000, "not JSON"),
        (b"[1]", "a JSON list, not an object"),
        (b"1", "a JSON int, not an object"),
        (b"null", "not an object"),
    ],
    ids=range(11),
)
def test_what_is_no_object_is_named(text: bytes, words: str) -> None:
    """What is no JSON object is a protocol error that says what was found."""
    with pytest.raises(ProtocolError) as caught:
        decode_object(text)
    assert words in caught.value.message


HALVES = [
    (rb'"\ud83d\ude00"', "\U0001f600"),
    (rb'"a\ud83d"', "a\ufffd"),
    (rb'"\ude00b"', "\ufffdb"),
    (rb'{"\ud83d": ["\ude00", 1]}', {"\ufffd": ["\ufffd", 1]}),
]


@pytest.mark.parametrize(("text", "value"), HALVES)
def test_half_a_character_is_replaced(text: bytes, value: object) -> None:
    """Half a character is read as the replacement character, and a pair as the character it is."""
    assert read_json(text) == value


def test_a_mark_before_and_an_end_behind_do_no_harm() -> None:
    """A byte order mark before an object, and the end of a stream glued behind it, are not part of it."""
    assert decode_object(b'\xef\xbb\xbf{"a": 1}\n\ndata: [DONE]\n\n') == {"a": 1}


def test_halves_of_characters_are_put_together() -> None:
    """A character cut in two by its server is whole in the piece that ends it, each text by itself."""
    halves = HalfCharacters()
    pieces = [("a", "x\ud83d"), ("b", "\ud83d"), ("a", "\ude00y"), ("b", "z"), ("a", "\ude00")]
    assert [halves.whole((place,), piece) for place, piece in pieces] == ["x", "", "\U0001f600y", "\ufffdz", "\ufffd"]
    assert not halves.held
    assert halves.whole(("a",), "\ud83d") == ""
    assert (halves.held, halves.rest(), halves.held) == (True, [("a",)], False)


def test_depth_is_bounded() -> None:
    """JSON of an answer or a request that is nested without end is refused in words."""
    deep = b'{"a":' * 900 + b"1" + b"}" * 900
    with pytest.raises(ProtocolError, match="nested deeper than 128 levels"):
        decode_object(deep)
    with pytest.raises(InvalidRequestError, match="nested deeper than 128 levels"):
        decode_request(deep)


def test_a_request_is_text_or_an_object() -> None:
    """A request is read from bytes, a string or a mapping, which is not changed; anything else is named."""
    given = {"a": 1}
    assert decode_request(b'{"a":1}') == decode_request('{"a":1}') == decode_request(given) == given
    assert decode_request(given) is not given
    with pytest.raises(InvalidRequestError, match="the request body is of type int"):
        decode_request(7)  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize(("given", "words"), [(b"", "empty"), (" \n", "empty"), (b"{", r"not JSON \(.*truncated")])
def test_a_request_without_words_is_called_empty(given: bytes | str, words: str) -> None:
    """A body of nothing is called empty, and one that breaks off is told with where it did."""
    with pytest.raises(InvalidRequestError, match=f"the request body is {words}"):
        decode_request(given)


LISTED = Listed("items", odd=(1,))


@pytest.mark.parametrize(
    "further",
    [
        {},
        {"a": 1e-7, "b": 1e16, "c": -0.0, "d": 0.1, "e": 10**25, "f": True, "g": None},
        {"a": ["x", 1, None], "b": {"c": "d"}, "e": [1.5], "f": {"g": 1e22}, "h": {1: "i"}, "j": []},
        {"a": MappingProxyType({"b": 1.0})},
        {1: "a name that is no string"},
        {None: 1},
        {"half": {"a": 10**25}},
    ],
)
def test_a_listed_body_is_written_as_any(further: dict[Any, Any]) -> None:
    """A body whose items are known to be strings is written byte for byte as one of which nothing is known."""
    body = {"items": [{"a": 'é\n"\\\x7f\x00'}, {"b": 1e-7, "c": {"d": [None]}}, {"e": None}]} | further
    assert encode_body(body, listed=LISTED) == encode_body(body)


@pytest.mark.parametrize("text", ["plain", 'é\n"\\\x7f\x00\u2028', "\U0001f600", ""])
def test_a_body_of_strings_alone_is_written_as_any(text: str) -> None:
    """A body that is known to hold nothing else is written as one of which nothing is known, byte for byte, or refused."""
    alone = Listed("items", alone=True)
    body = {"model": text, "items": [{"a": text}], "options": {"b": True}, "stream": True}
    assert encode_body(body, listed=alone) == encode_body(body)
    with pytest.raises(InvalidRequestError, match="model holds"):
        encode_body(body | {"model": "\ud800"}, listed=alone)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"tools": [{"a": 1}, {"schema": {"maximum": math.inf}}]}, "tools[1].schema.maximum"),
        ({"metadata": {"team": object()}}, "metadata.team"),
        ({"messages": [{"content": "a"}, {"content": "\ud800"}]}, "messages[1].content"),
    ],
)
def test_the_place_of_what_json_cannot_carry_is_told(body: dict[str, Any], place: str) -> None:
    """The message tells the very place in a field, however large the field is."""
    field = place.partition(".")[0].partition("[")[0]
    with pytest.raises(InvalidRequestError) as caught:
        encode_body(body)
    assert str(caught.value).startswith(f"{field} holds a value JSON cannot carry ({place}: ")
    assert caught.value.field == field


@pytest.mark.parametrize("value", [math.nan, math.inf, b"x", {1}, object(), "\ud800", circle(), {b"x": 1}, [math.nan]])
def test_a_listed_body_is_refused_as_any(value: Any) -> None:
    """What JSON cannot carry is named with its field, wherever it stands."""
    for body in (
        {"items": [{}, {}], "other": value},
        {"items": [{}, {"a": value}], "other": 1},
        {"items": ["\ud800" if value == "\ud800" else {}, value]},
    ):
        with pytest.raises(InvalidRequestError) as plain:
            encode_body(body)
        with pytest.raises(InvalidRequestError) as listed:
            encode_body(body, listed=LISTED)
        assert (str(listed.value), listed.value.field) == (str(plain.value), plain.value.field)


@pytest.mark.parametrize("character", ["\t", "\x00", "\x1b"])
def test_a_control_character_that_was_not_escaped_is_read(character: str) -> None:
    """A terminal's escape that a server lets through in a text loses no answer, and opens no door for what is no JSON."""
    assert decode_object(b'{"a": "x%sy"}' % character.encode()) == {"a": f"x{character}y"}
    for rest in (b'"b": NaN}', b'"b": 1e999}', b"oops}", b'"b'):
        with pytest.raises(ProtocolError, match="not JSON"):
            decode_object(b'{"a": "x%sy", ' % character.encode() + rest)


def test_a_line_end_inside_a_text_is_damage() -> None:
    """Bytes that strayed into a body are not read as words of the answer."""
    with pytest.raises(ProtocolError, match="not JSON"):
        decode_object(b'{"a": "x\r\n\r\ny"}')
