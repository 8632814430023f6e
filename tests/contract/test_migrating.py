"""The provider contract over a migrating provider: in every stage, over real clients and over scripts, and with fallback."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import ClassVar

import pytest
from msgspec.structs import replace

from shim.comparison import ShadowBudget, ShadowComparison
from shim.layers import Layer
from shim.legacy_adapter import LegacyProvider
from shim.loops.select_loop import run
from shim.migration import Policy, Rollout
from shim.migration.provider import MigratingProvider
from shim.model import ModelRequest, user
from shim.native import NativeProvider
from shim.provider import CallOptions, OnCompletion, OnEvent, Provider, RequestHandle
from shim.testing.contract import Behaviour, ProviderContract
from shim.testing.scripted import ScriptedProvider, answer
from tests.contract.served import ServedContract, misbehaving, plain_server, refusing_url
from tests.contract.test_scripted import PLAYS

__all__ = ["misbehaving", "plain_server", "refusing_url"]  # the fixtures the contract's tests ask for


class Conversing(Layer):
    """Gives each request a conversation of its own, so that the rollout has something to decide by."""

    numbers = itertools.count()

    def start_request(
        self, request: ModelRequest, on_completion: OnCompletion, *, options: CallOptions | None = None
    ) -> RequestHandle:
        """Accept a request."""
        return super().start_request(_numbered(request), on_completion, options=options)

    def start_stream(
        self,
        request: ModelRequest,
        on_event: OnEvent,
        on_completion: OnCompletion,
        *,
        options: CallOptions | None = None,
    ) -> RequestHandle:
        """Accept a streamed request."""
        return super().start_stream(_numbered(request), on_event, on_completion, options=options)


def _numbered(request: ModelRequest) -> ModelRequest:
    return replace(request, conversation_id=f"c{next(Conversing.numbers)}")


class MigratingContract(ServedContract):
    """What the contract promises, of a migrating provider over the real clients."""

    leak_count = 1000
    leak_blocks = 2.0  # the rollout keeps some counts of each step
    policy: ClassVar[Policy]

    @pytest.fixture(autouse=True)
    def _rollout(self) -> Iterator[None]:
        with Rollout(self.policy) as self.rollout:
            yield

    def provider(self, base_url: str) -> Provider:
        """Make one with a key."""
        control = LegacyProvider(api_key="sk-test", base_url=base_url)
        candidate = NativeProvider(api_key="sk-test", base_url=base_url)
        return Conversing(MigratingProvider(control, candidate, self.rollout, fallback=True))


class TestInRamp(MigratingContract):
    """Half of the requests take the new path."""

    policy = Policy(stage="ramp", percent=50)  # type: ignore[arg-type]  # a stage's own value is taken


class TestInComplete(MigratingContract):
    """All of them take the new path."""

    policy = Policy(stage="complete")  # type: ignore[arg-type]  # a stage's own value is taken


class ScriptedContract(ProviderContract):
    """What the contract promises, over scripts: quick enough for every stage."""

    leak_count = 4000
    leak_blocks = 1.0
    policy: ClassVar[Policy]

    @pytest.fixture(autouse=True)
    def _rollout(self) -> Iterator[None]:
        with Rollout(self.policy) as self.rollout:
            yield

    def make(self, behaviour: Behaviour) -> Provider:
        """Play the behaviour for every request, remembering none of them."""

        def arm() -> Provider:
            return ScriptedProvider(lambda _request: PLAYS[behaviour], remember=0)

        return Conversing(self.migrating(arm(), arm()))

    def migrating(self, control: Provider, candidate: Provider) -> Provider:
        """The provider under test."""
        return MigratingProvider(control, candidate, self.rollout)


class TestScriptedInOff(ScriptedContract):
    """Control serves everything."""

    policy = Policy()


@pytest.mark.slow
class TestScriptedInWire(ScriptedContract):
    """Control serves everything, and its requests would be compared."""

    policy = Policy(stage="wire")  # type: ignore[arg-type]  # a stage's own value is taken


@pytest.mark.slow
class TestScriptedInTee(ScriptedContract):
    """Control serves everything, and would be compared."""

    policy = Policy(stage="tee")  # type: ignore[arg-type]  # a stage's own value is taken


@pytest.mark.slow
class TestScriptedInShadow(ScriptedContract):
    """Control serves everything, and the candidate is asked a second time, behind it and within its budget."""

    policy = Policy(stage="shadow", shadow_percent=100)  # type: ignore[arg-type]  # a stage's own value is taken
    leak_blocks = 4.0  # some pairs are with the comparison when memory is measured; one kept is dozens of blocks

    @pytest.fixture(autouse=True)
    def _shadow(self) -> Iterator[None]:
        budget = ShadowBudget(calls_per_minute=60)
        with ShadowComparison(
            lambda: ScriptedProvider(lambda _request: answer("Hello."), remember=0), own_key=True, budget=budget
        ) as self.shadow:
            provider = Conversing(self.migrating(ScriptedProvider([answer("Hi.")]), ScriptedProvider([])))
            provider.start_request(ModelRequest("m", (user("Hi"),)), lambda _: None)
            run(provider)
            assert self.shadow.flush(10)  # its thread is its own, and there before anything is counted
            provider.close()
            yield

    def migrating(self, control: Provider, candidate: Provider) -> Provider:
        """The provider under test."""
        return MigratingProvider(control, candidate, self.rollout, shadow=self.shadow)


class TestScriptedInRamp(ScriptedContract):
    """Half each."""

    policy = Policy(stage="ramp", percent=50)  # type: ignore[arg-type]  # a stage's own value is taken


class TestScriptedInComplete(ScriptedContract):
    """The candidate serves everything."""

    policy = Policy(stage="complete")  # type: ignore[arg-type]  # a stage's own value is taken
