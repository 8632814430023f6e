"""Tests of `shim.wire.chat.calls`: calls as gateways put them together, and when one is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shim.model import ErrorCategory, FinishReason, ToolCallDelta, ToolCallDone, ToolCallStart
from shim.wire.chat import StreamDecoder, parse_response
from shim.wire.lenient import MAX_CALLS
from tests.helpers.counting import assert_linear, lines_run
from tests.wire.chat.chunks import CALLED, DONE, STOP, call, chunk, decode, error_of, fail, raw, read, response_of


def calling(*calls: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    """A chunk with these tool-call deltas."""
    return chunk({"tool_calls": list(calls)}, finish=finish)


LOOK, READ = ("call_1", "look", '{"a":1}'), ("call_2", "read", '{"b":2}')
ODD: dict[str, tuple[list[dict[str, Any]], list[tuple[str, str, str]]]] = {
    "name in pieces": (
        [calling(call(0, '{"a"', id="call_1", name="lo")), calling(call(0, ":1}", name="ok"))],
        [LOOK],
    ),
    "name in pieces, then whole": (
        [
            calling(call(0, "", id="call_1", name="lo")),
            calling(call(0, '{"a"', name="ok")),
            calling(call(0, ":1}", name="look")),
        ],
        [LOOK],
    ),
    "name a little longer each time": (
        [calling(call(0, "", id="call_1", name="lo")), calling(call(0, '{"a":1}', name="look"))],
        [LOOK],
    ),
    "arguments said again whole": (
        [
            calling(call(0, '{"a"', id="call_1", name="look")),
            calling(call(0, ":1}")),
            calling(call(0, '{"a":1}', id="call_1", name="look")),
        ],
        [LOOK],
    ),
    "arguments said again without a name": (
        [calling(call(0, '{"a":1}', id="call_1", name="look")), calling(call(0, '{"a":1}'))],
        [LOOK],
    ),
    "another id with each delta": (
        [
            calling(call(0, "", id="call_1", name="look")),
            calling(call(0, '{"a"', id="x")),
            calling(call(0, ":1}", id="y")),
        ],
        [LOOK],
    ),
    "arguments by another index than the name": (
        [calling(call(1, "", id="call_1", name="look")), calling(call(0, '{"a"')), calling(call(0, ":1}"))],
        [LOOK],
    ),
    "the arguments of the second by the index it should have had": (
        [
            calling(call(0, '{"a":1}', id="call_1", name="look")),
            calling(call(0, "", id="call_2", name="read")),
            calling(call(1, '{"b"')),
            calling(call(1, ":2}")),
        ],
        [LOOK, READ],
    ),
    "an empty object before the arguments": (
        [
            calling(call(0, "{}", id="call_1", name="look")),
            calling(call(0, "")),
            calling(call(0, '{"a"')),
            calling(call(0, ":1}")),
            calling(call(1, "{}", id="call_2", name="read")),
            calling(call(1, '{"b":2}')),
        ],
        [LOOK, READ],
    ),
    "an empty object after the name, before the arguments": (
        [
            calling(call(0, "", id="call_1", name="look")),
            calling(call(0, "{}")),
            calling(call(0, '{"a"')),
            calling(call(0, ":1}")),
        ],
        [LOOK],
    ),
    "name and arguments in the call itself": (
        [
            calling({"index": 0, "id": "call_1", "name": "look", "arguments": '{"a"'}),
            calling({"index": 0, "arguments": ":1}"}),
        ],
        [LOOK],
    ),
    "calls that are one call": (
        [chunk({"tool_calls": call(0, '{"a"', id="call_1", name="look")}), chunk({"tool_calls": call(0, ":1}")})],
        [LOOK],
    ),
    "two without arguments, told apart by their names": (
        [calling(call(0, "{}", id="", name="look")), calling(call(0, "{}", id="", name="read"))],
        [("", "look", "{}"), ("", "read", "{}")],
    ),
    "one id for two calls": (
        [calling(call(0, '{"a":1}', id="c", name="look")), calling(call(1, '{"b":2}', id="c", name="read"))],
        [("c", "look", '{"a":1}'), ("c", "read", '{"b":2}')],
    ),
    "one id for two calls, opened together": (
        [
            calling(call(0, "", id="c", name="look"), call(1, "", id="c", name="read")),
            calling(call(0, '{"a":1}'), call(1, '{"b":2}')),
        ],
        [("c", "look", '{"a":1}'), ("c", "read", '{"b":2}')],
    ),
    "one id for two whole calls without index": (
        [calling(call(None, '{"a":1}', id="c", name="look"), call(None, '{"b":2}', id="c", name="read"))],
        [("c", "look", '{"a":1}'), ("c", "read", '{"b":2}')],
    ),
    "index 0 for both, by turns": (
        [
            calling(call(0, '{"a"', id="call_1", name="look")),
            calling(call(0, '{"b"', id="call_2", name="read")),
            calling(call(0, ":1}", id="call_1")),
            calling(call(0, ":2}", id="call_2")),
        ],
        [LOOK, READ],
    ),
}


@pytest.mark.parametrize("form", ODD)
@pytest.mark.parametrize("noise", [None, "stop", "tool_calls"])
def test_odd_calls(form: str, noise: str | None) -> None:
    """Calls are put together by order and place whatever their server repeats, and whatever finish reason follows a chunk."""
    payloads, expected = ODD[form]
    stray = [] if noise is None else [chunk({}, finish=noise)]
    events = decode(*(each for payload in payloads for each in (payload, *stray)), CALLED, DONE)
    response = response_of(events)
    assert [(one.id, one.name, one.arguments) for one in response.tool_calls] == expected
    assert [event.name for event in events if isinstance(event, ToolCallDone)] == [name for _, name, _ in expected]
    assert response.finish_reason is FinishReason.TOOL_CALL


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_a_call_that_is_cut_is_not_done(reason: str) -> None:
    """A call that the limit or the filter cut is told as begun, not as done, and says so in the response; one before it is."""
    events = decode(
        calling(call(0, '{"a":1}', id="call_1", name="look"), call(1, '{"b"', id="call_2", name="read")),
        chunk({}, finish=reason),
        DONE,
    )
    assert [event.name for event in events if isinstance(event, ToolCallStart)] == ["look", "read"]
    assert [event.name for event in events if isinstance(event, ToolCallDone)] == ["look"]
    assert [one.complete for one in response_of(events).tool_calls] == [True, False]
    assert response_of(events).finish_reason == reason


def test_a_call_of_a_stream_that_broke_off_is_not_complete() -> None:
    """A call inside which the stream ended is in the partial response, not complete."""
    partial = fail(calling(call(0, '{"a"', id="call_1", name="look"))).partial
    assert partial is not None
    assert [one.complete for one in partial.tool_calls] == [False]


def test_a_whole_answer_says_which_call_was_cut() -> None:
    """Of an answer that came whole, the call its limit cut is not complete."""
    calls = [{"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"a"'}}]
    choice = {"index": 0, "finish_reason": "length", "message": {"role": "assistant", "tool_calls": calls}}
    assert parse_response(raw({"choices": [choice]})).tool_calls[0].complete is False


def test_a_stop_takes_nothing_back() -> None:
    """A stray "stop" after the reason that counts changes nothing."""
    assert read(chunk({"content": "a"}), chunk({}, finish="length"), STOP, DONE).finish_reason is FinishReason.LENGTH


def test_what_a_call_holds_besides_goes_back_with_it() -> None:
    """A type of the server's own, an odd id and fields beside the arguments are kept with the call."""
    odd = {"index": 0, "id": 7, "type": "builtin_function", "function": {"name": "f", "arguments": "{}", "note": "n"}}
    found = read(calling(odd), CALLED, DONE).tool_calls[0]
    assert found.extra == {"id": 7, "type": "builtin_function", "function": {"note": "n"}}


@pytest.mark.slow
def test_a_call_too_many_is_an_error() -> None:
    """An answer with more calls than any has is refused by name, streamed or whole, and soon."""
    many = [call(number, "{}", id=f"c{number}", name="f") for number in range(MAX_CALLS + 1)]
    error = error_of(StreamDecoder().feed(raw(calling(*many))))
    assert error.category is ErrorCategory.PROTOCOL
    assert f"more than {MAX_CALLS} tool calls" in error.message
    message = {"role": "assistant", "tool_calls": many}
    with pytest.raises(type(error), match=f"more than {MAX_CALLS} tool calls"):
        parse_response(raw({"choices": [{"index": 0, "message": message}]}))


def test_brackets_without_end_are_arguments_like_any_other() -> None:
    """Thousands of open brackets, from a server without ids, are joined, and nothing raises."""
    found = read(calling(call(0, "[" * 5_000, name="f")), calling(call(0, "1", name="f")), CALLED, DONE)
    assert found.tool_calls[0].arguments == "[" * 5_000 + "1"


def test_late_arguments_are_named_while_another_call_goes_on() -> None:
    """Arguments for a call that was told as done are an error, also among the quick pieces of a call beside it."""
    opened = calling(call(0, "{}", id="call_1", name="look"), call(1, '{"a"', id="call_2", name="read"))
    error = fail(opened, CALLED, calling(call(1, ":")), calling(call(0, "x")))
    assert "arguments for tool call 0 after it was complete" in error.message


def test_calls_that_share_an_id_go_on_as_their_last_piece_says() -> None:
    """Of calls with one id, a piece that names it goes on with the one that came last, whichever way that was read."""
    opened = [calling(call(index, '{"a"', id="call_1", name="look")) for index in (0, 1)]
    again = calling(call(0, ":1}", id="call_1"))
    found = read(*opened, calling(call(0, ":0,")), calling(call(1, ":2}")), again, CALLED, DONE)
    assert [each.arguments for each in found.tool_calls] == ['{"a":0,:1}', '{"a":2}']


def _stream_of(count: int, *, finish: str | None = None) -> list[bytes]:
    payloads = []
    for number in range(count):
        payloads.append(raw(calling(call(number, "", id=f"c{number}", type="function", name="f"))))
        payloads += [raw(calling(call(number, piece))) for piece in ('{"a"', ":1}")]
        if finish:
            payloads.append(raw(calling(finish=finish)))
    return [*payloads, raw(CALLED), DONE]


@pytest.mark.parametrize("finish", [None, "stop"])
def test_the_work_for_a_call_is_the_same_among_many(finish: str | None) -> None:
    """A stream of ten times the calls runs ten times the lines, also where a gateway says a finish reason after each."""

    def work_of(count: int) -> Callable[[], object]:
        payloads, decoder = _stream_of(count, finish=finish), StreamDecoder()
        return lambda: [decoder.feed(payload) for payload in payloads]

    assert_linear(work_of, few=40, many=400)


def test_the_work_for_a_call_of_a_whole_answer_is_the_same_among_many() -> None:
    """An answer with ten times the calls runs ten times the lines, read typed or leniently."""
    for further in ({}, {"x": 1}):

        def work_of(count: int, further: dict[str, Any] = further) -> Callable[[], object]:
            body = raw({"choices": [{"index": 0, "message": {"tool_calls": _whole(count)}}]} | further)
            return lambda: parse_response(body)

        assert_linear(work_of, few=100, many=1_000)


def _whole(count: int) -> list[dict[str, Any]]:
    return [call(None, "{}", id=f"c{number}", type="function", name="f") for number in range(count)]


def test_pieces_of_arguments_run_few_lines() -> None:
    """A further piece of a call's arguments runs no more than half as many lines again as a piece of text."""
    opened = raw(calling(call(0, "", id="c", type="function", name="f")))
    runs = []
    for first, piece in ((raw(chunk({"content": "a"})), chunk({"content": "b"})), (opened, calling(call(0, "b")))):
        decoder, payload = StreamDecoder(), raw(piece)
        decoder.feed(first)
        decoder.feed(payload)
        runs.append(lines_run(lambda decoder=decoder, payload=payload: decoder.feed(payload)))  # type: ignore[misc]  # a default says which
    assert runs[1] <= 1.5 * runs[0] + 4


@pytest.mark.parametrize("again", [True, False])
def test_an_empty_object_is_all_the_arguments_there_are(*, again: bool) -> None:
    """A call without arguments has `{}`, told once and before it is done, however often its server says so."""
    pieces = [calling(call(0, "{}", id="call_1", name="look")), *([calling(call(0, "{}"))] if again else [])]
    events = decode(*pieces, CALLED, DONE)
    assert [event.arguments for event in events if isinstance(event, ToolCallDelta)] == ["{}"]
    assert [event.arguments for event in events if isinstance(event, ToolCallDone)] == ["{}"]
    partial = fail(*pieces).partial
    assert partial is not None
    assert [part.arguments for part in partial.tool_calls] == ["{}"]


def test_arguments_of_a_whole_answer_lose_what_stands_before_them() -> None:
    """Of `{}{"a":1}` the second object is the arguments, and a call that is flat or alone is a call."""
    for calls in (
        [call(None, '{}{"a":1}', id="call_1", name="look")],
        [{"id": "call_1", "name": "look", "arguments": '{"a":1}'}],
        call(None, '{"a":1}', id="call_1", name="look"),
    ):
        message = {"role": "assistant", "content": None, "tool_calls": calls}
        body = {"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]}
        response = parse_response(raw(body))
        assert [(part.id, part.name, part.arguments, part.extra) for part in response.tool_calls] == [(*LOOK, {})]
        assert response.choices[0].message_extra == {}
