"""Tests that a stream can be held back on every provider and through every layer, as `Pausing` promises."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from shim.layers import Layer
from shim.provider import Provider
from shim.testing.scripted import ScriptedProvider, text_stream
from tests.contract.test_layers import LAYERS
from tests.helpers.driving import ask, drive, start
from tests.helpers.providers import Make, MakeLegacy, MakeNative
from tests.helpers.raw_server import END, SSE, Action, RawServer, chunk, events, read, wait_for

makes = pytest.mark.parametrize("make", [MakeLegacy(), MakeNative()], ids=["legacy", "native"])
layers = pytest.mark.parametrize("stack", [Layer, *LAYERS.values()], ids=["plain", *LAYERS])
stacks = pytest.mark.parametrize(
    "stack", [lambda provider: provider, Layer, *LAYERS.values()], ids=["bare", "plain", *LAYERS]
)


def delta(text: str) -> bytes:
    """A chunk with that text."""
    return b'{"choices":[{"index":0,"delta":{"content":"%b"},"finish_reason":null}]}' % text.encode()


@makes
@stacks
def test_a_stream_that_is_held_back_tells_no_more_until_it_may(
    make: Make, stack: Callable[[Provider], Provider]
) -> None:
    """Held back, even twice, a stream tells no more than was on its way while another ends; resumed once, it tells the rest."""
    go = threading.Event()
    rest = [chunk(b"data: " + delta(letter) + b"\n\n") for letter in "bcdefgh"]
    held_script: list[Action] = [read, SSE, events(delta("a")), wait_for(go), *rest, events(b"[DONE]"), END]
    other_script: list[Action] = [read, SSE, events(delta("x"), b"[DONE]"), END]
    with RawServer([held_script, other_script]) as server:
        provider: Any = stack(make(server.url))
        held = start(provider, stream=True)
        drive(provider, lambda: held.text == "a")
        provider.resume(held.handle)  # it was not held: left alone
        assert provider.pause(held.handle)
        provider.resume(held.handle)
        assert provider.pause(held.handle)
        assert provider.pause(held.handle)
        go.set()
        assert ask(provider, stream=True).response.text == "x"
        for _ in range(20):
            provider.perform()
            provider.info_read()
            threading.Event().wait(0.005)
        assert held.text in ("a", "ab")
        provider.resume(held.handle)
        drive(provider, lambda: held.done)
        assert held.response.text == held.text == "abcdefgh"
        provider.pause(held.handle)  # it is over: nothing is left to hold
        provider.resume(held.handle)
        provider.close()


@layers
def test_what_cannot_hold_back_says_so(stack: Callable[[Provider], Provider]) -> None:
    """A layer on a provider without `pause` holds nothing back, says so, and has nothing to go on with."""
    provider: Any = stack(ScriptedProvider([text_stream("Hi")]))
    heard = start(provider, stream=True)
    assert not provider.pause(heard.handle)
    provider.resume(heard.handle)
    drive(provider, lambda: heard.done)
    assert heard.response.text == "Hi"
    provider.close()
