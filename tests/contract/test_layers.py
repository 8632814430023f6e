"""The provider contract over each layer: on the legacy adapter, the native provider and scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest

from shim.layers import DeadlineLayer, RetryLayer, RetryPolicy, TelemetryLayer
from shim.legacy_adapter import LegacyProvider
from shim.native import NativeProvider
from shim.provider import Deadlines, Provider
from shim.testing.contract import Behaviour, ProviderContract
from shim.testing.scripted import ScriptedProvider
from tests.contract.served import ServedContract, misbehaving, plain_server, refusing_url
from tests.contract.test_scripted import PLAYS

__all__ = ["misbehaving", "plain_server", "refusing_url"]  # the fixtures the contract's tests ask for

AMPLE = Deadlines(connect=20, read=50, first_event=40, between_events=40, total=60)


def with_deadlines(provider: Provider) -> Provider:
    """Limits that nothing here comes near."""
    return DeadlineLayer(provider, AMPLE)


def with_retries(provider: Provider) -> Provider:
    """Tries again without much waiting; the budget never ends it."""
    return RetryLayer(provider, RetryPolicy(first_backoff=0.01, budget=None))


def with_telemetry(provider: Provider) -> Provider:
    """Tells OpenTelemetry's API, which does nothing without an SDK."""
    return TelemetryLayer(provider)


def with_all(provider: Provider) -> Provider:
    """Stacked as the factory does."""
    return with_telemetry(with_retries(with_deadlines(provider)))


LAYERS: dict[str, Callable[[Provider], Provider]] = {
    "deadlines": with_deadlines,
    "retries": with_retries,
    "telemetry": with_telemetry,
    "all": with_all,
}


class LayeredContract:
    """Runs every test of the contract under each layer over scripts, and under all of them over sockets."""

    layers: ClassVar[dict[str, Callable[[Provider], Provider]]] = LAYERS
    stack: Callable[[Provider], Provider]

    @pytest.fixture(autouse=True)
    def _layer(self, layer: str) -> None:
        self.stack = LAYERS[layer]


@pytest.mark.parametrize("layer", LAYERS)
class TestOverScripts(LayeredContract, ProviderContract):
    """What the contract promises, over scripts."""

    leak_count = 2000

    def make(self, behaviour: Behaviour) -> Provider:
        """Play the behaviour for every request, remembering none of them."""
        return self.stack(ScriptedProvider(lambda _request: PLAYS[behaviour], remember=0))


@pytest.mark.slow
@pytest.mark.parametrize("layer", ["all"])
class TestOverLegacy(LayeredContract, ServedContract):
    """What the contract promises, over the legacy adapter."""

    leak_count = 800

    def provider(self, base_url: str) -> Provider:
        """Make one with a key."""
        return self.stack(LegacyProvider(api_key="sk-test", base_url=base_url))


@pytest.mark.parametrize("layer", ["all"])
class TestOverNative(LayeredContract, ServedContract):
    """What the contract promises, over the native provider."""

    def provider(self, base_url: str) -> Provider:
        """Make one with a key."""
        return self.stack(NativeProvider(api_key="sk-test", base_url=base_url))
