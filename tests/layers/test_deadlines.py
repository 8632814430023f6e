"""Tests of the deadline layer over scripts, on a clock moved by hand: which limit ends what, when, and what is told."""

from __future__ import annotations

import gc
import math
import weakref
from typing import Any

import pytest

from shim.layers import DeadlineLayer
from shim.model import (
    APITimeoutError,
    ErrorCategory,
    InvalidRequestError,
    ItemDelta,
    ReasoningDelta,
    RefusalDelta,
    StreamError,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
)
from shim.provider import CallOptions, Deadlines
from shim.testing.scripted import Emit, Hang, Play, ScriptedProvider, Wait, answer, hang, text_stream
from tests.helpers.driving import HELLO, Heard
from tests.layers.hand_clock import HandClock

SLOW = Play(tuple(step for text in "abcd" for step in (Wait(1000), Emit(TextDelta(text)))))


class Layered:
    """A deadline layer over a script, with a clock."""

    def __init__(self, *plays: Play, **limits: float) -> None:
        self.clock = HandClock()
        self.below = ScriptedProvider(plays, clock=self.clock)
        self.layer = DeadlineLayer(self.below, Deadlines(**limits), clock=self.clock)

    def stream(self, act: Any = None, **own: float) -> Heard:
        """Start a stream, with limits of its own."""
        heard = Heard(act)
        options = CallOptions(deadlines=Deadlines(**own)) if own else None
        heard.handle = self.layer.start_stream(HELLO, heard.on_event, heard.on_completion, options=options)
        self.clock.turn(self.layer)
        return heard

    def ask(self, **own: float) -> Heard:
        """Start a request for a whole answer."""
        heard = Heard()
        options = CallOptions(deadlines=Deadlines(**own)) if own else None
        heard.handle = self.layer.start_request(HELLO, heard.on_completion, options=options)
        self.clock.turn(self.layer)
        return heard

    def to_its_end(self, heard: Heard) -> float:
        """Sleep and turn until a call has ended; return the seconds that took."""
        return self.clock.sleep_until(lambda: heard.done, provider=self.layer)


@pytest.mark.parametrize(
    ("limits", "after", "told"),
    [
        ({"first_event": 3}, 3, "no content came within 3 s (deadlines.first_event)"),
        ({"total": 2.5}, 2.5, "the call did not end within 2.5 s (deadlines.total)"),
        ({"first_event": 3, "total": 2}, 2, "deadlines.total"),
        ({"first_event": 3, "between_events": 1}, 3, "deadlines.first_event"),
    ],
)
def test_a_stream_that_never_speaks_ends_at_its_nearest_limit(
    limits: dict[str, float], after: float, told: str
) -> None:
    """A stream without a word is a timeout at the nearest limit, which the message names with its length."""
    layered = Layered(hang(), **limits)
    heard = layered.stream()
    assert layered.to_its_end(heard) == after
    assert isinstance(heard.error, APITimeoutError)
    assert told in heard.error.message
    assert heard.error.retryable


def test_a_gap_in_the_content_ends_a_stream_with_what_had_come() -> None:
    """A stream that falls silent between two events ends so long after its last, with what it had said as partial."""
    layered = Layered(Play((Emit(TextDelta("Hel")), Wait(500), Emit(TextDelta("lo")), Hang())), between_events=2)
    heard = layered.stream()
    assert layered.to_its_end(heard) == 2.5
    assert "no further content came for 2 s (deadlines.between_events)" in heard.error.message
    assert heard.error.partial is not None
    assert heard.error.partial.text == heard.text == "Hello"


def test_the_stream_error_is_the_last_event_and_comes_before_the_completion() -> None:
    """A stream that ran out of time gets its `StreamError` in `perform()`, then one completion with the same error."""
    layered = Layered(hang(), total=1)
    heard = layered.stream()
    layered.clock.now += 1
    layered.layer.perform()
    assert heard.kinds == ["StreamError"]
    assert not heard.done
    assert layered.layer.info_read() == 1
    assert isinstance(heard.events[-1], StreamError)
    assert heard.events[-1].error is heard.error
    assert heard.completion.handle is heard.handle


def test_the_transfer_below_is_stopped() -> None:
    """What has run out of time runs no more below, and the layer has nothing to wait for."""
    layered = Layered(hang(), total=1)
    heard = layered.stream()
    layered.to_its_end(heard)
    assert layered.below.perform() == 0
    assert layered.layer.timeout() == -1


def test_a_first_event_late_enough_leaves_the_gap_its_own_limit() -> None:
    """A gap is measured from the first content on, also where the limit to the first is the longer."""
    layered = Layered(Play((Wait(500), Emit(TextDelta("a")), Hang())), first_event=60, between_events=1)
    assert layered.to_its_end(layered.stream()) == 1.5


def test_a_stream_that_goes_on_may_take_longer_than_its_gap() -> None:
    """Content moves the limit on, until only `total` ends the stream."""
    layered = Layered(SLOW, SLOW, between_events=1.5)
    heard = layered.stream()
    assert layered.to_its_end(heard) == 4
    assert heard.text == "abcd"
    heard = layered.stream(total=3.5)
    assert layered.to_its_end(heard) == 3.5
    assert heard.text == "abc"


@pytest.mark.parametrize(
    "event", [TextDelta(""), ReasoningDelta(""), RefusalDelta(""), ToolCallDelta(0, ""), ItemDelta("audio", "")]
)
def test_an_empty_delta_is_no_content(event: StreamEvent) -> None:
    """A delta that brings nothing moves no limit."""
    pieces = tuple(step for _ in range(5) for step in (Emit(event), Wait(500)))
    begin = Emit(ToolCallStart(0, "c", "f"))
    layered = Layered(Play((begin, *pieces, Hang())), between_events=1)
    assert layered.to_its_end(layered.stream()) == 1


@pytest.mark.parametrize(
    "event", [TextDelta("x"), ReasoningDelta("x"), RefusalDelta("x"), ToolCallDelta(0, "x"), ItemDelta("audio", "x")]
)
def test_any_other_delta_is_content(event: StreamEvent) -> None:
    """A piece of whatever grows moves the limit on; so does the end of a tool call."""
    begin = Emit(ToolCallStart(0, "c", "f"))
    steps = (begin, Wait(800), Emit(event), Wait(800), Emit(ToolCallDone(0, "c", "f", "x")), Hang())
    layered = Layered(Play(steps), between_events=1)
    assert layered.to_its_end(layered.stream()) == 2.6


def test_the_beginning_alone_is_no_content() -> None:
    """A stream whose `StreamStart` came and nothing more has not had its first content."""
    layered = Layered(Play((Emit(TextDelta("")), Hang())), first_event=2)
    heard = layered.stream()
    assert layered.to_its_end(heard) == 2
    assert heard.kinds == ["StreamStart", "TextDelta", "StreamError"]


def test_a_calls_own_limits_are_merged_field_by_field() -> None:
    """A call's limit takes the place of the provider's, the others stay, and an infinite one takes a limit away."""
    layered = Layered(hang(), hang(), hang(), first_event=3, total=5)
    assert layered.to_its_end(layered.stream(first_event=1)) == 1
    assert layered.to_its_end(layered.stream(first_event=math.inf)) == 5
    assert layered.to_its_end(layered.stream(total=9)) == 3


def test_the_layer_keeps_its_limits_and_passes_on_the_transports() -> None:
    """Below, a call has the limits of connecting and of silence alone, and everything else of its options as it was."""
    layered = Layered(hang(), hang(), hang(), connect=4, total=5)
    layered.layer.start_request(
        HELLO, print, options=CallOptions(deadlines=Deadlines(read=2, total=1), idempotency_key="k")
    )
    layered.layer.start_request(HELLO, print)
    layered.layer.start_request(HELLO, print, options=CallOptions(deadlines=Deadlines(connect=9)))
    assert list(layered.below.options) == [
        CallOptions(deadlines=Deadlines(connect=4, read=2), idempotency_key="k"),
        CallOptions(deadlines=Deadlines(connect=4)),
        CallOptions(deadlines=Deadlines(connect=9)),
    ]


def test_without_limits_the_options_are_not_touched() -> None:
    """A layer without limits hands on what it was given, None as None."""
    layered = Layered(hang(), hang())
    options = CallOptions(idempotency_key="k")
    layered.layer.start_request(HELLO, print)
    layered.layer.start_request(HELLO, print, options=options)
    assert layered.below.options[0] is None
    assert layered.below.options[1] is options
    layered.clock.turn(layered.layer)
    assert layered.layer.timeout() == -1


def test_a_whole_answer_is_bounded_by_the_whole() -> None:
    """A whole answer is not ended by the provider's limits on streams, but by `total`, and by its call's own `first_event`."""
    layered = Layered(answer("Hi", after_ms=4000), hang(), hang(), first_event=1, between_events=1, total=5)
    heard = layered.ask()
    assert layered.to_its_end(heard) == 4
    assert heard.response.text == "Hi"
    assert layered.to_its_end(layered.ask()) == 5
    assert layered.to_its_end(layered.ask(first_event=2)) == 2


def test_a_slow_callback_is_not_the_servers_silence() -> None:
    """Time that the host itself takes in a callback does not end the stream it was called for."""
    layered = Layered(text_stream("a", "b", every_ms=10), between_events=1)

    def dawdle(_event: StreamEvent) -> None:
        layered.clock.now += 5

    heard = layered.stream(dawdle)
    layered.to_its_end(heard)
    assert heard.response.text == "ab"


def test_an_answer_that_came_in_the_same_turn_is_taken() -> None:
    """A turn that comes late and finds the answer there delivers it, although its time is up."""
    layered = Layered(answer("Hi", after_ms=100), total=1)
    heard = layered.ask()
    layered.clock.turn(layered.layer, after=60)
    assert heard.response.text == "Hi"


def test_a_stream_its_caller_ended_is_cancelled_and_no_timeout() -> None:
    """A cancel that comes before the limit stays a cancel, without an event, however late the next turn is."""
    layered = Layered(hang(), hang(), total=1)
    heard, other = layered.stream(), layered.stream()
    layered.layer.cancel(heard.handle)
    layered.clock.turn(layered.layer, after=5)
    assert heard.error.category is ErrorCategory.CANCELLED
    assert not heard.events
    assert other.error.category is ErrorCategory.TIMEOUT


def test_on_event_raising_at_the_timeout_keeps_nothing_alive() -> None:
    """What the callback of a stream that ran out of time holds goes with the completion, without a garbage collection."""

    class Fails:
        """Is held by nobody but its stream."""

        def __call__(self, _event: StreamEvent) -> None:
            raise ZeroDivisionError

    layered, fails = Layered(hang(), total=1), Fails()
    left = weakref.ref(fails)
    gc.collect()
    gc.disable()
    try:
        layered.layer.start_stream(HELLO, fails, lambda _completion: None)
        del fails
        layered.clock.turn(layered.layer, after=1)
        layered.clock.turn(layered.layer)
        assert left() is None
    finally:
        gc.enable()


def test_on_event_raising_at_the_timeout_aborts_that_stream_alone() -> None:
    """What `on_event` raises at the `StreamError` makes its completion aborted, with the exception as cause."""
    layered = Layered(hang(), hang(), total=1)

    def fail(_event: StreamEvent) -> None:
        raise ZeroDivisionError("the caller's own")

    heard, other = layered.stream(fail), layered.stream()
    layered.clock.turn(layered.layer, after=1)
    assert heard.error.category is ErrorCategory.ABORTED
    assert isinstance(heard.error.__cause__, ZeroDivisionError)
    assert other.error.category is ErrorCategory.TIMEOUT


@pytest.mark.parametrize("everything", [False, True])
def test_cancelling_at_the_timeout_tells_the_others_nothing(*, everything: bool) -> None:
    """A callback that cancels another stream which ran out of time in the same turn gets no event of that one any more."""
    layered = Layered(hang(), hang(), total=1)
    due: Heard
    heard = layered.stream(lambda _event: layered.layer.cancel(None if everything else due.handle))
    due = layered.stream()
    layered.clock.turn(layered.layer, after=1)
    assert heard.error.category is due.error.category is ErrorCategory.TIMEOUT
    assert (heard.kinds, due.events) == (["StreamError"], [])


def test_closing_at_the_timeout_ends_the_others_there_and_then() -> None:
    """A callback that closes the layer at its `StreamError` gets its timeout, and so does each other stream that was due."""
    layered = Layered(hang(), hang(), hang(), total=1)
    heard = layered.stream(lambda _event: layered.layer.close())
    due, running = layered.stream(), layered.stream(total=50)
    layered.clock.turn(layered.layer, after=1)
    assert heard.error.category is due.error.category is ErrorCategory.TIMEOUT
    assert running.error.category is ErrorCategory.CANCELLED
    assert not due.events


def test_perform_counts_what_still_runs() -> None:
    """What has just run out of time is counted no more."""
    layered = Layered(hang(), hang(), total=1)
    layered.stream()
    layered.stream(total=2)
    assert layered.layer.perform() == 2
    layered.clock.now += 1
    assert layered.layer.perform() == 1


def test_a_stream_its_caller_holds_back_is_not_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a stream is paused only `total` counts; resumed, its gap is counted anew."""
    layered = Layered(Play((Emit(TextDelta("a")), Hang())), between_events=1, total=60)
    paused: list[object] = []

    def pause(handle: object) -> bool:
        paused.append(handle)
        return True

    monkeypatch.setattr(layered.below, "pause", pause, raising=False)
    monkeypatch.setattr(layered.below, "resume", paused.remove, raising=False)
    heard = layered.stream()
    assert heard.handle is not None
    assert layered.layer.pause(heard.handle)
    assert paused
    layered.clock.turn(layered.layer, after=30)
    assert not heard.done
    layered.layer.resume(heard.handle)
    assert not paused
    assert layered.to_its_end(heard) == 1
    assert "between_events" in heard.error.message


def test_deadlines_that_are_none_are_refused() -> None:
    """What is no `Deadlines` is an error that says what to give."""
    with pytest.raises(InvalidRequestError, match=r"deadlines is .*; give Deadlines"):
        DeadlineLayer(ScriptedProvider([]), 30)  # type: ignore[arg-type]  # a wrong kind
