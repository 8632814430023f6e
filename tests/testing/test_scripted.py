"""Tests of shim.testing.scripted and shim.testing.script; the contract tests check its invariants."""

import select
from collections.abc import Callable

import pytest

from shim.model import (
    Choice,
    ErrorCategory,
    FinishReason,
    ImagePart,
    InvalidRequestError,
    ModelRequest,
    ModelResponse,
    ProviderError,
    RateLimitError,
    ReasoningDelta,
    ReasoningPart,
    RefusalDelta,
    RefusalPart,
    StreamDone,
    StreamError,
    StreamEvent,
    StreamStart,
    TextDelta,
    TextPart,
    ToolCallDelta,
    ToolCallDone,
    ToolCallPart,
    ToolCallStart,
    user,
)
from shim.provider import Completion
from shim.testing.script import accumulate, events_of
from shim.testing.scripted import (
    Answer,
    Emit,
    Fail,
    Hang,
    Play,
    ScriptedProvider,
    ScriptExhaustedError,
    Wait,
    answer,
    failure,
    hang,
    text_stream,
    tool_call_stream,
)

REQUEST = ModelRequest("m", (user("Hello"),))


class Clock:
    """Time that moves by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def outcome_of(play: Play) -> tuple[list[StreamEvent], Completion]:
    """Play a stream that needs no waiting."""
    events: list[StreamEvent] = []
    completions: list[Completion] = []
    provider = ScriptedProvider([play])
    provider.start_stream(REQUEST, events.append, completions.append)
    while provider.perform():
        pass
    provider.info_read()
    provider.close()
    return events, completions[0]


def whole(play: Play) -> Completion:
    """Play a request that is not streamed and needs no waiting."""
    completions: list[Completion] = []
    provider = ScriptedProvider([play])
    provider.start_request(REQUEST, completions.append)
    provider.perform()
    provider.info_read()
    provider.close()
    return completions[0]


def readable(provider: ScriptedProvider) -> bool:
    return bool(select.select([provider], [], [], 0)[0])


def test_a_text_stream_has_the_start_and_the_end_made_for_it() -> None:
    """`text_stream` emits a start, its pieces and the done that holds them together."""
    events, completion = outcome_of(text_stream("Hel", "lo"))
    done = ModelResponse(choices=(Choice(0, (TextPart("Hello"),), finish_reason=FinishReason.STOP),))
    assert events == [StreamStart("", ""), TextDelta("Hel"), TextDelta("lo"), StreamDone(done)]
    assert completion.response == done


def test_a_tool_call_stream_has_every_event_of_a_call() -> None:
    """`tool_call_stream` emits the call's start, its pieces and its done; the answer's finish reason is tool_call."""
    events, completion = outcome_of(tool_call_stream("lookup", '{"a":', "1}", call_id="c1"))
    assert events[1:-1] == [
        ToolCallStart(0, "c1", "lookup"),
        ToolCallDelta(0, '{"a":'),
        ToolCallDelta(0, "1}"),
        ToolCallDone(0, "c1", "lookup", '{"a":1}'),
    ]
    assert completion.response is not None
    assert completion.response.tool_calls == (ToolCallPart("c1", "lookup", '{"a":1}'),)
    assert completion.response.finish_reason is FinishReason.TOOL_CALL


def test_an_answer_that_is_streamed_is_emitted_part_by_part() -> None:
    """A whole answer asked for as a stream brings the events of its parts, choice by choice."""
    parts = (ReasoningPart("hm"), TextPart("Hi"), RefusalPart("no"), ToolCallPart("c1", "f", "{}"))
    response = ModelResponse(id="r1", model="m1", choices=(Choice(0, parts), Choice(1, (TextPart("Ho"),))))
    events, completion = outcome_of(Play((Answer(response),)))
    assert events == [
        StreamStart("r1", "m1"),
        ReasoningDelta("hm"),
        TextDelta("Hi"),
        RefusalDelta("no"),
        ToolCallStart(0, "c1", "f"),
        ToolCallDelta(0, "{}"),
        ToolCallDone(0, "c1", "f", "{}"),
        TextDelta("Ho", choice=1),
        StreamDone(response),
    ]
    assert completion.response is response


def test_a_stream_that_is_not_streamed_is_answered_whole() -> None:
    """A request that is not streamed collects the play's events into its response."""
    completion = whole(text_stream("Hel", "lo"))
    assert completion.response is not None
    assert completion.response.text == "Hello"
    assert whole(answer("Hi")).response == answer("Hi").steps[-1].response  # type: ignore[union-attr]  # the last step is an Answer


def test_what_the_events_add_up_to_is_what_they_came_from() -> None:
    """Accumulating the events of a response gives its parts again."""
    parts = (ReasoningPart("hm"), TextPart("Hi"), RefusalPart("no"), ToolCallPart("c1", "f", "{}"))
    response = ModelResponse(choices=(Choice(0, parts, finish_reason=FinishReason.TOOL_CALL),))
    assert accumulate(events_of(response)) == response


def test_a_failure_after_events_carries_what_had_arrived() -> None:
    """`Fail` after events gives the same error as event and completion, with the partial response."""
    events, completion = outcome_of(Play((Emit(TextDelta("Hel")), Fail(ProviderError("truncated", "cut off")))))
    last = events[-1]
    assert isinstance(last, StreamError)
    assert last.error is completion.error
    assert last.error.partial is not None
    assert last.error.partial.text == "Hel"
    assert last.error.partial.finish_reason is None


def test_a_failure_before_any_event_is_the_only_event() -> None:
    """`failure` gives a lone `StreamError` of its category's class, with the fields it was given."""
    events, completion = outcome_of(failure("rate_limit", "slow down", http_status=429, retry_after_ms=5))
    assert [type(event) for event in events] == [StreamError]
    assert isinstance(completion.error, RateLimitError)
    assert (completion.error.retry_after_ms, completion.error.partial, completion.http_status) == (5, None, 429)


def test_a_failure_played_twice_raises_two_errors() -> None:
    """Each request gets a copy of the script's error, whose traceback is its own."""
    play = failure("server", "oops")
    first, second = whole(play).error, whole(play).error
    assert first is not second
    assert str(first) == str(second)


def test_a_completion_has_the_status_and_headers_of_its_play() -> None:
    """Status and headers come with an answer, and not with a request that was cancelled before it."""
    play = Play(answer("Hi").steps, http_status=201, headers={"x-request-id": "r1"})
    completion = whole(play)
    assert (completion.http_status, completion.headers) == (201, {"x-request-id": "r1"})
    completions: list[Completion] = []
    provider = ScriptedProvider([play])
    provider.start_request(REQUEST, completions.append)
    provider.close()
    assert (completions[0].http_status, completions[0].headers) == (None, {})


@pytest.mark.parametrize(
    ("write", "complaint"),
    [
        (lambda: Play((Hang(), Wait(1))), r"steps\[0\] is Hang, which ends the play"),
        (lambda: Play((Emit(StreamDone(ModelResponse())),)), "StreamDone is made for you"),
        (lambda: Play((Emit(TextDelta("a")), Emit(StreamStart("", "")))), "StreamStart comes first"),
        (lambda: tool_call_stream("f") and Play((Emit(ToolCallDelta(0, "{}")),)), "before its ToolCallStart"),
        (
            lambda: Play((*tool_call_stream("f", "{}").steps, Emit(ToolCallDelta(0, "{}")))),
            "after its ToolCallDone",
        ),
    ],
)
def test_a_mistake_in_a_play_is_named_when_it_is_written(write: Callable[[], Play], complaint: str) -> None:
    """What no server can do is a ValueError at the play's construction."""
    with pytest.raises(ValueError, match=complaint):
        write()


def test_a_part_without_stream_events_is_named() -> None:
    """An answer with a part that no stream brings cannot be streamed by itself."""
    play = Play((Answer(ModelResponse(choices=(Choice(0, (ImagePart(url="https://a/b"),)),))),))
    with (
        pytest.raises(ValueError, match="ImagePart has no stream events"),
        ScriptedProvider([play]) as provider,
    ):
        provider.start_stream(REQUEST, print, print)


def test_a_script_is_played_in_order_and_running_out_is_an_error() -> None:
    """Requests take the plays one by one; one more raises at its start and says which it was."""
    with ScriptedProvider([answer("one"), answer("two")]) as provider:
        completions: list[Completion] = []
        for _ in range(2):
            provider.start_request(REQUEST, completions.append)
        with pytest.raises(ScriptExhaustedError, match="the script has 2 plays and all are taken"):
            provider.start_request(ModelRequest("third", REQUEST.messages), completions.append)
        provider.perform()
        provider.info_read()
        assert [completion.response.text for completion in completions if completion.response] == ["one", "two"]


def test_a_callable_script_is_given_each_request() -> None:
    """A callable chooses the play by the request, and what it raises comes out of the start."""

    def choose(request: ModelRequest) -> Play:
        if request.model == "unknown":
            raise LookupError(request.model)
        return answer(str(request.model))

    with ScriptedProvider(choose) as provider:
        completions: list[Completion] = []
        provider.start_request(REQUEST, completions.append)
        with pytest.raises(LookupError):
            provider.start_request(ModelRequest("unknown", REQUEST.messages), completions.append)
        provider.perform()
        provider.info_read()
        assert [completion.response.text for completion in completions if completion.response] == ["m"]


def test_requests_are_remembered_up_to_a_bound() -> None:
    """`requests` holds what was asked, oldest first, and no more than `remember`; what was refused is not among it."""
    with ScriptedProvider(lambda request: hang(), remember=2) as provider:
        asked = [ModelRequest(name, REQUEST.messages) for name in "abc"]
        for request in asked:
            provider.start_request(request, print_nothing)
        with pytest.raises(InvalidRequestError):
            provider.start_request(ModelRequest("d", ()), print_nothing)
        assert list(provider.requests) == asked[1:]


def test_time_can_be_moved_by_hand() -> None:
    """With a clock of the test's own nothing is waited for: a step happens when the clock says it is due."""
    clock = Clock()
    with ScriptedProvider([text_stream("a", "b", every_ms=1500)], clock=clock) as provider:
        events: list[StreamEvent] = []
        completions: list[Completion] = []
        provider.start_stream(REQUEST, events.append, completions.append)
        provider.perform()
        assert (events, provider.timeout()) == ([], 1500)
        clock.now += 1.499
        provider.perform()
        assert (events, provider.timeout()) == ([], 1)
        clock.now += 0.001
        provider.perform()
        assert events == [StreamStart("", ""), TextDelta("a")]
        clock.now += 1.5
        provider.perform()
        provider.info_read()
        timing = completions[0].timing
        assert (timing.started, timing.first_event, timing.finished) == (100.0, 101.5, 103.0)


def test_the_descriptor_is_readable_exactly_while_something_can_be_done() -> None:
    """Started, readable; waiting or hanging, not; ended, readable until the completion was read."""
    clock = Clock()
    with ScriptedProvider([answer("Hi", after_ms=10)], clock=clock) as provider:
        assert (readable(provider), provider.timeout()) == (False, -1)
        provider.start_request(REQUEST, print_nothing)
        assert (readable(provider), provider.timeout()) == (True, 0)
        provider.perform()
        assert (readable(provider), provider.timeout()) == (False, 10)
        clock.now += 0.01
        assert provider.timeout() == 0
        provider.perform()
        assert (readable(provider), provider.timeout()) == (True, 0)
        provider.info_read()
        assert (readable(provider), provider.timeout()) == (False, -1)


def test_a_wait_of_nothing_ends_the_turn() -> None:
    """`Wait(0)` leaves what follows to the next `perform()`."""
    with ScriptedProvider([text_stream("a", "b", every_ms=0)]) as provider:
        events: list[StreamEvent] = []
        provider.start_stream(REQUEST, events.append, print_nothing)
        counts = []
        while provider.perform():
            counts.append(len(events))
        assert counts == [0, 2]


def test_an_interrupt_inside_on_event_leaves_and_ends_the_stream() -> None:
    """KeyboardInterrupt out of `on_event` comes out of `perform()`, and its stream is aborted, not stuck."""

    def interrupted(event: StreamEvent) -> None:
        raise KeyboardInterrupt

    with ScriptedProvider([text_stream("a")]) as provider:
        completions: list[Completion] = []
        provider.start_stream(REQUEST, interrupted, completions.append)
        with pytest.raises(KeyboardInterrupt):
            provider.perform()
        provider.info_read()
        assert completions[0].error is not None
        assert completions[0].error.category is ErrorCategory.ABORTED


def test_performing_inside_a_callback_is_refused() -> None:
    """`perform()` inside `on_event` raises there, as on every provider, and its stream alone is aborted."""
    with ScriptedProvider([text_stream("a"), text_stream("b")]) as provider:
        completions: list[Completion] = []
        provider.start_stream(REQUEST, lambda _event: provider.perform(), completions.append)
        provider.start_stream(REQUEST, lambda _event: None, completions.append)
        provider.perform()
        provider.info_read()
        assert completions[0].error is not None
        assert isinstance(completions[0].error.__cause__, RuntimeError)
        assert completions[1].ok


def test_closing_calls_every_callback_though_some_raise() -> None:
    """When completions raise inside `close()`, the others are called, the descriptors released, and an exception leaves."""
    called: list[Completion] = []

    def fail(completion: Completion) -> None:
        called.append(completion)
        raise ZeroDivisionError

    provider = ScriptedProvider(lambda request: hang())
    for on_completion in (fail, called.append, fail, called.append):
        provider.start_request(REQUEST, on_completion)
    with pytest.raises(ZeroDivisionError):
        provider.close()
    assert len(called) == 4
    assert "closed" in repr(provider)


def print_nothing(completion: Completion) -> None:
    """An `on_completion` for those who do not look."""
