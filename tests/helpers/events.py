"""Events: the order every stream keeps, checked on any list of stream events.

Not what a particular stream says: each test brings its own expectations. The order is that of `shim.model.events`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, TypeAlias

from shim.model import (
    Choice,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
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

if TYPE_CHECKING:
    from collections.abc import Sequence

Place: TypeAlias = tuple[int, int]  # (choice, index of the call)
_DELTA_AND_PART = ((TextDelta, TextPart), (ReasoningDelta, ReasoningPart), (RefusalDelta, RefusalPart))


def assert_well_formed(events: Sequence[StreamEvent]) -> None:
    """Check the order of a whole stream, and that a response at its end says what its events said."""
    assert events, "a stream has at least its last event"
    if len(events) == 1 and isinstance(events[0], StreamError):
        return
    assert isinstance(events[0], StreamStart), f"the first event is {events[0]}"
    assert isinstance(events[-1], (StreamDone, StreamError)), f"the last event is {events[-1]}"
    for event in events[1:-1]:
        assert not isinstance(event, (StreamStart, StreamDone, StreamError)), f"{event} stands in the middle"
    finished = _assert_calls_in_order(events)
    if isinstance(events[-1], StreamDone):
        choices = events[-1].response.choices
        complete = {place: call.complete for choice in choices for place, call in _calls_of(choice)}
        assert finished == complete, f"calls told as done: {finished}; complete in the response: {complete}"
        for choice in choices:
            _assert_told(choice, events)


def text_of(events: Sequence[StreamEvent], choice: int = 0) -> str:
    """The text the deltas of a choice make together."""
    return "".join(event.text for event in events if isinstance(event, TextDelta) and event.choice == choice)


def _assert_calls_in_order(events: Sequence[StreamEvent]) -> dict[Place, bool]:
    """Check each call's start, deltas and done; return for each whether it is done."""
    finished: dict[Place, bool] = {}
    told: dict[Place, list[str]] = defaultdict(list)
    for event in events:
        if not isinstance(event, (ToolCallStart, ToolCallDelta, ToolCallDone)):
            continue
        place = (event.choice, event.index)
        if isinstance(event, ToolCallStart):
            assert place not in finished, f"{event} starts a call again"
            expected = sum(1 for choice, _ in finished if choice == event.choice)
            assert event.index == expected, f"{event} is call {expected} of its choice"
            finished[place] = False
            continue
        assert finished.get(place) is False, f"{event} comes before its call's start or after its done"
        if isinstance(event, ToolCallDelta):
            told[place].append(event.arguments)
        else:
            finished[place] = True
            assert event.arguments == "".join(told[place]), f"{event} differs from its deltas"
    return finished


def _calls_of(choice: Choice) -> list[tuple[Place, ToolCallPart]]:
    calls = [part for part in choice.parts if isinstance(part, ToolCallPart)]
    return [((choice.index, index), call) for index, call in enumerate(calls)]


def _assert_told(choice: Choice, events: Sequence[StreamEvent]) -> None:
    for delta, part in _DELTA_AND_PART:
        told = "".join(event.text for event in events if isinstance(event, delta) and event.choice == choice.index)
        kept = "".join(piece.text for piece in choice.parts if isinstance(piece, part))
        assert kept == told, f"{part.__name__} of choice {choice.index} is {kept!r}, its deltas said {told!r}"
    done = [event for event in events if isinstance(event, ToolCallDone) and event.choice == choice.index]
    calls = [part for part in choice.parts if isinstance(part, ToolCallPart) and part.complete]
    assert [(call.id, call.name, call.arguments) for call in calls] == [
        (event.id, event.name, event.arguments) for event in done
    ]
