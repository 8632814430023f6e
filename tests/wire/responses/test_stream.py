"""Tests of `shim.wire.responses.stream`: what each event of a stream becomes, and how a stream ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from shim.model import (
    ErrorCategory,
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
    ToolCallStart,
)
from shim.wire import responses
from tests.helpers.counting import assert_linear, lines_run
from tests.wire.responses.answers import (
    CREATED,
    added,
    answer,
    call,
    custom,
    delta,
    done,
    ended,
    event,
    message,
    payload,
    reasoning,
    refusal,
    stream,
    text,
)
from tests.wire.told_pieces import ToldPieces

START = StreamStart("resp_1", "gpt-4o-mini")
OPEN = message(status="in_progress")


def finished(*output: dict[str, Any], **fields: Any) -> StreamDone:
    """The end of a stream whose response is this one."""
    whole = responses.parse_response(json.dumps(answer(*output, **fields)).encode())
    return StreamDone(msgspec.structs.replace(whole, raw=None))


def error_of(events: list[StreamEvent]) -> Any:
    """The error that ended a stream."""
    assert isinstance(events[-1], StreamError)
    return events[-1].error


def test_a_text() -> None:
    """Pieces of a text are told as they come, and the finished response says the same as a whole answer."""
    final = message(text("Hello"))
    assert stream(
        CREATED,
        event("in_progress", response=answer(status="in_progress")),
        added(OPEN),
        event("content_part.added", output_index=0, content_index=0, part=text("")),
        delta("Hel", content_index=0, logprobs=[]),
        delta("l", content_index=0, obfuscation="xx"),
        delta("o", content_index=0, item_id="msg_1", sequence_number=7),
        event("output_text.done", output_index=0, content_index=0, text="Hello"),
        event("content_part.done", output_index=0, content_index=0, part=text("Hello")),
        done(final),
        ended(final),
    ) == [START, TextDelta("Hel"), TextDelta("l"), TextDelta("o"), finished(final)]


def test_several_texts_are_numbered() -> None:
    """Texts are numbered in order of appearance, across blocks and messages."""
    final = [message(text("ac"), text("b")), message(text("d"), id="msg_2")]
    events = stream(
        CREATED,
        delta("a", content_index=0),
        delta("c", content_index=0),
        delta("b", content_index=1),
        delta("d", at=1),
        ended(*final),
    )
    told = [TextDelta("a", 0), TextDelta("c", 0), TextDelta("b", 1), TextDelta("d", 2)]
    assert events == [START, *told, finished(*final)]


def test_pieces_of_several_texts_may_interleave() -> None:
    """A piece goes to the text its indexes name, whichever the piece before it went to."""
    decoder = responses.StreamDecoder()
    for words, at in (("a", 0), ("b", 1), ("c", 0), ("d", 1), ("e", 1)):
        decoder.feed(payload(delta(words, content_index=at)))
    assert [part.text for part in decoder.response.parts if isinstance(part, TextPart)] == ["ac", "bde"]


def test_a_refusal() -> None:
    """Pieces of a refusal are refusal deltas."""
    final = message(refusal("I won't"))
    assert stream(
        CREATED, added(OPEN), delta("I ", "refusal"), delta("won't", "refusal"), done(final), ended(final)
    ) == [
        START,
        RefusalDelta("I "),
        RefusalDelta("won't"),
        finished(final),
    ]


@pytest.mark.parametrize(
    ("kind", "final"),
    [
        ("reasoning_summary_text", reasoning("hm")),
        ("reasoning_text", reasoning(content=[{"type": "reasoning_text", "text": "hm"}])),
    ],
)
def test_reasoning(kind: str, final: dict[str, Any]) -> None:
    """Pieces of reasoning, or of its summary, are reasoning deltas, numbered by item."""
    second = final | {"id": "rs_2"}
    assert stream(
        CREATED,
        added(reasoning()),
        delta("h", kind),
        delta("m", kind),
        event(f"{kind}.done", output_index=0, text="hm"),
        done(final),
        done(second, 1),
        ended(final, second),
    ) == [START, ReasoningDelta("h"), ReasoningDelta("m"), ReasoningDelta("hm", 1), finished(final, second)]


@pytest.mark.parametrize(
    ("kind", "begun", "final"),
    [
        ("function_call_arguments", call(""), call('{"a":1}')),
        ("custom_tool_call_input", custom(""), custom('{"a":1}')),
    ],
)
def test_a_call(kind: str, begun: dict[str, Any], final: dict[str, Any]) -> None:
    """A call starts with its id and name, its arguments come in pieces, and it is done when they are."""
    name = final["name"]
    whole = {"arguments": '{"a":1}', "input": '{"a":1}'}
    assert stream(
        CREATED,
        added(begun),
        delta('{"a"', kind),
        delta(":1}", kind),
        event(f"{kind}.done", output_index=0, **whole),
        done(final),
        ended(final),
    ) == [
        START,
        ToolCallStart(0, "call_1", name),
        ToolCallDelta(0, '{"a"'),
        ToolCallDelta(0, ":1}"),
        ToolCallDone(0, "call_1", name, '{"a":1}'),
        finished(final),
    ]


def test_calls_in_parallel() -> None:
    """Calls are numbered in order of appearance, and their pieces go by the index of their item."""
    first, second = call("{}"), call("[]", id="fc_2", call_id="call_2")
    kind = "function_call_arguments"
    events = stream(
        CREATED,
        added(reasoning()),
        added(call(""), 1),
        added(second | {"arguments": ""}, 2),
        delta("[", kind, at=2),
        delta("{", kind, at=1),
        delta("}", kind, at=1),
        delta("]", kind, at=2),
        done(first, 1),
        done(second, 2),
        ended(reasoning(), first, second),
    )
    assert [(one.index, one.arguments) for one in events if isinstance(one, ToolCallDone)] == [(0, "{}"), (1, "[]")]
    assert events[-1] == finished(reasoning(), first, second)


def test_a_built_in_tool() -> None:
    """The events of a built-in tool are not told, its item is whole in the response."""
    item = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    searching = event("web_search_call.searching", output_index=0, item_id="ws_1")
    assert stream(CREATED, added(item), searching, done(item), ended(item)) == [START, finished(item)]


def test_an_incomplete_response_is_no_error() -> None:
    """A response cut by its limit ends well, with the reason, and tells no call as done that it broke off in."""
    details = {"reason": "max_output_tokens"}
    cut = call('{"a"', status="incomplete")
    events = stream(
        CREATED,
        added(call("")),
        delta('{"a"', "function_call_arguments"),
        ended(cut, kind="incomplete", incomplete_details=details),
    )
    assert not any(isinstance(one, ToolCallDone) for one in events)
    assert events[-1] == finished(cut, status="incomplete", incomplete_details=details)


def test_a_stream_that_is_done_in_one_word_ends_as_its_response_says() -> None:
    """`response.done` ends a stream well, cut by its limit, or as a failure, by the status of the response in it."""
    said = message(text("Hi"))
    assert stream(CREATED, added(OPEN), delta("Hi"), ended(said, kind="done", status="completed"))[-1] == finished(said)
    details = {"reason": "max_output_tokens"}
    cut = {"status": "incomplete", "incomplete_details": details}
    assert stream(CREATED, ended(said, kind="done", **cut))[-1] == finished(said, **cut)
    assert error_of(stream(CREATED, ended(kind="done", status="failed"))).category is ErrorCategory.UNKNOWN


@pytest.mark.parametrize(
    ("ending", "category", "code"),
    [
        (ended(kind="failed", error={"code": "server_error", "message": "oh"}), ErrorCategory.SERVER, "server_error"),
        (ended(kind="failed", error={"code": "invalid_prompt", "message": "oh"}), "invalid_request", "invalid_prompt"),
        (ended(error={"code": "rate_limit_exceeded", "message": "oh"}), "rate_limit", "rate_limit_exceeded"),
        (ended(kind="failed"), ErrorCategory.UNKNOWN, None),
        (ended(kind="cancelled"), ErrorCategory.CANCELLED, None),
        (
            {"type": "error", "code": "rate_limit_exceeded", "message": "slow", "param": None},
            "rate_limit",
            "rate_limit_exceeded",
        ),
        (
            {
                "type": "error",
                "sequence_number": 2,
                "error": {"type": "invalid_request_error", "code": None, "message": "no"},
            },
            ErrorCategory.INVALID_REQUEST,
            None,
        ),
        ({"type": "error", "error": {"type": "too_many_requests", "message": "no"}}, ErrorCategory.RATE_LIMIT, None),
        ({"error": {"code": 502, "message": "bad gateway"}}, ErrorCategory.SERVER, "502"),
        ({"type": "response.error", "error": {"code": "server_error", "message": "oh"}}, "server", "server_error"),
        ({"type": "response.error", "code": "500", "message": "oh"}, ErrorCategory.SERVER, "500"),
        ({"type": "response.failed", "error": {"code": "server_error", "message": "oh"}}, "server", "server_error"),
        ({"type": "response.failed", "code": "server_error", "message": "oh"}, "server", "server_error"),
        ({"type": "server_error", "error": {"message": "oh", "code": "server_error"}}, "server", "server_error"),
    ],
)
def test_a_failure_is_an_error_of_its_category(ending: Any, category: Any, code: Any) -> None:
    """A failed response and every shape of error event end the stream once, with what had arrived."""
    failed = ended(kind="failed", error={"code": "server_error", "message": "again"})
    events = stream(CREATED, added(OPEN), delta("half"), added(call(""), 1), ending, failed)
    error = error_of(events)
    assert (error.category, error.code, error.http_status) == (category, code, 200)
    assert (error.partial.text, error.partial.id) == ("half", "resp_1")
    assert [part.name for part in error.partial.tool_calls] == ["look"]
    assert not any(isinstance(one, ToolCallDone) for one in events)


def test_an_error_before_the_stream_began_is_alone() -> None:
    """An error that comes first is the only event."""
    assert len(stream({"type": "error", "code": "server_error", "message": "oh"})) == 1


@pytest.mark.parametrize("done_too", [False, True], ids=["end", "[DONE]"])
@pytest.mark.parametrize("arrived", range(5))
def test_a_cut_stream_is_truncated(arrived: int, done_too: bool) -> None:  # noqa: FBT001 - parametrized
    """A stream without a terminal event is an error wherever it was cut, with or without `[DONE]`."""
    whole = [CREATED, added(OPEN), delta("a"), delta("b"), done(message(text("ab")))]
    events = stream(*whole[:arrived], *([b"[DONE]"] if done_too else []))
    error = error_of(events)
    assert error.category == ErrorCategory.TRUNCATED
    assert error.partial.text == "ab"[: max(arrived - 2, 0)]
    assert error.partial.finish_reason is None
    assert "payload" in error.message


def test_done_after_the_end_is_ignored() -> None:
    """`[DONE]` behind the terminal event, as some servers send it, changes nothing, nor does anything else."""
    assert stream(CREATED, ended(), b"[DONE]", delta("late"), b"nonsense") == stream(CREATED, ended())


@pytest.mark.parametrize(
    ("malformed", "found"),
    [
        (b"nope", "is not JSON"),
        (b'{"type":"response.output_text.delta","delta":"a"', "is not JSON"),
        (b'{"delta":7', "is not JSON"),
        (b'{"type":"\xff"}', "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "is a JSON list"),
        (b"7", "is a JSON int"),
        (b"{}", "has no type"),
        (b'{"type":7}', "has no type"),
        (b'{"object":"chat.completion.chunk","choices":[]}', "has no type"),
    ],
)
def test_a_malformed_payload_is_named(malformed: bytes, found: str) -> None:
    """A payload that is no event is a protocol error with its position, with what had arrived."""
    error = error_of(stream(CREATED, delta("a"), malformed, ended()))
    assert error.category == ErrorCategory.PROTOCOL
    assert error.message.startswith("payload 3 of the stream ")
    assert found in error.message
    assert error.partial.text == "a"


def test_arguments_after_the_end_of_a_call_are_named() -> None:
    """A piece of arguments for a call that was complete is a protocol error, never a delta after its done."""
    kind = "function_call_arguments"
    events = stream(CREATED, added(call("")), event(f"{kind}.done", arguments="{}"), delta("x", kind))
    assert error_of(events).category == ErrorCategory.PROTOCOL
    assert "'look'" in error_of(events).message


def _stream_of(count: int) -> list[bytes]:
    payloads, items = [payload(CREATED)], []
    for number in range(count):
        item = call("{}", id=f"fc_{number}", call_id=f"call_{number}")
        items.append(item)
        begun = added(item | {"arguments": "", "status": "in_progress"}, number)
        pieces = [delta(piece, "function_call_arguments", at=number, item_id=f"fc_{number}") for piece in "{}"]
        payloads += [payload(one) for one in (begun, *pieces, done(item, number))]
    return [*payloads, payload(ended(*items))]


@pytest.mark.slow
def test_the_work_for_a_call_is_the_same_among_many() -> None:
    """A stream of ten times the calls runs ten times the lines."""

    def work_of(count: int) -> Callable[[], object]:
        payloads, decoder = _stream_of(count), responses.StreamDecoder()
        return lambda: [decoder.feed(one) for one in payloads]

    assert_linear(work_of, few=40, many=400)


def test_pieces_of_arguments_run_few_lines() -> None:
    """A further piece of a call's arguments runs few lines more than a piece of text, alone and among many."""
    decoder = responses.StreamDecoder()
    piece = payload(delta("1", "function_call_arguments", item_id="fc_1"))
    for one in (payload(CREATED), payload(added(call(""))), piece):
        decoder.feed(one)
    assert lines_run(lambda: decoder.feed(piece)) <= 20
    assert lines_run(lambda: decoder.tell_pieces([piece] * 50, ToldPieces())) <= 50 * 20


def test_a_type_that_is_no_text_breaks_nothing() -> None:
    """An event whose type is a list, with half a character in it, is read as one without a type."""
    assert "has no type" in error_of(stream(CREATED, {"type": ["x"], "delta": "\ud83d"})).message


def test_an_empty_payload_is_ignored() -> None:
    """An empty data line, which keeps a connection alive, is no event."""
    assert stream(CREATED, b"", b" ", ended()) == stream(CREATED, ended())


def test_the_response_so_far() -> None:
    """The decoder tells the response as far as it has come, at any time."""
    decoder = responses.StreamDecoder()
    assert (decoder.response.text, decoder.response.finish_reason, decoder.ended) == ("", None, False)
    for one in (CREATED, added(OPEN), delta("a"), delta("b")):
        decoder.feed(payload(one))
    assert (decoder.response.id, decoder.response.text, decoder.response.finish_reason) == ("resp_1", "ab", None)
    (last,) = decoder.feed(payload(ended(message(text("ab")))))
    assert isinstance(last, StreamDone)
    assert last.response == decoder.response
    assert decoder.ended
    assert decoder.finish() == []


def test_background_streams_begin_queued() -> None:
    """A stream in the background may begin with any state of its response, which starts it once."""
    states = [event(kind, response=answer(status=kind)) for kind in ("queued", "in_progress")]
    assert stream(*states, ended()) == [START, finished()]
