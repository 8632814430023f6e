"""Tests of `shim.wire.chat.accumulation`: pieces joined in their order, and calls told apart however a server tells them."""

from __future__ import annotations

from typing import Any

import pytest

from shim.model import (
    FinishReason,
    ItemDelta,
    OpaquePart,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallDone,
    ToolCallPart,
    ToolCallStart,
)
from tests.helpers.events import text_of
from tests.wire.chat.chunks import (
    CALLED,
    DONE,
    OPENER,
    STOP,
    Payload,
    call,
    choice,
    chunk,
    decode,
    envelope,
    read,
    response_of,
)


def calling(*calls: dict[str, Any], finish: str | None = None, **delta: Any) -> dict[str, Any]:
    """A chunk with these tool-call deltas."""
    return chunk({"tool_calls": list(calls)} | delta, finish=finish)


def calls_of(*payloads: Payload) -> list[tuple[str, str, str]]:
    """The calls of a stream: id, name and arguments."""
    return [(part.id, part.name, part.arguments) for part in read(*payloads, DONE).tool_calls]


def test_deltas_are_joined_in_order() -> None:
    """Several content deltas make one text in their order, and empty ones are no event."""
    events = decode(*(chunk({"content": text}) for text in ("1", "", "2", "3", "", "4")), STOP, DONE)
    assert [event.text for event in events if isinstance(event, TextDelta)] == ["1", "2", "3", "4"]
    assert response_of(events).parts == (TextPart("1234"),)


def test_null_content_is_no_text() -> None:
    """Content of null, alone or beside reasoning, is no event."""
    deltas = [
        {"content": None, "reasoning_content": "hm"},
        {"content": "hi", "reasoning_content": None},
        {"content": None},
    ]
    events = decode(*(chunk(delta) for delta in deltas), STOP, DONE)
    assert events[1:-1] == [ReasoningDelta("hm"), TextDelta("hi")]


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_keeps_its_field(field: str) -> None:
    """Reasoning is joined, comes before the text, and remembers the field that carried it."""
    response = read(chunk({field: "h"}), chunk({field: "m"}), chunk({"content": "hi"}), STOP, DONE)
    assert response.parts == (ReasoningPart("hm", wire_field=field), TextPart("hi"))
    assert response.reasoning_text == "hm"


def test_reasoning_in_two_fields_is_read_once() -> None:
    """A gateway that sends the same reasoning under several names is read once, and the details are kept."""
    detail = {"type": "reasoning.text", "text": "hm", "index": 0}
    response = read(chunk({"reasoning": "hm", "reasoning_details": [detail]}), STOP, DONE)
    assert response.reasoning_text == "hm"
    assert response.choices[0].message_extra == {"reasoning_details": [detail]}
    assert read(chunk({"reasoning": "hm", "reasoning_content": "hm"}), STOP, DONE).reasoning_text == "hm"


def test_reasoning_in_details_alone() -> None:
    """Reasoning that comes only as details is read from them, texts and summaries."""
    details = [
        [{"type": "reasoning.text", "text": "h"}],
        [{"type": "reasoning.summary", "summary": "m"}],
        [{"type": "x"}],
    ]
    response = read(*(chunk({"reasoning_details": each}) for each in details), STOP, DONE)
    assert response.reasoning_text == "hm"
    assert len(response.choices[0].message_extra["reasoning_details"]) == 3


def test_reasoning_in_several_details_is_parted() -> None:
    """Reasoning of another detail begins after a blank line, told as it is read."""
    texts = [("h", 0), ("m", 0), ("x", 1)]
    pieces = [
        chunk({"reasoning_details": [{"type": "reasoning.text", "text": each, "index": at}]}) for each, at in texts
    ]
    events = decode(OPENER, *pieces, STOP, DONE)
    assert events[1:-1] == [ReasoningDelta("h"), ReasoningDelta("m"), ReasoningDelta("\n\nx")]
    assert response_of(events).reasoning_text == "hm\n\nx"


def test_thinking_blocks() -> None:
    """Mistral's content lists are reasoning and text, and plain strings may follow."""
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "h"}, {"type": "text", "text": "m"}]}
    response = read(
        chunk({"content": [thinking]}),
        chunk({"content": [{"type": "text", "text": "Hel"}]}),
        chunk({"content": "lo"}),
        STOP,
        DONE,
    )
    assert response.parts == (ReasoningPart("hm", wire_field="thinking"), TextPart("Hello"))


def test_other_content_blocks_are_kept() -> None:
    """A content block of another kind is a part of its own, as it is in a whole answer."""
    block = {"type": "reference", "reference_ids": [7, 11]}
    response = read(chunk({"content": [{"type": "text", "text": "hi"}, block]}), STOP, DONE)
    assert response.parts == (TextPart("hi"), OpaquePart("reference", block))


def test_refusals_with_logprobs() -> None:
    """A refusal is joined apart from the text, and its log probabilities are joined too."""
    tokens: list[dict[str, Any]] = [
        {"token": text, "logprob": -0.5, "bytes": None, "top_logprobs": []} for text in ("I ", "won't")
    ]
    pieces = [
        envelope(choice({"refusal": token["token"]}, logprobs={"content": None, "refusal": [token]}))
        for token in tokens
    ]
    events = decode(OPENER, *pieces, STOP, DONE)
    assert events[1:-1] == [RefusalDelta("I "), RefusalDelta("won't")]
    answer = response_of(events).choices[0]
    assert answer.parts == (RefusalPart("I won't"),)
    assert answer.logprobs == {"content": None, "refusal": tokens}


def test_logprobs_are_joined() -> None:
    """Log probabilities of a text are joined in order, null ones passed over."""
    tokens: list[dict[str, Any]] = [{"token": text, "logprob": -0.5} for text in ("Hel", "lo")]
    pieces: list[Payload] = [
        envelope(choice({"content": token["token"]}, logprobs={"content": [token], "refusal": None}))
        for token in tokens
    ]
    response = read(*pieces, envelope(choice({}, finish="stop", logprobs=None)), DONE)
    assert response.choices[0].logprobs == {"content": tokens, "refusal": None}


def test_an_audio_answer_is_joined() -> None:
    """The pieces of a spoken answer are told and joined: data and transcript grow, id and expiry come once."""
    deltas = [
        {"id": "audio_1", "transcript": "Hel"},
        {"data": "UklG"},
        {"transcript": "lo", "data": "AAAA"},
        {"expires_at": 1},
    ]
    events = decode(OPENER, *(chunk({"audio": delta}) for delta in deltas), STOP, DONE)
    told = [ItemDelta("audio_transcript", "Hel"), ItemDelta("audio", "UklG")]
    assert events[1:-1] == [*told, ItemDelta("audio", "AAAA"), ItemDelta("audio_transcript", "lo")]
    audio = response_of(events).choices[0].message_extra["audio"]
    assert audio == {"id": "audio_1", "transcript": "Hello", "data": "UklGAAAA", "expires_at": 1}


@pytest.mark.parametrize(
    ("pieces", "told"),
    [([[]], []), (["a"], "a"), ([{"id": "a"}, [1]], [{"id": "a"}, [1]]), ([[1], {"id": "a"}], [{"id": "a"}, [1]])],
)
def test_audio_that_is_no_object_is_kept(pieces: list[Any], told: object) -> None:
    """What a server sends in the place of a spoken answer is carried along, beside one that came too."""
    response = read(*(chunk({"audio": piece}) for piece in pieces), STOP, DONE)
    assert response.choices[0].message_extra["audio"] == told


def test_several_choices_interleaved() -> None:
    """The pieces of several answers, calls among them, are told apart by the choice's index."""
    events = decode(
        *(chunk({"role": "assistant", "content": ""}, index=index) for index in (0, 1, 2)),
        chunk({"content": "a"}, index=1),
        chunk({"tool_calls": [call(0, "", id="c2", name="look")]}, index=2),
        chunk({"tool_calls": [call(0, "", id="c0", name="look")]}, index=0),
        chunk({"content": "b"}, index=1),
        chunk({"tool_calls": [call(0, '{"a":')]}, index=0),
        chunk({"tool_calls": [call(0, "{}")]}, index=2),
        chunk({}, finish="stop", index=1),
        chunk({"tool_calls": [call(0, "1}")]}, index=0),
        envelope(choice({}, finish="tool_calls", index=2), choice({}, finish="tool_calls", index=0)),
        DONE,
    )
    first, second, third = response_of(events).choices
    assert [answer.index for answer in (first, second, third)] == [0, 1, 2]
    assert first.parts == (ToolCallPart("c0", "look", '{"a":1}'),)
    assert second.parts == (TextPart("ab"),)
    assert third.parts == (ToolCallPart("c2", "look", "{}"),)
    assert text_of(events, 1) == "ab"
    assert [event.choice for event in events if isinstance(event, ToolCallStart)] == [2, 0]


# --- calls ---

LOOK = ("call_1", "look", '{"a":1}')
READ = ("call_2", "read", '{"b":2}')
# How a server streams a call of `look`, or one of `look` and then one of `read`.
FORMS: dict[str, tuple[list[dict[str, Any]], list[tuple[str, str, str]]]] = {
    "opened, then arguments": (
        [
            calling(call(0, "", id="call_1", type="function", name="look")),
            calling(call(0, '{"a"')),
            calling(call(0, ":1}")),
        ],
        [LOOK],
    ),
    "whole in one delta": ([calling(call(0, '{"a":1}', id="call_1", type="function", name="look"))], [LOOK]),
    "whole, with the finish reason": (
        [calling(call(0, '{"a":1}', id="call_1", name="look"), finish="tool_calls")],
        [LOOK],
    ),
    "whole, without index": ([calling(call(None, '{"a":1}', id="call_1", name="look"), finish="tool_calls")], [LOOK]),
    "two without index": (
        [calling(call(None, '{"a":1}', id="call_1", name="look"), call(None, '{"b":2}', id="call_2", name="read"))],
        [LOOK, READ],
    ),
    "pieces without index": (
        [calling(call(None, '{"a"', id="call_1", name="look")), calling(call(None, ":1}"))],
        [LOOK],
    ),
    "several in one chunk": (
        [
            calling(call(0, "", id="call_1", name="look"), call(1, "", id="call_2", name="read")),
            calling(call(0, '{"a":'), call(1, '{"b":')),
            calling(call(1, "2}"), call(0, "1}")),
        ],
        [LOOK, READ],
    ),
    "interleaved": (
        [
            calling(call(0, '{"a"', id="call_1", name="look")),
            calling(call(1, '{"b"', id="call_2", name="read")),
            calling(call(0, ":1}")),
            calling(call(1, ":2}")),
        ],
        [LOOK, READ],
    ),
    "counted from one": (
        [calling(call(1, '{"a":1}', id="call_1", name="look")), calling(call(2, '{"b":2}', id="call_2", name="read"))],
        [LOOK, READ],
    ),
    "second index first": (
        [calling(call(1, '{"a":1}', id="call_1", name="look")), calling(call(0, '{"b":2}', id="call_2", name="read"))],
        [LOOK, READ],
    ),
    "id repeated": (
        [calling(call(0, '{"a"', id="call_1", name="look")), calling(call(0, ":1}", id="call_1", name="look"))],
        [LOOK],
    ),
    "id empty afterwards": (
        [calling(call(0, '{"a"', id="call_1", name="look")), calling(call(0, ":1}", id="", name=""))],
        [LOOK],
    ),
    "id null afterwards": (
        [calling(call(0, '{"a"', id="call_1", name="look")), calling(call(0, ":1}", id=None, name=None, type=None))],
        [LOOK],
    ),
    "arguments null": (
        [calling(call(0, None, id="call_1", name="look")), calling(call(0, '{"a":1}')), calling(call(0, None))],
        [LOOK],
    ),
    "arguments as an object": (
        [calling(call(0, {"a": 1}, id="call_1", name="look"))],
        [("call_1", "look", '{"a": 1}')],
    ),
    "no arguments": ([calling(call(0, "", id="call_1", name="look"))], [("call_1", "look", "")]),
    "index 0 again, with another id": (
        [
            calling(call(0, '{"a":1}', id="call_1", name="look")),
            calling(call(0, "", id="call_2", name="read")),
            calling(call(0, '{"b":2}')),
        ],
        [LOOK, READ],
    ),
    "index 0 again, without ids": (
        [calling(call(0, '{"a":1}', id="", name="look")), calling(call(0, '{"b":2}', id="", name="read"))],
        [("", "look", '{"a":1}'), ("", "read", '{"b":2}')],
    ),
    "name in a later delta": (
        [calling(call(0, "", id="call_1")), calling(call(0, "", name="look")), calling(call(0, '{"a":1}'))],
        [LOOK],
    ),
    "name repeated while the arguments grow": (
        [calling(call(0, '{"a"', id="", name="look")), calling(call(0, ":1}", id="", name="look"))],
        [("", "look", '{"a":1}')],
    ),
}


@pytest.mark.parametrize("finish", ["tool_calls", "stop", "", None], ids=repr)
@pytest.mark.parametrize("form", FORMS)
def test_the_forms_of_calls(form: str, finish: str | None) -> None:
    """A call is the same call in whatever pieces a server sends it, and the reason is tool calls whatever it says."""
    payloads, expected = FORMS[form]
    last = [] if finish is None else [chunk({}, finish=finish)]
    assert calls_of(*payloads, *last) == expected
    assert read(*payloads, *last, DONE).finish_reason is FinishReason.TOOL_CALL


def test_a_call_of_gemini() -> None:
    """A thought signature beside a call is kept with the call, which goes back with it."""
    signature = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
    response = read(calling(call(0, "{}", id="", name="look") | signature), CALLED, DONE)
    assert response.tool_calls == (ToolCallPart("", "look", "{}", extra=signature),)


def test_a_custom_tool() -> None:
    """A custom tool's input is joined as text, and the call is of its kind."""
    opened = {"index": 0, "id": "call_1", "type": "custom", "custom": {"name": "run", "input": ""}}
    pieces = [{"index": 0, "custom": {"input": text}} for text in ("print", "(1)")]
    events = decode(*(calling(piece) for piece in (opened, *pieces)), CALLED, DONE)
    assert response_of(events).tool_calls == (ToolCallPart("call_1", "run", "print(1)", kind="custom"),)
    assert [event.arguments for event in events if isinstance(event, ToolCallDelta)] == ["print", "(1)"]


def test_a_legacy_function_call() -> None:
    """The field that preceded tool calls is a call without an id, joined and ended like any other."""
    deltas = [{"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": ""}}]
    deltas += [{"function_call": {"arguments": text}} for text in ('{"a"', ":1}")]
    deltas += [{"function_call": {"arguments": "", "thought_signature": "s"}}, {"function_call": {"signed": "yes"}}]
    events = decode(*(chunk(delta) for delta in deltas), chunk({}, finish="function_call"), DONE)
    further = {"thought_signature": "s", "signed": "yes"}
    call = ToolCallPart("", "look", '{"a":1}', kind="function_call", extra=further)
    assert response_of(events).tool_calls == (call,)
    assert response_of(events).finish_reason is FinishReason.TOOL_CALL
    assert response_of(events).choices[0].raw_finish_reason == "function_call"


@pytest.mark.parametrize("nothing", [None, [], {}, "", 7], ids=repr)
def test_calls_of_nothing_are_none(nothing: object) -> None:
    """Tool calls of null, of an empty list or of no list are none."""
    response = read(chunk({"content": "hi", "tool_calls": nothing}), STOP, DONE)
    assert (response.text, response.tool_calls, response.finish_reason) == ("hi", (), FinishReason.STOP)


def test_zero_values_say_nothing() -> None:
    """A server that fills every field with its zero value called nothing, refused nothing and said what it said."""
    zero = {"role": "assistant", "refusal": "", "function_call": {"name": "", "arguments": ""}, "audio": {"id": ""}}
    named = {
        "index": 0,
        "id": "call_1",
        "function": {"name": "look", "arguments": "{}"},
        "custom": {"name": "", "input": ""},
    }
    response = read(chunk(zero | {"content": "hi", "tool_calls": None}, finish="", id="", service_tier=""), DONE)
    assert (response.parts, response.refusal, response.service_tier) == ((TextPart("hi"),), None, None)
    response = read(chunk(zero | {"content": "", "tool_calls": [named]}, finish=""), DONE)
    assert response.parts == (ToolCallPart("call_1", "look", "{}"),)


def test_a_call_is_told_before_its_arguments() -> None:
    """A call without a name yet is told with its first arguments, and every call is told even if it has none."""
    events = decode(calling(call(0, "{}", id="call_1")), calling(call(1, "", id="call_2")), CALLED, DONE)
    assert events[1:-1] == [
        ToolCallStart(0, "call_1", ""),
        ToolCallDelta(0, "{}"),
        ToolCallDone(0, "call_1", "", "{}"),
        ToolCallStart(1, "call_2", ""),
        ToolCallDone(1, "call_2", "", ""),
    ]


def test_text_and_calls_stand_side_by_side() -> None:
    """Text before, between and after calls is one text, and the calls keep their order."""
    response = read(
        chunk({"content": "a"}), calling(call(0, "{}", id="c", name="f")), chunk({"content": "b"}), CALLED, DONE
    )
    assert response.parts == (TextPart("ab"), ToolCallPart("c", "f", "{}"))


def test_calls_start_in_order() -> None:
    """A call that has not said anything yet is still started before a later one that has."""
    events = decode(calling(call(0, "", id="call_1"), call(1, "{}", id="call_2", name="look")), CALLED, DONE)
    assert [event.index for event in events if isinstance(event, ToolCallStart)] == [0, 1]
