"""The provider contract, driven by waiting inside: each provider, as the last resort, layered, migrating."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from shim.comparison.live.experiment import Experiment
from shim.layers import DeadlineLayer, Layer, RetryLayer, RetryPolicy, TelemetryLayer
from shim.legacy_adapter import LegacyProvider
from shim.migration import Policy, Rollout
from shim.migration.provider import MigratingProvider
from shim.native import NativeProvider
from shim.provider import Deadlines, Provider
from shim.testing.contract import Behaviour, ProviderContract
from shim.testing.contract_parts import Loop
from shim.testing.scripted import ScriptedProvider
from tests.contract.served import ServedContract, misbehaving, plain_server, refusing_url
from tests.contract.test_layers import with_all
from tests.contract.test_migrating import Conversing
from tests.contract.test_scripted import PLAYS

__all__ = ["misbehaving", "plain_server", "refusing_url"]  # the fixtures the contract's tests ask for


def wait_inside(loop: Loop, longest: float) -> None:
    """Be `Loop.wait`: the provider waits itself."""
    provider: Any = loop.provider
    provider.wait(math.ceil(longest * 1000))


class PolledContract(ServedContract):
    """What the contract promises, where the loop asks for no descriptor and no timeout."""

    leak_count = 400

    @pytest.fixture(autouse=True)
    def _polled(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Loop, "wait", wait_inside)


class TestNative(PolledContract):
    """The native provider."""

    def provider(self, base_url: str) -> Provider:
        """Make one with a key."""
        return NativeProvider(api_key="sk-test", base_url=base_url)


class TestLegacy(PolledContract):
    """The legacy adapter."""

    def provider(self, base_url: str) -> Provider:
        """Make one with a key."""
        return LegacyProvider(api_key="sk-test", base_url=base_url)


@pytest.mark.slow
class TestPlainFdset(PolledContract):
    """The native provider where there is neither epoll nor kqueue: it waits for its sockets, as promptly as elsewhere."""

    def provider(self, base_url: str) -> Provider:
        """Make one with a key."""
        return NativeProvider(api_key="sk-test", base_url=base_url, plain_fdset=True)


@pytest.mark.slow
class TestLayered(PolledContract):
    """Every layer over the native provider."""

    def provider(self, base_url: str) -> Provider:
        """Make one with a key."""
        return with_all(NativeProvider(api_key="sk-test", base_url=base_url))


@pytest.mark.slow
class TestMigrating(PolledContract):
    """A migrating provider, which waits for both arms itself, whatever they wait by."""

    leak_blocks = 2.0  # the rollout keeps some counts of each step

    @pytest.fixture(autouse=True)
    def _rollout(self) -> Iterator[None]:
        with Rollout(Policy(stage="ramp", percent=50)) as self.rollout:  # type: ignore[arg-type]  # a stage's own value
            yield

    def provider(self, base_url: str) -> Provider:
        """Make one with a key."""
        control = LegacyProvider(api_key="sk-test", base_url=base_url)
        candidate = NativeProvider(api_key="sk-test", base_url=base_url)
        return Conversing(MigratingProvider(control, candidate, self.rollout))


class Waited(ScriptedProvider):
    """A provider that offers no more than the interface demands: it has to be waited for."""

    def __getattribute__(self, name: str) -> Any:
        if name in ("poll", "wait", "wakeup"):
            raise AttributeError(name)
        return super().__getattribute__(name)


class TestWaited(ProviderContract):
    """A provider that cannot wait itself, which the contract allows, under every layer."""

    leak_count = 2000

    def make(self, behaviour: Behaviour) -> Provider:
        """Play the behaviour for every request, remembering none of them."""
        return with_all(Waited(lambda _request: PLAYS[behaviour], remember=0))


@pytest.mark.parametrize("stack", [Layer, TelemetryLayer, DeadlineLayer, with_all], ids=lambda made: made.__name__)
def test_a_layer_offers_to_poll_where_its_provider_does(stack: Any) -> None:
    """A layer polls over a provider that does, and over one that does not it offers none of it."""
    with stack(NativeProvider(api_key="sk-test")) as polls:
        assert polls.poll(0) == 0
        polls.wakeup()
    with stack(Waited([])) as waits_for_its_descriptor:
        for name in ("poll", "wait", "wakeup"):
            assert not hasattr(waits_for_its_descriptor, name)


def test_an_experiment_offers_to_poll_where_its_control_does() -> None:
    """What is watched is waited for as before."""
    assert issubclass(Experiment, Layer)
    layered = RetryLayer(DeadlineLayer(Waited([]), Deadlines()), RetryPolicy())
    assert not hasattr(layered, "poll")
    layered.close()
