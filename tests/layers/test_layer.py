"""Tests of what every layer has from the one that changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from shim import create_provider
from shim.comparison import Experiment, LiveComparison, Verdict
from shim.factory import create_comparer
from shim.layers import Layer, RetryPolicy, Telemetry
from shim.provider import Deadlines
from shim.recording.exchange import Exchange
from shim.recording.tap.session_tap import tap
from shim.testing.fake_openai import FakeOpenAI, Status
from shim.testing.scripted import ScriptedProvider
from tests.helpers.driving import ask
from tests.helpers.providers import KEY

if TYPE_CHECKING:
    from tests.helpers.providers import Make

QUICK = RetryPolicy(first_backoff=0.01)


def test_a_tap_listens_through_layers(make: Make, server: FakeOpenAI) -> None:
    """A tap on a layered provider records what goes over the wire, each attempt as an exchange of its own."""
    server.plan(Status(503))
    exchanges: list[Exchange] = []
    provider = create_provider(make, base_url=server.base_url, deadlines=Deadlines(total=9), retries=QUICK)
    with tap(provider, exchanges.append):  # type: ignore[arg-type]  # a layer offers what is below it
        assert ask(provider, stream=True).completion.ok
    provider.close()
    assert len(exchanges) == 2


def test_a_comparison_goes_through_layers(server: FakeOpenAI) -> None:
    """A control that tries again is compared attempt by attempt, and its idempotency key is no difference."""
    server.plan(Status(503))
    verdicts: list[Verdict] = []
    settings = {"default_temperature": 0.7}
    with LiveComparison(
        lambda: create_comparer(candidate_settings=settings),
        max_share=1,
        on_verdict=verdicts.append,
    ) as live:
        control = create_provider("legacy", api_key=KEY, base_url=server.base_url, retries=QUICK)
        experiment = Experiment(control, live)
        assert ask(experiment, stream=True).completion.ok
        experiment.close()
        assert live.flush()
    assert [(each.rung, each.outcome.value) for each in verdicts] == [("wire", "match"), ("tee", "match")] * 2


def test_a_layer_has_no_more_than_it_says() -> None:
    """Anything else of the wrapped provider stays its own."""
    layer = Layer(ScriptedProvider([]))
    with pytest.raises(AttributeError, match="'Layer' object has no attribute 'requests'"):
        layer.requests  # noqa: B018 - asking is the test
    with pytest.raises(AttributeError, match="watch"):
        layer.watch  # noqa: B018 - asking is the test
    layer.close()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize(
    "settings", [{"deadlines": Deadlines(total=9)}, {"retries": QUICK}, {"telemetry": Telemetry()}]
)
def test_a_layer_asks_as_it_was_asked(make: Make, server: FakeOpenAI, settings: Any, *, stream: bool) -> None:
    """A whole answer is asked for whole below a layer, and a stream as a stream."""
    provider = create_provider(make, base_url=server.base_url, **settings)
    assert ask(provider, stream=stream).completion.ok
    provider.close()
    assert server.requests[0].json.get("stream", False) is stream
