"""Tests of `shim.model.plain`: which messages are plain, and that nothing is wrong with one that is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from shim.model import (
    FilePart,
    ImagePart,
    InvalidRequestError,
    Message,
    ModelRequest,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    assistant,
    check_request,
    checks,
    system,
    tool_result,
    user,
)
from shim.model.plain import all_unset, holds_strings, is_plain
from tests.helpers.counting import assert_linear, lines_run

CALL = ToolCallPart("call_1", "look", "{}")


class Own(str):
    """A string of a program's own kind."""

    __slots__ = ()


@pytest.mark.parametrize(
    "message",
    [
        user("hi"),
        user("two", "texts"),
        user(),
        system("be brief"),
        assistant("hm", CALL, CALL),
        assistant(CALL),
        tool_result("call_1", "42"),
        Message("tool", (ToolCallResponsePart("call_1", ""), ToolCallResponsePart("call_2", ()))),
        Message("developer", "list", content_form="list"),
    ],
)
def test_texts_calls_and_results_are_plain(message: Message) -> None:
    """A message of texts, calls of functions and results, each in its place and without further fields, is plain."""
    assert is_plain(message)
    assert holds_strings(message)


def odd(kind: Any, /, *values: Any, **fields: Any) -> Any:
    """A struct with values its types forbid."""
    return kind(*values, **fields)


ODD: dict[str, Any] = {
    "no message": "hi",
    "a role nobody has": odd(Message, "robot", "hi"),
    "a role that is no string": odd(Message, ["user"], "hi"),
    "a role of a kind of its own": odd(Message, Own("user"), "hi"),
    "parts that are none": odd(Message, "user", 7),
    "a part that is none": odd(Message, "user", ("hi",)),
    "a name": user("hi", name="ann"),
    "a name of null": user("hi", name=None),
    "a further field": user("hi", extra={"x": 1}),
    "an extra that is none": odd(user, "hi", extra=[]),
    "a text that is none": user(odd(TextPart, 7)),
    "a text of a kind of its own": user(TextPart(Own("hi"))),
    "a further field of a text": user(TextPart("hi", {"cache_control": {}})),
    "a text's extra that is none": user(odd(TextPart, "hi", ())),
    "an image": user(ImagePart("u")),
    "a file": user(FilePart("f")),
    "anything": user(OpaquePart("x", {})),
    "a refusal": assistant(RefusalPart("no")),
    "reasoning": assistant(ReasoningPart("hm")),
    "a call by a user": odd(user, CALL),
    "a custom tool's call": assistant(ToolCallPart("c", "n", "x", kind="custom")),
    "a call of a kind that is none": assistant(odd(ToolCallPart, "c", "n", "x", kind=7)),
    "arguments that are no text": assistant(odd(ToolCallPart, "c", "n", {})),
    "a further field of a call": assistant(ToolCallPart("c", "n", "{}", extra={"x": 1})),
    "a whole item": assistant(ToolCallPart("c", "n", "{}", data={})),
    "a tool's message without a result": Message("tool", ()),
    "a text of a tool": odd(Message, "tool", "hi"),
    "a result that failed": Message("tool", (ToolCallResponsePart("c", "no", is_error=True),)),
    "a result's id that is none": Message("tool", (odd(ToolCallResponsePart, 7, "no"),)),
    "a result that is none": Message("tool", (odd(ToolCallResponsePart, "c", 7),)),
    "a result of an image": Message("tool", (ToolCallResponsePart("c", (ImagePart("u"),)),)),
}


@pytest.mark.parametrize("message", ODD.values(), ids=ODD)
def test_anything_else_is_not_plain(message: Any) -> None:
    """A message with anything else in it, or of another kind anywhere, is not plain."""
    assert not is_plain(message)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (ImagePart("u"), True),
        (FilePart("f"), True),
        (RefusalPart("no"), True),
        (RefusalPart("no", {"x": 1}), False),
        (TextPart("hi", {"x": 1}), False),
        (ToolCallPart("c", "n", "x", kind="custom"), True),
        (ToolCallPart("c", "n", "x", extra={"x": 1}), False),
        (ToolCallPart("c", "n", "x", data={"x": 1}), False),
        (ToolCallResponsePart("c", (ImagePart("u"),)), True),
        (ToolCallResponsePart("c", (TextPart("hi", {"x": float("nan")}),)), False),
        (OpaquePart("x", {"x": 1}), False),
        (ReasoningPart("hm"), False),
    ],
)
def test_whatever_has_further_fields_may_hold_more_than_strings(part: Any, *, expected: bool) -> None:
    """A message holds strings alone if none of its parts, however deep, has anything else to hold."""
    assert holds_strings(Message("user", (part,))) is expected
    assert not holds_strings(Message("user", (part,), extra={"x": 1}))


_texts = st.just("hi") | st.sampled_from([None, 7, b"x", Own("own"), ["hi"], {"a": 1}, True])
_extras: st.SearchStrategy[Any] = st.just({}) | st.sampled_from([None, [], {"x": 1}, {1: 2}, "x", False])
_parts = st.one_of(
    st.builds(lambda text, extra: odd(TextPart, text, extra), _texts, _extras),
    st.builds(lambda *four: odd(ToolCallPart, *four[:3], extra=four[3]), _texts, _texts, _texts, _extras),
    st.builds(lambda text, inner: odd(ToolCallResponsePart, text, inner), _texts, _texts),
    st.sampled_from([ImagePart("u"), OpaquePart("x", {}), CALL, "text", None]),
)
_messages = st.builds(
    lambda role, parts, extra: odd(Message, role, parts, extra=extra),
    st.sampled_from(["user", "assistant", "tool", "system", "robot", None, ["user"]]),
    st.lists(_parts, max_size=2) | st.none(),
    _extras,
)


def _said_of(request: ModelRequest) -> tuple[str, str | None]:
    try:
        check_request(request)
    except InvalidRequestError as error:
        return str(error), error.field
    return "fine", None


@given(st.lists(_messages, min_size=1, max_size=3))
def test_the_quick_look_finds_what_the_close_one_finds(messages: list[Message]) -> None:
    """Checked with the quick look and without it, any conversation is fine, or wrong in the same words."""
    request = ModelRequest("gpt-4o-mini", messages)
    quick = _said_of(request)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "is_plain", lambda _message: False)
        assert _said_of(request) == quick


def test_a_plain_conversation_is_checked_by_one_look_each() -> None:
    """A conversation ten times as long takes ten times the lines to check, and no more than thirty for each message."""
    long = (user("hi"), assistant("hm")) * 500
    assert_linear(lambda count: lambda: check_request(ModelRequest("m", long[:count])), few=100, many=1_000)
    assert lines_run(lambda: check_request(ModelRequest("m", long))) < 30 * len(long)


class _EqualToAll:
    """A value that compares oddly."""

    def __init__(self, hashed: int) -> None:
        self.hashed = hashed

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return self.hashed


@pytest.mark.parametrize("odd", [None, "", 0, [], {}, _EqualToAll(0), ([],)])
def test_whatever_is_not_unset_is_found(odd: object) -> None:
    """Nothing else is taken for a field that is left out, even where it has no hash or says that it equals all."""
    assert all_unset((UNSET, UNSET))
    assert not all_unset((UNSET, odd, UNSET))
