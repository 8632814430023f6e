"""Tests of shim.comparison.live.experiment: pair ids that the application gives, and whose exchange is whose."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from shim.comparison.live.experiment import Experiment
from shim.comparison.live.live_comparison import LiveComparison
from shim.factory import create_provider
from shim.loops.select_loop import run
from shim.model import ModelRequest, user
from shim.provider import Completion, Provider
from shim.testing.fake_openai import FakeOpenAI
from tests.comparison.live_parts import Compares, eventually

KINDS = ("legacy", "native")
REQUEST = ModelRequest("gpt-4o-mini", (user("Hello"),), temperature=0.2, extra_headers={"x-shim-pair-id": "task"})


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOpenAI]:
    """A server that answers whatever comes."""
    with FakeOpenAI() as running:
        yield running


def made(kind: str, server: FakeOpenAI) -> Provider:
    """A provider of a kind on the server."""
    return create_provider(kind, api_key="sk-test", base_url=server.base_url)


@pytest.mark.parametrize("kind", KINDS)
def test_the_applications_own_pair_id_is_kept(kind: str, server: FakeOpenAI) -> None:
    """A pair id that the application gives by itself is that of the exchange, however its name is written."""
    compares, completions = Compares(), list[Completion]()
    with LiveComparison(compares) as live, Experiment(made(kind, server), live) as experiment:
        experiment.start_request(REQUEST, completions.append)
        run(experiment, until=lambda: bool(completions))
        assert live.flush()
    assert [(exchange.pair_id, asked) for exchange, asked in compares.asked] == [("task", REQUEST)]


@pytest.mark.parametrize("kind", KINDS)
def test_requests_of_one_pair_id_each_find_their_own(kind: str, server: FakeOpenAI) -> None:
    """Where an application gives several requests at once the same pair id, each exchange has it, and its own request."""
    compares, completions = Compares(), list[Completion]()
    with LiveComparison(compares, max_share=1) as live, Experiment(made(kind, server), live) as experiment:
        for number in range(5):
            request = replace(REQUEST, messages=(user(f"number {number}."),))
            experiment.start_request(request, completions.append)
        run(experiment, until=lambda: len(completions) == 5)
        eventually(lambda: live.counts.compared == 5)
        eventually(lambda: len(experiment._pairs) == 0)
    for exchange, linked in compares.asked:
        assert exchange.pair_id == "task"
        assert linked is not None
        assert linked.messages[0].text.encode() in (exchange.request.body or b"")
