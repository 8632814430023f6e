"""Tests of the migrating provider: where each request goes, that it stays there, and how it gets to control."""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from shim.factory import create_provider
from shim.migration import MigratingProvider, Policy, Rollout
from shim.migration.sources.source import ConstantPolicy
from shim.model import (
    ErrorCategory,
    InvalidRequestError,
    ModelRequest,
    ModelResponse,
    ProviderError,
    StreamEvent,
    UnsupportedFeatureError,
    user,
)
from shim.provider import CallOptions, Completion, OnCompletion, OnEvent, ProviderClosedError, RequestHandle
from shim.testing.fake_openai import Cut, FakeOpenAI, Reset, Status, server_error
from shim.testing.scripted import Fail, Play, ScriptedProvider, answer, failure, hang, text_stream
from tests.helpers.driving import Heard, drive

ASKED = ModelRequest("gpt-4o-mini", (user("Hello"),))
COMPLETE = Policy.parse({"stage": "complete"})
RAMP = Policy.parse({"stage": "ramp", "percent": 50})


def _arm(script: Any, *, name: str) -> ScriptedProvider:
    return script if isinstance(script, ScriptedProvider) else ScriptedProvider(script, name=name)


class Arms:
    """A migrating provider over two scripts, and what it needs."""

    def __init__(self, policy: Policy, control: Any = None, candidate: Any = None, **settings: Any) -> None:
        self.control = _arm(control or (lambda _: answer("old")), name="control")
        self.candidate = _arm(candidate or (lambda _: answer("new")), name="candidate")
        self.source = ConstantPolicy(policy)
        self.rollout = Rollout(self.source)
        self.provider = MigratingProvider(self.control, self.candidate, self.rollout, **settings)

    def ask(self, unit: str | None = "c1", *, stream: bool = False, **fields: Any) -> Heard:
        """Ask once, and wait for the completion."""
        heard = self.start(unit, stream=stream, **fields)
        drive(self.provider, lambda: heard.done)
        return heard

    def start(self, unit: str | None = "c1", *, stream: bool = False, **fields: Any) -> Heard:
        """Ask once."""
        heard, request = Heard(), replace(ASKED, conversation_id=unit, **fields)
        if stream:
            heard.handle = self.provider.start_stream(request, heard.on_event, heard.on_completion)
        else:
            heard.handle = self.provider.start_request(request, heard.on_completion)
        return heard

    def close(self) -> None:
        """End all."""
        self.provider.close()
        self.rollout.close()


@pytest.fixture
def arms() -> Iterator[Callable[..., Arms]]:
    """Makes them, and closes them."""
    made: list[Arms] = []

    def make(*given: Any, **settings: Any) -> Arms:
        made.append(Arms(*given, **settings))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.mark.parametrize("unit", ["c1", None], ids=["candidate", "control"])
def test_it_waits_for_both_arms_itself(arms: Callable[..., Arms], unit: str | None) -> None:
    """Arms that cannot wait themselves are polled all the same, whichever of them serves; a limit of the caller's holds."""
    both = arms(COMPLETE, lambda _: answer("old", after_ms=30), lambda _: answer("new", after_ms=30))
    heard, turns = both.start(unit), 0
    while not heard.done:
        both.provider.poll()
        both.provider.info_read()
        turns += 1
    assert turns < 10
    began = time.monotonic()
    assert both.provider.poll(20) == 0
    assert 0.01 < time.monotonic() - began < 2
    assert not both.provider.may_gather()  # scripts do not tell


@pytest.mark.parametrize("stage", ["off", "wire", "tee", "shadow"])
@pytest.mark.parametrize("stream", [False, True])
def test_control_serves_all_below_ramp(arms: Callable[..., Arms], stage: str, *, stream: bool) -> None:
    """In the stages that only watch every request is control's, and the candidate hears of none."""
    both = arms(Policy.parse({"stage": stage}), lambda _: text_stream("old"))
    assert both.ask(stream=stream).response.text == "old"
    assert not both.candidate.requests
    assert (both.provider.counts.control, both.provider.counts.candidate) == (1, 0)


def test_complete_is_the_candidates(arms: Callable[..., Arms]) -> None:
    """In complete every conversation is the candidate's, and what names none is control's."""
    both = arms(COMPLETE)
    assert both.ask("c1").response.text == "new"
    assert both.ask(None).response.text == "old"
    assert both.ask("").response.text == "old"


def test_a_conversation_stays_in_its_arm(arms: Callable[..., Arms]) -> None:
    """All requests of a conversation go one way, and about half of the conversations go each."""
    both = arms(RAMP)
    served = {f"c{number}": {both.ask(f"c{number}").response.text for _ in range(3)} for number in range(60)}
    assert all(len(texts) == 1 for texts in served.values())
    assert 15 < sum(texts == {"new"} for texts in served.values()) < 45


def test_its_handle_is_the_callers(arms: Callable[..., Arms]) -> None:
    """The handle is of this provider, and the completion has the very same."""
    both = arms(COMPLETE)
    heard = both.ask()
    assert heard.handle is heard.completion.handle
    assert heard.handle is not None
    assert heard.handle.provider == "migrating"


def test_what_names_no_request_is_refused_by_control(arms: Callable[..., Arms]) -> None:
    """Bad input is control's to refuse, in the same words, and counts as nothing."""
    both = arms(COMPLETE)
    with pytest.raises(InvalidRequestError, match="messages is empty"):
        both.provider.start_request(ModelRequest("m", (), conversation_id="c1"), print)
    with pytest.raises(InvalidRequestError):
        both.provider.start_request("hello", print)  # type: ignore[arg-type]  # the mistake tested
    assert both.provider.counts == type(both.provider.counts)()
    assert both.rollout.status().arms["candidate"].requests == 0


class Refuses(ScriptedProvider):
    """Cannot send what is asked."""

    def start_request(
        self, request: ModelRequest, on_completion: OnCompletion, *, options: CallOptions | None = None
    ) -> RequestHandle:
        """Refuse."""
        raise UnsupportedFeatureError("n is not there", field="n")

    def start_stream(
        self,
        request: ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: CallOptions | None = None,
    ) -> RequestHandle:
        """Refuse."""
        raise UnsupportedFeatureError("n is not there", field="n")


def test_what_the_candidate_refuses_goes_to_control(arms: Callable[..., Arms]) -> None:
    """A request the candidate cannot send is served by control, counted, and told to the rollout as refused."""
    both = arms(COMPLETE, candidate=Refuses([]))
    heard = both.ask("c1")
    assert heard.response.text == "old"
    counts = both.provider.counts
    assert (counts.refused, counts.candidate, counts.control) == (1, 0, 0)
    assert both.rollout.status().arms["candidate"].bad.get("refused") == 1


@pytest.mark.parametrize("stream", [False, True])
def test_a_fallback_is_served_by_control_once(arms: Callable[..., Arms], *, stream: bool) -> None:
    """With fallback a failure before the first event is never seen: control answers, whole, and it is counted."""
    both = arms(COMPLETE, lambda _: text_stream("old"), lambda _: failure("server", "boom"), fallback=True)
    heard = both.ask(stream=stream)
    assert heard.response.text == "old"
    assert heard.kinds == (["StreamStart", "TextDelta", "StreamDone"] if stream else [])
    assert both.provider.counts.fallbacks == 1
    candidate = both.rollout.status().arms["candidate"]
    assert (candidate.requests, candidate.ok, candidate.bad.get("error")) == (1, 0, 1), (
        "control's answer is not its own"
    )


@pytest.mark.parametrize("stream", [False, True])
def test_without_fallback_the_failure_is_told(arms: Callable[..., Arms], *, stream: bool) -> None:
    """Unless asked for, there is no second call: the candidate's own failure is what its caller gets."""
    both = arms(COMPLETE, candidate=lambda _: failure("server", "boom"))
    heard = both.ask(stream=stream)
    assert heard.error.message == "boom"
    assert heard.kinds == (["StreamError"] if stream else [])
    assert not both.control.requests


@pytest.mark.parametrize("category", ["rate_limit", "quota", "content_filter"])
@pytest.mark.parametrize("stream", [False, True])
def test_what_control_would_fare_no_better_with_is_told(
    arms: Callable[..., Arms], category: str, *, stream: bool
) -> None:
    """A limit of the account and a content filter are told, since one more call would not help."""
    both = arms(COMPLETE, candidate=lambda _: failure(category, "no"), fallback=True)
    assert both.ask(stream=stream).error.category == category
    assert not both.control.requests


def test_a_stream_that_has_begun_does_not_fall_back(arms: Callable[..., Arms]) -> None:
    """Once an event was told the answer is the candidate's: a stream that breaks then ends with its error."""
    begun = Play((*text_stream("Hel").steps, Fail(ProviderError("network", "gone"))))
    both = arms(COMPLETE, candidate=lambda _: begun, fallback=True)
    heard = both.ask(stream=True)
    assert heard.error.category is ErrorCategory.NETWORK
    assert heard.kinds[-1] == "StreamError"
    assert not both.control.requests


def test_control_failing_too_is_told_once(arms: Callable[..., Arms]) -> None:
    """Where control fails as well its failure is the outcome, and nothing is tried a third time."""
    both = arms(COMPLETE, lambda _: failure("server", "old boom"), lambda _: failure("server", "boom"), fallback=True)
    heard = both.ask(stream=True)
    assert heard.error.message == "old boom"
    assert heard.kinds == ["StreamError"]
    assert (len(both.control.requests), len(both.candidate.requests)) == (1, 1)


def test_control_refusing_leaves_the_candidates_failure(arms: Callable[..., Arms]) -> None:
    """A fallback that control refuses to start leaves what the candidate said, its error event included."""
    both = arms(COMPLETE, Refuses([]), lambda _: failure("server", "boom"), fallback=True)
    heard = both.ask(stream=True)
    assert heard.error.message == "boom"
    assert heard.kinds == ["StreamError"]


@pytest.mark.parametrize("fallback", [False, True])
@pytest.mark.parametrize("policy", [Policy(), COMPLETE], ids=["control", "candidate"])
def test_cancelling_reaches_the_arm(arms: Callable[..., Arms], policy: Policy, *, fallback: bool) -> None:
    """A request is cancelled in the arm that has it, and a handle of another provider cancels nothing."""
    both = arms(policy, lambda _: hang(), lambda _: hang(), fallback=fallback)
    first, second = both.start("c1", stream=True), both.start("c2")
    both.provider.cancel(RequestHandle("migrating", 1))
    both.provider.cancel(first.handle)
    drive(both.provider, lambda: first.done)
    assert first.error.category is ErrorCategory.CANCELLED
    assert not second.done
    both.provider.cancel()
    drive(both.provider, lambda: second.done)
    assert second.error.category is ErrorCategory.CANCELLED


def test_closing_ends_both_arms(arms: Callable[..., Arms]) -> None:
    """What is open in either arm is told as cancelled before close returns, although a callback raises; then it is closed."""
    both = arms(RAMP, lambda _: hang(), lambda _: hang())
    ended: list[Completion] = []

    def on_completion(completion: Completion) -> None:
        ended.append(completion)
        raise ZeroDivisionError

    for number in range(20):
        both.provider.start_request(replace(ASKED, conversation_id=f"c{number}"), on_completion)
    assert both.provider.counts.candidate > 2
    assert both.provider.counts.control > 2
    with pytest.raises(ZeroDivisionError):
        both.provider.close()
    assert len(ended) == 20
    assert {each.error.category for each in ended if each.error} == {ErrorCategory.CANCELLED}
    with pytest.raises(ProviderClosedError):
        both.provider.fileno()
    assert (both.provider.perform(), both.provider.info_read(), both.provider.timeout()) == (0, 0, -1)


def test_callbacks_may_start_in_the_other_arm(arms: Callable[..., Arms]) -> None:
    """A completion of one arm may start requests in the other, and all are served."""
    both = arms(RAMP)
    told: list[str] = []

    def on_completion(completion: Completion) -> None:
        assert completion.response is not None
        told.append(completion.response.text)
        if len(told) < 40:
            both.provider.start_request(replace(ASKED, conversation_id=f"c{len(told)}"), on_completion)

    both.provider.start_request(replace(ASKED, conversation_id="c0"), on_completion)
    drive(both.provider, lambda: len(told) == 40)
    assert set(told) == {"old", "new"}


def test_a_decision_is_kept_while_the_policy_moves(arms: Callable[..., Arms]) -> None:
    """Streams under way end in the arm they began in, whatever stage comes meanwhile; the next ones follow the new one."""
    both = arms(COMPLETE, lambda _: text_stream("old"), lambda _: text_stream("ne", "w"))
    heard = both.start(stream=True)
    both.rollout.close()
    both.provider._rollout = Rollout(Policy())
    later = both.ask("c9")
    drive(both.provider, lambda: heard.done)
    assert (heard.response.text, later.response.text) == ("new", "old")
    both.provider._rollout.close()


def test_one_descriptor_tells_of_both(arms: Callable[..., Arms]) -> None:
    """The descriptor is readable when either arm has something to do, and quiet when neither has."""
    both = arms(RAMP)
    for unit in [f"c{number}" for number in range(10)]:
        assert not select.select([both.provider], [], [], 0)[0]
        heard = both.start(unit)
        assert select.select([both.provider], [], [], 1)[0]
        drive(both.provider, partial(getattr, heard, "done"))
    assert both.provider.fdset() == ([both.provider.fileno()], [], [])


def test_the_same_provider_twice_is_refused() -> None:
    """Control and candidate are two providers: one would be driven and closed twice."""
    with ScriptedProvider([]) as one, Rollout(Policy()) as rollout, pytest.raises(ValueError, match="same provider"):
        MigratingProvider(one, one, rollout)


@pytest.mark.parametrize("fault", [server_error(), Reset(), Status(404), Cut(after_events=0)])
@pytest.mark.parametrize("stream", [False, True])
def test_real_failures_fall_back(fault: Any, *, stream: bool) -> None:
    """Over real sockets a candidate that fails is stood in for by control: one good completion, no event of the failure."""
    with FakeOpenAI() as old, FakeOpenAI() as new, Rollout(COMPLETE) as rollout:
        new.plan(fault)
        control = create_provider("legacy", api_key="sk-test", base_url=old.base_url)
        candidate = create_provider("native", api_key="sk-test", base_url=new.base_url)
        with MigratingProvider(control, candidate, rollout, fallback=True) as provider:
            heard, request = Heard(), replace(ASKED, conversation_id="c")
            if stream:
                provider.start_stream(request, heard.on_event, heard.on_completion)
            else:
                provider.start_request(request, heard.on_completion)
            drive(provider, lambda: heard.done)
            assert isinstance(heard.response, ModelResponse)
            assert "StreamError" not in heard.kinds
            assert provider.counts.fallbacks == 1


def test_an_interrupt_in_an_event_loses_nothing(arms: Callable[..., Arms]) -> None:
    """KeyboardInterrupt out of one arm's event leaves the other's requests to be driven by the next turn."""
    both = arms(RAMP, lambda _: text_stream("a", "b"), lambda _: text_stream("c", "d"))
    struck: list[StreamEvent] = []

    def on_event(event: StreamEvent) -> None:
        struck.append(event)
        if len(struck) == 1:
            raise KeyboardInterrupt

    first = Heard(on_event)
    both.provider.start_stream(replace(ASKED, conversation_id="c0"), first.on_event, first.on_completion)
    others = [both.start(f"c{number}", stream=True) for number in range(1, 12)]
    with pytest.raises(KeyboardInterrupt):
        drive(both.provider, lambda: False, seconds=5)
    drive(both.provider, lambda: all(each.done for each in others))
    assert {each.response.text for each in others} == {"ab", "cd"}
