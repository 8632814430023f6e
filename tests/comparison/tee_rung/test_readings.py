"""Tests that a reading holds everything its caller was told, as plain JSON."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from shim.comparison.tee_rung.codec_reader import CodecReader
from shim.comparison.tee_rung.readings import Heard, arguments_json, event_told, reading_of, response_told, surely_alike
from shim.model import (
    Choice,
    ErrorCategory,
    FinishReason,
    ModelResponse,
    OpaquePart,
    ProviderError,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    StreamDone,
    StreamError,
    TextDelta,
    TextPart,
    ToolCallPart,
    Usage,
)
from shim.provider import Completion, RequestHandle, Timing
from shim.recording.exchange import UnreadableExchangeError
from shim.recording.reading import Reading
from tests.comparison.recorded_cases import CHAT, RESPONSES, exchange_of

PARTS = (
    ReasoningPart("hm", id="r", summary=("s",), encrypted_content="e", wire_field="reasoning", extra={"x": 1}),
    TextPart("one", extra={"annotations": []}),
    TextPart("two"),
    RefusalPart("no"),
    ToolCallPart("c", "f", '{"a": 1.0, "b": [true, null]}', extra={"t": 1}),
    ToolCallPart("d", "g", "free", kind="custom"),
    OpaquePart("audio", {"id": "a"}),
)
CHOICE = Choice(
    0,
    PARTS,
    finish_reason=FinishReason.STOP,
    raw_finish_reason="stop",
    logprobs={"content": [{"logprob": -0.5}]},
    extra={"index2": 1},
    message_extra={"audio": None},
)
RESPONSE = ModelResponse(
    id="i",
    model="m",
    choices=(CHOICE,),
    usage=Usage(1, 2, 3, 4, 5, {"odd": 1}),
    request_id="req",
    service_tier="flex",
    raw=b"{}",
    extra={"created": 1},
)
ERROR = ProviderError(
    ErrorCategory.RATE_LIMIT,
    "slow down",
    http_status=429,
    code="c",
    type="t",
    param="p",
    request_id="r",
    retry_after_ms=20,
    body=b"\xffbody",
    partial=RESPONSE,
)


def completion(response: ModelResponse | None = None, error: ProviderError | None = None) -> Completion:
    """A completion at some time."""
    timing = Timing(started=1.0, finished=2.0)
    return Completion(RequestHandle("x", 1), response, error, http_status=200, headers={"a": "b"}, timing=timing)


def every_value(value: Any) -> list[Any]:
    """All that is no container, in any depth."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else None
    return [value] if inner is None else [each for item in inner for each in every_value(item)]


def changed(value: Any) -> Any:
    """Another value of a field."""
    if isinstance(value, str):
        return f"{value}."
    if isinstance(value, bytes):
        return value + b"."
    if isinstance(value, dict):
        return {**value, "more": 1}
    return value + 1 if isinstance(value, int) else ()


@pytest.mark.parametrize("field", [name for name in ModelResponse.__struct_fields__ if name != "api"])
def test_each_field_of_a_response_is_told(field: str) -> None:
    """A response that differs in one field is told differently."""
    other = replace(RESPONSE, **{field: changed(getattr(RESPONSE, field)) if field != "usage" else None})
    assert response_told(other) != response_told(RESPONSE)


@pytest.mark.parametrize(
    ("place", "field"),
    [(place, field) for place, part in enumerate(PARTS) for field in type(part).__struct_fields__ if field != "kind"],
)
def test_each_field_of_each_part_is_told(place: int, field: str) -> None:
    """A part that differs in one field is told differently."""
    part = PARTS[place]
    value = getattr(part, field)
    other = "1" if field == "arguments" else (*value, "x") if isinstance(value, tuple) else changed(value or "")
    parts = (*PARTS[:place], replace(part, **{field: other}), *PARTS[place + 1 :])
    assert response_told(replace(RESPONSE, choices=(replace(CHOICE, parts=parts),))) != response_told(RESPONSE)


@pytest.mark.parametrize("field", [name for name in Choice.__struct_fields__ if name != "parts"])
def test_each_field_of_a_choice_is_told(field: str) -> None:
    """A choice that differs in one field is told differently."""
    value = getattr(CHOICE, field)
    other = FinishReason.LENGTH if field == "finish_reason" else changed(value)
    assert response_told(replace(RESPONSE, choices=(replace(CHOICE, **{field: other}),))) != response_told(RESPONSE)


# Headers are the transport's, and differ from one answer to the next.
@pytest.mark.parametrize("field", sorted(set(vars(ERROR)) - {"category", "headers"}))
def test_each_field_of_an_error_is_told(field: str) -> None:
    """An error that differs in one field is told differently."""
    fields = {name: value for name, value in vars(ERROR).items() if name not in ("category", "message")}
    message = "other" if field == "message" else ERROR.message
    fields |= {field: None} if field != "message" else {}
    other = ProviderError(ERROR.category, message, **fields)
    assert reading_of(completion(error=other), None) != reading_of(completion(error=ERROR), None)


def test_the_order_of_parts_and_the_cut_between_two_texts_are_told() -> None:
    """Parts in another order, and two texts cut elsewhere, are told differently although their joined text is the same."""
    swapped = replace(CHOICE, parts=(*PARTS[::-1],))
    recut = replace(CHOICE, parts=(PARTS[0], TextPart("o", {"annotations": []}), TextPart("netwo"), *PARTS[3:]))
    for other in (swapped, recut):
        assert response_told(replace(RESPONSE, choices=(other,))) != response_told(RESPONSE)


def test_a_reading_is_plain_json_that_survives_a_file() -> None:
    """A reading of every recorded case is the same after it was written and read."""
    for case in (*CHAT.values(), *RESPONSES.values()):
        reading = CodecReader().read(exchange_of(case))
        assert msgspec.json.decode(msgspec.json.encode(reading), type=Reading) == reading


def test_it_is_the_same_each_time() -> None:
    """The same answer read twice makes the same reading: no time, number or address is in it."""
    for case in CHAT.values():
        one, other = (msgspec.json.encode(CodecReader().read(exchange_of(case))) for _ in range(2))
        assert one == other


def test_arguments_are_told_as_the_json_they_are() -> None:
    """Numbers, truths and nulls keep their kind; what is no JSON, and a custom tool's text, is told as text."""
    calls = response_told(RESPONSE)["choices"][0]["tool_calls"]
    assert calls[0]["arguments"] == {"a": 1.0, "b": [True, None]}
    assert isinstance(calls[0]["arguments"]["a"], float)
    assert calls[1]["arguments_text"] == "free"
    assert "arguments" not in calls[1]


@pytest.mark.parametrize("text", ["", "{", "NaN", "[Infinity]", "[" * 100_000])
def test_text_that_is_no_json_is_refused(text: str) -> None:
    """What RFC 8259 does not know is no JSON, however deep."""
    with pytest.raises(ValueError, match=r"."):
        arguments_json(text)


def test_the_last_event_only_names_its_kind() -> None:
    """What the last event holds is told once, as the response or the error."""
    assert event_told(StreamDone(RESPONSE)) == {"event": "StreamDone"}
    assert event_told(StreamError(ERROR)) == {"event": "StreamError"}
    assert event_told(TextDelta("a", 1, 2)) == {"event": "TextDelta", "text": "a", "index": 1, "choice": 2}


def test_values_of_a_response_are_strings_numbers_truths_and_nulls() -> None:
    """No class of ours is left in what is told."""
    kinds = {type(value) for value in every_value(response_told(RESPONSE))}
    assert kinds <= {str, int, float, bool, type(None)}


def test_a_completion_of_nothing_is_refused() -> None:
    """A provider that gives neither a response nor an error is at fault, and that is no reading."""
    with pytest.raises(UnreadableExchangeError, match="its provider is at fault"):
        reading_of(completion(), None)


def heard(response: ModelResponse | None = RESPONSE, *events: Any, **fields: Any) -> Heard:
    """What was told of a stream with these events, the usual end behind them."""
    ended = completion(response, None if response else ERROR)
    return Heard(replace(ended, **fields), [*events, StreamDone(response or RESPONSE)])


# Numbers that `==` takes for equal, parts and events that have the same fields.
NEARLY: dict[str, tuple[Heard, Heard]] = {
    "1 and true": (heard(replace(RESPONSE, extra={"a": 1})), heard(replace(RESPONSE, extra={"a": True}))),
    "1 and 1.0": (heard(replace(RESPONSE, extra={"a": 1})), heard(replace(RESPONSE, extra={"a": 1.0}))),
    "null and absent": (heard(replace(RESPONSE, extra={"a": None})), heard(replace(RESPONSE, extra={}))),
    "an event of another kind": (heard(RESPONSE, TextDelta("a")), heard(RESPONSE, RefusalDelta("a"))),
    "an event in two": (heard(RESPONSE, TextDelta("ab")), heard(RESPONSE, TextDelta("a"), TextDelta("b"))),
    "an event less": (heard(RESPONSE, TextDelta("")), heard(RESPONSE)),
    "a stream and none": (heard(), replace(heard(), events=None)),
    "no events and no stream": (replace(heard(), events=[]), replace(heard(), events=None)),
    "another end": (heard(), replace(heard(), events=[StreamError(ERROR)])),
    "another status": (heard(), heard(RESPONSE, http_status=201)),
    "a finish reason that is no more than its word": (
        heard(),
        heard(replace(RESPONSE, choices=(replace(CHOICE, finish_reason="stop"),))),
    ),
    "an error": (heard(), heard(None)),
}


@pytest.mark.parametrize("name", NEARLY)
def test_what_was_told_nearly_the_same_is_not_surely_alike(name: str) -> None:
    """Numbers, kinds of parts and events, and whatever else could pass for the same leave it to the readings."""
    one, other = NEARLY[name]
    assert not surely_alike(one, other)
    assert not surely_alike(other, one)


@pytest.mark.parametrize("field", ["id", "model", "choices", "usage", "request_id", "service_tier", "raw", "extra"])
def test_a_response_that_differs_in_a_field_is_not_surely_alike(field: str) -> None:
    """Each field that is told counts."""
    value = getattr(RESPONSE, field)
    other = {"usage": None, "choices": ()}.get(field, None if field == "usage" else changed(value))
    assert not surely_alike(heard(), heard(replace(RESPONSE, **{field: other})))


@pytest.mark.parametrize(
    ("place", "field"), [(place, field) for place, part in enumerate(PARTS) for field in type(part).__struct_fields__]
)
def test_a_part_that_differs_in_a_field_is_not_surely_alike(place: int, field: str) -> None:
    """Each field of each part counts."""
    part = replace(PARTS[place], **{field: changed(getattr(PARTS[place], field))})
    parts = (*PARTS[:place], part, *PARTS[place + 1 :])
    assert not surely_alike(heard(), heard(replace(RESPONSE, choices=(replace(CHOICE, parts=parts),))))


def test_errors_are_never_surely_alike() -> None:
    """Of errors the readings decide, always: their words may be a library's own."""
    assert not surely_alike(heard(None), heard(None))


@pytest.mark.parametrize("extra", [{"big": 2**80}, {"odd": "\ud83c"}])
def test_what_cannot_be_written_is_not_surely_alike(extra: dict[str, Any]) -> None:
    """A value the short way cannot write leaves it to the readings, and is no failure."""
    one = heard(replace(RESPONSE, extra=extra))
    assert not surely_alike(one, one)


@pytest.mark.parametrize("name", CHAT)
def test_what_is_surely_alike_has_the_same_reading(name: str) -> None:
    """What two readers were told of a recorded case is surely alike unless it is an error, and then its readings are the same."""
    one, other = (CodecReader().hear(exchange_of(CHAT[name])) for _ in range(2))
    assert surely_alike(one, other) is (one.completion.error is None)
    assert repr(one.reading()) == repr(other.reading())
