"""Tests that a running program's calls are compared live, and that the reading of their recordings touches none of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

from shim.comparison import LiveComparison, Outcome, Verdict
from shim.compat.openai_v0 import V0Reader
from shim.compat.openai_v0.installation import Installation
from shim.factory import create_comparer
from shim.migration import Policy, Rollout, Stage
from shim.testing.fake_openai import FakeOpenAI
from tests.compat.openai_v0.beside.conftest import ASKED

_THREADS, _CALLS = 3, 10


def test_calls_of_many_threads_are_compared_while_they_run(
    real: Any, fake: FakeOpenAI, install: Callable[..., Installation]
) -> None:
    """Whole answers and streams of several threads match on both rungs, and each thread gets its own answers meanwhile."""
    verdicts: list[Verdict] = []
    got: list[str] = []

    def calls() -> None:
        for number in range(_CALLS):
            answer = real.ChatCompletion.create(**ASKED, stream=number % 2 == 0)
            if number % 2 == 0:
                got.append("".join(chunk["choices"][0]["delta"].get("content", "") for chunk in answer))
            else:
                got.append(answer["choices"][0]["message"]["content"])

    make = partial(create_comparer, control=V0Reader)
    with LiveComparison(make, on_verdict=verdicts.append, max_share=1.0) as live:
        install(record=live)
        threads = [threading.Thread(target=calls) for _ in range(_THREADS)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert live.flush(10)
    assert got == [got[0]] * _THREADS * _CALLS
    assert len(fake.requests) == _THREADS * _CALLS
    assert [each.outcome for each in verdicts] == [Outcome.MATCH] * len(verdicts), verdicts
    assert {each.rung for each in verdicts} == {"wire", "tee"}
    assert len(verdicts) == 2 * _THREADS * _CALLS


def test_in_complete_the_candidates_answers_are_read_by_the_library(
    real: Any, fake: FakeOpenAI, install: Callable[..., Installation], rollout: Rollout
) -> None:
    """What the candidate serves is compared the other way round: with what 0.28 would have read of it."""
    verdicts: list[Verdict] = []
    with LiveComparison(partial(create_comparer, control=V0Reader), on_verdict=verdicts.append) as live:
        installed = install(record=live, rollout=rollout)
        answer = real.ChatCompletion.create(**ASKED, user="u1")
        assert live.flush(10)
    assert (answer["choices"][0]["message"]["content"], installed.counts.candidate) != ("", 0)
    assert {each.rung: each.outcome for each in verdicts} == {"wire": Outcome.MATCH, "tee": Outcome.MATCH}
    assert len(fake.requests) == 1


def test_a_recording_may_be_read_while_other_threads_call(
    real: Any, fake: FakeOpenAI, install: Callable[..., Installation]
) -> None:
    """While one thread reads, the module's settings and the sessions of other threads are as they were."""
    recorded: list[Any] = []
    with Rollout(Policy(stage=Stage.OFF)) as rollout:
        install(record=recorded.append, rollout=rollout)
        real.ChatCompletion.create(**ASKED)
        seen: list[Any] = []

        class Watching(V0Reader):
            def _told(self, exchange: Any) -> Any:
                thread = threading.Thread(target=lambda: seen.append(real.ChatCompletion.create(**ASKED)))
                thread.start()
                thread.join()
                seen.append(real.requestssession)
                return super()._told(exchange)

        before = real.api_requestor._thread_context.session
        reading = Watching().read(recorded[0])
    assert reading.outcome == "response"
    assert seen[0]["choices"][0]["message"]["role"] == "assistant"
    assert seen[1] is None
    assert real.api_requestor._thread_context.session is before
    assert len(fake.requests) == 2
