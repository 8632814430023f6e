"""Tests of the places of a body: found wherever they stand, covered by as many bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shim.recording.redaction.body_paths import BodyPath, UnreadableBodyError, covered

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


def cover(body: str, *paths: str, is_stream: bool = False) -> str:
    """The body with these places covered."""
    text, _ = covered(body.encode(), [BodyPath.of(path) for path in paths], is_stream=is_stream)
    assert len(text) == len(body.encode())
    return text.decode()


@pytest.mark.parametrize(
    ("body", "path", "expected"),
    [
        ('{"user": "Ann", "n": 1}', "request.body.user", '{"user": "***", "n": 1}'),
        ('{"user": "Ann Onymous"}', "request.body.user", '{"user": "[removed]**"}'),
        ('{"\\u0075ser": "Ann"}', "request.body.user", '{"\\u0075ser": "***"}'),
        ('{"a": [{"b": "x"}, {"b": "y"}]}', "request.body.a[*].b", '{"a": [{"b": "*"}, {"b": "*"}]}'),
        ('{"a": [{"b": "x"}, {"b": "y"}]}', "request.body.a[1].b", '{"a": [{"b": "x"}, {"b": "*"}]}'),
        ('{"a": {"b": "x", "c": -42}}', "request.body.a.*", '{"a": {"b": "*", "c": 100}}'),
        ('{"a": [1.5, null, true, {"k": "v"}]}', "request.body.a", '{"a": [100, null, true, {"k": "*"}]}'),
        ('{"a": [{"type": "text", "text": "x"}]}', "request.body.a", '{"a": [{"type": "text", "text": "*"}]}'),
        ('{"a": {"type": "Not One"}}', "request.body.a", '{"a": {"type": "*******"}}'),
        ('{"user": "Ann", "user": "Bob"}', "request.body.user", '{"user": "***", "user": "***"}'),
        ('{"a": "\\"user\\": 1", "user": ""}', "request.body.user", '{"a": "\\"user\\": 1", "user": ""}'),
        ('{"x": {"user": "Ann"}}', "request.body.user", '{"x": {"user": "Ann"}}'),
        ('[{"user": "Ann"}]', "request.body[*].user", '[{"user": "***"}]'),
        ('{"user": "An', "request.body.user", '{"user": "**'),
        ('{"user": "An\\', "request.body.user", '{"user": "***'),
    ],
)
def test_places_are_covered(body: str, path: str, expected: str) -> None:
    """What stands at a path is covered wherever it is, and nothing else is; a body that ends early is read as far as it goes."""
    assert cover(body, path) == expected


@given(JSON, JSON)
def test_the_rest_stays(secret: Any, other: Any) -> None:
    """Whatever stands at a path keeps its shape, and its neighbours keep their values."""
    body = json.dumps({"before": other, "secret": secret, "after": other}, ensure_ascii=False)
    found = json.loads(cover(body, "request.body.secret"))
    assert (found["before"], found["after"]) == (other, other)
    assert type(found["secret"]) is type(secret)


def test_events_are_covered_one_by_one() -> None:
    """In an event stream a path is looked for in each event, and a message's path covers its deltas."""
    event = '{"choices":[{"index":0,"delta":{"content":"Hello","role":"assistant"}}]}'
    stream = f": note\n\ndata: {event}\r\n\r\nevent: x\ndata:{event}\n\ndata: [DONE]\n\n"
    assert cover(stream, "response.body.choices[*].message.content", is_stream=True) == stream.replace("Hello", "*****")


def test_an_event_on_two_lines() -> None:
    """An event whose JSON goes over two data lines is read as one."""
    stream = 'data: {"a":\ndata: "secret"}\n\n'
    assert cover(stream, "response.body.a", is_stream=True) == 'data: {"a":\ndata: "******"}\n\n'


def test_an_event_that_is_no_json() -> None:
    """An event that cannot be read is covered whole."""
    stream = "data: plain words\n\ndata: [DONE]\n\n"
    assert cover(stream, "response.body.a", is_stream=True) == "data: [removed]**\n\ndata: [DONE]\n\n"


@pytest.mark.parametrize("body", ["plain words", "<html>", '{"a": 1}}', '{"a": 1]', '"text"'])
def test_what_is_no_json_is_refused(body: str) -> None:
    """A body whose places cannot be told is not given as if it had none."""
    with pytest.raises(UnreadableBodyError):
        cover(body, "request.body.a")


@pytest.mark.parametrize("path", ["body.a", "request.a", "request.body.a[x]", "request.body..a", "", "request.bodya"])
def test_a_bad_path_is_refused(path: str) -> None:
    """A path that cannot be read is refused with the forms that can."""
    with pytest.raises(ValueError, match=r"request\.body\.user"):
        BodyPath.of(path)
