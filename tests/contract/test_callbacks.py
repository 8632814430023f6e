"""Tests of what a callback may do: raise at any event, start, cancel, close, be interrupted; and whence each comes."""

from __future__ import annotations

import threading
import traceback
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from shim.model import ErrorCategory, StreamError, StreamEvent
from shim.testing.fake_openai import Cut, FakeOpenAI, Respond, Stall, Status, stream_answer, stream_failed
from tests.helpers.driving import HELLO, Heard, ask, drive, eventually, start
from tests.helpers.providers import WAYS_TO_END, AnyProvider, Make

if TYPE_CHECKING:
    from collections.abc import Callable

    from shim.provider import Completion
    from shim.testing.fake_openai import Behaviour


class OddError(Exception):
    """What a callback of these tests raises."""


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    """A chunk with one delta."""
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": ""}}
ALL_KINDS = [
    chunk(role="assistant", content=""),
    chunk(reasoning_content="Hm."),
    chunk(content="Hi"),
    chunk(refusal="No."),
    chunk(tool_calls=[CALL]),
    chunk(tool_calls=[{"index": 0, "function": {"arguments": "{}"}}]),
    chunk("tool_calls"),
]
AT_ONCE = chunk(
    content="Hi",
    reasoning_content="Hm.",
    refusal="No.",
    tool_calls=[{**CALL, "function": {"name": "f", "arguments": "{}"}}],
)
EVENT_KINDS = [
    *("StreamStart", "ReasoningDelta", "TextDelta", "RefusalDelta"),
    *("ToolCallStart", "ToolCallDelta", "ToolCallDone", "StreamDone"),
]
PLANS: dict[str, Behaviour] = {
    "with [DONE]": Respond(lambda _: stream_answer(ALL_KINDS)),
    "without [DONE]": Respond(lambda _: stream_answer(ALL_KINDS, done=False)),
    "in one payload": Respond(lambda _: stream_answer([AT_ONCE])),
}
FAILING: dict[str, Behaviour | tuple[Behaviour, ...]] = {
    "status": Status(503),
    "in the stream": Respond(lambda _: stream_answer([chunk(content="Hi"), {"error": {"message": "sorry"}}])),
    "cut": (PLANS["with [DONE]"], Cut(after_events=3)),
    "not JSON": Respond(lambda _: stream_answer([chunk(content="Hi"), chunk(content="Ho")], done=False)),
}


def raising_at(kind: str, error: BaseException) -> Heard:
    """Callbacks of which `on_event` raises at the first event of a kind."""

    def act(event: StreamEvent) -> None:
        if type(event).__name__ == kind:
            raise error

    return Heard(act)


def check_aborted(heard: Heard, cause: BaseException, *, at: str) -> None:
    """One completion, aborted by that exception, and no event after the one it came from."""
    assert heard.error.category is ErrorCategory.ABORTED
    assert heard.error.__cause__ is cause
    assert heard.kinds[-1] == at
    assert heard.error.partial is None or heard.error.partial.text.startswith(heard.text)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_on_event_raising_at_any_event_aborts_that_stream_alone(
    provider: AnyProvider, server: FakeOpenAI, kind: str, plan: str
) -> None:
    """Whichever event it is, the last one too, the exception is the cause and the stream beside it ends well."""
    server.plan(PLANS[plan], PLANS[plan])
    error = OddError()
    heard = start(provider, stream=True, heard=raising_at(kind, error))
    beside = start(provider, stream=True)
    drive(provider, lambda: heard.done and beside.done)
    check_aborted(heard, error, at=kind)
    assert set(beside.kinds) == set(EVENT_KINDS)
    assert beside.response.text == "Hi"


@pytest.mark.parametrize("plan", FAILING)
def test_on_event_raising_at_the_error_aborts_too(provider: AnyProvider, server: FakeOpenAI, plan: str) -> None:
    """An `on_event` that raises when it is told of a failure has its exception as the outcome."""
    server.plan(FAILING[plan])
    error = OddError()
    heard = start(provider, stream=True, heard=raising_at("StreamError", error))
    drive(provider, lambda: heard.done)
    check_aborted(heard, error, at="StreamError")


def test_an_aborted_stream_says_what_was_raised_and_not_more(provider: AnyProvider) -> None:
    """The message names the exception's class; its text, which may hold anything, stays with the cause."""
    heard = start(provider, stream=True, heard=raising_at("TextDelta", OddError("a secret of the caller's")))
    drive(provider, lambda: heard.done)
    assert "OddError" in heard.error.message
    assert "secret" not in repr(heard.error)


def test_an_aborted_stream_gives_its_connection_up(provider: AnyProvider, server: FakeOpenAI) -> None:
    """The server sees the connection of an aborted stream go."""
    server.plan(Stall(after_events=2))
    heard = start(provider, HELLO, stream=True, heard=raising_at("StreamStart", OddError()))
    drive(provider, lambda: heard.done)
    server.wait_for_open_connections(0)


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_an_interrupt_inside_an_event_loses_no_request(
    provider: AnyProvider, server: FakeOpenAI, kind: str, plan: str
) -> None:
    """A KeyboardInterrupt leaves `perform()`; the request it struck still gets its other events and one completion."""
    server.plan(PLANS[plan], PLANS[plan])
    heard = start(provider, stream=True, heard=raising_at(kind, KeyboardInterrupt()))
    beside = start(provider, stream=True)
    with pytest.raises(KeyboardInterrupt):
        drive(provider, lambda: False)
    drive(provider, lambda: heard.done and beside.done, seconds=2)
    assert provider.perform() == 0
    assert heard.completion.ok
    assert sorted(heard.kinds) == sorted(EVENT_KINDS)
    assert beside.response.text == "Hi"


def test_on_completion_raising_leaves_info_read_and_the_others_come_next(provider: AnyProvider) -> None:
    """An exception of `on_completion` comes out of `info_read()` once, and no completion is lost or repeated."""
    heard = [Heard() for _ in range(4)]

    def raising(completion: Completion) -> None:
        heard[0].on_completion(completion)
        raise OddError

    provider.start_request(HELLO, raising)
    for each in heard[1:]:
        start(provider, stream=True, heard=each)
    with pytest.raises(OddError):
        drive(provider, lambda: False)
    drive(provider, lambda: all(each.done for each in heard))
    assert provider.info_read() == 0
    assert [each.response.text for each in heard] == [heard[0].response.text] * 4


def test_completions_that_stay_queued_are_wanted_at_once(provider: AnyProvider) -> None:
    """After an `on_completion` has raised, `timeout()` is 0 until the other completions are delivered."""

    def raising(_completion: Completion) -> None:
        raise OddError

    provider.start_request(HELLO, raising)
    drive_to_the_end(provider)
    heard = start(provider, stream=True)
    drive_to_the_end(provider)
    with pytest.raises(OddError):
        provider.info_read()
    assert provider.timeout() == 0
    assert provider.info_read() == 1
    assert provider.timeout() == -1
    assert heard.completion.ok


def drive_to_the_end(provider: AnyProvider) -> None:
    """Perform until nothing runs; read no completion."""
    eventually(lambda: provider.perform() == 0)


@pytest.mark.parametrize("end", WAYS_TO_END)
@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_no_event_follows_the_one_a_stream_was_ended_in(
    make: Make, server: FakeOpenAI, kind: str, end: Callable[[AnyProvider], None]
) -> None:
    """Cancelling or closing inside an event holds back the further events of the same payload too."""
    server.plan(PLANS["in one payload"])
    with make(server.base_url) as provider:
        heard = Heard(lambda event: end(provider) if type(event).__name__ == kind else None)
        start(provider, stream=True, heard=heard)
        eventually(lambda: (provider.perform(), provider.info_read(), heard.done)[-1])
        assert heard.kinds[-1] == kind
        assert heard.completion.ok == (kind == "StreamDone")


def test_close_delivers_all_although_a_completion_raises(make: Make, server: FakeOpenAI) -> None:
    """`close()` delivers every completion and releases everything before it raises what a callback raised."""
    provider = make(server.base_url)

    def raising(_completion: Completion) -> None:
        raise OddError

    provider.start_request(HELLO, raising)
    heard = [start(provider, stream=True) for _ in range(3)]
    with pytest.raises(OddError):
        provider.close()
    assert [each.error.category for each in heard] == [ErrorCategory.CANCELLED] * 3
    provider.close()
    eventually(lambda: not [each for each in threading.enumerate() if each.name == "legacy-openai"])


@pytest.mark.parametrize("kind", EVENT_KINDS)
def test_a_request_may_be_started_inside_any_event(provider: AnyProvider, server: FakeOpenAI, kind: str) -> None:
    """A stream that starts another at one of its events is followed by it."""
    server.plan(PLANS["without [DONE]"])
    second = Heard()
    heard = Heard(lambda event: start(provider, stream=True, heard=second) if type(event).__name__ == kind else None)
    start(provider, stream=True, heard=heard)
    drive(provider, lambda: second.done and heard.done)  # on threads of their own, the second may end first
    assert heard.response.tool_calls
    assert second.response.text


def test_a_chain_of_requests_started_in_completions(provider: AnyProvider) -> None:
    """Each completion may start the next request, for as long as it likes, without nesting."""
    depth: list[int] = []

    def next_one(completion: Completion) -> None:
        assert completion.ok
        depth.append(sum(1 for _ in traceback.walk_stack(None)))
        if len(depth) < 20:
            provider.start_request(HELLO, next_one)

    provider.start_request(HELLO, next_one)
    drive(provider, lambda: len(depth) == 20)
    assert len(set(depth)) == 1


@dataclass
class Watcher:
    """Callbacks that note from where they are called."""

    phase: str = "outside"
    calls: list[tuple[str, str, int]] = field(default_factory=list)
    done: int = 0

    def on_event(self, event: StreamEvent) -> None:
        """Note an event."""
        self.calls.append(("event", self.phase, threading.get_ident()))

    def on_completion(self, completion: Completion) -> None:
        """Note a completion."""
        self.done += 1
        self.calls.append(("completion", self.phase, threading.get_ident()))

    def turn(self, provider: AnyProvider) -> bool:
        """One turn of the loop, its phases named."""
        for phase, act in (("perform", provider.perform), ("info_read", provider.info_read)):
            self.phase = phase
            act()
        self.phase = "outside"
        return self.done == len(PLANS) + len(FAILING) + 2


def test_events_come_in_perform_and_completions_in_info_read(provider: AnyProvider, server: FakeOpenAI) -> None:
    """However a stream ends, its events come inside `perform()` and its completion inside `info_read()`, on one thread."""
    server.plan(*PLANS.values(), *FAILING.values())
    watcher = Watcher()
    for _ in range(len(PLANS) + len(FAILING) + 1):
        provider.start_stream(HELLO, watcher.on_event, watcher.on_completion)
    provider.cancel(provider.start_stream(HELLO, watcher.on_event, watcher.on_completion))
    assert watcher.calls == []
    drive_with(provider, watcher)
    me = threading.get_ident()
    assert set(watcher.calls) == {("event", "perform", me), ("completion", "info_read", me)}


def drive_with(provider: AnyProvider, watcher: Watcher) -> None:
    """Turn until every request has completed."""
    eventually(lambda: watcher.turn(provider))


def test_a_loop_inside_a_callback_is_refused(provider: AnyProvider) -> None:
    """`perform()` inside `on_event` raises there, and so aborts that stream alone."""
    heard = Heard(lambda _event: provider.perform())
    start(provider, stream=True, heard=heard)
    drive(provider, lambda: heard.done)
    assert heard.error.category is ErrorCategory.ABORTED
    assert isinstance(heard.error.__cause__, RuntimeError)
    assert ask(provider).completion.ok


@pytest.mark.parametrize("plan", PLANS)
def test_a_callback_that_performs_is_refused_at_every_event(
    provider: AnyProvider, server: FakeOpenAI, plan: str
) -> None:
    """perform() from inside any event, the last one too, raises RuntimeError there, and the stream ends well."""
    refused: list[str] = []

    def act(event: StreamEvent) -> None:
        with pytest.raises(RuntimeError, match="inside perform"):
            provider.perform()
        refused.append(type(event).__name__)

    server.plan(PLANS[plan])
    heard = Heard(act)
    start(provider, stream=True, heard=heard)
    drive(provider, lambda: heard.done)
    assert heard.completion.ok
    assert refused == heard.kinds


@pytest.mark.parametrize("kind", EVENT_KINDS)
@pytest.mark.parametrize("plan", ["with [DONE]", "without [DONE]"])
def test_what_is_raised_after_cancelling_is_not_lost(
    provider: AnyProvider, server: FakeOpenAI, plan: str, kind: str
) -> None:
    """An on_event that cancels its own request and then raises has its exception leave perform(), once; the others go on."""
    raised = OddError("after cancelling")

    def act(event: StreamEvent) -> None:
        if type(event).__name__ == kind:
            provider.cancel(heard.handle)
            raise raised

    server.plan(PLANS[plan])
    heard = Heard(act)
    start(provider, stream=True, heard=heard)
    with pytest.raises(OddError) as caught:
        drive(provider, lambda: heard.done)
    assert caught.value is raised
    drive(provider, lambda: heard.done)
    assert heard.kinds[-1] == kind
    ended_well = kind == "StreamDone"
    assert heard.completion.ok is ended_well
    assert ended_well or heard.error.category is ErrorCategory.CANCELLED
    assert ask(provider, stream=True).completion.ok


@pytest.mark.parametrize("act_of", ["cancel", "close"])
def test_a_stream_may_be_ended_in_the_event_of_its_own_error(
    provider: AnyProvider, server: FakeOpenAI, act_of: str
) -> None:
    """An on_event that cancels its request, or closes the provider, when it hears its StreamError: nothing leaves perform()."""
    heard: Heard

    def act(event: StreamEvent) -> None:
        if isinstance(event, StreamError):
            provider.close() if act_of == "close" else provider.cancel(heard.handle)

    server.plan(stream_failed())
    heard = Heard(act)
    start(provider, stream=True, heard=heard)
    drive(provider, lambda: heard.done)
    assert heard.kinds[-1] == "StreamError"
    assert not heard.completion.ok
    if act_of == "cancel":
        assert ask(provider, stream=True).completion.ok
