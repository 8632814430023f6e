"""Shadows of every request over scripted candidates, for the tests of the shadow.

Not answers and pairs (`tests.comparison.shadow_rung.parts`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shim.comparison import ShadowBudget, ShadowComparison
from shim.model import ModelRequest
from shim.provider import Provider
from shim.testing.scripted import Play, ScriptedProvider, answer
from tests.comparison.shadow_rung.parts import REQUEST, completed

BUDGET = ShadowBudget(calls_per_minute=1000, tokens_per_minute=10**7)


def scripted(play: Play | None = None) -> tuple[Callable[[], Provider], list[ScriptedProvider]]:
    """What makes providers that play one thing for every request, and those it has made."""
    made: list[ScriptedProvider] = []

    def make() -> Provider:
        made.append(ScriptedProvider(lambda _request: play or answer("Hello.")))
        return made[-1]

    return make, made


def shadow_of(candidate: Callable[[], Provider], **settings: Any) -> ShadowComparison:
    """A shadow of every request."""
    defaults: dict[str, Any] = {"budget": BUDGET, "own_key": True, "sample": 1, "max_share": 1}
    return ShadowComparison(candidate, **(defaults | settings))


def hand_over(shadow: ShadowComparison, times: int = 1, request: ModelRequest = REQUEST) -> None:
    """Hand a request over, and wait for what comes of it."""
    for _ in range(times):
        shadow.submit(request, streamed=False, control=completed())
    assert shadow.flush(10), shadow.counts
