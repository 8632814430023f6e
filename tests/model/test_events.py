"""Tests of `shim.model.events`, and of the checker of their order that every stream test uses."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from shim.model import (
    Choice,
    ItemDelta,
    ModelResponse,
    ProviderError,
    ReasoningDelta,
    RefusalDelta,
    StreamDone,
    StreamError,
    StreamEvent,
    StreamStart,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallDone,
    ToolCallPart,
    ToolCallStart,
)
from tests.helpers.events import assert_well_formed, text_of

START = StreamStart("chatcmpl-1", "gpt-4o-mini")
DONE = StreamDone(ModelResponse())
ERROR = StreamError(ProviderError("server", "it broke"))
CALL_START, CALL_DELTA = ToolCallStart(0, "c", "look"), ToolCallDelta(0, "{}")
CALL_DONE = ToolCallDone(0, "c", "look", "{}")
EVENTS: list[StreamEvent] = [
    START,
    TextDelta("a"),
    ReasoningDelta("a"),
    RefusalDelta("a"),
    CALL_START,
    CALL_DELTA,
    CALL_DONE,
    ItemDelta("audio", "AAAA"),
    DONE,
    ERROR,
]


def test_every_event_is_listed() -> None:
    """The union of events holds the ten classes and no other."""
    assert set(get_args(StreamEvent)) == {type(event) for event in EVENTS}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_events_cannot_be_changed(event: Any) -> None:
    """No field of an event can be set once it is made."""
    for field in event.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(event, field, "changed")


def test_events_of_different_kinds_differ() -> None:
    """An event equals itself and no event of another kind, even with the same fields."""
    for event in EVENTS:
        assert [other for other in EVENTS if other == event] == [event]


def response(*parts: Any) -> StreamDone:
    """The end of a stream that made these parts."""
    return StreamDone(ModelResponse(choices=(Choice(0, parts),)))


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([START, DONE], id="empty"),
        pytest.param([ERROR], id="an error alone"),
        pytest.param([START, ERROR], id="an error after the start"),
        pytest.param([START, TextDelta("a"), TextDelta("b"), response(TextPart("ab"))], id="text"),
        pytest.param(
            [START, CALL_START, CALL_DELTA, CALL_DONE, response(ToolCallPart("c", "look", "{}"))], id="a call"
        ),
        pytest.param([START, CALL_START, CALL_DELTA, ERROR], id="a call cut short"),
    ],
)
def test_good_order_is_accepted(events: list[StreamEvent]) -> None:
    """The checker passes a stream in good order."""
    assert_well_formed(events)


@pytest.mark.parametrize(
    "events",
    [
        pytest.param([], id="nothing"),
        pytest.param([TextDelta("a"), DONE], id="no start"),
        pytest.param([START], id="no end"),
        pytest.param([START, START, DONE], id="two starts"),
        pytest.param([START, DONE, DONE], id="two ends"),
        pytest.param([START, DONE, ERROR], id="an error after the end"),
        pytest.param([START, TextDelta("a"), response(TextPart("b"))], id="another text than told"),
        pytest.param([START, response(ToolCallPart("c", "look", "{}"))], id="a call not told"),
        pytest.param([START, CALL_DELTA, CALL_DONE, ERROR], id="a call without start"),
        pytest.param([START, CALL_START, CALL_DELTA, DONE], id="a call without done"),
        pytest.param([START, CALL_START, CALL_DELTA, CALL_DONE, CALL_DELTA, ERROR], id="arguments after done"),
        pytest.param([START, CALL_START, CALL_START, ERROR], id="a call started twice"),
        pytest.param([START, ToolCallStart(1, "c", "look"), ERROR], id="calls counted from one"),
        pytest.param([START, CALL_START, CALL_DONE, ERROR], id="arguments not told"),
    ],
)
def test_bad_order_is_named(events: list[StreamEvent]) -> None:
    """The checker fails on a stream out of order."""
    with pytest.raises(AssertionError):
        assert_well_formed(events)


def test_text_of_a_choice() -> None:
    """The text of a choice is that of its own deltas."""
    assert text_of([START, TextDelta("a"), TextDelta("x", choice=1), TextDelta("b"), DONE]) == "ab"
