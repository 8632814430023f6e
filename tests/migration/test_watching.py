"""Tests of what is compared live under a migrating provider: by stage, both ways round, and told to the rollout."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from msgspec.structs import replace

from shim.comparison import Exchange, LiveComparison, ShadowBudget, ShadowComparison, Verdict
from shim.comparison.verdict import Outcome
from shim.factory import create_comparer, create_provider
from shim.migration import MigratingProvider, Policy, Rollout, note_mismatch
from shim.model import (
    ModelRequest,
    user,
)
from shim.provider import Provider
from shim.testing.fake_openai import FakeOpenAI
from shim.testing.scripted import ScriptedProvider, answer
from tests.helpers.driving import Heard, drive

ASKED = ModelRequest("gpt-4o-mini", (user("Hello"),))
RAMP = Policy.parse({"stage": "ramp", "percent": 50})


class Compares:
    """A comparer that notes what it was given, and finds a mismatch on both rungs."""

    def __init__(self) -> None:
        self.exchanges: list[tuple[Exchange, ModelRequest | None]] = []

    def __call__(self) -> Compares:
        return self

    def compare(self, exchange: Exchange, *, request: ModelRequest | None = None) -> list[Verdict]:
        """Find a mismatch on each rung."""
        self.exchanges.append((exchange, request))
        return [Verdict(rung=rung, outcome=Outcome.MISMATCH, pair_id=exchange.pair_id) for rung in ("wire", "tee")]

    def close(self) -> None:
        """Hold nothing."""


def real(server: FakeOpenAI) -> tuple[Provider, Provider]:
    """The two real providers."""
    legacy, native = (
        create_provider(kind, api_key="sk-test", base_url=server.base_url) for kind in ("legacy", "native")
    )
    return legacy, native


@pytest.mark.parametrize(
    ("policy", "control_rungs", "candidate_rungs"),
    [
        ({"stage": "off"}, [], []),
        ({"stage": "wire"}, ["wire"], []),
        ({"stage": "tee"}, ["wire", "tee"], []),
        ({"stage": "tee", "compare_percent": 0}, [], []),
        ({"stage": "complete"}, [], ["wire", "tee"]),
    ],
)
def test_each_stage_is_watched_as_it_says(
    policy: dict[str, Any], control_rungs: list[str], candidate_rungs: list[str]
) -> None:
    """Off watches nothing, wire and tee their rungs of control's exchanges, complete those of the candidate's."""
    told: dict[str, list[str]] = {"control": [], "candidate": []}

    def on_verdict(arm: str, verdict: Verdict) -> None:
        told[arm].append(verdict.rung)

    with (
        FakeOpenAI() as server,
        Rollout(Policy.parse(policy)) as rollout,
        LiveComparison(Compares(), on_verdict=partial(on_verdict, "control"), max_warnings=0) as live,
        LiveComparison(Compares(), on_verdict=partial(on_verdict, "candidate"), max_warnings=0) as live_candidate,
        MigratingProvider(*real(server), rollout, live=live, live_candidate=live_candidate) as provider,
    ):
        heard = Heard()
        provider.start_stream(replace(ASKED, conversation_id="c"), heard.on_event, heard.on_completion)
        drive(provider, lambda: heard.done)
        assert heard.completion.ok
        assert live.flush()
        assert live_candidate.flush()
    assert told == {"control": control_rungs, "candidate": candidate_rungs}


def test_an_arm_that_cannot_be_tapped_serves_all_the_same() -> None:
    """Where an arm offers nothing to tap, requests are served uncompared, and that is told once."""
    errors: list[BaseException] = []
    with (
        Rollout(Policy.parse({"stage": "tee"})) as rollout,
        LiveComparison(Compares(), on_error=errors.append, max_warnings=0) as live,
        MigratingProvider(
            ScriptedProvider(lambda _: answer("old")), ScriptedProvider(lambda _: answer("new")), rollout, live=live
        ) as provider,
    ):
        for _ in range(2):
            heard = Heard()
            provider.start_request(ASKED, heard.on_completion)
            drive(provider, partial(getattr, heard, "done"))
            assert heard.response.text == "old"
    assert len(errors) == 1


def test_real_exchanges_match_both_ways_round() -> None:
    """The rungs find nothing between the real clients, with control serving and with the candidate serving."""
    outcomes: list[tuple[str, str]] = []

    def on_verdict(verdict: Verdict) -> None:
        outcomes.append((verdict.rung, str(verdict.outcome.value)))

    def other_way_round() -> Any:
        return create_comparer(control="native", candidate="legacy")

    with (
        FakeOpenAI() as server,
        LiveComparison(create_comparer, on_verdict=on_verdict, max_share=1) as live,
        LiveComparison(other_way_round, on_verdict=on_verdict, max_share=1) as live_candidate,
    ):
        for stage in ("tee", "complete"):
            with (
                Rollout(Policy.parse({"stage": stage})) as rollout,
                MigratingProvider(*real(server), rollout, live=live, live_candidate=live_candidate) as provider,
            ):
                heard = Heard()
                asked = replace(ASKED, conversation_id="c", temperature=0.5)
                provider.start_stream(asked, heard.on_event, heard.on_completion)
                drive(provider, partial(getattr, heard, "done"))
                assert live.flush()
                assert live_candidate.flush()
    assert outcomes == [("wire", "match"), ("tee", "match")] * 2


def test_a_mismatch_of_the_candidates_is_told_to_the_rollout() -> None:
    """A verdict comes back with its request's decision: the candidate's mismatches are noted, control's are not."""
    with FakeOpenAI() as server, Rollout(RAMP) as rollout:
        noted = partial(note_mismatch, rollout)
        with (
            LiveComparison(Compares(), on_verdict=noted, max_warnings=0) as live,
            LiveComparison(Compares(), on_verdict=noted, max_warnings=0) as live_candidate,
            MigratingProvider(*real(server), rollout, live=live, live_candidate=live_candidate) as provider,
        ):
            heards = [Heard() for _ in range(20)]
            for number, heard in enumerate(heards):
                provider.start_request(replace(ASKED, conversation_id=f"c{number}"), heard.on_completion)
            drive(provider, lambda: all(each.done for each in heards))
            assert live.flush()
            assert live_candidate.flush()
            served = provider.counts.candidate
        assert served > 3
        arms = rollout.status().arms
    assert arms["candidate"].bad.get("mismatch", 0) >= served
    assert not arms["control"].bad.get("mismatch")
    assert sum(arms["control"].verdicts.values()) > 0
    told = arms["candidate"].verdicts
    assert told["wire.mismatch"] + told["tee.mismatch"] == arms["candidate"].bad["mismatch"]


@pytest.mark.parametrize(
    ("policy", "asked"),
    [
        ({"stage": "tee", "shadow_percent": 100}, 0),
        ({"stage": "shadow", "shadow_percent": 0}, 0),
        ({"stage": "shadow", "shadow_percent": 100}, 3),
        ({"stage": "complete", "shadow_percent": 100}, 0),
    ],
)
def test_the_shadow_is_asked_from_its_stage_on(policy: dict[str, Any], asked: int) -> None:
    """From stage shadow on the policy's share of what control served is asked a second time, and nothing else is."""
    candidate = ScriptedProvider(lambda _: answer("shadow"))
    with (
        ShadowComparison(lambda: candidate, own_key="sk-shadow", budget=ShadowBudget()) as shadow,
        Rollout(Policy.parse(policy)) as rollout,
        MigratingProvider(
            ScriptedProvider(lambda _: answer("old")), ScriptedProvider(lambda _: answer("new")), rollout, shadow=shadow
        ) as provider,
    ):
        for number in range(3):
            heard = Heard()
            provider.start_request(replace(ASKED, conversation_id=f"c{number}"), heard.on_completion)
            drive(provider, partial(getattr, heard, "done"))
            assert heard.completion.ok
        assert shadow.flush()
        assert shadow.counts.sampled == asked
