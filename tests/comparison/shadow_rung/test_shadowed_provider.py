"""Tests of the shadowed provider: it is its control in every way, and what is sampled is handed over once it has ended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shim.comparison import Experiment, LiveComparison, ShadowBudget, ShadowComparison, ShadowedProvider
from shim.factory import create_provider
from shim.layers import Layer
from shim.loops import select_loop
from shim.model import ErrorCategory, InvalidRequestError, ModelRequest, StreamEvent
from shim.provider import CallOptions, Completion, OnCompletion, Provider, RequestHandle
from shim.testing.contract import Behaviour, ProviderContract
from shim.testing.fake_openai import FakeOpenAI
from shim.testing.scripted import Play, ScriptedProvider, answer, failure, text_stream
from tests.comparison.live_parts import Compares
from tests.comparison.shadow_rung.parts import REQUEST, completed
from tests.contract.test_scripted import PLAYS


def shadow(*, sample: float = 1.0) -> ShadowComparison:
    """A shadow whose candidate answers everything."""
    budget = ShadowBudget(calls_per_minute=1000)
    return ShadowComparison(
        lambda: ScriptedProvider(lambda _request: answer("Hello.")),
        own_key=True,
        sample=sample,
        budget=budget,
        max_share=1,
    )


def served(provider: Provider, *, streamed: bool) -> tuple[list[StreamEvent], list[Completion]]:
    """What a caller is told of one request."""
    events: list[StreamEvent] = []
    ends: list[Completion] = []
    if streamed:
        provider.start_stream(REQUEST, events.append, ends.append)
    else:
        provider.start_request(REQUEST, ends.append)
    select_loop.run(provider)
    return events, ends


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("play", [text_stream("Hel", "lo."), failure(ErrorCategory.SERVER, "down", http_status=500)])
def test_the_sample_is_handed_over(play: Play, *, streamed: bool) -> None:
    """What is sampled is asked again in the same mode, and the caller is told what the control said."""
    with shadow() as asks, ShadowedProvider(ScriptedProvider([play]), asks) as provider:
        _, (end,) = served(provider, streamed=streamed)
        assert asks.flush(10)
        (pair,) = asks.pairs
    assert (pair.control.answered, pair.control.streamed, pair.candidate.streamed) == (end.ok, streamed, streamed)


def test_what_is_not_sampled_passes_untouched() -> None:
    """Outside the sample the control is given the caller's own functions."""
    given: list[OnCompletion] = []

    class Noting(Layer):
        def start_request(
            self, request: ModelRequest, on_completion: OnCompletion, *, options: CallOptions | None = None
        ) -> RequestHandle:
            given.append(on_completion)
            return super().start_request(request, on_completion, options=options)

    noting = Noting(ScriptedProvider([answer("Hello.")]))
    with shadow(sample=0.0) as asks, ShadowedProvider(noting, asks) as provider:
        told: list[Completion] = []
        append = told.append
        provider.start_request(REQUEST, append)
        assert given == [append]
        assert asks.counts.sampled == 0


def test_what_the_control_refuses_is_not_asked_again() -> None:
    """A request that raises at once is nothing the control served."""
    with shadow() as asks, ShadowedProvider(ScriptedProvider([]), asks) as provider:
        with pytest.raises(InvalidRequestError):
            provider.start_request(ModelRequest("gpt-4o", []), print)
        assert asks.flush(10)
        assert asks.counts.compared == 0


def test_records_of_both_arms_have_one_pair_id() -> None:
    """Under an experiment the candidate's record has the pair id of the control's."""
    recorded: dict[str, list[str]] = {"control": [], "candidate": []}
    with FakeOpenAI() as server:
        budget = ShadowBudget(calls_per_minute=1000)
        live = LiveComparison(Compares(), record="all", record_to=lambda each: recorded["control"].append(each.pair_id))
        asks = ShadowComparison(
            lambda: create_provider("native", base_url=server.base_url),
            own_key="sk-shadow",
            sample=1,
            budget=budget,
            record_to=lambda each: recorded["candidate"].append(each.pair_id),
        )
        control = create_provider("legacy", api_key="sk-test", base_url=server.base_url)
        with live, asks, Experiment(ShadowedProvider(control, asks), live, tapped=control) as provider:
            for streamed in (True, False):
                served(provider, streamed=streamed)
            assert asks.flush(10)
            assert live.flush(10)
    assert len(set(recorded["control"])) == 2
    assert recorded["candidate"] == recorded["control"]


class TestShadowedProvider(ProviderContract):
    """What the contract promises of every provider, with every request handed over."""

    @pytest.fixture(autouse=True)
    def _shadow(self) -> Iterator[None]:
        budget = ShadowBudget(
            calls_per_minute=10**6, calls_per_day=10**6, tokens_per_minute=10**9, tokens_per_day=10**9
        )
        self.asks = ShadowComparison(
            lambda: ScriptedProvider(lambda _request: answer("Hello."), remember=0),
            own_key=True,
            sample=1,
            budget=budget,
            max_queue=5,
            max_pairs=5,
        )
        with self.asks:
            # Its thread and its descriptors are the shadow's own, not the layer's: they are there before anything is counted.
            self.asks.submit(REQUEST, streamed=False, control=completed())
            assert self.asks.flush(10)
            yield

    def make(self, behaviour: Behaviour) -> Provider:
        """Put a layer on a provider that plays the behaviour."""
        return ShadowedProvider(ScriptedProvider(lambda _request: PLAYS[behaviour], remember=0), self.asks)
