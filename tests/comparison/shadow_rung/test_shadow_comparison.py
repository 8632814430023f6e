"""Tests of the shadow: a sample is asked again, on its own thread, with its own key, and nothing of the control's."""

from __future__ import annotations

import os
import pickle
import threading
import time
from contextvars import ContextVar
from typing import Any

import pytest

from shim.comparison import ShadowBudget, ShadowPair
from shim.model import ErrorCategory, InvalidRequestError, ModelRequest, OpaquePart, user
from shim.provider import Provider
from shim.recording.exchange import PAIR_HEADER
from shim.testing.scripted import ScriptedProvider, answer, hang
from tests.comparison.live_parts import eventually
from tests.comparison.shadow_rung.asking import hand_over, scripted, shadow_of
from tests.comparison.shadow_rung.parts import REQUEST, completed, failed
from tests.comparison.shadow_rung.troublesome import raising

TENANT: ContextVar[str] = ContextVar("tenant", default="nobody")


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
        assert not any(shadow.wants(REQUEST, share=float("nan")) for _ in range(10))


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
        assert shadow.flush(float("inf"))
        assert shadow.counts.skipped == {"cancelled": 1}
        assert [(pair.control.category, pair.candidate.ending) for pair in shadow.pairs] == [("server", "answered")]


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
        marked = ModelRequest("gpt-4o", [user("Hi")], extra_headers={"X-Trace": "t", PAIR_HEADER.lower(): "p2"})
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
    assert shadow.close(float("inf"))
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
