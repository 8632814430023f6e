"""The provider contract over a migrating provider: in every stage, over real clients and over scripts, and with fallback."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import ClassVar

import pytest
from msgspec.structs import replace

from shim.layers import Layer
from shim.legacy_adapter import LegacyProvider
from shim.migration import Policy, Rollout
from shim.migration.provider import MigratingProvider
from shim.model import ModelRequest
from shim.native import NativeProvider
from shim.provider import CallOptions, OnCompletion, OnEvent, Provider, RequestHandle
from shim.testing.contract import Behaviour, ProviderContract
from shim.testing.scripted import ScriptedProvider
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

        return Conversing(MigratingProvider(arm(), arm(), self.rollout))


class TestScriptedInOff(ScriptedContract):
    """Control serves everything."""

    policy = Policy()


class TestScriptedInTee(ScriptedContract):
    """Control serves everything, and would be compared."""

    policy = Policy(stage="tee")  # type: ignore[arg-type]  # a stage's own value is taken


class TestScriptedInRamp(ScriptedContract):
    """Half each."""

    policy = Policy(stage="ramp", percent=50)  # type: ignore[arg-type]  # a stage's own value is taken


class TestScriptedInComplete(ScriptedContract):
    """The candidate serves everything."""

    policy = Policy(stage="complete")  # type: ignore[arg-type]  # a stage's own value is taken
