"""Tests of `shim.wire.responses` on what servers say in ways of their own: events, ids, contents, and who runs a tool."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shim.model import (
    FinishReason,
    ItemDelta,
    Message,
    OpaquePart,
    ReasoningDelta,
    TextPart,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
)
from shim.wire.responses import parse_response
from shim.wire.responses.input_items import input_items
from tests.wire.chat.chunks import response_of
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
    stream,
    text,
)

SEARCH = {
    "type": "custom_tool_call",
    "id": "ctc_1",
    "call_id": "xs_call_1",
    "name": "x_keyword_search",
    "input": '{"query":"q"}',
    "status": "completed",
}


def whole(*output: dict[str, Any], **fields: Any) -> Any:
    """A whole response, read."""
    return parse_response(json.dumps(answer(*output, **fields)).encode())


def sent_back(given: Message) -> list[dict[str, Any]]:
    """The items that the next turn holds of a message."""
    return input_items([given])


@pytest.mark.parametrize("name", ["reasoning", "reasoning_summary"])
@pytest.mark.parametrize("words", ["hm", {"text": "hm"}], ids=["text", "object"])
def test_reasoning_is_told_under_its_first_names(name: str, words: Any) -> None:
    """`response.reasoning.delta`, as OpenRouter still calls it, is reasoning, and said again whole it is no more."""
    events = stream(
        CREATED,
        event(f"{name}.delta", item_id="rs_1", output_index=0, delta=words),
        event(f"{name}.done", item_id="rs_1", output_index=0, text="hm"),
        delta("a", at=1),
        ended(),
    )
    assert [each.text for each in events if isinstance(each, ReasoningDelta)] == ["hm"]
    assert (response_of(events).reasoning_text, response_of(events).text) == ("hm", "a")


def test_an_empty_id_does_not_go_back() -> None:
    """An item without a name of its own is sent without one: an empty id is refused."""
    response = whole(reasoning("hm", id=""), message(text("a"), id=""), call(id=""))
    items = sent_back(response.message)
    assert [item["type"] for item in items] == ["reasoning", "message", "function_call"]
    assert not any("id" in item for item in items)


@pytest.mark.parametrize("content", ["a", text("a"), ["a"], ["", text("a")]], ids=["text", "block", "texts", "both"])
def test_a_message_is_read_whatever_its_content_is(content: Any) -> None:
    """A content that is one block or plain strings is the answer's text."""
    assert whole(message() | {"content": content}).text == "a"


def test_an_annotation_told_twice_is_one() -> None:
    """An annotation told once more under its index is not another; an equal one under the next is."""
    cited = {"type": "url_citation", "url": "u"}
    told = [
        event("output_text.annotation.added", item_id="msg_1", output_index=0, annotation_index=at, annotation=cited)
        for at in (0, 0, 1)
    ]
    part = response_of(stream(CREATED, delta("a", item_id="msg_1"), *told, ended())).parts[0]
    assert isinstance(part, TextPart)
    assert part.extra["annotations"] == [cited, cited]


def test_a_response_without_output_has_none_yet() -> None:
    """A response whose output is null is read, as it is in a stream."""
    response = whole(status="queued", output=None, usage=None)
    assert (response.id, response.parts, response.finish_reason) == ("resp_1", (), None)


@pytest.mark.parametrize("error", [{"code": "", "message": ""}, {}, {"message": None}], ids=repr)
def test_an_empty_error_is_none(error: dict[str, Any]) -> None:
    """A response is not lost for an error whose fields are empty."""
    assert whole(message(text("a")), error=error).text == "a"
    assert response_of(stream(CREATED, delta("a"), ended(message(text("a")), error=error))).text == "a"


def test_what_xai_searches_is_no_call_of_the_applications() -> None:
    """A search on X runs on the server: it ends nothing, is told as it grows, and goes back as it came, whole or streamed."""
    kept = OpaquePart("custom_tool_call", SEARCH)
    pieces = [
        event("custom_tool_call_input.delta", item_id="ctc_1", output_index=0, delta=piece)
        for piece in ('{"query":', '"q"}')
    ]
    events = stream(
        CREATED,
        added(SEARCH | {"input": "", "status": "in_progress"}),
        *pieces,
        event("custom_tool_call_input.done", item_id="ctc_1", output_index=0, input='{"query":"q"}'),
        done(SEARCH),
        delta("a", at=1),
        ended(SEARCH, message(text("a"))),
    )
    assert not any(isinstance(each, ToolCallStart) for each in events)
    assert "".join(each.text for each in events if isinstance(each, ItemDelta)) == '{"query":"q"}'
    for response in (whole(SEARCH, message(text("a"))), response_of(events)):
        assert (response.parts[0], response.finish_reason) == (kept, FinishReason.STOP)
        assert sent_back(response.message)[0] == SEARCH


def test_what_xai_searches_is_whole_though_only_its_pieces_were_told() -> None:
    """The input of a search that its item never says is in the item."""
    pieces = [
        event("custom_tool_call_input.delta", item_id="ctc_1", output_index=0, delta=piece) for piece in '{"query":"q"}'
    ]
    part = response_of(stream(CREATED, added(SEARCH | {"input": ""}), *pieces, ended())).parts[0]
    assert part == OpaquePart("custom_tool_call", SEARCH)


def test_an_empty_field_of_chat_does_not_move_to_responses() -> None:
    """The empty reasoning of DeepSeek's answers is nothing to the other API."""
    item = sent_back(Message("assistant", (whole(message(text("a"))).parts[0],), extra={"reasoning_content": ""}))[0]
    assert "reasoning_content" not in item


@pytest.mark.parametrize("rest", [['{"a":', "1}"], []], ids=["others", "none"])
@pytest.mark.parametrize("settled", [True, False])
def test_an_empty_object_before_the_arguments_is_none_of_them(rest: list[str], *, settled: bool) -> None:
    """A gateway's `{}` before the arguments is told only where none follow, once, and before the call is done."""
    told = "".join(rest) or "{}"
    begun = call("", status="in_progress")
    pieces = [
        event("function_call_arguments.delta", item_id="fc_1", output_index=0, delta=each) for each in ("{}", *rest)
    ]
    end = (
        [event("function_call_arguments.done", item_id="fc_1", output_index=0, arguments=told), done(call(told))]
        if settled
        else []
    )
    events = stream(CREATED, added(begun), *pieces, *end, ended(call(told)))
    assert "".join(each.arguments for each in events if isinstance(each, ToolCallDelta)) == told
    assert [each.arguments for each in events if isinstance(each, ToolCallDone)] == [told]
    assert [part.arguments for part in response_of(events).tool_calls] == [told]
