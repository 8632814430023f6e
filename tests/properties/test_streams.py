"""Properties of streams: however an answer is told, it is read the same, and no bytes break the reading."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from shim.model import (
    Choice,
    ErrorCategory,
    ModelResponse,
    ReasoningPart,
    RefusalPart,
    StreamError,
    StreamEvent,
    TextPart,
    ToolCallPart,
)
from shim.wire import chat
from tests.helpers.events import assert_well_formed
from tests.properties.plans import Plan, plans
from tests.properties.strategies import garbage, wild_answers
from tests.wire.chat.chunks import DONE, Payload, decode, error_of, raw, response_of

MARK = "x_mark"


def marked(payload: Payload, place: str) -> Payload:
    """The payload with a field no one knows, which only the lenient reading takes."""
    if isinstance(payload, bytes):
        return payload
    copied: dict[str, Any] = json.loads(json.dumps(payload))
    targets = {"chunk": [copied], "choice": copied["choices"], "delta": [each["delta"] for each in copied["choices"]]}
    for target in targets[place]:
        target[MARK] = 1
    return copied


def unmarked(response: ModelResponse) -> ModelResponse:
    """The response without the field no one knows."""

    def rid(fields: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in fields.items() if name != MARK}

    choices = tuple(
        structs.replace(choice, extra=rid(choice.extra), message_extra=rid(choice.message_extra))
        for choice in response.choices
    )
    return structs.replace(response, choices=choices, extra=rid(response.extra))


@pytest.mark.slow
@given(plans(), st.sampled_from(["chunk", "choice", "delta"]))
def test_typed_and_lenient_readings_agree(plan: Plan, place: str) -> None:
    """A field no one knows changes how a chunk is read and nothing of what is read."""
    plain = decode(*plan.stream())
    lenient = decode(*(marked(payload, place) for payload in plan.stream()))
    assert lenient[:-1] == plain[:-1]
    assert unmarked(response_of(lenient)) == response_of(plain)


def words(choice: Choice) -> tuple[str, ...]:
    """What a choice says in each kind of part: text, reasoning, refusal, and the calls one after the other."""
    kinds = (TextPart, ReasoningPart, RefusalPart)
    said = tuple("".join(part.text for part in choice.parts if isinstance(part, kind)) for kind in kinds)
    return (*said, "".join(f"{part.id} " for part in choice.parts if isinstance(part, ToolCallPart)))


def told(choice: Choice) -> tuple[object, ...]:
    """What a choice says, in either form."""
    return (choice.index, choice.parts, choice.finish_reason, choice.raw_finish_reason, choice.logprobs)


@given(plans())
def test_streamed_and_whole_answers_agree(plan: Plan) -> None:
    """An answer streamed and the same answer whole are the same parts, finish reasons and usage."""
    streamed = response_of(decode(*plan.stream()))
    whole = chat.parse_response(json.dumps(plan.body()).encode())
    assert [told(choice) for choice in streamed.choices] == [told(choice) for choice in whole.choices]
    assert (streamed.id, streamed.model, streamed.usage) == (whole.id, whole.model, whole.usage)


@given(plans())
def test_a_whole_answer_told_as_events(plan: Plan) -> None:
    """A whole answer told as events is in good order and says what its stream says."""
    whole = chat.parse_response(json.dumps(plan.body()).encode())
    events = chat.events_of(whole)
    assert_well_formed(events)
    assert response_of(events) == whole


@given(plans(), st.data())
def test_a_cut_stream_is_no_success(plan: Plan, data: st.DataObject) -> None:
    """A stream cut before the last finish reason is truncated, with what had arrived."""
    last = max(at for at, chunk in enumerate(plan.chunks) if any(each["finish_reason"] for each in chunk["choices"]))
    opened = len(plan.answers)  # before its opener no one knows of a choice
    cut = data.draw(st.integers(opened, last))
    error = error_of(decode(*plan.chunks[:cut]))
    assert error.category is ErrorCategory.TRUNCATED
    assert error.partial is not None
    whole = response_of(decode(*plan.stream()))
    for partial, complete in zip(error.partial.choices, whole.choices, strict=True):
        assert partial.finish_reason in {None, complete.finish_reason}
        assert all(text.startswith(begun) for begun, text in zip(words(partial), words(complete), strict=True))


@pytest.mark.slow
@given(st.lists(garbage(wild_answers), max_size=6))
def test_no_bytes_break_a_stream(payloads: list[bytes]) -> None:
    """Any payloads are a stream in good order, and none raises."""
    decoder = chat.StreamDecoder()
    events: list[StreamEvent] = []
    for payload in payloads:
        events += decoder.feed(payload)
        assert isinstance(decoder.response, ModelResponse)
    events += decoder.finish()
    assert_well_formed(events)
    assert decoder.ended
    assert decoder.feed(DONE) == decoder.finish() == []


@given(plans(), st.data())
def test_damage_is_never_silent(plan: Plan, data: st.DataObject) -> None:
    """A payload cut short in the middle of a stream is an error there, whatever it was."""
    at = data.draw(st.integers(0, len(plan.chunks) - 1))
    whole = raw(plan.chunks[at])
    broken = whole[: data.draw(st.integers(1, len(whole) - 1))]
    events = decode(*plan.chunks[:at], broken, *plan.chunks[at + 1 :], DONE)
    assert isinstance(events[-1], StreamError)
    assert events[-1].error.category is ErrorCategory.PROTOCOL
    assert f"payload {at + 1} of the stream" in events[-1].error.message
