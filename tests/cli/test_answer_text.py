"""Tests of the answer as text: what goes where, and what is said about it."""

from __future__ import annotations

import io

import pytest

from shim.cli.text_output import AnswerText, usage_line
from shim.model import (
    Choice,
    FinishReason,
    ModelResponse,
    ReasoningDelta,
    RefusalDelta,
    RefusalPart,
    StreamDone,
    StreamEvent,
    StreamStart,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
    Usage,
)


def shown(*events: StreamEvent) -> tuple[str, str]:
    """What the events print on each stream."""
    out, notes = io.StringIO(), io.StringIO()
    display = AnswerText(out, notes)
    for event in events:
        display.show(event)
    display.end()
    display.end()
    return out.getvalue(), notes.getvalue()


def summed_up(response: ModelResponse) -> list[str]:
    """The lines said about an answer."""
    notes = io.StringIO()
    AnswerText(io.StringIO(), notes).sum_up(StreamDone(response), seconds=0.25)
    return notes.getvalue().splitlines()


def test_reasoning_stands_apart() -> None:
    """Reasoning goes to standard error, each of the two on lines of its own."""
    events = (StreamStart("", ""), ReasoningDelta("hm"), ReasoningDelta("m"), TextDelta("A"), TextDelta("nswer"))
    assert shown(*events) == ("Answer\n", "hmm\n")


def test_calls_stand_on_lines_of_their_own() -> None:
    """A call is printed when it is complete, whole, on a line of its own, also where two come interleaved."""
    assert shown(
        TextDelta("Let me look."),
        ToolCallStart(0, "c0", "f"),
        ToolCallStart(1, "c1", "g"),
        ToolCallDelta(0, '{"a":'),
        ToolCallDelta(1, "{}"),
        ToolCallDone(1, "c1", "g", "{}"),
        ToolCallDelta(0, "1}"),
        ToolCallDone(0, "c0", "f", '{"a":1}'),
    ) == ('Let me look.\ng({})\nf({"a":1})\n', "")


def test_a_line_end_is_not_doubled() -> None:
    """An answer that ends its own last line gets no second line end."""
    assert shown(TextDelta("one\n"), TextDelta("two\n"), TextDelta("")) == ("one\ntwo\n", "")


def test_a_refusal_is_the_answer() -> None:
    """The words of a refusal are printed as the answer, and that it is one is said."""
    assert shown(RefusalDelta("No.")) == ("No.\n", "")
    response = ModelResponse(model="m", choices=(Choice(0, (RefusalPart("No."),), finish_reason=FinishReason.STOP),))
    assert summed_up(response) == ["The model declined to answer.", "[m: 0.2 s]"]


@pytest.mark.parametrize(
    ("reason", "note"),
    [
        (FinishReason.LENGTH, "larger --max-tokens"),
        (FinishReason.CONTENT_FILTER, "content filter"),
        (FinishReason.TOOL_CALL, "runs none"),
        (FinishReason.ERROR, "failed"),
    ],
)
def test_an_unusual_end_is_explained(reason: FinishReason, note: str) -> None:
    """An answer that ended for another reason than being complete says so."""
    said, _ = summed_up(ModelResponse(model="m", choices=(Choice(0, (), finish_reason=reason),)))
    assert note in said


def test_tokens_are_told_as_counted() -> None:
    """The last line has the tokens as far as the server counted them."""
    usage = Usage(input_tokens=1, output_tokens=30, reasoning_tokens=20, total_tokens=31)
    told = usage_line(ModelResponse(model="m", usage=usage), seconds=1.26)
    assert told == "[m: 1 token in, 30 out, 20 of them reasoning, 1.3 s]"
    assert usage_line(ModelResponse(), seconds=0) == "[unnamed model: 0.0 s]"
