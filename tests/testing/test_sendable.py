"""Tests of shim.testing.sendable: what a script plays, the native provider would have sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from shim.model import ModelRequest, ShimError, user
from shim.native import NativeProvider
from shim.provider import Provider
from shim.testing.scripted import ScriptedProvider, answer

REQUEST = ModelRequest("gpt-4o-mini", (user("Hello"),))


def ignore(_told: object) -> None:
    """A callback."""


def start(request: Any, **given: Any) -> Callable[[Provider], object]:
    """What starts a request, with other callbacks and options where they are given."""
    on_completion = given.pop("on_completion", ignore)
    if "on_event" in given:
        return lambda provider: provider.start_stream(request, given["on_event"], on_completion)
    return lambda provider: provider.start_request(request, on_completion, **given)


@pytest.mark.parametrize(
    "act",
    [
        start(None),
        start(REQUEST, options={}),
        start(REQUEST, on_completion=None),
        start(REQUEST, on_event=None),
        start(REQUEST, on_event="later"),
        start(ModelRequest("gpt-4o-mini", (user("\ud800"),))),
        start(ModelRequest("gpt-4o-mini", (user("x"),), temperature=float("nan"))),
        start(ModelRequest("gpt-4o-mini", (user("x"),), extra_body={"a": object()})),
        start(ModelRequest("gpt-4o-mini", (user("x"),), extra_headers={"a b": "c"})),
        start(ModelRequest("gpt-4o-mini", (user("x"),), extra_headers={"Content-Length": "1"})),
    ],
)
def test_a_script_refuses_what_cannot_be_sent(act: Callable[[Provider], object]) -> None:
    """A request or callback that the native provider refuses at once is refused by a script too, in the same words."""
    refusals: list[str] = []
    for provider in (NativeProvider(api_key="sk-test"), ScriptedProvider([answer("never")])):
        with provider, pytest.raises((ShimError, TypeError)) as refused:
            act(provider)
        refusals.append(f"{type(refused.value).__name__}: {refused.value}")
        assert provider.perform() == 0
    assert refusals[0] == refusals[1]
