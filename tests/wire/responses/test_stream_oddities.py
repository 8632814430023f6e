"""Tests of `shim.wire.responses.accumulation`, `streamed` and `item_events`: streams as servers really send them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from shim.model import (
    ModelResponse,
    OpaquePart,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    StreamDone,
    StreamError,
    StreamStart,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallDone,
    ToolCallPart,
    ToolCallStart,
)
from shim.wire import responses
from tests.wire.responses.answers import (
    CREATED,
    added,
    answer,
    call,
    delta,
    done,
    ended,
    event,
    message,
    reasoning,
    refusal,
    stream,
    text,
)

ARGUMENTS = "function_call_arguments"


def response_of(*given: Any) -> ModelResponse:
    """The response a stream that ends well makes."""
    last = stream(*given)[-1]
    assert isinstance(last, StreamDone)
    return last.response


def whole(*output: dict[str, Any]) -> ModelResponse:
    """The response a whole answer with this output is."""
    return msgspec.structs.replace(responses.parse_response(json.dumps(answer(*output)).encode()), raw=None)


def test_the_last_word_is_the_finished_responses() -> None:
    """Encrypted content, ids and items that differ in the finished response are as it says."""
    early, late = (reasoning("hm", encrypted_content=word) for word in ("early", "late"))
    late["id"] = "rs_9"
    tools = {"type": "mcp_list_tools", "id": "m", "tools": []}
    assert response_of(
        CREATED,
        added(reasoning()),
        delta("hm", "reasoning_summary_text"),
        done(early),
        added(tools, 1),
        ended(late, tools | {"tools": [1]}),
    ) == whole(late, tools | {"tools": [1]})


def test_what_the_finished_response_lacks_is_kept() -> None:
    """A finished response without its output, or with an item missing, has what was streamed."""
    given = [
        CREATED,
        added(message()),
        delta("a"),
        done(message(text("a"))),
        added(call(""), 1),
        delta("{}", ARGUMENTS, at=1),
    ]
    assert response_of(*given, ended()) == whole(message(text("a")), call(status="completed"))
    assert response_of(*given, event("completed", response={})).text == "a"
    assert response_of(*given, event("completed")).finish_reason == "tool_call"
    assert response_of(*given, ended(call())).parts == whole(message(text("a")), call()).parts


def test_what_was_not_streamed_is_told_at_the_end() -> None:
    """Texts, refusals, reasoning and calls that only the finished response has are told before the end."""
    output = [reasoning("hm"), message(text("a"), refusal("no")), call("")]
    events = stream(CREATED, delta("h", "reasoning_summary_text"), ended(*output))
    assert events[1:-1] == [
        ReasoningDelta("h"),
        ReasoningDelta("m"),
        TextDelta("a"),
        RefusalDelta("no"),
        ToolCallStart(0, "call_1", "look"),
        ToolCallDone(0, "call_1", "look", ""),
    ]


def test_what_was_told_is_not_taken_back() -> None:
    """A text, call or arguments that the finished response tells otherwise stay as they were told."""
    found = response_of(
        CREATED,
        delta("told"),
        added(call("", name="tell"), 1),
        event(f"{ARGUMENTS}.done", output_index=1, arguments="[1]"),
        ended(message(text("other")), call("[2]", name="other")),
    )
    assert found.text == "told"
    assert [(one.name, one.arguments) for one in found.tool_calls] == [("tell", "[1]")]


def test_a_text_that_became_a_refusal_is_kept_beside_it() -> None:
    """A refusal that stands where a text was streamed is told, and the text is not lost."""
    found = response_of(CREATED, delta("I"), ended(message(refusal("I won't"))))
    assert (found.text, found.refusal) == ("I", "I won't")


def test_ids_that_change_with_every_event() -> None:
    """Items are known by their index where each event names another id."""
    events = stream(
        CREATED,
        added(message(id="a")),
        delta("x", item_id="b"),
        delta("y", item_id="c"),
        added(call("", id="d"), 1),
        delta("{}", ARGUMENTS, at=1, item_id="e"),
        done(message(text("xy"), id="f")),
        done(call(id="g"), 1),
        ended(message(text("xy"), id="h"), call(id="i")),
    )
    assert isinstance(events[-1], StreamDone)
    assert events[-1].response == whole(message(text("xy"), id="h"), call(id="i"))


def test_indexes_that_shift() -> None:
    """Items are known by their id where an index shifts between their events."""
    search = {"type": "web_search_call", "id": "ws_1"}
    output = [search, message(text("ab")), message(text("c"), id="msg_2")]
    events = stream(
        CREATED,
        added(search),
        added(message(), 1),
        delta("a", at=1, item_id="msg_1"),
        delta("b", at=2, item_id="msg_1"),
        done(output[1], 2),
        done(output[2], 3),
        ended(*output),
    )
    assert [one.text for one in events if isinstance(one, TextDelta)] == ["a", "b", "c"]
    assert isinstance(events[-1], StreamDone)
    assert events[-1].response == whole(*output)


def test_a_stream_without_its_frame() -> None:
    """Pieces alone, without items, parts or a beginning, are told, and the stream begins with the first."""
    assert stream(delta("a"), delta("b"), ended(message(text("ab"))))[:2] == [StreamStart("", ""), TextDelta("a")]


def test_arguments_without_deltas() -> None:
    """Arguments that come whole, as LM Studio sends them, are one delta."""
    events = stream(CREATED, added(call("")), event(f"{ARGUMENTS}.done", arguments="{}"), done(call()), ended(call()))
    assert events[1:-1] == [
        ToolCallStart(0, "call_1", "look"),
        ToolCallDelta(0, "{}"),
        ToolCallDone(0, "call_1", "look", "{}"),
    ]


def test_the_rest_of_arguments_comes_with_the_whole() -> None:
    """Where the whole arguments say more than the deltas did, what is missing is one delta more."""
    events = stream(CREATED, added(call("")), delta('{"a"', ARGUMENTS), done(call('{"a":1}')), ended(call('{"a":1}')))
    assert events[1:-1] == [
        ToolCallStart(0, "call_1", "look"),
        ToolCallDelta(0, '{"a"'),
        ToolCallDelta(0, ":1}"),
        ToolCallDone(0, "call_1", "look", '{"a":1}'),
    ]


def test_a_text_that_stays_empty_has_its_number() -> None:
    """A block that was announced and never written is numbered, so that the next is told as the second text it is."""
    announced = [event("content_part.added", content_index=at, part=text("")) for at in (3, 7)]
    last = ended(message(text(""), text("x")))
    events = stream(CREATED, added(message()), *announced, delta("x", content_index=7), last)
    assert events[1:-1] == [TextDelta("x", 1)]


@pytest.mark.parametrize("named", [{}, {"name": "look"}, {"call_id": "call_1"}], ids=["neither", "name", "id"])
def test_a_call_waits_for_its_name(named: dict[str, Any]) -> None:
    """A call whose item comes late is told once its id and name are known, with what came before in one piece."""
    events = stream(
        CREATED,
        added({"type": "function_call"} | named),
        delta("{", ARGUMENTS),
        delta("}", ARGUMENTS),
        event(f"{ARGUMENTS}.done", arguments="{}"),
        done(call()),
        ended(call()),
    )
    assert events[1:-1] == [
        ToolCallStart(0, "call_1", "look"),
        ToolCallDelta(0, "{}"),
        ToolCallDone(0, "call_1", "look", "{}"),
    ]


def test_a_call_without_call_id_goes_by_its_items() -> None:
    """A call that never gets a call id has that of its item, streamed or whole."""
    item = call(call_id=None)
    assert response_of(CREATED, added(item), ended(item)) == whole(item)
    assert whole(item).tool_calls[0].id == "fc_1"


def test_empty_arguments_wait_for_the_item() -> None:
    """A `.done` that says nothing does not end a call whose item brings the arguments."""
    events = stream(CREATED, added(call("")), event(f"{ARGUMENTS}.done", arguments=""), done(call()), ended(call()))
    assert ToolCallDelta(0, "{}") in events


def test_annotations_and_logprobs_survive_a_cut() -> None:
    """Annotations and logprobs that came with the pieces are in the partial response."""
    token = {"token": "a", "logprob": -0.1}
    events = stream(
        CREATED,
        delta("a", logprobs=[token]),
        event("output_text.annotation.added", annotation={"type": "url_citation"}),
    )
    assert isinstance(events[-1], StreamError)
    assert events[-1].error.partial is not None
    assert events[-1].error.partial.parts == (
        TextPart("a", {"annotations": [{"type": "url_citation"}], "logprobs": [token]}),
    )
    assert [one.text for one in events if isinstance(one, TextDelta)] == ["a"]


@pytest.mark.parametrize(
    "pieces", [[("ab", 0), ("cd", 1)], [("a", 0), ("b", 0), ("cd", 1)], [("ab", 0), ("c", 1), ("d", 1)]]
)
def test_what_came_beside_a_text_stays_with_its_block(pieces: list[tuple[str, int]]) -> None:
    """Logprobs that only the pieces had stand in the block that says those words, however many pieces there were."""
    tokens = [{"token": words, "logprob": -0.1} for words, _ in pieces]
    given = [
        delta(words, content_index=at, logprobs=[token]) for (words, at), token in zip(pieces, tokens, strict=True)
    ]
    found = response_of(CREATED, added(message()), *given, ended(message(text("ab"), text("cd"))))
    kept = [[token for (_, at), token in zip(pieces, tokens, strict=True) if at == block] for block in (0, 1)]
    assert found.parts == (TextPart("ab", {"logprobs": kept[0]}), TextPart("cd", {"logprobs": kept[1]}))


def test_reasoning_told_twice_is_told_once() -> None:
    """Of reasoning streamed as text and as a summary, what came first is told, and both are in the response."""
    item = reasoning("short", content=[{"type": "reasoning_text", "text": "long"}])
    events = stream(
        CREATED, delta("long", "reasoning_text"), delta("short", "reasoning_summary_text"), done(item), ended(item)
    )
    assert events[1:-1] == [ReasoningDelta("long")]
    part = whole(item).parts[0]
    assert isinstance(part, ReasoningPart)
    assert (part.text, part.summary) == ("long", ("short",))


@pytest.mark.parametrize(
    "ignored",
    [
        {"type": "keepalive", "sequence_number": 3},
        {"type": "response.something.new", "error": {"message": "of a tool"}},
        {"type": "response.reasoning_part.added", "part": {}},
        {"type": "response.output_item.added", "item": None},
        {"type": "response.output_item.done"},
        {"type": "response.content_part.added", "part": {"type": "hologram"}},
        {"type": "response.content_part.done", "part": None},
        {"type": "response.output_text.delta", "delta": ""},
        {"type": "response.output_text.annotation.added"},
        {"type": "ping"},
    ],
)
def test_what_says_nothing_is_ignored(ignored: dict[str, Any]) -> None:
    """Unknown events, keepalives and empty pieces change nothing."""
    final = message(text("ab"))
    without = stream(CREATED, delta("a"), delta("b"), ended(final))
    assert stream(CREATED, delta("a"), ignored, delta("b"), ended(final)) == without


def test_a_message_as_a_string_is_read() -> None:
    """A message whose content is a string is told as one text."""
    item = message() | {"content": "hi"}
    assert stream(CREATED, ended(item))[1] == TextDelta("hi")


def test_odd_indexes_are_the_first() -> None:
    """An index that is missing, null or negative is that of the first, as where there is but one."""
    events = stream(CREATED, *(delta("a", content_index=odd) for odd in (None, -1, "x", 0)), ended())
    assert [(one.text, one.index) for one in events if isinstance(one, TextDelta)] == [("a", 0)] * 4


def test_an_item_may_say_where_it_is() -> None:
    """Fields a server adds inside its items, as Bedrock does, are kept and change nothing."""
    item = call(item_id="x", output_index=1)
    found = response_of(CREATED, added(item), done(item), ended(item))
    assert found.parts == (
        ToolCallPart(
            "call_1",
            "look",
            "{}",
            extra={"item": {"id": "fc_1", "status": "completed", "item_id": "x", "output_index": 1}},
        ),
    )


def test_a_message_without_content_is_whole() -> None:
    """A message that stays empty is kept as it is."""
    assert response_of(CREATED, added(message()), ended(message())).parts == (OpaquePart("message", message()),)


def test_the_type_of_the_last_event_decides_that_it_ended() -> None:
    """A finished response that still calls itself in progress, or says no status, has ended as its event says."""
    for status in ("in_progress", None):
        assert response_of(CREATED, ended(message(text("a")), status=status)).finish_reason == "stop"
        assert (
            response_of(CREATED, ended(kind="incomplete", status=status)).choices[0].raw_finish_reason == "incomplete"
        )


def test_custom_input_that_no_item_told_is_kept() -> None:
    """Arguments whose item never came, nor its name, are in the partial response, and no call is told."""
    events = stream(CREATED, delta("1+1", "custom_tool_call_input"))
    assert isinstance(events[-1], StreamError)
    assert events[-1].error.partial is not None
    assert events[-1].error.partial.tool_calls == (ToolCallPart("", "", "1+1", kind="custom", complete=False),)
    assert not any(isinstance(one, (ToolCallStart, ToolCallDelta)) for one in events)


def test_a_character_in_two_halves() -> None:
    """A character that two pieces bring half of each is told with the second, and a piece after it as it is."""
    halves = [json.dumps(delta(piece)).encode() for piece in ("a\ud83d", "\ude00b")]
    events = stream(CREATED, *halves, delta("c"), ended(message(text("a\U0001f600bc"))))
    assert [one.text for one in events if isinstance(one, TextDelta)] == ["a", "\U0001f600b", "c"]


def test_words_under_other_names_are_told() -> None:
    """Texts whose blocks have other names, and reasoning that is a plain string, are told and read."""
    thought = {"type": "reasoning", "id": "rs", "summary": [], "content": "hm"}
    events = stream(
        CREATED, ended(thought, message({"type": "text", "text": "a"}, {"type": "reference", "text": "42"}))
    )
    assert [one.text for one in events if isinstance(one, (TextDelta, ReasoningDelta))] == ["hm", "a", "42"]
    assert isinstance(events[-1], StreamDone)
    assert (events[-1].response.text, events[-1].response.reasoning_text) == ("a42", "hm")
