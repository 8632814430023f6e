"""Tests of `shim.model.response`: the shortcuts to the first choice, and the way back into a conversation."""

from __future__ import annotations

from typing import Any

import pytest

from shim.model import (
    Choice,
    FinishReason,
    Message,
    ModelResponse,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    Usage,
)

CALLS = (ToolCallPart("call_1", "look", "{}"), ToolCallPart("call_2", "look", '{"deep":true}'))
OPAQUE = OpaquePart("video", {"type": "video"})
FIRST = Choice(
    0,
    (ReasoningPart("h"), ReasoningPart("m"), TextPart("Hel"), OPAQUE, TextPart("lo"), *CALLS),
    finish_reason=FinishReason.TOOL_CALL,
    raw_finish_reason="tool_calls",
    message_extra={"annotations": [1]},
)
SECOND = Choice(1, (RefusalPart("I "), RefusalPart("won't")), finish_reason=FinishReason.STOP)


def test_shortcuts_are_of_the_first_choice() -> None:
    """Text, reasoning, calls and finish reason of a response are those of its first choice."""
    response = ModelResponse(choices=(FIRST, SECOND))
    assert response.parts == FIRST.parts
    assert response.text == "Hello"
    assert response.reasoning_text == "h\n\nm"
    assert response.tool_calls == CALLS
    assert response.finish_reason is FinishReason.TOOL_CALL
    assert response.refusal is None


def test_a_refusal_is_its_words() -> None:
    """The refusal is the words of the refusal parts, joined."""
    assert ModelResponse(choices=(SECOND,)).refusal == "I won't"


def test_an_empty_refusal_is_a_refusal() -> None:
    """A refusal without words is not the same as none."""
    assert ModelResponse(choices=(Choice(0, (RefusalPart(""),)),)).refusal == ""


def test_a_response_without_choices() -> None:
    """Every shortcut of a response without choices says that there is nothing."""
    empty = ModelResponse()
    assert (empty.parts, empty.text, empty.reasoning_text, empty.refusal, empty.tool_calls) == ((), "", "", None, ())
    assert (empty.finish_reason, empty.usage, empty.raw) == (None, None, None)
    assert empty.message == Message("assistant", ())


def test_the_message_of_a_choice() -> None:
    """A choice becomes an assistant message with its parts and the fields some servers want back."""
    assert FIRST.message == Message("assistant", FIRST.parts, extra={"annotations": [1]})
    assert ModelResponse(choices=(FIRST, SECOND)).message == FIRST.message


@pytest.mark.parametrize("struct", [ModelResponse(), FIRST, Usage()], ids=lambda struct: type(struct).__name__)
def test_responses_cannot_be_changed(struct: Any) -> None:
    """No field of a response, choice or usage can be set once it is made."""
    for field in struct.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(struct, field, "changed")


def test_finish_reasons_are_their_strings() -> None:
    """A finish reason compares and prints as its string value."""
    assert [str(reason) for reason in FinishReason] == [
        "stop",
        "length",
        "tool_call",
        "content_filter",
        "error",
        "unknown",
    ]
    assert list(FinishReason) == [str(reason) for reason in FinishReason]
