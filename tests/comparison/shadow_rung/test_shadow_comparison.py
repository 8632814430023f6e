"""Tests of the shadow: a sample is asked again within its budget, with its own key, and stops at the first sign of a limit."""

from __future__ import annotations

import json
import logging
import os
import pickle
import threading
import time
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from shim.comparison import Exchange, ShadowBudget, ShadowComparison, ShadowPair, read_exchanges
from shim.factory import create_provider
from shim.model import (
    Choice,
    ErrorCategory,
    FinishReason,
    InvalidRequestError,
    ModelRequest,
    ModelResponse,
    OpaquePart,
    TextPart,
    Usage,
    user,
)
from shim.provider import Provider
from shim.recording.exchange import PAIR_HEADER
from shim.testing.fake_openai import FakeOpenAI, Status
from shim.testing.scripted import Answer, Play, ScriptedProvider, answer, failure, hang
from tests.comparison.live_parts import eventually
from tests.comparison.shadow_rung.parts import REQUEST, completed, failed
from tests.comparison.shadow_rung.troublesome import raising

BUDGET = ShadowBudget(calls_per_minute=1000, tokens_per_minute=10**7)
TENANT: ContextVar[str] = ContextVar("tenant", default="nobody")


def costing(tokens: int) -> Play:
    """An answer that costs so many tokens."""
    choice = Choice(0, (TextPart("Hello."),), finish_reason=FinishReason.STOP)
    return Play((Answer(ModelResponse(choices=(choice,), usage=Usage(tokens, 0))),))


def scripted(play: Play | None = None) -> tuple[Callable[[], Provider], list[ScriptedProvider]]:
    """What makes providers that play one thing for every request, and those it has made."""
    made: list[ScriptedProvider] = []

    def make() -> Provider:
        made.append(ScriptedProvider(lambda _request: play or answer("Hello.")))
        return made[-1]

    return make, made


def shadow_of(candidate: Callable[[], Provider], **settings: Any) -> ShadowComparison:
    """A shadow of every request."""
    defaults: dict[str, Any] = {"budget": BUDGET, "own_key": True, "sample": 1, "max_share": 1}
    return ShadowComparison(candidate, **(defaults | settings))


def hand_over(shadow: ShadowComparison, times: int = 1, request: ModelRequest = REQUEST) -> None:
    """Hand a request over, and wait for what comes of it."""
    for _ in range(times):
        shadow.submit(request, streamed=False, control=completed())
    assert shadow.flush(10), shadow.counts


def test_a_request_is_asked_again_on_a_thread_of_its_own() -> None:
    """The provider is made, driven and closed on one thread, which is not the caller's and is gone after `close()`."""
    threads: set[str] = set()
    make, made = scripted()

    def noted() -> Provider:
        threads.add(threading.current_thread().name)
        return make()

    before = threading.active_count()
    with shadow_of(noted, on_pair=lambda _pair: threads.add(threading.current_thread().name)) as shadow:
        assert threading.active_count() == before
        hand_over(shadow, 3)
        assert (shadow.counts.compared, shadow.counts.calls, len(shadow.pairs)) == (3, 3, 3)
    assert threads == {"shim-shadow"}
    assert threading.active_count() == before
    (provider,) = made
    assert len(provider.requests) == 3
    assert "closed" in repr(provider)


def test_nothing_is_stored_and_nothing_of_the_controls_goes_along() -> None:
    """A provider that does not tell its API is told to store nothing, and is given no header of the control's."""
    make, made = scripted()
    headers: dict[str, str | None] = {"Authorization": "Bearer sk-control", "X-Mine": "1"}
    request = ModelRequest("gpt-4o", [user("Hi")], extra_headers=headers, conversation_id="c1")
    with shadow_of(make) as shadow:
        hand_over(shadow, request=request)
    (asked,) = made[0].requests
    assert (asked.store, asked.extra_headers, asked.conversation_id) == (False, {"X-Mine": "1"}, None)


def test_the_key_is_the_shadows_own() -> None:
    """A key given, or what a function gives, goes with each call; True leaves it to the provider."""
    for own_key in ("sk-shadow", lambda: "sk-shadow", True):
        make, made = scripted()
        with shadow_of(make, own_key=own_key) as shadow:
            hand_over(shadow)
            assert "sk-shadow" not in repr(shadow)
        (options,) = made[0].options
        assert (options is None) if own_key is True else (options is not None and options.api_key is own_key)


def test_without_an_own_key_there_is_no_shadow() -> None:
    """A budget alone does not protect the control's limits: that the key is shared has to be said."""
    make, _ = scripted()
    for own_key in (None, False):
        with pytest.raises(ValueError, match=r"own_key .*allow_shared_key=True"):
            shadow_of(make, own_key=own_key)
    shadow_of(make, own_key=None, allow_shared_key=True).close()


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("own_key", " ", ValueError),
        ("own_key", 7, TypeError),
        ("sample", 1.5, ValueError),
        ("sample", float("nan"), ValueError),
        ("sample", "all", ValueError),
        ("budget", 10, TypeError),
        ("deadline", 0, ValueError),
        ("deadline", float("inf"), ValueError),
        ("max_wait", -1, ValueError),
        ("max_share", 0, ValueError),
        ("max_queue", 0, ValueError),
        ("max_characters", True, ValueError),
        ("max_pairs", 1.5, ValueError),
        ("max_waiting_characters", None, ValueError),
        ("baseline", 7, TypeError),
        ("on_pair", "print", TypeError),
        ("on_error", 7, TypeError),
    ],
)
def test_settings_out_of_range_are_named(name: str, value: Any, kind: type[Exception]) -> None:
    """A setting that cannot be is refused at set-up, by name."""
    make, _ = scripted()
    with pytest.raises(kind, match=name):
        shadow_of(make, **{name: value})


def test_a_candidate_is_a_function() -> None:
    """A provider in the place of what makes it is refused."""
    provider: Any = ScriptedProvider([])
    with pytest.raises(TypeError, match="candidate"):
        shadow_of(provider)
    provider.close()


def test_only_a_sample_is_wanted() -> None:
    """Of a tenth about a tenth is wanted, of none none, and a share given goes before."""
    make, _ = scripted()
    with shadow_of(make, sample=0.1) as shadow:
        assert 100 < sum(shadow.wants(REQUEST) for _ in range(2000)) < 320
        assert not any(shadow.wants(REQUEST, share=0.0) for _ in range(100))
        assert all(shadow.wants(REQUEST, share=1.0) for _ in range(100))


def test_what_may_not_be_asked_again_is_skipped_by_kind() -> None:
    """Stateful requests, server-side tools and overlong ones are not wanted, not asked, and counted; each can be allowed."""
    make, made = scripted()
    stateful = ModelRequest("gpt-4o", [user("Hi")], previous_response_id="r1")
    acting = ModelRequest("gpt-4o", [user("Hi")], tools=[OpaquePart("web_search", {"type": "web_search"})])
    long = ModelRequest("gpt-4o", [user("x" * 2000)])
    with shadow_of(make, max_characters=1000) as shadow:
        assert not shadow.wants(stateful)
        assert not shadow.wants(acting)
        for request in (stateful, acting, long):
            shadow.submit(request, streamed=False, control=completed())
        assert shadow.counts.skipped == {"stateful": 2, "server_tools": 2, "too_large": 1}
        assert made == []
    with shadow_of(make, allow_stateful=True, allow_server_tools=True) as shadow:
        assert shadow.wants(stateful)
        hand_over(shadow, request=acting)
        hand_over(shadow, request=stateful)
        assert shadow.counts.compared == 2


def test_what_the_caller_ended_is_not_asked_again() -> None:
    """A control that was cancelled has nothing to compare with, while one that failed has."""
    make, _ = scripted()
    with shadow_of(make) as shadow:
        shadow.submit(REQUEST, streamed=False, control=failed(ErrorCategory.CANCELLED, None))
        shadow.submit(REQUEST, streamed=False, control=failed())
        assert shadow.flush(10)
        assert shadow.counts.skipped == {"cancelled": 1}
        assert [(pair.control.category, pair.candidate.ending) for pair in shadow.pairs] == [("server", "answered")]


def test_the_budget_is_kept() -> None:
    """What would pass a limit is not asked, and counted under its name; tokens are those the server counted."""
    make, made = scripted(costing(400))
    with shadow_of(make, budget=ShadowBudget(calls_per_minute=3)) as shadow:
        hand_over(shadow, 5)
        assert (shadow.counts.compared, shadow.counts.refused) == (3, {"calls_per_minute": 2})
        assert shadow.counts.tokens == 3 * 400
    with shadow_of(make, budget=ShadowBudget(tokens_per_day=3_000, calls_per_minute=50, concurrency=1)) as shadow:
        hand_over(shadow, 5)  # each is reserved for with some 2,000
        assert (shadow.counts.compared, shadow.counts.refused) == (3, {"tokens_per_day": 2})
    assert sum(len(each.requests) for each in made) == 6


def test_a_baseline_counts_against_the_budget() -> None:
    """A pair with a baseline takes two calls, together or not at all."""
    make, made = scripted()
    again, _ = scripted()
    with shadow_of(make, baseline=again, budget=ShadowBudget(calls_per_minute=5)) as shadow:
        hand_over(shadow, 3)
        assert (shadow.counts.calls, shadow.counts.compared, shadow.counts.refused) == (4, 2, {"calls_per_minute": 1})
        assert all(pair.baseline is not None and pair.baseline.answered for pair in shadow.pairs)
    assert len(made[0].requests) == 2


def test_few_run_at_a_time() -> None:
    """No more calls are under way than the budget allows; what waits too long is let go."""
    make, made = scripted(hang())
    with shadow_of(make, budget=ShadowBudget(concurrency=2), deadline=0.4, max_wait=0.2) as shadow:
        for _ in range(5):
            shadow.submit(REQUEST, streamed=False, control=completed())
        eventually(lambda: shadow.counts.running == 2)
        assert shadow.counts.waiting == 3
        assert shadow.flush(10)
        assert (shadow.counts.compared, shadow.counts.refused) == (2, {"waited": 3})
    assert len(made[0].requests) == 2


def test_a_full_queue_drops() -> None:
    """What does not fit by count or by size is dropped and counted."""
    make, _ = scripted(hang())
    with shadow_of(make, budget=ShadowBudget(concurrency=1), deadline=5, max_queue=3) as shadow:
        shadow.submit(REQUEST, streamed=False, control=completed())
        eventually(lambda: shadow.counts.running == 1)
        for _ in range(10):
            shadow.submit(REQUEST, streamed=False, control=completed())
        assert (shadow.counts.waiting, shadow.counts.dropped) == (3, 7)
        shadow.close(timeout=0)
    assert shadow.counts.dropped == 11
    with shadow_of(make, max_waiting_characters=10) as shadow:
        shadow.submit(ModelRequest("m", [user("x" * 20)]), streamed=False, control=completed())
        assert shadow.counts.dropped == 1


@pytest.mark.parametrize(
    "play",
    [
        failure(ErrorCategory.RATE_LIMIT, "slow down", http_status=429),
        failure(ErrorCategory.QUOTA, "no credit", http_status=429),
        failure(ErrorCategory.QUOTA, "no credit", http_status=402),
        failure(ErrorCategory.UNKNOWN, "?", http_status=429),
    ],
)
@pytest.mark.parametrize("arm", ["candidate", "baseline"])
def test_it_stops_at_the_first_limit(play: Play, arm: str, caplog: pytest.LogCaptureFixture) -> None:
    """The first 429 or quota error of either arm ends all calls, is said once, and nothing is tried again until it is resumed."""
    limited, made = scripted(play)
    other, _ = scripted()
    makers = (limited, None) if arm == "candidate" else (other, limited)
    with caplog.at_level(logging.INFO), shadow_of(makers[0], baseline=makers[1]) as shadow:
        hand_over(shadow)
        stopped = shadow.stopped
        assert stopped is not None
        assert stopped.reason.startswith(f"the {arm} met a limit")
        assert not shadow.wants(REQUEST)
        hand_over(shadow, 3)
        assert shadow.counts.refused == {"stopped": 3}
        assert len(made[0].requests) == 1
        with pytest.raises(ValueError, match="reason"):
            shadow.resume(" ")
        shadow.resume("the limit was raised")
        assert shadow.wants(REQUEST)
        hand_over(shadow)
        assert len(made[0].requests) == 2
    said = [record.getMessage() for record in caplog.records if record.name == "shim.comparison.shadow"]
    assert [line.split(":")[0] for line in said] == [
        "the shadow makes no more calls",
        "the shadow makes calls again",
        "the shadow makes no more calls",
    ]


def test_no_other_error_stops_it() -> None:
    """A candidate that fails in any other way is what the shadow is there to show, and is asked once for each request."""
    for category in set(ErrorCategory) - {ErrorCategory.RATE_LIMIT, ErrorCategory.QUOTA}:
        make, made = scripted(failure(category, "no", http_status=500))
        with shadow_of(make) as shadow:
            hand_over(shadow, 2)
            assert shadow.stopped is None
            assert [pair.candidate.category for pair in shadow.pairs] == [category.value] * 2
            assert len(made[0].requests) == 2


def test_what_the_candidate_refuses_is_an_observation() -> None:
    """A request the candidate does not take costs nothing, and is seen as refused."""
    refusing = raising("start_request", InvalidRequestError("seed cannot be sent", field="seed"))
    with shadow_of(refusing) as shadow:
        hand_over(shadow)
        assert [pair.candidate.ending for pair in shadow.pairs] == ["refused"]
        assert (shadow.counts.calls, shadow.counts.tokens, shadow.counts.faults) == (0, 0, {})


def test_pairs_are_told_in_the_context_of_their_request() -> None:
    """`on_pair` runs in a copy of the caller's context, and what it raises is counted and harms nothing."""
    seen: list[tuple[str, str]] = []

    def note(pair: ShadowPair) -> None:
        seen.append((pair.pair_id, TENANT.get()))
        raise SystemExit(1)

    make, _ = scripted()
    with shadow_of(make, on_pair=note) as shadow:
        token = TENANT.set("anna")
        shadow.submit(REQUEST, streamed=False, control=completed(), pair_id="p1")
        TENANT.reset(token)
        marked = ModelRequest("gpt-4o", [user("Hi")], extra_headers={PAIR_HEADER: "p2"})
        hand_over(shadow, request=marked)
        hand_over(shadow)
        assert shadow.counts.faults == {"on_pair": 3}
    assert seen[:2] == [("p1", "anna"), ("p2", "nobody")]
    assert len({pair_id for pair_id, _ in seen}) == 3


def test_a_process_that_forks_has_a_shadow_of_its_own() -> None:
    """The child asks with its own thread and counters, and the parent goes on as before."""
    make, _ = scripted()
    with shadow_of(make) as shadow:
        hand_over(shadow)
        child = os.fork()
        if child == 0:
            try:
                hand_over(shadow, 2)
                os._exit(0 if shadow.counts.compared == 2 and shadow.close() else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        hand_over(shadow)
        assert shadow.counts.compared == 2


def test_closing_lets_end_what_is_under_way() -> None:
    """What is under way may end, what waits is dropped, and nothing more is taken."""
    make, _ = scripted(answer("Hello.", after_ms=150))
    shadow = shadow_of(make, budget=ShadowBudget(concurrency=1))
    for _ in range(3):
        shadow.submit(REQUEST, streamed=False, control=completed())
    eventually(lambda: shadow.counts.running == 1)
    began = time.monotonic()
    assert shadow.close()
    assert time.monotonic() - began < 2
    assert (shadow.counts.compared, shadow.counts.dropped) == (1, 2)
    assert not shadow.wants(REQUEST)
    shadow.submit(REQUEST, streamed=False, control=completed())
    assert shadow.counts.dropped == 3
    assert shadow.close()


def test_it_is_not_pickled() -> None:
    """A shadow holds a thread and perhaps a key: it stays in its process."""
    make, _ = scripted()
    with (
        shadow_of(make, own_key="sk-shadow") as shadow,
        pytest.raises((TypeError, AttributeError, pickle.PicklingError)),
    ):
        pickle.dumps(shadow)


def asked_of(server: FakeOpenAI) -> list[tuple[str, dict[str, Any]]]:
    """Key and body of each request a server got."""
    return [(request.headers["authorization"], json.loads(request.body)) for request in server.requests]


@pytest.mark.parametrize(("api", "stored"), [("chat_completions", "absent"), ("responses", False)])
@pytest.mark.parametrize("streamed", [True, False])
def test_over_real_providers(api: str, stored: object, *, streamed: bool, tmp_path: Path) -> None:
    """The native provider asks with the shadow's key, says `store` false where Responses would keep it, and is recorded."""
    path = tmp_path / "candidate.jsonl"
    with FakeOpenAI() as server:

        def make() -> Provider:
            return create_provider("native", base_url=server.base_url, api=api)

        def again() -> Provider:
            return create_provider("legacy", base_url=server.base_url)

        with shadow_of(make, baseline=again, own_key="sk-shadow", record_to=path) as shadow:
            for number in range(3):
                shadow.submit(REQUEST, streamed=streamed, control=completed(), pair_id=f"p{number}")
            assert shadow.flush(15), shadow.counts
            pairs = shadow.pairs
        asked = asked_of(server)
    assert {key for key, _ in asked} == {"Bearer sk-shadow"}
    candidates = [body for _, body in asked if "temperature" not in body]
    assert [body.get("store", "absent") for body in candidates] == [stored] * 3
    assert all(body.get("store", "absent") == "absent" for _, body in asked if "temperature" in body)
    assert [(pair.candidate.ending, pair.candidate.streamed) for pair in pairs] == [("answered", streamed)] * 3
    assert all(
        pair.baseline is not None and pair.baseline.input_tokens == pair.candidate.input_tokens for pair in pairs
    )
    exchanges: list[Exchange] = list(read_exchanges(path))
    assert sorted(each.pair_id for each in exchanges) == ["p0", "p1", "p2"]
    assert {each.role for each in exchanges} == {"candidate"}
    assert "sk-shadow" not in path.read_text()
    assert PAIR_HEADER.lower() not in {name.lower() for request in server.requests for name in request.headers}


def test_a_legacy_candidate_is_recorded_too(tmp_path: Path) -> None:
    """A candidate with a session is tapped there, and its pair id does not reach the wire."""
    path = tmp_path / "candidate.jsonl"
    with FakeOpenAI() as server:
        make = lambda: create_provider("legacy", base_url=server.base_url)  # noqa: E731 - as a user writes it
        with shadow_of(make, own_key="sk-shadow", record_to=path) as shadow:
            shadow.submit(REQUEST, streamed=True, control=completed(), pair_id="p7")
            assert shadow.flush(15), shadow.counts
        assert PAIR_HEADER.lower() not in {name.lower() for request in server.requests for name in request.headers}
    assert [(each.pair_id, each.role) for each in read_exchanges(path)] == [("p7", "candidate")]


def test_a_real_429_stops_it() -> None:
    """A server's own 429 stops the shadow after one request."""
    with FakeOpenAI() as server:
        server.plan(Status(429))
        with shadow_of(lambda: create_provider("native", base_url=server.base_url), own_key="sk-shadow") as shadow:
            hand_over(shadow)
            hand_over(shadow, 3)
            assert shadow.stopped is not None
        assert len(server.requests) == 1


def test_it_costs_next_to_nothing() -> None:
    """Not to be sampled costs less than three microseconds of CPU, and handing a request over less than two hundred."""
    make, _ = scripted(hang())
    with shadow_of(make, sample=0.0, budget=ShadowBudget(concurrency=1), max_queue=10) as shadow:
        began = time.thread_time()
        for _ in range(20_000):
            shadow.wants(REQUEST)
        assert (time.thread_time() - began) / 20_000 < 3e-6
        control = completed()
        began = time.thread_time()
        for _ in range(2_000):
            shadow.submit(REQUEST, streamed=False, control=control)
        assert (time.thread_time() - began) / 2_000 < 200e-6
        shadow.close(timeout=0)
