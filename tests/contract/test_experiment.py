"""The provider contract over an experiment: on the legacy client, on the native one, and on the scripted provider."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from shim.comparison.live.experiment import Experiment
from shim.comparison.live.live_comparison import LiveComparison
from shim.legacy_adapter import LegacyProvider
from shim.model import ModelRequest
from shim.native import NativeProvider
from shim.provider import Provider
from shim.testing.contract import Behaviour, ProviderContract
from shim.testing.scripted import Play, ScriptedProvider
from tests.comparison.live_parts import Compares
from tests.contract.served import ServedContract, misbehaving, plain_server, refusing_url
from tests.contract.test_scripted import PLAYS
from tests.helpers.exchanges import exchange

__all__ = ["misbehaving", "plain_server", "refusing_url"]  # the fixtures the contract's tests ask for


class Forgets(Compares):
    """Compares and remembers nothing, as memory is measured."""

    def compare(self, *arguments: object, **keywords: object) -> list[object]:  # type: ignore[override]  # takes whatever
        """Find nothing."""
        return []


@pytest.fixture(scope="module")
def live() -> Iterator[LiveComparison]:
    """A live comparison whose thread runs already, so that it is nobody's leak."""
    with LiveComparison(Forgets(), max_share=1) as running:
        running(exchange())
        assert running.flush()
        yield running


class WatchedContract(ServedContract):
    """What the contract promises, of an experiment on a real client."""

    leak_count = 1000
    leak_blocks = 2.0  # some exchanges are with the comparison when memory is measured; one kept is dozens of blocks

    @pytest.fixture(autouse=True)
    def _live(self, live: LiveComparison) -> None:
        self.live = live


class TestOnTheLegacyClient(WatchedContract):
    """Everything the contract promises, with a tap on the session."""

    def provider(self, base_url: str) -> Provider:
        """Make one with a key."""
        return Experiment(LegacyProvider(api_key="sk-test", base_url=base_url), self.live)


class TestOnTheNativeClient(WatchedContract):
    """Everything the contract promises, with the transfers watched."""

    def provider(self, base_url: str) -> Provider:
        """Make one with a key."""
        return Experiment(NativeProvider(api_key="sk-test", base_url=base_url), self.live)


class TestOnTheScriptedProvider(ProviderContract):
    """Everything the contract promises, where no exchange ever comes."""

    leak_count = 4000

    @pytest.fixture(autouse=True)
    def _live(self, live: LiveComparison) -> None:
        self.live = live

    def make(self, behaviour: Behaviour) -> Provider:
        """Play the behaviour for every request, remembering none of them."""
        play = PLAYS[behaviour]

        def choose(request: ModelRequest) -> Play:
            return play

        return Experiment(ScriptedProvider(choose, remember=0), self.live, tapped=requests.Session())
