"""Tests of `shim.calls`: what a transport brings, made events and one completion; the transports have their own tests."""

from __future__ import annotations

import pytest

from shim.calls import Call, CallTable, Ending, StreamCall
from shim.model import ErrorCategory, ModelResponse, StreamDone, StreamError, StreamEvent, StreamStart, TextDelta
from shim.model.headers import Headers
from shim.provider import Completion, RequestHandle
from shim.wire import chat
from tests.wire.chat.chunks import DONE, HELLO, raw

SSE = {"Content-Type": "text/event-stream"}


def stream_call(events: list[StreamEvent], completions: list[Completion]) -> StreamCall:
    """A stream whose events and completion are collected."""
    return StreamCall(
        RequestHandle("test", 1), completions.append, on_event=events.append, codec=chat, api_key="sk-secret"
    )


def test_payloads_become_events_and_a_completion() -> None:
    """A stream's payloads arrive as its events, and its end as one completion with the same response."""
    events: list[StreamEvent] = []
    call = stream_call(events, [])
    for payload in HELLO:
        call.feed(raw(payload))
    completion = call.conclude(Ending(status=200, headers=SSE))
    assert events[:2] == [StreamStart("chatcmpl-1", "gpt-4o-mini"), TextDelta("Hel")]
    assert isinstance(events[-1], StreamDone)
    assert completion.response == events[-1].response


def test_an_interrupt_loses_no_event() -> None:
    """What an interrupt keeps from being delivered is delivered when the call goes on."""
    events: list[StreamEvent] = []

    def on_event(event: StreamEvent) -> None:
        events.append(event)
        if isinstance(event, StreamStart):
            raise KeyboardInterrupt

    call = StreamCall(RequestHandle("test", 1), print, on_event=on_event, codec=chat, api_key="sk-secret")
    with pytest.raises(KeyboardInterrupt):
        call.feed(raw(HELLO[1]))
    call.feed(DONE)
    assert [type(event) for event in events] == [StreamStart, TextDelta, StreamDone]


def test_payloads_given_together_are_taken_one_by_one() -> None:
    """What is left of several payloads when an interrupt comes stays with the caller, and is taken up there."""
    events: list[StreamEvent] = []

    def on_event(event: StreamEvent) -> None:
        events.append(event)
        if event == TextDelta("Hel"):
            raise KeyboardInterrupt

    call = StreamCall(RequestHandle("test", 1), print, on_event=on_event, codec=chat, api_key="sk-secret")
    payloads = [raw(each) for each in reversed(HELLO)]
    with pytest.raises(KeyboardInterrupt):
        call.feed_all(payloads)
    assert 0 < len(payloads) < len(HELLO)
    assert call.feed_all(payloads)
    assert isinstance(events[-1], StreamDone)
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == events[-1].response.text


def test_payloads_after_the_last_event_are_left_alone() -> None:
    """Nothing is read behind the end of a stream, nor once its caller has ended it; without payloads nothing has come."""
    events: list[StreamEvent] = []
    call = stream_call(events, [])
    assert not call.feed_all([])
    assert call.first_byte is None
    payloads = [DONE, DONE, *(raw(each) for each in reversed(HELLO))]
    assert call.feed_all(payloads)
    assert isinstance(events[-1], StreamDone)
    assert payloads
    ended = stream_call(events, [])
    ended.cancelled("by its caller")
    count = len(events)
    ended.feed_all(payloads)
    assert len(events) == count


def test_a_fault_after_the_last_event_changes_nothing() -> None:
    """A connection that breaks after [DONE] leaves the stream's good outcome."""
    call = stream_call([], [])
    for payload in HELLO:
        call.feed(raw(payload))
    completion = call.conclude(Ending(status=200, headers=SSE, fault=(ErrorCategory.NETWORK, "reset")))
    assert completion.ok


def test_a_callback_that_is_none_is_refused() -> None:
    """A callback that cannot be called is a TypeError when the request is made."""
    with pytest.raises(TypeError, match="on_completion is None; give a function"):
        Call(RequestHandle("test", 1), None, codec=chat, api_key="k")  # type: ignore[arg-type]  # the mistake tested


def test_a_table_delivers_every_completion_when_it_closes() -> None:
    """Closing calls every callback in order, also after one has raised, and the exception leaves at the end."""
    told: list[int] = []
    table = CallTable()

    def on_completion(completion: Completion) -> None:
        told.append(completion.handle.id)
        if completion.handle.id == 1:
            raise ValueError("a callback's own fault")

    for number in (1, 2, 3):
        table.add(Call(RequestHandle("test", number), on_completion, codec=chat, api_key="k"))
    with pytest.raises(ValueError, match="own fault"):
        table.close()
    assert told == [1, 2, 3]
    assert len(table) == table.waiting == 0


def test_a_call_ended_twice_completes_once() -> None:
    """A call that a callback has ended meanwhile gets no second completion."""
    completions: list[Completion] = []
    table = CallTable()
    call = Call(RequestHandle("test", 1), completions.append, codec=chat, api_key="k")
    table.add(call)
    table.end(call, call.cancelled("first"))
    table.end(call, call.cancelled("second"))
    assert table.deliver() == 1
    assert completions[0].error is not None
    assert completions[0].error.message == "first"


def test_a_response_keeps_its_request_id() -> None:
    """The server's request id stands in the response."""
    body = b'{"id":"c","model":"m","choices":[]}'
    call = Call(RequestHandle("test", 1), print, codec=chat, api_key="k")
    response = call.conclude(Ending(status=200, headers=Headers({"X-Request-Id": "req_1"}), body=body)).response
    assert isinstance(response, ModelResponse)
    assert response.request_id == "req_1"


def test_a_request_id_does_not_change_what_was_told() -> None:
    """The response of a stream's last event stays as it was told; that of the completion has the request id besides."""
    events: list[StreamEvent] = []
    call = stream_call(events, [])
    call.feed_all([raw(each) for each in reversed(HELLO)])
    response = call.conclude(Ending(status=200, headers={"x-request-id": "req_1"})).response
    assert isinstance(response, ModelResponse)
    assert response.request_id == "req_1"
    assert isinstance(events[-1], StreamDone)
    assert events[-1].response.request_id is None


@pytest.mark.parametrize("name", ["x-request-id", "request-id", "apim-request-id"])
def test_an_error_keeps_its_request_id(name: str) -> None:
    """The request id of a failed answer stands in its error, whichever header it came in."""
    call = Call(RequestHandle("test", 1), print, codec=chat, api_key="k")
    error = call.conclude(Ending(status=500, headers=Headers({name: "req_1"}), body=b"{}")).error
    assert error is not None
    assert error.request_id == "req_1"


def test_an_error_that_no_server_told_has_the_request_id_too() -> None:
    """A stream that breaks off after its head is told with the request id of that head."""
    call = stream_call([], [])
    call.feed(raw(HELLO[1]))
    error = call.conclude(Ending(status=200, headers=Headers({"X-Request-Id": "req_1"}))).error
    assert error is not None
    assert (error.category, error.request_id) == (ErrorCategory.TRUNCATED, "req_1")


@pytest.mark.parametrize("status", [200, 401])
def test_an_error_shows_no_key(status: int) -> None:
    """A key that looks like none, and that a server repeats, is in no error, whole or streamed, nor in an event of it."""
    events: list[StreamEvent] = []
    told: list[str] = []

    def tell(event: StreamEvent) -> None:  # as it is when it is told
        events.append(event)
        told.append(f"{event!r} {event.error.message} {event.error.body!r}" if isinstance(event, StreamError) else "")

    streamed = StreamCall(RequestHandle("test", 1), print, on_event=tell, codec=chat, api_key="a-word-of-ours")
    whole = Call(RequestHandle("test", 2), print, codec=chat, api_key="a-word-of-ours")
    body = b'{"error":{"message":"no such key: a-word-of-ours","param":"a-word-of-ours"}}'
    for call in (streamed, whole):
        error = call.conclude(Ending(status=status, headers=Headers({"X-Note": "a-word-of-ours"}), body=body)).error
        assert error is not None
        assert "no such key: " in error.message
        assert "X-Note" in error.headers
        assert "a-word-of-ours" not in f"{error!r} {error.message} {error.body!r} {dict(error.headers)} {error}"
    assert isinstance(events[-1], StreamError)
    assert "a-word-of-ours" not in "".join(told)
